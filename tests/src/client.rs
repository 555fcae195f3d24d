//! A small HTTP/1.1 client that sends exactly the bytes it is told to.
//!
//! A client library would repair, normalise or refuse half of what the cases have to send, and hide
//! half of what they have to compare. One request a connection, `Connection: close`, blocking.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

/// A request that is still being put together.
#[must_use]
#[derive(Clone, Debug)]
pub struct Request {
    /// As it is written in the request line; any token, known or not.
    pub method: String,
    /// As it is written in the request line, relative to the mount point unless [`Self::of_host`].
    pub path: String,
    /// In the order in which they are sent; repeated ones are sent repeatedly.
    pub headers: Vec<(String, String)>,
    /// Sent with its `Content-Length`, unless the headers frame it in another way.
    pub body: Vec<u8>,
    /// Whether `path` is the host's own, outside of the mount point.
    pub of_host: bool,
}

impl Request {
    /// Starts a request to an endpoint; `path` is relative to the mount point.
    pub fn new(method: &str, path: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            of_host: false,
        }
    }

    /// Starts a `GET`.
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// Starts a `POST` of a JSON document.
    pub fn post(path: &str, body: &Value) -> Self {
        Self::new("POST", path).json(body)
    }

    /// Takes the path as the host's own, outside of the mount point.
    pub fn of_host(mut self) -> Self {
        self.of_host = true;
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Presents an access token.
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Sets the body, without saying of which type it is.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets a JSON body.
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    /// The bytes on the wire.
    pub(crate) fn to_bytes(&self, mount: &str, port: u16) -> Vec<u8> {
        let mount = if self.of_host { "" } else { mount };
        let mut head = format!("{} {mount}{} HTTP/1.1\r\n", self.method, self.path);
        let mut push = |name: &str, value: &str| head.push_str(&format!("{name}: {value}\r\n"));
        let has = |name: &str| self.headers.iter().any(|(set, _)| set.eq_ignore_ascii_case(name));
        if !has("host") {
            push("host", &format!("127.0.0.1:{port}"));
        }
        if !has("connection") {
            push("connection", "close");
        }
        let bodiless = self.body.is_empty() && matches!(&*self.method, "GET" | "HEAD");
        if !bodiless && !has("content-length") && !has("transfer-encoding") {
            push("content-length", &self.body.len().to_string());
        }
        for (name, value) in &self.headers {
            push(name, value);
        }
        head.push_str("\r\n");
        [head.as_bytes(), &self.body].concat()
    }
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Every header, repeated ones too.
    pub headers: HeaderMap,
    /// The body without its framing.
    pub body: Vec<u8>,
}

impl Reply {
    /// Returns the body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a text answer is UTF-8")
    }

    /// Returns the body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {} {}", self.status, self.text()))
    }

    /// Returns a header's value, or an empty text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("headers are ASCII"))
    }

    /// Returns the values of every header of this name, in order.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let values = self.headers.get_all(name).iter();
        values.map(|value| value.to_str().expect("headers are ASCII")).collect()
    }

    /// Returns what has to be equal wherever the same request is sent: everything but the date, the
    /// framing and the id of the request, headers by name.
    pub fn comparable(&self) -> String {
        let mut lines: Vec<String> = self
            .headers
            .iter()
            .filter(|(name, _)| !PASSING.contains(&name.as_str()))
            .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
            .collect();
        lines.sort();
        format!("{}\n{}\n\n{}", self.status, lines.join("\n"), String::from_utf8_lossy(&self.body))
    }
}

/// Sends `bytes` and reads the answer.
///
/// # Panics
///
/// If the server does not answer within half a minute, or with something that is not HTTP/1.1.
pub(crate) fn exchange(port: u16, bytes: &[u8]) -> Reply {
    let mut stream = connect(port);
    send(&mut stream, bytes);
    receive(stream)
}

/// Sends everything but the last byte of each request, then all the last bytes at once.
///
/// # Panics
///
/// As [`exchange`].
pub(crate) fn race(port: u16, requests: &[Vec<u8>]) -> Vec<Reply> {
    let mut streams: Vec<TcpStream> = requests.iter().map(|_| connect(port)).collect();
    for (stream, request) in streams.iter_mut().zip(requests) {
        send(stream, &request[..request.len() - 1]);
    }
    for (stream, request) in streams.iter_mut().zip(requests) {
        send(stream, &request[request.len() - 1..]);
    }
    streams.into_iter().map(receive).collect()
}

/// Sends `bytes` to a server that may be gone, or end half-way, and reads the answer if there is one.
///
/// # Errors
///
/// If no whole answer came, each part of it within `patience`.
pub(crate) fn attempt(port: u16, bytes: &[u8], patience: Duration) -> io::Result<Reply> {
    let mut stream = open(port, patience)?;
    stream.write_all(bytes)?;
    let mut answer = Vec::new();
    // What it was before the connection was reset decides, as below.
    let end = stream.read_to_end(&mut answer);
    parse(&answer).map_err(|fault| end.err().unwrap_or_else(|| io::Error::other(fault)))
}

