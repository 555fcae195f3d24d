//! The outbox over Redis: the database is the truth, and Redis hands it out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use auth_core::{Auth, Email, Mailer, MailerError};

use super::counting::rows;
use super::outbox::{Answer, Postman, enqueue_all, recipient};
use crate::adapters::block_on;
use crate::namespace::Namespace;
use crate::{App, StoreKind};

pub(super) fn couriers_deliver_each_message_once(apps: &[App]) {
    let (app, namespace) = (&apps[0], Namespace::fresh());
    let bag = Bag::default();
    let [one, other] = [0, 1].map(|_| relaying(app, &namespace, bag.clone()));
    enqueue_all(app, 0..MANY, "welcome");
    deliver(&[&one.auth, &other.auth, &one.auth, &other.auth]);
    assert_eq!(bag.deliveries(), each(MANY, 1));
    assert_eq!(rows(app, "auth_messages WHERE sent_at IS NULL OR attempts <> 1"), 0);
    // A Redis that a busy machine keeps waiting is done without for a batch.
    assert!(rows(app, "auth_messages WHERE relayed_at IS NOT NULL") > 200);
    assert_nothing_is_left(&one, &namespace, 16);
}

pub(super) fn what_is_flushed_in_the_middle_is_not_lost(apps: &[App]) {
    let (app, namespace) = (&apps[0], Namespace::fresh());
    let bag = Bag::default();
    let [one, other] = [0, 1].map(|_| {
        let (bag, namespace) = (bag.clone(), namespace.clone());
        relaying(app, &namespace.clone(), Flushing { bag, namespace })
    });
    enqueue_all(app, 0..MANY, "welcome");
    deliver(&[&one.auth, &other.auth]);
    // What one has relayed while the other found it lost.
    deliver(&[&one.auth]);
    assert_eq!(bag.deliveries(), each(MANY, 1));
    assert_nothing_is_left(&one, &namespace, 16);
}

pub(super) fn without_redis_the_database_hands_out(apps: &[App]) {
    let app = &apps[0];
    let bag = Bag::default();
    let alone = app
        .beside(App::config(), |builder| builder.redis(Namespace::nobodys()).mailer(bag.clone()));
    enqueue_all(app, 0..20, "welcome");
    deliver(&[&alone.auth, &alone.auth]);
    assert_eq!(bag.deliveries(), each(20, 1));
}

pub(super) fn what_is_in_the_way_of_the_stream_is_in_nobodys_way(apps: &[App]) {
    let (app, namespace) = (&apps[0], Namespace::fresh());
    let bag = Bag::default();
    let relaying = relaying(app, &namespace, bag.clone());
    enqueue_all(app, 0..1, "welcome");
    deliver(&[&relaying.auth]);
    let stream = namespace.key(":outbox");
    // Ids of nobody's, of a message that was sent, and none.
    for id in ["00000000000000000000000000000fff", "00000000000000000000000000000000", "x", ""] {
        let _: String = namespace.run(&["XADD", &stream, "*", "id", id]);
    }
    let _: String = namespace.run(&["XADD", &stream, "*", "recipient", "eve@example.com"]);
    enqueue_all(app, 1..3, "welcome");
    deliver(&[&relaying.auth]);
    assert_eq!(bag.deliveries(), each(3, 1));
    assert_nothing_is_left(&relaying, &namespace, 0);

    let fill = "for i = 1, 1100 do redis.call('XADD', KEYS[1], '*', 'id', 'x') end";
    namespace.run::<()>(&["EVAL", fill, "1", &stream]);
    let hold = ["XREADGROUP", "GROUP", "couriers", "eve", "COUNT", "1100", "STREAMS", &stream, ">"];
    namespace.run::<redis::Value>(&hold);
    enqueue_all(app, 3..5, "welcome");
    deliver(&[&relaying.auth]);
    assert_eq!(bag.deliveries(), each(5, 1));

    let _: String = namespace.run(&["SET", &stream, "no stream"]);
    enqueue_all(app, 5..7, "welcome");
    deliver(&[&relaying.auth]);
    assert_eq!(bag.deliveries(), each(7, 1));
}

