//! The `azconnect-emulate` program.
fn main() {}
