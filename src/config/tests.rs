//! Settings, right and wrong.

mod access;

use super::*;

fn read(pairs: &[(&str, &str)]) -> Config {
    Config::read(&Environment::from_pairs(pairs.iter().copied())).unwrap()
}

fn service(pairs: &[(&str, &str)]) -> ServiceConfig {
    read(pairs).service.unwrap()
}

fn problems(pairs: &[(&str, &str)]) -> Vec<String> {
    match read(pairs).service {
        Ok(config) => panic!("{pairs:?} gave {config:?}"),
        Err(ConfigProblems(problems)) => problems
            .into_iter()
            .map(|problem| problem.setting)
            .collect(),
    }
}

const ACCOUNT: [(&str, &str); 2] = [("accountName", "acct"), ("accountKey", "c2VjcmV0")];
const OPENAI: (&str, &str) = ("OPENAI_API_KEY", "sk-test");
const AZURE: [(&str, &str); 3] = [
    ("AZURE_OPENAI_ENDPOINT", "https://r.openai.azure.com/"),
    ("AZURE_OPENAI_API_KEY", "k"),
    ("AZURE_OPENAI_DEPLOYMENT_NAME", "d"),
];

#[test]
fn nothing_set_is_a_demo_in_a_folder_on_port_7071() {
    let config = read(&[]);
    assert_eq!(config.mode, Mode::Standalone);
    assert_eq!(config.listen, "127.0.0.1:7071".parse().unwrap());
    let service = config.service.unwrap();
    assert!(matches!(service.provider, ProviderConfig::Demo));
    assert!(
        matches!(&service.storage, StorageConfig::Directory(folder) if folder.root.ends_with("data"))
    );
    assert_eq!(service.gallery.signatures.container_permissions, "r");
    assert_eq!(
        (service.max_images, service.gallery.signatures.minutes_left),
        (4, 30)
    );
}

#[test]
fn only_standing_alone_the_start_waits_for_the_folder() {
    let wait = |pairs: &[(&str, &str)]| match service(pairs).storage {
        StorageConfig::Directory(folder) => folder.lock_wait.as_secs(),
        StorageConfig::Azure(_) => panic!("an account"),
    };
    assert_eq!(wait(&[]), 2);
    assert_eq!(wait(&[("FUNCTIONS_CUSTOMHANDLER_PORT", "7071")]), 0);
}

#[test]
fn empty_and_blank_mean_unset() {
    let blank = read(&[("OPEN_AI_KEY", ""), ("accountName", "  "), ("PORT", "")]);
    assert!(matches!(
        blank.service.unwrap().provider,
        ProviderConfig::Demo
    ));
}

#[test]
fn the_configured_provider_is_taken_and_two_need_a_name() {
    let provider = |pairs: &[(&str, &str)]| match service(pairs).provider {
        ProviderConfig::OpenAi(config) => (config.images.provider, config.images.model),
        ProviderConfig::Demo => ("demo", String::new()),
    };
    assert_eq!(
        provider(&[OPENAI]),
        ("openai", "gpt-image-2.5-flare".to_owned())
    );
    assert_eq!(provider(&AZURE), ("azure-openai", "d".to_owned()));
    let both = [&AZURE[..], &[OPENAI]].concat();
    assert_eq!(problems(&both), ["IMAGE_PROVIDER"]);
    let named = [&both[..], &[("IMAGE_PROVIDER", "openai")]].concat();
    assert_eq!(provider(&named).0, "openai");
    assert_eq!(
        provider(&[("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")]).0,
        "openai"
    );
}

