//! Nothing secret is in what a server leaves behind: its log, at the finest level and of everything
//! that runs in the process, its database and its Redis.

use std::env;
use std::path::Path;

use auth_core::Clock;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::leftovers::{assert_one_line_each, found, redis_dump};
use super::secrets_at_rest::dump;
use crate::client::exchange;
use crate::mail_server::MailServer;
use crate::process::Process;
use crate::{App, MOUNT, Reply, Request, StoreKind, Tokens, totp_code};

pub(super) fn no_secret_and_no_address_is_left_behind(app: &App) {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let mut run = Run::start(app, folder.path());
    run.join();
    run.use_sessions();
    run.use_cookies();
    run.use_second_factor();
    run.change_address_and_password();
    run.send_what_is_bad();
    run.send_mails_that_fail();
    let Run { process, secrets, addresses, mut dumps, .. } = run;
    dumps.extend(dump(app));
    let redis = env::var("REDIS_URL").ok().map(|url| redis_dump(&url, PLANTED));
    let log = process.stop();
    assert_one_line_each(app.kind, &log);

    let database: String = dumps.into_iter().map(|(_, value)| value + "\n").collect();
    let redis = redis.as_deref();
    for (place, text) in [("log", Some(&*log)), ("database", Some(&database)), ("Redis", redis)] {
        let Some(text) = text else { continue };
        assert_eq!(found(&secrets, text), [""; 0], "secrets in the {place}");
        // The database has addresses by right.
        let addresses_there = if place == "database" { addresses.len() } else { 0 };
        let found_addresses = found(&addresses, text);
        assert_eq!(found_addresses.len(), addresses_there, "{found_addresses:?} in the {place}");
        // That nothing is found has to mean that nothing is there.
        let planted = [("what was planted", PLANTED.to_owned())];
        assert_eq!(found(&planted, text).len(), 1, "not even what was planted is in the {place}");
    }
    for said in ["sqlx::query", "mio::poll", "csrf_blocked", "token_invalid", "authn_login_fail"] {
        assert!(log.contains(said), "the log does not say {said}");
    }
}

