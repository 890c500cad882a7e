//! HTTP/1.1 by hand over TCP: a library would correct the very faults that the double is to show.

use std::{io, sync::Arc};

use bytes::Bytes;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinSet,
    time::sleep,
};

use super::{
    answer::{Answer, Delivery, Length},
    request::Request,
    script::Script,
};

/// Whether the connection can carry another request.
#[derive(PartialEq)]
enum Connection {
    KeptAlive,
    Closed,
}

/// Accepts connections until its task is aborted; that ends the connections too.
pub(super) async fn serve(listener: TcpListener, script: Arc<Script>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        script.connected();
        connections.spawn(serve_connection(stream, Arc::clone(&script)));
        while connections.try_join_next().is_some() {}
    }
}

/// A caller that breaks the connection ends it, and that is no fault of the double.
async fn serve_connection(stream: TcpStream, script: Arc<Script>) {
    stream.set_nodelay(true).unwrap();
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    while let Ok(Some(request)) = read_request(&mut reader).await {
        let is_head = request.method == "HEAD";
        let (answer, waiting) = script.answer(request);
        if let Wait::CallerGone = wait(&answer.delivery, &mut reader).await {
            script.caller_gone();
            return;
        }
        // Before the answer goes out: a caller that has it may send its next request at once.
        drop(waiting);
        match send(&answer, is_head, &mut writer).await {
            Ok(Connection::KeptAlive) => {}
            Ok(Connection::Closed) | Err(_) => return,
        }
    }
}

async fn read_request(reader: &mut BufReader<OwnedReadHalf>) -> io::Result<Option<Request>> {
    let Some(first_line) = read_line(reader).await? else {
        return Ok(None);
    };
    let mut words = first_line.split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    while let Some(line) = read_line(reader).await?.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request {
        method,
        target,
        headers,
        body: Bytes::new(),
    };
    request.body = read_body(reader, &request).await?.into();
    Ok(Some(request))
}

async fn read_body(
    reader: &mut BufReader<OwnedReadHalf>,
    request: &Request,
) -> io::Result<Vec<u8>> {
    let is_chunked = |value: &str| value.eq_ignore_ascii_case("chunked");
    if request.header("transfer-encoding").is_some_and(is_chunked) {
        return read_chunks(reader).await;
    }
    let length = request.header("content-length").unwrap_or("0");
    let mut body = vec![0; length.parse().map_err(io::Error::other)?];
    reader.read_exact(&mut body).await?;
    Ok(body)
}

async fn read_chunks(reader: &mut BufReader<OwnedReadHalf>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(reader).await?.unwrap_or_default();
        let length = usize::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
        let start = body.len();
        body.resize(start + length, 0);
        reader.read_exact(&mut body[start..]).await?;
        read_line(reader).await?;
        if length == 0 {
            return Ok(body);
        }
    }
}

/// A line without its end; `None` where the stream ends.
async fn read_line(reader: &mut BufReader<OwnedReadHalf>) -> io::Result<Option<String>> {
    let mut line = String::new();
    if reader.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    line.truncate(line.trim_end().len());
    Ok(Some(line))
}

/// How waiting for the moment of an answer ended.
enum Wait {
    Over,
    CallerGone,
}

/// Waits as the answer says; the end of the caller's side of the connection ends that early.
async fn wait(delivery: &Delivery, reader: &mut BufReader<OwnedReadHalf>) -> Wait {
    let moment = async {
        if let Some(gate) = &delivery.gate {
            gate.wait().await;
        }
        if let Some(delay) = delivery.delay {
            sleep(delay).await;
        }
    };
    tokio::pin!(moment);
    tokio::select! {
        biased;
        () = &mut moment => Wait::Over,
        next = reader.fill_buf() => match next {
            Ok(bytes) if !bytes.is_empty() => {
                moment.await;
                Wait::Over
            }
            _ => Wait::CallerGone,
        },
    }
}

async fn send(
    answer: &Answer,
    is_head: bool,
    writer: &mut OwnedWriteHalf,
) -> io::Result<Connection> {
    let delivery = &answer.delivery;
    if delivery.hang_up {
        return Ok(Connection::Closed);
    }
    writer.write_all(head(answer).as_bytes()).await?;
    if is_head {
        return Ok(Connection::KeptAlive);
    }
    let cut_after = delivery.cut_after.unwrap_or(usize::MAX);
    let mut body = &answer.body[..answer.body.len().min(cut_after)];
    if let Some((sent_bytes, gate)) = &delivery.body_gate {
        let (first, rest) = body.split_at(body.len().min(*sent_bytes));
        send_piece(first, delivery.length, writer).await?;
        gate.wait().await;
        body = rest;
    }
    let (piece_bytes, pause) = match delivery.drip {
        Some((piece_bytes, pause)) => (piece_bytes, Some(pause)),
        None => (body.len().max(1), None),
    };
    for piece in body.chunks(piece_bytes) {
        if let Some(pause) = pause {
            sleep(pause).await;
        }
        send_piece(piece, delivery.length, writer).await?;
    }
    finish(delivery, writer).await
}

async fn send_piece(piece: &[u8], length: Length, writer: &mut OwnedWriteHalf) -> io::Result<()> {
    let Length::Chunked = length else {
        return writer.write_all(piece).await;
    };
    let size = format!("{:x}\r\n", piece.len());
    writer.write_all(size.as_bytes()).await?;
    writer.write_all(piece).await?;
    writer.write_all(b"\r\n").await
}

async fn finish(delivery: &Delivery, writer: &mut OwnedWriteHalf) -> io::Result<Connection> {
    match delivery.length {
        _ if delivery.cut_after.is_some() => Ok(Connection::Closed),
        Length::Claimed(_) => Ok(Connection::Closed),
        Length::True => Ok(Connection::KeptAlive),
        Length::Chunked => {
            writer.write_all(b"0\r\n\r\n").await?;
            Ok(Connection::KeptAlive)
        }
    }
}

fn head(answer: &Answer) -> String {
    let mut head = format!("HTTP/1.1 {} Double\r\n", answer.status);
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&match answer.delivery.length {
        Length::True => format!("content-length: {}\r\n\r\n", answer.body.len()),
        Length::Claimed(claimed_bytes) => format!("content-length: {claimed_bytes}\r\n\r\n"),
        Length::Chunked => "transfer-encoding: chunked\r\n\r\n".to_owned(),
    });
    head
}
