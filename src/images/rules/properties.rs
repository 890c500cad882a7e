//! Any request at all, against the documents' bounds. They are written out here once more, as
//! plain sentences that know nothing of the table.

use super::ModelRules;
use crate::images::{CONFLICTS, ImageRequest, InvalidOption, parse_request};
use proptest::{option, prelude::*, sample::select};
use serde_json::{Map, Value, json};

/// Names of models and deployments, and the family that they are of.
const MODELS: [(&str, Family); 10] = [
    ("dall-e-2", Family::DallE2),
    ("dall-e-3", Family::DallE3),
    ("gpt-image-1", Family::GptImage1),
    ("gpt-image-1-mini", Family::GptImage1),
    ("gpt-image-1.5", Family::GptImage1),
    ("chatgpt-image-latest", Family::GptImage1),
    ("gpt-image-2-2026-04-21", Family::GptImage2),
    ("gpt-image-2.5-sunburst", Family::GptImage25),
    ("gpt-image-7", Family::Unknown),
    ("pictures", Family::Unknown),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    DallE2,
    DallE3,
    GptImage1,
    GptImage2,
    GptImage25,
    Unknown,
}

/// The fields of a request that has only values which some model takes.
fn fields() -> impl Strategy<Value = Map<String, Value>> {
    let words = |words: &'static [&'static str]| option::of(select(words).prop_map(Value::from));
    let qualities = [
        "auto", "low", "medium", "high", "xhigh", "max", "standard", "hd", "new",
    ];
    let quality = option::of(select(qualities.to_vec()).prop_map(Value::from));
    let size = option::weighted(0.5, size().prop_map(Value::from));
    let output = (
        words(&["png", "jpeg", "webp"]),
        option::weighted(0.3, (0..=100u8).prop_map(Value::from)),
        words(&["transparent", "opaque", "auto"]),
    );
    let rest = (
        words(&["vivid", "natural"]),
        option::weighted(0.3, (0..9u8).prop_map(Value::from)),
        option::weighted(0.3, select(vec!["url", "b64_json"]).prop_map(Value::from)),
        words(&["low", "auto"]),
        option::weighted(0.3, (0..=3u8).prop_map(Value::from)),
    );
    let prompt = prop_oneof![Just(1), Just(1000), Just(1001), Just(4000), Just(4001)];
    let all = (prompt, size, quality, output, rest);
    all.prop_map(|(characters, size, quality, output, rest)| {
        let (format, compression, background) = output;
        let (style, seed, response_format, moderation, previews) = rest;
        let prompt = Some(Value::from("x".repeat(characters)));
        let fields = [
            ("prompt", prompt),
            ("size", size),
            ("quality", quality),
            ("output_format", format),
            ("output_compression", compression),
            ("background", background),
            ("style", style),
            ("seed", seed),
            ("response_format", response_format),
            ("moderation", moderation),
            ("partial_images", previews),
        ];
        let given = fields.into_iter();
        given
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
    })
}

/// Named sizes, sizes on the grid of 16, and any sizes.
fn size() -> impl Strategy<Value = String> {
    let named = [
        "auto",
        "256x256",
        "512x512",
        "1024x1024",
        "1536x1024",
        "1024x1536",
        "1792x1024",
        "1024x1792",
        "3840x2160",
        "2160x3840",
        "1024x640",
        "1536x512",
    ];
    let text = |(width, height): (u32, u32)| format!("{width}x{height}");
    prop_oneof![
        3 => select(named.to_vec()).prop_map(str::to_owned),
        2 => (4..=256u32, 4..=256u32)
            .prop_map(|(width, height)| (width * 16, height * 16))
            .prop_map(text),
        1 => (64..=4096u32, 64..=4096u32).prop_map(text),
    ]
}

/// Whether the documents allow a request that is made of known words.
fn is_documented(family: Family, azure: bool, fields: &Map<String, Value>) -> bool {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let both = |one: &str, other: &str| fields.contains_key(one) && fields.contains_key(other);
    if both("style", "output_format")
        || both("response_format", "output_format")
        || both("response_format", "background")
        || both("response_format", "seed")
    {
        return false;
    }
    let has_formats = ![Family::DallE2, Family::DallE3].contains(&family);
    let format = text("output_format").unwrap_or("png");
    if has_formats && text("background") == Some("transparent") && format == "jpeg" {
        return false;
    }
    if has_formats && fields.contains_key("output_compression") && format == "png" {
        return false;
    }
    let no_webp =
        azure && [Family::GptImage1, Family::GptImage2, Family::GptImage25].contains(&family);
    if no_webp && format == "webp" {
        return false;
    }
    let longest = match family {
        Family::DallE2 => 1000,
        Family::DallE3 => 4000,
        _ => 32_000,
    };
    text("prompt").unwrap().len() <= longest
        && text("size").is_none_or(|size| is_size(family, size))
        && text("quality").is_none_or(|quality| is_quality(family, quality))
}

fn is_size(family: Family, size: &str) -> bool {
    match family {
        Family::DallE2 => size == "256x256" || size == "512x512" || size == "1024x1024",
        Family::DallE3 => size == "1024x1024" || size == "1792x1024" || size == "1024x1792",
        Family::GptImage1 => {
            size == "auto" || size == "1024x1024" || size == "1536x1024" || size == "1024x1536"
        }
        Family::GptImage2 | Family::GptImage25 => size == "auto" || is_free_size(size),
        Family::Unknown => true,
    }
}

