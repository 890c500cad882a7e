//! Which provider is configured, and with what.

mod azure;

use super::reader::Reader;
use crate::{
    health::ConfiguredModel,
    images::openai::{HostPattern, OpenAiImageSettings},
    openai::{ApiCredential, DEFAULT_BASE_URL, Endpoint, OpenAiSettings},
    suggestions::{Fallback, SuggestionApi, SuggestionSettings},
};
use std::time::Duration;
use url::Url;

/// OpenAI's fast everyday image model; its predecessors up to gpt-image-1.5 end in 2026.
const DEFAULT_IMAGE_MODEL: &str = "gpt-image-2.5-flare";

/// OpenAI's successor of the small gpt-4o and gpt-4.1 models.
const DEFAULT_TEXT_MODEL: &str = "gpt-6-luna";

const IMAGE_MODEL: &str = "OPENAI_IMAGE_MODEL";
const TEXT_MODEL: &str = "OPENAI_TEXT_MODEL";
const OPENAI_KEY: [&str; 2] = ["OPEN_AI_KEY", "OPENAI_API_KEY"];
const AZURE_OPENAI: [&str; 3] = [
    "AZURE_OPENAI_ENDPOINT",
    "AZURE_OPENAI_API_KEY",
    "AZURE_OPENAI_DEPLOYMENT_NAME",
];
const AZURE_TEXT_DEPLOYMENT: &str = "AZURE_OPENAI_TEXT_DEPLOYMENT_NAME";
const ORGANIZATION: [&str; 2] = ["OPEN_AI_ORGANIZATION", "OPENAI_ORG_ID"];

/// Who paints and who has ideas.
#[derive(Debug, Clone)]
pub enum ProviderConfig {
    /// The demo painter and stored ideas.
    Demo,
    /// OpenAI, Azure OpenAI or a server that speaks their API.
    OpenAi(Box<OpenAiConfig>),
}

/// An upstream and what is asked of it.
#[derive(Debug, Clone)]
pub struct OpenAiConfig {
    /// Where it is.
    pub upstream: OpenAiSettings,
    /// Its images.
    pub images: OpenAiImageSettings,
    /// Its ideas; `None`: stored ones.
    pub suggestions: Option<SuggestionSettings>,
}

impl ProviderConfig {
    /// The models that it names, each with the setting that names another.
    #[must_use]
    pub fn models(&self) -> Vec<ConfiguredModel> {
        let Self::OpenAi(openai) = self else {
            return Vec::new();
        };
        let (image_setting, text_setting) = match openai.upstream.endpoint {
            Endpoint::OpenAi { .. } => (IMAGE_MODEL, TEXT_MODEL),
            Endpoint::AzureDeployments { .. } | Endpoint::AzureV1 { .. } => {
                (AZURE_OPENAI[2], AZURE_TEXT_DEPLOYMENT)
            }
        };
        let named = |name: &str, setting| ConfiguredModel {
            name: name.to_owned(),
            setting,
        };
        let text = openai.suggestions.as_ref();
        let text = text.map(|text| named(&text.model, text_setting));
        let image = named(&openai.images.model, image_setting);
        std::iter::once(image).chain(text).collect()
    }
}

impl ProviderConfig {
    /// Whether it is asked with tokens of this process's identity.
    #[must_use]
    pub fn uses_identity(&self) -> bool {
        match self {
            Self::Demo => false,
            Self::OpenAi(openai) => {
                matches!(openai.upstream.credential, ApiCredential::Entra { .. })
            }
        }
    }
}

impl From<OpenAiConfig> for ProviderConfig {
    fn from(config: OpenAiConfig) -> Self {
        Self::OpenAi(Box::new(config))
    }
}

pub(super) fn read(
    reader: &mut Reader<'_>,
    is_deployed: bool,
    has_identity: bool,
) -> Option<ProviderConfig> {
    const NAME: &str = "IMAGE_PROVIDER";
    let words = ["openai", "azure-openai", "diffusion", "demo"];
    let any = |names: &[&str]| names.iter().any(|name| reader.is_set(name));
    let openai = any(&OPENAI_KEY) || any(&ORGANIZATION) || any(&["OPENAI_BASE_URL"]);
    let azure = any(&AZURE_OPENAI) || any(&[AZURE_TEXT_DEPLOYMENT, azure::SCOPE]);
    let is_named = reader.is_set(NAME);
    let common = Common::read(reader);
    let named = reader.one_of(NAME, &words);
    // Half a configuration is a mistake, even beside another provider that is named.
    if azure || named.as_deref() == Some("azure-openai") {
        azure::report_missing(reader, has_identity);
    }
    match (named.as_deref(), openai, azure) {
        (Some("openai"), ..) => read_openai(reader, &common).map(ProviderConfig::from),
        (Some("azure-openai"), ..) => azure::read(reader, &common).map(ProviderConfig::from),
        (Some("demo"), ..) => Some(ProviderConfig::Demo),
        (Some(_), ..) => {
            reader.problem(NAME, "is diffusion, which is not part of this build");
            None
        }
        (None, ..) if is_named => None, // reported already
        (None, true, true) => {
            let problem = "is not set, but both openai and azure-openai are configured: name one";
            reader.problem(NAME, problem);
            None
        }
        (None, true, false) => read_openai(reader, &common).map(ProviderConfig::from),
        (None, false, true) => azure::read(reader, &common).map(ProviderConfig::from),
        (None, false, false) if is_deployed => {
            let problem = "is not set and no provider is configured; in Azure the demo painter \
                must be asked for by name (demo)";
            reader.problem(NAME, problem);
            None
        }
        (None, false, false) => Some(ProviderConfig::Demo),
    }
}

