//! What each GET endpoint serves in a second, from a gallery of small pictures.

use serde_json::Value;

use crate::{
    Failure, Plan,
    client::Caller,
    load,
    process::Service,
    report::{Table, mebibytes},
    store::StoreKind,
    upstream::{Answer, Upstream, picture},
};

/// Requests that are not counted, before each endpoint's: connections, caches.
const WARM_UP_REQUESTS: usize = 50;

/// Fills a gallery through the service and asks every endpoint in turn.
pub(crate) async fn measure(plan: &Plan, store: &StoreKind) -> Result<(), Failure> {
    let store = store.fresh()?;
    let upstream = Upstream::start().await;
    upstream.always_with(|request| match request.path() {
        path if path.ends_with("/images/generations") => Answer::image(picture::small_png()),
        _ => Answer::chat("A lighthouse made of paper, in soft evening light"),
    });
    let service = Service::start(&plan.binary, &settings(store.settings(), &upstream))?;
    let caller = Caller::new()?;
    for number in 0..plan.gallery_images {
        caller.generate(&service.origin(), number).await?;
    }
    let endpoints = endpoints(plan, &service.origin(), &caller).await?;
    print_rates(plan, endpoints, &caller).await?;
    let resident = service.resident_kib().map_or_else(String::new, mebibytes);
    println!("  resident after all of them: {resident} MiB");
    drop(service);
    store.remove(&caller).await;
    Ok(())
}

/// The settings of a service that has its pictures from the upstream double.
pub(crate) fn settings(
    mut store: Vec<(&'static str, String)>,
    upstream: &Upstream,
) -> Vec<(&'static str, String)> {
    store.push(("IMAGE_PROVIDER", "openai".to_owned()));
    store.push(("OPENAI_BASE_URL", upstream.base_url()));
    store.push(("OPENAI_API_KEY", "test".to_owned()));
    store
}

/// Names and URLs; the folder store's pictures are served by the service too.
async fn endpoints(
    plan: &Plan,
    origin: &str,
    caller: &Caller,
) -> Result<Vec<(String, String)>, Failure> {
    let gallery = caller.get(&format!("{origin}/api/getImages")).await?;
    let gallery: Value = serde_json::from_slice(&gallery)?;
    let images = gallery["imageUrls"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    if images.len() != plan.gallery_images {
        return Err(format!("the gallery holds {} pictures", images.len()).into());
    }
    let paths = [
        "/",
        "/api/getImages",
        "/api/getImages?limit=10",
        "/api/getChatGPTSuggestion",
        "/api/generateSASToken",
        "/api/health",
    ];
    let named = paths.map(|path| (path.to_owned(), format!("{origin}{path}")));
    let mut endpoints = named.to_vec();
    let picture_url = images.first().and_then(|image| image["url"].as_str());
    if let Some(url) = picture_url.filter(|url| url.starts_with(origin)) {
        let size_bytes = picture::small_png().len();
        endpoints.push((format!("/api/files/… ({size_bytes} bytes)"), url.to_owned()));
    }
    Ok(endpoints)
}

async fn print_rates(
    plan: &Plan,
    endpoints: Vec<(String, String)>,
    caller: &Caller,
) -> Result<(), Failure> {
    let mut table = Table::new(&[&["GET"][..], &load::COLUMNS].concat());
    let mut outcomes = Vec::new();
    for (name, url) in endpoints {
        let caller = caller.clone();
        let get = move |_| {
            let (caller, url) = (caller.clone(), url.clone());
            async move { caller.get(&url).await.map(drop) }
        };
        let warm_up = load::Limit::requests(WARM_UP_REQUESTS);
        load::measure(plan.at_once, warm_up, get.clone()).await?;
        let outcome = load::measure(plan.at_once, plan.reads, get).await?;
        table.row(outcome.cells(name.clone()));
        outcomes.push((name, outcome));
    }
    let (connections, images) = (plan.at_once, plan.gallery_images);
    table.print(&format!(
        "reading ({connections} connections, {images} pictures in the gallery)"
    ));
    for (name, outcome) in outcomes {
        outcome.print_failure(&name);
    }
    Ok(())
}
