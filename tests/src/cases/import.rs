//! Users of another system come in as they were there.

use std::collections::BTreeMap;

use auth_core::{HookError, ImportOptions, ImportReport, ImportedUser, SignUpHook, Tx, User};
use serde_json::json;

use super::assertions::assert_problem;
use super::counting::{assert_tally, rows};
use super::probes::try_sign_in;
use crate::adapters::block_on;
use crate::{App, totp_code};

pub(super) fn they_sign_in_as_they_did_there(apps: &[App]) {
    let app = &apps[0];
    let known = app.user();
    let hash = app.texts("SELECT password_hash FROM auth_users");
    let hash = hash[0].as_deref().expect("a user has one");
    let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let lines = [
        json!({ "email": "Ada@Example.com", "username": "ada", "password_hash": hash,
                "activated": true, "created_at": "2019-02-03T04:05:06Z", "language": "de",
                "roles": ["writer", "editor", "writer"], "metadata": { "plan": "free" } }),
        json!({ "email": "bob@example.com", "password_hash": hash, "totp_secret": secret,
                "activated_at": "2020-01-01T00:00:00Z", "created_at": "2020-01-01T00:00:00Z" }),
        json!({ "email": "cy@example.com", "password_hash": hash }),
        json!({ "email": "dan@example.com", "activated": true }),
        json!({ "email": known.email.to_uppercase(), "username": "somebody", "activated": true }),
    ]
    .map(|line| line.to_string());
    let report = import(app, &lines, ImportOptions::new());
    assert_eq!(counts(&report), (5, 4, 1, 0), "{report:?}");
    assert!(app.mails().is_empty(), "nobody is mailed");

    let password = &known.password;
    let sign_in = |name: &str| app.post("/sign-in", json!({ "email": name, "password": password }));
    let body = App::tokens(&sign_in("ada@example.com")).body;
    assert_eq!(body["user"]["email"], "Ada@Example.com");
    assert_eq!(body["user"]["roles"], json!(["editor", "writer"]));
    assert_eq!(body["user"]["created_at"], "2019-02-03T04:05:06Z");
    assert_eq!(body["user"]["activated_at"], "2019-02-03T04:05:06Z");
    assert_eq!(
        app.texts("SELECT language FROM auth_users WHERE username = 'ada'"),
        [Some("de".to_owned())]
    );
    let first = sign_in("bob@example.com").json();
    assert_eq!(first["status"], "mfa_required", "{first}");
    let code = totp_code(secret, auth_core::Clock::now(&app.clock));
    let second = json!({ "mfa_token": first["mfa_token"], "code": code });
    App::tokens(&app.post("/sign-in-mfa", second));
    assert_problem(&sign_in("cy@example.com"), 403, "account_not_activated");
    assert_problem(&sign_in("dan@example.com"), 401, "invalid_credentials");
    app.sign_in(&known);
    app.post("/request-password-reset", json!({ "email": "dan@example.com" }));
    let token = app.mailed_token("dan@example.com");
    let reset = json!({ "token": token, "password": password });
    assert_tally(&[app.post("/reset-password", reset), sign_in("dan@example.com")], &[("200", 2)]);

    let events = "auth_events WHERE kind = 'user_created' AND actor = 'operator:ada'";
    assert_eq!(rows(app, events), 4);
    assert_eq!(counts(&import(app, &lines, ImportOptions::new())), (5, 0, 5, 0));
    assert_eq!((rows(app, "auth_users"), rows(app, events)), (5, 4));
}

pub(super) fn what_is_not_acceptable_is_refused_and_named(apps: &[App]) {
    let app = &apps[0];
    let refused = [
        (json!({ "email": "nobody" }), Some("email")),
        (json!({ "email": "a@example.com", "username": "a b" }), Some("username")),
        (json!({ "email": "b@example.com", "username": "taken" }), Some("username")),
        (json!({ "email": "c@example.com", "password_hash": "md5:123" }), Some("password_hash")),
        (
            json!({ "email": "d@example.com", "created_at": "2999-01-01T00:00:00Z" }),
            Some("created_at"),
        ),
        (
            json!({ "email": "e@example.com", "activated_at": "2001-01-01T00:00:00Z" }),
            Some("activated_at"),
        ),
        (json!({ "email": "f@example.com", "roles": [""] }), Some("roles")),
        (
            json!({ "email": "g@example.com", "metadata": { "x": "y".repeat(20_000) } }),
            Some("metadata"),
        ),
        (json!({ "email": "h@example.com", "language": "xx" }), Some("language")),
        (
            json!({ "email": "i@example.com", "totp_secret": "GEZDGNBVGY3TQOJQ" }),
            Some("totp_secret"),
        ),
        (
            json!({ "email": "j@example.com", "activated": true, "totp_secret": "short" }),
            Some("totp_secret"),
        ),
        (json!({ "email": "k@example.com", "password": "in the clear" }), None),
    ];
    let mut lines = vec![json!({ "email": "first@example.com", "username": "Taken" }).to_string()];
    lines.extend(refused.iter().map(|(line, _)| line.to_string()));
    lines.push("no json".to_owned());
    lines.push(json!({ "email": "last@example.com" }).to_string());
    let report = import(app, &lines, ImportOptions::new());
    assert_eq!(counts(&report), (15, 2, 0, 13), "{report:?}");
    let found: BTreeMap<_, _> =
        report.problems.iter().map(|problem| (problem.record, problem.key)).collect();
    for (at, (line, key)) in refused.iter().enumerate() {
        assert_eq!(found.get(&(at as u64 + 2)), Some(key), "{line}: {report:?}");
    }
    assert!(!format!("{report:?}").contains("in the clear"));
    assert_eq!(rows(app, "auth_users"), 2);

    let few = import(app, &lines, ImportOptions::new().kept(3));
    assert_eq!((counts(&few), few.problems.len()), ((15, 0, 2, 13), 3));
    let more = [json!({ "email": "m@example.com" }).to_string(), "{".to_owned(), lines[0].clone()];
    let strict = import(app, &more, ImportOptions::new().strict());
    assert_eq!(counts(&strict), (2, 1, 0, 1), "what came before stays");
    assert_eq!(rows(app, "auth_users"), 3);
}

