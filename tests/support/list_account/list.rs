//! List Blobs: which names a page has, and its XML
//! (<https://learn.microsoft.com/rest/api/storageservices/list-blobs>).

use std::fmt::Write;

use base64::{Engine, prelude::BASE64_STANDARD};
use httpdate::fmt_http_date;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use url::form_urlencoded;

use super::{blob::Blob, container::Container};

/// What the service gives at most, however much is asked for.
const MOST_IN_ONE_PAGE: usize = 5000;

/// What a list request asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListQuery {
    pub prefix: String,
    pub delimiter: String,
    pub marker: String,
    pub max_results: Option<usize>,
    pub with_metadata: bool,
}

/// What a page holds.
#[derive(Debug, Default)]
pub struct Page {
    entries: Vec<Entry>,
    /// The name that comes next.
    next: Option<String>,
}

#[derive(Debug)]
enum Entry {
    Folder(String),
    Blob(String, Blob),
}

impl ListQuery {
    /// Reads the query of a request; the error is the service's code.
    pub fn parse(query: &str) -> Result<Self, &'static str> {
        let mut parsed = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "prefix" => parsed.prefix = value.into_owned(),
                "delimiter" => parsed.delimiter = value.into_owned(),
                "marker" => parsed.marker = value.into_owned(),
                "include" => parsed.with_metadata = value.split(',').any(|it| it == "metadata"),
                "maxresults" => match value.parse() {
                    Ok(0) => return Err("OutOfRangeQueryParameterValue"),
                    Ok(most) => parsed.max_results = Some(most),
                    Err(_) => return Err("InvalidQueryParameterValue"),
                },
                _ => {}
            }
        }
        Ok(parsed)
    }

    /// Where the page begins; the error is the service's code for a marker that is none of its.
    pub fn start(&self) -> Result<String, &'static str> {
        match self.marker.as_str() {
            "" => Ok(self.prefix.clone()),
            marker => read_marker(marker).ok_or("OutOfRangeInput"),
        }
    }
}

impl Page {
    /// A page without a blob that goes on at `start`, as the service may give.
    pub fn empty(start: String) -> Self {
        Self {
            next: Some(start),
            ..Self::default()
        }
    }

    /// The page from `start` on, of `most` entries however many are asked for.
    pub fn read(container: &Container, query: &ListQuery, start: &str, most: usize) -> Self {
        let most = query.max_results.unwrap_or(usize::MAX).min(most);
        let most = most.min(MOST_IN_ONE_PAGE);
        let mut page = Self::default();
        let first = start.max(&query.prefix);
        let mut walk = container.walk_from(first, query.with_metadata);
        while let Some((name, blob)) = walk.next() {
            let Some(rest) = name.strip_prefix(&query.prefix) else {
                break;
            };
            if page.entries.len() == most {
                page.next = Some(name);
                break;
            }
            let folder = rest
                .find(&query.delimiter)
                .map(|at| at + query.delimiter.len());
            match folder.filter(|_| !query.delimiter.is_empty()) {
                None => page.entries.push(Entry::Blob(name, blob)),
                Some(end) => {
                    let folder = &name[..query.prefix.len() + end];
                    walk.seek(&format!("{folder}\u{10ffff}"));
                    page.entries.push(Entry::Folder(folder.to_owned()));
                }
            }
        }
        page
    }

    /// How many blobs and folders it has.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The answer's body.
    pub fn to_xml(&self, endpoint: &str, container: &str, query: &ListQuery) -> String {
        let mut xml = String::with_capacity(300 + self.entries.len() * 1200);
        xml.push_str("\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults");
        write!(
            xml,
            " ServiceEndpoint=\"{endpoint}/\" ContainerName=\"{container}\">"
        )
        .unwrap();
        element(&mut xml, "Prefix", &query.prefix);
        element(&mut xml, "Marker", &query.marker);
        if let Some(most) = query.max_results {
            element(&mut xml, "MaxResults", &most.to_string());
        }
        element(&mut xml, "Delimiter", &query.delimiter);
        xml.push_str("<Blobs>");
        for entry in &self.entries {
            write_entry(&mut xml, entry, query.with_metadata);
        }
        xml.push_str("</Blobs>");
        let marker = self.next.as_deref().map(marker).unwrap_or_default();
        match marker.as_str() {
            "" => xml.push_str("<NextMarker />"),
            marker => element(&mut xml, "NextMarker", marker),
        }
        xml.push_str("</EnumerationResults>");
        xml
    }
}

fn write_entry(xml: &mut String, entry: &Entry, with_metadata: bool) {
    let (name, blob) = match entry {
        Entry::Folder(name) => {
            xml.push_str("<BlobPrefix>");
            write_name(xml, name);
            xml.push_str("</BlobPrefix>");
            return;
        }
        Entry::Blob(name, blob) => (name, blob),
    };
    xml.push_str("<Blob>");
    write_name(xml, name);
    let written_at = fmt_http_date(blob.written_at);
    write!(
        xml,
        "<Properties><Creation-Time>{written_at}</Creation-Time>\
         <Last-Modified>{written_at}</Last-Modified><Etag>{}</Etag>\
         <Content-Length>{}</Content-Length>",
        blob.etag.trim_matches('"'),
        blob.bytes.len(),
    )
    .unwrap();
    element(xml, "Content-Type", &blob.content_type);
    xml.push_str(
        "<Content-Encoding /><Content-Language /><Content-CRC64 />\
         <Content-MD5>4QrcOUm6Wau+VuBX8g+IPg==</Content-MD5><Cache-Control />\
         <Content-Disposition /><BlobType>BlockBlob</BlobType><AccessTier>Hot</AccessTier>\
         <AccessTierInferred>true</AccessTierInferred><LeaseStatus>unlocked</LeaseStatus>\
         <LeaseState>available</LeaseState><ServerEncrypted>true</ServerEncrypted></Properties>",
    );
    if with_metadata {
        xml.push_str("<Metadata>");
        for (name, value) in &blob.metadata {
            element(xml, name, value);
        }
        xml.push_str("</Metadata>");
    }
    xml.push_str("<OrMetadata /></Blob>");
}

/// Names that XML cannot hold are percent-encoded and say so.
fn write_name(xml: &mut String, name: &str) {
    let is_held = |character: char| {
        !matches!(character, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}')
            && !matches!(character, '\u{fffe}' | '\u{ffff}')
    };
    match name.chars().all(is_held) {
        true => element(xml, "Name", name),
        false => {
            let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
            write!(xml, "<Name Encoded=\"true\">{name}</Name>").unwrap();
        }
    }
}

fn element(xml: &mut String, name: &str, text: &str) {
    write!(xml, "<{name}>").unwrap();
    for character in text.chars() {
        match character {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            other => xml.push(other),
        }
    }
    write!(xml, "</{name}>").unwrap();
}

/// Opaque text of the service's form.
fn marker(next: &str) -> String {
    let inner = format!(
        "{:06}!{next}!000028!9999-12-31T23:59:59.9999999Z!",
        next.len()
    );
    let encoded = BASE64_STANDARD.encode(inner).replace('=', "-");
    format!("2!{}!{encoded}", encoded.len())
}

fn read_marker(marker: &str) -> Option<String> {
    let (_, encoded) = marker.strip_prefix("2!")?.split_once('!')?;
    let inner = String::from_utf8(BASE64_STANDARD.decode(encoded.replace('-', "=")).ok()?).ok()?;
    let (length, rest) = inner.split_once('!')?;
    rest.get(..length.parse().ok()?).map(str::to_owned)
}
