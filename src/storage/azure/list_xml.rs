//! Reads the service's list answer, names to the last space, and those that XML cannot hold
//! (`<Name Encoded="true">`, percent-encoded) as well
//! (<https://learn.microsoft.com/rest/api/storageservices/list-blobs>).

use crate::storage::{BlobItem, BlobPage, Metadata};
use percent_encoding::percent_decode_str;
use quick_xml::{
    Reader,
    events::{BytesRef, BytesStart, Event},
};
use time::{OffsetDateTime, format_description::well_known::Rfc2822};

/// Why an answer is no list.
#[derive(Debug, thiserror::Error)]
pub(super) enum InvalidList {
    #[error("it is not XML")]
    NotXml(#[from] quick_xml::Error),
    #[error("it is not a whole list")]
    Incomplete,
}

/// Reads one page. A blob without a name is left out, and one without a readable date counts as
/// one of 1970; neither hides another.
///
/// # Errors
/// [`InvalidList`] for what is no list or only a part of one.
pub(super) fn parse_page(xml: &[u8]) -> Result<BlobPage, InvalidList> {
    let text = String::from_utf8_lossy(xml);
    let mut reader = Reader::from_str(&text);
    let mut page = PageReader::default();
    loop {
        match reader.read_event()? {
            Event::Start(start) => page.open(&start),
            Event::Text(text) => page.text.push_str(&text.xml10_content()),
            Event::CData(data) => page.text.push_str(&data.xml10_content()),
            Event::GeneralRef(reference) => page.text.push_str(&resolve(&reference)),
            Event::End(end) => page.close(end.name().as_ref()),
            Event::Eof if page.is_whole => return Ok(page.done),
            Event::Eof => return Err(InvalidList::Incomplete),
            _ => {}
        }
    }
}

/// The page so far, and where in it the reader stands.
#[derive(Default)]
struct PageReader {
    done: BlobPage,
    is_whole: bool,
    blob: Option<PartialBlob>,
    in_metadata: bool,
    name_is_encoded: bool,
    text: String,
}

#[derive(Default)]
struct PartialBlob {
    name: String,
    size_bytes: u64,
    content_type: String,
    last_modified: Option<OffsetDateTime>,
    metadata: Metadata,
}

impl PageReader {
    fn open(&mut self, start: &BytesStart<'_>) {
        self.text.clear();
        match start.name().as_ref() {
            _ if self.in_metadata => {} // anybody's words, whatever they are called
            "Blob" | "BlobPrefix" => self.blob = Some(PartialBlob::default()),
            "Metadata" => self.in_metadata = true,
            "Name" => {
                self.name_is_encoded = start.attributes().flatten().any(|attribute| {
                    attribute.key.as_ref() == "Encoded" && attribute.value.as_ref() == "true"
                });
            }
            _ => {}
        }
    }

