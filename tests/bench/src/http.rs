//! A client that costs next to nothing: HTTP/1.1 with keep-alive on one connection.

use std::io::{Error, ErrorKind, Result};
use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

impl Answer<'_> {
    /// Returns the text at that key of the body, wherever it is.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        let body = str::from_utf8(self.body).ok()?;
        let (_, rest) = body.split_once(&format!("\"{key}\":\""))?;
        rest.split_once('"').map(|(text, _)| text)
    }
}

impl Connection {
    pub(crate) async fn open(port: u16) -> Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(16 * 1024) })
    }

    pub(crate) async fn ask(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.received.clear();
        let (head, length) = loop {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let Some(head) = self.received.windows(4).position(|four| four == b"\r\n\r\n") else {
                continue;
            };
            let length = content_length(&self.received[..head]);
            if self.received.len() >= head + 4 + length {
                break (head, length);
            }
        };
        let status = self.received.get(9..12).and_then(|status| str::from_utf8(status).ok());
        let status = status.and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| Error::from(ErrorKind::InvalidData))?;
        Ok(Answer { status, body: &self.received[head + 4..head + 4 + length] })
    }
}

/// Writes a request down; `authorization` and `body` may be empty.
pub(crate) fn request(line: &str, authorization: &str, body: &str) -> Vec<u8> {
    let mut request = format!("{line} HTTP/1.1\r\nhost: 127.0.0.1\r\n");
    if !authorization.is_empty() {
        request.push_str(&format!("authorization: {authorization}\r\n"));
    }
    if !body.is_empty() {
        request.push_str("content-type: application/json\r\n");
    }
    if line.starts_with("POST") {
        request.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    request.push_str("\r\n");
    request.push_str(body);
    request.into_bytes()
}

fn content_length(head: &[u8]) -> usize {
    const NAME: &[u8] = b"\ncontent-length:";
    let at = head.windows(NAME.len()).position(|window| window.eq_ignore_ascii_case(NAME));
    let digits = at.map_or(&[][..], |at| head[at + NAME.len()..].trim_ascii_start());
    digits
        .iter()
        .take_while(|digit| digit.is_ascii_digit())
        .fold(0, |length, digit| length * 10 + usize::from(digit - b'0'))
}
