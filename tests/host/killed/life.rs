//! One life of the packaged program, standing alone: from its start to whatever ends it.

use std::process::{ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::Client;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::place::Place;
use super::provider::Provider;
use crate::host::functions_host::console::{Console, Stream};
use crate::host::harness::{DEADLINE, Package, client_that_waits, signal, until};

/// How long anything takes at the most that needs neither a lease nor a grace time to be over.
pub const SOON: Duration = DEADLINE;

/// Longer than any single answer takes that these tests wait for.
const LONGEST_ANSWER: Duration = Duration::from_secs(150);

/// A running program that has said its address.
pub struct Life {
    child: Child,
    pub base_url: String,
    pub console: Console,
    pub client: Client,
}

impl Life {
    /// Over `place`, with pictures by `provider`.
    pub async fn over(place: &Place, provider: &Provider) -> Self {
        Self::with(place, &provider.base_url(), &[]).await
    }

    /// As many generations at once as are given.
    pub async fn with_places(place: &Place, provider: &Provider, places: u32) -> Self {
        let places = places.to_string();
        let more = [("MAX_CONCURRENT_GENERATIONS", places.as_str())];
        Self::with(place, &provider.base_url(), &more).await
    }

    /// With any provider's address and more settings.
    pub async fn with(place: &Place, provider_url: &str, more: &[(&str, &str)]) -> Self {
        let package = package();
        let mut child = Command::new(package.executable())
            .env_clear()
            .env("PORT", "0")
            .env("OPENAI_BASE_URL", provider_url)
            .envs(place.settings())
            .envs(more.iter().copied())
            .current_dir(package.root.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let console = Console::default();
        let (output, errors) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        tokio::spawn(console.clone().drain(Stream::Output, output));
        tokio::spawn(console.clone().drain(Stream::Error, errors));
        until("the program says its address", || {
            console.contains("http://127.0.0.1:")
        })
        .await;
        let base_url = address(&console);
        let client = client_that_waits(LONGEST_ANSWER);
        Self {
            child,
            base_url,
            console,
            client,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    pub fn signal(&self, name: &str) {
        signal(name, self.child.id().unwrap());
    }

    /// Ends it without a word.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits for the end that it was told to come to.
    pub async fn end(mut self, longest: Duration) -> ExitStatus {
        let ended = timeout(longest, self.child.wait()).await;
        ended.expect("it goes on").unwrap()
    }
}

/// Unpacked once: hundreds of lives start from it.
fn package() -> &'static Package {
    static PACKAGE: OnceLock<Package> = OnceLock::new();
    PACKAGE.get_or_init(Package::unpack)
}

fn address(console: &Console) -> String {
    let lines = console.lines();
    let line = lines.iter().find(|line| line.text.contains("http://"));
    let (_, address) = line.unwrap().text.split_once("http://").unwrap();
    format!("http://{}", address.split(": ").next().unwrap())
}
