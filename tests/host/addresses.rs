//! Addresses in answers begin as the caller reached the front end, whatever stands between.

use serde_json::json;

use super::functions_host::{FrontEnd, Hosting, Mode, Options};
use super::harness::{Gallery, in_both_modes, json_of};

in_both_modes!(addresses_begin_as_the_caller_reached_the_front_end);

async fn addresses_begin_as_the_caller_reached_the_front_end(mode: Mode) {
    let app_service: &[_] = &[("WEBSITE_SITE_NAME", "app")];
    let container_app: &[_] = &[("CONTAINER_APP_NAME", "app")];
    let host_reads: &[_] = &[
        ("CONTAINER_APP_NAME", "app"),
        ("ASPNETCORE_FORWARDEDHEADERS_ENABLED", "true"),
    ];
    // A host that proxies and does not read the front end's word knows only how it was reached.
    let unread = if mode == Mode::Proxying {
        "http"
    } else {
        "https"
    };
    for (front_end, hosting, settings, scheme) in [
        (FrontEnd::None, Hosting::Elsewhere, &[][..], "http"),
        (
            FrontEnd::AppService,
            Hosting::AzureLinux,
            app_service,
            "https",
        ),
        (
            FrontEnd::ContainerApps,
            Hosting::Elsewhere,
            container_app,
            unread,
        ),
        (
            FrontEnd::ContainerApps,
            Hosting::Elsewhere,
            host_reads,
            "https",
        ),
    ] {
        let change = |options: &mut Options| {
            (options.front_end, options.hosting) = (front_end, hosting);
            let settings = settings.iter();
            let settings = settings.map(|(name, value): &(_, &str)| (*name, value.to_string()));
            options.settings.extend(settings);
        };
        let gallery = Gallery::start_with(mode, change).await;
        let request = gallery.client.post(gallery.url("/api/generateImage"));
        let request = request
            .header("accept", "application/json")
            .header("x-forwarded-host", "evil.example");
        let request = request.body(json!({"prompt": "a", "size": "64x64"}).to_string());
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let operation = answer.headers()["operation-location"].to_str().unwrap();
        let operation = operation.to_owned();
        let image = json_of(answer).await["imageList"][0].clone();
        let public = gallery.host.base_url.replacen("http", scheme, 1);
        for address in [
            operation.as_str(),
            image["url"].as_str().unwrap(),
            image["thumbnailUrl"].as_str().unwrap(),
        ] {
            assert!(
                address.starts_with(&format!("{public}/api/")),
                "{front_end:?} {settings:?}: {address}"
            );
        }
        gallery.stop().await;
    }
}
