//! The `azconnect` command.
fn main() {}