#[test]
fn half_a_configuration_is_an_error() {
    for (pairs, setting) in [
        (vec![("accountName", "acct")], "accountKey"),
        (vec![("accountKey", "c2VjcmV0")], "accountName"),
        (vec![("accountName", "Bad_Name"), ACCOUNT[1]], "accountName"),
        (vec![ACCOUNT[0], ("accountKey", "!!")], "accountKey"),
        (
            vec![("AZURE_STORAGE_BLOB_ENDPOINT", "https://x")],
            "AZURE_STORAGE_BLOB_ENDPOINT",
        ),
        (
            vec![("AZURE_STORAGE_CONNECTION_STRING", "AccountName=a")],
            "AZURE_STORAGE_CONNECTION_STRING",
        ),
        (
            vec![
                ACCOUNT[0],
                ACCOUNT[1],
                ("AZURE_STORAGE_CONNECTION_STRING", "x"),
            ],
            "AZURE_STORAGE_CONNECTION_STRING",
        ),
        (vec![AZURE[0], AZURE[2]], "AZURE_OPENAI_API_KEY"),
        (vec![AZURE[1], AZURE[2]], "AZURE_OPENAI_ENDPOINT"),
        (vec![AZURE[0], AZURE[1]], "AZURE_OPENAI_DEPLOYMENT_NAME"),
        (vec![("IMAGE_PROVIDER", "openai")], "OPEN_AI_KEY"),
        (vec![("OPEN_AI_ORGANIZATION", "org-1")], "OPEN_AI_KEY"),
        (
            vec![("OPENAI_BASE_URL", "https://api.openai.com/v1")],
            "OPEN_AI_KEY",
        ),
        (vec![("OPENAI_API_KEY", "sk-a\nb")], "OPEN_AI_KEY"),
        (
            vec![OPENAI, ("IMAGE_PROVIDER", "openai"), AZURE[0], AZURE[1]],
            "AZURE_OPENAI_DEPLOYMENT_NAME",
        ),
        (
            vec![("IMAGE_PROVIDER", "demo"), AZURE[0], AZURE[2]],
            "AZURE_OPENAI_API_KEY",
        ),
        (vec![("IMAGE_PROVIDER", "diffusion")], "IMAGE_PROVIDER"),
        (vec![("IMAGE_PROVIDER", "midnight")], "IMAGE_PROVIDER"),
    ] {
        assert_eq!(problems(&pairs), [setting], "{pairs:?}");
    }
}

#[test]
fn synonyms_mean_the_same_and_may_not_differ() {
    let same = service(&[("OPEN_AI_KEY", "sk-test"), OPENAI]);
    assert!(matches!(same.provider, ProviderConfig::OpenAi(_)));
    assert_eq!(
        problems(&[("OPEN_AI_KEY", "other"), OPENAI]),
        ["OPENAI_API_KEY"]
    );
    let account = service(&[
        ("AZURE_STORAGE_ACCOUNT", "acct"),
        ("AZURE_STORAGE_KEY", "c2VjcmV0"),
    ]);
    assert!(matches!(account.storage, StorageConfig::Azure(_)));
}

#[test]
fn an_account_without_a_key_is_opened_by_an_identity_where_there_is_one() {
    let identity = ("IDENTITY_ENDPOINT", "http://127.0.0.1:1/msi/token");
    let header = ("IDENTITY_HEADER", "header");
    let needs = |pairs: &[(&str, &str)]| {
        let pairs = [pairs, &[identity, header]].concat();
        service(&pairs).storage.uses_identity()
    };
    assert!(needs(&ACCOUNT[..1]));
    assert!(needs(&[(
        "AZURE_STORAGE_CONNECTION_STRING",
        "AccountName=acct"
    )]));
    assert!(!needs(&ACCOUNT), "a key wins");
    for (pair, setting) in [
        (("SAS_SCOPE", "account"), "SAS_SCOPE"),
        (("SAS_MINUTES", "9631"), "SAS_MINUTES"),
        (
            ("AZURE_STORAGE_BLOB_ENDPOINT", "http://acct.example.com"),
            "AZURE_STORAGE_BLOB_ENDPOINT",
        ),
        (
            (
                "AZURE_STORAGE_CONNECTION_STRING",
                "AccountName=acct;SharedAccessSignature=s",
            ),
            "AZURE_STORAGE_CONNECTION_STRING",
        ),
        (
            (
                "AZURE_STORAGE_CONNECTION_STRING",
                "AccountName=acct;BlobEndpoint=http://azurite:10000/acct",
            ),
            "AZURE_STORAGE_CONNECTION_STRING",
        ),
    ] {
        let mut pairs = vec![identity, header, pair];
        if pair.0 != "AZURE_STORAGE_CONNECTION_STRING" {
            pairs.push(ACCOUNT[0]);
        }
        assert_eq!(problems(&pairs), [setting], "{pair:?}");
    }
    let message = read(&ACCOUNT[..1]).service.unwrap_err().to_string();
    for way in ["accountKey", "identity"] {
        assert!(message.contains(way), "{message}");
    }
}

