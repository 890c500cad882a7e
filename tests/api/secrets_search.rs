//! The search for known secrets finds what it is for, and has searched; settings and errors show
//! no secret in any form.

use crate::{
    azurite,
    process::{Running, program},
    secrets::{self, LogSearch, MARK, SEARCHED, Searched, every_form, key_in, secret_in},
    service::{Answer, Service, client},
};
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::json;
use std::{
    panic::catch_unwind,
    sync::{Arc, Mutex, atomic::Ordering::Relaxed},
    time::Duration,
};
use tracing::Level;
use tracing_subscriber::layer::SubscriberExt;
use visionary::{
    config::{Config, Environment, SETTINGS, StorageConfig},
    storage::{
        BlobStore, Container, ListQuery,
        azure::{AzureAccess, AzureStore},
    },
};

const SIGNATURE: &str = "sig=vgLUZqe7VwNUI9C13l3NjykmUiL27t92BWy9vSjCE4s%3D";

/// One of each kind, as it might slip out.
fn planted() -> [String; 6] {
    [
        format!("sk-{MARK}-of-the-operator"),
        format!("key {:?}", azurite::KEY),
        format!("https://a.blob.example/b?sv=2022-11-02&{SIGNATURE}"),
        format!(
            "https%3A%2F%2Fa.blob.example%2Fb%3F{}",
            SIGNATURE.replacen('=', "%3D", 1)
        ),
        "Bearer eyJ0eXAi".to_owned(),
        "SharedKey acct:signature".to_owned(),
    ]
}

