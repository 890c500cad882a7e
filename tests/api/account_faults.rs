//! What an account with faults does to a paid image: it is stored once, or it is in the answer.

use crate::{
    azurite,
    faulty_account::{Fault, FaultyAccount, Step},
    generate_image::base64_decode,
    service::{self, Service, open},
    upstream::{Answer, Gate, Upstream, picture},
};
use serde_json::json;
use std::time::{Duration, Instant};
use visionary::{
    config::StorageConfig,
    storage::azure::{AzureSettings, RetrySettings},
};

/// A service whose provider gives this picture, over an account with faults.
struct Paid {
    picture: Vec<u8>,
    account: FaultyAccount,
    service: Service,
    _upstream: Upstream,
}

impl Paid {
    async fn start(picture: Vec<u8>, change: impl FnOnce(&mut AzureSettings)) -> Self {
        let upstream = Upstream::start().await;
        upstream.always(Answer::image(picture.clone()));
        let account = FaultyAccount::start().await;
        let (base_url, connection) = (upstream.base_url(), account.connection_string());
        let [images, state] = ["images", "state"].map(azurite::new_container);
        let settings = [
            ("OPENAI_BASE_URL", base_url.as_str()),
            ("AZURE_STORAGE_CONNECTION_STRING", &connection),
            ("IMAGES_CONTAINER", &images),
            ("STATE_CONTAINER", &state),
        ];
        let service = Service::start_with(&settings, |config| {
            if let StorageConfig::Azure(account) = &mut config.storage {
                let settings = &mut account.settings;
                settings.retries.container_delay = Duration::from_millis(5);
                change(settings);
            }
        })
        .await;
        Self {
            picture,
            account,
            service,
            _upstream: upstream,
        }
    }

    async fn small() -> Self {
        Self::start(picture::png(40, 30).to_vec(), |_| {}).await
    }

    /// One that goes up in three blocks.
    async fn large() -> Self {
        let picture = picture::padded_png(64, 64, 9_000_000).to_vec();
        Self::start(picture, |_| {}).await
    }

    async fn generate(&self) -> service::Answer {
        self.service.generate(&json!({"prompt": "a red fox"})).await
    }

    /// The addresses of all images.
    async fn listed(&self) -> Vec<String> {
        let list = self.service.get("/api/getImages").await.json();
        let images = list["imageUrls"].as_array().unwrap();
        let urls = images.iter().map(|image| image["url"].as_str().unwrap());
        urls.map(str::to_owned).collect()
    }

    /// Generates, and checks that the picture is stored whole, and once more than before.
    async fn assert_stored(&self, case: &str) {
        let before = self.listed().await.len();
        let answer = self.generate().await;
        assert_eq!(answer.status, 200, "{case}: {}", answer.text());
        let listed = self.listed().await;
        assert_eq!(listed.len(), before + 1, "{case}");
        let stored = open(&listed[0]).await;
        assert!(stored.body == self.picture, "{case}: not the picture");
        assert_eq!(stored.header("content-type"), "image/png");
    }

    /// Generates, and checks that the answer has the picture and the gallery does not.
    async fn assert_in_answer(&self, case: &str) {
        let before = self.listed().await.len();
        let answer = self.generate().await;
        let problem = answer.assert_problem(502, "storage_error");
        let picture = base64_decode(&problem["b64_json"]);
        assert!(picture == self.picture, "{case}: not the picture");
        assert_eq!(problem["contentType"], "image/png");
        assert_eq!(self.listed().await.len(), before, "{case}");
    }
}

fn being_deleted() -> Fault {
    Fault::refused(409, "ContainerBeingDeleted")
}

#[tokio::test]
async fn what_passes_costs_no_paid_image() {
    let large = Paid::large().await;
    for fault in [
        Fault::refused(503, "ServerBusy"),
        Fault::Reset,
        Fault::AnswerLost,
        being_deleted(),
    ] {
        let small = Paid::small().await; // in a container that is not there yet
        for (paid, step) in [
            (&small, Step::Container),
            (&small, Step::Blob),
            (&large, Step::Block),
            (&large, Step::Commit),
        ] {
            paid.account.script(step, [fault.clone()]);
            paid.assert_stored(&format!("{fault:?} at {step:?}")).await;
            assert_eq!(paid.account.unmet(), 0, "{fault:?} at {step:?}");
        }
    }
}

#[tokio::test]
async fn an_image_that_no_account_takes_is_in_the_answer() {
    let (small, large) = (Paid::small().await, Paid::large().await);
    let faults = [
        Fault::refused(503, "ServerBusy"),
        Fault::refused(403, "AuthenticationFailed"),
        Fault::Reset,
        Fault::refused(403, "AuthorizationFailure"),
        Fault::refused(409, "BlobImmutableDueToPolicy"),
        Fault::refused(412, "LeaseIdMissing"),
        Fault::refused(404, "ContainerNotFound"),
    ];
    for (paid, step, faults) in [
        (&small, Step::Container, &faults[..]),
        (&small, Step::Blob, &faults),
        (&large, Step::Block, &faults[..3]),
        (&large, Step::Commit, &faults[..3]),
    ] {
        for fault in faults {
            paid.account.always(step, fault.clone());
            let case = format!("{fault:?} at {step:?}");
            paid.assert_in_answer(&case).await;
            assert!(paid.account.seen(step) > 0, "{case}");
        }
        paid.account.heal();
        paid.assert_stored("healed").await;
    }
}

