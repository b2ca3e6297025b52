//! Collations, and the one code page that is not UTF-8.

/// The collation of text: five bytes on the wire, and how a varchar spells its characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Collation {
    /// Windows-1252; the default of dedicated SQL pools.
    #[default]
    Latin1,
    /// UTF-8; what Microsoft recommends for serverless pools.
    Utf8,
}

impl Collation {
    pub(super) fn parse(name: &str) -> Option<Self> {
        [Self::Latin1, Self::Utf8].into_iter().find(|known| known.name().eq_ignore_ascii_case(name))
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Latin1 => "SQL_Latin1_General_CP1_CI_AS",
            Self::Utf8 => "Latin1_General_100_CI_AS_SC_UTF8",
        }
    }

    /// Locale 1033, flags and version in four bytes, then the sort id.
    ///
    /// Spec: MS-TDS 2.2.5.1.2
    pub(super) fn wire(self) -> [u8; 5] {
        match self {
            Self::Latin1 => [0x09, 0x04, 0xd0, 0x00, 0x34],
            Self::Utf8 => [0x09, 0x04, 0xd0, 0x24, 0x00],
        }
    }

    /// Appends `text` as a varchar of this collation holds it. What the code page has not becomes
    /// a question mark, as in SQL Server.
    pub(super) fn encode(self, text: &str, out: &mut Vec<u8>) {
        if self == Self::Utf8 || text.is_ascii() {
            out.extend_from_slice(text.as_bytes());
        } else {
            out.extend(text.chars().map(|char| windows_1252(char).unwrap_or(b'?')));
        }
    }

    /// The text that a client sent as a varchar of the collation with these five bytes.
    pub(super) fn decode(wire: [u8; 5], bytes: &[u8]) -> String {
        let [.., flags, _] = wire;
        if flags & UTF8_FLAG != 0 || bytes.is_ascii() {
            return String::from_utf8_lossy(bytes).into_owned();
        }
        bytes
            .iter()
            .map(|byte| match byte {
                0x80..=0x9f => HIGH.get(usize::from(byte - 0x80)).copied().unwrap_or('?'),
                other => char::from(*other),
            })
            .collect()
    }
}

fn windows_1252(char: char) -> Option<u8> {
    match u8::try_from(char) {
        Ok(byte @ (..0x80 | 0xa0..)) => Some(byte),
        _ => {
            let position = HIGH.iter().position(|known| *known == char)?;
            u8::try_from(position).ok().map(|position| 0x80 + position)
        }
    }
}

/// Bit 26 of the first four bytes.
const UTF8_FLAG: u8 = 0x04;

/// What Windows-1252 has at 0x80 to 0x9f; the five places it leaves empty stand for themselves.
///
/// Spec: <https://www.unicode.org/Public/MAPPINGS/VENDORS/MICSFT/WindowsBestFit/bestfit1252.txt>
const HIGH: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latin1_has_one_byte_per_character_and_a_question_mark_for_the_rest() {
        // iconv -t CP1252 <<< 'Zoë – 5 €'
        let mut out = Vec::new();
        Collation::Latin1.encode("Zoë – 5 €ł", &mut out);
        assert_eq!(out, b"Zo\xeb \x96 5 \x80?");
        let back = Collation::decode(Collation::Latin1.wire(), &out);
        assert_eq!(back, "Zoë – 5 €?");
    }

    #[test]
    fn utf8_stays_as_it_is() {
        let mut out = Vec::new();
        Collation::Utf8.encode("Zoë – ł", &mut out);
        assert_eq!(out, "Zoë – ł".as_bytes());
        assert_eq!(Collation::decode(Collation::Utf8.wire(), &out), "Zoë – ł");
    }

    #[test]
    fn names_are_found_without_case() {
        assert_eq!(Collation::parse("sql_latin1_general_cp1_ci_as"), Some(Collation::Latin1));
        assert_eq!(Collation::parse("Latin1_General_BIN"), None);
    }
}
