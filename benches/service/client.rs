//! The benchmark's HTTP client: whole bodies, and everything but success is a failure.

use bytes::Bytes;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use crate::Failure;

/// A client that keeps its connections; clones share them.
#[derive(Clone)]
pub(crate) struct Caller(Client);

impl Caller {
    pub(crate) fn new() -> Result<Caller, Failure> {
        Ok(Caller(Client::builder().no_proxy().build()?))
    }

    pub(crate) async fn get(&self, url: &str) -> Result<Bytes, Failure> {
        send(self.0.get(url)).await
    }

    pub(crate) async fn post(&self, url: &str, body: &Value) -> Result<Bytes, Failure> {
        let request = self.0.post(url).header("content-type", "application/json");
        send(request.body(body.to_string())).await
    }

    /// An empty body makes a container of a container's URL; bytes make a blob of a blob's.
    pub(crate) async fn put(&self, url: &str, bytes: Bytes) -> Result<Bytes, Failure> {
        let request = self.0.put(url).header("x-ms-blob-type", "BlockBlob");
        send(request.body(bytes)).await
    }

    pub(crate) async fn delete(&self, url: &str) -> Result<Bytes, Failure> {
        send(self.0.delete(url)).await
    }

    /// One generation by the service at `origin`, as the front ends ask for it.
    pub(crate) async fn generate(&self, origin: &str, number: usize) -> Result<(), Failure> {
        send(self.generation(origin, number)).await.map(drop)
    }

    /// The status of one generation, whatever it is.
    pub(crate) async fn generate_status(
        &self,
        origin: &str,
        number: usize,
    ) -> Result<u16, Failure> {
        let response = self.generation(origin, number).send().await?;
        let status = response.status().as_u16();
        response.bytes().await?;
        Ok(status)
    }

    fn generation(&self, origin: &str, number: usize) -> RequestBuilder {
        let body = json!({ "prompt": format!("benchmark picture {number}") });
        let request = self.0.post(format!("{origin}/api/generateImage"));
        request
            .header("content-type", "application/json")
            .body(body.to_string())
    }
}

async fn send(request: RequestBuilder) -> Result<Bytes, Failure> {
    let response = request.send().await?;
    let status = response.status();
    let body = response.bytes().await?;
    if status.is_success() {
        return Ok(body);
    }
    let shown: String = String::from_utf8_lossy(&body).chars().take(300).collect();
    Err(format!("{status}: {shown}").into())
}
