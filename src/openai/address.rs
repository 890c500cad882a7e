//! Three ways to address one API: OpenAI's own, Azure's path per deployment with a dated
//! `api-version`, and Azure's v1 path, where the deployment is the model
//! (<https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle>).

use url::Url;

/// Which service, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// OpenAI or a server that speaks its API.
    OpenAi {
        /// Up to and with `/v1`.
        base_url: Url,
    },
    /// Azure OpenAI with dated versions.
    AzureDeployments {
        /// The resource's address, without a path.
        endpoint: Url,
        /// Such as `2025-04-01-preview`.
        api_version: String,
    },
    /// Azure OpenAI's v1 path.
    AzureV1 {
        /// The resource's address, without a path.
        endpoint: Url,
    },
}

/// What is asked of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiCall {
    /// An image from a text.
    ImageGeneration,
    /// The next message of a chat.
    ChatCompletion,
    /// The legacy completion of a text.
    Completion,
    /// The list of models.
    Models,
}

impl ApiCall {
    fn path(self) -> &'static str {
        match self {
            Self::ImageGeneration => "images/generations",
            Self::ChatCompletion => "chat/completions",
            Self::Completion => "completions",
            Self::Models => "models",
        }
    }
}

impl Endpoint {
    /// An Azure endpoint from what people paste: with or without a slash at the end, with
    /// `/openai` or `/openai/v1` behind it. Without a version, or with `v1`, it is the v1 path.
    #[must_use]
    pub fn azure(mut endpoint: Url, api_version: Option<&str>) -> Self {
        let path = endpoint.path().trim_end_matches('/');
        let path = path.strip_suffix("/v1").unwrap_or(path);
        let path = path.strip_suffix("/openai").unwrap_or(path).to_owned();
        endpoint.set_path(&path);
        match api_version {
            None | Some("v1" | "preview") => Self::AzureV1 { endpoint },
            Some(version) => Self::AzureDeployments {
                endpoint,
                api_version: version.to_owned(),
            },
        }
    }

    /// Whether `model` belongs in the body: Azure refuses it beside a deployment's path.
    #[must_use]
    pub fn names_model_in_body(&self) -> bool {
        !matches!(self, Self::AzureDeployments { .. })
    }

    pub(super) fn base_url(&self) -> &Url {
        match self {
            Self::OpenAi { base_url: url }
            | Self::AzureDeployments { endpoint: url, .. }
            | Self::AzureV1 { endpoint: url } => url,
        }
    }

    /// Where to send a call. `model` is the deployment's name where the path has it.
    pub(super) fn url(&self, call: ApiCall, model: &str) -> Url {
        let mut url = self.base_url().clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty();
            match self {
                Self::OpenAi { .. } => {}
                Self::AzureDeployments { .. } if call == ApiCall::Models => {
                    path.push("openai");
                }
                Self::AzureDeployments { .. } => {
                    path.extend(["openai", "deployments", model]);
                }
                Self::AzureV1 { .. } => {
                    path.extend(["openai", "v1"]);
                }
            }
            path.extend(call.path().split('/'));
        }
        if let Self::AzureDeployments { api_version, .. } = self {
            url.query_pairs_mut()
                .append_pair("api-version", api_version);
        }
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn openai_and_its_like_are_addressed_below_their_base_url() {
        for base in ["https://host/v1", "https://host/v1/"] {
            let endpoint = Endpoint::OpenAi {
                base_url: url(base),
            };
            assert_eq!(
                endpoint.url(ApiCall::ImageGeneration, "m").as_str(),
                "https://host/v1/images/generations"
            );
        }
    }

    #[test]
    fn azure_is_addressed_by_deployment_or_by_the_v1_path() {
        for pasted in [
            "https://r.openai.azure.com",
            "https://r.openai.azure.com/",
            "https://r.openai.azure.com/openai",
            "https://r.openai.azure.com/openai/v1/",
        ] {
            let dated = Endpoint::azure(url(pasted), Some("2024-10-21"));
            assert_eq!(
                dated.url(ApiCall::ImageGeneration, "my image").as_str(),
                "https://r.openai.azure.com/openai/deployments/my%20image/images/generations?api-version=2024-10-21"
            );
            assert_eq!(
                dated.url(ApiCall::Models, "").as_str(),
                "https://r.openai.azure.com/openai/models?api-version=2024-10-21"
            );
            assert!(!dated.names_model_in_body());
            for version in [None, Some("v1")] {
                let v1 = Endpoint::azure(url(pasted), version);
                assert_eq!(
                    v1.url(ApiCall::ChatCompletion, "m").as_str(),
                    "https://r.openai.azure.com/openai/v1/chat/completions"
                );
                assert!(v1.names_model_in_body());
            }
        }
    }

    #[test]
    fn a_deployments_name_cannot_leave_its_place_in_the_path() {
        let dated = Endpoint::azure(url("https://r.openai.azure.com"), Some("2024-10-21"));
        assert_eq!(
            dated.url(ApiCall::ImageGeneration, "../../x?y#z").path(),
            "/openai/deployments/..%2F..%2Fx%3Fy%23z/images/generations"
        );
    }
}
