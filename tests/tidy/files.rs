//! Manners of files: a first line that says what they are, a length that can be read, nothing
//! left open, nothing that only one machine has.

use crate::{files_below, read, root, rust_files};
use std::collections::BTreeSet;

const LONGEST_FILE: usize = 450;

#[test]
fn every_rust_file_says_first_what_it_is() {
    for (name, text) in rust_files() {
        assert!(text.starts_with("//! "), "{name} does not begin with //!");
        assert!(
            !name.ends_with("/mod.rs"),
            "{name}: foo.rs beside foo/, not foo/mod.rs"
        );
        let lines = text.lines().count();
        assert!(
            lines <= LONGEST_FILE,
            "{name} has {lines} lines; is it still one idea?"
        );
    }
}

#[test]
fn nothing_is_left_open() {
    for (name, text) in rust_files() {
        for word in ["TODO", "FIXME", "unimplemented!", "todo!(", "#[ignore"] {
            let quoted = format!("\"{word}");
            let open = text.matches(word).count() > text.matches(&quoted).count();
            assert!(!open, "{name} holds {word}");
        }
    }
}

#[test]
fn tests_do_not_sleep() {
    for (name, text) in rust_files() {
        // The doubles pause between pieces of an answer: that is what they are for.
        if !name.starts_with("tests/")
            || name.starts_with("tests/support/")
            || name.ends_with("tidy/files.rs")
        {
            continue;
        }
        // The host's double probes and waits as the host does.
        for word in ["thread::sleep", "time::sleep"] {
            if name.starts_with("tests/host/") {
                continue;
            }
            assert!(!text.contains(word), "{name} sleeps");
        }
    }
}

#[test]
fn no_file_names_a_package_registry_or_a_machines_folder() {
    let mut names: Vec<String> = ["src", "tests", "benches", "xtask", "docs", "fuzz"]
        .iter()
        .flat_map(|folder| files_below(folder))
        .map(|(name, _)| name)
        .collect();
    for entry in std::fs::read_dir(root()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        // In a worktree of git `.git` is a file, which says where the repository is.
        if path.is_file() && name != "visionary" && name != ".git" {
            names.push(name);
        }
    }
    // Cargo writes its registry into its lock files, and nobody else may.
    names.retain(|name| !name.ends_with("Cargo.lock"));
    let forbidden = [
        ["registry.", "npmjs"].concat(),
        ["crates", ".io"].concat(),
        ["pypi", ".org"].concat(),
        ["/ro", "ot/"].concat(),
        ["/wo", "rk/"].concat(),
        ["/ho", "me/runner"].concat(),
    ];
    for name in names {
        let Ok(text) = String::from_utf8(std::fs::read(root().join(&name)).unwrap()) else {
            continue;
        };
        for word in &forbidden {
            assert!(!text.contains(word.as_str()), "{name} names {word}");
        }
    }
}

#[test]
fn ci_runs_the_one_test_command_and_nothing_else() {
    let script = read(".ci/run");
    let commands: Vec<&str> = script
        .lines()
        .map(str::trim)
        .filter(|line| {
            !line.is_empty()
                && !line.starts_with('#')
                && !line.starts_with("set ")
                && !line.starts_with("cd ")
        })
        .collect();
    assert_eq!(commands, ["cargo xtask test"]);
}

/// Names and versions in a lock file.
fn locked(path: &str) -> BTreeSet<(String, String)> {
    let text = read(path);
    let packages = text.split("[[package]]").skip(1);
    let field = |package: &str, name: &str| {
        let value = package.lines().find_map(|line| line.strip_prefix(name));
        value.unwrap().trim_matches([' ', '=', '"']).to_owned()
    };
    packages
        .map(|package| (field(package, "name"), field(package, "version")))
        .collect()
}

#[test]
fn what_is_fuzzed_is_built_from_the_packages_that_are_shipped() {
    let of_its_own = ["visionary-fuzz", "libfuzzer-sys", "arbitrary", "jobserver"];
    let (shipped, mut fuzzed) = (locked("Cargo.lock"), locked("fuzz/Cargo.lock"));
    fuzzed.retain(|(name, _)| !of_its_own.contains(&name.as_str()));
    assert!(!fuzzed.is_empty());
    let others: Vec<_> = fuzzed.difference(&shipped).collect();
    assert!(
        others.is_empty(),
        "{others:?}: cp Cargo.lock fuzz/ && cargo metadata --manifest-path fuzz/Cargo.toml"
    );
}

/// Without them cargo would have to change the lock, which `cargo xtask fuzz` forbids.
#[test]
fn what_is_fuzzed_locks_every_dependency_of_the_library() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, dependencies) = manifest.split_once("\n[dependencies]\n").unwrap();
    let dependencies = dependencies.split("\n[").next().unwrap().lines();
    let lock = std::fs::read_to_string(root().join("fuzz/Cargo.lock")).unwrap();
    let (_, library) = lock.split_once("\nname = \"visionary\"\n").unwrap();
    let library = library.split("[[package]]").next().unwrap();
    // `azure_core_1 = { package = "azure_core", … }` is in the lock under its real name.
    let names = dependencies.filter_map(|line| line.split_once(" = "));
    let names: Vec<&str> = names
        .map(|(name, rest)| match rest.split_once("package = \"") {
            Some((_, package)) => package.split('"').next().unwrap(),
            None => name,
        })
        .collect();
    assert!(names.contains(&"axum"));
    for name in names {
        assert!(
            library.contains(&format!("\"{name}\"")) || library.contains(&format!("\"{name} ")),
            "{name}: cp Cargo.lock fuzz/ && cargo metadata --manifest-path fuzz/Cargo.toml"
        );
    }
}
