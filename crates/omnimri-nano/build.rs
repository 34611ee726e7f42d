//! Puts the trust file of the committed checkpoint where the program can embed it; empty where a fresh checkpoint has none yet.

use std::path::{Path, PathBuf};

fn main() -> std::io::Result<()> {
    let file = Path::new("../../models/nano/trust.json");
    println!("cargo:rerun-if-changed=../../models/nano");
    let text = match std::fs::read(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let out = std::env::var_os("OUT_DIR").map(PathBuf::from);
    let out = out.ok_or_else(|| std::io::Error::other("OUT_DIR: expected by cargo's contract"))?;
    std::fs::write(out.join("trust.json"), text)
}
