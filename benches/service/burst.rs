//! Many generations at the same moment: whether all are answered and stored, and how much memory
//! the service takes for it, in the first burst and in those after it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::{
    Failure, Plan,
    client::Caller,
    endpoints::settings,
    process::Service,
    report::{Table, mebibytes, verdict},
    store::StoreKind,
    upstream::{Answer, Upstream, picture},
};

/// What the service promises to stay below: 200 MB.
const PROMISED_KIB: u64 = 200_000_000 / 1024;

const COLUMNS: [&str; 7] = [
    "settings, answer's length, burst",
    "statuses",
    "stored",
    "wall s",
    "resident MiB",
    "peak MiB",
    "promise",
];

/// One process: how it is set and how its upstream sends.
struct Variant {
    name: String,
    settings: Vec<(&'static str, String)>,
    answer: Answer,
}

/// How one burst went.
struct Burst {
    statuses: BTreeMap<String, usize>,
    elapsed: Duration,
}

/// Bursts with the default settings and with a place for every request, each in a fresh process.
pub(crate) async fn measure(plan: &Plan, store: &StoreKind) -> Result<(), Failure> {
    let mut table = Table::new(&COLUMNS);
    let picture = picture::padded_png(1024, 1024, plan.burst_image_bytes);
    for (place, variant) in variants(plan, &picture).into_iter().enumerate() {
        // Azurite keeps all that it was sent in memory, what is deleted for minutes more.
        let bursts = match store {
            StoreKind::Azurite { .. } if place > 0 => 1,
            _ => plan.bursts,
        };
        let plan = &Plan {
            bursts,
            ..plan.clone()
        };
        measure_variant(plan, store, variant, &mut table).await?;
    }
    let (count, size_bytes) = (plan.burst_generations, plan.burst_image_bytes);
    table.print(&format!(
        "burst ({count} generations of {size_bytes} bytes at once, a fresh process for each variant)"
    ));
    println!("  promised: every one answered 200 and stored, under 200 MB (190.7 MiB) resident");
    Ok(())
}

fn variants(plan: &Plan, picture: &Bytes) -> Vec<Variant> {
    let places = plan.burst_generations.to_string();
    let settings = [
        ("default", vec![]),
        (
            "a place for each",
            vec![("MAX_CONCURRENT_GENERATIONS", places)],
        ),
    ];
    let answer = Answer::image(picture.clone());
    let answers = [("known", answer.clone()), ("chunked", answer.chunked())];
    let variants = settings.iter().flat_map(|(name, settings)| {
        answers.iter().map(move |(length, answer)| Variant {
            name: format!("{name}, {length}"),
            settings: settings.clone(),
            answer: answer.clone(),
        })
    });
    variants.collect()
}

async fn measure_variant(
    plan: &Plan,
    store: &StoreKind,
    variant: Variant,
    table: &mut Table,
) -> Result<(), Failure> {
    let store = store.fresh()?;
    let upstream = Upstream::start().await;
    upstream.always(variant.answer);
    let mut settings = settings(store.settings(), &upstream);
    settings.extend(variant.settings);
    let service = Service::start(&plan.binary, &settings)?;
    let caller = Caller::new()?;
    for number in 1..=plan.bursts {
        let burst = send_all(plan.burst_generations, &service, &caller).await?;
        let stored = count_stored(&service, &caller).await?;
        let is_kept = stored == number * plan.burst_generations
            && service
                .peak_resident_kib()
                .is_some_and(|kib| kib < PROMISED_KIB);
        let shown = |kib: Option<u64>| kib.map_or_else(|| "unknown".to_owned(), mebibytes);
        table.row(vec![
            format!("{}, {number}", variant.name),
            burst.shown_statuses(),
            stored.to_string(),
            format!("{:.2}", burst.elapsed.as_secs_f64()),
            shown(service.resident_kib()),
            shown(service.peak_resident_kib()),
            verdict(is_kept).to_owned(),
        ]);
    }
    drop(service);
    store.remove(&caller).await;
    Ok(())
}

async fn send_all(count: usize, service: &Service, caller: &Caller) -> Result<Burst, Failure> {
    let started_at = Instant::now();
    let mut requests = JoinSet::new();
    for number in 0..count {
        let (caller, origin) = (caller.clone(), service.origin());
        requests.spawn(async move {
            match caller.generate_status(&origin, number).await {
                Ok(status) => status.to_string(),
                Err(_) => "no answer".to_owned(),
            }
        });
    }
    let mut statuses = BTreeMap::new();
    while let Some(status) = requests.join_next().await {
        *statuses.entry(status?).or_insert(0) += 1;
    }
    let elapsed = started_at.elapsed();
    Ok(Burst { statuses, elapsed })
}

impl Burst {
    fn shown_statuses(&self) -> String {
        let counts = self.statuses.iter();
        let counts = counts.map(|(status, count)| format!("{count} x {status}"));
        counts.collect::<Vec<_>>().join(", ")
    }
}

/// How many pictures the gallery lists.
async fn count_stored(service: &Service, caller: &Caller) -> Result<usize, Failure> {
    let url = format!("{}/api/getImages", service.origin());
    let gallery: Value = serde_json::from_slice(&caller.get(&url).await?)?;
    Ok(gallery["imageUrls"].as_array().map_or(0, Vec::len))
}
