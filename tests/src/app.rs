//! A served application, and what a case may do to it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use auth_core::{Auth, Builder, Config, Mailbox, ManualClock, MasterSecret, Store, Timestamp};
use serde_json::Value;

use crate::adapters::{Port, Served, block_on};
use crate::client::{abandon, exchange, race};
use crate::databases::Database;
use crate::wiretap::Wiretap;
use crate::{Adapter, Reply, Request, StoreKind, coverage};

/// Where the host mounts the endpoints.
pub const MOUNT: &str = "/api/auth";

/// A host with `Auth` mounted under [`MOUNT`], on a socket, with a clock and a database of its own.
///
/// Beside the endpoints it has routes of its own, for the extractors: `/private` (to a `POST` too),
/// `/identity`, `/maybe`, `/recent`, `/editors` and `/editors/maybe` answer with the user's address
/// (`/identity`: the user's id, those that end in `maybe`: `nobody` to a stranger).
#[must_use]
pub struct App {
    /// Stands still until a case moves it.
    pub clock: ManualClock,
    /// The very object that is mounted.
    pub auth: Auth,
    /// The framework that serves it.
    pub adapter: Adapter,
    /// The engine that it stores on.
    pub kind: StoreKind,
    // In this order: the server ends before its database does.
    served: Served,
    world: Arc<World>,
}

/// What instances on the same database share.
struct World {
    database: Database,
    mailbox: Mailbox,
    /// How many mails of the mailbox a case has seen.
    seen: AtomicUsize,
    /// How many people there are.
    people: AtomicU32,
}

impl World {
    fn of(database: Database) -> Self {
        let (seen, people) = (AtomicUsize::new(0), AtomicU32::new(0));
        Self { database, mailbox: Mailbox::new(), seen, people }
    }
}

/// A mail as its recipient reads it.
pub type Mail = auth_core::Email;

impl App {
    /// Serves a fresh host.
    pub fn start(adapter: Adapter, kind: StoreKind) -> Self {
        Self::start_with(adapter, kind, |_| Self::config())
    }

    /// Serves a fresh host whose public URL is where it listens, for a browser: mailed links lead
    /// there, and what comes from its pages comes from its own origin.
    pub fn start_for_browser(adapter: Adapter, kind: StoreKind) -> Self {
        Self::start_with(adapter, kind, |port| Self::config_at(&origin(port)))
    }

    /// Serves a fresh host, configured in knowledge of the port that it listens on.
    pub fn start_with(
        adapter: Adapter,
        kind: StoreKind,
        config: impl FnOnce(u16) -> Config,
    ) -> Self {
        let database = block_on(Database::fresh(kind));
        Self::serve_in(World::of(database), adapter, kind, config)
    }

    /// Serves a fresh host on Postgres, of which everything is heard that it and those
    /// [beside](Self::beside) it ask.
    pub(crate) fn start_tapped(adapter: Adapter) -> (Self, Wiretap) {
        let mut database = block_on(Database::fresh(StoreKind::Postgres));
        let tap = Wiretap::on(database.service_url());
        database.lead_over(&tap);
        let world = World::of(database);
        (Self::serve_in(world, adapter, StoreKind::Postgres, |_| Self::config()), tap)
    }

    /// Serves a second instance beside this one, on the same database, clock and mailbox.
    pub fn beside(&self, config: Config, parts: impl FnOnce(Builder) -> Builder) -> Self {
        let world = Arc::clone(&self.world);
        Self::serve(self.adapter, self.kind, self.clock.clone(), world, |_| config, parts)
    }

    /// The same with a store that the case has opened, on the same database.
    pub(crate) fn beside_on(
        &self,
        store: Store,
        config: Config,
        parts: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        let world = Arc::clone(&self.world);
        Self::serve_on(store, self.adapter, self.kind, self.clock.clone(), world, |_| config, parts)
    }

    /// Returns the configuration of [`Self::start`]: every default, but for the time that answers
    /// are rounded up to, of which cases have no use, for how long they may take, and for the limits of a client network: all
    /// cases come from one.
    pub fn config() -> Config {
        Self::config_at("http://127.0.0.1:8000")
    }

