//! Whatever the service gives away: each signature in each answer is tried at all that it must not
//! do, at a real blob service.

use crate::{
    azurite,
    faulty_account::FaultyAccount,
    service::{Answer, Service, client},
};
use reqwest::Method;
use serde_json::json;
use std::time::Duration;
use visionary::storage::{
    BlobStore, Container, ListQuery,
    azure::{AzureSettings, AzureStore, RetrySettings},
};

/// A service over an account, and the account past it.
struct Given {
    service: Service,
    endpoint: String,
    images: String,
    _account: Option<FaultyAccount>,
}

impl Given {
    async fn with_key() -> Self {
        let images = azurite::new_container("given");
        Self {
            service: Service::on_azurite(&images).await,
            endpoint: azurite::endpoint(),
            images,
            _account: None,
        }
    }

    async fn by_identity() -> Self {
        let images = azurite::new_container("given");
        let account = FaultyAccount::start_with_tokens().await;
        Self {
            service: Service::by_identity(&account, &images).await,
            endpoint: account.endpoint(),
            images,
            _account: Some(account),
        }
    }

    fn state(&self) -> String {
        format!("{}-state", self.images)
    }

    /// What lies in the state container.
    async fn remembered(&self) -> Vec<String> {
        let settings = AzureSettings {
            account: azurite::ACCOUNT.to_owned(),
            endpoint: self.endpoint.parse().unwrap(),
            images_container: self.images.clone(),
            state_container: self.state(),
            request_timeout: Duration::from_secs(20),
            longest_put: Duration::from_secs(60),
            retries: RetrySettings::default(),
        };
        let store = AzureStore::new(settings, azurite::access(), client());
        let all = store.list(Container::State, &ListQuery::default()).await;
        let all = all.unwrap().items.into_iter();
        all.map(|item| item.name).collect()
    }
}

/// Every kind of answer that has signatures.
async fn answers(service: &Service) -> Vec<(&'static str, Answer)> {
    let small = json!({"prompt": "a fox", "size": "64x64", "n": 2});
    let made = service.generate(&small).await;
    let id = made.json()["imageList"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let events = [
        ("content-type", "application/json"),
        ("accept", "text/event-stream"),
    ];
    let submitted = service.submit(&small).await;
    service.ended(&submitted.operation_id()).await;
    let thumbnail = service.get(&format!("/api/thumbnails/{id}")).await;
    assert_eq!(thumbnail.status, 307, "{}", thumbnail.text());
    vec![
        ("generateImage", made),
        ("its events", service.post(small.to_string(), &events).await),
        (
            "operations",
            service.operation(&submitted.operation_id()).await,
        ),
        ("thumbnails", thumbnail),
        ("images", service.get(&format!("/api/images/{id}")).await),
        ("getImages", service.get("/api/getImages").await),
        ("a page", service.get("/api/getImages?limit=2").await),
        (
            "generate",
            service
                .get("/api/generate?prompt=fox&save=true&width=64&height=64")
                .await,
        ),
        (
            "generateSASToken",
            service.get("/api/generateSASToken").await,
        ),
    ]
}

/// Addresses and bare tokens, wherever in an answer they stand.
fn signatures(answer: &Answer) -> Vec<String> {
    let text = format!("{} {}", answer.header("location"), answer.text());
    let words = text.split(['"', ' ', '\n']);
    let signed = words.filter(|word| word.contains("sig="));
    signed.map(str::to_owned).collect()
}

fn query_of(signature: &str) -> &str {
    signature
        .split_once('?')
        .map_or(signature, |(_, query)| query)
}

async fn status(client: &reqwest::Client, method: Method, url: &str) -> u16 {
    let request = client.request(method, url);
    let request = request.header("x-ms-blob-type", "BlockBlob");
    let answer = request.header("content-length", "0").send().await;
    answer.unwrap().status().as_u16()
}

async fn every_signature_reads_what_it_names_and_nothing_more(given: Given) {
    let (answers, client) = (answers(&given.service).await, client());
    let (endpoint, images, state) = (&given.endpoint, &given.images, given.state());
    let remembered = given.remembered().await;
    let operation = remembered
        .iter()
        .find(|name| name.starts_with("operations/"));
    let operation = operation.unwrap();
    let all: Vec<String> = answers
        .iter()
        .flat_map(|(_, answer)| signatures(answer))
        .collect();
    let urls: Vec<&String> = all.iter().filter(|text| text.starts_with("http")).collect();
    for (name, answer) in &answers {
        let found = signatures(answer);
        assert!(!found.is_empty(), "{name}: {}", answer.text());
        for signature in found {
            let query = query_of(&signature);
            let is_url = signature.starts_with("http");
            let resource = if is_url { "&sr=b&" } else { "&sr=c&" };
            assert!(
                query.contains("&sp=r&") && query.contains(resource),
                "{name}: {query}"
            );
            let mut refused = vec![
                (
                    Method::GET,
                    format!("{endpoint}/{images}?restype=container&comp=list&{query}"),
                ),
                (
                    Method::GET,
                    format!("{endpoint}/{state}?restype=container&comp=list&{query}"),
                ),
                (Method::GET, format!("{endpoint}/?comp=list&{query}")),
                (
                    Method::GET,
                    format!("{endpoint}/{state}/{operation}?{query}"),
                ),
                (
                    Method::PUT,
                    format!("{endpoint}/{state}/{operation}?{query}"),
                ),
                (
                    Method::DELETE,
                    format!("{endpoint}/{state}/{operation}?{query}"),
                ),
                (Method::PUT, format!("{endpoint}/{images}/new.png?{query}")),
                (
                    Method::PUT,
                    format!("{endpoint}/{images}/new.png?comp=block&blockid=YQ%3D%3D&{query}"),
                ),
                (
                    Method::DELETE,
                    format!("{endpoint}/{images}?restype=container&{query}"),
                ),
            ];
            if is_url {
                let address = signature.split('?').next().unwrap();
                assert_eq!(
                    status(&client, Method::GET, &signature).await,
                    200,
                    "{name}"
                );
                let other = urls.iter().find(|url| !url.starts_with(address)).unwrap();
                let other = other.split('?').next().unwrap();
                refused.extend([
                    (Method::PUT, signature.clone()),
                    (Method::DELETE, signature.clone()),
                    (Method::PUT, format!("{signature}&comp=metadata")),
                    (Method::GET, format!("{other}?{query}")),
                ]);
            } else {
                let image = urls[0].split('?').next().unwrap();
                assert_eq!(
                    status(&client, Method::GET, &format!("{image}?{query}")).await,
                    200
                );
                refused.push((Method::DELETE, format!("{image}?{query}")));
            }
            for (method, url) in refused {
                let found = status(&client, method.clone(), &url).await;
                assert_eq!(found, 403, "{name}: {method} {url}");
            }
        }
    }
    assert_eq!(given.remembered().await, remembered);
}

#[tokio::test]
async fn every_signature_of_an_account_key_reads_what_it_names_and_nothing_more() {
    every_signature_reads_what_it_names_and_nothing_more(Given::with_key().await).await;
}

#[tokio::test]
async fn every_signature_of_an_identity_reads_what_it_names_and_nothing_more() {
    let given = Given::by_identity().await;
    let token = given.service.get("/api/generateSASToken").await.text();
    assert!(
        token.contains("&skoid=") && token.contains("&sks=b&"),
        "{token}"
    );
    every_signature_reads_what_it_names_and_nothing_more(given).await;
}
