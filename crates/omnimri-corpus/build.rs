//! Lists every file of `catalogue/` at the root of the workspace, so that `src/builtin.rs` can embed them.

use std::path::PathBuf;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let variable =
        |name| env::var_os(name).ok_or_else(|| io::Error::other(format!("{name} is not set")));
    let folder = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("../../catalogue");
    let folder = folder.canonicalize()?;
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    for file in fs::read_dir(&folder)? {
        let path = file?.path();
        if path.extension().is_some_and(|e| e == "toml") {
            files.push(path);
        }
    }
    files.sort();
    let mut code = String::from("&[\n");
    for path in &files {
        println!("cargo::rerun-if-changed={}", path.display());
        let stem = path.file_stem().unwrap_or_default();
        code += &format!(
            "({:?}, include_str!({:?})),\n",
            stem.to_string_lossy(),
            path.to_string_lossy()
        );
    }
    code += "]\n";
    fs::write(
        PathBuf::from(variable("OUT_DIR")?).join("catalogue.rs"),
        code,
    )
}
