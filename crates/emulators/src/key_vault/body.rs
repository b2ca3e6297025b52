//! The bodies of requests, read and held against the service's limits.
//!
//! What the JSON reader complains about may quote a value, so a refusal gives its position only.

use std::collections::BTreeMap;

use base64::{Engine, alphabet, engine::general_purpose};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::DeserializeOwned};

use super::failure::Failure;

/// The body of Set Secret.
///
/// Spec: <https://learn.microsoft.com/rest/api/keyvault/secrets/set-secret/set-secret>
#[derive(Debug)]
pub(super) struct SetSecret {
    pub(super) value: SecretString,
    pub(super) properties: Properties,
}

/// What Set Secret may and Update Secret can change; what is left out stays as it is.
///
/// Spec: <https://learn.microsoft.com/rest/api/keyvault/secrets/update-secret/update-secret>
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Properties {
    pub(super) content_type: Option<String>,
    pub(super) tags: Option<BTreeMap<String, String>>,
    attributes: Option<Attributes>,
}

/// Seconds since 1970, as all times of Key Vault.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
pub(super) struct Attributes {
    pub(super) enabled: Option<bool>,
    pub(super) nbf: Option<i64>,
    pub(super) exp: Option<i64>,
}

#[derive(Deserialize)]
struct SetBody {
    value: Option<SecretString>,
    #[serde(flatten)]
    properties: Properties,
}

#[derive(Deserialize)]
struct RestoreBody {
    value: Option<SecretString>,
}

impl SetSecret {
    pub(super) fn parse(body: &[u8]) -> Result<Self, Failure> {
        let SetBody { value, properties } = json(body)?;
        let value = value.ok_or_else(value_is_missing)?;
        let bytes = value.expose_secret().len();
        if bytes > MAX_VALUE_BYTES {
            return Err(Failure::BadParameter(format!(
                "Secret value is too long: {bytes} bytes, {MAX_VALUE_BYTES} are allowed."
            )));
        }
        properties.check()?;
        Ok(Self { value, properties })
    }
}

impl Properties {
    pub(super) fn new(content_type: &str, attributes: Attributes) -> Self {
        let content_type = Some(content_type.to_owned());
        Self { content_type, tags: None, attributes: Some(attributes) }
    }

    pub(super) fn parse(body: &[u8]) -> Result<Self, Failure> {
        let properties: Self = json(body)?;
        properties.check()?;
        Ok(properties)
    }

    pub(super) fn attributes(&self) -> Attributes {
        self.attributes.unwrap_or_default()
    }

    fn check(&self) -> Result<(), Failure> {
        let too_long = |what: &str, limit: usize| {
            Err(Failure::BadParameter(format!("{what} is longer than {limit} characters.")))
        };
        let longer = |text: &str, limit: usize| text.chars().count() > limit;
        if self.content_type.as_ref().is_some_and(|text| longer(text, MAX_CONTENT_TYPE_CHARS)) {
            return too_long("The content type", MAX_CONTENT_TYPE_CHARS);
        }
        let Some(tags) = &self.tags else { return Ok(()) };
        if tags.len() > MAX_TAGS {
            return Err(Failure::BadParameter(format!(
                "A secret can have {MAX_TAGS} tags, not {}.",
                tags.len()
            )));
        }
        for (name, value) in tags {
            if longer(name, MAX_TAG_CHARS) {
                return too_long("The name of a tag", MAX_TAG_CHARS);
            }
            if longer(value, MAX_TAG_CHARS) {
                return too_long("The value of a tag", MAX_TAG_CHARS);
            }
        }
        Ok(())
    }
}

/// The blob in the body of Restore Secret.
///
/// Spec: <https://learn.microsoft.com/rest/api/keyvault/secrets/restore-secret/restore-secret>
pub(super) fn backup_blob(body: &[u8]) -> Result<Vec<u8>, Failure> {
    let RestoreBody { value } = json(body)?;
    let value = value.ok_or_else(value_is_missing)?;
    BASE64URL.decode(value.expose_secret()).map_err(|_| Failure::BackupVersion)
}

/// The blob as it stands in answers.
pub(super) fn encode_blob(blob: &[u8]) -> String {
    BASE64URL.encode(blob)
}

fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| {
        Failure::BadParameter(format!(
            "The request body is invalid at line {}, column {}.",
            error.line(),
            error.column()
        ))
    })
}

fn value_is_missing() -> Failure {
    Failure::BadParameter("Property 'value' is required and was not set.".to_owned())
}

