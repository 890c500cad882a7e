//! Who may know whom: a module imports what stands below it, and nothing sideways.

use crate::rust_files;
use std::collections::{BTreeMap, BTreeSet};

const CAPABILITIES: [&str; 10] = [
    "credentials",
    "gallery",
    "health",
    "images",
    "limits",
    "openai",
    "operations",
    "storage",
    "suggestions",
    "thumbnails",
];
const VALUES: [&str; 7] = [
    "api_key",
    "event_stream",
    "image_format",
    "picture_json",
    "prompt",
    "request_body",
    "sas",
];

/// Each top-level module and what it may import, itself aside.
fn allowed() -> BTreeMap<&'static str, Vec<&'static str>> {
    let with = |lists: &[&[&'static str]]| lists.concat();
    BTreeMap::from([
        ("main", vec!["visionary"]),
        ("lib", vec![]),
        (
            "migrate",
            vec!["app", "config", "gallery", "storage", "telemetry"],
        ),
        ("arguments", vec!["gallery"]),
        ("serve", vec!["app", "router", "request_body"]),
        ("router", vec!["routes", "app", "error", "limits"]),
        ("routes", with(&[&["app", "error"], &CAPABILITIES, &VALUES])),
        ("app", with(&[&["config", "error"], &CAPABILITIES, &VALUES])),
        ("config", with(&[&CAPABILITIES, &VALUES])),
        ("telemetry", vec!["config"]),
        ("error", with(&[&CAPABILITIES, &VALUES])),
        (
            "health",
            vec!["gallery", "images", "openai", "operations", "storage"],
        ),
        (
            "operations",
            vec!["gallery", "images", "limits", "storage", "image_format"],
        ),
        ("limits", vec!["storage"]),
        ("suggestions", vec!["openai"]),
        ("images", vec!["openai", "image_format", "prompt"]),
        (
            "gallery",
            vec!["storage", "thumbnails", "image_format", "prompt", "sas"],
        ),
        ("storage", vec!["credentials", "sas"]),
        ("thumbnails", vec!["image_format"]),
        ("openai", vec!["credentials"]),
        ("credentials", vec![]),
        ("api_key", vec!["sas"]),
        ("event_stream", vec!["picture_json"]),
        ("image_format", vec![]),
        ("picture_json", vec![]),
        ("prompt", vec![]),
        ("request_body", vec![]),
        ("sas", vec![]),
    ])
}

/// The first names behind `crate::` and in `use crate::{…}` of a file, tests left out.
fn imports(text: &str) -> BTreeSet<String> {
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n");
    let code = code.split("#[cfg(test)]").next().unwrap();
    let mut found = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            None => found.insert(first_word(rest)),
            Some(group) => {
                found.extend(words_of_group(group));
                true
            }
        };
    }
    found
}

fn first_word(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

fn words_of_group(group: &str) -> Vec<String> {
    let (mut depth, mut words, mut starts) = (0, Vec::new(), true);
    for (index, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => starts = true,
            c if starts && (c.is_alphanumeric() || c == '_') => {
                words.push(first_word(&group[index..]));
                starts = false;
            }
            _ => {}
        }
    }
    words
}

fn module_of(name: &str) -> &str {
    let name = name.strip_prefix("src/").unwrap();
    name.split(['/', '.']).next().unwrap()
}

fn sources() -> Vec<(String, String)> {
    let mut files = rust_files();
    let is_test = |name: &str| name.ends_with("/tests.rs") || name.contains("/tests/");
    files.retain(|(name, _)| name.starts_with("src/") && !is_test(name));
    files
}

#[test]
fn modules_import_only_what_stands_below_them() {
    let allowed = allowed();
    for (name, text) in sources() {
        let module = module_of(&name);
        let may = allowed
            .get(module)
            .unwrap_or_else(|| panic!("{module} has no row in tests/tidy/imports.rs"));
        for import in imports(&text) {
            assert!(
                import == module || may.contains(&import.as_str()),
                "{name} imports {import}"
            );
        }
    }
    for module in allowed.keys() {
        assert!(
            sources().iter().any(|(name, _)| module_of(name) == *module),
            "no {module}"
        );
    }
}

#[test]
fn routes_do_not_know_one_another() {
    let shared = [
        "admin",
        "arrival",
        "base_url",
        "caller",
        "entity_tag",
        "image_answer",
        "image_json",
        "json_body",
        "limited",
        "operation_answer",
        "problem",
        "request_id",
        "request_key",
    ];
    for (name, text) in sources() {
        let Some(route) = name.strip_prefix("src/routes/") else {
            continue;
        };
        if route.starts_with("openapi/") {
            continue; // the description knows the types of all answers
        }
        let code = text.split("#[cfg(test)]").next().unwrap();
        // A route's own rooms say `super` to the route.
        let start = match route.contains('/') {
            true => "routes::",
            false => "super::",
        };
        for rest in code.split(start).skip(1) {
            let words = match rest.strip_prefix('{') {
                None => vec![first_word(rest)],
                Some(group) => words_of_group(group),
            };
            for word in words {
                assert!(shared.contains(&word.as_str()), "{route} imports {word}");
            }
        }
    }
}

#[test]
fn outside_crates_stay_in_their_rooms() {
    for (words, rooms) in [
        (
            &["axum::"][..],
            &["src/serve", "src/router", "src/routes", "src/error"][..],
        ),
        (&["tower_http::"], &["src/router"]),
        (&["hyper::", "hyper_util::"], &["src/serve"]),
        (&["utoipa::"], &["src/routes"]),
        (
            &["azure_core::", "azure_storage::", "azure_storage_blobs::"],
            &["src/storage/azure"],
        ),
        (
            &["azure_core_1::", "azure_identity::"],
            &["src/credentials"],
        ),
        (&["quick_xml::"], &["src/storage/azure"]),
        (&["hmac::"], &["src/sas"]),
        (
            &["sha2::"],
            &[
                "src/sas",
                "src/api_key",
                "src/gallery/id",
                "src/gallery/migrate/source",
                "src/gallery/thumbs",
                "src/images/demo",
                "src/operations",
                "src/storage/directory",
            ],
        ),
        (
            &["png::", "jpeg_encoder::", "image_webp::"],
            &["src/images/demo", "src/thumbnails"],
        ),
        (&["webp::", "zune_jpeg::"], &["src/thumbnails"]),
        (&["std::env::var"], &["src/config/environment.rs"]),
        (
            &["OffsetDateTime::now_utc", "SystemTime::now"],
            &[
                "src/serve/current.rs",
                "src/routes",
                "src/operations",
                "src/storage/azure",
                "src/credentials",
                "src/limits/clock.rs",
                "src/openai/retry.rs",
            ],
        ),
    ] {
        for (name, text) in sources() {
            let is_room = rooms.iter().any(|room| name.starts_with(room));
            for line in text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
            {
                // `std::io::Stdout` and the like are no crates of that name.
                let found = words.iter().find(|word| {
                    line.match_indices(*word).any(|(start, _)| {
                        !line[..start]
                            .ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
                    })
                });
                assert!(
                    is_room || found.is_none(),
                    "{name} names {}: {line}",
                    found.unwrap()
                );
            }
        }
    }
}
