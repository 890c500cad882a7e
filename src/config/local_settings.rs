//! Reads `local.settings.json` as `func start` does, comments and byte order mark included
//! (<https://learn.microsoft.com/azure/azure-functions/functions-develop-local#local-settings-file>).

use jsonc_parser::{ParseOptions, parse_to_serde_value};
use serde_json::{Map, Value};

/// What the file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LocalSettings {
    pub values: Vec<(String, String)>,
    pub local_http_port: Option<u64>,
    pub cors: Option<String>,
}

/// Why the file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum LocalSettingsError {
    #[error("is there and cannot be read")]
    Unreadable,
    #[error("is not JSON")]
    NotJson,
    #[error("is encrypted; run `func settings decrypt`, or set \"IsEncrypted\": false")]
    Encrypted,
    #[error("has a value that is no text: Values.{0}; write it in quotation marks")]
    NoText(String),
    #[error("has a Host.LocalHttpPort that is no port number")]
    BadPort,
}

impl LocalSettings {
    pub fn parse(text: &[u8]) -> Result<Self, LocalSettingsError> {
        let text = String::from_utf8_lossy(text);
        let text = text.trim_start_matches('\u{feff}');
        let parsed: Option<Value> = parse_to_serde_value(text, &ParseOptions::default())
            .map_err(|_| LocalSettingsError::NotJson)?;
        let Some(Value::Object(file)) = parsed else {
            return Err(LocalSettingsError::NotJson);
        };
        let empty = Map::new();
        let section = |name: &str| {
            get(&file, name)
                .and_then(Value::as_object)
                .unwrap_or(&empty)
        };
        // Absent means encrypted, to the Core Tools too.
        if get(&file, "IsEncrypted").and_then(Value::as_bool) != Some(false) {
            return Err(LocalSettingsError::Encrypted);
        }
        let values = section("Values")
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| match value {
                Value::String(text) => Ok((name.clone(), text.clone())),
                _ => Err(LocalSettingsError::NoText(name.clone())),
            })
            .collect::<Result<_, _>>()?;
        let host = section("Host");
        Ok(Self {
            values,
            local_http_port: get(host, "LocalHttpPort").map(port).transpose()?,
            cors: get(host, "CORS").and_then(Value::as_str).map(str::to_owned),
        })
    }
}

/// The Core Tools do not tell letter cases apart.
fn get<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let mut entries = object.iter();
    entries
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

fn port(value: &Value) -> Result<u64, LocalSettingsError> {
    let number = value
        .as_u64()
        .or_else(|| value.as_str().and_then(|text| text.parse().ok()));
    number
        .filter(|port| u16::try_from(*port).is_ok())
        .ok_or(LocalSettingsError::BadPort)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read_with_comments_and_byte_order_mark() {
        let text = "\u{feff}{ // what `func init` makes\n \"IsEncrypted\": false, /* yes */\n\
            \"Values\": {\"A\": \"1\", \"B\": \"\"}, \"Host\": {\"LocalHttpPort\": 7072, \"CORS\": \"*\"}}";
        let settings = LocalSettings::parse(text.as_bytes()).unwrap();
        assert_eq!(settings.local_http_port, Some(7072));
        assert_eq!(settings.cors.as_deref(), Some("*"));
        assert_eq!(settings.values.len(), 2);
    }

    #[test]
    fn what_cannot_be_used_is_said() {
        for (text, error) in [
            ("", LocalSettingsError::NotJson),
            ("[]", LocalSettingsError::NotJson),
            ("{\"Values\"", LocalSettingsError::NotJson),
            ("{}", LocalSettingsError::Encrypted),
            ("{\"IsEncrypted\": true}", LocalSettingsError::Encrypted),
            (
                "{\"IsEncrypted\": false, \"Values\": {\"N\": 4}}",
                LocalSettingsError::NoText("N".to_owned()),
            ),
            (
                "{\"IsEncrypted\": false, \"Host\": {\"LocalHttpPort\": 70000}}",
                LocalSettingsError::BadPort,
            ),
        ] {
            assert_eq!(LocalSettings::parse(text.as_bytes()), Err(error), "{text}");
        }
    }
}
