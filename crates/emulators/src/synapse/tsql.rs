//! T-SQL: batches are cut into statements here, and queries turned into what the engine speaks.

mod expressions;
mod functions;
mod limits;
mod literals;
mod names;
mod options;
mod query;
mod variables;

use datafusion::sql::sqlparser::{
    ast::{self, Expr, Query},
    dialect::MsSqlDialect,
    keywords::Keyword,
    parser::{Parser, ParserOptions},
    tokenizer::{Token, TokenWithSpan, Tokenizer},
};

pub(super) use self::{
    limits::one_row_if,
    names::{OutputNames, SPELLING},
    options::SetOption,
    query::{DEFAULT_SCHEMA, Relation, Rewritten, Scope, rewrite},
    variables::{Globals, declarations},
};
use super::sql_error::SqlError;

/// A statement and the line it begins in, from 1.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) line: u32,
    pub(super) kind: StatementKind,
}

/// The statements that are run; all others are refused by their first word.
#[derive(Debug)]
pub(super) enum StatementKind {
    Begin,
    Commit,
    Execute { procedure: String, arguments: Vec<Expr> },
    If { condition: Box<Expr>, then: Vec<Statement>, otherwise: Vec<Statement> },
    Rollback,
    Select(Box<Query>),
    Set(Vec<SetOption>),
    Use(String),
}

/// Cuts a batch into its statements.
pub(super) fn parse(batch: &str) -> Result<Vec<Statement>, SqlError> {
    let tokens =
        Tokenizer::new(&MsSqlDialect {}, batch).tokenize_with_location().map_err(|error| {
            let line = u32::try_from(error.location.line).unwrap_or(1);
            SqlError::new(102, format!("Incorrect syntax: {}.", error.message))
                .with_class(15)
                .at_line(line)
        })?;
    let options = ParserOptions { require_semicolon_stmt_delimiter: false, ..ParserOptions::new() };
    let mut parser = BatchParser {
        parser: Parser::new(&MsSqlDialect {})
            .with_options(options)
            .with_tokens_with_locations(without_query_hints(tokens)),
        depth: 0,
    };
    let statements = parser.statements(&[])?;
    match parser.word() {
        None if parser.at(&Token::EOF) => Ok(statements),
        _ => Err(parser.unexpected()),
    }
}

/// Steps through a batch. What the parser does not know, SET say, is read here.
struct BatchParser<'a> {
    parser: Parser<'a>,
    depth: usize,
}

