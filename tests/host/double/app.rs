//! Function apps for the double's own tests: any functions, and a shell script as the handler.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

/// An app without functions whose handler is a shell script.
pub fn empty_app(route_prefix: &str, script: &str) -> TempDir {
    let root = TempDir::new().unwrap();
    let path = root.path();
    let host = json!({
        "version": "2.0",
        "extensions": { "http": { "routePrefix": route_prefix } },
        "customHandler": {
            "description": { "defaultExecutablePath": "handler" },
            "enableForwardingHttpRequest": true,
            "enableProxyingHttpRequest": true,
        },
    });
    fs::write(path.join("host.json"), host.to_string()).unwrap();
    let handler = path.join("handler");
    fs::write(&handler, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&handler, fs::Permissions::from_mode(0o755)).unwrap();
    root
}

/// Two functions, `api/open` and `api/locked`.
pub fn scripted_app(script: &str) -> TempDir {
    let root = empty_app("api", script);
    for (name, auth_level) in [("open", "anonymous"), ("locked", "function")] {
        let methods = json!(["get", "post"]);
        add_function(
            root.path(),
            name,
            &json!({ "route": name, "methods": methods,
            "authLevel": auth_level }),
        );
    }
    root
}

/// A folder with a function.json of these values.
pub fn add_function(root: &Path, name: &str, function: &Value) {
    let folder = root.join(name);
    fs::create_dir_all(&folder).unwrap();
    let mut trigger = json!({ "name": "req", "type": "httpTrigger", "direction": "in" });
    for (name, value) in function.as_object().unwrap() {
        if !value.is_null() {
            trigger[name] = value.clone();
        }
    }
    let response = json!({ "name": "res", "type": "http", "direction": "out" });
    let json = json!({ "bindings": [trigger, response] });
    fs::write(folder.join("function.json"), json.to_string()).unwrap();
}
