//! Documents are true: settings tables, the example file, the code map.

use crate::{files_below, read, root, rust_files};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use visionary::{
    config::{LATER_SETTINGS, SETTINGS},
    router::FUNCTIONS,
    routes::json_body::MAX_BODY_BYTES,
};

/// The platform, the Functions host and the shell set these; they have no place in the app's
/// settings.
const NOT_IN_THE_EXAMPLE: [&str; 5] = [
    "FUNCTIONS_CUSTOMHANDLER_PORT",
    "IDENTITY_ENDPOINT",
    "PORT",
    "HOST",
    "RUST_LOG",
];

#[test]
fn the_readmes_table_is_the_settings_table() {
    let readme = read("README.md");
    let rows: Vec<String> = readme
        .lines()
        .skip_while(|line| !line.starts_with("| setting"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            line.split('|')
                .skip(1)
                .take(2)
                .map(str::trim)
                .collect::<Vec<_>>()
                .join(" | ")
        })
        .collect();
    let expected: Vec<String> = SETTINGS
        .iter()
        .map(|setting| {
            let synonyms = match setting.synonyms {
                [] => String::new(),
                names => format!(" (`{}`)", names.join("`, `")),
            };
            format!("`{}`{synonyms} | {}", setting.name, setting.default)
        })
        .collect();
    assert_eq!(rows, expected);
}

#[test]
fn the_readme_names_the_settings_that_are_refused() {
    let readme = read("README.md");
    for name in LATER_SETTINGS {
        assert!(readme.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn the_example_file_names_every_setting_and_sets_none() {
    let example: Value = serde_json::from_str(&read("local.settings.example.json")).unwrap();
    assert_eq!(example["IsEncrypted"], false);
    let values = example["Values"].as_object().unwrap();
    let most_bytes = MAX_BODY_BYTES.to_string();
    let of_the_host = [
        ("FUNCTIONS_WORKER_RUNTIME", "custom"),
        ("AzureWebJobsDisableHomepage", "true"),
        ("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", &most_bytes),
    ];
    let deployment = read("docs/DEPLOYMENT.md");
    for (name, value) in of_the_host {
        assert_eq!(values[name], value, "{name}");
        let documented = format!("`{name}={value}`");
        assert!(deployment.contains(&documented), "{documented}");
    }
    let named: BTreeSet<&str> = values
        .iter()
        .filter(|(name, _)| of_the_host.iter().all(|(known, _)| *name != known))
        .map(|(name, value)| {
            assert_eq!(
                value,
                &json!(""),
                "{name} is set: a copy would configure something"
            );
            name.as_str()
        })
        .collect();
    let expected: BTreeSet<&str> = SETTINGS
        .iter()
        .map(|setting| setting.name)
        .filter(|name| !NOT_IN_THE_EXAMPLE.contains(name))
        .collect();
    assert_eq!(named, expected);
}

#[test]
fn the_settings_table_is_what_the_code_reads() {
    let others = [
        "WEBSITE_SITE_NAME",
        "CONTAINER_APP_NAME",
        "ASPNETCORE_FORWARDEDHEADERS_ENABLED",
        "IDENTITY_HEADER",
        "PATH",
        "XDG_DATA_HOME",
        "LOCALAPPDATA",
        "HOME",
        "CORS", // of local.settings.json's Host
    ];
    let is_name = |text: &&str| {
        text.len() > 3
            && text
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    let sources: String = rust_files()
        .into_iter()
        .filter(|(name, _)| {
            name.starts_with("src/config")
                && !name.ends_with("table.rs")
                && !name.ends_with("tests.rs")
                && !name.contains("/tests/")
        })
        .map(|(_, text)| text)
        .collect();
    let literals: BTreeSet<&str> = sources.split('"').skip(1).step_by(2).collect();
    let documented: BTreeSet<&str> = SETTINGS
        .iter()
        .flat_map(|setting| [&[setting.name], setting.synonyms].concat())
        .collect();
    for name in literals.iter().filter(|text| is_name(text)) {
        assert!(
            documented.contains(name) || others.contains(name),
            "{name} is not documented"
        );
    }
    for name in documented {
        assert!(
            literals.contains(name),
            "{name} is documented and never read"
        );
    }
}

#[test]
fn the_architecture_names_every_room_and_only_paths_that_exist() {
    let text = read("docs/ARCHITECTURE.md");
    for (name, _) in rust_files() {
        let parts: Vec<&str> = name.split('/').collect();
        if let ["src", file] = parts[..] {
            assert!(
                text.contains(&format!("`src/{file}`")),
                "{file} is not on the map"
            );
        }
    }
    for function in FUNCTIONS {
        assert!(
            text.contains(&format!("`{}/`", function.folder)),
            "{}/",
            function.folder
        );
    }
    let quoted = text.split('`').skip(1).step_by(2);
    for path in quoted.filter(|text| text.contains('/') && !text.contains([' ', '<', '{', ':'])) {
        let is_address =
            path.starts_with('/') || path.starts_with("gallery/") || path.starts_with("thumbs/");
        let known = path.starts_with("target/") || is_address;
        assert!(
            known || root().join(path).exists(),
            "{path} is named and not there"
        );
    }
}

#[test]
fn links_within_the_documents_lead_somewhere() {
    let mut documents = files_below("docs");
    documents.push(("README.md".to_owned(), root().join("README.md")));
    for (name, path) in documents.iter().filter(|(name, _)| name.ends_with(".md")) {
        let text = std::fs::read_to_string(path).unwrap();
        for link in text
            .split("](")
            .skip(1)
            .map(|rest| rest.split([')', '#']).next().unwrap())
        {
            if link.is_empty() || link.starts_with("http") {
                continue;
            }
            assert!(
                path.parent().unwrap().join(link).exists(),
                "{name} links to {link}"
            );
        }
    }
}