pub(super) fn what_a_consumer_died_with_another_delivers(apps: &[App]) {
    let (app, namespace) = (&apps[0], Namespace::fresh());
    let (postman, sent) = Postman::new();
    let bag = Bag::default();
    let dying = relaying(app, &namespace, postman.clone());
    let other = relaying(app, &namespace, bag.clone());
    postman.answers(Answer::Never);
    enqueue_all(app, 0..1, "welcome");
    block_on(async {
        let auth = dying.auth.clone();
        let courier = tokio::spawn(async move { auth.deliver().await });
        sent.recv_timeout(PATIENCE).expect("the courier sends");
        courier.abort();
        assert!(courier.await.is_err_and(|error| error.is_cancelled()));
    });
    deliver(&[&other.auth]);
    app.clock.advance(LEASE - Duration::from_secs(1));
    deliver(&[&other.auth]);
    assert_eq!(bag.deliveries(), each(0, 1));
    app.clock.advance(Duration::from_secs(1));
    deliver(&[&other.auth]);
    assert_eq!(bag.deliveries(), each(1, 1));

    // The entry that it had is taken over once it is old enough, and found to have served.
    assert_nothing_is_left(&other, &namespace, 1);
    assert_eq!(bag.deliveries(), each(1, 1));
}

pub(super) fn a_mail_that_fails_is_relayed_again_when_it_is_due(apps: &[App]) {
    let (app, namespace) = (&apps[0], Namespace::fresh());
    let (postman, sent) = Postman::new();
    let relaying = relaying(app, &namespace, postman.clone());
    postman.answers(Answer::Temporary);
    enqueue_all(app, 0..1, "welcome");
    for wait in [7, 8, 30, 30] {
        deliver(&[&relaying.auth]);
        deliver(&[&relaying.auth]);
        app.clock.advance(Duration::from_secs(wait));
    }
    // At once, after at most 15 s, and after at most 60 s more.
    assert_eq!(sent.try_iter().count(), 2);
    postman.answers(Answer::Taken);
    deliver(&[&relaying.auth]);
    assert_eq!(sent.try_iter().count(), 1);
    assert_nothing_is_left(&relaying, &namespace, 0);
}

pub(super) fn redis_sees_ids_alone_and_nothing_that_stays(apps: &[App]) {
    let (app, namespace) = (&apps[0], Namespace::fresh());
    let witness = Witness { seen: Arc::default(), namespace: namespace.clone() };
    let relaying = relaying(app, &namespace, witness.clone());
    relaying.sign_up(&relaying.stranger());
    deliver(&[&relaying.auth]);
    let seen = witness.seen.lock().expect("no panic while held").clone();
    let [(mail, entries)] = &seen[..] else { panic!("not one mail: {seen:?}") };
    let id = mail.id.to_string().replace('-', "");
    assert_eq!(entries.iter().map(|(_, fields)| &fields[..]).collect::<Vec<_>>(), [["id", &id]]);
    assert!(mail.link.is_some());
    for key in namespace.keys() {
        let left: i64 = namespace.run(&["TTL", &key]);
        assert!((1..=24 * 60 * 60).contains(&left), "{key}: {left}");
    }
    assert_nothing_is_left(&relaying, &namespace, 0);
}

/// SQLite tells other processes of nothing; Redis does.
pub(super) fn a_commit_elsewhere_wakes_a_courier(apps: &[App]) {
    let (app, namespace) = (&apps[0], Namespace::fresh());
    if app.kind == StoreKind::Postgres {
        return;
    }
    let (postman, sent) = Postman::new();
    let server = relaying(app, &namespace, Bag::default());
    let worker = relaying(app, &namespace, postman);
    let background = block_on(async { worker.auth.start() });
    let mut prompt = 0;
    // The first ones may fall into the moments before the courier listens.
    for _ in 0..8 {
        server.sign_up(&server.stranger());
        let begun = Instant::now();
        sent.recv_timeout(PATIENCE).expect("the mail arrives in any case");
        prompt += usize::from(begun.elapsed() < Duration::from_millis(250));
    }
    block_on(background.stop());
    // Looking every second finds so many with a chance of one in two hundred.
    assert!(prompt >= 6, "{prompt} of 8");
}

