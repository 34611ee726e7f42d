//! Notices when the page was built anew, so that the binary never embeds an older one.

use std::path::Path;

fn main() {
    let page = Path::new("../../web/dist");
    // Cargo takes a path that is missing for one that has always changed; an empty folder says "no page" without
    // compiling this crate again each time. A tree that cannot be written is compiled without a page just as well.
    let _ = std::fs::create_dir_all(page);
    println!("cargo:rerun-if-changed={}", page.display());
    println!("cargo:rerun-if-changed=build.rs");
}
