//! Options of a host under test.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use super::Mode;
use super::front_end::FrontEnd;
use super::keys::Keys;
use super::load::{self, FunctionApp};
use super::middleware::Hosting;
use super::request::WebLayer;

/// Kestrel's own limit for a request body in the host.
const DEFAULT_BODY_LIMIT: u64 = 104_857_600;

/// Variables of the tests' own environment that a handler inherits.
const INHERITED: [&str; 6] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "LANG",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// How long the handlers of the old and the new host live side by side.
const RESTART_OVERLAP: Duration = Duration::from_millis(10_100);

/// The proxy's first pause between two tries.
const FIRST_RETRY_PAUSE: Duration = Duration::from_millis(50);

/// What a test may choose. Everything else comes from the app.
pub struct Options {
    pub mode: Mode,
    /// The app settings, which the host itself reads as well.
    pub settings: Vec<(&'static str, String)>,
    /// Ports of the first workers, in order. Later workers get free ports.
    pub ports: Vec<u16>,
    pub function_timeout: Option<Duration>,
    pub initialization_timeout: Option<Duration>,
    pub front_end: FrontEnd,
    pub hosting: Hosting,
    pub keys: Keys,
    pub restart_overlap: Duration,
    pub first_retry_pause: Duration,
}

impl Options {
    pub fn new(mode: Mode) -> Self {
        Self {
            mode,
            settings: Vec::new(),
            ports: Vec::new(),
            function_timeout: None,
            initialization_timeout: None,
            front_end: FrontEnd::None,
            hosting: Hosting::Elsewhere,
            keys: Keys::default(),
            restart_overlap: RESTART_OVERLAP,
            first_retry_pause: FIRST_RETRY_PAUSE,
        }
    }

    pub fn setting(mut self, name: &'static str, value: impl ToString) -> Self {
        self.settings.push((name, value.to_string()));
        self
    }

    pub fn behind(mut self, front_end: FrontEnd) -> Self {
        self.front_end = front_end;
        self
    }

    pub fn hosted(mut self, hosting: Hosting) -> Self {
        self.hosting = hosting;
        self
    }

    /// The last value of a setting.
    fn get(&self, name: &str) -> Option<&str> {
        let mut settings = self.settings.iter().rev();
        settings
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.as_str())
    }

    pub fn is_on(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    pub fn web_layer(&self) -> WebLayer {
        WebLayer {
            front_end: self.front_end,
            hosting: self.hosting,
            takes_forwarded_headers: self.is_on("ASPNETCORE_FORWARDEDHEADERS_ENABLED"),
        }
    }

    /// The app with the times that the test chose.
    pub fn load(&self, root: &Path) -> Result<FunctionApp, String> {
        let mut app = load::load(root)?;
        let is_enabled = match self.mode {
            Mode::Forwarding => app.forwarding_enabled,
            Mode::Proxying => app.forwarding_enabled && app.proxying_enabled,
        };
        if !is_enabled {
            return Err("host.json does not enable this mode".to_owned());
        }
        app.function_timeout = self.function_timeout.unwrap_or(app.function_timeout);
        let initialization_timeout = self.initialization_timeout;
        app.initialization_timeout = initialization_timeout.unwrap_or(app.initialization_timeout);
        Ok(app)
    }

    /// The longest request body that the host reads.
    pub fn body_limit(&self) -> Result<u64, String> {
        let limit = self.get("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT");
        let limit = limit.map_or(Ok(DEFAULT_BODY_LIMIT), str::parse);
        limit.map_err(|_| "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT is no number".to_owned())
    }

    /// The handler's environment. It inherits only what any program may need, so that a developer's
    /// settings do not decide a test.
    pub fn environment(&self, public_host: &str) -> HashMap<String, String> {
        let inherited = INHERITED.iter().filter_map(|name| {
            let (_, value) = std::env::vars_os().find(|(known, _)| known == name)?;
            Some(((*name).to_owned(), value.into_string().ok()?))
        });
        let hosts_own = [
            ("FUNCTIONS_WORKER_RUNTIME", "custom".to_owned()),
            ("AZURE_FUNCTIONS_ENVIRONMENT", "Development".to_owned()),
            ("WEBSITE_HOSTNAME", public_host.to_owned()),
        ];
        let chosen = hosts_own.into_iter().chain(self.settings.iter().cloned());
        let chosen = chosen.map(|(name, value)| (name.to_owned(), value));
        inherited.chain(chosen).collect()
    }
}
