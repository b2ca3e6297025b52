//! Where the bytes of a copy come from: a URL that must be one of this emulator's, read with the
//! authorization that came for it.

use std::{fs::File, sync::Arc};

use axum::http::{HeaderName, Method, Request, Uri, header};

use crate::lake::{
    Lake, access,
    body::blocking,
    conditions::Conditions,
    digest::ExpectedDigests,
    failure::{Code, Failure},
    properties::ContentHeaders,
    range::{ByteRange, RequestedRange},
    request::{Api, LakeRequest},
    store::{Entry, Place},
};

/// The file to copy from, open in one state.
pub(super) struct Source {
    pub(super) entry: Entry,
    pub(super) file: File,
    /// Without its query, which may hold a signature.
    pub(super) url: String,
}

impl Source {
    /// Opens what `x-ms-copy-source` names, if the caller may read it and the conditions on the
    /// source hold.
    ///
    /// `needs_authorization`: whether the request's own authorization does not count for the
    /// source, even in the same account, as all operations "from URL" have it.
    pub(super) async fn open(
        lake: &Arc<Lake>,
        request: &LakeRequest,
        needs_authorization: bool,
    ) -> Result<Self, Failure> {
        let text = request
            .header("x-ms-copy-source")?
            .ok_or_else(|| Failure::missing_header("x-ms-copy-source"))?;
        // The value is not told, for it may hold a signature.
        let wrong = || Failure::header("x-ms-copy-source", "");
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        if uri.authority().is_none() || uri.path().len() > MAX_URL_BYTES {
            return Err(wrong());
        }
        let url = text.split('?').next().unwrap_or_default().to_owned();
        let mut source = source_request(request, uri)?;
        let Some(path) = source.path.clone().filter(|path| !path.is_root()) else {
            return Err(wrong());
        };
        let (Some(filesystem), true) =
            (source.filesystem.clone(), lake.store.has_account(&source.account))
        else {
            return Err(Failure::new(Code::CannotVerifyCopySource));
        };
        let is_own = source.account == request.account;
        let brings_authorization =
            source.headers.contains_key(header::AUTHORIZATION) || source.query.get("sig").is_some();
        if brings_authorization || needs_authorization || !is_own {
            access::authorize(lake, &mut source).map_err(|failure| unverified(&failure))?;
        }
        let conditions = Conditions::of_source(request)?;
        let place = Place { account: source.account.clone(), filesystem, path };
        let lake = Arc::clone(lake);
        let open =
            move || lake.store.open_file(&place, |entry| conditions.check_source(entry.stamp));
        let (entry, file) = blocking(open).await.map_err(|failure| match failure.code() {
            Code::PathNotFound | Code::FilesystemNotFound if needs_authorization => {
                Failure::new(Code::CannotVerifyCopySource)
            }
            _ => failure,
        })?;
        let file = file.ok_or_else(|| Failure::new(Code::ResourceTypeMismatch))?;
        Ok(Self { entry, file, url })
    }

    /// All of it.
    pub(super) fn whole(&self) -> ByteRange {
        ByteRange { offset: 0, length: self.entry.length() }
    }

    /// The range that `x-ms-source-range` asks for, which must lie in the file.
    pub(super) fn range(&self, request: &LakeRequest) -> Result<ByteRange, Failure> {
        match RequestedRange::of_source(request)? {
            Some(range) => range.within(self.entry.length()),
            None => Ok(self.whole()),
        }
    }

    pub(super) fn headers(&self) -> ContentHeaders {
        self.entry.file().map(|file| file.headers.clone()).unwrap_or_default()
    }
}

/// The checksum that the bytes of the source must have.
pub(super) fn expected_digest(request: &LakeRequest) -> Result<ExpectedDigests, Failure> {
    ExpectedDigests::named(request, ["x-ms-source-content-md5", "x-ms-source-content-crc64"])
}

/// The GET that reads the source, with the authorization that came for it.
fn source_request(request: &LakeRequest, uri: Uri) -> Result<LakeRequest, Failure> {
    let mut builder = Request::builder().method(Method::GET).uri(uri);
    if let Some(authorization) = request.headers.get("x-ms-copy-source-authorization") {
        builder = builder.header(header::AUTHORIZATION, authorization);
    }
    if let Some(version) = request.headers.get("x-ms-version") {
        builder = builder.header(HeaderName::from_static("x-ms-version"), version);
    }
    let source = builder.body(()).map_err(|_| Failure::header("x-ms-copy-source", ""))?;
    LakeRequest::parse(Api::Blob, source.into_parts().0)
        .map_err(|_| Failure::not_implemented("copies from what is no blob of an account"))
}

/// A source that may not be read is answered with the source's own status, under this one code.
fn unverified(failure: &Failure) -> Failure {
    tracing::debug!(code = failure.code().name(Api::Blob), "the source of a copy refuses");
    Failure::new(match failure.code() {
        Code::ResourceNotFound => Code::CannotVerifyCopySource,
        Code::AuthorizationPermissionMismatch => Code::CopySourceForbidden,
        _ => Code::CopySourceUnauthenticated,
    })
}

// Spec: <https://learn.microsoft.com/rest/api/storageservices/copy-blob#request-headers-all-blob-types>
const MAX_URL_BYTES: usize = 2 * 1024;
