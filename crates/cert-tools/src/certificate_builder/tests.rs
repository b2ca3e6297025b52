//! Tests of `certificate_builder`.
