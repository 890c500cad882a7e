//! Limits behind the host: the front end's word on where a caller is counts, the caller's own
//! does not.

use serde_json::{Value, json};

use super::functions_host::Mode;
use super::harness::{Paid, in_both_modes, json_of};
use crate::upstream::{Answer, picture};

in_both_modes!(
    the_last_hop_is_the_caller_and_a_forged_first_one_is_not,
    in_azure_there_are_limits_that_nobody_has_set,
);

async fn ask(paid: &Paid, hops: &[&str]) -> (u16, String, Value) {
    let mut request = paid.post(&json!({"prompt": "a"}));
    for line in hops {
        request = request.header("x-forwarded-for", *line);
    }
    let answer = request
        .header("accept", "application/json")
        .send()
        .await
        .unwrap();
    let retry_after = answer.headers().get("retry-after");
    let retry_after = retry_after.map(|it| it.to_str().unwrap().to_owned());
    let status = answer.status().as_u16();
    (
        status,
        retry_after.unwrap_or_default(),
        json_of(answer).await,
    )
}

async fn the_last_hop_is_the_caller_and_a_forged_first_one_is_not(mode: Mode) {
    let paid = Paid::start_with(mode, &[("RATE_LIMIT_PER_MINUTE", "1")]).await;
    paid.upstream.always(Answer::image(picture::small_png()));
    for (hops, status) in [
        (&["203.0.113.1:4711"][..], 200),
        (&["198.51.100.1, 203.0.113.1:4712"], 429),
        (&["198.51.100.2", "203.0.113.1:4713"], 429),
        (&["203.0.113.1, 203.0.113.2:4711"], 200),
        (&["[2001:db8::1]:4711"], 200),
        (&["[2001:db8::ffff:1]:4711"], 429),
    ] {
        let (found, retry_after, body) = ask(&paid, hops).await;
        assert_eq!(found, status, "{hops:?}: {body}");
        if status == 429 {
            assert_eq!(body["code"], "rate_limited");
            assert_eq!(body["retryAfter"].to_string(), retry_after);
        }
    }
    assert_eq!(paid.calls(), 3);
    paid.stop().await;
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