    fn close(&mut self, element: &str) {
        let text = std::mem::take(&mut self.text);
        match (element, &mut self.blob) {
            ("Metadata", _) => self.in_metadata = false,
            (name, Some(blob)) if self.in_metadata => {
                blob.metadata.insert(name.to_ascii_lowercase(), text);
            }
            ("EnumerationResults", _) => self.is_whole = true,
            ("Blob", blob) => self.done.items.extend(blob.take().and_then(finish)),
            ("BlobPrefix", blob) => self.done.folders.extend(blob.take().map(|blob| blob.name)),
            ("NextMarker", None) => self.done.next_marker = Some(text).filter(|m| !m.is_empty()),
            ("Name", Some(blob)) if self.name_is_encoded => {
                blob.name = percent_decode_str(&text).decode_utf8_lossy().into_owned();
            }
            ("Name", Some(blob)) => blob.name = text,
            ("Content-Length", Some(blob)) => blob.size_bytes = text.trim().parse().unwrap_or(0),
            ("Content-Type", Some(blob)) => blob.content_type = text,
            ("Last-Modified", Some(blob)) => {
                blob.last_modified = OffsetDateTime::parse(&text, &Rfc2822).ok();
            }
            _ => {}
        }
    }
}

fn finish(blob: PartialBlob) -> Option<BlobItem> {
    if blob.name.is_empty() {
        return None;
    }
    Some(BlobItem {
        name: blob.name,
        size_bytes: blob.size_bytes,
        content_type: blob.content_type,
        last_modified: blob.last_modified.unwrap_or(OffsetDateTime::UNIX_EPOCH),
        metadata: blob.metadata,
    })
}

/// `&amp;` and its four siblings, and numbered characters, those too that XML 1.0 forbids.
fn resolve(reference: &BytesRef<'_>) -> String {
    let name: &str = reference;
    let numbered = match name.strip_prefix('#') {
        Some(number) => match number.strip_prefix(['x', 'X']) {
            Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok(),
            None => number.parse().ok(),
        },
        None => None,
    };
    match (name, numbered.and_then(char::from_u32)) {
        (_, Some(character)) => character.to_string(),
        ("amp", _) => "&".to_owned(),
        ("lt", _) => "<".to_owned(),
        ("gt", _) => ">".to_owned(),
        ("quot", _) => "\"".to_owned(),
        ("apos", _) => "'".to_owned(),
        _ => format!("&{name};"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn page(blobs: &str) -> BlobPage {
        let xml = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ContainerName=\"c\">\
             <Prefix/><Blobs>{blobs}</Blobs><NextMarker>2!a&amp;b</NextMarker></EnumerationResults>"
        );
        parse_page(xml.as_bytes()).unwrap()
    }

    fn names(blobs: &str) -> Vec<String> {
        page(blobs)
            .items
            .into_iter()
            .map(|item| item.name)
            .collect()
    }

    #[test]
    fn a_blob_is_read_whole() {
        let page = page(
            "<Blob><Name>gallery/1/a_1.png</Name><Properties>\
             <Last-Modified>Sat, 21 Nov 2026 10:00:01 GMT</Last-Modified>\
             <Content-Length>42</Content-Length><Content-Type>image/png</Content-Type></Properties>\
             <Metadata><Prompt>a%20cat</Prompt><model>m</model></Metadata></Blob>",
        );
        assert_eq!(page.next_marker.as_deref(), Some("2!a&b"));
        assert_eq!(
            page.items,
            [BlobItem {
                name: "gallery/1/a_1.png".to_owned(),
                size_bytes: 42,
                content_type: "image/png".to_owned(),
                last_modified: datetime!(2026-11-21 10:00:01 UTC),
                metadata: [("prompt", "a%20cat"), ("model", "m")]
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .into(),
            }]
        );
    }

    #[test]
    fn words_of_metadata_are_no_structure_and_half_an_answer_is_none() {
        let page = page(
            "<Blob><Name>a</Name><Metadata><Blob>x</Blob><Name>y</Name></Metadata></Blob>\
             <Blob><Name Encoded=\"false\">b%20</Name></Blob>",
        );
        let names: Vec<_> = page.items.iter().map(|item| item.name.as_str()).collect();
        assert_eq!(names, ["a", "b%20"]);
        assert_eq!(page.items[0].metadata["blob"], "x");
        for half in ["", "<html></html>", "<EnumerationResults><Blobs>"] {
            assert!(parse_page(half.as_bytes()).is_err(), "{half}");
        }
    }

    #[test]
    fn names_keep_every_character_they_have() {
        assert_eq!(
            names(
                "<Blob><Name> a &amp; b&lt;c&gt;&#x7;.png </Name></Blob>\
                 <Blob><Name Encoded=\"true\">ctl%EF%BF%BE%20x.png</Name></Blob>"
            ),
            [" a & b<c>\u{7}.png ", "ctl\u{fffe} x.png"]
        );
        let folders = page("<BlobPrefix><Name>a &amp; b/</Name></BlobPrefix>").folders;
        assert_eq!(folders, ["a & b/"]);
    }

    #[test]
    fn raw_control_characters_and_empty_blobs_hide_nothing() {
        assert_eq!(
            names(
                "<Blob><Name>a\u{7}b.png</Name></Blob><Blob></Blob>\
                 <Blob><Name>c.png</Name><Properties><Content-Length>x</Content-Length></Properties></Blob>"
            ),
            ["a\u{7}b.png", "c.png"]
        );
    }
}
