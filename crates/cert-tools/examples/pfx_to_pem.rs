//! Converts a PFX file to PEM a number of times: `pfx_to_pem FILE PASSWORD_FILE TIMES`.
//!
//! `cargo xtask bench cert` runs it once with few and once with many, and takes the difference for the cost of the
//! library alone, without that of a process and of loading OpenSSL's algorithms.
#![allow(clippy::print_stdout, reason = "a program that tells what it did")]

use std::error::Error;

use azconnect_cert_tools::{Pfx, decode_password_file};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, password_file, times] = arguments.as_slice() else {
        return Err("three arguments are expected: FILE PASSWORD_FILE TIMES".into());
    };
    let bytes = std::fs::read(file)?;
    let password = decode_password_file(&std::fs::read(password_file)?)?;
    let mut characters = 0;
    for _ in 0..times.parse::<usize>()? {
        characters += Pfx::decode(&bytes, &password)?.to_pem()?.len();
    }
    println!("{characters} characters of PEM");
    Ok(())
}