/// An instance on the same database that has a Redis, and a mailer of its own.
fn relaying(app: &App, namespace: &Namespace, mailer: impl Mailer) -> App {
    app.beside(App::config(), |builder| builder.redis(namespace.redis()).mailer(mailer))
}

/// Has all of them deliver at once until nothing is due.
#[track_caller]
fn deliver(couriers: &[&Auth]) {
    block_on(async {
        let couriers: Vec<_> = couriers
            .iter()
            .map(|auth| {
                let auth = Auth::clone(auth);
                tokio::spawn(async move { auth.deliver().await })
            })
            .collect();
        for courier in couriers {
            courier.await.expect("no panic").expect("the outbox can be read");
        }
    });
}

/// Asserts that the stream ends, and that neither it nor a consumer has an entry once those are taken
/// over that somebody has died with, of which there are so many at most.
#[track_caller]
fn assert_nothing_is_left(app: &App, namespace: &Namespace, dead: usize) {
    deliver(&[&app.auth]);
    let stream = namespace.key(":outbox");
    let entries: Vec<Entry> = namespace.run(&["XRANGE", &stream, "-", "+"]);
    assert!(entries.len() <= dead, "{entries:?}");
    for (entry, _) in &entries {
        let take = ["XCLAIM", &stream, "couriers", "dead", "0", entry, "IDLE", "600000", "JUSTID"];
        let _: Vec<String> = namespace.run(&take);
    }
    deliver(&[&app.auth]);
    assert_eq!(namespace.run::<i64>(&["XLEN", &stream]), 0);
    let consumers: Vec<BTreeMap<String, redis::Value>> =
        namespace.run(&["XINFO", "CONSUMERS", &stream, "couriers"]);
    for consumer in &consumers {
        assert_eq!(consumer["pending"], redis::Value::Int(0), "{consumers:?}");
    }
    assert!(namespace.run::<i64>(&["TTL", &stream]) > 0);
}

/// How often each of so many messages was delivered.
fn each(messages: u32, times: usize) -> BTreeMap<String, usize> {
    (0..messages).map(|number| (recipient(number), times)).collect()
}

/// A mailer that keeps who got how many mails.
#[derive(Clone, Default)]
struct Bag(Arc<Mutex<BTreeMap<String, usize>>>);

impl Bag {
    fn deliveries(&self) -> BTreeMap<String, usize> {
        self.0.lock().expect("no panic while held").clone()
    }
}

#[async_trait]
impl Mailer for Bag {
    async fn send(&self, email: Email) -> Result<(), MailerError> {
        *self.0.lock().expect("no panic while held").entry(email.to).or_default() += 1;
        Ok(())
    }
}

/// A mailer that loses everything in Redis now and then.
struct Flushing {
    bag: Bag,
    namespace: Namespace,
}

#[async_trait]
impl Mailer for Flushing {
    async fn send(&self, email: Email) -> Result<(), MailerError> {
        self.bag.send(email).await?;
        if self.bag.deliveries().len() % 50 == 20 {
            self.namespace.flush();
        }
        Ok(())
    }
}

/// A mailer that sees what is in the stream while it sends.
#[derive(Clone)]
struct Witness {
    seen: Arc<Mutex<Vec<Sending>>>,
    namespace: Namespace,
}

/// A mail, and what was in the stream then.
type Sending = (Email, Vec<Entry>);

/// An entry, and its fields with their values.
type Entry = (String, Vec<String>);

#[async_trait]
impl Mailer for Witness {
    async fn send(&self, email: Email) -> Result<(), MailerError> {
        let stream = self.namespace.key(":outbox");
        let entries = self.namespace.run(&["XRANGE", &stream, "-", "+"]);
        self.seen.lock().expect("no panic while held").push((email, entries));
        Ok(())
    }
}

const MANY: u32 = 240;
const LEASE: Duration = Duration::from_secs(5 * 60);
/// Longer than anything healthy takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
