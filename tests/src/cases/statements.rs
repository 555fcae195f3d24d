//! How much each request asks of Postgres, against what the manual says.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use auth_core::Auth;
use serde_json::{Value, json};

use super::documentation::rows;
use super::recording::record_with;
use super::tapped::Tapped;
use crate::adapters::block_on;
use crate::wiretap::Trip;
use crate::{App, Authenticator, Person, Reply, Request, Tokens};

/// If it does not, it prints the rows as they have to be.
pub(super) fn each_request_asks_what_the_manual_says(apps: &[App]) {
    let Some(tapped) = Tapped::beside(&apps[0], |builder| builder) else { return };
    let mut walk = Walk { tapped, warm: false, counted: Vec::new() };
    walk.everything();
    walk.counted.clear();
    walk.warm = true;
    walk.everything();

    let endpoints = Auth::endpoints().map(|row| format!("`{} {}`", row.method, row.path));
    let endpoints: Vec<_> = endpoints.collect();
    let place = |request: &str| endpoints.iter().position(|row| request.starts_with(&**row));
    let missed = |row: &&String| !walk.counted.iter().any(|(request, _)| request == *row);
    assert_eq!(endpoints.iter().find(missed), None);
    walk.counted.sort_by_key(|(request, _)| place(request));
    let counted = walk.counted.iter().filter(|(_, asked)| asked.connections > 0);
    let counted: Vec<_> = counted.map(|(row, asked)| format!("| {row} | {asked} |")).collect();
    let counted = counted.join("\n");
    let columns = ["request", "statements", "transactions", "connections"];
    let listed = rows("../auth-core/src/manual/operations.md", "statements", &columns);
    let listed: Vec<_> = listed.iter().map(|row| format!("| {} |", row.join(" | "))).collect();
    let listed = listed.join("\n");
    assert!(listed == counted, "the manual has\n{listed}\nand this is so\n{counted}");
}

/// As the manual says, too.
pub(super) fn an_instance_that_hears_of_revocations_asks_for_none(apps: &[App]) {
    let Some(tapped) = Tapped::beside(&apps[0], |builder| builder) else { return };
    let app = &tapped.app;
    let tokens = app.sign_in(&app.user());
    let request = Request::get("/identity").of_host().bearer(&tokens.access);
    let asks = || {
        let (reply, trips) = tapped.heard(|| app.send(&request));
        assert_eq!(reply.status, 200, "{}", reply.text());
        trips.iter().any(|trip| matches!(trip, Trip::Execute(sql) if sql.contains(OF_A_SESSION)))
    };
    assert!(asks() && asks());
    let background = block_on(async { app.auth.start() });
    let begun = Instant::now();
    while asks() {
        assert!(begun.elapsed() < Duration::from_secs(5), "it still asks");
    }
    assert!(!asks() && !asks());
    block_on(background.stop());
}

/// Nor can who sends it make this instance look for keys, but with one that it does not know.
pub(super) fn a_token_that_is_wrong_asks_for_nothing(apps: &[App]) {
    let Some(tapped) = Tapped::beside(&apps[0], |builder| builder) else { return };
    let app = &tapped.app;
    let token = app.sign_in(&app.user()).access;
    let (signed, signature) = token.rsplit_once('.').expect("it has a signature");
    let other = app.sign_in(&app.user()).access;
    let (other, _) = other.rsplit_once('.').expect("it has a signature");
    app.clock.advance(Duration::from_secs(3600));
    for wrong in [token.clone(), format!("{other}.{signature}"), signed.to_owned()] {
        for path in ["/identity", "/private"] {
            let request = Request::get(path).of_host().bearer(&wrong);
            let (reply, trips) = tapped.heard(|| app.send(&request));
            assert_eq!(reply.status, 401, "{}", reply.text());
            assert!(trips.is_empty(), "{path}: {trips:#?}");
        }
    }
}

/// Whatever is sent, and whoever sends it.
pub(super) fn no_request_asks_much(apps: &[App]) {
    let Some(tapped) = Tapped::beside(&apps[0], |builder| builder) else { return };
    let mut most: BTreeMap<String, (usize, u16)> = BTreeMap::new();
    record_with(&tapped.app, |app, request| {
        let (reply, trips) = tapped.heard(|| app.send(request));
        let statements = Asked::of(&trips).statements;
        let path = request.path.split('?').next().unwrap_or_default();
        let entry = most.entry(format!("{} {path}", request.method)).or_default();
        *entry = (*entry).max((statements, reply.status));
        reply
    });
    let too_much: Vec<_> = most.iter().filter(|(_, most)| most.0 > MOST).collect();
    assert!(too_much.is_empty(), "{too_much:#?}");
}

