//! The description before a generator: openapi-typescript makes types of what a running service
//! says, a program in TypeScript is compiled by them, and makes, lists and deletes an image.
#![allow(clippy::disallowed_methods)] // the test command tells by the environment

use crate::service::Service;
use std::path::{Path, PathBuf};
use tokio::process::Command;

const API_KEY: &str = "a-key-of-32-characters-for-tests";

#[cfg(unix)]
use std::os::unix::fs::symlink as link_folder;
#[cfg(windows)]
use std::os::windows::fs::symlink_dir as link_folder;

/// The folder with the pinned packages and the program, as the test command installs it.
fn npm_folder() -> PathBuf {
    let folder = std::env::var("VISIONARY_TEST_NPM");
    folder
        .expect("run `cargo xtask test`, which installs openapi-typescript by npm")
        .into()
}

/// Runs one of npm's programs, or one that was compiled, and returns what it prints.
async fn node(folder: &Path, program: &str, arguments: &[&str]) -> String {
    let mut node = Command::new("node");
    node.arg(program)
        .args(arguments)
        .current_dir(folder)
        .kill_on_drop(true);
    let output = node.output().await;
    let output =
        output.expect("Node.js 20 or later is needed: install it, then run `cargo xtask test`");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert!(output.status.success(), "{program}: {said}");
    said
}

/// The program beside the types of this description, with the packages where node looks for them.
fn workspace(description: &str) -> tempfile::TempDir {
    let (npm, folder) = (npm_folder(), tempfile::tempdir().unwrap());
    for file in ["client.mts", "tsconfig.json"] {
        std::fs::copy(npm.join("client").join(file), folder.path().join(file)).unwrap();
    }
    std::fs::write(folder.path().join("openapi.json"), description).unwrap();
    link_folder(npm.join("node_modules"), folder.path().join("node_modules")).unwrap();
    folder
}

#[tokio::test]
async fn a_generated_client_makes_lists_and_deletes() {
    let service = Service::start(&[("API_KEY", API_KEY)]).await;
    let told = service.get("/api/openapi.json").await;
    let workspace = workspace(&told.text());
    let folder = workspace.path();
    let generator = "node_modules/openapi-typescript/bin/cli.js";
    let types = ["openapi.json", "--output", "description.d.mts"];
    node(folder, generator, &types).await;
    let compiler = "node_modules/typescript/bin/tsc";
    node(folder, compiler, &["--project", "."]).await;
    let told = told.json();
    let server = told["servers"][0]["url"].as_str().unwrap();
    let removed = node(folder, "client.mjs", &[server, API_KEY]).await;
    let listed = service.get("/api/getImages").await.json();
    let listed = listed["imageUrls"].as_array().unwrap();
    assert_eq!(listed.len(), 1, "two were made and one deleted");
    assert_ne!(listed[0]["id"], removed.trim());
}
