//! Settings to identities, and what is missing.

use super::*;
use crate::config::{Config, ConfigProblems, Environment, ServiceConfig};

const TENANT: (&str, &str) = (TENANT_ID, "11111111-2222-3333-4444-555555555555");
const CLIENT: (&str, &str) = (CLIENT_ID, "66666666-7777-8888-9999-aaaaaaaaaaaa");
const SECRET: (&str, &str) = (CLIENT_SECRET, "client~secret");
const FILE: (&str, &str) = (TOKEN_FILE, "/var/run/token");
const PLATFORM: [(&str, &str); 2] = [
    (PLATFORMS_IDENTITY[0], "http://localhost:42356/msi/token"),
    (PLATFORMS_IDENTITY[1], "header"),
];
const KEYLESS: [(&str, &str); 2] = [
    ("AZURE_OPENAI_ENDPOINT", "https://r.openai.azure.com/"),
    ("AZURE_OPENAI_DEPLOYMENT_NAME", "d"),
];
const KEY: (&str, &str) = ("AZURE_OPENAI_API_KEY", "k");

type Pairs<'a> = Vec<(&'a str, &'a str)>;

fn service(pairs: &[(&str, &str)]) -> Result<ServiceConfig, ConfigProblems> {
    let environment = Environment::from_pairs(pairs.iter().copied());
    Config::read(&environment).unwrap().service
}

/// What is chosen where Azure OpenAI needs it.
fn chosen(pairs: &[(&str, &str)]) -> String {
    let config = service(&[&KEYLESS, pairs].concat());
    let config = config.unwrap_or_else(|problems| panic!("{pairs:?}: {problems}"));
    let identity = config.identity.unwrap();
    identity.describe()
}

fn problems(pairs: &[(&str, &str)]) -> Vec<String> {
    let Err(ConfigProblems(problems)) = service(pairs) else {
        panic!("{pairs:?} are right")
    };
    let names = problems.into_iter().map(|problem| problem.setting);
    names.collect()
}

#[test]
fn what_is_there_is_taken_the_most_explicit_first() {
    let system = "managed identity (system-assigned)";
    let user = "managed identity 66666666… (user-assigned)";
    let secret = "client secret of application 66666666…";
    let workload = "workload identity 66666666…";
    for (pairs, expected) in [
        (PLATFORM.to_vec(), system),
        ([&PLATFORM[..], &[CLIENT]].concat(), user),
        ([&PLATFORM[..], &[TENANT, CLIENT]].concat(), user),
        ([&PLATFORM[..], &[TENANT, CLIENT, FILE]].concat(), workload),
        (
            [&PLATFORM[..], &[TENANT, CLIENT, FILE, SECRET]].concat(),
            secret,
        ),
        (vec![TENANT, CLIENT, SECRET], secret),
        (vec![TENANT, CLIENT, FILE], workload),
        (
            [
                &PLATFORM[..],
                &[("WEBSITE_SITE_NAME", "app"), ("STORAGE_DIR", "x")],
            ]
            .concat(),
            system,
        ),
    ] {
        assert_eq!(chosen(&pairs), expected, "{pairs:?}");
    }
}

#[test]
fn a_credential_can_be_asked_for_by_its_name_in_any_case() {
    let all = [&PLATFORM[..], &[TENANT, CLIENT, FILE, SECRET]].concat();
    for (name, expected) in [
        (
            "ManagedIdentityCredential",
            "managed identity 66666666… (user-assigned)",
        ),
        ("workloadidentitycredential", "workload identity 66666666…"),
        (
            "ENVIRONMENTCREDENTIAL",
            "client secret of application 66666666…",
        ),
        ("azureclicredential", "az login"),
    ] {
        assert_eq!(chosen(&[&all[..], &[(CHOICE, name)]].concat()), expected);
    }
    let on_a_machine = [(CHOICE, "ManagedIdentityCredential")];
    assert_eq!(chosen(&on_a_machine), "managed identity (system-assigned)");
}

#[test]
fn half_an_identity_and_wrong_values_are_problems() {
    let choice = |name| (CHOICE, name);
    for (pairs, settings) in [
        (vec![SECRET], vec![TENANT_ID, CLIENT_ID]),
        (vec![SECRET, TENANT], vec![CLIENT_ID]),
        (vec![SECRET, CLIENT], vec![TENANT_ID]),
        (vec![FILE, CLIENT], vec![TENANT_ID]),
        (
            vec![choice("EnvironmentCredential"), TENANT, CLIENT],
            vec![CLIENT_SECRET],
        ),
        (
            vec![choice("WorkloadIdentityCredential"), TENANT, CLIENT],
            vec![TOKEN_FILE],
        ),
        (vec![choice("DefaultAzureCredential")], vec![CHOICE]),
        (vec![(TENANT_ID, "a b")], vec![TENANT_ID]),
        (vec![(CLIENT_ID, "-o")], vec![CLIENT_ID]),
        (
            vec![(AUTHORITY_HOST, "http://login.example.com")],
            vec![AUTHORITY_HOST],
        ),
        (
            vec![(AUTHORITY_HOST, "login.example.com")],
            vec![AUTHORITY_HOST],
        ),
    ] {
        assert_eq!(problems(&pairs), settings, "{pairs:?}");
    }
    let unknown = service(&[choice("dev")]).unwrap_err().to_string();
    for (name, _) in CREDENTIALS {
        assert!(unknown.contains(name), "{unknown}");
    }
}

