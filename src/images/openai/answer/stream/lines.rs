//! The lines of an event stream (<https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream>),
//! read in pieces that are cut anywhere. Data is passed through and never kept.

/// What a stream may begin with: the mark of its byte order.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Fields and events with longer names are not known to us.
const LONGEST_NAME: usize = 64;

/// A part of an event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// The next bytes of its data.
    Data(&'a [u8]),
    /// It ends; its name, which may be empty. Events without data are passed over.
    End(Vec<u8>),
}

/// Reads lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    place: Place,
    /// The name of the line's field, as far as it came.
    field: Vec<u8>,
    event_name: Vec<u8>,
    has_data: bool,
    /// The line before ended with a CR: an LF behind that belongs to it.
    after_cr: bool,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    /// Within the mark, of which so many bytes came.
    Mark(usize),
    Name,
    /// Behind the colon.
    BeforeValue(Field),
    Value(Field),
}

impl Default for Place {
    fn default() -> Self {
        Self::Mark(0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Event,
    Data,
    /// Comments, and fields that say nothing to us.
    Other,
}

impl Field {
    fn named(name: &[u8]) -> Self {
        match name {
            b"event" => Self::Event,
            b"data" => Self::Data,
            _ => Self::Other,
        }
    }
}

impl Lines {
    /// The next token of a piece, which is shortened by what was read; `None` at its end.
    pub fn next<'a>(&mut self, piece: &mut &'a [u8]) -> Option<Token<'a>> {
        loop {
            let (&first, rest) = piece.split_first()?;
            if std::mem::take(&mut self.after_cr) && first == b'\n' {
                *piece = rest;
                continue;
            }
            let token = match self.place {
                Place::Mark(seen) => {
                    self.read_mark(seen, piece);
                    None
                }
                Place::Name => {
                    *piece = rest;
                    self.read_name(first)
                }
                Place::BeforeValue(field) => {
                    *piece = if first == b' ' { rest } else { *piece };
                    self.begin_value(field)
                }
                Place::Value(field) => self.read_value(field, piece),
            };
            if token.is_some() {
                return token;
            }
        }
    }

    /// The name of an event that the stream's end broke off.
    pub fn finish(self) -> Vec<u8> {
        self.event_name
    }

    fn read_mark(&mut self, seen: usize, piece: &mut &[u8]) {
        self.place = match MARK.get(seen) {
            Some(expected) if piece.first() == Some(expected) => {
                *piece = &piece[1..];
                Place::Mark(seen + 1)
            }
            Some(_) => {
                self.field.extend_from_slice(&MARK[..seen]);
                Place::Name
            }
            None => Place::Name,
        };
    }

    fn read_name(&mut self, byte: u8) -> Option<Token<'static>> {
        match byte {
            b':' => {
                self.place = Place::BeforeValue(Field::named(&self.field));
                self.field.clear();
                None
            }
            b'\r' | b'\n' => {
                self.after_cr = byte == b'\r';
                let name = std::mem::take(&mut self.field);
                let token = match name.is_empty() {
                    true => self.end_event(),
                    false => self.begin_value(Field::named(&name)), // which is empty
                };
                self.place = Place::Name;
                token
            }
            byte => {
                keep(&mut self.field, &[byte]);
                None
            }
        }
    }

    /// Lines of data are joined by an LF.
    fn begin_value(&mut self, field: Field) -> Option<Token<'static>> {
        self.place = Place::Value(field);
        match field {
            Field::Event => self.event_name.clear(),
            Field::Data if self.has_data => return Some(Token::Data(b"\n")),
            Field::Data => self.has_data = true,
            Field::Other => {}
        }
        None
    }

    fn read_value<'a>(&mut self, field: Field, piece: &mut &'a [u8]) -> Option<Token<'a>> {
        let end = memchr::memchr2(b'\r', b'\n', piece).unwrap_or(piece.len());
        let (value, rest) = piece.split_at(end);
        *piece = rest;
        if let Some((end, rest)) = rest.split_first() {
            *piece = rest;
            self.after_cr = *end == b'\r';
            self.place = Place::Name;
        }
        match field {
            Field::Data if !value.is_empty() => return Some(Token::Data(value)),
            Field::Event => keep(&mut self.event_name, value),
            Field::Data | Field::Other => {}
        }
        None
    }

    fn end_event(&mut self) -> Option<Token<'static>> {
        let name = std::mem::take(&mut self.event_name);
        std::mem::take(&mut self.has_data).then_some(Token::End(name))
    }
}