impl BatchParser<'_> {
    /// Statements up to one of these words, or to the end.
    fn statements(&mut self, until: &[&str]) -> Result<Vec<Statement>, SqlError> {
        let mut statements = Vec::new();
        loop {
            while self.parser.consume_token(&Token::SemiColon) {}
            if self.at(&Token::EOF)
                || self.word().is_some_and(|word| until.contains(&word.as_str()))
            {
                return Ok(statements);
            }
            statements.push(self.statement()?);
        }
    }

    fn statement(&mut self) -> Result<Statement, SqlError> {
        let line = self.line();
        if self.depth > MAX_DEPTH {
            return Err(SqlError::new(
                191,
                "Some part of your SQL statement is nested too deeply.",
            )
            .with_class(15)
            .at_line(line));
        }
        self.depth += 1;
        let kind = self.kind().map_err(|error| error.at_line(line));
        self.depth -= 1;
        Ok(Statement { line, kind: kind? })
    }

    fn kind(&mut self) -> Result<StatementKind, SqlError> {
        match self.word().as_deref() {
            Some("SELECT" | "WITH") | None => self.select(),
            Some("SET") => {
                self.parser.advance_token();
                options::parse(self).map(StatementKind::Set)
            }
            Some("USE") => {
                self.parser.advance_token();
                let name = self.parser.parse_identifier().map_err(|_| self.unexpected())?;
                Ok(StatementKind::Use(name.value))
            }
            Some("IF") => self.conditional(),
            Some("BEGIN") if self.second_word_is_transaction() => {
                self.transaction(StatementKind::Begin)
            }
            Some("COMMIT") => self.transaction(StatementKind::Commit),
            Some("ROLLBACK") => self.transaction(StatementKind::Rollback),
            Some("EXEC" | "EXECUTE") => self.execute(),
            Some(other) if STATEMENTS.contains(&other) => Err(SqlError::unsupported(other)),
            // The name of a procedure may begin a batch without EXEC.
            Some(_) if self.parser.index() == 0 => {
                let name = self.parser.parse_object_name(false).map_err(|_| self.unexpected())?;
                Err(SqlError::unknown_procedure(&name.to_string()))
            }
            Some(_) => Err(self.unexpected()),
        }
    }

    fn select(&mut self) -> Result<StatementKind, SqlError> {
        match self.parser.parse_statement() {
            Ok(ast::Statement::Query(query)) => Ok(StatementKind::Select(query)),
            _ => Err(self.unexpected()),
        }
    }

    fn conditional(&mut self) -> Result<StatementKind, SqlError> {
        self.parser.advance_token();
        let condition = self.parser.parse_expr().map_err(|_| self.unexpected())?;
        let then = self.block()?;
        let mark = self.parser.index();
        while self.parser.consume_token(&Token::SemiColon) {}
        let otherwise = if self.word().as_deref() == Some("ELSE") {
            self.parser.advance_token();
            self.block()?
        } else {
            while self.parser.index() > mark {
                self.parser.prev_token();
            }
            Vec::new()
        };
        Ok(StatementKind::If { condition: Box::new(condition), then, otherwise })
    }

    fn block(&mut self) -> Result<Vec<Statement>, SqlError> {
        if self.word().as_deref() != Some("BEGIN") || self.second_word_is_transaction() {
            return self.statement().map(|statement| vec![statement]);
        }
        self.parser.advance_token();
        let statements = self.statements(&["END"])?;
        if self.word().as_deref() != Some("END") {
            return Err(self.unexpected());
        }
        self.parser.advance_token();
        Ok(statements)
    }

    fn transaction(&mut self, kind: StatementKind) -> Result<StatementKind, SqlError> {
        self.parser.advance_token();
        if self.word().is_some_and(|word| ["TRAN", "TRANSACTION", "WORK"].contains(&word.as_str()))
        {
            self.parser.advance_token();
            // A name may follow, which means nothing where transactions do not nest.
            if let Token::Word(word) = &self.parser.peek_token_ref().token
                && word.keyword == Keyword::NoKeyword
            {
                self.parser.advance_token();
            }
        }
        Ok(kind)
    }

    fn execute(&mut self) -> Result<StatementKind, SqlError> {
        match self.parser.parse_statement() {
            Ok(ast::Statement::Execute { name: Some(name), parameters, .. }) => {
                Ok(StatementKind::Execute { procedure: name.to_string(), arguments: parameters })
            }
            Ok(_) => Err(SqlError::unsupported("EXECUTE of a string")),
            Err(_) => Err(self.unexpected()),
        }
    }

    /// The next token as a word in capitals, unless it is quoted or no word.
    fn word(&self) -> Option<String> {
        word(&self.parser.peek_token_ref().token)
    }

    fn second_word_is_transaction(&self) -> bool {
        word(&self.parser.peek_nth_token_ref(1).token)
            .is_some_and(|word| ["TRAN", "TRANSACTION"].contains(&word.as_str()))
    }

    fn at(&self, token: &Token) -> bool {
        self.parser.peek_token_ref().token == *token
    }

    fn line(&self) -> u32 {
        u32::try_from(self.parser.peek_token_ref().span.start.line).unwrap_or(1).max(1)
    }

    fn unexpected(&self) -> SqlError {
        let token = match &self.parser.peek_token_ref().token {
            Token::EOF => &self.parser.get_current_token().token,
            other => other,
        };
        SqlError::syntax(&token.to_string()).at_line(self.line())
    }
}

fn word(token: &Token) -> Option<String> {
    match token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_ascii_uppercase()),
        _ => None,
    }
}

