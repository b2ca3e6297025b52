//! Tests of `thumbprint`.
