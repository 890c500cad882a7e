//! What a generation costs beyond the upstream call and the store's writes: both are also done
//! without the service, in the same run, and the difference is the service's own time.

use bytes::Bytes;
use serde_json::json;

use crate::{
    Failure, Plan,
    client::Caller,
    endpoints::settings,
    load::{self, Limit, Outcome},
    process::Service,
    report::{Table, mebibytes, verdict},
    store::{BaselineWriter, StoreKind},
    upstream::{Answer, Upstream, picture},
};

/// Requests that are not counted, before the others.
const WARM_UP_REQUESTS: usize = 3;

/// The two things that are compared, each for the picture of a number.
#[derive(Clone)]
struct Contest {
    caller: Caller,
    service_origin: String,
    upstream_url: String,
    writer: BaselineWriter,
    picture: Bytes,
}

impl Contest {
    async fn service(self, number: usize) -> Result<(), Failure> {
        self.caller.generate(&self.service_origin, number).await
    }

    /// Reads the whole upstream answer without decoding it, and writes the picture, and the
    /// states around them that no service that loses nothing can do without.
    async fn baseline(self, number: usize) -> Result<(), Failure> {
        let prompt = format!("benchmark picture {number}");
        let body = json!({ "model": "gpt-image-2", "prompt": prompt, "n": 1 });
        self.writer.write_state(number, "running").await?;
        self.caller.post(&self.upstream_url, &body).await?;
        self.writer.write(self.picture.clone()).await?;
        self.writer.write_state(number, "succeeded").await
    }
}

/// Generates pictures of each size with an upstream that answers at once.
pub(crate) async fn measure(plan: &Plan, store: &StoreKind) -> Result<(), Failure> {
    for size_bytes in plan.image_sizes {
        measure_size(plan, store, *size_bytes).await?;
    }
    Ok(())
}

/// One after the other, and pictures of the usual size several at once too.
async fn measure_size(plan: &Plan, store: &StoreKind, size_bytes: usize) -> Result<(), Failure> {
    let store = store.fresh()?;
    let picture = picture::padded_png(1024, 1024, size_bytes);
    if picture.len() != size_bytes {
        return Err(format!("a picture has {} bytes at least", picture.len()).into());
    }
    let upstream = Upstream::start().await;
    upstream.always(Answer::image(picture.clone()));
    let service = Service::start(&plan.binary, &settings(store.settings(), &upstream))?;
    let caller = Caller::new()?;
    let contest = Contest {
        service_origin: service.origin(),
        upstream_url: format!("{}/images/generations", upstream.base_url()),
        writer: store.baseline_writer(&caller).await?,
        caller: caller.clone(),
        picture,
    };
    compare(plan, &contest, &service).await?;
    drop(service);
    store.remove(&caller).await;
    Ok(())
}

async fn compare(plan: &Plan, contest: &Contest, service: &Service) -> Result<(), Failure> {
    for number in 0..WARM_UP_REQUESTS {
        contest.clone().service(number).await?;
        contest.clone().baseline(number).await?;
    }
    let peak_before = peak(service);
    let mut runs = vec![Run {
        name: "sequential".to_owned(),
        pair: one_after_the_other(plan, contest).await,
    }];
    let peak_sequential = peak(service);
    if contest.picture.len() == plan.image_bytes {
        runs.push(Run {
            name: format!("{} at once", plan.at_once),
            pair: several_at_once(plan, contest).await?,
        });
    }
    print_times(contest, &runs);
    println!(
        "  peak resident: {peak_before} MiB after {WARM_UP_REQUESTS}, {peak_sequential} MiB after \
         the sequential ones, {} MiB after all",
        peak(service),
    );
    Ok(())
}

/// A pair and how it came about.
struct Run {
    name: String,
    pair: Pair,
}

/// A run of the service and a run of the baseline.
struct Pair {
    service: Outcome,
    baseline: Outcome,
}

impl Pair {
    /// How much longer the service took, in milliseconds; below zero where it was the faster one.
    fn own_time_ms(&self, percent: usize) -> Option<f64> {
        let service = self.service.percentile(percent)?.as_secs_f64();
        let baseline = self.baseline.percentile(percent)?.as_secs_f64();
        Some((service - baseline) * 1000.0)
    }
}

/// In turns, so that what else the machine does meets both alike.
async fn one_after_the_other(plan: &Plan, contest: &Contest) -> Pair {
    let (mut service, mut baseline) = (Outcome::default(), Outcome::default());
    for number in 0..plan.sequential_generations {
        service.time(contest.clone().service(number)).await;
        baseline.time(contest.clone().baseline(number)).await;
    }
    Pair { service, baseline }
}

async fn several_at_once(plan: &Plan, contest: &Contest) -> Result<Pair, Failure> {
    let limit = Limit::requests(plan.concurrent_generations);
    let through_service = {
        let contest = contest.clone();
        move |number| contest.clone().service(number)
    };
    let without_service = {
        let contest = contest.clone();
        move |number| contest.clone().baseline(number)
    };
    Ok(Pair {
        service: load::measure(plan.at_once, limit, through_service).await?,
        baseline: load::measure(plan.at_once, limit, without_service).await?,
    })
}

fn print_times(contest: &Contest, runs: &[Run]) {
    let mut table = Table::new(&[&["POST /api/generateImage"][..], &load::COLUMNS].concat());
    let outcomes = runs.iter().flat_map(|Run { name, pair }| {
        let service = (format!("{name}, service"), &pair.service);
        [service, (format!("{name}, baseline"), &pair.baseline)]
    });
    let outcomes: Vec<_> = outcomes.collect();
    for (name, outcome) in &outcomes {
        table.row(outcome.cells(name.clone()));
    }
    let size_bytes = contest.picture.len();
    table.print(&format!(
        "generation (an upstream that answers at once: {size_bytes} bytes of PNG as b64_json)"
    ));
    println!(
        "  baseline: the upstream call, read whole and not decoded, and {}",
        contest.writer.description(size_bytes)
    );
    for (name, outcome) in &outcomes {
        outcome.print_failure(name);
    }
    if let Some(sequential) = runs.first() {
        print_own_time(size_bytes, &sequential.pair);
    }
}

fn print_own_time(size_bytes: usize, sequential: &Pair) {
    let size_bytes = u32::try_from(size_bytes).unwrap_or(u32::MAX);
    let promised_ms = 2.0 + 2.0 * f64::from(size_bytes) / 1e6;
    let own_times = [50, 95].map(|percent| match sequential.own_time_ms(percent) {
        Some(own_time_ms) => {
            let verdict = verdict(own_time_ms <= promised_ms);
            format!("p{percent} {own_time_ms:.2} ms: {verdict}")
        }
        None => format!("p{percent} unknown"),
    });
    println!(
        "  own time, service less baseline, sequential: {} (promised: at most {promised_ms:.1} ms)",
        own_times.join(", ")
    );
}

fn peak(service: &Service) -> String {
    let peak_kib = service.peak_resident_kib();
    peak_kib.map_or_else(|| "unknown".to_owned(), mebibytes)
}
