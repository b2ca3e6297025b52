//! The query string: the API version, the size of a page, and where the next page starts.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use url::form_urlencoded;

use super::failure::Failure;

/// The query parameters that Key Vault knows.
#[derive(Debug, Default)]
pub(super) struct Query {
    api_version: Option<String>,
    max_results: Option<String>,
    skip_token: Option<String>,
    out_content_type: Option<String>,
}

/// One page, and the query of the next one if there is one.
#[derive(Debug)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) next_query: Option<String>,
}

impl Query {
    pub(super) fn parse(query: &str) -> Self {
        let mut parsed = Self::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match key.as_ref() {
                "api-version" => parsed.api_version = Some(value.into_owned()),
                "maxresults" => parsed.max_results = Some(value.into_owned()),
                "$skiptoken" => parsed.skip_token = Some(value.into_owned()),
                "outContentType" => parsed.out_content_type = Some(value.into_owned()),
                _ => {}
            }
        }
        parsed
    }

    pub(super) fn check_api_version(&self) -> Result<(), Failure> {
        match self.api_version.as_deref() {
            Some(version) if API_VERSIONS.contains(&version) => Ok(()),
            version => Err(Failure::ApiVersion(version.map(str::to_owned))),
        }
    }

    /// The form in which a certificate is wanted, if the API version knows more than one.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret/get-secret>
    pub(super) fn out_content_type(&self) -> Option<&str> {
        let version = self.api_version.as_deref().unwrap_or_default();
        // Versions are dates since the one that brought it, but for the oldest.
        let is_known = version.starts_with("202");
        self.out_content_type.as_deref().filter(|_| is_known)
    }

    /// The page that the query asks for. `items` must be in the order of their `key`, which is what
    /// a token remembers: whatever is added or removed meanwhile, none comes twice.
    pub(super) fn page<T>(
        &self,
        items: Vec<T>,
        key: impl Fn(&T) -> &str,
    ) -> Result<Page<T>, Failure> {
        let key = |item: &T| key(item).to_ascii_lowercase();
        let size = self.size()?;
        let after = self.skip_token.as_deref().map(key_of_token).transpose()?;
        let mut rest =
            items.into_iter().filter(|item| after.as_ref().is_none_or(|after| key(item) > *after));
        let items: Vec<_> = rest.by_ref().take(size).collect();
        let next_query = match (rest.next(), items.last()) {
            (Some(_), Some(last)) => Some(self.next(size, &key(last))),
            _ => None,
        };
        Ok(Page { items, next_query })
    }

    fn size(&self) -> Result<usize, Failure> {
        let Some(text) = &self.max_results else { return Ok(MAX_PAGE) };
        match text.parse() {
            Ok(size) if (1..=MAX_PAGE).contains(&size) => Ok(size),
            _ => Err(Failure::BadParameter(format!(
                "Invalid value for maxresults: {text}. It must be between 1 and {MAX_PAGE}."
            ))),
        }
    }

    fn next(&self, size: usize, last: &str) -> String {
        form_urlencoded::Serializer::new(String::new())
            .append_pair("api-version", self.api_version.as_deref().unwrap_or_default())
            .append_pair("$skiptoken", &URL_SAFE_NO_PAD.encode(last))
            .append_pair("maxresults", &size.to_string())
            .finish()
    }
}

fn key_of_token(token: &str) -> Result<String, Failure> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| Failure::BadParameter("Invalid value for $skiptoken.".to_owned()))
}

/// Spec: <https://learn.microsoft.com/rest/api/keyvault/secrets/get-secrets/get-secrets>
const MAX_PAGE: usize = 25;

const API_VERSIONS: &[&str] = &[
    "2016-10-01",
    "7.0",
    "7.1",
    "7.2",
    "7.3",
    "7.4",
    "7.5",
    "7.6-preview.1",
    "7.6-preview.2",
    "7.6",
    "2025-06-01-preview",
    "2025-07-01",
    "2026-03-01-preview",
    LATEST_API_VERSION,
];

/// The newest that is no preview.
pub(super) const LATEST_API_VERSION: &str = "2026-04-01";
