//! A service on a free port, made from settings as the program makes it, with waits that suit
//! tests.

use crate::{
    azurite,
    description::Seen,
    entra,
    faulty_account::FaultyAccount,
    secrets,
    upstream::{Upstream, picture},
};
use serde_json::Value;
use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use visionary::{
    app::{App, Service as Served},
    config::{Config, Environment, Mode, ProviderConfig, ServiceConfig, StorageConfig},
    error,
    images::ImageGenerator,
    operations::Operations,
    serve::{self, ConnectionLimits},
};

/// A running service; stopped when it is dropped.
pub struct Service {
    address: SocketAddr,
    folder: tempfile::TempDir,
    /// What its own methods show.
    api_key: Option<String>,
    stop: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<std::io::Result<()>>>,
}

impl Service {
    /// The demo painter over a folder, but for what `settings` say.
    pub async fn start(settings: &[(&str, &str)]) -> Self {
        Self::start_with(settings, |_| {}).await
    }

    /// With a change to the settings that have no name in the environment.
    pub async fn start_with(
        settings: &[(&str, &str)],
        change: impl FnOnce(&mut ServiceConfig),
    ) -> Self {
        Self::start_within(ConnectionLimits::default(), settings, change).await
    }

    /// With other limits of its connections.
    pub async fn start_within(
        limits: ConnectionLimits,
        settings: &[(&str, &str)],
        change: impl FnOnce(&mut ServiceConfig),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Self::config(&folder, settings);
        change(&mut config);
        let served = Served::prepare(Ok(config), Mode::Standalone).unwrap();
        let key = settings.iter().find(|(name, _)| *name == "API_KEY");
        Self {
            api_key: key.map(|(_, key)| (*key).to_owned()),
            ..Self::serve(served, folder, limits).await
        }
    }

    /// The demo painter over an account that takes tokens: the containers are `container` and
    /// that name with an ending, and a test's identity opens them.
    pub async fn by_identity(account: &FaultyAccount, container: &str) -> Self {
        let endpoint = account.endpoint();
        let state = format!("{container}-state");
        let settings = [
            ("accountName", azurite::ACCOUNT),
            ("AZURE_STORAGE_BLOB_ENDPOINT", &endpoint),
            ("IMAGES_CONTAINER", container),
            ("STATE_CONTAINER", &state),
            // There is an identity; what it gives is a test's own.
            ("IDENTITY_ENDPOINT", "http://127.0.0.1:9/msi/token"),
            ("IDENTITY_HEADER", "header"),
        ];
        let folder = tempfile::tempdir().unwrap();
        let config = Self::config(&folder, &settings);
        let app = App::with_credentials(config, &entra::credentials());
        let served = Served::Ready(Arc::new(app.unwrap()));
        Self::serve(served, folder, ConnectionLimits::default()).await
    }

    fn config(folder: &tempfile::TempDir, settings: &[(&str, &str)]) -> ServiceConfig {
        let root = folder.path().to_str().unwrap();
        let pairs = [("STORAGE_DIR", root)]
            .into_iter()
            .chain(settings.iter().copied());
        let environment = Environment::from_pairs(pairs);
        let mut config = Config::read(&environment).unwrap().service.unwrap();
        let quick = Duration::from_millis(1);
        if let ProviderConfig::OpenAi(openai) = &mut config.provider {
            openai.upstream.first_retry_delay = quick;
        }
        if let StorageConfig::Azure(account) = &mut config.storage {
            account.settings.retries.first_delay = quick;
        }
        config.health_memory = Duration::ZERO;
        config.gallery.page_memory = Duration::ZERO; // tests write past the service
        // Tests count what is asked.
        config.gallery.thumbnails.delay = Duration::from_secs(3600);
        config.models_checked_after = Duration::from_secs(3600);
        config
    }

    /// Over a folder, with a generator of the test's own.
    pub async fn painted_by(painter: impl ImageGenerator + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_str().unwrap();
        let environment = Environment::from_pairs([("STORAGE_DIR", root)]);
        let config = Config::read(&environment).unwrap().service.unwrap();
        let settings = config.operations;
        let mut app = App::new(config).unwrap();
        app.operations = Arc::new(Operations::new(
            Arc::new(painter),
            app.gallery.clone(),
            app.files.clone().unwrap(),
            app.limits.clone(),
            settings,
            error::describe,
        ));
        let served = Served::Ready(Arc::new(app));
        Self::serve(served, folder, ConnectionLimits::default()).await
    }

    /// One whose settings are wrong, as under the Functions host.
    pub async fn start_misconfigured() -> Self {
        let environment = Environment::from_pairs([("accountName", "acct")]);
        let config = Config::read(&environment).unwrap().service;
        let served = Served::prepare(config, Mode::Handler).unwrap();
        let limits = ConnectionLimits::default();
        Self::serve(served, tempfile::tempdir().unwrap(), limits).await
    }

    /// Another one over the folder of `first`, as the Functions host starts it at a restart.
    pub async fn start_beside(first: &Self, change: impl FnOnce(&mut ServiceConfig)) -> Self {
        let handler = [("FUNCTIONS_CUSTOMHANDLER_PORT", "7071")];
        let mut config = Self::config(&first.folder, &handler);
        config.folder_retry = Duration::from_millis(1);
        change(&mut config);
        let served = Served::prepare(Ok(config), Mode::Handler).unwrap();
        let limits = ConnectionLimits::default();
        Self::serve(served, tempfile::tempdir().unwrap(), limits).await
    }

