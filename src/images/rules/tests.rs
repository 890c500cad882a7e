//! Every row of the table: each allowed value passes, and others are refused or dropped.

use super::*;
use crate::images::{ParsedRequest, parse_request};
use serde_json::json;

/// Every row, with a model's name that leads to it.
fn rows() -> Vec<(ModelRules, &'static str)> {
    let named = TABLE.iter().map(|row| (*row, row.names[0]));
    let azure = TABLE.iter().map(|row| (row.at_azure(), row.names[0]));
    named
        .chain(azure)
        .chain([(UNKNOWN, "my-deployment"), (DEMO, "any")])
        .collect()
}

/// A request with one option, and what that option cannot do without.
fn request(option: &str, value: &Value) -> Value {
    match option {
        "output_compression" => {
            json!({"prompt": "a", "output_format": "jpeg", option: value})
        }
        _ => json!({"prompt": "a", option: value}),
    }
}

fn parse(body: &Value) -> Result<ImageRequest, InvalidOption> {
    let Value::Object(fields) = body.clone() else {
        panic!("{body} is no object")
    };
    parse_request(fields, 10).map(|ParsedRequest { image, .. }| image)
}

fn judge(rules: &ModelRules, body: &Value) -> Result<ImageRequest, InvalidOption> {
    let request = parse(body)?;
    rules.check(&request)?;
    Ok(request)
}

/// Values that some family takes, and some that none does.
fn candidates(option: &str) -> Vec<Value> {
    let of_rows = rows().into_iter().flat_map(|(row, _)| {
        let rules = row.options().into_iter();
        rules
            .filter(|(name, _)| *name == option)
            .flat_map(|(_, rule)| match rule {
                Rule::Only(words) => words.to_vec(),
                _ => Vec::new(),
            })
            .map(Value::from)
            .collect::<Vec<_>>()
    });
    let others = match option {
        "size" => vec![json!("1280x720"), json!("1000x1000"), json!("3840x2160")],
        "output_compression" => vec![json!(0), json!(100)],
        "partial_images" => vec![json!(0), json!(3)],
        "seed" | "num_steps" => vec![json!(7)],
        "guidance_scale" => vec![json!(7.5)],
        "style" | "output_format" | "background" | "moderation" => vec![],
        _ => vec![json!("never-heard-of")],
    };
    of_rows.chain(others).collect()
}

/// Those of the candidates that keep the bounds of a free size.
const FREE_SIZES: [&str; 8] = [
    "auto",
    "1024x1024",
    "1280x720",
    "3840x2160",
    "1536x1024",
    "1024x1536",
    "1792x1024",
    "1024x1792",
];

fn is_allowed(rule: Rule, value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    match rule {
        Rule::Unused | Rule::Any => true,
        Rule::Only(words) => words.contains(&text),
        Rule::Within(_) => FREE_SIZES.contains(&text),
    }
}

#[test]
fn every_family_takes_each_value_of_its_row_and_refuses_every_other_by_name() {
    let mut refused = 0;
    for (row, model) in rows() {
        for (option, rule) in row.options() {
            for value in candidates(option) {
                match judge(&row, &request(option, &value)) {
                    Ok(request) if is_allowed(rule, &value) => {
                        let is_used = row.used(&request.options).contains(&(option, value));
                        let is_dropped = row.unused(&request.options).contains(&option);
                        assert_eq!(is_used, rule != Rule::Unused, "{model}: {option}");
                        assert_eq!(is_dropped, rule == Rule::Unused, "{model}: {option}");
                    }
                    Err(error) if !is_allowed(rule, &value) => {
                        assert_says(&error, option, value.as_str().unwrap());
                        assert_eq!(error.allowed, rule.to_string());
                        refused += 1;
                    }
                    Ok(_) => panic!("{model} takes {option} {value}"),
                    Err(error) => panic!("{model} refuses {option} {value}: {error}"),
                }
            }
        }
    }
    assert!(refused > 100, "only {refused} refusals");
}

fn assert_says(error: &InvalidOption, field: &str, value: &str) {
    assert_eq!(error.field, field);
    assert!(error.problem.contains(value), "{error}");
}

/// What the general checks refuse is refused for all, also where the option would be dropped.
#[test]
fn a_word_that_no_family_has_is_refused_for_every_family() {
    for (row, model) in rows() {
        for (option, words) in [
            ("style", STYLES),
            ("output_format", OUTPUT_FORMATS),
            ("background", BACKGROUNDS),
            ("moderation", MODERATIONS),
        ] {
            let error = judge(&row, &request(option, &json!("loud"))).unwrap_err();
            assert_says(&error, option, "loud");
            assert_eq!(error.allowed, words.join(", "), "{model}");
        }
    }
}

