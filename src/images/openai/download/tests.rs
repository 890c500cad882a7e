//! Downloads from an upstream that speaks HTTP, by names that a test makes up.

use super::{address::is_public, *};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    sync::{Arc, Mutex},
    time::Duration,
};
use upstream::{Answer, Upstream, picture};

#[path = "../../../../tests/support/upstream.rs"]
mod upstream;

/// The double's address stands for the public ones where a test says so.
const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Another of this machine's addresses, which stands for the private ones.
const PRIVATE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// A picture on the host of pictures.
const ADDRESS: &str = "http://a.pictures.example/blob/x.png";

/// With more time and memory than any of these needs.
async fn fetch(downloads: &Downloads, address: &str) -> Result<Bytes, UpstreamError> {
    let deadline = Instant::now() + Duration::from_secs(10);
    downloads.fetch(address, &memory(), deadline).await
}

fn memory() -> MemoryShare {
    crate::images::memory::ImageMemory::new(100).share()
}

fn is_the_public_one(address: IpAddr) -> bool {
    address == PUBLIC
}

/// A resolver whose names are made up; each question takes the next answer, the last one stays.
#[derive(Default)]
struct Names {
    answers: Mutex<HashMap<String, VecDeque<Vec<SocketAddr>>>>,
    asked: Mutex<Vec<String>>,
}

impl Names {
    fn with<const N: usize>(self, name: &str, answers: [&[SocketAddr]; N]) -> Self {
        let answers = answers.map(<[SocketAddr]>::to_vec).into();
        self.answers
            .lock()
            .unwrap()
            .insert(name.to_owned(), answers);
        self
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        self.asked.lock().unwrap().push(name.as_str().to_owned());
        let mut all = self.answers.lock().unwrap();
        let answers = all.get_mut(name.as_str()).unwrap();
        let answer = match answers.len() {
            1 => answers[0].clone(),
            _ => answers.pop_front().unwrap(),
        };
        Box::pin(async move { Ok(Box::new(answer.into_iter()) as Addrs) })
    }
}

/// A port of the private address that takes note of who connects.
struct PrivatePort(TcpListener);