/// Keeps a name, and of one that is too long so much that it stays unknown.
fn keep(name: &mut Vec<u8>, more: &[u8]) {
    let room = (LONGEST_NAME + 1).saturating_sub(name.len());
    name.extend_from_slice(&more[..more.len().min(room)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    type Events = Vec<(String, String)>;

    /// The events' names and data.
    fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Events {
        let (mut lines, mut events, mut data) = (Lines::default(), Vec::new(), Vec::new());
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        for mut piece in pieces {
            while let Some(token) = lines.next(&mut piece) {
                match token {
                    Token::Data(bytes) => data.extend_from_slice(bytes),
                    Token::End(name) => {
                        events.push((text(name), text(std::mem::take(&mut data))));
                    }
                }
            }
        }
        events
    }

    #[track_caller]
    fn assert_reads(stream: &str, expected: &[(&str, &str)]) {
        let own = |(name, data): &(&str, &str)| ((*name).to_owned(), (*data).to_owned());
        let expected: Events = expected.iter().map(own).collect();
        for ends in ["\n", "\r\n", "\r"] {
            let stream = stream.replace('\n', ends).into_bytes();
            for cut in 0..=stream.len() {
                let (head, tail) = stream.split_at(cut);
                assert_eq!(read([head, tail]), expected, "{ends:?} at {cut}");
            }
            assert_eq!(read(stream.chunks(1)), expected, "byte by byte");
        }
    }

    #[test]
    fn events_are_read_however_their_lines_end_and_are_cut() {
        assert_reads(
            "\u{feff}event: first\ndata: {\"a\": 1}\n\nevent:second\ndata:2\n\n",
            &[("first", "{\"a\": 1}"), ("second", "2")],
        );
    }

    #[test]
    fn only_one_space_behind_the_colon_is_none_of_the_value() {
        assert_reads("data:  a: b \n\n", &[("", " a: b ")]);
        assert_reads("event:  x\ndata\n\n", &[(" x", "")]);
    }

    #[test]
    fn lines_of_data_are_joined_and_the_last_name_counts() {
        assert_reads(
            "event: one\ndata: a\nevent: two\ndata\ndata:\ndata: b\n\n",
            &[("two", "a\n\n\nb")],
        );
    }

    #[test]
    fn comments_and_other_fields_say_nothing() {
        assert_reads(
            ": ping\n\n:\nid: 7\nretry: 10\nevents: x\ndat: x\nData: x\n data: x\n\n: data: x\ndata: y\n\n",
            &[("", "y")],
        );
    }

    #[test]
    fn an_event_without_data_or_without_its_end_is_none() {
        assert_reads(
            "event: lost\n\ndata: a\n\nevent: x\ndata: cut",
            &[("", "a")],
        );
        assert_reads("", &[]);
    }

    #[test]
    fn half_a_mark_is_the_beginning_of_an_unknown_field() {
        let events = read([&b"\xef\xbbdata: x\n\ndata: y\n\n"[..]]);
        assert_eq!(events, [(String::new(), "y".to_owned())]);
    }

    #[test]
    fn long_names_are_not_kept_and_not_taken_for_others() {
        let long = "n".repeat(10_000);
        assert_reads(&format!("{}: x\n\n", "data".repeat(100)), &[]);
        let mut lines = Lines::default();
        let stream = format!("event: {long}\n{long}");
        assert_eq!(lines.next(&mut stream.as_bytes()), None);
        assert!(lines.field.len() + lines.event_name.len() < 200);
    }
}