/// What some round trips were for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Asked {
    statements: usize,
    transactions: usize,
    /// How often one was taken and given back.
    connections: usize,
}

impl Asked {
    #[track_caller]
    fn of(trips: &[Trip]) -> Self {
        let mut asked = Self::default();
        for trip in trips {
            match trip {
                Trip::Execute(_) => asked.statements += 1,
                // The first time on a connection, a statement takes one round trip more.
                Trip::Prepare(..) => {}
                Trip::Simple(sql) if BESIDE.contains(&&**sql) => {}
                Trip::Simple(sql) if sql.starts_with("BEGIN; SET LOCAL") => {
                    asked.transactions += 1;
                }
                Trip::Simple(sql) => panic!("what is it for? {sql}"),
                // The pool's own, when a connection is given back.
                Trip::Sync => asked.connections += 1,
            }
        }
        asked
    }

    /// How many there are in all, as the manual has it.
    fn round_trips(self) -> usize {
        self.statements + 2 * self.transactions + self.connections
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { statements, transactions, connections } = self;
        write!(f, "{statements} | {transactions} | {connections}")
    }
}

/// Every endpoint with success, and what else is asked often.
struct Walk {
    tapped: Tapped,
    /// Whether everything is prepared.
    warm: bool,
    counted: Vec<(String, Asked)>,
}

impl Walk {
    fn everything(&mut self) {
        let person = self.sign_up();
        let tokens = self.sign_in(&person);
        let tokens = self.go_on(&person, &tokens);
        self.change(&person, &tokens);
        let person = self.reset_password(&person);
        self.use_second_factor(&person);
        self.leave();
        self.look_around();
    }

    fn sign_up(&mut self) -> Person {
        let person = self.tapped.app.stranger();
        self.post("", "/sign-up", None, credentials(&person));
        self.tapped.app.mails();
        let email = json!({ "email": person.email });
        self.post("", "/send-activation-email", None, email);
        let token = self.mailed();
        self.post("", "/activate-account", None, json!({ "token": token }));
        self.post(", address taken", "/sign-up", None, credentials(&person));

        let other = self.tapped.app.stranger();
        self.tapped.app.mails();
        self.tapped.app.sign_up(&other);
        let link = format!("/activate-account?token={}", self.mailed());
        self.count("`GET /activate-account`", &Request::get(&link));
        person
    }

    fn sign_in(&mut self, person: &Person) -> Tokens {
        let wrong = json!({ "email": person.email, "password": "x" });
        self.post(", wrong password", "/sign-in", None, wrong);
        let nobody = json!({ "email": "nobody@example.com", "password": "x" });
        self.post(", unknown address", "/sign-in", None, nobody);
        App::tokens(&self.post("", "/sign-in", None, credentials(person)))
    }

    fn go_on(&mut self, person: &Person, tokens: &Tokens) -> Tokens {
        let refresh = |tokens: &Tokens| json!({ "refresh_token": tokens.refresh });
        let access = Some(&*tokens.access);
        self.count("`CurrentUser`", &Request::get("/private").of_host().bearer(&tokens.access));
        self.get("/me", access);
        self.get("/sessions", access);
        let next = App::tokens(&self.post("", "/access", None, refresh(tokens)));
        self.post("", "/sign-out", None, refresh(&next));
        let stolen = self.tapped.app.sign_in(person);
        self.tapped.app.post("/access", refresh(&stolen));
        self.tapped.app.clock.advance(Duration::from_secs(30));
        self.post(", token used before", "/access", None, refresh(&stolen));

        let tokens = self.tapped.app.sign_in(person);
        let access = Some(&*tokens.access);
        self.post("", "/sessions/revoke", access, json!({ "others": true }));
        let password = json!({ "password": person.password });
        App::tokens(&self.post("", "/reauthenticate", access, password))
    }

    fn change(&mut self, person: &Person, tokens: &Tokens) {
        let access = Some(&*tokens.access);
        self.post("", "/change-language", access, json!({ "language": "fr" }));
        let next = "nine brave kettles sing";
        let passwords = json!({ "current_password": person.password, "new_password": next });
        let reply = self.post("", "/change-password", access, passwords);
        assert_eq!(reply.status, 200, "{}", reply.text());
    }