/// More than fits into one transaction; what the host refuses takes nobody else along.
pub(super) fn the_host_has_its_say_for_each(apps: &[App]) {
    struct Hook;

    #[async_trait::async_trait]
    impl SignUpHook for Hook {
        async fn signed_up(&self, tx: &mut Tx, user: &User) -> Result<(), HookError> {
            let sql = "INSERT INTO host_people (email) VALUES ($1)";
            if let Some(connection) = tx.postgres() {
                sqlx::query(sql).bind(&user.email).execute(connection).await?;
            } else if let Some(connection) = tx.sqlite() {
                sqlx::query(sql).bind(&user.email).execute(connection).await?;
            }
            if user.email.starts_with("evil") { Err("not here".into()) } else { Ok(()) }
        }
    }

    let app = &apps[0].beside(App::config(), |builder| builder.on_sign_up(Hook));
    app.execute(
        "CREATE TABLE host_people (email TEXT PRIMARY KEY CHECK (email <> 'p7@example.com'))",
    );
    if app.kind == crate::StoreKind::Postgres {
        app.execute("GRANT INSERT ON host_people TO PUBLIC");
    }
    let lines: Vec<String> = (0..1_200)
        .map(|n| {
            let name = if n % 400 == 5 { "evil" } else { "p" };
            json!({ "email": format!("{name}{n}@example.com") }).to_string()
        })
        .collect();
    let report = import(app, &lines, ImportOptions::new());
    assert_eq!(counts(&report), (1_200, 1_196, 0, 4), "{report:?}");
    assert!(report.problems[0].to_string().starts_with("record 6: the host refuses: not here"));
    assert_eq!((rows(app, "auth_users"), rows(app, "host_people")), (1_196, 1_196));
    assert_eq!(rows(app, "auth_events WHERE kind = 'user_created'"), 1_196);
}

/// Records may come from a pipe, and whoever fills that may take long.
pub(super) fn a_record_that_is_awaited_holds_up_nobody(apps: &[App]) {
    let app = &apps[0];
    let person = app.user();
    let records = (0..3).map(|n| {
        app.sign_in(&person);
        Ok::<_, String>(ImportedUser::new(&format!("p{n}@example.com")))
    });
    let imported = block_on(app.auth.operator("ada").import(records, ImportOptions::new(), |_| {}));
    assert_eq!(counts(&imported.expect("the database answers")), (3, 3, 0, 0));
}

fn import(app: &App, lines: &[String], options: ImportOptions) -> ImportReport {
    let records = lines.iter().map(|line| serde_json::from_str::<ImportedUser>(line));
    let mut told = 0;
    let operator = app.auth.operator("ada");
    let report = block_on(operator.import(records, options, |report| told = report.read));
    let report = report.expect("the database answers");
    assert_eq!(told, report.read);
    report
}

fn counts(report: &ImportReport) -> (u64, u64, u64, u64) {
    (report.read, report.created, report.skipped, report.refused)
}

pub(super) fn whoever_proved_nothing_keeps_nobody_out(apps: &[App]) {
    let app = &apps[0];
    let (squatter, owner) = (app.stranger(), app.user());
    app.sign_up(&squatter);
    let record = |email: &str| {
        let hash =
            "pbkdf2_sha256$1000$s000000000000000$RaK3iJ9PXgaUcxij5WWtxnMLtH3drUVL0fwjH9EgCyg=";
        let record = json!({ "email": email, "activated": true, "password_hash": hash });
        serde_json::from_value::<ImportedUser>(record)
    };
    let records = [record(&squatter.email), record(&owner.email)];
    let operator = app.auth.operator("ada");
    let report = block_on(operator.import(records, ImportOptions::default(), |_| ()));
    let report = report.expect("the database answers");
    assert_eq!((report.created, report.skipped, report.refused), (1, 1, 0), "{report:?}");
    assert_eq!(try_sign_in(app, &squatter.email, &squatter.password).status, 401);
    assert_eq!(try_sign_in(app, &squatter.email, "correct horse 0 battery").status, 200);
    app.sign_in(&owner);
}
