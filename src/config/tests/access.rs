//! Who may call, and how much.

use super::*;

#[test]
fn limits_hold_in_azure_unless_they_are_switched_off_by_name() {
    let limits = |pairs: &[(&str, &str)]| {
        let limits = service(pairs).limits;
        let rates = (limits.caller_per_minute, limits.instance_per_minute);
        (rates.0, rates.1, limits.images_per_day)
    };
    let deployed = [&AZURE[..], &ACCOUNT, &[("WEBSITE_SITE_NAME", "app")]].concat();
    assert_eq!(limits(&[]), (None, None, None));
    assert_eq!(limits(&deployed), (Some(10), Some(60), Some(1000)));
    let set = [
        ("RATE_LIMIT_PER_MINUTE", "3"),
        ("INSTANCE_RATE_LIMIT_PER_MINUTE", "OFF"),
        ("DAILY_IMAGE_BUDGET", "1000000"),
    ];
    let expected = (Some(3), None, Some(1_000_000));
    assert_eq!(limits(&set), expected);
    assert_eq!(limits(&[&deployed[..], &set].concat()), expected);
}

#[test]
fn a_key_that_can_be_guessed_or_not_be_sent_is_a_problem() {
    for (key, is_good) in [
        ("fifteen letters", false),
        ("sixteen letters.", true),
        ("sixteen\tletters.", false),
        ("sechzehn Zeichän", false),
    ] {
        let read = read(&[("API_KEY", key)]).service;
        assert_eq!(read.is_ok(), is_good, "{key}");
        if let Err(problems) = read {
            let text = problems.to_string();
            assert_eq!(text, "API_KEY must be 16 or more visible ASCII characters");
        }
    }
}
