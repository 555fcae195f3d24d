//! The outbox and the couriers that empty it.

use std::ops::Range;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use auth_core::{
    Actor, Email, Error, EventKind, EventQuery, Language, Mailer, MailerError, MessageQuery,
    MessageState, Retry,
};
use serde_json::json;

use super::counting::rows;
use crate::adapters::block_on;
use crate::{App, StoreKind};

pub(super) fn couriers_deliver_each_message_once(apps: &[App]) {
    let app = &apps[0];
    let other = app.beside(App::config(), |builder| builder);
    for number in 0..50 {
        enqueue(app, number, "welcome");
    }
    block_on(async {
        let couriers: Vec<_> = [app, &other, app, &other, app, &other]
            .into_iter()
            .map(|app| {
                let auth = app.auth.clone();
                tokio::spawn(async move { auth.deliver().await })
            })
            .collect();
        for courier in couriers {
            courier.await.expect("no panic").expect("the outbox can be read");
        }
    });
    let mut recipients: Vec<String> = app.mails().into_iter().map(|mail| mail.to).collect();
    recipients.sort();
    let expected: Vec<String> = (0..50).map(recipient).collect();
    assert_eq!(recipients, expected);
    assert_eq!(rows(app, "auth_messages WHERE sent_at IS NULL OR attempts <> 1"), 0);
}

pub(super) fn what_a_courier_died_with_comes_again_when_its_lease_ends(apps: &[App]) {
    let app = &apps[0];
    let (postman, sent) = Postman::new();
    let dying = app.beside(App::config(), |builder| builder.mailer(postman.clone()));
    postman.answers(Answer::Never);
    app.sign_up(&app.stranger());
    let first = block_on(async {
        let auth = dying.auth.clone();
        let courier = tokio::spawn(async move { auth.deliver().await });
        let first = sent.recv_timeout(PATIENCE).expect("the courier sends");
        courier.abort();
        assert!(courier.await.is_err_and(|error| error.is_cancelled()));
        first
    });

    assert_eq!(app.mails().len(), 0);
    app.clock.advance(Duration::from_secs(5 * 60 - 1));
    assert_eq!(app.mails().len(), 0);
    app.clock.advance(Duration::from_secs(1));
    let again = app.mails();
    assert_eq!(again.len(), 1);
    assert_eq!((&again[0].message_id, again[0].id), (&first.message_id, first.id));
    assert_eq!(again[0].link, first.link);
    app.clock.advance(HOUR);
    assert_eq!(app.mails().len(), 0);
}

pub(super) fn a_mail_that_fails_is_tried_eight_times_ever_more_rarely(apps: &[App]) {
    let app = &apps[0];
    let (postman, sent) = Postman::new();
    let failing = app.beside(App::config(), |builder| builder.mailer(postman.clone()));
    postman.answers(Answer::Temporary);
    app.sign_up(&app.stranger());
    let attempts = || {
        block_on(failing.auth.deliver()).expect("the outbox can be read");
        sent.try_iter().count()
    };
    assert_eq!(attempts(), 1);
    for attempt in 1..8 {
        // Half of the delay is certain, the other half is left to chance.
        let full = Duration::from_secs(15 * 4_u64.pow(attempt - 1)).min(HOUR);
        app.clock.advance(full / 2 - Duration::from_millis(1));
        assert_eq!(attempts(), 0, "too soon after attempt {attempt}");
        assert_eq!(rows(app, "auth_messages WHERE token IS NOT NULL AND failed_at IS NULL"), 1);
        app.clock.advance(full / 2 + Duration::from_millis(1));
        assert_eq!(attempts(), 1, "after attempt {attempt}");
    }
    assert_dead_letter(app);
    app.clock.advance(2 * HOUR);
    assert_eq!(attempts(), 0);
}

pub(super) fn a_mail_that_is_refused_for_good_is_not_tried_again(apps: &[App]) {
    let app = &apps[0];
    let (postman, sent) = Postman::new();
    let refused = app.beside(App::config(), |builder| builder.mailer(postman.clone()));
    postman.answers(Answer::Permanent);
    app.sign_up(&app.stranger());
    block_on(refused.auth.deliver()).expect("the outbox can be read");
    assert_eq!(sent.try_iter().count(), 1);
    assert_dead_letter(app);
    assert_eq!(app.texts("SELECT failure FROM auth_messages"), [Some(REFUSAL.to_owned())]);

    postman.answers(Answer::Taken);
    app.clock.advance(12 * HOUR);
    block_on(refused.auth.deliver()).expect("the outbox can be read");
    assert_eq!(sent.try_iter().count(), 0);
}

