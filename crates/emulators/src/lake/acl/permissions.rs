//! Permission bits: `rwx` of one class, and the nine of owner, group and others with the sticky bit.

use std::{
    fmt,
    ops::{BitAnd, BitOr},
};

/// What one class of principals may do: read 4, write 2, execute 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rwx(u8);

/// Permissions without an ACL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Permissions {
    pub(crate) user: Rwx,
    pub(crate) group: Rwx,
    pub(crate) other: Rwx,
    pub(crate) is_sticky: bool,
}

impl Rwx {
    pub(crate) const ALL: Self = Self(7);
    pub(crate) const READ: Self = Self(4);
    pub(crate) const WRITE: Self = Self(2);
    pub(crate) const EXECUTE: Self = Self(1);
    pub(crate) const READ_WRITE: Self = Self(6);
    pub(crate) const READ_EXECUTE: Self = Self(5);
    pub(crate) const WRITE_EXECUTE: Self = Self(3);

    pub(crate) fn includes(self, wanted: Self) -> bool {
        self.0 & wanted.0 == wanted.0
    }

    /// Parses `r-x`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let [read, write, execute] = *text.as_bytes() else { return None };
        let bit = |byte, letter, value| match byte {
            b'-' => Some(0),
            _ if byte == letter => Some(value),
            _ => None,
        };
        Some(Self(bit(read, b'r', 4)? | bit(write, b'w', 2)? | bit(execute, b'x', 1)?))
    }

    fn from_digit(byte: u8) -> Option<Self> {
        matches!(byte, b'0'..=b'7').then(|| Self(byte - b'0'))
    }

    fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl BitAnd for Rwx {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl BitOr for Rwx {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for Rwx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (letter, value) in [("r", 4), ("w", 2), ("x", 1)] {
            f.write_str(if self.0 & value == 0 { "-" } else { letter })?;
        }
        Ok(())
    }
}

impl Permissions {
    /// The umask of a request that names none.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/create>
    pub(crate) const UMASK: Self =
        Self { user: Rwx(0), group: Rwx(2), other: Rwx(7), is_sticky: false };

    /// What a new entry has before the umask: 0777 for a directory, 0666 for a file.
    pub(crate) fn whole(is_directory: bool) -> Self {
        let bits = if is_directory { Rwx::ALL } else { Rwx::READ_WRITE };
        Self { user: bits, group: bits, other: bits, is_sticky: false }
    }

    /// Parses the symbolic form, `rwxr-x--t`, or the octal one of four digits, `1751`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() == 4 {
            return Self::parse_octal(text);
        }
        if text.len() != 9 || !text.is_ascii() {
            return None;
        }
        let (is_sticky, last) = match text.as_bytes()[8] {
            b't' => (true, "x"),
            b'T' => (true, "-"),
            _ => (false, &text[8..]),
        };
        Some(Self {
            user: Rwx::parse(&text[..3])?,
            group: Rwx::parse(&text[3..6])?,
            other: Rwx::parse(&[&text[6..8], last].concat())?,
            is_sticky,
        })
    }

    /// Parses four octal digits, the only form of a umask.
    pub(crate) fn parse_octal(text: &str) -> Option<Self> {
        let [sticky, user, group, other] = *text.as_bytes() else { return None };
        let is_sticky = match sticky {
            b'0' => false,
            b'1' => true,
            _ => return None,
        };
        Some(Self {
            user: Rwx::from_digit(user)?,
            group: Rwx::from_digit(group)?,
            other: Rwx::from_digit(other)?,
            is_sticky,
        })
    }

    /// What is left once a umask has taken its bits.
    pub(crate) fn without(self, umask: Self) -> Self {
        Self {
            user: self.user.without(umask.user),
            group: self.group.without(umask.group),
            other: self.other.without(umask.other),
            is_sticky: self.is_sticky,
        }
    }
}

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [self.user, self.group, self.other].map(|bits| bits.to_string()).concat();
        if self.is_sticky {
            let last = if text.pop() == Some('x') { 't' } else { 'T' };
            text.push(last);
        }
        f.write_str(&text)
    }
}
