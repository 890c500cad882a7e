//! Every setting in one table; the README's and the example file are held against it by tests.

/// A setting as the documentation names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// Other names of the same setting.
    pub synonyms: &'static [&'static str],
    /// What holds when it is not set, as the documentation writes it; empty: nothing.
    pub default: &'static str,
}

const fn setting(
    name: &'static str,
    synonyms: &'static [&'static str],
    default: &'static str,
) -> Setting {
    Setting {
        name,
        synonyms,
        default,
    }
}

/// What the program reads, in the order of the documentation.
pub const SETTINGS: &[Setting] = &[
    setting(
        "IMAGE_PROVIDER",
        &[],
        "the one that is configured, else demo",
    ),
    setting("OPEN_AI_KEY", &["OPENAI_API_KEY"], ""),
    setting("OPEN_AI_ORGANIZATION", &["OPENAI_ORG_ID"], ""),
    setting("OPENAI_BASE_URL", &[], "OpenAI's public API"),
    setting("OPENAI_IMAGE_MODEL", &[], "gpt-image-2.5-flare"),
    setting("OPENAI_TEXT_MODEL", &[], "gpt-6-luna"),
    setting("AZURE_OPENAI_ENDPOINT", &[], ""),
    setting("AZURE_OPENAI_API_KEY", &[], ""),
    setting("AZURE_OPENAI_DEPLOYMENT_NAME", &[], ""),
    setting(
        "AZURE_OPENAI_TEXT_DEPLOYMENT_NAME",
        &[],
        "stored suggestions",
    ),
    setting("OPENAI_API_VERSION", &[], "v1"),
    setting(
        "AZURE_OPENAI_SCOPE",
        &[],
        "https://cognitiveservices.azure.com/.default",
    ),
    setting("AZURE_TOKEN_CREDENTIALS", &[], "the one that is there"),
    setting("AZURE_TENANT_ID", &[], ""),
    setting("AZURE_CLIENT_ID", &[], ""),
    setting("AZURE_CLIENT_SECRET", &[], ""),
    setting("AZURE_FEDERATED_TOKEN_FILE", &[], ""),
    setting("AZURE_AUTHORITY_HOST", &[], "the public cloud's"),
    setting("IDENTITY_ENDPOINT", &[], "set by the platform"),
    setting("accountName", &["AZURE_STORAGE_ACCOUNT"], ""),
    setting("accountKey", &["AZURE_STORAGE_KEY"], ""),
    setting("AZURE_STORAGE_CONNECTION_STRING", &[], ""),
    setting(
        "AZURE_STORAGE_BLOB_ENDPOINT",
        &[],
        "the account's public one",
    ),
    setting("IMAGES_CONTAINER", &[], "images"),
    setting("STATE_CONTAINER", &[], "visionary-state"),
    setting("STORAGE_DIR", &[], "./data"),
    setting("SAS_PERMISSIONS", &[], "r"),
    setting("SAS_SCOPE", &[], "container"),
    setting("SAS_MINUTES", &[], "30"),
    setting("SUGGESTION_FALLBACK", &[], "on"),
    setting("SUGGESTION_API", &[], "by the model's name"),
    setting("SUGGESTION_TEMPERATURE", &[], "the model's own"),
    setting("MAX_IMAGES", &[], "4"),
    setting("MAX_CONCURRENT_GENERATIONS", &[], "64"),
    setting("IMAGE_MEMORY_MB", &[], "96"),
    setting("IMAGE_TIMEOUT_MS", &[], "60000 for dall-e, else 180000"),
    setting("IMAGE_DOWNLOAD_HOSTS", &[], "none"),
    setting(
        "FUNCTIONS_CUSTOMHANDLER_PORT",
        &[],
        "set by the Functions host",
    ),
    setting("PORT", &[], "7071"),
    setting("HOST", &[], "127.0.0.1"),
    setting("PUBLIC_BASE_URL", &[], "from the request"),
    setting("CORS_ORIGINS", &[], "none"),
    setting("API_KEY", &[], ""),
    setting("RATE_LIMIT_PER_MINUTE", &[], "off; in Azure 10"),
    setting("INSTANCE_RATE_LIMIT_PER_MINUTE", &[], "off; in Azure 60"),
    setting("DAILY_IMAGE_BUDGET", &[], "off; in Azure 1000"),
    setting("TRUST_FORWARDED_FOR", &[], "off"),
    setting("RUST_LOG", &[], "info"),
];

/// Names that stand for what this version does not do: whoever sets one would rely on it, so
/// they are refused.
pub const LATER_SETTINGS: [&str; 1] = ["DIFFUSION_MODEL"];
