//! Our signatures, parameter for parameter those of Microsoft's own client, and what a real
//! service says to right, wrong, foreign and expired ones.

use crate::azurite;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::Write,
    process::{Command, Stdio},
};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339, macros::datetime};
use visionary::sas::{
    DelegationKey, SasProtocol, SasResource, SasTerms, SharedKey, VERSION, account_sas,
    encode_blob_path, service_sas, user_delegation_sas,
};

fn key() -> SharedKey {
    SharedKey::from_base64(azurite::ACCOUNT, azurite::KEY).unwrap()
}

fn terms(permissions: &str, protocol: SasProtocol) -> SasTerms {
    SasTerms {
        permissions: permissions.to_owned(),
        starts_at: datetime!(2026-11-21 09:55:00 UTC),
        expires_at: datetime!(2026-11-21 10:45:00 UTC),
        protocol,
    }
}

/// The folder with Microsoft's client in it, as the test command installs it.
#[allow(
    clippy::disallowed_methods,
    reason = "the test command tells by the environment"
)]
fn npm_folder() -> String {
    std::env::var("VISIONARY_TEST_NPM")
        .expect("run `cargo xtask test`, which installs Microsoft's client by npm")
}

fn signed_by_microsoft(cases: &[Value]) -> Vec<String> {
    let folder = npm_folder();
    let spawned = Command::new("node")
        .arg("sas_vectors.mjs")
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut node =
        spawned.expect("Node.js 20 or later is needed: install it, then run `cargo xtask test`");
    let input = Value::from(cases).to_string();
    node.stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = node.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout)
        .expect("run `cargo xtask test`, which installs Microsoft's client by npm")
}

fn parameters(token: &str) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(token.as_bytes())
        .into_owned()
        .collect()
}

