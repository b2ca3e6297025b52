//! Blob index tags: up to ten names and values, apart from metadata and entity tag.
//!
//! Spec: <https://learn.microsoft.com/rest/api/storageservices/set-blob-tags>

use std::collections::BTreeMap;

use quick_xml::{Reader, events::Event};

use super::{
    failure::{Code, Failure},
    request::LakeRequest,
    xml::XmlWriter,
};

/// The tags of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tags(BTreeMap<String, String>);

impl Tags {
    /// The header `x-ms-tags`, written as the query of a URL is; none, without it.
    pub(crate) fn of(request: &LakeRequest) -> Result<Self, Failure> {
        let text = request.header("x-ms-tags")?.unwrap_or_default();
        let pairs = url::form_urlencoded::parse(text.as_bytes());
        Self::checked(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())))
    }

    /// The document that Set Blob Tags brings.
    pub(crate) fn parse(document: &[u8]) -> Result<Self, Failure> {
        let invalid = || Failure::new(Code::InvalidXmlDocument);
        let mut reader = Reader::from_reader(document);
        let mut path: Vec<Vec<u8>> = Vec::new();
        let mut pairs = Vec::new();
        let (mut key, mut value): (Option<String>, Option<String>) = (None, None);
        let mut has_root = false;
        loop {
            match reader.read_event().map_err(|_| invalid())? {
                Event::Start(element) => {
                    path.push(element.name().as_ref().to_vec());
                    match names(&path).as_slice() {
                        ["Tags"] if !has_root => has_root = true,
                        ["Tags", "TagSet"] | ["Tags", "TagSet", "Tag"] => {}
                        ["Tags", "TagSet", "Tag", "Key"] if key.is_none() => {
                            key = Some(String::new());
                        }
                        ["Tags", "TagSet", "Tag", "Value"] if value.is_none() => {
                            value = Some(String::new());
                        }
                        _ => return Err(invalid()),
                    }
                }
                Event::Empty(element) => {
                    path.push(element.name().as_ref().to_vec());
                    match names(&path).as_slice() {
                        ["Tags"] if !has_root => has_root = true,
                        ["Tags", "TagSet"] => {}
                        ["Tags", "TagSet", "Tag", "Key"] => key = Some(String::new()),
                        ["Tags", "TagSet", "Tag", "Value"] => value = Some(String::new()),
                        _ => return Err(invalid()),
                    }
                    path.pop();
                }
                Event::Text(text) => {
                    let text = text.decode().map_err(|_| invalid())?;
                    match names(&path).as_slice() {
                        ["Tags", "TagSet", "Tag", "Key"] => key.get_or_insert_default(),
                        ["Tags", "TagSet", "Tag", "Value"] => value.get_or_insert_default(),
                        _ if text.trim().is_empty() => continue,
                        _ => return Err(invalid()),
                    }
                    .push_str(&text);
                }
                Event::End(_) => {
                    if names(&path).as_slice() == ["Tags", "TagSet", "Tag"] {
                        let pair = key.take().zip(value.take()).ok_or_else(invalid)?;
                        if pairs.len() > MAX_TAGS {
                            return Err(Failure::new(Code::TagsTooLarge));
                        }
                        pairs.push(pair);
                    }
                    path.pop();
                }
                Event::Decl(_) | Event::Comment(_) => {}
                Event::Eof if path.is_empty() && has_root => return Self::checked(pairs),
                _ => return Err(invalid()),
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The document that Get Blob Tags answers with.
    pub(crate) fn document(&self) -> XmlWriter {
        let mut document = XmlWriter::new();
        self.write_to(&mut document);
        document
    }

    /// Writes them as listings have them too.
    pub(crate) fn write_to(&self, document: &mut XmlWriter) {
        document.open("Tags");
        document.open("TagSet");
        for (name, value) in &self.0 {
            document.open("Tag");
            document.leaf("Key", name);
            document.leaf("Value", value);
            document.close("Tag");
        }
        document.close("TagSet");
        document.close("Tags");
    }

    fn checked(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, Failure> {
        let mut tags = BTreeMap::new();
        for (name, value) in pairs {
            if name.is_empty() {
                return Err(Failure::new(Code::EmptyTagName));
            }
            let is_fine = |text: &str| {
                text.chars().all(|c| c.is_ascii_alphanumeric() || " +-./:=_".contains(c))
            };
            if name.len() > MAX_NAME || value.len() > MAX_VALUE {
                return Err(Failure::new(Code::TagsTooLarge));
            }
            if !is_fine(&name) || !is_fine(&value) {
                return Err(Failure::new(Code::InvalidTag));
            }
            if tags.insert(name, value).is_some() {
                return Err(Failure::new(Code::DuplicateTagNames));
            }
            if tags.len() > MAX_TAGS {
                return Err(Failure::new(Code::TagsTooLarge));
            }
        }
        Ok(Self(tags))
    }
}

fn names(path: &[Vec<u8>]) -> Vec<&str> {
    path.iter().map(|name| std::str::from_utf8(name).unwrap_or_default()).collect()
}

// Spec: <https://learn.microsoft.com/azure/storage/blobs/storage-manage-find-blobs#setting-blob-index-tags>
const MAX_TAGS: usize = 10;
const MAX_NAME: usize = 128;
const MAX_VALUE: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn document(tags: &[(&str, &str)]) -> String {
        let tags: String = tags
            .iter()
            .map(|(key, value)| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>\n"))
            .collect();
        format!("<?xml version=\"1.0\"?>\n<Tags><TagSet>{tags}</TagSet></Tags>")
    }

    #[test]
    fn a_document_is_read_and_written() {
        let text = document(&[("team", "red one"), ("a.b", "")]);
        let tags = Tags::parse(text.as_bytes()).unwrap();
        assert_eq!(tags.len(), 2);
        let again = Tags::parse(tags.document().finish().as_bytes()).unwrap();
        assert_eq!(again, tags);
        assert_eq!(Tags::parse(b"<Tags><TagSet/></Tags>").unwrap(), Tags::default());
    }

    #[test]
    fn what_cannot_be_tags_is_refused_by_its_own_code() {
        let many: Vec<_> = (0..11).map(|number| format!("k{number}")).collect();
        let many: Vec<_> = many.iter().map(|name| (name.as_str(), "v")).collect();
        for (text, code) in [
            (document(&[("", "v")]), Code::EmptyTagName),
            (document(&[("a", "1"), ("a", "2")]), Code::DuplicateTagNames),
            (document(&[("a#", "1")]), Code::InvalidTag),
            (document(&[("a", "\u{e9}")]), Code::InvalidTag),
            (document(&many), Code::TagsTooLarge),
            (document(&[(&"x".repeat(129), "v")]), Code::TagsTooLarge),
            (document(&[("a", &"x".repeat(257))]), Code::TagsTooLarge),
            (String::new(), Code::InvalidXmlDocument),
            (
                "<Tags><TagSet><Tag><Key>a</Key></Tag></TagSet></Tags>".into(),
                Code::InvalidXmlDocument,
            ),
            ("<Tags><TagSet>".into(), Code::InvalidXmlDocument),
            ("<Labels/>".into(), Code::InvalidXmlDocument),
        ] {
            assert_eq!(Tags::parse(text.as_bytes()).unwrap_err().code(), code, "{text}");
        }
    }
}
