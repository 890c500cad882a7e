//! The Functions app: a folder for each row of the path table, and what the host reads.

use crate::{read, root};
use serde_json::{Value, json};
use visionary::router::{AuthLevel, FUNCTIONS};

fn json_of(path: &str) -> Value {
    serde_json::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn each_function_has_its_folder_and_each_folder_its_function() {
    for function in FUNCTIONS {
        let path = format!("{}/function.json", function.folder);
        let methods: Vec<String> = function
            .methods
            .iter()
            .map(|method| method.as_str().to_ascii_lowercase())
            .collect();
        let level = match function.auth_level {
            AuthLevel::Anonymous => "anonymous",
            AuthLevel::Function => "function",
        };
        let expected = json!({"bindings": [
            {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": level,
             "methods": methods, "route": function.route()},
            {"type": "http", "direction": "out", "name": "res"},
        ]});
        assert_eq!(json_of(&path), expected, "{path}");
    }
    let mut folders: Vec<String> = std::fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().join("function.json").exists())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    folders.sort();
    let mut functions: Vec<&str> = FUNCTIONS.iter().map(|function| function.folder).collect();
    functions.sort_unstable();
    assert_eq!(folders, functions);
}

#[test]
fn the_host_is_told_what_it_needs_and_nothing_that_slows_it() {
    assert_eq!(
        json_of("host.json"),
        json!({
            "version": "2.0",
            "functionTimeout": "00:10:00",
            "extensions": {"http": {"routePrefix": ""}},
            "customHandler": {
                // The bare name: with a path before it the publishing tool forgets the x bit.
                "description": {"defaultExecutablePath": "visionary"},
                "enableForwardingHttpRequest": true,
                "enableProxyingHttpRequest": true,
            },
            "logging": {"applicationInsights": {
                "samplingSettings": {"isEnabled": true, "excludedTypes": "Request"}
            }},
        })
    );
}

#[test]
fn a_publish_takes_only_what_a_deployment_needs() {
    let ignored = read(".funcignore");
    let rules: Vec<&str> = ignored.lines().map(str::trim).collect();
    for entry in std::fs::read_dir(root()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let is_needed = ["host.json", "visionary", "visionary.exe"].contains(&name.as_str())
            || entry.path().join("function.json").exists();
        let matches = |rule: &&str| match rule.split_once('*') {
            Some((start, end)) => name.starts_with(start) && name.ends_with(end),
            None => rule.trim_matches('/') == name,
        };
        let is_ignored = rules.iter().any(matches);
        assert!(
            is_ignored != is_needed,
            "{name}: ignored {is_ignored}, needed {is_needed}"
        );
    }
    let git = read(".gitignore");
    assert!(
        git.lines().any(|line| line == "/visionary"),
        "the staged binary is ignored by git"
    );
}
