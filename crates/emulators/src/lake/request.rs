//! What a request asks for, before anybody looks at what is stored: endpoint, account, filesystem,
//! path, query, headers.

use std::net::IpAddr;

use axum::http::{HeaderMap, Method, Uri, header, request::Parts};
use percent_encoding::percent_decode_str;

use super::{
    caller::Caller,
    failure::{Code, Failure},
    name::{PathName, is_account_name, is_filesystem_name},
};

/// The two faces of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    /// `{account}.blob.core.windows.net`: XML, containers, blobs.
    Blob,
    /// `{account}.dfs.core.windows.net`: JSON, filesystems, paths.
    Dfs,
}

/// A request, taken apart; its body travels beside it.
#[derive(Debug)]
pub(crate) struct LakeRequest {
    pub(crate) api: Api,
    /// Whether the account was named by the path, so that one address serves both endpoints.
    pub(crate) path_style: bool,
    /// The method, after `X-HTTP-Method-Override`.
    pub(crate) method: Method,
    pub(crate) account: String,
    /// `None` for a request about the whole account.
    pub(crate) filesystem: Option<String>,
    /// `None` for a request about the whole filesystem; the root path is its root directory.
    pub(crate) path: Option<PathName>,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    /// Who sends it, once that is checked.
    pub(crate) caller: Caller,
}

/// The query parameters, decoded; their names count without regard to case.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl LakeRequest {
    /// Takes a request's head apart.
    ///
    /// `port_api`: the endpoint whose port it came to. A real host name (`x.dfs.…`) decides itself;
    /// on an address such as `127.0.0.1` the request's own marks decide, for there the official
    /// data lake SDKs send both kinds of request to one port.
    pub(crate) fn parse(port_api: Api, parts: Parts) -> Result<Self, Failure> {
        let Parts { method, uri, headers, .. } = parts;
        let query = Query::parse(&uri)?;
        let host = host_of(&headers, &uri).ok_or_else(|| Failure::new(Code::InvalidUri))?;
        let mut segments = uri.path().strip_prefix('/').unwrap_or_default();
        let (api, path_style, account) = match Host::parse(host) {
            Host::Named { account, api } => (api, false, account.to_owned()),
            Host::Address => {
                let api = marked_api(&query, &headers).unwrap_or(port_api);
                let (first, rest) = segments.split_once('/').unwrap_or((segments, ""));
                segments = rest;
                (api, true, decode(first)?)
            }
        };
        if !is_account_name(&account) {
            return Err(Failure::new(Code::InvalidUri));
        }
        let (filesystem, path) = match segments.split_once('/') {
            None => (segments, None),
            Some((filesystem, "")) => (filesystem, None),
            Some((filesystem, path)) => (filesystem, Some(PathName::parse_encoded(path)?)),
        };
        let filesystem = Some(decode(filesystem)?).filter(|name| !name.is_empty());
        if filesystem.is_none() && path.is_some() {
            return Err(Failure::new(Code::InvalidUri));
        }
        if filesystem.as_deref().is_some_and(|name| !is_filesystem_name(name)) {
            return Err(Failure::new(Code::InvalidResourceName));
        }
        let method = overridden(method, &headers)?;
        Ok(Self {
            api,
            path_style,
            method,
            account,
            filesystem,
            path,
            query,
            headers,
            caller: Caller::default(),
        })
    }

    /// A header as text; one that is no text counts as wrong, not as absent.
    pub(crate) fn header(&self, name: &'static str) -> Result<Option<&str>, Failure> {
        self.headers
            .get(name)
            .map(|value| value.to_str().map_err(|_| Failure::header(name, "")))
            .transpose()
    }

    /// The declared length of the body, which the service demands where there is one.
    pub(crate) fn content_length(&self) -> Result<u64, Failure> {
        let text = self
            .header("content-length")?
            .ok_or_else(|| Failure::new(Code::MissingContentLengthHeader))?;
        text.parse().map_err(|_| Failure::header("Content-Length", text))
    }

    /// Refuses what would change the meaning of a write and is not built: better no answer than
    /// one that pretends.
    pub(crate) fn refuse_unsupported(&self) -> Result<(), Failure> {
        if let Some(name) =
            UNSUPPORTED_HEADERS.iter().find(|name| self.headers.contains_key(**name))
        {
            return Err(Failure::not_implemented(&["the header ", name].concat()));
        }
        if let Some(name) =
            UNSUPPORTED_PARAMETERS.iter().find(|name| self.query.get(name).is_some())
        {
            return Err(Failure::not_implemented(&["the query parameter ", name].concat()));
        }
        for (name, is_known) in HEADERS_OF_SOME {
            if self.headers.contains_key(*name) && !is_known(self) {
                return Err(Failure::not_implemented(
                    &["the header ", name, " of this operation"].concat(),
                ));
            }
        }
        Ok(())
    }

    fn takes_lease_action(&self) -> bool {
        let action = self.query.get("action");
        self.is_lease_operation() || matches!(action, Some("append" | "flush"))
    }

    fn is_lease_operation(&self) -> bool {
        match self.api {
            Api::Blob => self.query.get("comp") == Some("lease"),
            Api::Dfs => self.method == Method::POST,
        }
    }

    fn makes(&self, resources: &[&str]) -> bool {
        self.query.get("resource").is_some_and(|resource| resources.contains(&resource))
    }

    fn publishes_blob(&self) -> bool {
        self.api == Api::Blob
            && self.method == Method::PUT
            && matches!(self.query.get("comp"), None | Some("blocklist"))
    }
}

