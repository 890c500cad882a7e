//! The description that the service gives of itself, against the service.

mod client;
mod schemas;
mod tools;

use crate::{
    description::{DOCUMENT, described_values, validate},
    service::{Answer, Service, client},
};
use reqwest::Method;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use visionary::{
    images::{RequestFields, parse_gpu_sample_request, parse_request},
    router::FUNCTIONS,
    routes::openapi::document,
};

/// Every method of every path, as the document has them.
fn operations() -> Vec<(String, String, &'static Value)> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, told)| (path[1..].to_owned(), method.to_uppercase(), told))
    });
    all.collect()
}

#[test]
fn each_function_is_described_and_each_description_has_its_function() {
    let described: BTreeSet<(String, String)> = operations()
        .into_iter()
        .map(|(route, method, _)| (route, method))
        .collect();
    // HEAD and OPTIONS are told of once, for all paths.
    let is_described = |method: &&Method| ![Method::HEAD, Method::OPTIONS].contains(method);
    let functions = FUNCTIONS.iter().flat_map(|function| {
        let route = function.path.strip_prefix("api/");
        let methods = function.methods.iter().filter(is_described);
        let of_route = |route: &str| (route.replace("{*", "{"), Vec::from_iter(methods));
        let (route, methods) = route.map(of_route).unwrap_or_default();
        let methods = methods.into_iter();
        methods.map(move |method| (route.clone(), method.to_string()))
    });
    assert_eq!(described, functions.collect());
}

#[test]
fn each_operation_has_what_readers_need() {
    let mut ids = BTreeSet::new();
    for (route, method, operation) in operations() {
        let name = format!("{method} {route}");
        let id = operation["operationId"].as_str().unwrap();
        assert!(ids.insert(id), "{name}: {id} is there twice");
        for field in ["summary", "description"] {
            assert!(
                operation[field].as_str().is_some_and(|text| text.len() > 5),
                "{name}"
            );
        }
        let in_path = operation["parameters"].as_array().into_iter().flatten();
        let in_path: Vec<String> = in_path
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| format!("{{{}}}", parameter["name"].as_str().unwrap()))
            .collect();
        assert!(in_path.iter().all(|name| route.contains(name)), "{name}");
        assert_eq!(in_path.len(), route.matches('{').count(), "{name}");
        for status in ["401", "500", "503"] {
            assert!(
                operation["responses"][status].is_object(),
                "{name} {status}"
            );
        }
    }
}

#[tokio::test]
async fn it_is_served_with_the_address_that_callers_know() {
    let service = Service::start(&[]).await;
    let answer = service.get("/api/openapi.json").await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "application/json")
    );
    assert_eq!(answer.json(), document(4, &service.base()));
    let url = format!("{}/api/openapi.json", service.base());
    let again = client()
        .get(&url)
        .header("if-none-match", answer.header("etag"));
    let again = Answer::of(again).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    let proxied = client()
        .get(&url)
        .header("host", "pictures.example.com")
        .header("x-forwarded-proto", "https");
    let proxied = Answer::of(proxied).await;
    assert_eq!(
        proxied.json()["servers"][0]["url"],
        "https://pictures.example.com/api"
    );
    assert_ne!(proxied.header("etag"), answer.header("etag"));
}

#[tokio::test]
async fn it_follows_the_settings() {
    let settings = [
        ("PUBLIC_BASE_URL", "https://a.example/x"),
        ("MAX_IMAGES", "2"),
    ];
    let told = Service::start(&settings)
        .await
        .get("/api/openapi.json")
        .await;
    let told = told.json();
    assert_eq!(told["servers"][0]["url"], "https://a.example/x/api");
    let body = &told["components"]["schemas"]["GenerateImageBody"];
    assert_eq!(body["properties"]["n"]["maximum"], 2);
}

/// Examples of a description with their schemas: one `example`, or several `examples`.
fn examples(told: &Value) -> Vec<Value> {
    let several = told["examples"].as_object().into_iter().flatten();
    let several = several.map(|(_, example)| example["value"].clone());
    told.get("example")
        .cloned()
        .into_iter()
        .chain(several)
        .collect()
}