#[tokio::test]
async fn an_account_that_hangs_or_deletes_its_container_is_waited_for_in_bounds() {
    for fault in [Fault::Silent, being_deleted()] {
        let picture = picture::small_png().to_vec();
        let paid = Paid::start(picture, |settings| {
            settings.request_timeout = Duration::from_secs(1);
            settings.longest_put = Duration::from_secs(3);
        })
        .await;
        paid.account.script(Step::Blob, [fault.clone()]);
        paid.assert_stored(&format!("{fault:?}")).await;
        paid.account.always(Step::Blob, fault.clone());
        paid.assert_in_answer(&format!("{fault:?}")).await;
    }
}

/// One that is stored and yet in the answer is no loss; twice in the gallery would be.
#[tokio::test]
async fn an_image_whose_fate_is_unknown_is_stored_at_most_once_and_in_the_answer() {
    let paid = Paid::small().await;
    paid.assert_stored("at first").await;
    paid.account.script(Step::Blob, [Fault::AnswerLost]);
    paid.account
        .always(Step::Look, Fault::refused(503, "ServerBusy"));
    let answer = paid.generate().await;
    let problem = answer.assert_problem(502, "storage_error");
    assert!(base64_decode(&problem["b64_json"]) == paid.picture);
    assert_eq!(paid.listed().await.len(), 2);
}

/// A service over an account with faults, whose callers are told soon that the work goes on.
async fn hasty(upstream: &Upstream, account: &FaultyAccount) -> Service {
    let (base_url, connection) = (upstream.base_url(), account.connection_string());
    let images = azurite::new_container("late");
    let settings = [
        ("OPENAI_BASE_URL", base_url.as_str()),
        ("AZURE_STORAGE_CONNECTION_STRING", &connection),
        ("IMAGES_CONTAINER", &images),
        ("MAX_CONCURRENT_GENERATIONS", "1"),
    ];
    Service::start_with(&settings, |config| {
        config.operations.longest_wait = Duration::from_millis(500);
        config.operations.late_storing_pause = Duration::from_millis(20);
    })
    .await
}

/// Behind a 504 no answer can carry the picture, so the account gets more time to recover; the
/// place among those that run is free meanwhile.
#[tokio::test]
async fn a_picture_that_no_answer_can_carry_is_stored_when_the_account_is_back() {
    let (upstream, gate) = (Upstream::start().await, Gate::closed());
    upstream.always(Answer::image(picture::small_png()).held_by(&gate));
    let account = FaultyAccount::start().await;
    account.always(Step::Blob, Fault::refused(503, "ServerBusy"));
    let service = hasty(&upstream, &account).await;
    let answer = service.generate(&json!({"prompt": "a"})).await;
    answer.assert_problem(504, "still_running");
    gate.open();
    let give_up = Instant::now() + Duration::from_secs(20);
    let one_round = 1 + RetrySettings::default().max_retries as usize;
    while account.seen(Step::Blob) <= one_round {
        assert!(Instant::now() < give_up, "it is not tried again");
        service.get("/").await;
    }
    let second = service.generate(&json!({"prompt": "b"})).await;
    second.assert_problem(502, "storage_error"); // and no 429
    account.heal();
    while service.get("/api/getImages").await.json()["imageUrls"] == json!([]) {
        assert!(Instant::now() < give_up, "it is not stored");
    }
}

/// The account has the picture, but its answer is lost, and so are those to the looks that follow.
#[tokio::test]
async fn a_picture_that_is_tried_again_later_is_stored_once() {
    let (upstream, gate) = (Upstream::start().await, Gate::closed());
    let account = FaultyAccount::start().await;
    let service = hasty(&upstream, &account).await;
    let first = service
        .generate(&json!({"prompt": "makes the container"}))
        .await;
    assert_eq!(first.status, 200, "{}", first.text());
    upstream.always(Answer::image(picture::small_png()).held_by(&gate));
    account.script(Step::Blob, [Fault::AnswerLost]);
    let looks = 1 + RetrySettings::default().max_retries as usize;
    let busy = Fault::refused(503, "ServerBusy");
    account.script(Step::Look, vec![busy; looks]);
    let answer = service.generate(&json!({"prompt": "a"})).await;
    answer.assert_problem(504, "still_running");
    gate.open();
    let give_up = Instant::now() + Duration::from_secs(20);
    while account.seen(Step::Look) <= looks {
        assert!(Instant::now() < give_up, "it is not looked for again");
        service.get("/").await;
    }
    // Behind the look that found the picture nothing more is stored.
    let third = service.generate(&json!({"prompt": "b"})).await;
    assert_eq!(third.status, 200, "{}", third.text());
    let listed = service.get("/api/getImages").await.json();
    assert_eq!(listed["imageUrls"].as_array().unwrap().len(), 3, "{listed}");
}
