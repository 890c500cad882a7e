//! Rules about the repository that no compiler checks: who may import whom, function folders and
//! path table, settings and options and their documentation, manners of files.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // how a test fails

#[path = "tidy/documents.rs"]
mod documents;
#[path = "tidy/files.rs"]
mod files;
#[path = "tidy/folders.rs"]
mod folders;
#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/options.rs"]
mod options;

use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file below a folder of the repository, with its path from the root, sorted.
fn files_below(folder: &str) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with("node_modules") || path.ends_with("target") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root()).unwrap();
                found.push((name.to_str().unwrap().replace('\\', "/"), path));
            }
        }
    }
    found.sort();
    found
}

/// Every Rust file of ours with its text.
fn rust_files() -> Vec<(String, String)> {
    ["src", "tests", "benches", "xtask/src", "fuzz"]
        .iter()
        .flat_map(|folder| files_below(folder))
        .filter(|(name, _)| name.ends_with(".rs"))
        .map(|(name, path)| (name, std::fs::read_to_string(path).unwrap()))
        .collect()
}
