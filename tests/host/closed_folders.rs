//! A folder that its owner has closed by `authLevel` cannot be reached without its key, however its
//! path is written and through whichever open function it is sought.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::functions_host::{FunctionsHost, Mode, Options};
use super::harness::{Package, in_both_modes, ready_after_launches};
use super::raw;

in_both_modes!(each_folder_can_be_closed_against_every_way_of_writing_its_path);

/// A function of the package: what its folder says.
struct Folder {
    name: String,
    methods: Vec<String>,
    /// Before its parameter, if it has one.
    fixed_path: String,
    has_parameter: bool,
}

impl Folder {
    fn read(root: &Path, name: &str) -> Self {
        let binding = read_json(root, name)["bindings"][0].clone();
        let route = binding["route"].as_str().unwrap();
        let methods = binding["methods"].as_array().unwrap().iter();
        Self {
            name: name.to_owned(),
            methods: methods
                .map(|method| method.as_str().unwrap().to_ascii_uppercase())
                .collect(),
            fixed_path: format!("/{}", route.split('{').next().unwrap()),
            // The root's only value is the empty one.
            has_parameter: route.contains('{') && !route.starts_with('{'),
        }
    }

    /// A path that belongs to it.
    fn path(&self) -> String {
        let value = if self.has_parameter { "eA" } else { "" };
        format!("{}{value}", self.fixed_path)
    }

    /// Paths that lead from it to another path, where the steps up or the slashes between are
    /// taken for something else by one side.
    fn ways_to(&self, target: &str) -> Vec<String> {
        let target = target.trim_start_matches('/');
        let mut ways = Vec::new();
        let start = self.path();
        let depth = start.matches('/').count();
        for slash in ["/", "%2F", "%2f", "%252F", "%5C", "%5c", "\\"] {
            for up in ["..", "%2e%2e", ".%2E", "%252e%252e", "%252e."] {
                let ups = [up].repeat(depth + 1).join(slash);
                let rest = target.replace('/', slash);
                ways.push(format!("{start}{slash}{ups}{slash}{rest}"));
                let ups = [up].repeat(depth).join(slash);
                ways.push(format!("{start}{slash}{ups}{slash}{rest}"));
                ways.push(format!("{}{up}{slash}{rest}", self.fixed_path));
            }
        }
        ways
    }
}

/// Each way of writing a path that one side could take for that path.
fn ways_of_writing(path: &str) -> Vec<String> {
    let last = path.chars().next_back().unwrap();
    let escaped = format!(
        "{}%{:02x}",
        &path[..path.len() - last.len_utf8()],
        last as u32
    );
    let ends = [
        "/",
        "//",
        "/.",
        "/./",
        "%20",
        "%0a",
        "%09",
        "%3F",
        "%3Fx",
        "%23",
        "%23x",
        "%5C",
        "\\",
        "%2F",
        "%252F",
        "?",
        "?code=wrong",
    ];
    let mut ways: Vec<String> = ends.iter().map(|end| format!("{path}{end}")).collect();
    ways.extend([
        path.to_owned(),
        path.to_ascii_uppercase(),
        escaped,
        format!("/{path}"),
        format!("/.{path}"),
        format!("/x/..{path}"),
        format!("/x/%2e%2e{path}"),
        path.replacen("/", "/%5C", 1),
    ]);
    for slash in ["//", "%2F", "%252F", "%5C", "\\", "/./", "/x/../", "/%2e/"] {
        ways.push(format!("/{}", path[1..].replace('/', slash)));
    }
    ways.retain(|way| way.starts_with('/'));
    ways
}

fn read_json(root: &Path, folder: &str) -> Value {
    let file = root.join(folder).join("function.json");
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

/// Closes a folder, or opens it, as an owner does; gives what it was.
fn set_level(root: &Path, folder: &str, level: Value) -> Value {
    let mut json = read_json(root, folder);
    let before = std::mem::replace(&mut json["bindings"][0]["authLevel"], level);
    let file = root.join(folder).join("function.json");
    fs::write(file, json.to_string()).unwrap();
    before
}

fn folders(root: &Path) -> Vec<Folder> {
    let entries = fs::read_dir(root).unwrap().map(|entry| entry.unwrap());
    let functions = entries.filter(|entry| entry.path().join("function.json").exists());
    functions
        .map(|entry| Folder::read(root, entry.file_name().to_str().unwrap()))
        .collect()
}

/// Whether an answer without a key is the host's refusal, or says that nothing is there, or that a
/// file's address has no signature.
fn is_shut(answer: &raw::RawAnswer) -> bool {
    matches!(answer.status, 401 | 404)
        || answer.status == 403 && answer.body.contains("signature_rejected")
}

async fn each_folder_can_be_closed_against_every_way_of_writing_its_path(mode: Mode) {
    let (package, store) = (Package::unpack(), TempDir::new().unwrap());
    let root = package.root.path();
    let mut sent = 0;
    for closed in folders(root) {
        let before = set_level(root, &closed.name, "function".into());
        let options = Options::new(mode)
            .setting("IMAGE_PROVIDER", "demo")
            .setting("AzureWebJobsDisableHomepage", "true")
            .setting("STORAGE_DIR", store.path().display());
        let host = FunctionsHost::start(root, options).await.unwrap();
        ready_after_launches(&host, 1).await;
        let path = closed.path();
        let open = folders(root);
        let open = open.iter().filter(|folder| folder.name != closed.name);
        let through = open.flat_map(|folder| folder.ways_to(&path));
        let ways: Vec<String> = ways_of_writing(&path).into_iter().chain(through).collect();
        let mut reached = Vec::new();
        for method in &closed.methods {
            for way in &ways {
                let request = format!(
                    "{method} {way} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
                );
                let answer = raw::send(&host, request.as_bytes()).await.unwrap();
                sent += 1;
                if !is_shut(&answer) {
                    reached.push(format!("{method} {way}: {}", answer.status));
                }
            }
        }
        assert!(reached.is_empty(), "{} {mode:?}: {reached:#?}", closed.name);
        host.stop().await;
        set_level(root, &closed.name, before);
    }
    assert!(sent > 10_000, "{sent}");
}
