//! A mail server that keeps what it takes, and fails as it is told.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

/// How it treats mails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Manner {
    Accept,
    /// Takes a mail, and replies a tenth of a second later.
    AcceptSlowly,
    /// Replies 451 to each recipient.
    Defer,
    /// Takes a mail, and closes the connection instead of a reply.
    DropAfterData,
    /// Replies 550 to each recipient.
    Reject,
    /// Does not reply at all.
    Stall,
}

/// One arrival of a mail.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Arrival {
    pub(crate) recipient: String,
    /// Where its link leads, such as `activate-account`, and the token in it.
    pub(crate) link: Option<(String, String)>,
}

/// Listens until the process ends.
#[derive(Clone)]
pub(crate) struct SmtpSink {
    port: u16,
    state: Arc<(Mutex<State>, Condvar)>,
}

struct State {
    manner: Manner,
    /// By Message-ID, each arrival of the same mail.
    mails: BTreeMap<String, Vec<Arrival>>,
}

impl SmtpSink {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let state = State { manner: Manner::Accept, mails: BTreeMap::new() };
        let sink = Self { port, state: Arc::new((Mutex::new(state), Condvar::new())) };
        let served = sink.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let sink = served.clone();
                // A client that goes away ends its dialogue, and nothing else.
                thread::spawn(move || sink.talk(&stream));
            }
        });
        sink
    }

    /// Where couriers find it.
    pub(crate) fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// Behaves so from now on; who waits for a reply loses the connection.
    pub(crate) fn behave(&self, manner: Manner) {
        self.state().manner = manner;
        self.state.1.notify_all();
    }

    /// Waits for a mail to `recipient` with a link to `page`, and returns the token of the newest.
    pub(crate) fn token(&self, recipient: &str, page: &str, patience: Duration) -> Option<String> {
        let start = Instant::now();
        let mut state = self.state();
        loop {
            let arrived = state.mails.values().flatten().filter(|mail| mail.recipient == recipient);
            let links = arrived.filter_map(|mail| mail.link.as_ref());
            // The ids of messages are in the order in which they were written.
            if let Some((_, token)) = links.rev().find(|(to, _)| to == page) {
                return Some(token.clone());
            }
            let rest = patience.checked_sub(start.elapsed())?;
            state = self.state.1.wait_timeout(state, rest).expect("no panic while held").0;
        }
    }

    /// Returns what has arrived, by Message-ID.
    pub(crate) fn mails(&self) -> BTreeMap<String, Vec<Arrival>> {
        self.state().mails.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.0.lock().expect("no panic while held")
    }

    fn talk(&self, mut stream: &TcpStream) -> io::Result<()> {
        let mut lines = BufReader::new(stream);
        let (mut line, mut recipient) = (String::new(), String::new());
        let mut reply = "220 sink";
        while self.lets_reply() {
            stream.write_all(format!("{reply}\r\n").as_bytes())?;
            line.clear();
            if lines.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
            let manner = self.state().manner;
            reply = match (&*verb, manner) {
                ("RCPT", Manner::Defer) => "451 4.7.1 later",
                ("RCPT", Manner::Reject) => "550 5.1.1 nobody",
                ("RCPT", _) => {
                    recipient = between(&line, "<", ">").unwrap_or_default().to_owned();
                    "250 OK"
                }
                ("DATA", _) => {
                    stream.write_all(b"354 go ahead\r\n")?;
                    let data = data(&mut lines)?;
                    if !self.lets_reply() {
                        return Ok(());
                    }
                    match self.keep(&recipient, &data) {
                        Manner::DropAfterData => return Ok(()),
                        Manner::AcceptSlowly => thread::sleep(SLOWNESS),
                        _ => {}
                    }
                    "250 OK"
                }
                _ => "250 OK",
            };
        }
        Ok(())
    }

    /// Waits for as long as nobody is replied to; false if the connection is over after that.
    fn lets_reply(&self) -> bool {
        let mut state = self.state();
        let stalled = state.manner == Manner::Stall;
        while state.manner == Manner::Stall {
            state = self.state.1.wait(state).expect("no panic while held");
        }
        !stalled
    }

    fn keep(&self, recipient: &str, data: &str) -> Manner {
        // Quoted-printable (RFC 2045 §6.7), as far as a link has any of it.
        let text = data.replace("=\r\n", "").replace("=3D", "=");
        let id = between(&text, "Message-ID: <", ">").expect("a mail has a Message-ID");
        let link = between(&text, LINK, "\r").and_then(|rest| {
            let (page, token) = rest.split_once("#token=")?;
            Some((page.to_owned(), token.trim_end().to_owned()))
        });
        let mut state = self.state();
        let arrival = Arrival { recipient: recipient.to_owned(), link };
        state.mails.entry(id.to_owned()).or_default().push(arrival);
        self.state.1.notify_all();
        state.manner
    }
}

/// Reads a mail up to the dot that ends it.
fn data(lines: &mut impl BufRead) -> io::Result<String> {
    let mut data = String::new();
    while !data.ends_with("\r\n.\r\n") {
        if lines.read_line(&mut data)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(data)
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    Some(text.split_once(start)?.1.split_once(end)?.0)
}

const LINK: &str = "https://auth.example.com/api/auth/";
const SLOWNESS: Duration = Duration::from_millis(100);