/// What is signed in all ways: resources, permissions, protocols.
fn signed() -> [(SasResource<'static>, SasTerms); 6] {
    let blob = |blob| SasResource::Blob {
        container: "images",
        blob,
    };
    let container = SasResource::Container {
        container: "images",
    };
    let (https, both) = (SasProtocol::Https, SasProtocol::HttpsAndHttp);
    let named = "gallery/8299999999999/a cat_1700000000000.png";
    [
        (blob(named), terms("r", https)),
        (blob("old/ü?#%20&+ 猫_1.png"), terms("r", both)),
        (blob("a"), terms("rcw", both)),
        (container, terms("r", https)),
        (container, terms("rcw", both)),
        (container, terms("racwdl", both)),
    ]
}

fn assert_signed_alike(ours: &[String], cases: &[Value]) {
    let theirs = signed_by_microsoft(cases);
    assert_eq!(theirs.len(), ours.len());
    for ((ours, theirs), case) in ours.iter().zip(&theirs).zip(cases) {
        assert_eq!(parameters(ours), parameters(theirs), "{case}");
    }
}

#[test]
fn our_tokens_are_those_of_microsofts_client() {
    let (mut ours, mut cases) = (Vec::new(), Vec::new());
    for (resource, terms) in signed() {
        ours.push(service_sas(&key(), resource, &terms));
        cases.push(case(resource, &terms));
    }
    let account_terms = terms("r", SasProtocol::Https);
    let container = SasResource::Container {
        container: "images",
    };
    let mut account = case(container, &account_terms);
    account["kind"] = "account".into();
    account["services"] = "b".into();
    account["resourceTypes"] = "sco".into();
    ours.push(account_sas(&key(), &account_terms));
    cases.push(account);
    assert_signed_alike(&ours, &cases);
}

/// Keys as Azure and as Azurite give them: the version that made one is not the signature's.
#[test]
fn our_delegated_tokens_are_those_of_microsofts_client() {
    let (mut ours, mut cases) = (Vec::new(), Vec::new());
    for version in ["2018-11-09", "2022-11-02", "2026-04-06"] {
        let key = DelegationKey {
            object_id: "11059fcc-5514-4800-b5f8-49808b9cfab6".to_owned(),
            tenant_id: "ab1f708d-50f6-404c-a006-d71b2ac7a606".to_owned(),
            starts_at: datetime!(2026-11-21 05:45:00 UTC),
            expires_at: datetime!(2026-11-21 13:45:00 UTC),
            service: "b".to_owned(),
            version: version.to_owned(),
            key: key(),
        };
        for (resource, terms) in signed() {
            ours.push(user_delegation_sas(&key, resource, &terms).unwrap());
            cases.push(delegated_case(&key, resource, &terms));
        }
    }
    assert_signed_alike(&ours, &cases);
}

fn delegated_case(key: &DelegationKey, resource: SasResource<'_>, terms: &SasTerms) -> Value {
    let mut case = case(resource, terms);
    case["userDelegationKey"] = json!({
        "signedObjectId": key.object_id,
        "signedTenantId": key.tenant_id,
        "signedStartsOn": key.starts_at.format(&Rfc3339).unwrap(),
        "signedExpiresOn": key.expires_at.format(&Rfc3339).unwrap(),
        "signedService": key.service,
        "signedVersion": key.version,
        "value": azurite::KEY,
    });
    case
}

fn case(resource: SasResource<'_>, terms: &SasTerms) -> Value {
    let (kind, blob) = match resource {
        SasResource::Blob { blob, .. } => ("blob", blob),
        SasResource::Container { .. } => ("container", ""),
    };
    json!({
        "kind": kind, "account": azurite::ACCOUNT, "key": azurite::KEY, "container": "images",
        "blob": blob, "permissions": terms.permissions, "version": VERSION,
        "startsOn": terms.starts_at.format(&Rfc3339).unwrap(),
        "expiresOn": terms.expires_at.format(&Rfc3339).unwrap(),
        "protocol": match terms.protocol {
            SasProtocol::Https => "https",
            SasProtocol::HttpsAndHttp => "https,http",
        },
    })
}

#[tokio::test]
async fn a_real_service_opens_right_signatures_and_no_others() {
    let container = azurite::new_container("signed");
    let (first, second) = ("gallery/1/a ü?_1.png", "gallery/2/b_2.png");
    let now = OffsetDateTime::now_utc();
    let valid = |permissions: &str| SasTerms {
        permissions: permissions.to_owned(),
        starts_at: now - Duration::minutes(5),
        expires_at: now + Duration::minutes(30),
        protocol: SasProtocol::HttpsAndHttp,
    };
    let writer = account_sas(&key(), &valid("rwc"));
    let address = |blob: &str| {
        format!(
            "{}/{container}/{}",
            azurite::endpoint(),
            encode_blob_path(blob)
        )
    };
    let create = format!(
        "{}/{container}?restype=container&{writer}",
        azurite::endpoint()
    );
    assert_eq!(put(&create).await, 201);
    for blob in [first, second] {
        assert_eq!(put(&format!("{}?{writer}", address(blob))).await, 201);
    }
    let container = container.as_str();
    let on_first = SasResource::Blob {
        container,
        blob: first,
    };
    let on_container = SasResource::Container { container };
    let foreign = SharedKey::from_base64(azurite::ACCOUNT, "c29tZWJvZHkgZWxzZSdzIGtleQ==").unwrap();
    let expired = SasTerms {
        expires_at: now - Duration::minutes(1),
        ..valid("r")
    };
    let not_yet = SasTerms {
        starts_at: now + Duration::minutes(10),
        ..valid("r")
    };
    let good = service_sas(&key(), on_first, &valid("r"));
    for (what, token, blob, status) in [
        ("its own", good.clone(), first, 200),
        (
            "its container's",
            service_sas(&key(), on_container, &valid("r")),
            second,
            200,
        ),
        (
            "the account's",
            account_sas(&key(), &valid("r")),
            second,
            200,
        ),
        ("another blob's", good.clone(), second, 403),
        (
            "a foreign key's",
            service_sas(&foreign, on_first, &valid("r")),
            first,
            403,
        ),
        (
            "an expired one",
            service_sas(&key(), on_first, &expired),
            first,
            403,
        ),
        (
            "one for later",
            service_sas(&key(), on_first, &not_yet),
            first,
            403,
        ),
        (
            "one without read",
            service_sas(&key(), on_first, &valid("w")),
            first,
            403,
        ),
        ("a changed one", good.replace("sp=r", "sp=rw"), first, 403),
        ("none", String::new(), first, 404),
    ] {
        let got = client()
            .get(format!("{}?{token}", address(blob)))
            .send()
            .await
            .unwrap();
        let found = got.status().as_u16();
        // Without any signature the service does not even say whether the blob is there.
        assert!(
            found == status || (token.is_empty() && found != 200),
            "{what} gave {found}"
        );
    }
    assert_eq!(
        put(&format!("{}?{good}", address(first))).await,
        403,
        "it only reads"
    );
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

async fn put(url: &str) -> u16 {
    let request = client().put(url).header("x-ms-blob-type", "BlockBlob");
    let answer = request.header("content-length", "0").send().await.unwrap();
    answer.status().as_u16()
}