#[test]
fn all_problems_are_reported_together() {
    let pairs = [
        ("accountName", "Bad_Name"),
        ("IMAGE_PROVIDER", "none"),
        ("MAX_IMAGES", "11"),
        ("SAS_PERMISSIONS", "q"),
        ("SAS_MINUTES", "soon"),
        ("SAS_SCOPE", "world"),
        ("SUGGESTION_FALLBACK", "maybe"),
        ("SUGGESTION_API", "fax"),
        ("SUGGESTION_TEMPERATURE", "warm"),
        ("IMAGE_TIMEOUT_MS", "1"),
        ("IMAGE_DOWNLOAD_HOSTS", "https://cdn.example.com"),
        ("IMAGES_CONTAINER", "Images"),
        ("STATE_CONTAINER", "Images"),
        ("IMAGE_MEMORY_MB", "1"),
        ("MAX_CONCURRENT_GENERATIONS", "0"),
        ("PUBLIC_BASE_URL", "example.com"),
        ("CORS_ORIGINS", "example.com"),
        ("API_KEY", "too short"),
        ("RATE_LIMIT_PER_MINUTE", "0"),
        ("INSTANCE_RATE_LIMIT_PER_MINUTE", "ten"),
        ("DAILY_IMAGE_BUDGET", "1.5"),
        ("TRUST_FORWARDED_FOR", "1"),
        ("DIFFUSION_MODEL", "sd"),
    ];
    let mut found = problems(&pairs);
    found.sort();
    found.dedup();
    let mut expected: Vec<_> = pairs
        .iter()
        .map(|(name, _)| *name)
        .chain(["accountKey"]) // missing
        .collect();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn a_temperature_is_a_decimal_number_from_0_to_2() {
    let read = |text: &str| service(&[OPENAI, ("SUGGESTION_TEMPERATURE", text)]).provider;
    for (text, expected) in [
        ("0", Some(0.0)),
        ("0.7", Some(0.7)),
        ("2", Some(2.0)),
        ("", None),
    ] {
        let ProviderConfig::OpenAi(openai) = read(text) else {
            panic!("no provider")
        };
        let temperature = openai.suggestions.unwrap().temperature;
        assert_eq!(temperature, expected, "{text}");
    }
    for text in ["2.1", "-0.1", "0,7", "NaN", "inf", "1 2"] {
        let config = self::read(&[("SUGGESTION_TEMPERATURE", text)]);
        let message = config.service.unwrap_err().to_string();
        assert_eq!(
            message, "SUGGESTION_TEMPERATURE must be a number from 0 to 2, such as 0.7",
            "{text}"
        );
    }
}

#[test]
fn the_ports_problems_are_reported_with_the_others() {
    let pairs = [("PORT", "http"), ("HOST", "here"), ("MAX_IMAGES", "0")];
    let ConfigProblems(problems) = Config::read(&Environment::from_pairs(pairs)).unwrap_err();
    let names: Vec<_> = problems
        .iter()
        .map(|problem| problem.setting.as_str())
        .collect();
    assert_eq!(names, ["PORT", "HOST", "MAX_IMAGES"]);
}

/// Setting a default by name changes nothing: what the documentation says is what holds.
#[test]
fn the_documented_defaults_are_the_programs() {
    let azure = [&AZURE[..], &ACCOUNT].concat();
    for (base, names) in [
        (
            vec![OPENAI],
            &[
                "OPENAI_IMAGE_MODEL",
                "OPENAI_TEXT_MODEL",
                "STORAGE_DIR",
                "PORT",
                "HOST",
            ][..],
        ),
        (
            azure,
            &["OPENAI_API_VERSION", "IMAGES_CONTAINER", "STATE_CONTAINER"],
        ),
        (
            vec![OPENAI, ACCOUNT[0], ACCOUNT[1]],
            &[
                "SAS_PERMISSIONS",
                "SAS_SCOPE",
                "SAS_MINUTES",
                "SUGGESTION_FALLBACK",
                "MAX_IMAGES",
                "MAX_CONCURRENT_GENERATIONS",
                "IMAGE_MEMORY_MB",
            ],
        ),
    ] {
        let unset = format!("{:?}", read(&base)).replace("./", "");
        for name in names {
            let setting = SETTINGS
                .iter()
                .find(|setting| setting.name == *name)
                .unwrap();
            let set = read(&[&base[..], &[(*name, setting.default)]].concat());
            let set = format!("{set:?}").replace("./", "");
            assert_eq!(set, unset, "{name}={}", setting.default);
        }
    }
}

#[test]
fn in_azure_demo_and_folder_must_be_asked_for_by_name() {
    for platform in ["WEBSITE_SITE_NAME", "CONTAINER_APP_NAME"] {
        assert_eq!(
            problems(&[(platform, "app")]),
            ["IMAGE_PROVIDER", "STORAGE_DIR"]
        );
        let named = [
            (platform, "app"),
            ("IMAGE_PROVIDER", "demo"),
            ("STORAGE_DIR", "/mnt/x"),
        ];
        assert!(matches!(service(&named).provider, ProviderConfig::Demo));
    }
}

#[test]
fn the_hosts_port_makes_a_handler_that_listens_on_loopback() {
    let config = read(&[
        ("FUNCTIONS_CUSTOMHANDLER_PORT", "8123"),
        ("HOST", "0.0.0.0"),
        ("HOME", "/home/u"),
    ]);
    assert_eq!(config.mode, Mode::Handler);
    assert_eq!(config.listen, "127.0.0.1:8123".parse().unwrap());
    let storage = config.service.unwrap().storage;
    assert!(
        matches!(storage, StorageConfig::Directory(folder) if folder.root.ends_with(".local/share/visionary"))
    );
    let bad = Environment::from_pairs([("FUNCTIONS_CUSTOMHANDLER_PORT", "http")]);
    assert!(Config::read(&bad).is_err());
}

#[test]
fn permissions_are_put_into_the_services_order() {
    let permissions = |given| {
        service(&[("SAS_PERMISSIONS", given)])
            .gallery
            .signatures
            .container_permissions
    };
    assert_eq!(permissions("rwc"), "rcw");
    assert_eq!(permissions("rcw"), "rcw");
    assert_eq!(problems(&[("SAS_SCOPE", "account")]), ["SAS_SCOPE"]);
}

#[test]
fn local_settings_stand_below_the_environment() {
    let mut environment = Environment::from_pairs([("MAX_IMAGES", "2")]);
    environment.add_local_settings(
        br#"{"IsEncrypted": false, "Host": {"LocalHttpPort": 7099, "CORS": "https://a.example"},
            "Values": {"MAX_IMAGES": "3", "SAS_MINUTES": "60", "accountName": ""}}"#,
    );
    let config = Config::read(&environment).unwrap();
    assert_eq!(config.listen.port(), 7099);
    let service = config.service.unwrap();
    assert_eq!(
        (service.max_images, service.gallery.signatures.minutes_left),
        (2, 60)
    );
    assert_eq!(service.cors_origins, ["https://a.example"]);
}

#[test]
fn broken_local_settings_are_reported() {
    let mut environment = Environment::default();
    environment.add_local_settings(b"{}");
    let config = Config::read(&environment).unwrap();
    let ConfigProblems(problems) = config.service.unwrap_err();
    assert_eq!(problems[0].setting, "local.settings.json");
}

#[test]
fn no_problem_and_no_debug_form_shows_a_secret() {
    let secret = "SECRETSECRETSECRET==";
    let pairs = [
        ("accountName", "acct"),
        ("accountKey", secret),
        ("AZURE_STORAGE_CONNECTION_STRING", secret),
        ("OPEN_AI_KEY", secret),
        ("OPENAI_API_KEY", "another-secret"),
    ];
    let config = read(&pairs);
    let shown = format!("{config:?} {}", config.service.as_ref().unwrap_err());
    assert!(
        !shown.contains("SECRET") && !shown.contains("another-secret"),
        "{shown}"
    );
    let good = format!(
        "{:?}",
        service(&[("OPEN_AI_KEY", "sk-hidden"), ACCOUNT[0], ACCOUNT[1]])
    );
    assert!(
        !good.contains("sk-hidden") && !good.contains("c2VjcmV0"),
        "{good}"
    );
}