fn is_free_size(size: &str) -> bool {
    let (width, height) = size.split_once('x').unwrap();
    let (width, height): (u32, u32) = (width.parse().unwrap(), height.parse().unwrap());
    width % 16 == 0
        && height % 16 == 0
        && width <= 3 * height
        && height <= 3 * width
        && width <= 3840
        && height <= 3840
        && width * height >= 655_360
        && width * height <= 8_294_400
}

fn is_quality(family: Family, quality: &str) -> bool {
    match family {
        Family::DallE2 => quality == "standard",
        Family::DallE3 => quality == "standard" || quality == "hd",
        Family::GptImage1 | Family::GptImage2 => {
            ["auto", "low", "medium", "high"].contains(&quality)
        }
        Family::GptImage25 => ["auto", "low", "medium", "high", "xhigh", "max"].contains(&quality),
        Family::Unknown => true,
    }
}

/// The parameters that the documents give a family, `prompt`, `n` and `model` aside.
fn parameters(family: Family) -> &'static [&'static str] {
    let gpt_image = &[
        "size",
        "quality",
        "user",
        "output_format",
        "output_compression",
        "background",
        "moderation",
        "partial_images",
    ];
    match family {
        Family::DallE2 => &["size", "quality", "user"],
        Family::DallE3 => &["size", "quality", "user", "style"],
        Family::GptImage1 | Family::GptImage2 | Family::GptImage25 => gpt_image,
        Family::Unknown => &[
            "size",
            "quality",
            "user",
            "output_format",
            "output_compression",
            "background",
            "moderation",
            "style",
        ],
    }
}

fn rules(model: &str, azure: bool) -> ModelRules {
    match azure {
        true => ModelRules::of(model).at_azure(),
        false => ModelRules::of(model),
    }
}

fn judge(rules: &ModelRules, fields: Map<String, Value>) -> Result<ImageRequest, InvalidOption> {
    let request = parse_request(fields, 10)?.image;
    rules.check(&request)?;
    Ok(request)
}

fn settings() -> ProptestConfig {
    // A found case goes into a test with a name of its own, not into a file of seeds.
    ProptestConfig {
        cases: 4000,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn a_request_passes_when_the_documents_allow_it_and_only_then(
        fields in fields(), (model, family) in select(MODELS.to_vec()), azure: bool,
    ) {
        let outcome = judge(&rules(model, azure), fields.clone());
        let documented = is_documented(family, azure, &fields);
        prop_assert_eq!(outcome.is_ok(), documented, "{}: {:?}", model, outcome.err());
    }

    #[test]
    fn what_is_sent_are_the_parameters_of_the_family_and_the_rest_is_named(
        fields in fields(), (model, family) in select(MODELS.to_vec()), azure: bool,
    ) {
        let rules = rules(model, azure);
        if let Ok(request) = judge(&rules, fields.clone()) {
            let sent = rules.used(&request.options);
            let dropped = rules.unused(&request.options);
            for (name, value) in &sent {
                prop_assert!(parameters(family).contains(name), "{} gets {}", model, name);
                prop_assert_eq!(fields.get(*name), Some(value));
            }
            let ours = ["prompt", "response_format"];
            for name in fields.keys().filter(|name| !ours.contains(&name.as_str())) {
                let is_sent = sent.iter().any(|(sent, _)| sent == name);
                let is_dropped = dropped.contains(&name.as_str());
                prop_assert!(is_sent != is_dropped, "{} of {}", name, model);
            }
        }
    }

    #[test]
    fn options_that_exclude_one_another_do_so_in_either_order(
        pair in select(CONFLICTS.to_vec()), all in fields(), turned: bool,
        (model, _) in select(MODELS.to_vec()), azure: bool,
    ) {
        let value = |name: &str| match name {
            "style" => json!("vivid"),
            "output_format" => json!("webp"),
            "background" => json!("auto"),
            "response_format" => json!("url"),
            _ => json!(7),
        };
        let (one, other) = if turned { (pair.1, pair.0) } else { pair };
        let text = |name: &str| format!("\"{name}\": {}", all.get(name).unwrap_or(&value(name)));
        let body = format!("{{{}, \"prompt\": \"a\", {}}}", text(one), text(other));
        let error = judge(&rules(model, azure), serde_json::from_str(&body).unwrap()).unwrap_err();
        let told = error.to_string();
        prop_assert!(told.contains(one) && told.contains(other), "{}", told);
        let alone = |name: &str| format!("{{{}, \"prompt\": \"a\"}}", text(name));
        for name in [one, other] {
            let outcome = parse_request(serde_json::from_str(&alone(name)).unwrap(), 10);
            prop_assert!(outcome.is_ok(), "{:?}", outcome.err());
        }
    }

    #[test]
    fn no_call_asks_for_more_images_than_its_model_gives(
        n in 1..=10u8, (model, family) in select(MODELS.to_vec()),
    ) {
        let fields = json!({"prompt": "a", "n": n});
        let rules = rules(model, false);
        prop_assert!(judge(&rules, fields.as_object().unwrap().clone()).is_ok(), "n is no model's");
        let most = if family == Family::DallE3 { 1 } else { 10 };
        prop_assert_eq!(rules.images_per_call, most);
    }
}