/// Sends all of `requests`, and hangs up before any answer.
///
/// # Panics
///
/// If the server does not listen, or does not read.
pub(crate) fn abandon(port: u16, requests: &[Vec<u8>]) {
    let mut streams: Vec<TcpStream> = requests.iter().map(|_| connect(port)).collect();
    for (stream, request) in streams.iter_mut().zip(requests) {
        send(stream, request);
    }
}

fn connect(port: u16) -> TcpStream {
    open(port, PATIENCE).expect("the server listens")
}

fn open(port: u16, patience: Duration) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    Ok(stream)
}

/// A server may answer and close before it has read everything: what it answered decides.
fn send(stream: &mut TcpStream, bytes: &[u8]) {
    match stream.write_all(bytes) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("the server does not read"),
        Ok(()) | Err(_) => {}
    }
}

fn receive(mut stream: TcpStream) -> Reply {
    let mut bytes = Vec::new();
    // A reset after the answer is complete is how a server drops a body that it will not read.
    let end = stream.read_to_end(&mut bytes);
    parse(&bytes).unwrap_or_else(|fault| {
        panic!("{fault} ({end:?}), in an answer of {:?}", String::from_utf8_lossy(&bytes))
    })
}

fn parse(bytes: &[u8]) -> Result<Reply, &'static str> {
    let end = find(bytes, b"\r\n\r\n").ok_or("no whole head")?;
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| "a head that is not ASCII")?;
    let rest = &bytes[end + 4..];

    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 "))
        .and_then(|line| line.get(..3)?.parse().ok())
        .ok_or("no status line")?;
    if (100..200).contains(&status) {
        return parse(rest);
    }
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':').ok_or("a header without a colon")?;
        headers.append(
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| "a bad header name")?,
            HeaderValue::from_str(value.trim()).map_err(|_| "a bad header value")?,
        );
    }

    let chunked = headers.get("transfer-encoding").is_some_and(|value| value == "chunked");
    let length: Option<usize> =
        headers.get("content-length").and_then(|value| value.to_str().ok()?.parse().ok());
    let body = match length {
        _ if chunked && !rest.is_empty() => dechunk(rest)?,
        // An answer to `HEAD` states a length and sends nothing.
        Some(length) if rest.len() < length && !rest.is_empty() => return Err("half a body"),
        Some(length) if rest.len() > length => return Err("more body than stated"),
        _ => rest.to_vec(),
    };
    Ok(Reply { status, headers, body })
}

fn dechunk(mut rest: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut body = Vec::new();
    loop {
        let line = find(rest, b"\r\n").ok_or("half a chunk")?;
        let size = std::str::from_utf8(&rest[..line]).map_err(|_| "a bad chunk size")?;
        let size = usize::from_str_radix(size, 16).map_err(|_| "a bad chunk size")?;
        let start = line + 2;
        let chunk = rest.get(start..start + size).ok_or("half a chunk")?;
        if size == 0 {
            return Ok(body);
        }
        body.extend_from_slice(chunk);
        rest = rest.get(start + size + 2..).ok_or("half a chunk")?;
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// Longer than anything a healthy server needs on a busy machine.
const PASSING: [&str; 4] = ["connection", "date", "keep-alive", "x-request-id"];
const PATIENCE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunked_answer_after_an_interim_one_is_read() {
        let reply = parse(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\n\
              Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        )
        .unwrap();
        assert_eq!((reply.status, reply.text()), (200, "abcde"));
        assert_eq!(reply.all("set-cookie"), ["a=1", "b=2"]);
    }

    #[test]
    fn half_an_answer_is_no_answer() {
        assert!(parse(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab").is_err());
        assert!(parse(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab").is_err());
        assert!(parse(b"HTTP/1.1 200 OK\r\ncontent-le").is_err());
        let head = parse(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n").unwrap();
        assert_eq!((head.body.len(), head.header("content-length")), (0, "5"));
    }

    #[test]
    fn a_request_frames_itself_unless_told_otherwise() {
        let json = Request::post("/sign-up", &serde_json::json!({}));
        let text = String::from_utf8(json.to_bytes("/api/auth", 80)).unwrap();
        assert_eq!(
            text,
            "POST /api/auth/sign-up HTTP/1.1\r\nhost: 127.0.0.1:80\r\nconnection: close\r\n\
             content-length: 2\r\ncontent-type: application/json\r\n\r\n{}"
        );
        let host = Request::get("/private").of_host().header("Host", "elsewhere");
        let text = String::from_utf8(host.to_bytes("/api/auth", 80)).unwrap();
        assert_eq!(text, "GET /private HTTP/1.1\r\nconnection: close\r\nHost: elsewhere\r\n\r\n");
    }
}
