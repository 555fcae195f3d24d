//! A line between a server and its Postgres on which every question is heard.

use std::collections::HashMap;
use std::mem;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::adapters::block_on;

/// Passes on what is sent over the connections to it, and keeps what the server asks.
///
/// The connections have to be without TLS.
pub(crate) struct Wiretap {
    port: u16,
    heard: Arc<Mutex<Vec<Trip>>>,
    server: JoinHandle<()>,
}

/// What a server asks and then waits for an answer to: one round trip.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Trip {
    /// A prepared statement is executed.
    Execute(String),
    /// A connection meets a statement for the first time, whose parameters have these types.
    Prepare(String, Vec<u32>),
    /// Statements that were not prepared, such as the beginning of a transaction.
    Simple(String),
    /// Nothing: whether the server is there.
    Sync,
}

impl Wiretap {
    /// Listens on a port of the loopback interface, for what is sent to the Postgres of `url`,
    /// which is on that interface, too.
    pub(crate) fn on(url: &str) -> Self {
        let options = PgConnectOptions::from_str(url).expect("it is a URL");
        let target = SocketAddr::from((Ipv4Addr::LOCALHOST, options.get_port()));
        block_on(async move {
            let listener =
                TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
            let port = listener.local_addr().expect("it is bound").port();
            let heard = Arc::default();
            let server = tokio::spawn(serve(listener, target, Arc::clone(&heard)));
            Self { port, heard, server }
        })
    }

    /// Returns how to reach over it what `url` leads to.
    pub(crate) fn reach(&self, url: &str) -> PgConnectOptions {
        let options = PgConnectOptions::from_str(url).expect("it is a URL");
        options.host("127.0.0.1").port(self.port).ssl_mode(PgSslMode::Disable)
    }

    /// Returns what was asked since the last call.
    pub(crate) fn take(&self) -> Vec<Trip> {
        mem::take(&mut self.heard.lock().expect("nobody panics while writing down"))
    }
}

impl Drop for Wiretap {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, target: SocketAddr, heard: Arc<Mutex<Vec<Trip>>>) {
    loop {
        let Ok((near, _)) = listener.accept().await else { continue };
        let Ok(far) = TcpStream::connect(target).await else { continue };
        // A delayed part of a question would be a round trip of 40 ms.
        for end in [&near, &far] {
            end.set_nodelay(true).expect("an open socket takes options");
        }
        let (mut from_near, mut to_near) = near.into_split();
        let (mut from_far, mut to_far) = far.into_split();
        tokio::spawn(async move { copy(&mut from_far, &mut to_near).await });
        let mut line = Line::default();
        let heard = Arc::clone(&heard);
        tokio::spawn(async move {
            let mut buffer = vec![0; 16 * 1024];
            while let Ok(length @ 1..) = from_near.read(&mut buffer).await {
                let trips = line.hear(&buffer[..length]);
                heard.lock().expect("nobody panics while writing down").extend(trips);
                if to_far.write_all(&buffer[..length]).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// What was said on one connection, as PostgreSQL's protocol 3 has it (chapter 55).
#[derive(Default)]
struct Line {
    started: bool,
    /// The beginning of a message that is still to come.
    rest: Vec<u8>,
    /// By the names that the server gave them.
    statements: HashMap<String, String>,
    /// What the next `Sync` asks.
    asked: Option<Trip>,
}

impl Line {
    fn hear(&mut self, bytes: &[u8]) -> Vec<Trip> {
        self.rest.extend_from_slice(bytes);
        let mut trips = Vec::new();
        // The first message of a connection has no kind.
        while let Some(length) = length_at(&self.rest, usize::from(self.started)) {
            let end = usize::from(self.started) + length;
            if self.rest.len() < end {
                break;
            }
            let message: Vec<u8> = self.rest.drain(..end).collect();
            if mem::replace(&mut self.started, true) {
                trips.extend(self.message(message[0], &message[5..]));
            }
        }
        trips
    }

    fn message(&mut self, kind: u8, body: &[u8]) -> Option<Trip> {
        match kind {
            b'P' => {
                let (name, rest) = text(body);
                let (sql, rest) = text(rest);
                let types = rest[2..].chunks_exact(4).filter_map(|oid| oid.try_into().ok());
                let types = types.map(u32::from_be_bytes).collect();
                self.statements.insert(name, sql.clone());
                self.asked = Some(Trip::Prepare(sql, types));
            }
            b'B' => {
                let (_, rest) = text(body);
                let (name, _) = text(rest);
                let sql = self.statements.get(&name).cloned().unwrap_or_default();
                // A statement that is prepared and executed at once is one round trip.
                self.asked = Some(Trip::Execute(sql));
            }
            b'Q' => return Some(Trip::Simple(text(body).0)),
            b'S' => return Some(self.asked.take().unwrap_or(Trip::Sync)),
            _ => {}
        }
        None
    }
}

fn length_at(bytes: &[u8], start: usize) -> Option<usize> {
    let length = bytes.get(start..start + 4)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(length)).ok()
}

fn text(bytes: &[u8]) -> (String, &[u8]) {
    let end = bytes.iter().position(|&byte| byte == 0).expect("a text of the protocol ends");
    (String::from_utf8_lossy(&bytes[..end]).into_owned(), &bytes[end + 1..])
}
