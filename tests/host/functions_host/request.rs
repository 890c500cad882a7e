//! A request after the host's web layer, in either mode.

use super::front_end::FrontEnd;
use super::message::{Head, Headers};
use super::middleware::{Hosting, Origin};
use super::target::Target;

/// Kestrel's limits.
const LONGEST_REQUEST_LINE: usize = 8 * 1024;
const MOST_HEADER_BYTES: usize = 32 * 1024;
const MOST_HEADERS: usize = 100;

/// A request after the host's web layer.
pub struct Request {
    pub method: String,
    pub target: Target,
    pub headers: Headers,
    pub origin: Origin,
}

/// Front end, hosting and settings, which decide how a request is read.
#[derive(Clone, Copy, Debug)]
pub struct WebLayer {
    pub front_end: FrontEnd,
    pub hosting: Hosting,
    /// `ASPNETCORE_FORWARDEDHEADERS_ENABLED`.
    pub takes_forwarded_headers: bool,
}

impl WebLayer {
    /// Returns the request as functions see it, or the status of Kestrel's refusal.
    pub fn read(self, head: Head) -> Result<Request, u16> {
        let Head { start, mut headers } = head;
        self.front_end.pass(&mut headers);
        let head = Head { start, headers };
        check_limits(&head)?;
        let (method, target, is_http_1_0) = split_line(&head.start).ok_or(400_u16)?;
        let host = check_headers(&head.headers, is_http_1_0)?;
        let target = Target::parse(target, &host).ok_or(400_u16)?;
        let mut request = Request {
            method: method.to_owned(),
            target,
            origin: Origin::of_peer(self.front_end.peer()),
            headers: head.headers,
        };
        self.apply_middleware(&mut request);
        Ok(request)
    }

    fn apply_middleware(self, request: &mut Request) {
        if self.takes_forwarded_headers {
            request.origin.take_forwarded_headers(&mut request.headers);
        }
        if self.hosting == Hosting::AzureLinux {
            request.origin.fix_up(&mut request.headers);
        }
    }
}

fn check_limits(head: &Head) -> Result<(), u16> {
    if head.start.len() + 2 > LONGEST_REQUEST_LINE {
        return Err(414);
    }
    match head.headers.len() > MOST_HEADERS || head.header_bytes() > MOST_HEADER_BYTES {
        true => Err(431),
        false => Ok(()),
    }
}

/// Method, target, and whether it is HTTP/1.0.
fn split_line(line: &str) -> Option<(&str, &str, bool)> {
    let mut words = line.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let is_whole = words.next().is_none() && !method.is_empty();
    match version {
        "HTTP/1.1" if is_whole => Some((method, target, false)),
        "HTTP/1.0" if is_whole => Some((method, target, true)),
        _ => None,
    }
}

/// The host of the request; HTTP/1.0 may have none.
fn check_headers(headers: &Headers, is_http_1_0: bool) -> Result<String, u16> {
    let hosts: Vec<&str> = headers.all("host").collect();
    let host = match hosts.as_slice() {
        [host] => (*host).to_owned(),
        [] if is_http_1_0 => String::new(),
        _ => return Err(400),
    };
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:[]!$&'()".contains(&byte);
    let is_name = |name: &str| {
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        !name.is_empty() && name.bytes().all(is_token)
    };
    let is_fine = headers
        .iter()
        .all(|(name, value)| is_name(name) && value.is_ascii());
    match is_fine && host.bytes().all(is_host) {
        true => Ok(host),
        false => Err(400),
    }
}

impl Request {
    pub fn host(&self) -> &str {
        self.headers.get("host").unwrap_or_default()
    }
}
