//! Writes the small XML documents that the blob endpoint answers with.

use quick_xml::escape::escape;

/// An XML document being written; element names are ours, texts are escaped.
#[derive(Debug)]
pub(crate) struct XmlWriter(String);

impl XmlWriter {
    pub(crate) fn new() -> Self {
        Self(String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>"))
    }

    /// Opens an element with attributes.
    pub(crate) fn open_with(&mut self, element: &str, attributes: &[(&str, &str)]) {
        self.0.push('<');
        self.0.push_str(element);
        for (name, value) in attributes {
            self.0.push(' ');
            self.0.push_str(name);
            self.0.push_str("=\"");
            self.0.push_str(&escape(*value));
            self.0.push('"');
        }
        self.0.push('>');
    }

    pub(crate) fn open(&mut self, element: &str) {
        self.0.push('<');
        self.0.push_str(element);
        self.0.push('>');
    }

    pub(crate) fn close(&mut self, element: &str) {
        self.0.push_str("</");
        self.0.push_str(element);
        self.0.push('>');
    }

    /// Writes an element with a text in it.
    pub(crate) fn leaf(&mut self, element: &str, text: &str) {
        self.open(element);
        self.text(text);
        self.close(element);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.0.push_str(&escape(text));
    }

    pub(crate) fn finish(self) -> String {
        self.0
    }
}
