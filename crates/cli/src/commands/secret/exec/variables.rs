//! Which variables the program gets, and where their values come from.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

use crate::{
    commands::secret::{
        exec::{ExecArgs, env_file},
        resolve::{self, Wanted},
    },
    context::Context,
    failure::Failure,
};

/// The value of a variable.
#[derive(Debug)]
pub(super) enum Value {
    /// As it was given. It may be a secret too.
    Plain(SecretString),
    /// To be read.
    Reference(Box<Wanted>),
}

impl Value {
    /// The reference, if it is one.
    pub(super) fn wanted(&self) -> Option<&Wanted> {
        match self {
            Self::Plain(_) => None,
            Self::Reference(wanted) => Some(wanted),
        }
    }
}

/// The variables of the options, by name; those that win are kept.
pub(super) fn collect(
    args: &ExecArgs,
    context: &Context,
) -> Result<BTreeMap<String, Value>, Failure> {
    let cloud = context.cloud()?;
    let mut variables = BTreeMap::new();
    // Nothing of a value is ever quoted, unless it is a reference.
    let value = |name: &str, value: SecretString, place: String| {
        let text = value.expose_secret();
        let reference = resolve::parse(text, cloud)
            .map_err(|failure| failure.within(format!("{place} is set to no valid reference")))?;
        Ok::<_, Failure>(match reference {
            None => Value::Plain(value),
            Some(reference) => {
                Value::Reference(Box::new(Wanted { place, text: text.to_owned(), reference }))
            }
        })
        .map(|value| (name.to_owned(), value))
    };

    if args.from_env {
        for (name, text) in context.environment().all() {
            let place = format!("variable `{name}` of the environment");
            let (name, value) = value(&name, text, place)?;
            if matches!(value, Value::Reference(_)) {
                variables.insert(name, value);
            }
        }
    }
    for path in &args.env_files {
        for line in env_file::read(path)? {
            let name = &line.name;
            let place = format!("variable `{name}` in `{}`, line {}", path.display(), line.number);
            let (name, value) = value(name, line.value, place)?;
            variables.insert(name, value);
        }
    }
    let mut given = BTreeMap::new();
    for (index, text) in args.variables.iter().enumerate() {
        let (name, text) = split(text, index)?;
        let place = format!("variable `{name}`");
        let (name, value) = value(name, SecretString::from(text), place)?;
        if matches!(value, Value::Plain(_)) {
            return Err(Failure::usage(format!("`--env {name}=…` is set to no reference"))
                .with_hint(
                    "every user of this machine can read command lines: \
                     give `akv://VAULT/SECRET`, or set the variable in the environment",
                ));
        }
        if given.insert(name.clone(), value).is_some() {
            return Err(Failure::usage(format!("`--env {name}=…` is given twice")));
        }
    }
    variables.extend(given);
    Ok(variables)
}

/// Takes `NAME=REFERENCE` apart. A text without a name may be a secret that went astray: it is not quoted.
fn split(text: &str, index: usize) -> Result<(&str, &str), Failure> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name, value)),
        _ => Err(Failure::usage(format!("`--env` number {} is not `NAME=REFERENCE`", index + 1))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_all_that_stands_before_the_first_equals_sign() {
        for (text, name, value) in [
            ("A=akv://a/b", "A", "akv://a/b"),
            ("LD_PRELOAD=a=b", "LD_PRELOAD", "a=b"),
            ("with space=", "with space", ""),
        ] {
            assert_eq!(split(text, 0).unwrap(), (name, value));
        }
        for text in ["hunter2", "=hunter2", ""] {
            let failure = split(text, 1).unwrap_err();
            assert_eq!(failure.to_string(), "error: `--env` number 2 is not `NAME=REFERENCE`\n");
        }
    }
}