    fn config_at(public_url: &str) -> Config {
        Config::new(public_url)
            .expect("a loopback address is fit for development")
            .uniform_time(Duration::from_millis(1))
            // A machine that runs many cases at once is slow, and not out of order.
            .request_timeout(Duration::from_secs(20))
            .sign_ins(u32::MAX)
            .sign_ups(u32::MAX)
            .mail_requests(u32::MAX)
    }

    fn serve_in(
        world: World,
        adapter: Adapter,
        kind: StoreKind,
        config: impl FnOnce(u16) -> Config,
    ) -> Self {
        let clock = ManualClock::at(Timestamp::from_secs(1_700_000_000));
        Self::serve(adapter, kind, clock, Arc::new(world), config, |builder| builder)
    }

    fn serve(
        adapter: Adapter,
        kind: StoreKind,
        clock: ManualClock,
        world: Arc<World>,
        config: impl FnOnce(u16) -> Config,
        parts: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        let store = block_on(world.database.store());
        Self::serve_on(store, adapter, kind, clock, world, config, parts)
    }

    fn serve_on(
        store: Store,
        adapter: Adapter,
        kind: StoreKind,
        clock: ManualClock,
        world: Arc<World>,
        config: impl FnOnce(u16) -> Config,
        parts: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        let port = Port::take();
        let config = config(port.number);
        let auth = block_on(async {
            let secret = MasterSecret::new((0..32).collect()).expect("it is long enough");
            let builder = Auth::builder(config, store, secret)
                .clock(clock.clone())
                .mailbox(world.mailbox.clone());
            parts(builder).build().await.expect("a sound configuration builds")
        });
        let served = adapter.serve(auth.clone(), port);
        Self { clock, auth, adapter, kind, served, world }
    }

    /// Returns where it listens, as a browser writes an origin.
    pub fn origin(&self) -> String {
        origin(self.served.port)
    }

    /// Returns the address of an endpoint, for a browser.
    pub fn url(&self, path: &str) -> String {
        format!("{}{MOUNT}{path}", self.origin())
    }

    // Requests.

    /// Sends `request`.
    #[track_caller]
    pub fn send(&self, request: &Request) -> Reply {
        let reply = exchange(self.served.port, &request.to_bytes(MOUNT, self.served.port));
        coverage::record(self.adapter, self.kind, request, &reply);
        reply
    }

    /// Posts a JSON document to an endpoint.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "cases read better without the borrow")]
    pub fn post(&self, path: &str, body: Value) -> Reply {
        self.send(&Request::post(path, &body))
    }

    /// Posts a JSON document to an endpoint, with an access token.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "cases read better without the borrow")]
    pub fn post_as(&self, token: &str, path: &str, body: Value) -> Reply {
        self.send(&Request::post(path, &body).bearer(token))
    }

    /// Gets an endpoint, with an access token if there is one.
    #[track_caller]
    pub fn get(&self, path: &str, bearer: Option<&str>) -> Reply {
        self.send(&with(Request::get(path), bearer))
    }

    /// Gets one of the host's own routes, with an access token if there is one.
    #[track_caller]
    pub fn host(&self, path: &str, bearer: Option<&str>) -> Reply {
        self.send(&with(Request::get(path).of_host(), bearer))
    }

    /// Sends whatever it is told to an endpoint.
    #[track_caller]
    pub fn raw(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let request = Request::new(method, path).body(body);
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        self.send(&request)
    }

    /// Sends `bytes` as they are, which need not be HTTP; not counted as having reached anything.
    #[track_caller]
    pub fn bytes(&self, bytes: &[u8]) -> Reply {
        exchange(self.served.port, bytes)
    }

    /// Sends `n` requests over as many connections so that their last bytes arrive together.
    #[track_caller]
    pub fn race(&self, n: usize, request: impl Fn(usize) -> Request) -> Vec<Reply> {
        let requests: Vec<Request> = (0..n).map(request).collect();
        let bytes: Vec<Vec<u8>> =
            requests.iter().map(|request| request.to_bytes(MOUNT, self.served.port)).collect();
        let replies = race(self.served.port, &bytes);
        for (request, reply) in requests.iter().zip(&replies) {
            coverage::record(self.adapter, self.kind, request, reply);
        }
        replies
    }