fn read_openai(reader: &mut Reader<'_>, common: &Common) -> Option<OpenAiConfig> {
    let api_key = reader.header_value(&OPENAI_KEY);
    let organization = reader.header_value(&ORGANIZATION);
    let base_url = match reader.is_set("OPENAI_BASE_URL") {
        true => reader.url("OPENAI_BASE_URL"),
        false => Url::parse(DEFAULT_BASE_URL).ok(),
    };
    let host = base_url.as_ref().and_then(Url::host_str);
    let is_public_api = host == Some("api.openai.com");
    if is_public_api && api_key.is_none() {
        let problem = "is missing (only a server named by OPENAI_BASE_URL may need none)";
        reader.problem(OPENAI_KEY[0], problem);
    }
    let image_model = read_model(reader, IMAGE_MODEL);
    let text_model = read_model(reader, TEXT_MODEL);
    let upstream = settings(
        Endpoint::OpenAi {
            base_url: base_url?,
        },
        api_key.map_or(ApiCredential::None, |key| ApiCredential::Key(key.into())),
        organization,
    );
    let text_model = text_model.unwrap_or_else(|| DEFAULT_TEXT_MODEL.to_owned());
    Some(OpenAiConfig {
        upstream,
        images: OpenAiImageSettings {
            provider: "openai",
            model: image_model.unwrap_or_else(|| DEFAULT_IMAGE_MODEL.to_owned()),
            timeout: common.timeout,
            download_hosts: common.download_hosts.clone(),
        },
        suggestions: Some(common.suggestions(text_model)),
    })
}

fn settings(
    endpoint: Endpoint,
    credential: ApiCredential,
    organization: Option<String>,
) -> OpenAiSettings {
    OpenAiSettings {
        endpoint,
        credential,
        organization,
        first_retry_delay: Duration::from_millis(500),
        error_body_timeout: Duration::from_secs(5),
    }
}

fn read_model(reader: &mut Reader<'_>, name: &str) -> Option<String> {
    let model = reader.text(&[name])?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:/+".contains(&byte);
    if model.len() > 128 || !model.bytes().all(allowed) {
        reader.problem(name, "must be up to 128 letters, digits and . _ - : / +");
    }
    Some(model)
}

fn read_download_hosts(reader: &mut Reader<'_>) -> Vec<HostPattern> {
    const NAME: &str = "IMAGE_DOWNLOAD_HOSTS";
    let list = reader.text(&[NAME]).unwrap_or_default();
    let mut hosts = Vec::new();
    let texts = list.split(',').map(str::trim);
    for text in texts.filter(|text| !text.is_empty()) {
        match text.parse::<HostPattern>() {
            Ok(host) => hosts.push(host),
            Err(rule) => reader.problem(NAME, format!("holds {text:?}, but {rule}")),
        }
    }
    hosts
}

/// What holds for every provider; read for the demo too, so that a wrong value is found.
struct Common {
    timeout: Option<Duration>,
    download_hosts: Vec<HostPattern>,
    fallback: Fallback,
    api: Option<SuggestionApi>,
    temperature: Option<f64>,
}

impl Common {
    fn read(reader: &mut Reader<'_>) -> Self {
        let millis = reader.integer("IMAGE_TIMEOUT_MS", 1000, 900_000);
        let fallback = reader.one_of("SUGGESTION_FALLBACK", &["on", "off"]);
        let api = reader.one_of("SUGGESTION_API", &["chat", "completions"]);
        Self {
            timeout: millis.map(Duration::from_millis),
            download_hosts: read_download_hosts(reader),
            fallback: match fallback.as_deref() {
                Some("off") => Fallback::Error,
                _ => Fallback::Stored,
            },
            api: api.map(|api| match api.as_str() {
                "completions" => SuggestionApi::Completions,
                _ => SuggestionApi::Chat,
            }),
            temperature: reader.decimal("SUGGESTION_TEMPERATURE", 0.0, 2.0),
        }
    }

    fn suggestions(&self, model: String) -> SuggestionSettings {
        SuggestionSettings {
            api: self.api.unwrap_or_else(|| SuggestionApi::of_model(&model)),
            model,
            temperature: self.temperature,
            fallback: self.fallback,
            timeout: Duration::from_secs(20),
        }
    }
}