pub(super) fn a_message_that_cannot_be_read_does_not_block_the_others(apps: &[App]) {
    let app = &apps[0];
    enqueue(app, 0, "nonsense");
    enqueue(app, 1, "welcome");
    enqueue(app, 2, "activation");
    let broken = match app.kind {
        StoreKind::Postgres => r"'\x00'",
        StoreKind::Sqlite => "X'00'",
    };
    let recipient_2 = recipient(2);
    app.execute(&format!(
        "UPDATE auth_messages SET token = {broken} WHERE recipient = '{recipient_2}'"
    ));
    enqueue(app, 3, "welcome");

    let mut recipients: Vec<String> = app.mails().into_iter().map(|mail| mail.to).collect();
    recipients.sort();
    assert_eq!(recipients, [recipient(1), recipient(3)]);
    assert_eq!(rows(app, "auth_messages WHERE failed_at IS NOT NULL AND failure <> ''"), 2);
    assert_eq!(rows(app, "auth_messages WHERE token IS NOT NULL"), 0);
    app.clock.advance(HOUR);
    assert_eq!(app.mails().len(), 0);
}

pub(super) fn a_mail_is_in_the_language_of_its_message_or_the_default_one(apps: &[App]) {
    let app = &apps[0];
    let config = App::config().default_language(Language::French);
    let french = app.beside(config, |builder| builder);
    for (number, language) in ["NULL", "'de'", "'zh'", "'tlh'"].into_iter().enumerate() {
        let number = number as u32;
        enqueue(app, number, "welcome");
        let recipient = recipient(number);
        app.execute(&format!(
            "UPDATE auth_messages SET language = {language} WHERE recipient = '{recipient}'"
        ));
    }
    let mut mails = french.mails();
    mails.sort_by(|one, other| one.to.cmp(&other.to));
    let subjects: Vec<_> = mails.iter().map(|mail| mail.subject.as_str()).collect();
    let french = "Bienvenue sur Auth";
    assert_eq!(subjects, [french, "Willkommen bei Auth", "欢迎使用 Auth", french]);
}

pub(super) fn a_mail_whose_link_has_expired_is_dropped(apps: &[App]) {
    let app = &apps[0];
    let person = app.user();
    app.post("/request-password-reset", json!({ "email": person.email }));
    app.clock.advance(Duration::from_secs(30 * 60));
    assert_eq!(app.mails().len(), 0);
    assert_eq!(rows(app, "auth_messages WHERE failed_at IS NOT NULL"), 1);
    assert_eq!(rows(app, "auth_messages WHERE token IS NOT NULL"), 0);

    // A second earlier it is still worth sending.
    app.post("/request-password-reset", json!({ "email": person.email }));
    app.clock.advance(Duration::from_secs(30 * 60 - 1));
    assert_eq!(app.mails().len(), 1);
}

pub(super) fn a_token_is_erased_once_its_mail_is_sent(apps: &[App]) {
    let app = &apps[0];
    app.sign_up(&app.stranger());
    assert_eq!(rows(app, "auth_messages WHERE token IS NOT NULL"), 1);
    assert_eq!(app.mails().len(), 1);
    assert_eq!(rows(app, "auth_messages WHERE sent_at IS NOT NULL AND token IS NULL"), 1);
}

pub(super) fn dead_letters_are_tried_again_unless_their_link_is_lost(apps: &[App]) {
    let app = &apps[0];
    let (postman, _sent) = Postman::new();
    let failing = app.beside(App::config(), |builder| builder.mailer(postman.clone()));
    postman.answers(Answer::Permanent);
    app.sign_up(&app.stranger());
    enqueue(app, 1, "welcome");
    enqueue(app, 2, "password_changed");
    block_on(async {
        failing.auth.deliver().await.expect("the outbox can be read");
        let operator = app.auth.operator("ada");
        let dead = MessageQuery::new().state(MessageState::Failed);
        let messages = app.auth.messages(&dead).await.expect("the database answers");
        // The latest first: what the case queued has ids that are older than any.
        let kinds: Vec<_> = messages.iter().map(|message| message.kind.as_str()).collect();
        assert_eq!(kinds, ["activation", "password_changed", "welcome"]);
        assert_eq!(messages[2].failure.as_deref(), Some(REFUSAL));
        assert_eq!([messages[0].has_link, messages[2].has_link], [true, false]);
        let page = app.auth.messages(&dead.clone().before(messages[0].id).limit(1)).await;
        assert_eq!(page.expect("the database answers"), messages[1..2]);

        let retry = async |id| operator.retry_message(id).await.expect("the message is there");
        assert_eq!(retry(messages[0].id).await, Retry::LinkLost);
        assert_eq!(retry(messages[1].id).await, Retry::Queued);
        assert_eq!(retry(messages[1].id).await, Retry::NotFailed);
        let unknown = "00000000-0000-0000-0000-000000000000".parse().expect("it is an id");
        assert!(matches!(operator.retry_message(unknown).await, Err(Error::NotFound)));
        assert_eq!(operator.retry_messages().await.expect("the database answers"), 1);
        assert_eq!(operator.retry_messages().await.expect("the database answers"), 0);

        let query = EventQuery::new().kind(EventKind::MessageRetried);
        let events = app.auth.events(&query).await.expect("the database answers");
        assert_eq!(events.len(), 2, "{events:?}");
        assert!(events.iter().all(|event| event.actor == Actor::Operator("ada".to_owned())));
        let left = app.auth.messages(&dead).await.expect("the database answers");
        assert_eq!(left.len(), 1);
    });
    assert_eq!(app.mails().len(), 2);
}

