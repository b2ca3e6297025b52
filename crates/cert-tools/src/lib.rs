#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod alternative_name;
mod batch;
mod certificate;
mod certificate_builder;
mod error;
mod extensions;
mod key;
mod name;
mod password;
mod pem;
mod pfx;
mod request;
mod thumbprint;
mod times;

pub use self::{
    alternative_name::AlternativeName,
    batch::BatchCertificate,
    certificate::Certificate,
    certificate_builder::{CertificateBuilder, CertificateUse, Validity},
    error::{Error, ErrorKind, Result},
    key::{EllipticCurve, KeyAlgorithm, PrivateKey, PublicKey, RsaPublicParameters},
    name::{Attribute, DistinguishedName},
    password::{decode_password_file, generate_password},
    pfx::{EncodeOptions, PemOptions, Pfx, PfxContents, PfxStore, Stored},
    request::CertificateRequest,
    thumbprint::{Thumbprint, ThumbprintAlgorithm},
};
