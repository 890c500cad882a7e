//! What the packaged binary promises of its memory, as Linux counts it.
#![cfg(target_os = "linux")]

use tempfile::TempDir;

use super::functions_host::{FunctionsHost, Mode, Options};
use super::harness::{Package, client, ready_after_launches};
use crate::upstream::{Answer, Upstream, picture};

/// The promise: 200 MB.
const PROMISED_KIB: u64 = 200_000_000 / 1024;

const GENERATIONS: usize = 200;

const PICTURE_BYTES: usize = 4_000_000;

/// How often a caller comes again who finds the queue's time over.
const MOST_VISITS: u32 = 5;

/// The most memory of a process that was ever resident.
fn peak_resident_kib(process_id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process_id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.unwrap().split_whitespace().next().unwrap();
    number.parse().unwrap()
}

/// Answers of a known length fill buffers of the same size again and again, which is what glibc's
/// heaps keep.
#[tokio::test]
async fn two_hundred_pictures_at_once_are_all_answered_in_two_hundred_megabytes() {
    let upstream = Upstream::start().await;
    upstream.always(Answer::image(picture::padded_png(64, 64, PICTURE_BYTES)));
    let (package, store) = (Package::unpack(), TempDir::new().unwrap());
    let options = Options::new(Mode::Proxying)
        .setting("OPENAI_BASE_URL", upstream.base_url())
        .setting("STORAGE_DIR", store.path().display());
    let host = FunctionsHost::start(package.root.path(), options);
    let host = host.await.unwrap();
    ready_after_launches(&host, 1).await;
    let (client, url) = (client(), format!("{}/api/generateImage", host.base_url));
    // A disk that writes less than 40 MB in a second makes the queue longer than its time, and a
    // caller comes again, as it is told to.
    let requests = (0..GENERATIONS).map(async |_| {
        let mut status = 429;
        for _ in 0..MOST_VISITS {
            let request = client.post(&url).header("content-type", "application/json");
            let answer = request.body(r#"{"prompt":"a lighthouse"}"#).send().await;
            status = answer.unwrap().status().as_u16();
            if status != 429 {
                break;
            }
        }
        status
    });
    let statuses = futures_util::future::join_all(requests).await;
    assert_eq!(statuses, [200; GENERATIONS]);
    let peak_kib = peak_resident_kib(host.worker().process_id());
    assert!(peak_kib < PROMISED_KIB, "{peak_kib} KiB were resident");
    host.stop().await;
}
