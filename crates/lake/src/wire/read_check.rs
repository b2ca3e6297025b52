//! How an answer's bytes are vouched for, from the best way down.

/// What a read asks the service to send beside the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadCheck {
    /// A CRC-64 behind every segment.
    Structured,
    /// A CRC-64 in the head, for short ranges only.
    Range,
    /// Nothing.
    None,
}

impl ReadCheck {
    /// The one with this number, as [`next_best`](Self::next_best) gives them out.
    pub(super) fn of(number: u8) -> Self {
        match number {
            0 => Self::Structured,
            1 => Self::Range,
            _ => Self::None,
        }
    }

    /// The number of what is tried when the service does not do this one.
    pub(super) fn next_best(self) -> u8 {
        match self {
            Self::Structured => 1,
            Self::Range | Self::None => 2,
        }
    }
}
