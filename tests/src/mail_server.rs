//! A mail server that keeps what it is sent, and refuses what it is told to.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// Speaks SMTP (RFC 5321) on a port of the loopback interface, for as long as the process lives.
///
/// A recipient whose address begins with `refused` or `later` is refused, for good or for now, in a
/// reply that repeats the address and the sender's words, as servers do.
pub(crate) struct MailServer {
    pub(crate) port: u16,
    received: Arc<Received>,
}

#[derive(Default)]
struct Received {
    mails: Mutex<Vec<(String, String)>>,
    changed: Condvar,
}

impl MailServer {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let received = Arc::new(Received::default());
        let shared = Arc::clone(&received);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let received = Arc::clone(&shared);
                // A client that breaks off ends its own dialogue.
                thread::spawn(move || received.converse(stream));
            }
        });
        Self { port, received }
    }

    /// Waits for a mail to `recipient`, takes it out and returns its text; one that was refused has
    /// none.
    ///
    /// # Panics
    ///
    /// If none comes within half a minute.
    #[track_caller]
    pub(crate) fn mail_to(&self, recipient: &str) -> String {
        let mails = self.received.mails.lock().expect("no panic while held");
        let missing =
            |mails: &mut Vec<(String, String)>| !mails.iter().any(|(to, _)| to == recipient);
        let waited = self.received.changed.wait_timeout_while(mails, PATIENCE, missing);
        let (mut mails, timeout) = waited.expect("no panic while held");
        assert!(!timeout.timed_out(), "no mail to {recipient}");
        let index = mails.iter().position(|(to, _)| to == recipient);
        mails.remove(index.expect("it was there")).1
    }

    /// Waits for a mail to `recipient` and returns the token in its link.
    #[track_caller]
    pub(crate) fn token_to(&self, recipient: &str) -> String {
        loop {
            // A notice is none of what is waited for.
            let mail = self.mail_to(recipient);
            if let Some((_, rest)) = mail.split_once("#token=") {
                let end = rest.find(|letter: char| {
                    !letter.is_ascii_alphanumeric() && letter != '_' && letter != '-'
                });
                return rest[..end.unwrap_or(rest.len())].to_owned();
            }
        }
    }
}

impl Received {
    fn converse(&self, stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut writer = stream;
        let mut say = |line: &str| writer.write_all(format!("{line}\r\n").as_bytes()).ok();
        say("220 mail.test")?;
        let mut recipient = String::new();
        let mut line = String::new();
        while reader.read_line(&mut line).ok()? > 0 {
            let command = line.trim_end().to_owned();
            line.clear();
            match command.split([' ', ':']).next()?.to_ascii_uppercase().as_str() {
                "EHLO" => say("250-mail.test\r\n250-8BITMIME\r\n250 AUTH PLAIN")?,
                "AUTH" => say("235 welcome")?,
                "RCPT" => {
                    recipient = command.split(['<', '>']).nth(1)?.to_owned();
                    let code = match recipient.split_once('@')?.0 {
                        name if name.starts_with("refused") => "550",
                        name if name.starts_with("later") => "451",
                        _ => "250",
                    };
                    say(&format!("{code} <{recipient}>: {command}"))?;
                    if code != "250" {
                        self.keep(&recipient, "");
                    }
                }
                "DATA" => {
                    say("354 go on")?;
                    let mut text = String::new();
                    while !text.ends_with("\r\n.\r\n") {
                        if reader.read_line(&mut text).ok()? == 0 {
                            return None;
                        }
                    }
                    // Quoted-printable (RFC 2045 §6.7), as far as a link needs it.
                    self.keep(&recipient, &text.replace("=\r\n", "").replace("=3D", "="));
                    say("250 kept")?;
                }
                "QUIT" => return say("221 bye"),
                _ => say("250 ok")?,
            }
        }
        None
    }

    fn keep(&self, recipient: &str, text: &str) {
        let mut mails = self.mails.lock().expect("no panic while held");
        mails.push((recipient.to_owned(), text.to_owned()));
        self.changed.notify_all();
    }
}

/// More than a busy machine needs.
const PATIENCE: Duration = Duration::from_secs(30);