#[test]
fn azure_openai_without_a_key_needs_an_identity_and_says_both_ways() {
    let problem = service(&KEYLESS).unwrap_err().to_string();
    for word in ["AZURE_OPENAI_API_KEY", "managed identity", CHOICE] {
        assert!(problem.contains(word), "{word} in {problem}");
    }
    // Without its secret this is no identity to ask.
    let half: Pairs<'_> = [&KEYLESS[..], &PLATFORM[..1]].concat();
    assert_eq!(problems(&half), ["AZURE_OPENAI_API_KEY"]);
}

#[test]
fn tokens_go_nowhere_unencrypted_but_to_this_machine() {
    for (endpoint, is_right) in [
        ("http://r.openai.azure.com", false),
        ("http://127.0.0.2.example.com", false),
        ("http://127.0.0.1:9", true),
        ("http://[::1]:9", true),
        ("http://localhost:9", true),
        ("https://r.openai.azure.com", true),
    ] {
        let endpoint = [("AZURE_OPENAI_ENDPOINT", endpoint), KEYLESS[1]];
        let config = service(&[&endpoint[..], &PLATFORM].concat());
        assert_eq!(config.is_ok(), is_right, "{endpoint:?}");
        assert!(service(&[&endpoint[..], &[KEY]].concat()).is_ok());
    }
}

#[test]
fn nothing_that_has_a_key_uses_an_identity() {
    let with_key = [&KEYLESS[..], &PLATFORM, &[KEY]].concat();
    for pairs in [with_key, PLATFORM.to_vec()] {
        let config = service(&pairs).unwrap();
        assert!(config.identity.is_none(), "{pairs:?}");
        assert!(!config.provider.uses_identity());
    }
}

#[test]
fn the_scope_is_azures_or_as_it_is_set() {
    let scope = |pairs: &[(&str, &str)]| {
        let pairs = [&KEYLESS[..], &PLATFORM, pairs].concat();
        format!("{:?}", service(&pairs).unwrap().provider)
    };
    assert!(scope(&[]).contains("https://cognitiveservices.azure.com/.default"));
    let foundry = [("AZURE_OPENAI_SCOPE", "https://ai.azure.com/.default")];
    assert!(scope(&foundry).contains("https://ai.azure.com/.default"));
    for wrong in [
        "https://ai.azure.com",
        "https://x y/.default",
        "$(id)/.default",
    ] {
        let pairs = [&KEYLESS[..], &PLATFORM, &[("AZURE_OPENAI_SCOPE", wrong)]].concat();
        assert_eq!(problems(&pairs), ["AZURE_OPENAI_SCOPE"], "{wrong}");
    }
    let alone = [("AZURE_OPENAI_SCOPE", "https://ai.azure.com/.default")];
    assert!(problems(&alone).contains(&"AZURE_OPENAI_ENDPOINT".to_owned()));
}

#[test]
fn what_only_the_file_says_is_no_identity_of_the_platform() {
    let values: Vec<String> = [&KEYLESS[..], &PLATFORM]
        .concat()
        .iter()
        .map(|(name, value)| format!("{name:?}: {value:?}"))
        .collect();
    let file = format!(
        r#"{{"IsEncrypted": false, "Values": {{{}}}}}"#,
        values.join(", ")
    );
    let mut of_file = Environment::default();
    of_file.add_local_settings(file.as_bytes());
    let problems = Config::read(&of_file).unwrap().service.unwrap_err();
    assert_eq!(problems.0[0].setting, "AZURE_OPENAI_API_KEY");
    let mut of_process = Environment::from_pairs(PLATFORM);
    of_process.add_local_settings(file.as_bytes());
    let config = Config::read(&of_process).unwrap().service.unwrap();
    assert!(config.identity.is_some());
}

#[cfg(unix)]
#[test]
fn az_is_taken_where_a_program_of_that_name_is_and_never_in_azure() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = format!("/nowhere:{}", folder.path().display());
    let pairs = [&KEYLESS[..], &[("PATH", path.as_str())]].concat();
    assert_eq!(problems(&pairs), ["AZURE_OPENAI_API_KEY"]);
    let az = folder.path().join("az");
    std::fs::write(&az, "").unwrap();
    assert_eq!(
        problems(&pairs),
        ["AZURE_OPENAI_API_KEY"],
        "it cannot be run"
    );
    std::fs::set_permissions(&az, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(chosen(&pairs), "az login");
    let deployed = [
        &pairs[..],
        &[("WEBSITE_SITE_NAME", "app"), ("STORAGE_DIR", "x")],
    ]
    .concat();
    assert_eq!(problems(&deployed), ["AZURE_OPENAI_API_KEY"]);
}

#[test]
fn no_problem_and_no_debug_form_shows_the_secret() {
    let pairs = [&KEYLESS[..], &[TENANT, CLIENT, SECRET]].concat();
    let shown = format!("{:?}", service(&pairs).unwrap());
    assert!(!shown.contains(SECRET.1), "{shown}");
    let half = service(&[SECRET]).unwrap_err();
    assert!(!half.to_string().contains(SECRET.1));
}
