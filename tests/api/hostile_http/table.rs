//! What hostile callers send, and what each of them gets. `docs/HOSTILE_HTTP.md` shows it.

/// One hostile caller.
pub struct Row {
    /// As it stands in the document.
    pub name: String,
    pub sent: Vec<u8>,
    pub then: Then,
    pub got: Got,
}

/// What the caller does behind its last byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    Listens,
    HangsUp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Got {
    /// One answer, and the end of the connection.
    Refused(u16),
    /// So many answers, and the connection goes on.
    Answered(u16, usize),
    /// The end of the connection without a word.
    Silence,
}

use Got::{Answered, Refused, Silence};

/// What a smuggler would like to have answered.
const SMUGGLED: &str = "GET /api/smuggled HTTP/1.1\r\nhost: h\r\n\r\n";

fn row(name: &str, sent: impl Into<Vec<u8>>, got: Got) -> Row {
    Row {
        name: name.to_owned(),
        sent: sent.into(),
        then: Then::Listens,
        got,
    }
}

/// A POST with these fields and this body.
fn post(name: &str, fields: &str, body: &str, got: Got) -> Row {
    let sent = format!("POST /api/generateImage HTTP/1.1\r\nhost: h\r\n{fields}\r\n{body}");
    row(name, sent, got)
}

/// A GET with these fields.
fn get(name: &str, fields: impl AsRef<[u8]>, got: Got) -> Row {
    let parts = [b"GET / HTTP/1.1\r\nhost: h\r\n", fields.as_ref(), b"\r\n"];
    row(name, parts.concat(), got)
}

fn hanging_up(row: Row) -> Row {
    Row {
        then: Then::HangsUp,
        ..row
    }
}