impl Query {
    fn parse(uri: &Uri) -> Result<Self, Failure> {
        let pairs = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        pairs
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                Ok((decode(name)?.to_ascii_lowercase(), decode(value)?))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The value of a parameter; `name` in lower case.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A parameter that must be there.
    pub(crate) fn required(&self, name: &'static str) -> Result<&str, Failure> {
        self.get(name).ok_or_else(|| Failure::missing_query(name))
    }

    /// A parameter that is `true` or `false`, if it is there.
    pub(crate) fn flag(&self, name: &'static str) -> Result<Option<bool>, Failure> {
        match self.get(name) {
            None => Ok(None),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(text) => Err(Failure::query(name, text)),
        }
    }

    /// A parameter that is a count of bytes.
    pub(crate) fn position(&self, name: &'static str) -> Result<u64, Failure> {
        let text = self.required(name)?;
        text.parse().map_err(|_| Failure::query(name, text))
    }

    /// How many results a page may have: the service's own limit unless less is asked for.
    pub(crate) fn page_size(&self, name: &'static str) -> Result<usize, Failure> {
        let Some(text) = self.get(name).filter(|text| !text.is_empty()) else {
            return Ok(MAX_PAGE);
        };
        match text.parse::<i64>() {
            Err(_) => Err(Failure::query(name, text)),
            Ok(count) if count < 1 => Err(Failure::new(Code::OutOfRangeQueryParameterValue)
                .with_detail("QueryParameterName", name)
                .with_detail("QueryParameterValue", text)),
            Ok(count) => Ok(usize::try_from(count).unwrap_or(MAX_PAGE).min(MAX_PAGE)),
        }
    }
}

/// What the Host header names.
enum Host<'a> {
    Named { account: &'a str, api: Api },
    Address,
}

impl<'a> Host<'a> {
    fn parse(host: &'a str) -> Self {
        let mut labels = without_port(host).splitn(3, '.');
        match (labels.next(), labels.next(), labels.next()) {
            (Some(account), Some("dfs"), Some(_)) => Self::Named { account, api: Api::Dfs },
            (Some(account), Some("blob"), Some(_)) => Self::Named { account, api: Api::Blob },
            _ => Self::Address,
        }
    }
}

/// Whether an authority names a machine by address rather than an account.
fn is_address(host: &str) -> bool {
    let name = without_port(host);
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name == "localhost" || address.parse::<IpAddr>().is_ok()
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // The colons inside an IPv6 address are none of a port.
        Some((name, _)) if !name.starts_with('[') || name.ends_with(']') => name,
        _ => host,
    }
}

fn host_of<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    let host = match uri.authority() {
        Some(authority) => authority.as_str(),
        None => headers.get(header::HOST)?.to_str().ok()?,
    };
    let is_known = matches!(Host::parse(host), Host::Named { .. }) || is_address(host);
    is_known.then_some(host)
}

/// Which endpoint a request can only be meant for.
fn marked_api(query: &Query, headers: &HeaderMap) -> Option<Api> {
    let has = |names: &[&str]| names.iter().any(|name| query.get(name).is_some());
    if has(&["resource", "action", "recursive", "mode"])
        || headers.contains_key("x-ms-rename-source")
    {
        Some(Api::Dfs)
    } else if has(&["comp", "restype"])
        || headers.contains_key("x-ms-blob-type")
        || headers.contains_key("x-ms-copy-source")
    {
        Some(Api::Blob)
    } else if headers.contains_key("x-ms-lease-action") {
        // A lease of the blob endpoint has `comp`.
        Some(Api::Dfs)
    } else {
        None
    }
}

fn overridden(method: Method, headers: &HeaderMap) -> Result<Method, Failure> {
    let Some(value) = headers.get("x-http-method-override") else { return Ok(method) };
    // Hadoop's ABFS sends PATCH as PUT, and SDKs may send it as POST.
    if method != Method::PUT && method != Method::POST {
        return Ok(method);
    }
    Method::from_bytes(&value.as_bytes().to_ascii_uppercase())
        .map_err(|_| Failure::header("X-HTTP-Method-Override", ""))
}

