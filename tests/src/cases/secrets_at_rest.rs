//! What the database holds is of no use to whoever steals it.

use std::time::Duration;

use auth_core::{
    Auth, BuildError, Client, Clock, MasterSecret, RefreshToken, SecondFactor, SignIn, SignedIn,
    Store,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::json;

use super::assertions::assert_problem;
use super::counting::{assert_tally, rows};
use crate::adapters::block_on;
use crate::{App, StoreKind, totp_code};

pub(super) fn no_secret_is_in_the_database(apps: &[App]) {
    let app = &apps[0];
    let mut secrets: Vec<(&str, String)> = Vec::new();
    let mut dumps = Vec::new();

    let person = app.stranger();
    app.sign_up(&person);
    dumps.push(dump(app));
    let activation = app.mailed_token(&person.email);
    app.post("/activate-account", json!({ "token": activation }));
    let tokens = app.sign_in(&person);
    let next = App::tokens(&app.post("/access", json!({ "refresh_token": tokens.refresh })));
    let enrolment = app.post_as(&next.access, "/enable-2fa", json!({})).json();
    dumps.push(dump(app));
    let authenticator = app.enable_two_factor(&next);
    let sign_in = json!({ "email": person.email, "password": person.password });
    let first = app.post("/sign-in", sign_in).json();
    dumps.push(dump(app));
    let body = json!({ "mfa_token": first["mfa_token"], "code": authenticator.recovery_codes[0] });
    let second = App::tokens(&app.post("/sign-in-mfa", body));
    app.mails();
    app.post("/request-password-reset", json!({ "email": person.email }));
    dumps.push(dump(app));
    let reset = app.mailed_token(&person.email);
    let password = "quite another plum tractor".to_owned();
    app.post("/reset-password", json!({ "token": reset, "password": password }));
    app.mails();
    dumps.push(dump(app));
    assert_eq!(rows(app, "auth_messages WHERE token IS NOT NULL"), 0);

    let text = |value: &serde_json::Value| value.as_str().expect("it is a text").to_owned();
    secrets.extend([("password", person.password.clone()), ("new password", password)]);
    secrets.extend([("activation token", activation), ("reset token", reset)]);
    secrets.push(("challenge", text(&first["mfa_token"])));
    secrets.push(("replaced TOTP secret", text(&enrolment["secret"])));
    secrets.push(("TOTP secret", authenticator.secret.clone()));
    for tokens in [tokens, next, second] {
        secrets.extend([("access token", tokens.access), ("refresh token", tokens.refresh)]);
    }
    for code in &authenticator.recovery_codes {
        secrets.extend([("recovery code", code.clone()), ("recovery code", code.replace('-', ""))]);
    }

    for (name, secret) in &secrets {
        for spelling in spellings(secret) {
            for dump in &dumps {
                let found = dump.iter().find(|(_, value)| value.contains(&spelling));
                assert!(found.is_none(), "{name}, as {spelling}, in {found:?}");
            }
        }
    }
    // That nothing is found has to mean that nothing is there.
    let last = dumps.last().expect("there are several");
    for column in ["auth_users.email", "auth_sessions.refresh", "auth_totp.secret"] {
        assert!(last.iter().any(|(name, _)| name == column), "{column} was not read");
    }
    assert!(last.iter().any(|(_, value)| value.contains(&person.email)));
}

pub(super) fn a_secret_is_sealed_for_its_user_alone(apps: &[App]) {
    let app = &apps[0];
    let [alice, bob] = [(); 2].map(|()| {
        let person = app.user();
        let authenticator = app.enable_two_factor(&app.sign_in(&person));
        (person, authenticator)
    });
    app.clock.advance(Duration::from_secs(30));
    let id = |email: &str| format!("(SELECT id FROM auth_users WHERE email = '{email}')");
    let changed = app.execute(&format!(
        "UPDATE auth_totp SET secret = (SELECT secret FROM auth_totp WHERE user_id = {})
         WHERE user_id = {}",
        id(&bob.0.email),
        id(&alice.0.email)
    ));
    assert_eq!(changed, 1);

    let sign_in = json!({ "email": alice.0.email, "password": alice.0.password });
    let first = app.post("/sign-in", sign_in).json();
    assert_eq!(first["status"], "mfa_required", "{first}");
    for code in [app.code(&bob.1), app.code(&alice.1)] {
        let body = json!({ "mfa_token": first["mfa_token"], "code": code });
        assert_problem(&app.post("/sign-in-mfa", body), 500, "internal");
    }
    // What does not depend on the secret still works, and so does everybody else.
    let body = json!({ "mfa_token": first["mfa_token"], "code": alice.1.recovery_codes[0] });
    App::tokens(&app.post("/sign-in-mfa", body));
    app.sign_in_twice(&bob.0, &bob.1);
}

pub(super) fn another_master_secret_refuses_to_start(apps: &[App]) {
    let app = &apps[0];
    let error = block_on(build(app, secret(100))).expect_err("it opens nothing");
    assert!(error.to_string().contains("secret"), "{error}");
    let error = block_on(build(app, secret(100).with_previous(secret(200))));
    assert!(error.is_err(), "neither of them opens anything");
    assert_tally(&[app.get("/health", None)], &[("200", 1)]);
}

pub(super) fn a_replaced_master_secret_still_opens_what_is_old(apps: &[App]) {
    let app = &apps[0];
    let person = app.user();
    let tokens = app.sign_in(&person);
    let authenticator = app.enable_two_factor(&tokens);
    app.clock.advance(Duration::from_secs(30));
    // The second secret is the one that every instance of the suite starts with.
    let auth = block_on(build(app, secret(100).with_previous(secret(0)))).expect("one opens it");
    let refresh = RefreshToken::from(&*tokens.refresh);
    let next = block_on(auth.refresh(&refresh, &Client::default())).expect("the session is known");
    assert_ne!(next.refresh_token.expose(), tokens.refresh);
    let sign_in = json!({ "email": person.email, "password": person.password });
    let first = app.post("/sign-in", sign_in).json();
    let second = SecondFactor {
        mfa_token: first["mfa_token"].as_str().expect("it has a token").into(),
        code: app.code(&authenticator).as_str().into(),
    };
    let session = block_on(auth.sign_in_mfa(second, &Client::default()));
    assert!(session.expect("the secret is opened").user.two_factor_enabled);
}

pub(super) fn what_an_old_secret_sealed_is_sealed_anew(apps: &[App]) {
    let app = &apps[0];
    let person = app.user();
    let authenticator = app.enable_two_factor(&app.sign_in(&person));
    app.mails();
    let other = app.user();
    let enrolling = app.sign_in(&other);
    let enrolment = app.post_as(&enrolling.access, "/enable-2fa", json!({})).json();
    app.sign_up(&app.stranger());

    let both = block_on(build(app, secret(100).with_previous(secret(0)))).expect("one opens it");
    let reseal = || {
        let mut told = 0;
        let counts = block_on(both.operator("ada").reseal(|_| told += 1));
        let counts = counts.expect("the database answers");
        assert!(told > 0);
        [counts.authenticators, counts.enrolments, counts.messages, counts.signing_keys]
            .map(|count| (count.current, count.previous, count.unreadable))
    };
    assert_eq!(reseal(), [(0, 1, 0); 4]);
    assert_eq!(reseal(), [(1, 0, 0); 4]);

    // From here on the old secret is not needed.
    let auth = block_on(build(app, secret(100))).expect("nothing else is left");
    assert!(block_on(build(app, secret(0))).is_err());
    app.clock.advance(Duration::from_secs(30));
    let client = Client::default();
    let sign_in = SignIn::new(&person.email, &person.password);
    let first = block_on(auth.sign_in(sign_in, &client)).expect("the password is right");
    let SignedIn::SecondFactor(challenge) = first else { panic!("{first:?}") };
    let code = app.code(&authenticator).as_str().into();
    let second = SecondFactor { mfa_token: challenge.token, code };
    let _ = block_on(auth.sign_in_mfa(second, &client)).expect("the secret is opened");
    let session = block_on(auth.session(&enrolling.access.as_str().into()));
    let session = session.expect("keys and sessions go on");
    let seed = enrolment["secret"].as_str().expect("it is a text");
    let code = totp_code(seed, app.clock.now());
    block_on(auth.confirm_enrolment(&session, &code.as_str().into())).expect("it goes on");
}

pub(super) fn a_code_that_is_used_seals_its_secret_anew(apps: &[App]) {
    let app = &apps[0];
    let [user, broken] = [(); 2].map(|()| app.user());
    let authenticator = app.enable_two_factor(&app.sign_in(&user));
    app.enable_two_factor(&app.sign_in(&broken));
    let id = format!("(SELECT id FROM auth_users WHERE email = '{}')", broken.email);
    let zero = match app.kind {
        StoreKind::Postgres => r"'\x00'",
        StoreKind::Sqlite => "X'00'",
    };
    app.execute(&format!("UPDATE auth_totp SET secret = {zero} WHERE user_id = {id}"));
    app.clock.advance(Duration::from_secs(30));
    let both = block_on(build(app, secret(100).with_previous(secret(0)))).expect("one opens it");
    let client = Client::default();
    let sign_in = SignIn::new(&user.email, &user.password);
    let first = block_on(both.sign_in(sign_in, &client)).expect("the password is right");
    let SignedIn::SecondFactor(challenge) = first else { panic!("{first:?}") };
    let code = app.code(&authenticator).as_str().into();
    let second = SecondFactor { mfa_token: challenge.token, code };
    let _ = block_on(both.sign_in_mfa(second, &client)).expect("the secret is opened");
    let found = block_on(both.operator("ada").reseal(|_| {})).expect("the database answers");
    let found = found.authenticators;
    assert_eq!((found.current, found.previous, found.unreadable), (1, 0, 1));
}

async fn build(app: &App, secret: MasterSecret) -> Result<Auth, BuildError> {
    let store = match app.kind {
        StoreKind::Postgres => Store::postgres(app.service_url()).await,
        StoreKind::Sqlite => Store::sqlite(app.service_url()).await,
    };
    let store = store.expect("the database opens");
    Auth::builder(App::config(), store, secret).clock(app.clock.clone()).build().await
}

fn secret(first: u8) -> MasterSecret {
    MasterSecret::new((first..first + 32).collect()).expect("it is long enough")
}

/// Every value of every column of ours, in lower case; bytes in hexadecimal.
pub(super) fn dump(app: &App) -> Vec<(String, String)> {
    let columns = match app.kind {
        StoreKind::Postgres => {
            "SELECT table_name || '.' || column_name FROM information_schema.columns
             WHERE table_name LIKE 'auth\\_%'"
        }
        StoreKind::Sqlite => {
            "SELECT t.name || '.' || c.name FROM sqlite_schema t, pragma_table_info(t.name) c
             WHERE t.name LIKE 'auth\\_%' ESCAPE '\\'"
        }
    };
    let mut values = Vec::new();
    for name in app.texts(columns).into_iter().flatten() {
        let (table, column) = name.split_once('.').expect("it was put together with a dot");
        let sql = match app.kind {
            // The text of bytes is hexadecimal.
            StoreKind::Postgres => format!("SELECT {column}::text FROM {table}"),
            StoreKind::Sqlite => format!(
                "SELECT CASE typeof({column}) WHEN 'blob' THEN hex({column})
                                              ELSE CAST({column} AS TEXT) END FROM {table}"
            ),
        };
        let all = app.texts(&sql).into_iter().flatten();
        values.extend(all.map(|value| (name.clone(), value.to_lowercase())));
    }
    values
}

/// What a secret may look like in a dump: as it is, and its bytes in hexadecimal and base64, where
/// the bytes are also those that it stands for.
pub(super) fn spellings(secret: &str) -> Vec<String> {
    let mut bytes = vec![secret.as_bytes().to_vec()];
    bytes.extend(base32(secret));
    let bare = secret.strip_prefix("rt_").unwrap_or(secret);
    if let Some(raw) = URL_SAFE_NO_PAD.decode(bare).ok().filter(|raw| raw.len() >= 16) {
        bytes.extend([raw[..16].to_vec(), raw[raw.len() - 16..].to_vec(), raw]);
    }
    let mut spellings = vec![secret.to_lowercase()];
    for bytes in bytes {
        spellings.push(bytes.iter().map(|byte| format!("{byte:02x}")).collect());
        for engine in [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD] {
            spellings.push(engine.encode(&bytes).to_lowercase());
        }
    }
    spellings
}

/// RFC 4648 §6; `None` for what is no base32.
fn base32(text: &str) -> Option<Vec<u8>> {
    let mut bits = String::new();
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'2'..=b'7' => letter - b'2' + 26,
            _ => return None,
        };
        bits.push_str(&format!("{value:05b}"));
    }
    let bytes = bits.as_bytes().chunks_exact(8).map(|byte| {
        let byte = std::str::from_utf8(byte).ok()?;
        u8::from_str_radix(byte, 2).ok()
    });
    bytes.collect()
}
