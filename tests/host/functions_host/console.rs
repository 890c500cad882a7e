//! What becomes of the handler's output: one line, one log entry, with the level that the host
//! gives it (`useStdErrorStreamForErrorsOnly` is on for custom handlers).

use crate::secrets;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Information,
    Warning,
    Error,
}

#[derive(Clone, Copy, Debug)]
pub enum Stream {
    Output,
    Error,
}

#[derive(Clone, Debug)]
pub struct Line {
    pub level: Level,
    pub text: String,
}

/// All lines of all processes of one worker, in the order of their arrival.
#[derive(Clone, Default)]
pub struct Console {
    lines: Arc<Mutex<Vec<Line>>>,
}

impl Console {
    /// Reads a pipe to its end. It must never pause: a full pipe would block the handler.
    pub async fn drain(self, stream: Stream, pipe: impl AsyncRead + Unpin) {
        let mut reader = BufReader::new(pipe);
        let mut bytes = Vec::new();
        while let Ok(1..) = reader.read_until(b'\n', &mut bytes).await {
            let text = String::from_utf8_lossy(&bytes);
            self.record(stream, text.trim_end_matches(['\r', '\n']));
            bytes.clear();
        }
    }

    pub fn record(&self, stream: Stream, text: &str) {
        let line = Line {
            level: level(stream, text),
            text: text.to_owned(),
        };
        self.lines.lock().unwrap().push(line);
    }

    pub fn lines(&self) -> Vec<Line> {
        let lines = self.lines.lock().unwrap().clone();
        lines.iter().for_each(|line| secrets::search(&line.text));
        lines
    }

    pub fn errors(&self) -> Vec<Line> {
        let mut lines = self.lines();
        lines.retain(|line| line.level == Level::Error);
        lines
    }

    pub fn contains(&self, text: &str) -> bool {
        self.lines().iter().any(|line| line.text.contains(text))
    }
}

fn level(stream: Stream, text: &str) -> Level {
    match stream {
        Stream::Output => Level::Information,
        Stream::Error if text.to_lowercase().contains("warn") => Level::Warning,
        Stream::Error => Level::Error,
    }
}

#[test]
fn a_line_gets_the_level_that_the_host_gives_it() {
    assert_eq!(level(Stream::Output, "ERROR"), Level::Information);
    assert_eq!(level(Stream::Error, "WARNING: low"), Level::Warning);
    assert_eq!(level(Stream::Error, "listening"), Level::Error);
}