#[test]
fn options_that_need_a_format_are_refused_without_it_where_there_are_formats() {
    for (options, field) in [
        (
            json!({"background": "transparent", "output_format": "jpeg"}),
            Some("background"),
        ),
        (
            json!({"background": "transparent", "output_format": "png"}),
            None,
        ),
        (
            json!({"background": "transparent", "output_format": "webp"}),
            None,
        ),
        (json!({"background": "transparent"}), None),
        (
            json!({"background": "opaque", "output_format": "jpeg"}),
            None,
        ),
        (
            json!({"output_compression": 50}),
            Some("output_compression"),
        ),
        (
            json!({"output_compression": 50, "output_format": "png"}),
            Some("output_compression"),
        ),
        (
            json!({"output_compression": 50, "output_format": "jpeg"}),
            None,
        ),
        (
            json!({"output_compression": 0, "output_format": "webp"}),
            None,
        ),
    ] {
        let mut body = options.clone();
        body["prompt"] = "a".into();
        for (row, model) in rows() {
            let webp_is_missing =
                options["output_format"] == "webp" && !row.output_format.allows(&json!("webp"));
            let field = match row.output_format {
                Rule::Unused => None,
                _ if webp_is_missing => Some("output_format"),
                _ => field,
            };
            let refused = judge(&row, &body).err();
            let refused_field = refused.as_ref().map(|error| error.field.as_str());
            assert_eq!(refused_field, field, "{model}: {options}: {refused:?}");
        }
    }
}

#[test]
fn a_models_row_is_known_by_the_start_of_its_name() {
    for (model, family) in [
        ("dall-e-2", "dall-e-2"),
        ("dall-e-3", "dall-e-3"),
        ("Dalle3", "dall-e-3"),
        ("DALL-E-3_pictures", "dall-e-3"),
        ("gpt-image-1", "gpt-image-1"),
        ("gpt-image-1-mini", "gpt-image-1"),
        ("gpt-image-1.5-2025-12-16", "gpt-image-1"),
        ("chatgpt-image-latest", "gpt-image-1"),
        ("gpt-image-2", "gpt-image-2"),
        ("gpt-image-2-2026-04-21", "gpt-image-2"),
        ("gpt-image-2.5-flare", "gpt-image-2.5"),
        ("gpt-image-2.5-sunburst", "gpt-image-2.5"),
        ("GPT-Image-2-5-prod", "gpt-image-2.5"),
        ("openai/dall-e-3", "dall-e-3"),
        ("gateway/v1/OpenAI/gpt-image-2-2026-04-21", "gpt-image-2"),
        ("dall-e-3/mine", "unknown"),
        ("dall-e-3/", "unknown"),
        ("gpt-image-2.7", "unknown"),
        ("gpt-image-25", "unknown"),
        ("gpt-image-10", "unknown"),
        ("gpt-image-3", "unknown"),
        ("dall-e-30", "unknown"),
        ("dalle-mini", "unknown"),
        ("my-gpt-image-2", "unknown"),
        ("pictures", "unknown"),
        ("", "unknown"),
    ] {
        assert_eq!(ModelRules::of(model).family, family, "{model}");
    }
}

#[test]
fn a_prompt_may_be_as_long_as_its_family_says() {
    for (row, model) in rows() {
        let body = |characters| json!({"prompt": "é".repeat(characters)});
        assert!(judge(&row, &body(row.longest_prompt)).is_ok(), "{model}");
        let error = judge(&row, &body(row.longest_prompt + 1)).unwrap_err();
        assert_says(&error, "prompt", &(row.longest_prompt + 1).to_string());
        assert!(error.allowed.contains(&row.longest_prompt.to_string()));
    }
}

#[test]
fn a_size_is_refused_under_the_name_by_which_it_came() {
    let rules = ModelRules::of("dall-e-3");
    let text = judge(&rules, &json!({"prompt": "a", "size": "256x256"})).unwrap_err();
    assert_eq!(
        text.to_string(),
        "size is 256x256; allowed is 1024x1024, 1792x1024, 1024x1792"
    );
    let sides = judge(&rules, &json!({"prompt": "a", "width": 256, "height": 256})).unwrap_err();
    assert_eq!(
        sides.to_string(),
        "width x height is 256x256; allowed is 1024x1024, 1792x1024, 1024x1792"
    );
    assert_eq!(sides.field, "width");
}

#[test]
fn free_sizes_end_at_their_bounds() {
    let rules = ModelRules::of("gpt-image-2.5-flare");
    for (size, why, passes) in [
        ("1024x640", "the fewest pixels", true),
        ("1008x640", "fewer", false),
        ("3840x2160", "the most pixels and the longest side", true),
        ("3840x2176", "more pixels", false),
        ("3856x1600", "a longer side", false),
        ("1600x3856", "a longer side upwards", false),
        ("1536x512", "three to one", true),
        ("512x1536", "one to three", true),
        ("1552x512", "steeper", false),
        ("512x1552", "steeper upwards", false),
        ("1032x1024", "a width that 16 does not divide", false),
        ("1024x1032", "a height that 16 does not divide", false),
    ] {
        let outcome = judge(&rules, &json!({"prompt": "a", "size": size}));
        assert_eq!(outcome.is_ok(), passes, "{size}: {why}");
    }
}