pub fn table() -> Vec<Row> {
    [
        lengths(),
        encodings(),
        chunks(),
        lines(),
        targets(),
        protocols(),
        sizes(),
        slow(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn lengths() -> Vec<Row> {
    let smuggled = |body: &str| format!("{body}{SMUGGLED}");
    let chunked = smuggled("0\r\n\r\n");
    let wrong = |length: &str| {
        let name = format!("`Content-Length: {length}`");
        post(
            &name,
            &format!("content-length: {length}\r\n"),
            "abc",
            Refused(400),
        )
    };
    let mut rows = vec![
        post(
            "`Content-Length`, then `Transfer-Encoding`",
            "content-length: 5\r\ntransfer-encoding: chunked\r\n",
            &chunked,
            Refused(400),
        ),
        post(
            "`Transfer-Encoding`, then `Content-Length`",
            "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
            &chunked,
            Refused(400),
        ),
        post(
            "two different `Content-Length`",
            "content-length: 3\r\ncontent-length: 5\r\n",
            &smuggled("abc"),
            Refused(400),
        ),
        post(
            "the same `Content-Length` twice",
            "content-length: 3\r\ncontent-length: 3\r\n",
            &smuggled("abc"),
            Refused(400),
        ),
    ];
    rows.extend(["3, 3", "+3", "-1", "0x3", "3.0", "18446744073709551616", ""].map(wrong));
    rows
}

fn encodings() -> Vec<Row> {
    let body = format!("0\r\n\r\n{SMUGGLED}");
    let coded = |name: &str, fields: &str| post(name, fields, &body, Refused(400));
    let mut rows: Vec<Row> = [
        "xchunked",
        "identity",
        "gzip",
        "gzip, chunked",
        "chunked, identity",
        "chunked, chunked",
        "\"chunked\"",
        "\u{b}chunked",
    ]
    .into_iter()
    .map(|coding| {
        let name = format!("`Transfer-Encoding: {}`", coding.replace('\u{b}', "\\v"));
        coded(&name, &format!("transfer-encoding: {coding}\r\n"))
    })
    .collect();
    rows.push(coded(
        "`Transfer-Encoding: chunked` twice",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
    ));
    rows.push(coded(
        "a space in front of the colon",
        "transfer-encoding : chunked\r\n",
    ));
    rows.push(row(
        "`Transfer-Encoding` in HTTP/1.0",
        format!("POST /api/generateImage HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n{body}"),
        Refused(400),
    ));
    rows
}

/// What would be accepted, so that only its chunks are in question.
const BODY: &str = "{\"prompt\":\"a\",\"size\":\"64x64\"}";

/// [`BODY`] as one chunk that is introduced and ended so, and more.
fn chunked(name: &str, size: &str, end: &str, got: Got) -> Row {
    let fields = "content-type: application/json\r\ntransfer-encoding: chunked\r\n";
    post(name, fields, &format!("{size}{BODY}{end}"), got)
}

fn chunks() -> Vec<Row> {
    let length = format!("{:x}", BODY.len());
    let size = format!("{length}\r\n");
    let sized = |name: &str, size: &str| chunked(name, size, "\r\n0\r\n\r\n", Refused(400));
    let ended = |name: &str, end: &str, got: Got| chunked(name, &size, end, got);
    let extended = format!("{length};{}\r\n", "x".repeat(20_000));
    let trailers = format!("\r\n0\r\n{}\r\n", "x: y\r\n".repeat(200));
    let lengthy = format!("\r\n0\r\ncontent-length: 3\r\n\r\n{SMUGGLED}");
    vec![
        ended("a body in chunks", "\r\n0\r\n\r\n", Refused(200)),
        sized("a chunk's size is no number", "zz\r\n"),
        sized("a chunk's size begins with 0x", &format!("0x{length}\r\n")),
        sized("a chunk's size is negative", &format!("-{length}\r\n")),
        sized("a chunk's size is missing", "\r\n"),
        sized(
            "a chunk's size overflows",
            &format!("100000000000000{length}\r\n"),
        ),
        sized(
            "a chunk's size ends without a carriage return",
            &format!("{length}\n"),
        ),
        sized("a chunk's extension of 20 000 bytes", &extended),
        ended(
            "a chunk is longer than its size",
            " \r\n0\r\n\r\n",
            Refused(400),
        ),
        ended(
            "a chunk ends without a carriage return",
            "\n0\r\n\r\n",
            Refused(400),
        ),
        ended("two hundred trailers", &trailers, Refused(400)),
        hanging_up(ended("the last chunk is missing", "\r\n", Refused(400))),
        ended("a trailer names a length", &lengthy, Refused(200)),
        ended(
            "a request behind the last chunk",
            &format!("\r\n0\r\n\r\n{SMUGGLED}"),
            Refused(200),
        ),
    ]
}

fn lines() -> Vec<Row> {
    vec![
        get(
            "a field that goes on in the next line",
            "x: a\r\n b\r\n",
            Refused(400),
        ),
        row(
            "lines end without a carriage return",
            "GET / HTTP/1.1\nhost: h\n\n",
            Refused(400),
        ),
        get(
            "one line ends without a carriage return",
            "x: a\ny: b\r\n",
            Refused(400),
        ),
        get(
            "a carriage return within a value",
            "x: a\rb\r\n",
            Refused(400),
        ),
        get("NUL in a value", b"x: a\0b\r\n", Refused(400)),
        get("NUL in a name", b"x\0y: a\r\n", Refused(400)),
        get("a name with a space", "x y: a\r\n", Refused(400)),
        get("a line without a colon", "nothing\r\n", Refused(400)),
        get("a line without a name", ": a\r\n", Refused(400)),
        row(
            "a space in front of the first field",
            "GET / HTTP/1.1\r\n host: h\r\n\r\n",
            Refused(400),
        ),
        row(
            "two spaces within the first line",
            "GET  / HTTP/1.1\r\nhost: h\r\n\r\n",
            Refused(400),
        ),
        row(
            "an empty line in front of the request",
            "\r\nGET / HTTP/1.1\r\nhost: h\r\n\r\n",
            Answered(200, 1),
        ),
        get(
            "a value that is no UTF-8",
            b"x: \xff\xfe\r\n",
            Answered(200, 1),
        ),
    ]
}

fn targets() -> Vec<Row> {
    let line = |name: &str, line: &str, got: Got| {
        row(name, format!("{line} HTTP/1.1\r\nhost: h\r\n\r\n"), got)
    };
    vec![
        row("no `Host`", "GET / HTTP/1.1\r\n\r\n", Refused(400)),
        get("`Host` twice", "host: other\r\n", Refused(400)),
        row(
            "HTTP/1.0 without `Host`",
            "GET / HTTP/1.0\r\n\r\n",
            Refused(200),
        ),
        line(
            "an address with the same host",
            "GET http://h/",
            Answered(200, 1),
        ),
        line(
            "an address with another host",
            "GET http://other/",
            Refused(400),
        ),
        line(
            "an address of another scheme",
            "GET ftp://h/",
            Answered(200, 1),
        ),
        line("`CONNECT`", "CONNECT h:443", Refused(405)),
        line("`GET` with an authority", "GET h:443", Refused(400)),
        line("`OPTIONS *`", "OPTIONS *", Answered(404, 1)),
        line("`GET *`", "GET *", Answered(404, 1)),
        line("no path at all", "GET ", Refused(400)),
        line("a path without a slash", "GET api/health", Refused(400)),
        line(
            "a path with half a percent sign",
            "GET /api/files/%zz",
            Answered(404, 1),
        ),
        line("`TRACE`", "TRACE /", Answered(405, 1)),
        line("a method that nobody knows", "SMUGGLE /", Answered(405, 1)),
        line("a method in lower case", "get /", Answered(405, 1)),
        line("a method with a bracket", "G[T /", Refused(400)),
        row(
            "a path that is no UTF-8",
            [&b"GET /\xff\xfe"[..], b" HTTP/1.1\r\nhost: h\r\n\r\n"].concat(),
            Refused(400),
        ),
    ]
}

fn protocols() -> Vec<Row> {
    let two = "GET / HTTP/1.1\r\nhost: h\r\n\r\n".repeat(2);
    let behind_body = "POST /api/nothing HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{}";
    vec![
        row("HTTP/0.9", "GET /\r\n\r\n", Refused(400)),
        row(
            "HTTP/1.2",
            "GET / HTTP/1.2\r\nhost: h\r\n\r\n",
            Refused(400),
        ),
        row(
            "HTTP/2's first bytes",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            Refused(400),
        ),
        row(
            "a TLS client's first bytes",
            [
                &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
                &[7; 64],
                b"\r\n\r\n",
            ]
            .concat(),
            Refused(400),
        ),
        row("zeros", [&[0; 64][..], b"\r\n\r\n"].concat(), Refused(400)),
        get(
            "`Upgrade: h2c`",
            "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAAA\r\n",
            Answered(200, 1),
        ),
        get(
            "`Upgrade: websocket`",
            "connection: upgrade\r\nupgrade: websocket\r\n",
            Answered(200, 1),
        ),
        row("two requests at once", two, Answered(200, 2)),
        row(
            "two requests at once, the first with a body",
            format!("{behind_body}{behind_body}"),
            Answered(404, 2),
        ),
        get(
            "`Connection: host`",
            "connection: host, x-request-id\r\n",
            Answered(200, 1),
        ),
    ]
}

fn sizes() -> Vec<Row> {
    let long = |length: usize| format!("GET /{} HTTP/1.1\r\nhost: h\r\n\r\n", "a".repeat(length));
    let fields = |count: usize| "x: y\r\n".repeat(count);
    let large = "content-length: 1048577\r\n";
    vec![
        row("a path of 60 000 bytes", long(60_000), Answered(404, 1)),
        row("a path of 70 000 bytes", long(70_000), Refused(431)),
        get(
            "a field of 70 000 bytes",
            format!("x: {}\r\n", "y".repeat(70_000)),
            Refused(431),
        ),
        get("127 fields and `Host`", fields(127), Answered(200, 1)),
        get("128 fields and `Host`", fields(128), Refused(431)),
        get("a million fields", fields(1_000_000), Refused(431)),
        row(
            "a million empty lines",
            "\r\n".repeat(1_000_000),
            Refused(431),
        ),
        post(
            "a body of 1 MiB and a byte is announced",
            large,
            "",
            Refused(413),
        ),
        post(
            "the same, when it is wanted",
            &format!("{large}expect: 100-continue\r\n"),
            "",
            Refused(413),
        ),
        post(
            "an endless body in chunks",
            "transfer-encoding: chunked\r\n",
            &format!("8000\r\n{}\r\n", " ".repeat(0x8000)).repeat(64),
            Refused(413),
        ),
    ]
}

fn slow() -> Vec<Row> {
    vec![
        row("nothing at all", "", Silence),
        row("the first byte of a request", "G", Refused(408)),
        row("an empty line", "\r\n", Refused(408)),
        row(
            "a head without its last line",
            "GET / HTTP/1.1\r\nhost: h\r\n",
            Refused(408),
        ),
        post(
            "half of a body",
            "content-length: 10\r\n",
            "{\"pro",
            Refused(408),
        ),
        post(
            "half of a chunk",
            "transfer-encoding: chunked\r\n",
            "a\r\n{\"pro",
            Refused(408),
        ),
        hanging_up(post(
            "half of a body, and gone",
            "content-length: 10\r\n",
            "{\"pro",
            Refused(400),
        )),
        hanging_up(row(
            "half of a head, and gone",
            "GET / HTTP/1.1\r\nhost",
            Silence,
        )),
    ]
}