struct Run<'a> {
    app: &'a App,
    process: Process,
    mail: MailServer,
    email: String,
    password: String,
    access: String,
    secrets: Vec<(&'static str, String)>,
    addresses: Vec<(&'static str, String)>,
    /// What the database held in between.
    dumps: Vec<(String, String)>,
}

impl<'a> Run<'a> {
    fn start(app: &'a App, folder: &Path) -> Self {
        // What this instance has made, the other could not open.
        app.execute("DELETE FROM auth_signing_keys");
        let mail = MailServer::start();
        let unique = format!("{}-{}", app.adapter.name(), app.kind.name());
        let [secret, pepper] =
            [7, 77].map(|first| STANDARD.encode((first..first + 32).collect::<Vec<u8>>()));
        let smtp_password = "smtp-orchard-kettle-9174";
        let smtp = format!("smtp://courier:{smtp_password}@127.0.0.1:{}", mail.port);
        let redis = env::var("REDIS_URL").unwrap_or_default();
        let format = if app.kind == StoreKind::Postgres { "json" } else { "text" };
        // Services of one address would take each other's mails out of Redis.
        let public_url = format!("https://{unique}-{}.example.com", std::process::id());
        let settings = [
            ("AUTH_DATABASE_URL", app.service_url()),
            ("AUTH_REDIS_URL", &redis),
            ("AUTH_SMTP_URL", &smtp),
            ("AUTH_SECRET", &secret),
            ("AUTH_PEPPER", &pepper),
            ("AUTH_PUBLIC_URL", &public_url),
            ("AUTH_MAIL_FROM", "Example <auth@auth.example.com>"),
            ("AUTH_PRODUCT_NAME", "Example"),
            ("AUTH_UNIFORM_TIME", "1ms"),
            ("AUTH_LIMITS__SIGN_INS", "1000"),
            ("AUTH_LIMITS__SIGN_UPS", "1000"),
            ("AUTH_LIMITS__MAIL_REQUESTS", "1000"),
            ("AUTH_LIMITS__WRONG_PASSWORDS", "1000"),
            ("AUTH_LOG", "trace"),
            ("AUTH_LOG_FORMAT", format),
        ];
        let now = app.clock.now().micros() / 1_000_000;
        let process = Process::start(app.adapter, now, folder, &settings);
        let mut run = Self {
            app,
            process,
            mail,
            email: format!("first-{unique}@canaries.example"),
            password: format!("nine plum tractors hum {unique}"),
            access: String::new(),
            secrets: Vec::new(),
            addresses: Vec::new(),
            dumps: Vec::new(),
        };
        run.keep("master secret", &secret);
        run.keep("pepper", &pepper);
        run.keep("SMTP password", smtp_password);
        run.keep("database password", crate::databases::PASSWORD);
        let redis_password = redis.split_once("://:").and_then(|(_, rest)| rest.split_once('@'));
        if let Some((password, _)) = redis_password {
            run.keep("Redis password", password);
        }
        run.keep("password", &run.password.clone());
        run.address(&run.email.clone());
        run
    }

    fn join(&mut self) {
        let body = json!({ "email": self.email, "password": self.password, "username": "canary" });
        assert_eq!(self.post("/sign-up", &body).status, 202);
        self.dumps.extend(dump(self.app));
        let token = self.mailed_token("activation token");
        self.post("/activate-account", &json!({ "token": format!("{token}x") }));
        assert_eq!(self.post("/activate-account", &json!({ "token": token })).status, 200);
        let again = json!({ "email": self.email, "password": self.password });
        assert_eq!(self.post("/sign-up", &again).status, 202);
    }

    fn use_sessions(&mut self) {
        for (what, password) in
            [("wrong password", "wrong wombat 5150"), ("another", "another wombat 5151")]
        {
            self.keep(what, password);
            let body = json!({ "email": self.email, "password": password });
            assert_eq!(self.post("/sign-in", &body).status, 401);
        }
        let body = json!({ "username": "canary", "password": self.password });
        assert_eq!(self.post("/sign-in", &body).status, 200);
        let tokens = self.sign_in();
        for path in ["/me", "/sessions"] {
            assert_eq!(self.send(&Request::get(path).bearer(&tokens.access)).status, 200);
        }
        for path in ["/private", "/identity", "/recent"] {
            let request = Request::get(path).of_host();
            assert_eq!(self.send(&request.bearer(&tokens.access)).status, 200);
        }
        let next = self.refresh(&tokens.refresh);
        let last = self.refresh(&next.refresh);
        // A replay, which ends the session.
        let body = json!({ "refresh_token": tokens.refresh });
        assert_eq!(self.post("/access", &body).status, 401);
        assert_eq!(self.send(&Request::get("/me").bearer(&last.access)).status, 401);
        let tokens = self.sign_in();
        let request = Request::post("/sign-out", &json!({ "refresh_token": tokens.refresh }));
        assert_eq!(self.send(&request).status, 204);
    }

    fn use_cookies(&mut self) {
        let body = json!({ "email": self.email, "password": self.password, "delivery": "cookie" });
        let sign_in = Request::post("/sign-in", &body);
        let foreign = sign_in.clone().header("sec-fetch-site", "cross-site");
        assert_eq!(self.send(&foreign).status, 403);
        let reply = self.send(&sign_in.header("sec-fetch-site", "same-origin"));
        let cookies: Vec<String> = reply
            .all("set-cookie")
            .iter()
            .filter_map(|cookie| Some(cookie.split_once(';')?.0.to_owned()))
            .collect();
        assert_eq!(cookies.len(), 2, "{cookies:?}");
        for cookie in &cookies {
            self.keep("cookie", cookie.split_once('=').expect("it has a value").1);
        }
        let carrying = |request: Request| request.header("cookie", &cookies.join("; "));
        assert_eq!(self.send(&carrying(Request::get("/me"))).status, 200);
        let foreign = carrying(Request::post("/sign-out", &json!({})));
        let foreign = foreign.header("origin", "https://evil.example");
        assert_eq!(self.send(&foreign).status, 403);
        let own = carrying(Request::post("/access", &json!({})));
        let reply = self.send(&own.header("sec-fetch-site", "same-origin"));
        assert_eq!(reply.status, 200, "{}", reply.text());
        for cookie in reply.all("set-cookie") {
            let (pair, _) = cookie.split_once(';').expect("it has attributes");
            self.keep("cookie", pair.split_once('=').expect("it has a value").1);
        }
    }

    fn use_second_factor(&mut self) {
        self.access = self.sign_in().access;
        for _ in 0..2 {
            let enrolment = self.post_signed_in("/enable-2fa", &json!({})).json();
            let secret = self.kept("TOTP secret", &enrolment["secret"]);
            self.kept("otpauth URL", &enrolment["otpauth_url"]);
            let code = totp_code(&secret, self.process.clock.now());
            let wrong = if code == "000000" { "000001" } else { "000000" };
            self.post_signed_in("/confirm-2fa", &json!({ "code": wrong }));
        }
        let secret = self.secrets.iter().rfind(|(name, _)| *name == "TOTP secret");
        let secret = secret.expect("there is one").1.clone();
        let code = totp_code(&secret, self.process.clock.now());
        let confirmed = self.post_signed_in("/confirm-2fa", &json!({ "code": code })).json();
        let codes = self.recovery_codes(&confirmed);

        for code in [codes[0].clone(), "wrong-code-8086".to_owned()] {
            let token = self.challenge();
            self.post("/sign-in-mfa", &json!({ "mfa_token": token, "code": code }));
        }
        self.keep("wrong code", "wrong-code-8086");
        self.process.advance(30);
        let token = self.challenge();
        let code = totp_code(&secret, self.process.clock.now());
        let body = json!({ "mfa_token": token, "code": code });
        let tokens = self.session(&self.post("/sign-in-mfa", &body));
        self.access = tokens.access;
        let replaced = self.post_signed_in("/recovery-codes", &json!({ "code": codes[1] })).json();
        let codes = self.recovery_codes(&replaced);
        let body = json!({ "password": self.password, "code": codes[0] });
        let reply = self.post_signed_in("/reauthenticate", &body);
        self.access = self.session(&reply).access;
        let reply = self.post_signed_in("/disable-2fa", &json!({ "code": codes[1] }));
        assert_eq!(reply.status, 204, "{}", reply.text());
    }

    fn change_address_and_password(&mut self) {
        let new = self.email.replace("first", "second");
        self.address(&new);
        let reply = self.post_signed_in("/change-email", &json!({ "new_email": new }));
        assert_eq!(reply.status, 202, "{}", reply.text());
        self.email = new;
        let token = self.mailed_token("e-mail change token");
        assert_eq!(self.post("/confirm-email-change", &json!({ "token": token })).status, 200);
        self.access = self.sign_in().access;
        let new = self.password.replace("nine", "eleven");
        self.keep("new password", &new);
        let body = json!({ "current_password": self.password, "new_password": new });
        let reply = self.post_signed_in("/change-password", &body);
        self.access = self.session(&reply).access;

        let body = json!({ "email": self.email });
        assert_eq!(self.post("/request-password-reset", &body).status, 202);
        self.dumps.extend(dump(self.app));
        let token = self.mailed_token("reset token");
        self.keep("refused password", "pwd-5309");
        let refused =
            self.post("/reset-password", &json!({ "token": token, "password": "pwd-5309" }));
        assert_eq!(refused.status, 422);
        self.password = self.password.replace("nine", "thirteen");
        self.keep("password after the reset", &self.password.clone());
        let body = json!({ "token": token, "password": self.password });
        assert_eq!(self.post("/reset-password", &body).status, 200);
        self.access = self.sign_in().access;
    }

    /// Text that would end a line, or colour a terminal, or is where it does not belong.
    fn send_what_is_bad(&mut self) {
        self.keep("misplaced password", "misplaced badger 77");
        for body in [
            "{\"email\": \"a@canaries.example\", \"password\": \"misplaced badger 77\"",
            "{\"email\": [\"misplaced badger 77\"], \"password\": 7}",
            "{\"misplaced badger 77\": 1}",
            "{\"password\": \"misplaced badger 77\", \"password\": \"misplaced badger 77\"}",
            "\"misplaced badger 77\"",
        ] {
            let request =
                Request::new("POST", "/sign-in").header("content-type", "application/json");
            assert_eq!(self.send(&request.body(body)).status, 400, "{body}");
        }
        let injected = format!("x\r\n{INJECTED}\u{1b}[31m");
        for body in [
            json!({ "email": format!("{injected}@canaries.example"), "password": injected }),
            json!({ "username": injected, "password": "x" }),
        ] {
            assert_eq!(self.post("/sign-in", &body).status, 401, "{body}");
            self.post("/sign-up", &body);
        }
        let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": injected }).to_string();
        let payload = self.access.split('.').nth(1).expect("a token has three parts").to_owned();
        let signature = self.access.split('.').nth(2).expect("a token has three parts").to_owned();
        let forged = format!("{}.{payload}.{signature}", URL_SAFE_NO_PAD.encode(header));
        assert_eq!(self.send(&Request::get("/me").bearer(&forged)).status, 401);
        self.keep("forged token", &forged);
        let forged = format!("{}x", self.access);
        assert_eq!(self.send(&Request::get("/me").bearer(&forged)).status, 401);
        for name in ["user-agent", "x-request-id", "x-forwarded-for", "origin", "accept-language"] {
            let request = Request::get("/me").header(name, &format!("\u{1b}[31m{INJECTED}"));
            self.send(&request);
        }
        self.send(&Request::new("POST", &format!("/%0d%0a{INJECTED}")));
        self.send(&Request::get("/jwks.json").header("x-request-id", PLANTED));
        let body = json!({ "email": self.email, "password": self.password });
        let request = Request::post("/sign-in", &body).header("user-agent", PLANTED);
        self.session(&self.send(&request));
    }

    fn send_mails_that_fail(&mut self) {
        for name in ["refused", "later"] {
            let email = self.email.replace("second", name);
            self.address(&email);
            let body = json!({ "email": email, "password": self.password });
            assert_eq!(self.post("/sign-up", &body).status, 202);
            self.mail.mail_to(&email);
        }
    }

    // Steps.

    #[track_caller]
    fn send(&self, request: &Request) -> Reply {
        exchange(self.process.port, &request.to_bytes(MOUNT, self.process.port))
    }

    #[track_caller]
    fn post(&self, path: &str, body: &Value) -> Reply {
        self.send(&Request::post(path, body))
    }

    #[track_caller]
    fn post_signed_in(&self, path: &str, body: &Value) -> Reply {
        self.send(&Request::post(path, body).bearer(&self.access))
    }

    #[track_caller]
    fn sign_in(&mut self) -> Tokens {
        let body = json!({ "email": self.email, "password": self.password });
        self.session(&self.post("/sign-in", &body))
    }

    #[track_caller]
    fn refresh(&mut self, token: &str) -> Tokens {
        self.session(&self.post("/access", &json!({ "refresh_token": token })))
    }

    #[track_caller]
    fn challenge(&mut self) -> String {
        let body = json!({ "email": self.email, "password": self.password });
        let first = self.post("/sign-in", &body).json();
        self.kept("challenge", &first["mfa_token"])
    }

    #[track_caller]
    fn session(&mut self, reply: &Reply) -> Tokens {
        let tokens = App::tokens(reply);
        self.keep("access token", &tokens.access);
        let signature = tokens.access.rsplit('.').next().expect("a token has three parts");
        self.keep("signature", signature);
        self.keep("refresh token", &tokens.refresh);
        tokens
    }

    #[track_caller]
    fn mailed_token(&mut self, what: &'static str) -> String {
        let token = self.mail.token_to(&self.email);
        self.keep(what, &token);
        token
    }

    #[track_caller]
    fn recovery_codes(&mut self, body: &Value) -> Vec<String> {
        let codes = body["recovery_codes"].as_array().expect("there are codes").clone();
        let codes = codes.iter().map(|code| self.kept("recovery code", code)).collect::<Vec<_>>();
        for code in &codes {
            self.keep("recovery code", &code.replace('-', ""));
        }
        codes
    }

    #[track_caller]
    fn kept(&mut self, what: &'static str, secret: &Value) -> String {
        let secret = secret.as_str().expect("it is a text").to_owned();
        self.keep(what, &secret);
        secret
    }

    fn keep(&mut self, what: &'static str, secret: &str) {
        self.secrets.push((what, secret.to_owned()));
    }

    fn address(&mut self, email: &str) {
        self.addresses.push(("address", email.to_owned()));
    }
}

/// What is in all of them, and has to be found there.
const PLANTED: &str = "planted-canary-4711";
/// What is sent after the end of a line.
const INJECTED: &str = "injected-line-4712";
