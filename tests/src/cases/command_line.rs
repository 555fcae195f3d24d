//! The command `auth`, beside a server on the same database.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};

use auth_core::cli::{self, Io};
use auth_core::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::adapters::block_on;
use crate::{App, Person};

pub(super) fn a_user_is_created_changed_shut_out_and_deleted(apps: &[App]) {
    let shell = Shell(&apps[0]);
    let app = shell.0;
    let person = Person { email: "grace@example.com".to_owned(), ..app.stranger() };
    let input = format!("{}\nmore\n", person.password);
    let create = ["user", "create", &person.email, "--username", "grace", "--password-stdin"];
    let user = shell.run(&create, &input).document();
    assert_eq!(user["email"], "grace@example.com");
    let tokens = app.sign_in(&person);

    let id = user["id"].as_str().expect("a user has an id");
    for who in ["grace@example.com", "GRACE@Example.com", "grace", id] {
        let shown = shell.run(&["user", "show", who], "").document();
        assert_eq!((&shown["id"], &shown["two_factor_enabled"]), (&user["id"], &json!(false)));
    }
    let roles = shell.run(&["user", "roles", "grace", "editor", "admin"], "").document();
    assert_eq!(roles["roles"], json!(["admin", "editor"]));
    assert_eq!(app.get("/me", Some(&tokens.access)).json()["roles"], roles["roles"]);
    let session = shell.run(&["user", "sessions", "grace"], "").document();
    assert_eq!(
        session["id"],
        app.get("/sessions", Some(&tokens.access)).json()["sessions"][0]["id"]
    );

    shell.run(&["user", "disable", "grace"], "").document();
    assert_eq!(app.get("/me", Some(&tokens.access)).status, 401);
    assert_eq!(shell.run(&["user", "list", "--state", "active"], "").output, "");
    shell.run(&["user", "enable", "grace"], "").document();
    app.sign_in(&person);
    let revoked = shell.run(&["user", "sessions", "grace", "--revoke"], "").document();
    assert_eq!(revoked["revoked"], 1);

    let refused = shell.run(&["user", "delete", "grace"], "y\n");
    assert_eq!(refused.code, 2, "{refused:?}");
    shell.run(&["user", "delete", "grace", "--yes"], "").document();
    let gone = shell.run(&["user", "show", "grace"], "");
    assert_eq!((gone.code, gone.output.as_str()), (1, ""));

    let events = shell.run(&["events", "--user", id, "--since", "1h", "--limit", "50"], "");
    let events = events.documents();
    let kinds: Vec<_> = events
        .iter()
        .filter(|event| event["actor"] == "operator:cli:ada")
        .map(|event| event["kind"].as_str().expect("an event has a kind"))
        .collect();
    let expected = [
        "user_deleted",
        "session_revoked",
        "user_enabled",
        "session_revoked",
        "user_disabled",
        "authz_change",
        "user_created",
    ];
    assert_eq!(kinds, expected, "{events:?}");
}

pub(super) fn links_are_mailed_and_never_printed(apps: &[App]) {
    let shell = Shell(&apps[0]);
    let app = shell.0;
    shell.run(&["user", "create", "lin@example.com", "--role", "editor"], "").document();
    shell.run(&["user", "invite", "kay@example.com"], "").document();
    let waiting = shell.run(&["outbox", "list", "--state", "waiting"], "");
    let shown: Vec<Value> = waiting.documents();
    let kinds: Vec<_> = shown.iter().map(|mail| mail["kind"].as_str().unwrap_or("?")).collect();
    assert_eq!(kinds, ["invitation", "user_created"]);
    let export = shell.run(&["user", "export", "lin@example.com"], "");
    let events = shell.run(&["events"], "");

    let token = app.mails().iter().find(|mail| mail.to == "lin@example.com").map(App::token_of);
    let token = token.expect("the mail has a link");
    for printed in [&waiting, &export, &events] {
        assert!(!printed.output.contains(&token), "{printed:?}");
    }
    let body = json!({ "token": token, "password": "seven plum tractors hum" });
    assert_eq!(app.post("/reset-password", body).status, 200);
    let sent = shell.run(&["outbox", "show", shown[1]["id"].as_str().unwrap_or("?")], "");
    assert_eq!(sent.document()["state"], "sent");
    app.mails();
    shell.run(&["user", "send-reset", "lin@example.com"], "").document();
    app.mailed_token("lin@example.com");
}