#[test]
fn each_example_is_valid() {
    let mut seen = 0;
    for (route, method, operation) in operations() {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let responses = operation["responses"].as_object().unwrap().values();
        let bodies = responses.chain([&operation["requestBody"]]);
        let contents = bodies.filter_map(|body| body["content"].as_object());
        let contents = contents.flatten().map(|(kind, told)| (kind.as_str(), told));
        let parameters = parameters.map(|told| ("", told));
        for (kind, told) in parameters.chain(contents) {
            for example in examples(told) {
                for value in described_values(kind, example) {
                    let valid = validate(&told["schema"], &value);
                    assert_eq!(valid, Ok(()), "{method} {route}");
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 100, "{seen}");
}

#[tokio::test]
async fn the_service_takes_each_request_that_is_an_example() {
    let service = Service::start(&[]).await;
    for (route, method, operation) in operations() {
        let content = &operation["requestBody"]["content"]["application/json"];
        for body in examples(content) {
            let url = format!("{}/api/{route}", service.base());
            let request = client()
                .post(url)
                .header("content-type", "application/json");
            let answer = Answer::of(request.body(body.to_string())).await;
            assert_eq!(answer.status, 200, "{method} {route} {body}");
        }
    }
}

/// What a body's type says of each of its fields, and whether the service takes it so.
fn check_fields(
    schema: &str,
    is_taken: impl Fn(Map<String, Value>) -> Result<Vec<String>, String>,
) {
    let schema = &DOCUMENT["components"]["schemas"][schema];
    let fields = schema["properties"].as_object().unwrap();
    let with = |name: &str, value: Value| {
        let mut body = json!({"prompt": "a fox"});
        let beside = match name {
            "instruction" | "text" => json!({"prompt": null}),
            "width" => json!({"height": 512}),
            "height" => json!({"width": 512}),
            "output_compression" => json!({"output_format": "jpeg"}),
            _ => json!({}),
        };
        let fields = body.as_object_mut().unwrap();
        fields.extend(beside.as_object().unwrap().clone());
        fields.insert(name.to_owned(), value);
        is_taken(fields.clone())
    };
    for (name, told) in fields {
        for value in inside(told) {
            let taken = with(name, value.clone());
            assert_eq!(
                taken,
                Ok(Vec::new()),
                "{name}: {value} is described and not taken"
            );
        }
        for value in outside(told) {
            let taken = with(name, value.clone());
            assert!(taken.is_err(), "{name}: {value} is taken and not described");
        }
    }
}

/// Values at a description's bounds.
fn inside(told: &Value) -> Vec<Value> {
    let bounds = [&told["minimum"], &told["maximum"]];
    let mut values: Vec<Value> = bounds
        .into_iter()
        .filter(|v| !v.is_null())
        .cloned()
        .collect();
    if let Some(longest) = told["maxLength"].as_u64() {
        values.push("x".repeat(longest as usize).into());
    }
    let words = told["enum"].as_array().into_iter().flatten();
    values.extend(words.filter(|word| **word != "transparent").cloned());
    values
}

/// Values beyond them.
fn outside(told: &Value) -> Vec<Value> {
    let mut values = vec![json!([]), json!({})];
    let is_text = told["type"].to_string().contains("string");
    values.push(if is_text { json!(1) } else { json!("x") });
    if let Some(least) = told["minimum"].as_f64() {
        values.push(json!(least - 1.0));
    }
    if let Some(most) = told["maximum"].as_f64() {
        values.push(json!(most + 2.0));
    }
    if let Some(longest) = told["maxLength"].as_u64() {
        values.push("x".repeat(longest as usize + 1).into());
    }
    if told.get("pattern").is_some() || told.get("enum").is_some() {
        values.push("".into());
        values.push(" ".into());
    }
    values
}

#[test]
fn bodies_are_bounded_as_described() {
    check_fields("GenerateImageBody", |fields| {
        let parsed = parse_request(fields, 10).map_err(|error| error.to_string())?;
        Ok(parsed.warnings)
    });
    check_fields("GenerateBody", |fields| {
        let parsed = parse_gpu_sample_request(RequestFields::Json(fields));
        Ok(parsed.map_err(|error| error.to_string())?.warnings)
    });
}

#[test]
fn a_querys_fields_are_a_bodys() {
    let (_, _, by_query) = operations()
        .into_iter()
        .find(|(_, _, told)| told["operationId"] == "generateByQuery")
        .unwrap();
    let mut in_query = Map::new();
    for parameter in by_query["parameters"].as_array().unwrap() {
        if parameter["in"] == "query" {
            let name = parameter["name"].as_str().unwrap();
            in_query.insert(name.to_owned(), parameter["schema"].clone());
        }
    }
    let body = &DOCUMENT["components"]["schemas"]["GenerateBody"]["properties"];
    let bounds = [
        "minimum",
        "maximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "pattern",
    ];
    for (name, told) in body.as_object().unwrap() {
        let query = in_query
            .remove(name)
            .unwrap_or_else(|| panic!("{name} is not described"));
        for bound in bounds {
            let (one, other) = (&query[bound], &told[bound]);
            assert_eq!(one.as_f64(), other.as_f64(), "{name} {bound}");
            assert_eq!(one.as_str(), other.as_str(), "{name} {bound}");
        }
    }
    assert!(in_query.is_empty(), "{in_query:?}");
}
