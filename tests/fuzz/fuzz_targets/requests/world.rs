//! A service with two users, and what it has told.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use auth_core::fuzzing::free_hashes;
use auth_core::{
    Auth, Clock, Config, ImportOptions, ImportedUser, Mailbox, ManualClock, MasterSecret, Peer,
    Request, Response, SeededRandom, Store, Timestamp,
};
use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::answers::Description;
use crate::script::{NAMES, Step};
use crate::totp::totp_code;

pub(crate) struct World {
    runtime: Runtime,
    auth: Auth,
    clock: ManualClock,
    mailbox: Mailbox,
    description: Description,
    told: HashMap<&'static str, String>,
    /// Whether the second factor of the user who has one may be off.
    disabled: bool,
    changed: bool,
}

impl World {
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime starts");
        let (clock, mailbox) = (start(), Mailbox::new());
        let auth = runtime.block_on(service(clock.clone(), mailbox.clone()));
        let request = Request::new(Bytes::new());
        let document = runtime.block_on(auth.respond("/openapi.json", Ok(request)));
        let description = Description::new(document.body());
        let told = told();
        Self { runtime, auth, clock, mailbox, description, told, disabled: false, changed: false }
    }

    /// Undoes what a later input would notice.
    pub(crate) fn restore(&mut self) {
        if self.changed {
            (self.clock, self.mailbox) = (start(), Mailbox::new());
            let service = service(self.clock.clone(), self.mailbox.clone());
            self.auth = self.runtime.block_on(service);
            (self.told, self.disabled, self.changed) = (told(), false, false);
        }
    }

    pub(crate) fn take(&mut self, step: &Step) {
        match step {
            Step::Wait(seconds) => {
                self.changed = true;
                self.clock.advance(Duration::from_secs(seconds % (40 * 24 * 60 * 60)));
            }
            Step::Send { method, target, headers, body } => {
                let body = self.filled_in(body);
                let target = self.filled_in(target.as_bytes());
                let Ok(uri) = http::Uri::try_from(target) else { return };
                let mut request = Request::new(Bytes::from(body));
                *request.method_mut() = method.clone();
                for (name, value) in headers {
                    if let Ok(value) = HeaderValue::from_bytes(&self.filled_in(value.as_bytes())) {
                        request.headers_mut().append(name, value);
                    }
                }
                request.extensions_mut().insert(Peer(IpAddr::V4(Ipv4Addr::LOCALHOST)));
                let path = uri.path().to_owned();
                *request.uri_mut() = uri;
                self.send(&path, request);
            }
        }
    }

    fn send(&mut self, path: &str, request: Request) {
        let (method, body) = (request.method().clone(), request.body().clone());
        let upgrade = request.headers().contains_key("upgrade");
        let answer = self.runtime.block_on(self.auth.respond(path, Ok(request)));
        self.description.check(&method, path, upgrade, &answer);
        assert!(
            !contains(answer.body(), b"argon2") && !contains(answer.body(), PASSWORD.as_bytes()),
            "no answer tells a password"
        );
        let harmless = method.is_safe() && path != "/activate-account";
        let refused = matches!(answer.status().as_u16(), 400 | 403..=405 | 409 | 413 | 415 | 422);
        self.changed |= !(harmless || refused);
        self.disabled |= path == "/disable-2fa" && answer.status().is_success();
        self.learn(path, &body, &answer);
    }

    /// Keeps what a client would keep.
    fn learn(&mut self, path: &str, body: &[u8], answer: &Response) {
        let Ok(told) = serde_json::from_slice::<Value>(answer.body()) else { return };
        let signed_in = told["status"] == "signed_in";
        assert!(!signed_in || answer.status() == StatusCode::OK);
        if signed_in && path == "/sign-in" && !self.disabled {
            let sent: Value = serde_json::from_slice(body).expect("it was understood");
            let who = sent["email"].as_str().or(sent["username"].as_str()).unwrap_or_default();
            assert!(!who.to_ascii_lowercase().starts_with("bob"), "a factor was left out");
        }
        for (name, pointer) in [
            ("$access", "/access_token"),
            ("$refresh", "/refresh_token"),
            ("$challenge", "/mfa_token"),
            ("$recovery", "/recovery_codes/0"),
            ("$totp", "/secret"),
        ] {
            if let Some(text) = told.pointer(pointer).and_then(Value::as_str) {
                self.told.insert(name, text.to_owned());
            }
        }
        for cookie in answer.headers().get_all("set-cookie") {
            let text = cookie.to_str().expect("cookies are text");
            let (name, rest) = text.split_once('=').expect("a cookie has a value");
            let value = rest.split(';').next().unwrap_or_default().to_owned();
            let name = if name.ends_with("access") { "$access" } else { "$refresh" };
            self.told.insert(name, value);
        }
        if answer.status() == StatusCode::ACCEPTED {
            self.runtime.block_on(self.auth.deliver()).expect("the outbox can be read");
            let mails = self.mailbox.mails();
            let link = mails.iter().find_map(|mail| mail.link.as_deref());
            let token = link.and_then(|link| link.split_once("#token="));
            if let Some((_, token)) = token {
                self.told.insert("$mailed", token.to_owned());
            }
        }
    }

    fn filled_in(&self, text: &[u8]) -> Vec<u8> {
        let mut filled = text.to_vec();
        for name in NAMES {
            while let Some(at) = position(&filled, name.as_bytes()) {
                let value = if name == "$code" {
                    Some(totp_code(&self.told["$totp"], self.clock.now()))
                } else {
                    self.told.get(name).cloned()
                };
                filled.splice(at..at + name.len(), value.unwrap_or_default().into_bytes());
            }
        }
        filled
    }
}

fn start() -> ManualClock {
    ManualClock::at(Timestamp::from_secs(1_700_000_000))
}

fn told() -> HashMap<&'static str, String> {
    HashMap::from([("$totp", TOTP_SECRET.to_owned())])
}

/// A service with Ada, and Bob who has a second factor.
async fn service(clock: ManualClock, mailbox: Mailbox) -> Auth {
    let store = Store::sqlite("sqlite::memory:").await.expect("memory is enough");
    let config = Config::new("https://a.example").expect("this is an origin");
    let config = config.allowed_origins(["https://admin.example"]).expect("and this");
    let config = config.uniform_time(Duration::from_millis(1)).hash_params(free_hashes());
    let secret = MasterSecret::new((0..32).collect()).expect("it is 32 different bytes");
    let auth = Auth::builder(config, store, secret)
        .clock(clock)
        .random(SeededRandom::new(1))
        .mailbox(mailbox)
        .build()
        .await
        .expect("all is sound");
    let records = ["ada", "bob"].map(|name| {
        let mut user = ImportedUser::new(&format!("{name}@a.example"));
        user.username = Some(name.to_owned());
        user.password_hash = Some(PASSWORD_HASH.to_owned());
        user.activated = true;
        user.totp_secret = (name == "bob").then(|| TOTP_SECRET.into());
        Ok::<_, String>(user)
    });
    let imported = auth.operator("fuzz").import(records, ImportOptions::new(), |_| {}).await;
    assert_eq!(imported.expect("nothing fails").created, 2);
    auth
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    position(text, part).is_some()
}

fn position(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

const PASSWORD: &str = "nine apples under a tin roof";
/// Of [`PASSWORD`], and as cheap as scrypt can be.
const PASSWORD_HASH: &str =
    "scrypt$16$0123456789abcdef$1$1$YVrAiSk4EE/8dLkJDlfs0nQ0arSdGuqH7acG7DQO0lg=";
const TOTP_SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
