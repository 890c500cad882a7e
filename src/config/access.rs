//! Who may call, and how much: the key, the limits, and whose word says where a caller is.

use super::{CallerSource, HostForwardedHeaders, Mode, reader::Reader};
use crate::{api_key::ApiKey, limits::LimitSettings};

/// A key can be tried as fast as the service answers; shorter ones are words.
const SHORTEST_API_KEY: usize = 16;

/// More than a process can do, and far from where the arithmetic ends.
const MOST: u64 = 1_000_000;

pub(super) fn read_api_key(reader: &mut Reader<'_>) -> Option<ApiKey> {
    let key = reader.text(&["API_KEY"])?;
    let can_be_sent = key.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if key.len() < SHORTEST_API_KEY || !can_be_sent {
        let rule = format!("must be {SHORTEST_API_KEY} or more visible ASCII characters");
        reader.problem("API_KEY", rule);
    }
    Some(ApiKey::new(key.into()))
}

/// Deployed, whoever finds the address can spend the owner's money, so there are limits unless
/// they are switched off by name: ten images in a minute are more than a person looks at; a
/// process makes some sixty in a minute when each takes a minute and all its places are taken;
/// and a thousand images of the usual models cost tens of dollars, not thousands.
pub(super) fn read_limits(reader: &mut Reader<'_>, is_deployed: bool) -> LimitSettings {
    let mut read = |name: &str, deployed: u32| match reader.limit(name, MOST) {
        Some(given) => given,
        None => is_deployed.then_some(deployed),
    };
    LimitSettings {
        caller_per_minute: read("RATE_LIMIT_PER_MINUTE", 10),
        instance_per_minute: read("INSTANCE_RATE_LIMIT_PER_MINUTE", 60),
        images_per_day: read("DAILY_IMAGE_BUDGET", 1000),
        ..LimitSettings::off()
    }
}

/// Behind the Functions host the platform decides; standing alone the operator does.
pub(super) fn read_caller_source(reader: &mut Reader<'_>, mode: Mode) -> CallerSource {
    let trusted = reader.one_of("TRUST_FORWARDED_FOR", &["on", "off"]);
    // The handler inherits the host's environment. ASP.NET takes nothing but `true` for yes.
    let forwarded_headers = match reader.text(&["ASPNETCORE_FORWARDEDHEADERS_ENABLED"]) {
        Some(value) if value.eq_ignore_ascii_case("true") => HostForwardedHeaders::Read,
        _ => HostForwardedHeaders::Ignored,
    };
    match (mode, trusted.as_deref()) {
        (Mode::Standalone, Some("on")) => CallerSource::OwnProxy,
        (Mode::Standalone, _) => CallerSource::Peer,
        (Mode::Handler, _) if reader.is_set("CONTAINER_APP_NAME") => {
            CallerSource::ContainerApps(forwarded_headers)
        }
        (Mode::Handler, _) if reader.is_set("WEBSITE_SITE_NAME") => {
            CallerSource::AppService(forwarded_headers)
        }
        (Mode::Handler, _) => CallerSource::Unknown,
    }
}
