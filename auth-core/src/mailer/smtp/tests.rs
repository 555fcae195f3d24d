use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::mailer::sample;

#[tokio::test]
async fn only_encrypted_connections_leave_the_machine() {
    for url in [
        "smtps://mail.example.com",
        "smtps://user:pa%20ss@mail.example.com:4650",
        "smtp://user:password@mail.example.com?tls=required",
        "smtp://user:password@mail.example.com:2525?tls=required",
        "smtp://localhost:1025",
        "smtp://127.0.0.1",
        "smtp://[::1]:1025",
    ] {
        assert!(SmtpMailer::new(url, FROM).is_ok(), "{url}");
    }
    for url in [
        "",
        "mail.example.com:465",
        "http://mail.example.com",
        "smtp://mail.example.com",
        "smtp://localhost.example.com",
        "smtp://127.0.0.1.example.com",
        "smtp://user:s3cret@mail.example.com?tls=opportunistic",
        "smtp://user:s3cret@mail.example.com?tls=required&tls=opportunistic",
        "smtp://user:s3cret@mail.example.com?tls=none",
        "smtps://user:s3cret@mail.example.com?tls=none",
        "smtps://user@mail.example.com",
        "smtps://user:s3cret@mail.example.com/name",
        "smtps://:s3cret@mail.example.com",
        "smtps://user:s3cret@mail.example.com#x",
        "smtps://user:s3cret%ff@mail.example.com",
        "smtps://",
    ] {
        let error = SmtpMailer::new(url, FROM).expect_err(url);
        assert_eq!(error.key(), "smtp_url", "{url}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}

#[test]
fn a_mailer_outside_of_a_runtime_is_an_error_and_no_panic() {
    assert!(SmtpMailer::new("smtp://localhost", FROM).is_err());
}

#[tokio::test]
async fn a_sender_that_is_no_address_is_refused() {
    for from in [
        "",
        "Auth",
        "Auth <auth>",
        "Auth\r\nBcc: eve@example.com <a@example.com>",
        "A\0 <a@example.com>",
    ] {
        assert_eq!(SmtpMailer::new("smtp://localhost", from).expect_err(from).key(), "mail_from");
    }
}

#[tokio::test]
async fn a_mail_arrives_as_it_is() {
    let (url, dialogues) = sink(Script::default()).await;
    let mailer = SmtpMailer::new(&url, "Prüfung \"X\" <auth@example.com>").unwrap();
    mailer.send(sample()).await.unwrap();
    let mail = dialogues.take();
    let (envelope, data) = mail.split_once("DATA\r\n").unwrap();
    assert!(envelope.contains("MAIL FROM:<auth@example.com>"), "{envelope}");
    assert!(envelope.contains("RCPT TO:<bob@example.org>"), "{envelope}");
    let (head, body) = data.split_once("\r\n\r\n").unwrap();
    for header in [
        "To: bob@example.org\r\n",
        "Subject: Activate your account\r\n",
        "Message-ID: <00000000-0000-0000-0000-000000000007@example.com>\r\n",
        "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "Content-Type: multipart/alternative;",
    ] {
        assert!(head.contains(header), "{header}: {head}");
    }
    let (plain, html) = body.split_once("Content-Type: text/html; charset=utf-8").unwrap();
    assert!(plain.contains("Content-Type: text/plain; charset=utf-8"), "{plain}");
    assert!(plain.contains("Open https://example.com/#token=s3cret"), "{plain}");
    assert!(html.contains("<p>Open"), "{html}");
}

#[tokio::test]
async fn replies_decide_whether_to_try_again() {
    for (script, permanent) in [
        (Script { rcpt: "550 5.1.1 <bob@example.org>: no such user", ..Script::default() }, true),
        (Script { rcpt: "451 4.7.1 <bob@example.org>: greylisted", ..Script::default() }, false),
        (Script { end: "554 <bob@example.org> looks like spam", ..Script::default() }, true),
        (Script { end: "452 no space for bob@example.org", ..Script::default() }, false),
        (Script { end: "", ..Script::default() }, false),
        (Script { rcpt: "bob@example.org what?", ..Script::default() }, false),
    ] {
        let (url, _) = sink(script).await;
        let error = SmtpMailer::new(&url, FROM).unwrap().send(sample()).await.unwrap_err();
        assert_eq!(error.is_permanent(), permanent, "{script:?}: {error:?}");
        assert!(!format!("{error:?}").contains("bob"), "{error:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_temporary() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = SmtpMailer::new(&url, FROM).unwrap().send(sample()).await.unwrap_err();
    assert!(!error.is_permanent(), "{error:?}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_temporary() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", silent.local_addr().unwrap());
    let mailer = SmtpMailer { patience: Duration::ZERO, ..SmtpMailer::new(&url, FROM).unwrap() };
    assert!(!mailer.send(sample()).await.unwrap_err().is_permanent());
}

#[tokio::test]
async fn a_server_without_the_required_encryption_gets_no_mail() {
    let (url, dialogues) = sink(Script::default()).await;
    let mailer = SmtpMailer::new(&format!("{url}?tls=required"), FROM).unwrap();
    assert!(mailer.send(sample()).await.is_err());
    assert!(!dialogues.take().contains("MAIL FROM"), "sent in plain text");
}

#[tokio::test]
async fn no_text_ends_a_mail_or_starts_a_header() {
    for text in [
        "\r\n.\r\nMAIL FROM:<eve@example.com>\r\n",
        "\n.\nMAIL FROM:<eve@example.com>\n",
        "\r.\rMAIL FROM:<eve@example.com>\r",
        ".\r\n..\r\n...\r\n",
        &format!("{}\r\n.\r\n", "x".repeat(2_000)),
    ] {
        let (url, dialogues) = sink(Script::default()).await;
        let mailer = SmtpMailer::new(&url, FROM).unwrap();
        mailer.send(Email { text: text.to_owned(), ..sample() }).await.unwrap();
        let mail = dialogues.take();
        assert_eq!(mail.matches("MAIL FROM:<auth@example.com>").count(), 1, "{mail:?}");
        assert_eq!(mail.matches("\r\n.\r\n").count(), 1, "{mail:?}");
        assert!(mail.ends_with("\r\n.\r\n"), "{mail:?}");
    }
    let mailer = SmtpMailer::new("smtp://localhost", FROM).unwrap();
    for email in [
        Email { subject: "Hello\r\nBcc: eve@example.com".to_owned(), ..sample() },
        Email { message_id: "<1@example.com>\nBcc: eve@example.com".to_owned(), ..sample() },
        Email { to: "bob@example.org>\r\nRCPT TO:<eve@example.com".to_owned(), ..sample() },
        Email { to: "bob@example.org, eve@example.com".to_owned(), ..sample() },
        Email { to: "Bob <bob@example.org>".to_owned(), ..sample() },
    ] {
        assert!(mailer.send(email).await.unwrap_err().is_permanent());
    }
}

const FROM: &str = "Example <auth@example.com>";

/// What the sink replies at two places; nothing at all breaks the connection off.
#[derive(Clone, Copy, Debug)]
struct Script {
    rcpt: &'static str,
    end: &'static str,
}

impl Default for Script {
    fn default() -> Self {
        Self { rcpt: "250 OK", end: "250 OK" }
    }
}

/// Everything that clients said up to now.
#[derive(Clone, Default)]
struct Dialogues(Arc<Mutex<Vec<u8>>>);

impl Dialogues {
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

async fn sink(script: Script) -> (String, Dialogues) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let dialogues = Dialogues::default();
    let heard = dialogues.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, script, heard.clone()));
        }
    });
    (url, dialogues)
}

async fn answer(stream: TcpStream, script: Script, heard: Dialogues) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut in_data = false;
    let mut reply = "220 sink";
    loop {
        if reply.is_empty() {
            return Ok(());
        }
        stream.write_all(format!("{reply}\r\n").as_bytes()).await?;
        let mut line = Vec::new();
        loop {
            if stream.read_until(b'\n', &mut line).await? == 0 {
                return Ok(());
            }
            heard.0.lock().unwrap().extend_from_slice(&line);
            if !in_data || line == b".\r\n" {
                break;
            }
            line.clear();
        }
        reply = match &line.to_ascii_uppercase()[..] {
            b".\r\n" if in_data => {
                in_data = false;
                script.end
            }
            b"DATA\r\n" => {
                in_data = true;
                "354 go ahead"
            }
            line if line.starts_with(b"RCPT") => script.rcpt,
            _ => "250 OK",
        };
    }
}