impl PrivatePort {
    fn open() -> Self {
        let listener = TcpListener::bind((PRIVATE, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// The kernel has a connection here as soon as the other side believes in it.
    fn was_connected_to(&self) -> bool {
        self.0.accept().is_ok()
    }
}

fn address_of(upstream: &Upstream) -> SocketAddr {
    upstream.origin()["http://".len()..].parse().unwrap()
}

/// Who connects to the private port by mistake is not answered there, so nobody waits forever.
fn client() -> reqwest::ClientBuilder {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let patience = Duration::from_secs(10);
    reqwest::Client::builder()
        .tls_backend_rustls()
        .timeout(patience)
}

/// Beside the upstream `http://gpu-box` everything below pictures.example is allowed.
fn downloads(names: &Arc<Names>, accepts: fn(IpAddr) -> bool) -> Downloads {
    let base_url = Url::parse("http://gpu-box/v1").unwrap();
    let named = vec!["*.pictures.example".parse().unwrap()];
    let names: Arc<dyn Resolve> = names.clone();
    let direct = client().dns_resolver(names.clone()).build().unwrap();
    let resolver = PublicResolver::over(names, accepts);
    let hosts = DownloadHosts::new(base_url, named);
    Downloads::with_resolver(hosts, direct, client(), resolver).unwrap()
}

/// Downloads to which `a.pictures.example` is the double.
fn downloads_from(upstream: &Upstream) -> Downloads {
    let address = address_of(upstream);
    let names = Names::default().with("a.pictures.example", [&[address]]);
    downloads(&Arc::new(names), is_the_public_one)
}

#[track_caller]
fn assert_malformed(fetched: Result<Bytes, UpstreamError>, part: &str) {
    match fetched {
        Err(UpstreamError::Malformed { reason }) => assert!(reason.contains(part), "{reason}"),
        other => panic!("{part} was expected: {other:?}"),
    }
}

#[tokio::test]
async fn a_name_with_private_addresses_alone_is_not_connected_to() {
    let upstream = Upstream::start().await;
    upstream.serve_blob("x.png", picture::small_png());
    let address = address_of(&upstream);
    let mapped = SocketAddr::new("::ffff:127.0.0.1".parse().unwrap(), address.port());
    let names = Names::default().with("a.pictures.example", [&[address, mapped]]);
    let names = Arc::new(names);
    let url = ADDRESS;
    assert_malformed(
        fetch(&downloads(&names, is_public), url).await,
        "no public address",
    );
    assert_eq!(upstream.connections(), 0);
    assert_eq!(names.asked().len(), 1, "a refusal does not pass");
    let trusting = downloads(&names, |_| true);
    assert_eq!(fetch(&trusting, url).await.unwrap(), picture::small_png());
}

#[tokio::test]
async fn of_several_addresses_only_the_public_ones_are_connected_to() {
    let upstream = Upstream::start().await;
    upstream.serve_blob("x.png", picture::small_png());
    let private = PrivatePort::open();
    let addresses = [private.address(), address_of(&upstream)];
    let names = Names::default().with("a.pictures.example", [&addresses]);
    let downloads = downloads(&Arc::new(names), is_the_public_one);
    let fetched = fetch(&downloads, ADDRESS).await;
    assert_eq!(fetched.unwrap(), picture::small_png());
    assert!(!private.was_connected_to());
}

#[tokio::test]
async fn the_address_that_was_checked_is_the_one_that_is_connected_to() {
    let upstream = Upstream::start().await;
    upstream.serve_blob("x.png", picture::small_png());
    let private = PrivatePort::open();
    let answers = [&[address_of(&upstream)][..], &[private.address()]];
    let names = Arc::new(Names::default().with("a.pictures.example", answers));
    let downloads = downloads(&names, is_the_public_one);
    let fetched = fetch(&downloads, ADDRESS).await;
    assert_eq!(fetched.unwrap(), picture::small_png());
    assert_eq!(
        names.asked().len(),
        1,
        "one answer for check and connection"
    );
    assert!(!private.was_connected_to());
}

#[tokio::test]
async fn a_name_that_moves_to_a_private_address_is_refused_there() {
    let upstream = Upstream::start().await;
    let broken = Answer::bytes("image/png", picture::png(64, 64)).cut_after(100);
    upstream.serve("/blob/x.png", broken);
    let private = PrivatePort::open();
    let answers = [&[address_of(&upstream)][..], &[private.address()]];
    let names = Arc::new(Names::default().with("a.pictures.example", answers));
    let downloads = downloads(&names, is_the_public_one);
    let fetched = fetch(&downloads, ADDRESS).await;
    assert_malformed(fetched, "no public address");
    assert_eq!(names.asked().len(), 2);
    assert_eq!(upstream.connections(), 1);
    assert!(!private.was_connected_to());
}

#[tokio::test]
async fn the_configured_upstream_may_be_at_a_private_address() {
    let upstream = Upstream::start().await;
    upstream.serve_blob("x.png", picture::small_png());
    let names = Names::default().with("gpu-box", [&[address_of(&upstream)]]);
    let downloads = downloads(&Arc::new(names), |_| false);
    let fetched = fetch(&downloads, "http://gpu-box/blob/x.png").await;
    assert_eq!(fetched.unwrap(), picture::small_png());
}

#[tokio::test]
async fn a_proxy_which_would_resolve_names_itself_is_gone_around() {
    let upstream = Upstream::start().await;
    upstream.serve_blob("x.png", picture::small_png());
    let proxy = PrivatePort::open();
    let through = reqwest::Proxy::all(format!("http://{}", proxy.address())).unwrap();
    let names = Names::default().with("a.pictures.example", [&[address_of(&upstream)]]);
    let resolver = PublicResolver::over(Arc::new(names), is_the_public_one);
    let downloads = downloads_from(&upstream);
    let guarded = client().proxy(through);
    let downloads =
        Downloads::with_resolver(downloads.hosts, downloads.direct, guarded, resolver).unwrap();
    let fetched = fetch(&downloads, ADDRESS).await;
    assert_eq!(fetched.unwrap(), picture::small_png());
    assert!(!proxy.was_connected_to());
}

#[tokio::test]
async fn the_machines_resolver_is_held_to_the_same_rule() {
    let resolver = PublicResolver::system();
    let refused = resolver.resolve("localhost".parse().unwrap()).await;
    assert!(refused.is_err_and(|error| error.is::<NoPublicAddress>()));
}

#[tokio::test]
async fn three_redirects_are_followed_and_no_more() {
    let upstream = Upstream::start().await;
    upstream.serve_blob("x.png", picture::small_png());
    for (from, to, status) in [
        ("/blob/3", "http://a.pictures.example/blob/2", 301),
        ("/blob/2", "../blob/1", 307),
        ("/blob/1", "//a.pictures.example/blob/x.png", 308),
        ("/blob/4", "3", 302),
    ] {
        upstream.serve(from, Answer::redirect(to).status(status));
    }
    let downloads = downloads_from(&upstream);
    let fetched = fetch(&downloads, "http://a.pictures.example/blob/3").await;
    assert_eq!(fetched.unwrap(), picture::small_png());
    let fetched = fetch(&downloads, "http://a.pictures.example/blob/4").await;
    assert_malformed(fetched, "more than three times");
    assert_eq!(upstream.requests_to("/blob/x.png").len(), 1);
}

#[tokio::test]
async fn a_host_that_drips_does_not_get_more_time_with_every_drop() {
    let upstream = Upstream::start().await;
    let slow = Answer::bytes("image/png", picture::small_png());
    let slow = slow.dripping(1, Duration::from_millis(20));
    upstream.serve("/blob/slow.png", slow);
    let soon = Instant::now() + Duration::from_millis(200);
    let fetched = downloads_from(&upstream)
        .fetch("http://a.pictures.example/blob/slow.png", &memory(), soon)
        .await;
    assert!(
        matches!(fetched, Err(UpstreamError::TimedOut)),
        "{fetched:?}"
    );
}

#[tokio::test]
async fn a_circle_of_redirects_ends() {
    let upstream = Upstream::start().await;
    upstream.serve("/blob/round", Answer::redirect("/blob/round"));
    let fetched = fetch(
        &downloads_from(&upstream),
        "http://a.pictures.example/blob/round",
    )
    .await;
    assert_malformed(fetched, "more than three times");
    assert_eq!(upstream.requests().len(), 4);
}

#[tokio::test]
async fn every_redirect_is_held_to_the_same_rules() {
    let upstream = Upstream::start().await;
    let private = PrivatePort::open();
    let names = Names::default()
        .with("a.pictures.example", [&[address_of(&upstream)]])
        .with("inside.pictures.example", [&[private.address()]]);
    let names = Arc::new(names);
    let downloads = downloads(&names, is_the_public_one);
    let at_private = format!("http://{}/x", private.address());
    for (location, reason) in [
        ("http://inside.pictures.example/x", "no public address"),
        (at_private.as_str(), "not the provider's"),
        ("http://169.254.169.254/metadata", "not the provider's"),
        ("//other.example/x", "not the provider's"),
        ("http://a.pictures.example:8080/x", "not the provider's"),
        ("http://key@a.pictures.example/x", "user name"),
        ("ftp://a.pictures.example/x", "not https"),
        ("file:///etc/passwd", "not https"),
        ("http://[", "to no URL"),
    ] {
        upstream.serve("/blob/away", Answer::redirect(location));
        let fetched = fetch(&downloads, "http://a.pictures.example/blob/away").await;
        assert_malformed(fetched, reason);
    }
    let nowhere = Answer::redirect("x").without_header("location");
    upstream.serve("/blob/away", nowhere);
    let fetched = fetch(&downloads, "http://a.pictures.example/blob/away").await;
    assert_malformed(fetched, "to no URL");
    assert_eq!(upstream.requests().len(), 10, "none is asked twice");
    assert!(!private.was_connected_to());
    assert!(!names.asked().contains(&"other.example".to_owned()));
}

#[tokio::test]
async fn a_picture_that_says_it_is_too_large_is_not_read() {
    let upstream = Upstream::start().await;
    let too_large = usize::try_from(MAX_BYTES).unwrap() + 1;
    let claiming = Answer::bytes("image/png", "").claiming_length(too_large);
    upstream.serve("/blob/x.png", claiming);
    let fetched = fetch(&downloads_from(&upstream), ADDRESS).await;
    assert_malformed(fetched, "larger than 64 MiB");
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn a_picture_that_does_not_say_so_is_read_to_the_limit() {
    let upstream = Upstream::start().await;
    let largest = usize::try_from(MAX_BYTES).unwrap();
    let zeros = Bytes::from(vec![0; largest + 1]);
    let downloads = downloads_from(&upstream);
    upstream.serve(
        "/blob/x.png",
        Answer::bytes("image/png", zeros.clone()).chunked(),
    );
    let fetched = fetch(&downloads, ADDRESS).await;
    assert_malformed(fetched, "larger than 64 MiB");
    upstream.serve("/blob/x.png", Answer::bytes("image/png", zeros.slice(1..)));
    let fetched = fetch(&downloads, ADDRESS).await;
    assert_eq!(fetched.unwrap().len(), largest);
}

#[tokio::test]
async fn a_download_says_how_long_it_is_and_comes_in_pieces() {
    let upstream = Upstream::start().await;
    let bytes = picture::padded_png(16, 16, 300_000);
    upstream.serve_blob("x.png", bytes.clone());
    let downloads = downloads_from(&upstream);
    let url = ADDRESS;
    let mut download = downloads.open(url).await.unwrap();
    assert_eq!(download.declared_length, Some(300_000));
    let mut pieces = Vec::new();
    while let Some(piece) = download.next_chunk().await.unwrap() {
        pieces.push(piece);
    }
    assert!(pieces.len() > 1);
    assert_eq!(pieces.concat(), bytes);
    upstream.serve("/blob/x.png", Answer::bytes("image/png", bytes).chunked());
    let download = downloads.open(url).await.unwrap();
    assert_eq!(download.declared_length, None);
}

#[tokio::test]
async fn passing_faults_are_tried_three_times_and_others_once() {
    let upstream = Upstream::start().await;
    let downloads = downloads_from(&upstream);
    for (index, (answer, times)) in [
        (Answer::html(503), 3),
        (Answer::hang_up(), 3),
        (
            Answer::bytes("image/png", picture::png(64, 64)).cut_after(100),
            3,
        ),
        (Answer::html(404), 1),
        (Answer::html(403), 1),
        (Answer::html(206), 1),
        (Answer::html(304), 1),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/blob/{index}");
        upstream.serve(&path, answer);
        let url = format!("http://a.pictures.example{path}");
        assert!(fetch(&downloads, &url).await.is_err());
        let asked = upstream.requests_to(&path).len();
        assert_eq!(asked, times, "{path}");
    }
}
