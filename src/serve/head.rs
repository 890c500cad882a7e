//! Reading along in a request's head: where it ends, and what in it two readers could understand
//! in two ways (request smuggling, RFC 9112 section 11.2). What is plainly wrong is hyper's to refuse.

/// The longest name that is looked for.
const LONGEST_NAME: usize = "transfer-encoding:".len();

/// Follows a head byte by byte.
#[derive(Debug, Default)]
pub(super) struct HeadReader {
    length: usize,
    has_line: bool,
    line_length: usize,
    /// What the line begins with, in lower case.
    start: [u8; LONGEST_NAME],
    last: u8,
    lengths: u8,
    encodings: u8,
    doubt: Option<&'static str>,
    is_complete: bool,
}

impl HeadReader {
    /// Reads on; gives how many of the bytes belong to the head.
    pub(super) fn read(&mut self, bytes: &[u8]) -> usize {
        for (index, byte) in bytes.iter().enumerate() {
            self.step(*byte);
            if self.is_complete {
                return index + 1;
            }
        }
        bytes.len()
    }

    /// Whether it is there to its last byte.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Its bytes so far.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// What makes it doubtful where its body ends, if anything does.
    pub(super) fn doubt(&self) -> Option<&'static str> {
        match (self.lengths, self.encodings) {
            (1.., 1..) => Some("it has both Content-Length and Transfer-Encoding"),
            (2.., _) => Some("it has Content-Length more than once"),
            (_, 2..) => Some("it has Transfer-Encoding more than once"),
            _ => self.doubt,
        }
    }

    fn step(&mut self, byte: u8) {
        self.length += 1;
        if byte == b'\n' {
            if self.last != b'\r' {
                self.doubt = Some("a line of its head ends without a carriage return");
            }
            self.end_line();
        } else if byte != b'\r' {
            if let Some(place) = self.start.get_mut(self.line_length) {
                *place = byte.to_ascii_lowercase();
            }
            self.line_length += 1;
        }
        self.last = byte;
    }

    /// An empty line ends a head; in front of one it is passed over (RFC 9112 section 2.2).
    fn end_line(&mut self) {
        let is_empty = self.line_length == 0;
        self.is_complete = is_empty && self.has_line;
        self.has_line |= !is_empty;
        let start = &self.start[..self.line_length.min(LONGEST_NAME)];
        if start.starts_with(b"content-length:") {
            self.lengths = self.lengths.saturating_add(1);
        } else if start.starts_with(b"transfer-encoding:") {
            self.encodings = self.encodings.saturating_add(1);
        }
        self.line_length = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> HeadReader {
        let mut head = HeadReader::default();
        head.read(text.as_bytes());
        head
    }

    #[test]
    fn a_head_ends_at_its_first_empty_line() {
        let request = "\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\nGET /second";
        for step in 1..request.len() {
            let mut head = HeadReader::default();
            let mut taken = 0;
            while taken < request.len() && !head.is_complete() {
                let end = request.len().min(taken + step);
                taken += head.read(&request.as_bytes()[taken..end]);
            }
            assert!(request[taken..].starts_with("GET /second"), "{step}");
            assert_eq!((head.length(), head.doubt()), (taken, None));
        }
    }

    #[test]
    fn what_two_readers_could_read_differently_is_doubtful() {
        for (fields, is_doubtful) in [
            ("Host: a\r\nContent-Length: 3\r\n", false),
            ("Transfer-Encoding: chunked\r\n", false),
            ("X-Content-Length: 3\r\nContent-Length: 3\r\n", false),
            ("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", true),
            ("TRANSFER-ENCODING: chunked\r\ncontent-length: 3\r\n", true),
            ("Content-Length: 3\r\nContent-Length: 3\r\n", true),
            (
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n",
                true,
            ),
            ("Host: a\nContent-Length: 3\r\n", true),
        ] {
            let head = read(&format!("POST / HTTP/1.1\r\n{fields}\r\n"));
            assert!(head.is_complete(), "{fields}");
            assert_eq!(head.doubt().is_some(), is_doubtful, "{fields}");
        }
        assert!(read("GET / HTTP/1.1\n\n").doubt().is_some());
        assert!(!read("GET / HTTP/1.1\r\nhost: a\r\n").is_complete());
    }
}
