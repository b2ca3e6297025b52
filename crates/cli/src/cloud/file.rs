//! Cloud definition files.

use std::path::Path;

use serde_json::Value;

use super::{Cloud, SERVICES, built_in, quoted_list};
use crate::failure::{Failure, Status};

/// Reads a cloud definition file.
pub(super) fn read(path: &str) -> Result<Cloud, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let message = format!("cannot read the cloud definition file `{path}`");
        let hint = format!(
            "give the path of a file, or one of {}",
            quoted_list(built_in::NAMES.into_iter())
        );
        Failure::from_error(message, &error).with_hint(hint).with_status(Status::Usage)
    })?;
    let mut cloud = parse(&text, path)?;
    // A relative CA file lies beside the definition, wherever the program was started.
    if let (Some(ca_file), Some(folder)) = (&cloud.ca_file, Path::new(path).parent()) {
        cloud.ca_file = Some(folder.join(ca_file));
    }
    Ok(cloud)
}

/// Parses a definition; `path` is for messages.
pub(super) fn parse(text: &str, path: &str) -> Result<Cloud, Failure> {
    let invalid = |error: serde_json::Error| {
        let message = format!("`{path}` is not a valid cloud definition");
        Failure::from_error(message, &error).with_status(Status::Usage)
    };
    let value: Value = serde_json::from_str(text).map_err(invalid)?;
    check_keys(&value, "", &KEYS, path)?;
    if let Some(services) = value.get("services") {
        check_keys(services, "services.", &SERVICES, path)?;
        for name in SERVICES {
            if let Some(service) = services.get(name) {
                let prefix = format!("services.{name}.");
                check_keys(service, &prefix, &SERVICE_KEYS, path)?;
            }
        }
    }
    serde_json::from_value(value).map_err(invalid)
}

/// Refuses unknown keys. Serde would too, but cannot tell which known one was meant.
fn check_keys(value: &Value, prefix: &str, known: &[&str], path: &str) -> Result<(), Failure> {
    let Some(object) = value.as_object() else { return Ok(()) };
    for key in object.keys() {
        if known.contains(&key.as_str()) {
            continue;
        }
        let nearest = known.iter().min_by_key(|candidate| edit_distance(key, candidate));
        let failure = Failure::usage(format!("unknown key `{prefix}{key}` in `{path}`"));
        return Err(match nearest {
            Some(nearest) => failure.with_hint(format!("did you mean `{prefix}{nearest}`?")),
            None => failure,
        });
    }
    Ok(())
}

/// Levenshtein's distance: the number of bytes to insert, delete or replace.
fn edit_distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, from) in left.bytes().enumerate() {
        let mut diagonal = index;
        let mut before = index + 1;
        for (cell, to) in row.iter_mut().skip(1).zip(right.bytes()) {
            let replaced = diagonal + usize::from(from != to);
            diagonal = *cell;
            *cell = replaced.min(diagonal + 1).min(before + 1);
            before = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

const KEYS: [&str; 7] = [
    "authority_host",
    "ca_file",
    "connect",
    "imds_endpoint",
    "name",
    "services",
    "token_host_suffixes",
];
const SERVICE_KEYS: [&str; 2] = ["scope", "url"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edit_distance_agrees_with_known_pairs() {
        for (left, right, expected) in
            [("kitten", "sitting", 3), ("", "abc", 3), ("abc", "abc", 0), ("flaw", "lawn", 2)]
        {
            assert_eq!(edit_distance(left, right), expected, "{left} {right}");
        }
    }

    #[test]
    fn unknown_keys_are_refused_with_the_nearest_known_one() {
        for (text, message, hint) in [
            (r#"{"autority_host":""}"#, "unknown key `autority_host`", "`authority_host`"),
            (r#"{"services":{"keyvault":{}}}"#, "`services.keyvault`", "`services.key_vault`"),
            (
                r#"{"services":{"synapse":{"urls":""}}}"#,
                "`services.synapse.urls`",
                "`services.synapse.url`",
            ),
        ] {
            let failure = parse(text, "cloud.json").unwrap_err().to_string();
            assert!(failure.contains(message), "{failure}");
            assert!(failure.contains(&format!("did you mean {hint}?")), "{failure}");
        }
    }

    #[test]
    fn a_missing_file_names_the_built_in_clouds() {
        let failure = read("/nowhere/cloud.json").unwrap_err().to_string();
        assert!(failure.contains("`public`, `government`, `china`"), "{failure}");
    }
}
