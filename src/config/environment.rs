//! Where settings come from: the process's environment, and standing alone
//! `local.settings.json` of the working directory below it.

use super::local_settings::{LocalSettings, LocalSettingsError};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::ErrorKind,
    path::PathBuf,
};

/// Names and values; an empty value is as good as none.
#[derive(Clone, Default)]
pub struct Environment {
    values: BTreeMap<String, String>,
    /// The names that only the file has.
    of_file: BTreeSet<String>,
    pub(super) local_http_port: Option<u64>,
    pub(super) local_settings_error: Option<LocalSettingsError>,
    /// Where the process was started.
    pub(super) working_directory: PathBuf,
}

impl Environment {
    /// The process's own environment, and, without a handler port, `local.settings.json`.
    #[must_use]
    pub fn from_process() -> Self {
        #[allow(clippy::disallowed_methods, reason = "the one place that reads it")]
        let variables = std::env::vars_os();
        let values = variables.filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        let mut environment = Self::from_pairs(values);
        environment.working_directory = std::env::current_dir().unwrap_or_default();
        if environment.get("FUNCTIONS_CUSTOMHANDLER_PORT").is_none() {
            let path = environment.working_directory.join("local.settings.json");
            match std::fs::read(path) {
                Ok(text) => environment.add_local_settings(&text),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(_) => environment.local_settings_error = Some(LocalSettingsError::Unreadable),
            }
        }
        environment
    }

    /// These names and values alone.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let pairs = pairs.into_iter();
        Self {
            values: pairs
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            ..Self::default()
        }
    }

    /// Adds what `local.settings.json` says where the environment says nothing.
    pub fn add_local_settings(&mut self, text: &[u8]) {
        match LocalSettings::parse(text) {
            Err(error) => self.local_settings_error = Some(error),
            Ok(settings) => {
                self.local_http_port = settings.local_http_port;
                let cors = settings.cors.map(|cors| ("CORS_ORIGINS".to_owned(), cors));
                for (name, value) in settings.values.into_iter().chain(cors) {
                    if self.get(&name).is_none() {
                        self.of_file.insert(name.clone());
                        self.values.insert(name, value);
                    }
                }
            }
        }
    }

    /// A value that is not blank, trimmed.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.values.get(name)?.trim();
        (!value.is_empty()).then_some(value)
    }

    /// The same, for what others read from the process's environment too: the file's do not count.
    pub(super) fn get_of_process(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|_| !self.of_file.contains(name))
    }
}