    fn reset_password(&mut self, person: &Person) -> Person {
        self.tapped.app.mails();
        self.post("", "/request-password-reset", None, json!({ "email": person.email }));
        let token = self.mailed();
        let password = person.password.clone();
        self.post("", "/reset-password", None, json!({ "token": token, "password": password }));
        let tokens = self.tapped.app.sign_in(person);
        self.tapped.app.mails();
        let new_email = self.tapped.app.stranger().email;
        let change = json!({ "new_email": new_email });
        self.post("", "/change-email", Some(&tokens.access), change);
        let token = self.mailed();
        self.post("", "/confirm-email-change", None, json!({ "token": token }));
        Person { email: new_email, password }
    }

    fn use_second_factor(&mut self, person: &Person) {
        let tokens = self.tapped.app.sign_in(person);
        let enrolment = self.post("", "/enable-2fa", Some(&tokens.access), json!({})).json();
        let secret = enrolment["secret"].as_str().expect("an enrolment has a secret").to_owned();
        let authenticator = Authenticator { secret, recovery_codes: Vec::new() };
        self.with_code("/confirm-2fa", &tokens, &authenticator);
        let reply = self.post(", second factor on", "/sign-in", None, credentials(person));
        let mfa_token = reply.json()["mfa_token"].clone();
        let code = self.code(&authenticator);
        let body = json!({ "mfa_token": mfa_token, "code": code });
        let tokens = App::tokens(&self.post("", "/sign-in-mfa", None, body));
        self.with_code("/recovery-codes", &tokens, &authenticator);
        self.with_code("/disable-2fa", &tokens, &authenticator);
    }

    fn leave(&mut self) {
        let person = self.tapped.app.user();
        let tokens = self.tapped.app.sign_in(&person);
        let leave = Request::new("DELETE", "/me").bearer(&tokens.access);
        self.count("`DELETE /me`", &leave);
    }

    /// Everything that takes no input.
    fn look_around(&mut self) {
        for endpoint in Auth::endpoints() {
            let (method, path) = (endpoint.method.to_string(), endpoint.path);
            if method == "GET" && !["/me", "/sessions", "/activate-account"].contains(&path) {
                self.get(path, None);
            }
        }
    }

    fn with_code(&mut self, path: &str, tokens: &Tokens, authenticator: &Authenticator) {
        let code = json!({ "code": self.code(authenticator) });
        self.post("", path, Some(&tokens.access), code);
    }

    /// One that was not used before.
    fn code(&self, authenticator: &Authenticator) -> String {
        self.tapped.app.clock.advance(Duration::from_secs(30));
        self.tapped.app.code(authenticator)
    }

    fn mailed(&self) -> String {
        let mails = self.tapped.app.mails();
        let mail = mails.iter().rfind(|mail| mail.link.is_some());
        App::token_of(mail.expect("a mail came"))
    }

    fn get(&mut self, path: &str, access: Option<&str>) {
        let request = Request::get(path);
        let request = access.into_iter().fold(request, Request::bearer);
        self.count(&format!("`GET {path}`"), &request);
    }

    #[expect(clippy::needless_pass_by_value, reason = "the walk reads better without the borrow")]
    fn post(&mut self, what: &str, path: &str, access: Option<&str>, body: Value) -> Reply {
        let request = access.into_iter().fold(Request::post(path, &body), Request::bearer);
        self.count(&format!("`POST {path}`{what}"), &request)
    }

    #[track_caller]
    fn count(&mut self, row: &str, request: &Request) -> Reply {
        let (reply, trips) = self.tapped.heard(|| self.tapped.app.send(request));
        let fails = row.contains("wrong") || row.contains("unknown") || row.contains("used before");
        assert_eq!(reply.status >= 400, fails, "{row}: {} {}", reply.status, reply.text());
        let asked = Asked::of(&trips);
        if self.warm {
            assert_eq!(trips.len(), asked.round_trips(), "{row}: {trips:#?}");
        }
        self.counted.push((row.to_owned(), asked));
        reply
    }
}

fn credentials(person: &Person) -> Value {
    json!({ "email": person.email, "password": person.password })
}

/// What belongs to a transaction or a connection and is counted with it.
const BESIDE: [&str; 3] = ["COMMIT", "ROLLBACK", "BEGIN; ROLLBACK"];
/// Begins the question whether a session is live.
const OF_A_SESSION: &str = "SELECT 1 FROM auth_sessions s";
/// How many statements the worst of all requests costs.
const MOST: usize = 25;