/// Only Postgres tells other processes of a commit.
///
/// After a mail, a courier that nobody wakes looks again a second later at the earliest: most of the
/// mails that are queued right after the one before arrive sooner, or there was no wake-up.
pub(super) fn a_commit_elsewhere_wakes_a_courier(apps: &[App]) {
    let app = &apps[0];
    if app.kind == StoreKind::Sqlite {
        return;
    }
    let (postman, sent) = Postman::new();
    let waiting = app.beside(App::config(), |builder| builder.mailer(postman));
    let background = block_on(async { waiting.auth.start() });
    let mut prompt = 0;
    // The first ones may fall into the moments before the courier listens.
    for number in 0..8 {
        let begun = Instant::now();
        enqueue(app, number, "welcome");
        let mail = sent.recv_timeout(PATIENCE).expect("the mail arrives in any case");
        assert_eq!(mail.to, recipient(number));
        prompt += usize::from(begun.elapsed() < Duration::from_millis(900));
    }
    block_on(background.stop());
    assert!(prompt >= 4, "{prompt} of 8");
}

/// A mailer that tells of each mail, and answers as it is told to.
#[derive(Clone)]
pub(super) struct Postman {
    sent: Sender<Email>,
    answer: Arc<Mutex<Answer>>,
}

#[derive(Clone, Copy)]
pub(super) enum Answer {
    Never,
    Permanent,
    Taken,
    Temporary,
}

impl Postman {
    pub(super) fn new() -> (Self, Receiver<Email>) {
        let (sent, received) = channel();
        (Self { sent, answer: Arc::new(Mutex::new(Answer::Taken)) }, received)
    }

    pub(super) fn answers(&self, answer: Answer) {
        *self.answer.lock().expect("no panic while held") = answer;
    }
}

#[async_trait]
impl Mailer for Postman {
    async fn send(&self, email: Email) -> Result<(), MailerError> {
        let answer = *self.answer.lock().expect("no panic while held");
        self.sent.send(email).expect("the case listens");
        match answer {
            Answer::Never => std::future::pending().await,
            Answer::Permanent => Err(MailerError::permanent("no such mailbox")),
            Answer::Taken => Ok(()),
            Answer::Temporary => Err(MailerError::temporary("the mailbox is busy")),
        }
    }
}

/// Asserts that the only message is given up, and keeps nothing that is worth stealing.
#[track_caller]
fn assert_dead_letter(app: &App) {
    let dead = "auth_messages WHERE failed_at IS NOT NULL AND sent_at IS NULL AND token IS NULL";
    assert_eq!((rows(app, dead), rows(app, "auth_messages")), (1, 1));
}

/// Queues a message without a token behind the server's back, due now.
fn enqueue(app: &App, number: u32, kind: &str) {
    enqueue_all(app, number..number + 1, kind);
}

/// The same for many.
pub(super) fn enqueue_all(app: &App, numbers: Range<u32>, kind: &str) {
    use auth_core::Clock;

    let now = app.clock.now().secs();
    let rows: Vec<_> = numbers
        .map(|number| {
            let (id, now) = match app.kind {
                StoreKind::Postgres => {
                    (format!("'{number:032x}'::uuid"), format!("to_timestamp({now})"))
                }
                StoreKind::Sqlite => (format!("X'{number:032x}'"), format!("{now} * 1000000")),
            };
            let recipient = recipient(number);
            format!("({id}, '{kind}', '{recipient}', 0, {now}, {now})")
        })
        .collect();
    app.execute(&format!(
        "INSERT INTO auth_messages (id, kind, recipient, attempts, created_at, due_at) VALUES {}",
        rows.join(", ")
    ));
}

pub(super) fn recipient(number: u32) -> String {
    format!("recipient{number:02}@example.com")
}

const REFUSAL: &str = "the e-mail was refused for good: no such mailbox";
/// Longer than anything healthy takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(60 * 60);