/// Some clients pad what they send.
const BASE64URL: general_purpose::GeneralPurpose = general_purpose::GeneralPurpose::new(
    &alphabet::URL_SAFE,
    general_purpose::NO_PAD
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent),
);

/// Spec: <https://learn.microsoft.com/azure/key-vault/secrets/about-secrets>, 25 KiB.
const MAX_VALUE_BYTES: usize = 25 * 1024;

/// Spec: <https://learn.microsoft.com/azure/key-vault/secrets/about-secrets>
const MAX_CONTENT_TYPE_CHARS: usize = 255;

/// Spec: <https://learn.microsoft.com/azure/key-vault/secrets/about-secrets#secret-tags>
const MAX_TAGS: usize = 15;

/// Spec: <https://learn.microsoft.com/azure/key-vault/secrets/about-secrets#secret-tags>, of a name
/// and of a value.
const MAX_TAG_CHARS: usize = 256;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn refuse(body: &str) {
        let failure = SetSecret::parse(body.as_bytes()).unwrap_err();
        assert!(matches!(failure, Failure::BadParameter(_)), "{failure}");
        assert!(!failure.to_string().contains("hunter2"), "{failure}");
    }

    #[test]
    fn a_body_that_is_cut_or_of_wrong_types_is_refused_without_quoting_it() {
        for body in [
            "",
            "{",
            r#"{"value":"hunter2"#,
            r#"{"value": hunter2}"#,
            r#"{"value": 12}"#,
            r#"{"value": ["hunter2"]}"#,
            r#"["hunter2"]"#,
            "{}",
            r#"{"value": null}"#,
            r#"{"value":"hunter2","tags":["x"]}"#,
            r#"{"value":"hunter2","tags":{"x":1}}"#,
            r#"{"value":"hunter2","contentType":1}"#,
            r#"{"value":"hunter2","attributes":{"enabled":"hunter2"}}"#,
            r#"{"value":"hunter2","attributes":{"exp":"hunter2"}}"#,
            r#"{"value":"hunter2","attributes":{"nbf":1.5}}"#,
        ] {
            refuse(body);
        }
        refuse(&format!("{}1{}", "[".repeat(9000), "]".repeat(9000)));
    }

    #[test]
    fn each_limit_is_kept_to_the_last_character() {
        let set = |body: serde_json::Value| SetSecret::parse(body.to_string().as_bytes());
        let tags = |count: usize| -> BTreeMap<String, String> {
            (0..count).map(|number| (number.to_string(), String::new())).collect()
        };
        // Characters are counted, but of a value its bytes.
        let wide = |count: usize| "å".repeat(count);
        for (good, bad) in [
            (json!({"value": "v".repeat(25600)}), json!({"value": "v".repeat(25601)})),
            (json!({"value": wide(12800)}), json!({"value": wide(12801)})),
            (
                json!({"value": "", "contentType": wide(255)}),
                json!({"value": "", "contentType": wide(256)}),
            ),
            (json!({"value": "", "tags": tags(15)}), json!({"value": "", "tags": tags(16)})),
            (
                json!({"value": "", "tags": {wide(256): wide(256)}}),
                json!({"value": "", "tags": {wide(257): ""}}),
            ),
            (json!({"value": "", "tags": {}}), json!({"value": "", "tags": {"": wide(257)}})),
        ] {
            set(good).unwrap();
            assert!(matches!(set(bad), Err(Failure::BadParameter(_))));
        }
    }

    #[test]
    fn what_an_update_leaves_out_or_sets_to_null_is_not_there() {
        let empty = r#"{"contentType":null,"tags":null,"attributes":{"exp":null}}"#;
        for body in ["{}", empty] {
            let properties = Properties::parse(body.as_bytes()).unwrap();
            assert!(properties.content_type.is_none() && properties.tags.is_none());
            let Attributes { enabled, nbf, exp } = properties.attributes();
            assert_eq!((enabled, nbf, exp), (None, None, None));
        }
    }

    #[test]
    fn a_blob_is_read_with_and_without_padding_and_only_in_the_alphabet_for_urls() {
        for text in ["-_8", "-_8="] {
            let body = json!({ "value": text }).to_string();
            assert_eq!(backup_blob(body.as_bytes()).unwrap(), [0xfb, 0xff]);
        }
        let failure = backup_blob(br#"{"value":"+/8="}"#).unwrap_err();
        assert!(matches!(failure, Failure::BackupVersion));
        assert!(matches!(backup_blob(b"{}"), Err(Failure::BadParameter(_))));
    }
}
