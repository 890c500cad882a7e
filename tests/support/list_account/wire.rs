//! The account's requests: which one a method, an address and headers make, and its answer.

use std::sync::Arc;

use axum::{
    Router,
    body::to_bytes,
    extract::Request as HttpRequest,
    http::{HeaderMap, HeaderValue, Method, StatusCode},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use tokio::net::TcpListener;
use url::form_urlencoded;

use super::{
    ACCOUNT, Account, IMAGES, ListCall, Request,
    blob::Blob,
    container::Container,
    list::{ListQuery, Page},
};

/// A status and the service's name for what is wrong.
type Refusal = (u16, &'static str);

const NO_BLOB: Refusal = (404, "BlobNotFound");
const NO_CONTAINER: Refusal = (404, "ContainerNotFound");
const CHANGED: Refusal = (412, "ConditionNotMet");

/// A request for a blob.
struct Asked {
    query: String,
    headers: HeaderMap,
    container: String,
    /// Empty for the container itself.
    name: String,
    body: Bytes,
}

pub(super) async fn serve(listener: TcpListener, account: Arc<Account>) {
    let router = Router::new().fallback(move |request: HttpRequest| {
        let account = Arc::clone(&account);
        async move { answer(&account, request).await }
    });
    axum::serve(listener, router).await.unwrap();
}

async fn answer(account: &Account, request: HttpRequest) -> Response {
    let (parts, body) = request.into_parts();
    let path = percent_decode_str(parts.uri.path()).decode_utf8_lossy();
    let Some(path) = path.strip_prefix(&format!("/{ACCOUNT}/")) else {
        return refuse((400, "InvalidUri"));
    };
    let (container, name) = path.split_once('/').unwrap_or((path, ""));
    let asked = Asked {
        query: parts.uri.query().unwrap_or_default().to_owned(),
        container: container.to_owned(),
        name: name.to_owned(),
        headers: parts.headers,
        body: to_bytes(body, usize::MAX).await.unwrap(),
    };
    let is_container = name.is_empty();
    let answer = match (parts.method, asked.parameter("comp").as_deref()) {
        (Method::GET, Some("list")) if is_container => list(account, &asked).await,
        (Method::PUT, None) if is_container => create(account, &asked),
        _ if is_container => Err((400, "UnsupportedHttpVerb")),
        (Method::GET, None) => read(account, &asked),
        (Method::HEAD, None) => look(account, &asked),
        (Method::DELETE, None) => delete(account, &asked),
        (Method::PUT, Some("block")) => put_block(account, &asked),
        (Method::PUT, comp @ (None | Some("blocklist"))) => put(account, &asked, comp.is_some()),
        _ => Err((400, "UnsupportedHttpVerb")),
    };
    let mut answer = answer.unwrap_or_else(refuse);
    let id = uuid::Uuid::new_v4().to_string();
    let id = HeaderValue::from_str(&id).unwrap();
    answer.headers_mut().insert("x-ms-request-id", id);
    answer
}

impl Asked {
    fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.query.as_bytes());
        let found = pairs.find(|(found, _)| found == name);
        found.map(|(_, value)| value.into_owned())
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether the blob that is there may be replaced or deleted.
    fn check_conditions(&self, found: Option<&Blob>) -> Result<(), Refusal> {
        let is = |wanted: &str| found.is_some_and(|blob| wanted == "*" || wanted == blob.etag);
        match (self.header("if-match"), self.header("if-none-match")) {
            (Some(wanted), _) if !is(wanted) => Err(CHANGED),
            (_, Some("*")) if found.is_some() => Err((409, "BlobAlreadyExists")),
            (_, Some(other)) if is(other) => Err(CHANGED),
            _ => Ok(()),
        }
    }

    /// The blob, if the conditions of a read hold.
    fn find(&self, account: &Account) -> Result<Blob, Refusal> {
        let containers = account.containers.read().unwrap();
        let container = containers.get(&self.container).ok_or(NO_CONTAINER)?;
        let blob = container.get(&self.name).ok_or(NO_BLOB)?;
        match self.header("if-none-match") {
            Some(known) if known == blob.etag || known == "*" => Err((304, "ConditionNotMet")),
            _ => self.check_conditions(Some(&blob)).map(|()| blob),
        }
    }
}

async fn list(account: &Account, asked: &Asked) -> Result<Response, Refusal> {
    account.record(Request::List, &asked.container);
    let query = ListQuery::parse(&asked.query).map_err(|code| (400, code))?;
    let start = query.start().map_err(|code| (400, code))?;
    let (manner, is_empty) = {
        let mut manner = account.manner.lock().unwrap();
        let is_empty = manner.empty_pages > 0 && asked.container == IMAGES;
        manner.empty_pages -= usize::from(is_empty);
        (*manner, is_empty)
    };
    tokio::time::sleep(manner.latency).await;
    let page = {
        let containers = account.containers.read().unwrap();
        let container = containers.get(&asked.container).ok_or(NO_CONTAINER)?;
        match is_empty {
            true => Page::empty(start),
            false => Page::read(container, &query, &start, manner.most_in_one_page),
        }
    };
    let xml = page.to_xml(&account.endpoint, &asked.container, &query);
    account.lists.lock().unwrap().push(ListCall {
        container: asked.container.clone(),
        has_marker: !query.marker.is_empty(),
        prefix: query.prefix,
        delimiter: query.delimiter,
        max_results: query.max_results,
        entries: page.len(),
        bytes: xml.len(),
    });
    Ok(([("content-type", "application/xml")], xml).into_response())
}

fn create(account: &Account, asked: &Asked) -> Result<Response, Refusal> {
    account.record(Request::CreateContainer, &asked.container);
    let mut containers = account.containers.write().unwrap();
    if containers.contains_key(&asked.container) {
        return Err((409, "ContainerAlreadyExists"));
    }
    containers.insert(asked.container.clone(), Container::default());
    Ok(StatusCode::CREATED.into_response())
}

fn read(account: &Account, asked: &Asked) -> Result<Response, Refusal> {
    account.record(Request::Get, &asked.container);
    let range = asked.header("x-ms-range").or(asked.header("range"));
    let blob = asked.find(account)?;
    blob.content(range).ok_or((416, "InvalidRange"))
}

fn look(account: &Account, asked: &Asked) -> Result<Response, Refusal> {
    account.record(Request::Head, &asked.container);
    Ok(asked.find(account)?.properties())
}

fn delete(account: &Account, asked: &Asked) -> Result<Response, Refusal> {
    account.record(Request::Delete, &asked.container);
    let mut containers = account.containers.write().unwrap();
    let container = containers.get_mut(&asked.container).ok_or(NO_CONTAINER)?;
    let blob = container.get(&asked.name).ok_or(NO_BLOB)?;
    asked.check_conditions(Some(&blob))?;
    container.remove(&asked.name);
    let headers = [("x-ms-delete-type-permanent", "true")];
    Ok((StatusCode::ACCEPTED, headers).into_response())
}

/// Put Blob and Put Block List.
fn put(account: &Account, asked: &Asked, from_blocks: bool) -> Result<Response, Refusal> {
    account.record(Request::Put, &asked.container);
    let mut containers = account.containers.write().unwrap();
    let container = containers.get_mut(&asked.container).ok_or(NO_CONTAINER)?;
    asked.check_conditions(container.get(&asked.name).as_ref())?;
    let bytes = match from_blocks {
        true => join_blocks(container, asked)?,
        false => {
            container.forget_blocks(&asked.name);
            asked.body.clone()
        }
    };
    let blob = Blob::from_request(&asked.headers, bytes, account.next_version());
    let written = blob.written();
    container.stored.insert(asked.name.clone(), blob);
    Ok(written)
}

fn put_block(account: &Account, asked: &Asked) -> Result<Response, Refusal> {
    account.record(Request::Put, &asked.container);
    let mut containers = account.containers.write().unwrap();
    let container = containers.get_mut(&asked.container).ok_or(NO_CONTAINER)?;
    let id = asked.parameter("blockid");
    let id = id.ok_or((400, "MissingRequiredQueryParameter"))?;
    let place = (asked.name.clone(), id);
    container.blocks.insert(place, asked.body.clone());
    let headers = [("x-ms-request-server-encrypted", "true")];
    Ok((StatusCode::CREATED, headers).into_response())
}

fn join_blocks(container: &Container, asked: &Asked) -> Result<Bytes, Refusal> {
    let list = std::str::from_utf8(&asked.body).map_err(|_| (400, "InvalidXmlDocument"))?;
    let mut whole = Vec::new();
    for entry in list.split("<Latest>").skip(1) {
        let id = entry.split('<').next().unwrap_or_default();
        let block = container.blocks.get(&(asked.name.clone(), id.to_owned()));
        whole.extend_from_slice(block.ok_or((400, "InvalidBlockList"))?);
    }
    Ok(whole.into())
}

fn refuse((status, code): Refusal) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    let headers = [
        ("x-ms-error-code", code),
        ("content-type", "application/xml"),
    ];
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>");
    (status, headers, body).into_response()
}