    /// Sends `n` requests over as many connections, and goes away without an answer; not counted as
    /// having reached anything.
    #[track_caller]
    pub fn abandon(&self, n: usize, request: impl Fn(usize) -> Request) {
        let bytes = |number| request(number).to_bytes(MOUNT, self.served.port);
        abandon(self.served.port, &(0..n).map(bytes).collect::<Vec<_>>());
    }

    // Mail and database.

    /// Lets the courier deliver everything that is due, and returns what arrived since the last
    /// call, oldest first.
    pub fn mails(&self) -> Vec<Mail> {
        block_on(self.auth.deliver()).expect("the outbox can be read");
        let mut mails = self.world.mailbox.mails();
        let seen = self.world.seen.swap(mails.len(), Ordering::Relaxed);
        assert!(mails.len() < 200, "the mailbox forgets what is older");
        mails.truncate(mails.len() - seen);
        mails.reverse();
        mails
    }

    /// Returns a number that no one else in this trial gets.
    pub(crate) fn next_number(&self) -> u32 {
        self.world.people.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns the one-time token in the link of a mail.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[track_caller]
    pub fn token_of(mail: &Mail) -> String {
        let link = mail.link.as_deref().expect("the mail has a link");
        let (_, token) = link.split_once("#token=").expect("the link has a token");
        token.to_owned()
    }

    /// Delivers, and returns the token of the only mail that came for `email`.
    #[track_caller]
    pub fn mailed_token(&self, email: &str) -> String {
        let asked = Instant::now();
        let mut mails = self.mails();
        // The courier of another instance may have it in hand.
        while mails.is_empty() && asked.elapsed() < Duration::from_secs(5) {
            mails = self.mails();
        }
        let mut own = mails.iter().filter(|mail| mail.to == email);
        let (Some(mail), None) = (own.next(), own.next()) else {
            let all: Vec<_> = mails.iter().map(|mail| (&mail.to, mail.kind)).collect();
            panic!("not one mail for {email}: {all:?}");
        };
        Self::token_of(mail)
    }

    /// Runs a statement on the database, behind the server's back, and returns how many rows it
    /// changed.
    pub fn execute(&self, sql: &str) -> u64 {
        block_on(self.world.database.execute(sql))
    }

    /// Has the database do something else too, with the rights of its owner, whenever it has changed a
    /// row: `change` is such as `UPDATE ON auth_limits`, and `condition` may speak of `NEW`.
    pub fn whenever(&self, change: &str, condition: &str, also: &str) {
        let trigger =
            format!("CREATE TRIGGER app_whenever AFTER {change} FOR EACH ROW WHEN ({condition})");
        match self.kind {
            StoreKind::Postgres => {
                self.execute(&format!(
                    "CREATE FUNCTION app_whenever() RETURNS TRIGGER LANGUAGE plpgsql SECURITY DEFINER
                     SET search_path = public AS $$ BEGIN {also}; RETURN NULL; END $$;
                     {trigger} EXECUTE FUNCTION app_whenever()"
                ));
            }
            StoreKind::Sqlite => {
                self.execute(&format!("{trigger} BEGIN {also}; END"));
            }
        }
    }

    /// Ends that.
    pub fn no_longer(&self) {
        self.execute(match self.kind {
            StoreKind::Postgres => "DROP FUNCTION app_whenever CASCADE",
            StoreKind::Sqlite => "DROP TRIGGER app_whenever",
        });
    }

    /// Runs a statement that the database refuses, and returns what it says.
    pub fn refused(&self, sql: &str) -> String {
        block_on(self.world.database.try_execute(sql)).expect_err("it is refused").to_string()
    }

    /// Returns the first column, which has to be a text, of every row.
    pub fn texts(&self, sql: &str) -> Vec<Option<String>> {
        block_on(self.world.database.texts(sql))
    }

    /// Returns where the database is, for the role that the service has on Postgres.
    pub(crate) fn service_url(&self) -> &str {
        self.world.database.service_url()
    }

    /// Returns where the database is, for whoever owns it.
    pub fn database_url(&self) -> &str {
        self.world.database.url()
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "App({}, {})", self.adapter.name(), self.kind.name())
    }
}

fn origin(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn with(request: Request, bearer: Option<&str>) -> Request {
    match bearer {
        Some(token) => request.bearer(token),
        None => request,
    }
}
