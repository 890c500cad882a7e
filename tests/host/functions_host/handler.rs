//! Requests to the handler as .NET's HTTP client sends them: over pooled connections, the whole body
//! before it reads the answer, and again if a connection closes without an answer.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, BufWriter};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::body::Framing;
use super::content::{Content, Source, Writer};
use super::message::{Head, HeadError, Reader};

/// How long an idle connection stays in the pool.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// How often .NET's client repeats a request whose connection closed without an answer.
const CONNECTION_RETRIES: usize = 3;

/// How long it waits for `100 Continue`.
const CONTINUE_TIMEOUT: Duration = Duration::from_secs(1);

/// A handler's port and the pool of connections to it.
pub struct Handler {
    pub port: u16,
    idle: Mutex<Vec<Connection>>,
}

struct Connection {
    reader: Reader,
    writer: Writer,
    idle_since: Instant,
}

/// An answer whose head has been read, and whose body has not.
pub struct Answer {
    pub head: Head,
    pub framing: Framing,
    connection: Connection,
    /// The request's body was not sent, so the connection is of no more use.
    leaves_body_out: bool,
}

#[derive(Debug)]
enum Failure {
    /// The connection closed before the first byte of an answer, and no body had been sent.
    Unanswered,
    Other,
}

impl From<HeadError> for Failure {
    fn from(error: HeadError) -> Self {
        match error {
            HeadError::Closed => Self::Unanswered,
            HeadError::Io | HeadError::Malformed => Self::Other,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(_: io::Error) -> Self {
        Self::Other
    }
}

impl Handler {
    pub fn new(port: u16) -> Self {
        Self {
            port,
            idle: Mutex::default(),
        }
    }

    /// Returns none where .NET throws an `HttpRequestException`.
    pub async fn send(&self, head: &Head, content: &mut Content<'_>) -> Option<Answer> {
        for _ in 0..=CONNECTION_RETRIES {
            match self.send_once(head, content).await {
                Ok(answer) => return Some(answer),
                Err(Failure::Unanswered) => {}
                Err(Failure::Other) => return None,
            }
        }
        None
    }

    /// The readiness probe: anything but a refused connection counts as ready.
    pub async fn answers(&self) -> bool {
        let Ok(mut connection) = self.connect().await else {
            return false;
        };
        let mut head = Head::new("GET / HTTP/1.1".to_owned(), Default::default());
        head.headers
            .set("Host", &format!("127.0.0.1:{}", self.port));
        let none = Content::new(Source::None);
        if connection.start(&head, &none).await.is_ok() && connection.writer.flush().await.is_ok() {
            let _ = Head::read(&mut connection.reader).await;
        }
        true
    }

    async fn send_once(&self, head: &Head, content: &mut Content<'_>) -> Result<Answer, Failure> {
        if content.is_spent {
            return Err(Failure::Other);
        }
        let mut connection = match self.take_idle() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let early = connection.start(head, content).await?;
        let is_refused = matches!(&early, Some(answer) if answer.status() >= Some(300));
        let leaves_body_out = is_refused && content.is_large();
        if !leaves_body_out {
            content.write_to(&mut connection.writer).await?;
        }
        connection.writer.flush().await?;
        let answer = match early {
            Some(answer) => answer,
            None => connection.read_answer(content).await?,
        };
        let method = head.start.split(' ').next().unwrap_or_default();
        let status = answer.status().ok_or(Failure::Other)?;
        let framing = Framing::of_response(method, status, &answer.headers);
        let framing = framing.ok_or(Failure::Other)?;
        Ok(Answer {
            head: answer,
            framing,
            connection,
            leaves_body_out,
        })
    }

    async fn connect(&self) -> io::Result<Connection> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await?;
        stream.set_nodelay(true)?;
        let (reader, writer) = stream.into_split();
        let (reader, writer) = (BufReader::new(reader), BufWriter::new(writer));
        Ok(Connection {
            reader,
            writer,
            idle_since: Instant::now(),
        })
    }

    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap();
        while let Some(connection) = idle.pop() {
            if connection.is_usable() {
                return Some(connection);
            }
        }
        None
    }

    /// Returns the connection of an answer that has been read to its end to the pool.
    pub fn keep(&self, answer: Answer) {
        let is_whole = answer.framing == Framing::NONE && !answer.leaves_body_out;
        let may_stay = !answer.head.headers.lists("connection", "close");
        if is_whole && may_stay && answer.head.start.starts_with("HTTP/1.1") {
            let connection = Connection {
                idle_since: Instant::now(),
                ..answer.connection
            };
            self.idle.lock().unwrap().push(connection);
        }
    }
}

impl Connection {
    /// True if the connection is open and has no unread bytes.
    fn is_usable(&self) -> bool {
        let is_silent = || {
            let descriptor = self
                .writer
                .get_ref()
                .as_ref()
                .as_fd()
                .try_clone_to_owned()?;
            std::net::TcpStream::from(descriptor).peek(&mut [0])
        };
        let is_silent = is_silent().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        is_silent && self.reader.buffer().is_empty() && self.idle_since.elapsed() < IDLE_TIMEOUT
    }

    /// Sends a head, and waits for `100 Continue` if the head expects it. Returns a final answer
    /// that comes instead.
    async fn start(&mut self, head: &Head, content: &Content<'_>) -> Result<Option<Head>, Failure> {
        self.writer.write_all(&head.to_bytes()).await?;
        if content.is_none() || !head.headers.lists("expect", "100-continue") {
            return Ok(None);
        }
        self.writer.flush().await?;
        if timeout(CONTINUE_TIMEOUT, self.reader.fill_buf())
            .await
            .is_err()
        {
            return Ok(None);
        }
        let head = Head::read(&mut self.reader).await?;
        Ok(Some(head).filter(|head| head.status() != Some(100)))
    }

    /// Reads the final answer and drops interim ones.
    async fn read_answer(&mut self, content: &Content<'_>) -> Result<Head, Failure> {
        loop {
            let head = match Head::read(&mut self.reader).await {
                Err(HeadError::Closed) if !content.is_none() => return Err(Failure::Other),
                head => head?,
            };
            if !matches!(head.status(), Some(100..=199)) {
                return Ok(head);
            }
        }
    }
}

impl Answer {
    pub async fn piece(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.framing.piece(&mut self.connection.reader).await
    }

    pub async fn rest(&mut self) -> io::Result<Vec<u8>> {
        self.framing.rest(&mut self.connection.reader).await
    }
}
