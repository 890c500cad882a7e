//! The bodies in which Azure OpenAI differs from OpenAI: its content filter, blocks and addresses.

use serde_json::{Value, json};

use super::answer::Answer;

/// The request id that these answers carry, in the two headers that Azure uses.
const REQUEST_ID: &str = "8d7c6b5a-4f3e-4d2c-9b1a-0f9e8d7c6b5a";

impl Answer {
    /// The image API's refusal: 400 with `inner_error` and `content_filter_results` (violence).
    pub fn azure_image_filtered() -> Answer {
        Answer::azure(
            400,
            &json!({ "error": {
                "code": "content_policy_violation",
                "message": "Your request was rejected as a result of our safety system.",
                "type": "invalid_request_error",
                "inner_error": {
                    "code": "ResponsibleAIPolicyViolation",
                    "content_filter_results": filter_results(),
                    "revised_prompt": "A picture, as the model understood it",
                },
            } }),
        )
    }

    /// The documented refusal: `created` beside `error`, under a 200.
    pub fn azure_filtered_under_200() -> Answer {
        let message = "Generated image was filtered as a result of our safety system.";
        Answer::azure(
            200,
            &json!({ "created": 1_780_000_000, "error": { "code": "contentFilter", "message": message } }),
        )
    }

    /// The chat API's refusal: `innererror` and `content_filter_result`, spelt unlike the image API.
    pub fn azure_chat_filtered() -> Answer {
        Answer::azure(
            400,
            &json!({ "error": {
                "code": "content_filter",
                "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
                "param": "prompt",
                "status": 400,
                "type": null,
                "innererror": {
                    "code": "ResponsibleAIPolicyViolation",
                    "content_filter_result": filter_results(),
                },
            } }),
        )
    }

    /// A deployment name that the resource does not have.
    pub fn azure_deployment_not_found() -> Answer {
        let message = "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again.";
        Answer::azure_error(404, "DeploymentNotFound", message)
    }

    /// The whole resource blocked, which no other prompt cures.
    pub fn azure_resource_blocked() -> Answer {
        let message = "Your resource has been temporarily blocked because we detected behavior that may violate our content policy.";
        Answer::azure_error(403, "Forbidden", message)
    }

    /// A 429 without a Retry-After of its own.
    pub fn azure_rate_limited() -> Answer {
        let message = "Requests to the ImageGenerations_Create Operation have exceeded the rate limit of your current pricing tier. Please retry after 10 seconds.";
        Answer::azure_error(429, "429", message)
    }

    /// A wrong key or a key of another region.
    pub fn azure_wrong_key() -> Answer {
        let message = "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription.";
        Answer::azure_error(401, "401", message)
    }

    /// Azure's bare error: `code` and `message`, without `type` and `param`.
    pub fn azure_error(status: u16, code: &str, message: &str) -> Answer {
        Answer::azure(
            status,
            &json!({ "error": { "code": code, "message": message } }),
        )
    }

    fn azure(status: u16, body: &Value) -> Answer {
        Answer::json(body)
            .status(status)
            .header("apim-request-id", REQUEST_ID)
            .header("x-request-id", REQUEST_ID)
            .header("x-ms-region", "Sweden Central")
    }
}

fn filter_results() -> Value {
    json!({
        "hate": { "filtered": false, "severity": "safe" },
        "jailbreak": { "detected": false, "filtered": false },
        "profanity": { "detected": false, "filtered": false },
        "self_harm": { "filtered": false, "severity": "safe" },
        "sexual": { "filtered": false, "severity": "safe" },
        "violence": { "filtered": true, "severity": "medium" },
    })
}
