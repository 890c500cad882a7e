//! A developer's `az login`, by a script in its place.

use crate::{
    service::Service,
    upstream::{Answer, Upstream},
};
use serde_json::json;
use std::{os::unix::fs::PermissionsExt, path::Path};

/// Puts a program `az` there that writes down how it is called.
fn put_az(folder: &Path, then: &str) {
    let az = folder.join("az");
    let calls = folder.join("calls");
    let script = format!("#!/bin/sh\necho \"$@\" >> '{}'\n{then}\n", calls.display());
    std::fs::write(&az, script).unwrap();
    std::fs::set_permissions(&az, std::fs::Permissions::from_mode(0o755)).unwrap();
}

async fn start(azure: &Upstream, folder: &Path) -> Service {
    let (origin, path) = (
        azure.origin(),
        format!("{}:/usr/bin:/bin", folder.display()),
    );
    Service::start(&[
        ("AZURE_OPENAI_ENDPOINT", &origin),
        ("AZURE_OPENAI_DEPLOYMENT_NAME", "pics"),
        ("AZURE_TENANT_ID", "contoso.onmicrosoft.com"),
        ("PATH", &path),
    ])
    .await
}

#[tokio::test]
async fn a_developer_who_has_signed_in_needs_no_key() {
    let (azure, folder) = (Upstream::start().await, tempfile::tempdir().unwrap());
    let answer = r#"{"accessToken": "eyJ.developers.token", "expires_on": 4102444800, "tokenType": "Bearer"}"#;
    put_az(folder.path(), &format!("echo '{answer}'"));
    let service = start(&azure, folder.path()).await;
    let calls = folder.path().join("calls");
    assert!(!calls.exists(), "nothing is run before it is needed");
    for _ in 0..3 {
        let answer = service.generate(&json!({"prompt": "a"})).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    for request in azure.requests() {
        assert_eq!(
            request.header("authorization"),
            Some("Bearer eyJ.developers.token")
        );
    }
    assert_eq!(
        std::fs::read_to_string(&calls).unwrap(),
        "account get-access-token -o json --scope https://cognitiveservices.azure.com/.default \
            --tenant contoso.onmicrosoft.com\n"
    );
}

#[tokio::test]
async fn a_developer_who_has_not_is_told_so_by_the_log_alone() {
    let (azure, folder) = (Upstream::start().await, tempfile::tempdir().unwrap());
    put_az(folder.path(), "echo \"Please run 'az login'\" >&2; exit 1");
    azure.always(Answer::hang_up());
    let service = start(&azure, folder.path()).await;
    let answer = service.generate(&json!({"prompt": "a"})).await;
    answer.assert_problem(502, "upstream_misconfigured");
    assert!(!answer.text().contains("az login"));
    assert!(azure.requests().is_empty());
}