/// Removes `OPTION (…)`: hints and labels change no result, and the parser takes the word for an
/// alias.
fn without_query_hints(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut kept: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        if word(&token.token).as_deref() != Some("OPTION") {
            kept.push(token);
            continue;
        }
        let mut blanks = Vec::new();
        while let Some(blank) = tokens.next_if(|next| matches!(next.token, Token::Whitespace(_))) {
            blanks.push(blank);
        }
        if tokens.next_if(|next| next.token == Token::LParen).is_none() {
            kept.push(token);
            kept.extend(blanks);
            continue;
        }
        let mut open = 1;
        while open > 0 {
            match tokens.next().map(|token| token.token) {
                Some(Token::LParen) => open += 1,
                Some(Token::RParen) => open -= 1,
                Some(_) => {}
                None => break,
            }
        }
    }
    kept
}

/// Statements that T-SQL has and this server has not.
const STATEMENTS: &[&str] = &[
    "ALTER",
    "BEGIN",
    "BULK",
    "CHECKPOINT",
    "CLOSE",
    "COPY",
    "CREATE",
    "DBCC",
    "DEALLOCATE",
    "DECLARE",
    "DELETE",
    "DENY",
    "DROP",
    "EXPLAIN",
    "FETCH",
    "GOTO",
    "GRANT",
    "INSERT",
    "KILL",
    "MERGE",
    "OPEN",
    "PRINT",
    "RAISERROR",
    "RENAME",
    "RETURN",
    "REVERT",
    "REVOKE",
    "SAVE",
    "THROW",
    "TRUNCATE",
    "UPDATE",
    "WAITFOR",
    "WHILE",
];

/// How deep blocks of statements may be nested.
const MAX_DEPTH: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(batch: &str) -> Vec<String> {
        parse(batch)
            .unwrap()
            .into_iter()
            .map(|statement| {
                let text = format!("{:?}", statement.kind);
                let end = text.find(|char: char| !char.is_ascii_alphabetic()).unwrap_or(text.len());
                format!("{} {}", statement.line, &text[..end])
            })
            .collect()
    }

    #[test]
    fn statements_need_no_semicolons() {
        assert_eq!(
            kinds("set quoted_identifier on set textsize 2147483647\nSELECT 1 SELECT 2;;use demo"),
            ["1 Set", "1 Set", "2 Select", "2 Select", "2 Use"]
        );
        assert_eq!(kinds("IF @@TRANCOUNT > 0 ROLLBACK TRAN SELECT 1"), ["1 If", "1 Select"],);
        assert_eq!(
            kinds("IF 1=1 BEGIN SELECT 1; SELECT 2 END ELSE SELECT 3; BEGIN TRAN; COMMIT"),
            ["1 If", "1 Begin", "1 Commit"]
        );
        assert_eq!(kinds("EXEC sp_executesql N'SELECT 1'"), ["1 Execute"]);
    }

    #[test]
    fn query_hints_are_left_out() {
        let batch = "SELECT a FROM t OPTION (LABEL = 'x (1)', MAXDOP 1); SELECT 1";
        assert_eq!(kinds(batch), ["1 Select", "1 Select"]);
        let Some(Statement { kind: StatementKind::Select(query), .. }) =
            parse(batch).unwrap().into_iter().next()
        else {
            panic!()
        };
        assert_eq!(query.to_string(), "SELECT a FROM t");
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        for (batch, number, line) in [
            ("SELECT 1\nSELECT FROM", 102, 2),
            ("SELECT 1\n\nDROP TABLE t", 40517, 3),
            ("SELECT 'abc", 102, 1),
            ("SELECT 1 END", 102, 1),
            ("selec 1", 2812, 1),
            ("-- nothing\nsp_tables_100 NULL", 2812, 2),
            ("IF 1=1 BEGIN SELECT 1", 102, 1),
        ] {
            let error = parse(batch).unwrap_err();
            assert_eq!((error.number, error.line), (number, line), "{batch}");
        }
    }
}