#[derive(Debug, thiserror::Error)]
#[error("something failed")]
struct Outer(#[source] std::io::Error);

#[test]
fn a_planted_secret_is_found_wherever_an_event_has_it() {
    let found = Arc::new(Mutex::new(Vec::new()));
    let sink = found.clone();
    let search = LogSearch(move |_: &str, secret: &str| {
        sink.lock().unwrap().push(secret.to_owned());
    });
    let subscriber = tracing_subscriber::registry().with(search);
    tracing::subscriber::with_default(subscriber, || {
        for (count, secret) in planted().into_iter().enumerate() {
            tracing::trace!("{secret}");
            tracing::error!(nested = ?vec![Some(&secret)], "a field");
            let failure = Outer(std::io::Error::other(secret.clone()));
            let failure: &(dyn std::error::Error + 'static) = &failure;
            tracing::warn!(failure, "a cause");
            let span = tracing::debug_span!("work", secret, later = tracing::field::Empty);
            span.record("later", &secret);
            tracing::info!("nothing");
            assert_eq!(found.lock().unwrap().len(), 5 * (count + 1), "{secret}");
        }
    });
}

#[test]
fn a_planted_secret_is_found_wherever_an_answer_has_it() {
    let none = HeaderMap::new();
    let is_found = |headers: &HeaderMap, body: &str| {
        let body = body.to_owned();
        catch_unwind(|| secrets::search_answer(headers, body.as_bytes())).is_err()
    };
    for secret in planted() {
        assert!(is_found(&none, &secret), "{secret}");
        assert!(is_found(&none, &json!({"a": [{"b": secret}]}).to_string()));
        assert!(is_found(&none, &json!({"detail": secret}).to_string()));
        let header = HeaderValue::from_str(&secret.replace('"', "")).unwrap();
        let headers = HeaderMap::from_iter([("x-any".parse().unwrap(), header)]);
        assert!(is_found(&headers, ""), "{secret}");
    }
    let signed = format!("https://a.blob.example/b?sv=2022-11-02&{SIGNATURE}");
    assert!(!is_found(
        &none,
        &json!({"imageUrls": [{"url": signed}]}).to_string()
    ));
    assert!(!is_found(&none, &format!("sv=2022-11-02&{SIGNATURE}")));
    let with_key = format!("{signed}&key={MARK}");
    assert!(is_found(&none, &json!({"url": with_key}).to_string()));
}

#[tokio::test]
async fn answers_events_and_lines_are_searched() {
    let count = || {
        let Searched {
            events,
            answers,
            lines,
        } = &SEARCHED;
        [events, answers, lines].map(|count| count.load(Relaxed))
    };
    let before = count();
    let service = Service::start(&[]).await;
    assert!(tracing::enabled!(target: "visionary::any", Level::TRACE));
    assert!(!tracing::enabled!(target: "reqwest::any", Level::DEBUG));
    assert_eq!(service.get("/api/getImages").await.status, 200);
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("PORT", "0"),
        ("STORAGE_DIR", folder.path().to_str().unwrap()),
    ];
    let running = Running::start(program(&settings)).await;
    let list = format!("{}/api/getImages", running.base);
    assert_eq!(Answer::of(client().get(list)).await.status, 200);
    running.signal("-TERM");
    running.end().await;
    for (before, after) in before.into_iter().zip(count()) {
        assert!(after > before);
    }
}

/// What has no secret in any form may be written down anywhere.
fn forms(environment: &[(&str, &str)]) -> String {
    match Config::read(&Environment::from_pairs(environment.iter().copied())) {
        Ok(config) => format!(
            "{config:?} {config:#?} {}",
            match &config.service {
                Ok(_) => String::new(),
                Err(problems) => every_form(problems),
            }
        ),
        Err(problems) => every_form(&problems),
    }
}

#[test]
fn settings_show_no_secret() {
    let base64 = format!("{MARK}{MARK}AA=="); // five letters and a digit, twice: base64
    let connection = format!(
        "DefaultEndpointsProtocol=https;AccountName=acct;AccountKey={base64};\
         EndpointSuffix=core.windows.net"
    );
    let key = format!("sk-test-key-{MARK}"); // as long as a key has to be
    for environment in [
        &[
            ("OPEN_AI_KEY", key.as_str()),
            ("API_KEY", &key),
            ("STORAGE_DIR", "data"),
        ][..],
        &[
            ("OPENAI_API_KEY", &key),
            ("accountName", "acct"),
            ("accountKey", &base64),
        ],
        &[
            ("OPENAI_API_KEY", &key),
            ("AZURE_STORAGE_CONNECTION_STRING", &connection),
        ],
        &[
            ("AZURE_OPENAI_ENDPOINT", "https://a.openai.azure.com"),
            ("AZURE_OPENAI_API_KEY", &key),
            ("AZURE_OPENAI_DEPLOYMENT_NAME", "d"),
            ("AZURE_STORAGE_ACCOUNT", "acct"),
            ("AZURE_STORAGE_KEY", &base64),
        ],
        &[
            ("AZURE_OPENAI_ENDPOINT", "https://a.openai.azure.com"),
            ("AZURE_OPENAI_DEPLOYMENT_NAME", "d"),
            ("accountName", "acct"),
            ("AZURE_TENANT_ID", "t"),
            ("AZURE_CLIENT_ID", "c"),
            ("AZURE_CLIENT_SECRET", &key),
        ],
    ] {
        let config = Config::read(&Environment::from_pairs(environment.iter().copied())).unwrap();
        assert!(
            config.service.is_ok(),
            "{environment:?} gives {:?}",
            config.service
        );
        let text = forms(environment);
        assert_eq!(secret_in(&text), None, "{text}");
    }
}

/// Whatever is in a setting, a secret in the wrong place too.
#[test]
fn what_is_wrong_with_a_setting_is_said_without_its_value() {
    let names = SETTINGS
        .iter()
        .flat_map(|setting| [&[setting.name], setting.synonyms].concat());
    // Hosts are no secrets, and what is wrong with one of many is said by quoting it.
    let names: Vec<&str> = names
        .filter(|name| *name != "IMAGE_DOWNLOAD_HOSTS")
        .collect();
    let mut refused = 0;
    for value in [
        MARK.to_owned(),
        format!("sk-{MARK} with a space\nand a line"),
        format!("AccountName=a;AccountKey={MARK}"),
        format!("https://user:{MARK}@h.example/?sig={MARK}#{MARK}"),
        format!("ftp://{MARK}"),
    ] {
        for name in &names {
            let environment = [(*name, value.as_str()), ("accountName", "a")];
            let config = Config::read(&Environment::from_pairs(environment));
            let problems = match config {
                Ok(config) => config.service.err(),
                Err(problems) => Some(problems),
            };
            if let Some(problems) = problems {
                refused += 1;
                let text = every_form(&problems);
                assert_eq!(key_in(&text), None, "{name}: {text}");
            }
        }
    }
    assert!(refused > names.len(), "{refused}");
}

/// Every call to an account that cannot be reached fails with an error that knows its address.
#[tokio::test]
async fn errors_of_the_store_show_no_signature() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/devstoreaccount1", closed.local_addr().unwrap());
    drop(closed);
    let connection = format!(
        "DefaultEndpointsProtocol=http;AccountName={};AccountKey={};BlobEndpoint={endpoint};",
        azurite::ACCOUNT,
        azurite::KEY
    );
    let environment = Environment::from_pairs([("AZURE_STORAGE_CONNECTION_STRING", &*connection)]);
    let config = Config::read(&environment).unwrap().service.unwrap();
    let StorageConfig::Azure(account) = config.storage else {
        panic!("it is an account");
    };
    let mut settings = account.settings;
    settings.retries.first_delay = Duration::from_millis(1);
    let access = AzureAccess::Key(account.key.unwrap());
    let store = AzureStore::new(settings, access, client());
    let images = Container::Images;
    let list = ListQuery {
        prefix: "gallery/".to_owned(),
        ..ListQuery::default()
    };
    let errors = [
        store.list(images, &list).await.err(),
        store.get(images, "a.png").await.err(),
        store.look(images, "a.png").await.err(),
    ];
    for error in errors {
        let text = every_form(&error.expect("nobody listens"));
        assert!(
            text.contains("StorageError") || text.contains("Failed"),
            "{text}"
        );
        assert_eq!(secret_in(&text), None, "{text}");
    }
}