fn decode(text: &str) -> Result<String, Failure> {
    percent_decode_str(text)
        .decode_utf8()
        .map(|decoded| decoded.into_owned())
        .map_err(|_| Failure::new(Code::InvalidUri))
}

// Spec: <https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/list>
const MAX_PAGE: usize = 5000;

const UNSUPPORTED_HEADERS: &[&str] = &[
    "x-ms-access-tier",
    "x-ms-encryption-context",
    "x-ms-encryption-key",
    "x-ms-encryption-scope",
    "x-ms-if-tags",
    "x-ms-immutability-policy-until-date",
    "x-ms-legal-hold",
    "x-ms-structured-body",
];
/// Headers that only some operations know here, and which these are.
const HEADERS_OF_SOME: &[(&str, IsKnown)] = &[
    ("x-ms-acl", |r| r.api == Api::Dfs),
    ("x-ms-expiry-option", |r| r.query.get("comp") == Some("expiry") || r.makes(&["file"])),
    ("x-ms-expiry-time", |r| r.query.get("comp") == Some("expiry") || r.makes(&["file"])),
    ("x-ms-group", |r| r.api == Api::Dfs),
    ("x-ms-lease-action", LakeRequest::takes_lease_action),
    ("x-ms-owner", |r| r.api == Api::Dfs),
    ("x-ms-permissions", |r| r.api == Api::Dfs),
    ("x-ms-proposed-lease-id", |r| r.takes_lease_action() || r.makes(&["file", "directory"])),
    ("x-ms-tags", LakeRequest::publishes_blob),
    ("x-ms-umask", |r| r.api == Api::Dfs),
];
type IsKnown = fn(&LakeRequest) -> bool;
const UNSUPPORTED_PARAMETERS: &[&str] = &["snapshot", "versionid"];

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn parse(host: &str, uri: &str) -> Result<LakeRequest, Failure> {
        let request = Request::builder().uri(uri).header("host", host).body(()).unwrap();
        LakeRequest::parse(Api::Blob, request.into_parts().0)
    }

    #[test]
    fn a_real_host_names_account_and_endpoint() {
        let request =
            parse("lakedemo.dfs.core.windows.net", "/raw/a%20b/c?recursive=TRUE").unwrap();
        assert_eq!((request.api, request.path_style), (Api::Dfs, false));
        assert_eq!(request.account, "lakedemo");
        assert_eq!(request.filesystem.as_deref(), Some("raw"));
        assert_eq!(request.path.unwrap().as_str(), "a b/c");
        assert_eq!(request.query.flag("recursive").unwrap(), Some(true));
    }

    #[test]
    fn an_address_takes_the_account_from_the_path_and_the_endpoint_from_the_marks() {
        for (uri, api) in [
            ("/lakedemo/raw/x", Api::Blob),
            ("/lakedemo/raw/x?resource=file", Api::Dfs),
            ("/lakedemo/raw?comp=list&restype=container", Api::Blob),
        ] {
            for host in ["127.0.0.1:8443", "localhost", "[::1]:8443"] {
                let request = parse(host, uri).unwrap();
                assert_eq!((request.api, request.path_style), (api, true), "{host} {uri}");
                assert_eq!(request.account, "lakedemo");
            }
        }
    }

    #[test]
    fn the_three_levels_are_told_apart() {
        let host = "lakedemo.blob.core.windows.net";
        for (uri, filesystem, path) in [
            ("/", None, None),
            ("/?comp=list", None, None),
            ("/raw", Some("raw"), None),
            ("/raw/", Some("raw"), None),
            ("/raw//", Some("raw"), Some("")),
            ("/raw/%2F", Some("raw"), Some("")),
            ("/raw/x/", Some("raw"), Some("x")),
        ] {
            let request = parse(host, uri).unwrap();
            assert_eq!(request.filesystem.as_deref(), filesystem, "{uri}");
            assert_eq!(request.path.as_ref().map(PathName::as_str), path, "{uri}");
        }
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        for (host, uri) in [
            ("example.org", "/raw/x"),
            ("lake-demo.dfs.core.windows.net", "/raw/x"),
            ("127.0.0.1", "/%2E%2E/raw/x"),
            ("127.0.0.1", "/lakedemo/%2E%2E/x"),
            ("127.0.0.1", "/lakedemo/raw/%2E%2E/%2E%2E/x"),
            ("127.0.0.1", "/lakedemo/RAW/x"),
            ("127.0.0.1", "/lakedemo//x"),
        ] {
            assert!(parse(host, uri).is_err(), "{host} {uri}");
        }
    }
}
