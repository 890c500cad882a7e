//! Limits behind the host: whose word on where a caller is counts, by the front end before the host.

use serde_json::{Value, json};

use super::functions_host::{CALLER_ADDRESS, FrontEnd, Mode};
use super::harness::{Paid, in_both_modes, json_of, until};
use crate::upstream::{Answer, picture};

in_both_modes!(
    on_app_service_each_caller_has_a_minute_whatever_it_writes,
    in_container_apps_each_caller_has_a_minute_where_the_host_is_set_for_its_mode,
    in_container_apps_all_callers_are_one_where_it_is_not,
    behind_a_host_that_is_not_deployed_all_callers_are_one,
    in_azure_there_are_limits_that_nobody_has_set,
);

const APP_SERVICE: (&str, &str) = ("WEBSITE_SITE_NAME", "app");
const CONTAINER_APP: (&str, &str) = ("CONTAINER_APP_NAME", "app");
const HOST_READS: (&str, &str) = ("ASPNETCORE_FORWARDEDHEADERS_ENABLED", "true");

async fn start(mode: Mode, front_end: FrontEnd, settings: &[(&'static str, &str)]) -> Paid {
    let limits = [
        ("RATE_LIMIT_PER_MINUTE", "1"),
        ("INSTANCE_RATE_LIMIT_PER_MINUTE", "off"),
    ];
    let paid = Paid::start_behind(front_end, mode, &[&limits, settings].concat()).await;
    paid.upstream.always(Answer::image(picture::small_png()));
    paid
}

/// The status of a request of a caller at this address, who writes these headers.
async fn ask(paid: &Paid, address: &str, forged: &[(&str, &str)]) -> u16 {
    let request = paid.post(&json!({"prompt": "a"}));
    let request = request.header(CALLER_ADDRESS, address);
    let request = forged.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    let answer = request.header("accept", "application/json").send().await;
    let answer = answer.unwrap();
    let retry_after = answer.headers().get("retry-after").cloned();
    let status = answer.status().as_u16();
    let body: Value = json_of(answer).await;
    if status == 429 {
        assert_eq!(body["code"], "rate_limited");
        let seconds = body["retryAfter"].to_string();
        assert_eq!(retry_after.unwrap(), seconds.as_str());
    }
    status
}

/// Two callers who write what would make them others, and the first one again.
async fn assert_callers_are_told_apart(paid: &Paid) {
    for (number, address) in ["203.0.113.1:4711", "[2001:db8::1]:4711"]
        .iter()
        .enumerate()
    {
        let forged = format!("198.51.100.{number}");
        for (headers, expected) in [
            (&[][..], 200),
            (&[("x-forwarded-for", forged.as_str())], 429),
            (&[("client-ip", forged.as_str())], 429),
            (
                &[("x-ms-invocation-id", "mine"), ("x-forwarded-for", &forged)],
                429,
            ),
        ] {
            let status = ask(paid, address, headers).await;
            assert_eq!(status, expected, "{address} {headers:?}");
        }
    }
    assert_eq!(
        ask(paid, "203.0.113.1:4999", &[]).await,
        429,
        "another port"
    );
    assert_eq!(paid.calls(), 2);
}

async fn assert_callers_are_one(paid: &Paid) {
    assert_eq!(ask(paid, "203.0.113.1:4711", &[]).await, 200);
    for forged in [
        &[][..],
        &[("x-forwarded-for", "198.51.100.1")],
        &[("client-ip", "198.51.100.2")],
    ] {
        assert_eq!(
            ask(paid, "203.0.113.2:4711", forged).await,
            429,
            "{forged:?}"
        );
    }
}

async fn on_app_service_each_caller_has_a_minute_whatever_it_writes(mode: Mode) {
    for settings in [&[APP_SERVICE][..], &[APP_SERVICE, HOST_READS]] {
        let paid = start(mode, FrontEnd::AppService, settings).await;
        assert_callers_are_told_apart(&paid).await;
        paid.stop().await;
    }
}

/// A host that proxies has to read the field itself, one that forwards must not.
fn set_for(mode: Mode) -> &'static [(&'static str, &'static str)] {
    match mode {
        Mode::Proxying => &[CONTAINER_APP, HOST_READS],
        Mode::Forwarding => &[CONTAINER_APP],
    }
}

async fn in_container_apps_each_caller_has_a_minute_where_the_host_is_set_for_its_mode(mode: Mode) {
    let paid = start(mode, FrontEnd::ContainerApps, set_for(mode)).await;
    assert_callers_are_told_apart(&paid).await;
    paid.stop().await;
}

async fn in_container_apps_all_callers_are_one_where_it_is_not(mode: Mode) {
    let settings = match mode {
        Mode::Proxying => set_for(Mode::Forwarding),
        Mode::Forwarding => set_for(Mode::Proxying),
    };
    let paid = start(mode, FrontEnd::ContainerApps, settings).await;
    assert_callers_are_one(&paid).await;
    let worker = paid.host.worker();
    until("the log says what to set", || {
        worker
            .console
            .contains("ASPNETCORE_FORWARDEDHEADERS_ENABLED")
    })
    .await;
    paid.stop().await;
}

async fn behind_a_host_that_is_not_deployed_all_callers_are_one(mode: Mode) {
    for front_end in [FrontEnd::None, FrontEnd::PassThrough] {
        let paid = start(mode, front_end, &[]).await;
        assert_callers_are_one(&paid).await;
        paid.stop().await;
    }
}

async fn in_azure_there_are_limits_that_nobody_has_set(mode: Mode) {
    let paid = Paid::start_with(mode, &[("WEBSITE_SITE_NAME", "app")]).await;
    paid.upstream.always(Answer::image(picture::small_png()));
    let answer = paid.post(&json!({"prompt": "a"})).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let policy = answer.headers()["ratelimit-policy"].to_str().unwrap();
    assert_eq!(
        policy,
        r#""caller";q=10;w=60;qu="images", "instance";q=60;w=60;qu="images", "day";q=1000;w=86400;qu="images""#
    );
    paid.stop().await;
}
