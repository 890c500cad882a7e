//! The app of the recordings behind the double, with a recorder in its handler's place.

use std::time::Duration;

use tempfile::TempDir;

use super::app::{add_function, empty_app};
use super::recorder::Recorder;
use super::rows;
use crate::host::functions_host::{FunctionsHost, Keys, Mode, Options};

pub struct Setup {
    pub host: FunctionsHost,
    pub recorder: Recorder,
    _app: TempDir,
}

impl Setup {
    pub async fn start(mode: Mode) -> Self {
        Self::start_with(Options::new(mode)).await
    }

    /// With pauses between tries that do not hold a test up.
    pub async fn start_with(mut options: Options) -> Self {
        let recorder = Recorder::start().await;
        let app = recorded_app();
        options.ports.insert(0, recorder.port);
        options.keys = Keys {
            function: "fk",
            admin: "mk",
        };
        options.first_retry_pause = Duration::from_millis(1);
        let host = FunctionsHost::start(app.path(), options).await.unwrap();
        Self {
            host,
            recorder,
            _app: app,
        }
    }

    /// The host's port.
    pub fn port(&self) -> u16 {
        self.host
            .base_url
            .rsplit(':')
            .next()
            .unwrap()
            .parse()
            .unwrap()
    }
}

/// Its handler's process only waits.
pub fn recorded_app() -> TempDir {
    let app = empty_app("", "exec sleep 600");
    for (name, function) in rows::load().functions {
        add_function(app.path(), &name, &function);
    }
    app
}