pub(super) fn users_are_imported_and_what_is_refused_is_said(apps: &[App]) {
    let shell = Shell(&apps[0]);
    let users = "{\"email\":\"ann@example.com\",\"activated\":true,\"roles\":[\"editor\"]}\n\
                 {\"email\":\"nobody\"}\n\
                 s3cret\n\
                 {\"email\":\"joe@example.com\"}\n";
    let report = |ran: &Ran| serde_json::from_str::<Value>(&ran.output).expect("it is JSON");
    let first = shell.run(&["import", "-"], users);
    assert_eq!((first.code, first.errors.as_str()), (1, ""), "{first:?}");
    let first = report(&first);
    assert_eq!([&first["created"], &first["refused"]], [2, 2], "{first}");
    assert_eq!(first["problems"][1]["record"], 3, "{first}");

    let again = shell.plain(&["import", "-"], users);
    assert!(again.output.contains("there before: 2, refused: 2"), "{again:?}");
    assert!(again.output.contains("record 2: email: "), "{again:?}");
    assert!(!again.output.contains("s3cret"), "{again:?}");
    let strict = report(&shell.run(&["import", "-", "--strict"], users));
    assert_eq!(strict["read"], 2);
    let missing = shell.run(&["import", "missing.jsonl"], "");
    assert_eq!((missing.code, missing.output.as_str()), (1, ""));
    let listed = shell.run(&["user", "list", "--role", "editor"], "").document();
    assert_eq!(listed["email"], "ann@example.com");
}

pub(super) fn jobs_say_what_they_did(apps: &[App]) {
    let shell = Shell(&apps[0]);
    assert_eq!(shell.run(&["migrate"], "").document(), json!({ "applied": 0 }));
    let person = shell.0.user();
    let tokens = shell.0.sign_in(&person);
    assert_eq!(shell.run(&["purge"], "").document()["sessions"], 0);
    let sealed = shell.run(&["reseal"], "").document();
    assert_eq!(sealed["signing_keys"]["unreadable"], 0, "{sealed}");
    assert!(sealed["signing_keys"]["current"].as_u64() > Some(0), "{sealed}");

    let next = shell.run(&["keys", "rotate"], "").document();
    assert_eq!(next["state"], "next");
    assert_eq!(shell.run(&["keys", "rotate"], "").document(), next);
    let keys = shell.run(&["keys", "list"], "").documents();
    assert_eq!(keys.last(), Some(&next));
    let new = shell.run(&["keys", "revoke", "--yes"], "").document();
    assert_eq!(shell.run(&["keys", "list"], "").documents(), [new]);

    let revoked = shell.run(&["revoke-all", "--yes"], "").document();
    assert_eq!(revoked, json!({ "revoked": 1 }));
    let refused = shell.0.post("/access", json!({ "refresh_token": tokens.refresh }));
    assert_eq!(refused.status, 401);
    let secret = shell.run(&["secret"], "").document();
    assert_eq!(secret["secret"].as_str().map(str::len), Some(44));
}

pub(super) fn the_doctor_says_what_is_wrong_and_fails_for_it(apps: &[App]) {
    let shell = Shell(&apps[0]);
    let well = shell.run(&["doctor"], "");
    let findings = well.documents();
    assert!(findings.iter().all(|finding| finding["severity"] != "error"), "{well:?}");
    let text = shell.plain(&["doctor"], "");
    assert_eq!((text.code, text.output.lines().count()), (0, findings.len().max(1)), "{text:?}");

    let file = tempfile::NamedTempFile::new().expect("there is room for a file");
    fs::write(file.path(), "mount = \"api\"\nproduct_name = \"\"\n").expect("it is written");
    let path = file.path().to_str().expect("it is UTF-8");
    let ill = shell.run(&["doctor", "--config", path], "");
    assert_eq!((ill.code, ill.errors.as_str()), (1, ""), "{ill:?}");
    assert_eq!(ill.output.matches("\"severity\":\"error\"").count(), 2, "{ill:?}");
    let refused = shell.run(&["user", "list", "--config", path], "");
    assert_eq!((refused.code, refused.output.as_str()), (1, ""), "{refused:?}");
}

