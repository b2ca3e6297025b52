//! Names of tables, as users write them and as SQL quotes them.

use std::{fmt, str::FromStr};

use crate::error::{Error, Result};

/// A table, or view, by its name: `table`, `schema.table` or `database.schema.table`.
///
/// Parts may stand in brackets or double quotes, which they need if they hold a dot: `[dbo].[a.b]`. `Display`
/// shows the name quoted for SQL, so that no name can become anything else in a statement.
///
/// ```
/// use azconnect_transfer::TableName;
///
/// let name: TableName = "dbo.odd]name".parse()?;
/// assert_eq!(name.to_string(), "[dbo].[odd]]name]");
/// assert_eq!(name.select_all(), "SELECT * FROM [dbo].[odd]]name]");
/// # Ok::<(), azconnect_transfer::Error>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct TableName {
    parts: Vec<String>,
}

impl TableName {
    /// The statement that returns every row and column of the table.
    pub fn select_all(&self) -> String {
        ["SELECT * FROM ", &self.to_string()].concat()
    }
}

impl FromStr for TableName {
    type Err = Error;

    /// # Errors
    /// `InvalidInput`: a part is empty, longer than 128 characters or not closed, or there are more than three.
    fn from_str(text: &str) -> Result<Self> {
        let refuse = |reason: &str| {
            Error::invalid_input(format!("`{text}` is not the name of a table: {reason}"))
                .with_hint("write `schema.table`, and names with dots in brackets: `[dbo].[a.b]`")
        };
        let mut parts = Vec::new();
        let mut rest = text.trim();
        loop {
            let (part, tail) = split_part(rest).ok_or_else(|| refuse("a quote is not closed"))?;
            if part.is_empty() {
                return Err(refuse("a part is empty"));
            }
            if part.chars().count() > MAX_IDENTIFIER_CHARACTERS {
                return Err(refuse("a part has more than 128 characters"));
            }
            parts.push(part);
            match tail.strip_prefix('.') {
                Some(next) => rest = next,
                None if tail.is_empty() => break,
                None => return Err(refuse("text follows a closing quote")),
            }
        }
        if parts.len() > MAX_PARTS {
            return Err(refuse("it has more than three parts"));
        }
        Ok(Self { parts })
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.parts.iter().enumerate() {
            if index > 0 {
                formatter.write_str(".")?;
            }
            // QUOTENAME's rule: the closing bracket is doubled, nothing else is special.
            write!(formatter, "[{}]", part.replace(']', "]]"))?;
        }
        Ok(())
    }
}

/// Takes one part from the front; `None` if its quote is not closed.
fn split_part(text: &str) -> Option<(String, &str)> {
    let close = match text.chars().next() {
        Some('[') => ']',
        Some('"') => '"',
        _ => {
            let end = text.find('.').unwrap_or(text.len());
            let (part, tail) = text.split_at(end);
            return Some((part.to_owned(), tail));
        }
    };
    let mut part = String::new();
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character != close {
            part.push(character);
        } else if characters.next_if(|(_, next)| *next == close).is_some() {
            part.push(close);
        } else {
            return Some((part, text.get(at + close.len_utf8()..)?));
        }
    }
    None
}

/// Spec: <https://learn.microsoft.com/sql/relational-databases/databases/database-identifiers>
const MAX_IDENTIFIER_CHARACTERS: usize = 128;
/// Synapse has no linked servers, so that a fourth part means nothing.
const MAX_PARTS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let name = text.parse::<TableName>().ok().map(|name| name.to_string());
        assert_eq!(name.as_deref(), expected, "{text}");
    }

    #[test]
    fn names_are_quoted_whatever_they_hold() {
        check("orders", Some("[orders]"));
        check("dbo.orders", Some("[dbo].[orders]"));
        check("sales.dbo.orders", Some("[sales].[dbo].[orders]"));
        check("[dbo].[a.b]", Some("[dbo].[a.b]"));
        check("\"dbo\".\"a\"\"b\"", Some("[dbo].[a\"b]"));
        check("[a]]b]", Some("[a]]b]"));
        check("a]; DROP TABLE b; --", Some("[a]]; DROP TABLE b; --]"));
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        for text in ["", ".", "dbo.", "a.b.c.d", "[a", "[a]b", "\"a", &"x".repeat(129)] {
            check(text, None);
        }
    }
}
