//! What the tests of the packaged binary share: the unpacked package, a host around it, a client.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Once;
use std::time::{Duration, Instant};

use reqwest::Response;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::functions_host::{FrontEnd, FunctionsHost, Mode, Options, State, load};
use crate::upstream::Upstream;

/// Long enough for a machine that builds beside the tests; no test waits for it to pass.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A test for each way of passing requests on.
macro_rules! in_both_modes {
    ($($name:ident),+ $(,)?) => {
        mod proxying {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Mode::Proxying).await;
            })+
        }
        mod forwarding {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Mode::Forwarding).await;
            })+
        }
    };
}
pub(super) use in_both_modes;

/// The deployed app in a folder of its own.
pub struct Package {
    pub root: TempDir,
}

impl Package {
    pub fn unpack() -> Self {
        let package = std::env::vars_os()
            .find(|(name, _)| name == "VISIONARY_TEST_PACKAGE")
            .map(|(_, folder)| PathBuf::from(folder))
            .expect("run `cargo xtask test`: these tests drive the packaged release binary");
        let root = TempDir::new().unwrap();
        load::unpack(&package.join("visionary.zip"), root.path()).unwrap();
        Self { root }
    }

    pub fn executable(&self) -> PathBuf {
        load::load(self.root.path()).unwrap().executable
    }
}

/// A host around the demo provider and a folder store.
pub struct Gallery {
    pub host: FunctionsHost,
    pub client: reqwest::Client,
    // Held for their lives: dropping them removes the folders.
    _package: Package,
    _store: TempDir,
}

impl Gallery {
    pub async fn start(mode: Mode) -> Self {
        Self::start_with(mode, |_| {}).await
    }

    /// With other options of the host.
    pub async fn start_with(mode: Mode, change: impl FnOnce(&mut Options)) -> Self {
        let store = TempDir::new().unwrap();
        let mut options = demo_settings(Options::new(mode), &store);
        change(&mut options);
        let package = Package::unpack();
        let host = FunctionsHost::start(package.root.path(), options)
            .await
            .unwrap();
        Self {
            host,
            client: client(),
            _package: package,
            _store: store,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.host.base_url)
    }

    pub async fn get(&self, path: &str) -> Response {
        self.client.get(self.url(path)).send().await.unwrap()
    }

    pub async fn get_json(&self, path: &str) -> Value {
        let response = self.get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        json_of(response).await
    }

    /// Makes an image and returns the JSON answer.
    pub async fn generate(&self, prompt: &str) -> Value {
        let request = self.client.post(self.url("/api/generateImage"));
        let response = request
            .header("accept", "application/json")
            .header("content-type", "application/json")
            .body(json!({ "prompt": prompt }).to_string())
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        json_of(response).await
    }

    pub async fn stop(self) {
        self.host.stop().await;
    }
}

/// A host around a provider that costs money, played by a double, and a folder store.
pub struct Paid {
    pub host: FunctionsHost,
    pub upstream: Upstream,
    pub client: reqwest::Client,
    // Held for their lives: dropping them removes the folders.
    _folders: (Package, TempDir),
}

impl Paid {
    /// Where images are asked for.
    pub const CALLS: &str = "/images/generations";

    pub async fn start(mode: Mode) -> Self {
        Self::start_with(mode, &[]).await
    }

    pub async fn start_with(mode: Mode, settings: &[(&'static str, &str)]) -> Self {
        Self::start_behind(FrontEnd::None, mode, settings).await
    }

    /// With a front end of the platform before the host.
    pub async fn start_behind(
        front_end: FrontEnd,
        mode: Mode,
        settings: &[(&'static str, &str)],
    ) -> Self {
        let (upstream, store, package) = (
            Upstream::start().await,
            TempDir::new().unwrap(),
            Package::unpack(),
        );
        let options = Options::new(mode)
            .behind(front_end)
            .setting("OPENAI_BASE_URL", upstream.base_url())
            .setting("STORAGE_DIR", store.path().display());
        let options = settings.iter().fold(options, |options, (name, value)| {
            options.setting(name, value)
        });
        let host = FunctionsHost::start(package.root.path(), options);
        Self {
            host: host.await.unwrap(),
            upstream,
            client: client(),
            _folders: (package, store),
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.host.base_url)
    }

    /// A request for an image.
    pub fn post(&self, body: &Value) -> reqwest::RequestBuilder {
        let request = self.client.post(self.url("/api/generateImage"));
        let request = request.header("content-type", "application/json");
        request.body(body.to_string())
    }

    /// How often the provider was asked for images.
    pub fn calls(&self) -> usize {
        self.upstream.requests_to(Self::CALLS).len()
    }

    pub async fn stop(self) {
        self.host.stop().await;
    }
}

fn demo_settings(options: Options, store: &TempDir) -> Options {
    options
        .setting("IMAGE_PROVIDER", "demo")
        .setting("STORAGE_DIR", store.path().display())
}

pub fn client() -> reqwest::Client {
    client_that_waits(DEADLINE)
}

pub fn client_that_waits(longest: Duration) -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Fails only when a provider is there already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .tls_certs_only([])
        .timeout(longest)
        .no_proxy()
        .build()
        .unwrap()
}

pub async fn json_of(response: Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

/// The path and query of an absolute URL.
pub fn path_of(url: &str) -> String {
    let url = url::Url::parse(url).unwrap();
    url[url::Position::BeforePath..].to_owned()
}

/// Waits until the handler has been started this often and answers.
pub async fn ready_after_launches(host: &FunctionsHost, launches: u32) {
    until("the handler is ready", || {
        host.worker().launches() == launches && host.worker().state() == State::Ready
    })
    .await;
}

/// Waits until a condition holds, and fails with its description when it does not in time.
pub async fn until(description: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < DEADLINE, "not in time: {description}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Sends a signal by its name, as `kill -TERM` does.
pub fn signal(name: &str, process_id: u32) {
    // Id 0 would be the tests' own process group.
    assert_ne!(process_id, 0);
    let command = format!("kill -{name} {process_id}");
    let status = Command::new("/bin/sh").args(["-c", &command]).status();
    assert!(status.unwrap().success(), "{command}");
}