pub(super) fn what_is_wrong_is_said_in_one_sentence(apps: &[App]) {
    let shell = Shell(&apps[0]);
    for (args, input, code, needle) in [
        (&["user", "create", "no address"][..], "", 1, "email: "),
        (&["user", "create", "a@example.com", "--password-stdin"], "\n", 1, "no password"),
        (&["user", "create", "a@example.com", "--password-stdin"], "password\n", 1, "password: "),
        (&["user", "create", "a@example.com", "--password", "x"], "", 2, "--password"),
        (&["user", "reset-2fa", "nobody", "--yes"], "", 1, "there is no user"),
        (&["user", "list", "--limit", "0"], "", 2, "--limit"),
        (&["outbox", "retry", "00000000-0000-0000-0000-000000000000"], "", 1, "there is no mail"),
        (&["outbox", "retry", "--all-failed", "x"], "", 2, "invalid value"),
        (&["events", "--since", "yesterday"], "", 2, "2h"),
        (&["events", "--kind", "nothing"], "", 2, "authn_login_fail"),
        (&["keys", "revoke"], "", 2, "--yes"),
        (&["revoke-all"], "", 2, "--yes"),
        (&["--config", "no.toml", "purge"], "", 1, "no.toml cannot be read"),
    ] {
        let ran = shell.run(args, input);
        assert_eq!((ran.code, ran.output.as_str()), (code, ""), "{args:?}: {ran:?}");
        let error: Value = serde_json::from_str(&ran.errors).expect("the error is JSON");
        let sentence = error["error"].as_str().expect("it is a sentence");
        assert!(sentence.contains(needle), "{args:?}: {sentence}");
        let text = shell.plain(args, input);
        assert_eq!(text.code, code);
        assert!(text.errors.starts_with("error: "), "{text:?}");
    }
}

pub(super) fn a_reader_that_goes_away_is_no_fault(apps: &[App]) {
    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let shell = Shell(&apps[0]);
    let mut errors = Vec::new();
    let code = shell.call(&["events"], "", &mut Closed, &mut errors);
    assert_eq!((code, errors.as_slice()), (0, &b""[..]));
}

/// Runs the command in this process, with the settings of a server.
struct Shell<'a>(&'a App);

/// What a call printed, and its exit code.
#[derive(Debug)]
struct Ran {
    code: u8,
    output: String,
    errors: String,
}

impl Shell<'_> {
    /// Runs the command for a program.
    fn run(&self, args: &[&str], input: &str) -> Ran {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        self.plain(&args, input)
    }

    /// Runs the command for people.
    fn plain(&self, args: &[&str], input: &str) -> Ran {
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let code = self.call(args, input, &mut output, &mut errors);
        let text = |bytes| String::from_utf8(bytes).expect("it prints UTF-8");
        Ran { code, output: text(output), errors: text(errors) }
    }

    /// The command lives in the present, and the server follows it there.
    fn call(
        &self,
        args: &[&str],
        input: &str,
        output: &mut dyn Write,
        errors: &mut dyn Write,
    ) -> u8 {
        let variables = [
            ("AUTH_DATABASE_URL", self.0.database_url()),
            ("AUTH_SECRET", SECRET),
            ("USER", "ada"),
        ];
        let variables = variables.map(|(name, value)| (name.into(), value.into()));
        let args = ["auth"].iter().chain(args).map(OsString::from);
        let mut input = input.as_bytes();
        let code = block_on(cli::run(args, variables, Io::new(&mut input, output, errors)));
        self.0.clock.set(SystemClock.now());
        code
    }
}

impl Ran {
    /// Returns everything that a call printed that did what it was asked to.
    #[track_caller]
    fn documents(&self) -> Vec<Value> {
        assert_eq!((self.code, self.errors.as_str()), (0, ""), "{self:?}");
        let lines = self.output.lines();
        lines.map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
    }

    /// Returns the only one of them.
    #[track_caller]
    fn document(&self) -> Value {
        let mut documents = self.documents();
        let document = documents.pop().expect("it printed something");
        assert_eq!(documents, [Value::Null; 0], "more than one");
        document
    }
}

/// The server's own, in base64.
const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