    /// OpenAI's API at a double, over a folder, but for what `settings` say.
    pub async fn over(upstream: &Upstream, settings: &[(&str, &str)]) -> Self {
        let base_url = upstream.base_url();
        let openai = [
            ("OPENAI_BASE_URL", base_url.as_str()),
            ("OPENAI_API_KEY", "sk-5ecret-key"),
        ];
        Self::start(&[&openai[..], settings].concat()).await
    }

    /// The demo painter over a container of Azurite.
    pub async fn on_azurite(container: &str) -> Self {
        let account = azurite::connection_string();
        let state = format!("{container}-state");
        Self::start(&[
            ("AZURE_STORAGE_CONNECTION_STRING", &account),
            ("IMAGES_CONTAINER", container),
            ("STATE_CONTAINER", &state[..state.len().min(63)]),
        ])
        .await
    }

    async fn serve(served: Served, folder: tempfile::TempDir, limits: ConnectionLimits) -> Self {
        secrets::watch_the_log();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = async move { drop(stopped.await) };
        let served = serve::serve(limits, listener, stopped, Arc::new(served));
        let served = tokio::spawn(served);
        Self {
            address,
            folder,
            api_key: None,
            stop: Some(stop),
            served: Some(served),
        }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The folder store's root.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Nothing can be stored in the folder any more but what the program remembers. Whoever runs
    /// the tests may be root, so the images' folder is not locked but replaced.
    pub fn break_images(&self) {
        let images = self.folder().join("images");
        std::fs::remove_dir_all(&images).unwrap();
        std::fs::write(&images, "no folder").unwrap();
    }

    /// Asks it to stop and waits until it has.
    pub async fn stop(&mut self) {
        drop(self.stop.take());
        self.served.take().unwrap().await.unwrap().unwrap();
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(client().get(format!("{}{path}", self.base())))
            .await
    }

    /// Sends a request with the service's key, where it has one.
    async fn ask(&self, request: reqwest::RequestBuilder) -> Answer {
        match &self.api_key {
            Some(key) => Answer::of(request.header("x-api-key", key)).await,
            None => Answer::of(request).await,
        }
    }

    /// Posts JSON to generateImage and asks for JSON.
    pub async fn generate(&self, body: &Value) -> Answer {
        self.generate_with(body, &[]).await
    }

    /// The same with further headers.
    pub async fn generate_with(&self, body: &Value, headers: &[(&str, &str)]) -> Answer {
        let json = [
            ("content-type", "application/json"),
            ("accept", "application/json"),
        ];
        self.post(body.to_string(), &[&json[..], headers].concat())
            .await
    }

    /// Posts JSON to generateImage, and does not wait for its images.
    pub async fn submit(&self, body: &Value) -> Answer {
        self.generate_with(body, &[("prefer", "respond-async")])
            .await
    }

    /// An operation as it stands.
    pub async fn operation(&self, id: &str) -> Answer {
        self.get(&format!("/api/operations/{id}")).await
    }

    /// An operation at its end.
    pub async fn ended(&self, id: &str) -> Value {
        let answer = self.get(&format!("/api/operations/{id}?wait=20")).await;
        let text = answer.text();
        assert_eq!(
            (answer.status, answer.header("retry-after")),
            (200, ""),
            "{text}"
        );
        answer.json()
    }

    /// Says that an operation is not wanted any more.
    pub async fn cancel(&self, id: &str) -> Answer {
        self.ask(client().delete(format!("{}/api/operations/{id}", self.base())))
            .await
    }

    /// Posts any body with any headers to generateImage.
    pub async fn post(&self, body: impl Into<reqwest::Body>, headers: &[(&str, &str)]) -> Answer {
        let mut request = client().post(format!("{}/api/generateImage", self.base()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.ask(request.body(body)).await
    }
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub async fn of(request: reqwest::RequestBuilder) -> Self {
        let (client, request) = request.build_split();
        let request = request.unwrap();
        let (method, url) = (request.method().clone(), request.url().clone());
        let response = client.execute(request).await.unwrap();
        let answer = Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.bytes().await.unwrap().to_vec(),
        };
        let seen = Seen {
            method: method.as_str(),
            path: url.path(),
            status: answer.status,
            headers: &answer.headers,
            body: &answer.body,
        };
        seen.check();
        secrets::search_answer(&answer.headers, &answer.body);
        answer
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The operation that it names.
    #[track_caller]
    pub fn operation_id(&self) -> String {
        let location = self.header("operation-location");
        let id = location.rsplit_once("/api/operations/").map(|(_, id)| id);
        id.unwrap_or_else(|| panic!("{} without an operation: {}", self.status, self.text()))
            .to_owned()
    }

    /// Checks that it is a problem document of this status and code, as every error is.
    #[track_caller]
    pub fn assert_problem(&self, status: u16, code: &str) -> Value {
        let shown = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{shown}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["code"], code, "{shown}");
        assert_eq!(problem["status"], status);
        assert_eq!(
            problem["error"], problem["detail"],
            "front ends show `error` as text"
        );
        assert!(
            problem["error"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
        assert_eq!(problem["requestId"], self.header("x-request-id"));
        assert!(problem["title"].is_string() && problem["type"].is_string());
        problem
    }
}

/// A client without any of the machine's proxies.
pub fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

/// Opens an address that the service gave.
pub async fn open(url: &str) -> Answer {
    let stored = open_stored(url).await;
    Answer {
        body: picture::without_texts(&stored.body).to_vec(),
        ..stored
    }
}

/// What lies at an address, to the last byte.
pub async fn open_stored(url: &str) -> Answer {
    Answer::of(client().get(url)).await
}
