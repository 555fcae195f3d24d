use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::PathBuf;

use super::*;
use crate::{MessageId, OneTimeToken};

#[test]
fn a_link_leads_to_the_front_end_and_carries_the_token_in_its_fragment() {
    let templates = Templates::new(None).unwrap();
    let own = Config::new("https://app.example.com").unwrap().product_name("Café");
    let front = own.clone().front_end_url("https://front.example.com/account/").unwrap();
    for (kind, config, link) in [
        (
            MessageKind::Activation,
            &own,
            "https://app.example.com/api/auth/activate-account#token=t0ken",
        ),
        (
            MessageKind::Activation,
            &front,
            "https://front.example.com/account/activate-account#token=t0ken",
        ),
        (
            MessageKind::PasswordReset,
            &front,
            "https://front.example.com/account/reset-password#token=t0ken",
        ),
        (
            MessageKind::EmailChange,
            &own,
            "https://app.example.com/api/auth/confirm-email-change#token=t0ken",
        ),
        (
            MessageKind::Invitation,
            &front,
            "https://front.example.com/account/account#invitation=t0ken",
        ),
        (
            MessageKind::UserCreated,
            &own,
            "https://app.example.com/api/auth/reset-password#token=t0ken",
        ),
    ] {
        let email = templates.email(&message(kind), config, NOW).unwrap();
        assert_eq!(email.link.as_deref(), Some(link));
        assert!(email.text.contains(link), "{}", email.text);
        assert!(email.html.contains(link), "{}", email.html);
        assert!(email.subject.contains("Café"), "{}", email.subject);
        assert_eq!(email.message_id, "<00000000-0000-0000-0000-000000000007@app.example.com>");
        assert_eq!(email.sent_at, NOW);
    }
}

#[test]
fn a_notice_never_carries_a_token() {
    let templates = Templates::new(None).unwrap();
    let config = Config::new("https://app.example.com").unwrap();
    for kind in MessageKind::ALL.into_iter().filter(|kind| Link::of(*kind, &config).is_none()) {
        let email = templates.email(&message(kind), &config, NOW).unwrap();
        assert_eq!(email.link, None);
        assert!(!format!("{}{}{}", email.subject, email.text, email.html).contains("t0ken"));
    }
}

#[test]
fn a_message_that_waited_tells_what_is_left() {
    let templates = Templates::new(None).unwrap();
    let config = Config::new("https://app.example.com").unwrap();
    let message = message(MessageKind::PasswordReset);
    for (waited, text) in [(0, "30 minutes"), (1, "30 minutes"), (20 * 60, "10 minutes")] {
        let now = NOW.plus(Duration::from_secs(waited));
        let email = templates.email(&message, &config, now).unwrap();
        assert!(email.text.contains(text), "{}", email.text);
    }
}

#[test]
fn a_link_without_a_token_is_not_sent() {
    let templates = Templates::new(None).unwrap();
    let config = Config::new("https://app.example.com").unwrap();
    let message = Message { token: None, ..message(MessageKind::Activation) };
    assert!(templates.email(&message, &config, NOW).is_err());
}

#[test]
fn html_is_escaped_and_a_subject_is_one_line() {
    let folder = Folder::new("escaping");
    folder.write("email/welcome.subject", "\n Hello\r\n {{ product_name }}\u{0}!\n");
    let templates = Templates::new(Some(&folder.0)).unwrap();
    let config =
        Config::new("https://app.example.com").unwrap().product_name("<script>alert(1)</script>");
    let email = templates.email(&message(MessageKind::Welcome), &config, NOW).unwrap();
    assert!(!email.html.contains("<script"), "{}", email.html);
    assert!(email.text.contains("<script>"), "{}", email.text);
    assert_eq!(email.subject, "Hello <script>alert(1)</script> !");
}

#[test]
fn a_mail_is_in_the_language_of_its_message_or_the_default_one() {
    let templates = Templates::new(None).unwrap();
    let english = Config::new("https://app.example.com").unwrap();
    let french = english.clone().default_language(Language::French);
    for (language, config, subject, tag, expires) in [
        (None, &english, "Activate your Auth account", "en", "24 hours"),
        (None, &french, "Activez votre compte Auth", "fr", "24 heures"),
        (Some(Language::German), &french, "Aktivieren Sie Ihr Konto bei Auth", "de", "24 Stunden"),
        (Some(Language::Spanish), &french, "Active su cuenta de Auth", "es", "24 horas"),
        (Some(Language::Chinese), &french, "激活您的 Auth 账户", "zh", "24 小时"),
    ] {
        let message = Message { language, ..message(MessageKind::Activation) };
        let email = templates.email(&message, config, NOW).unwrap();
        assert_eq!(email.subject, subject);
        assert!(email.html.contains(&format!("<html lang=\"{tag}\"")), "{}", email.html);
        for part in [&email.text, &email.html] {
            assert!(part.contains(expires), "{part}");
        }
    }
}

#[test]
fn a_hosts_catalog_replaces_single_texts() {
    let folder = Folder::new("catalog");
    folder.write("locales/de.json", r#"{ "welcome.title": "Moin <b>" }"#);
    folder.write("locales/de.json.orig", "of no concern");
    folder.write("package.json", "of no concern");
    let templates = Templates::new(Some(&folder.0)).unwrap();
    let config = Config::new("https://app.example.com").unwrap();
    for (language, title, why) in [
        (Language::German, "Moin &lt;b&gt;</h1>", "Diese E-Mail wurde von"),
        (Language::English, "Welcome</h1>", "This mail was sent to"),
    ] {
        let message = Message { language: Some(language), ..message(MessageKind::Welcome) };
        let email = templates.email(&message, &config, NOW).unwrap();
        assert!(email.html.contains(title) && email.html.contains(why), "{}", email.html);
    }
}

#[test]
fn a_broken_catalog_refuses_to_start_and_names_file_and_key() {
    for (number, (file, content, named)) in [
        ("locales/de.json", r#"{ "welcome.titel": "Hallo" }"#, "\"welcome.titel\""),
        ("locales/en.json", r#"{ "welcome.subject": "Hi" }"#, "\"welcome.subject\""),
        ("locales/en.json", r#"{ "welcome.title": "Hi {email}" }"#, "\"welcome.title\""),
        ("locales/en.json", r#"{ "welcome.title": 1 }"#, "line 1"),
        ("locales/en.json", "[]", "object"),
        ("locales/it.json", "{}", "no such language"),
        ("locales/de.txt", "", "no such language"),
    ]
    .into_iter()
    .enumerate()
    {
        let folder = Folder::new(&format!("catalog-{number}"));
        folder.write(file, content);
        let error = Templates::new(Some(&folder.0)).unwrap_err();
        assert_eq!(error.key(), "templates");
        let error = error.to_string();
        assert!(error.contains(file) && error.contains(named), "{error}");
    }
}

#[test]
fn every_kind_is_written_in_every_language() {
    let templates = Templates::new(None).unwrap();
    let config = Config::new("https://app.example.com").unwrap();
    for kind in MessageKind::ALL {
        let email = |language| {
            let message = Message { language: Some(language), ..message(kind) };
            templates.email(&message, &config, NOW).unwrap()
        };
        let subjects: BTreeSet<_> = Language::ALL.map(|one| email(one).subject).into();
        assert_eq!(subjects.len(), Language::ALL.len(), "{kind}");
    }
}

#[test]
fn a_hosts_file_replaces_one_file_and_its_children_follow() {
    let folder = Folder::new("overrides");
    folder.write(
        "email/layout.html",
        "OURS {% block title %}{% endblock %} {% block body %}{% endblock %}",
    );
    folder.write(
        "email/activation.html",
        "{% extends \"builtin/email/activation.html\" %}{% block title %}T{% endblock %}",
    );
    folder.write("email/activation.html~", "{{ of no concern");
    let templates = Templates::new(Some(&folder.0)).unwrap();
    let config = Config::new("https://app.example.com").unwrap();
    for kind in [MessageKind::Welcome, MessageKind::Activation] {
        let email = templates.email(&message(kind), &config, NOW).unwrap();
        assert!(email.html.starts_with("OURS "), "{}", email.html);
    }
}

#[test]
fn a_broken_override_refuses_to_start_and_names_the_file() {
    for (number, (file, content)) in [
        ("email/activation.html", "{{ unknown_name }}"),
        ("email/activation.txt", "{% if %}"),
        ("email/activation.txt", "no link"),
        ("email/welcome.txt", "{{ link }}"),
        ("email/welcome.subject", " \n"),
        ("email/welcom.txt", "misspelled"),
        ("activation.txt", "{{ link }}"),
        ("pages/mailbox.html", "{% extends \"pages/none.html\" %}"),
        ("pages/style.css", "p { color: red }</STYLE><script>"),
    ]
    .into_iter()
    .enumerate()
    {
        let folder = Folder::new(&format!("broken-{number}"));
        folder.write(file, content);
        let error = Templates::new(Some(&folder.0)).unwrap_err();
        assert_eq!(error.key(), "templates");
        assert!(error.to_string().contains(file), "{file}: {error}");
    }
    let missing = Templates::new(Some(Path::new("/nonexistent"))).unwrap_err();
    assert!(missing.to_string().contains("/nonexistent"), "{missing}");
}

#[cfg(feature = "pages")]
#[test]
fn a_page_allows_exactly_what_it_inlines() {
    let folder = Folder::new("line-endings");
    folder.write("pages/style.css", "p {\r\n}\r\n");
    let config = Config::new("https://app.example.com").unwrap().product_name("A<b>");
    for overrides in [None, Some(folder.0.as_path())] {
        let templates = Templates::new(overrides).unwrap();
        for page in [
            PageKind::Account,
            PageKind::ActivateAccount,
            PageKind::ConfirmEmailChange,
            PageKind::ResetPassword,
        ] {
            let page = templates.page(page, &config, Language::English).unwrap();
            let policy = &page.content_security_policy;
            for element in ["style", "script"] {
                let (start, end) = (format!("<{element}>"), format!("</{element}>"));
                assert_eq!(page.html.matches(&start).count(), 1);
                let content = page.html.split_once(&start).unwrap().1.split_once(&end).unwrap().0;
                let digest = STANDARD.encode(Sha256::digest(content));
                assert!(!content.contains('\r'), "{content:?}");
                assert!(policy.contains(&format!("{element}-src 'sha256-{digest}'")), "{policy}");
            }
            assert!(policy.starts_with("default-src 'none'; "), "{policy}");
            assert!(!page.html.contains("<b>") && page.html.contains("A&lt;b&gt;"));
        }
    }
}

#[test]
fn the_mailbox_page_escapes_mails_and_runs_no_script() {
    let templates = Templates::new(None).unwrap();
    let config = Config::new("http://127.0.0.1:8000").unwrap();
    let email = Email { text: "<script>".to_owned(), ..crate::mailer::sample() };
    let page = templates.mailbox_page(&[email], "/dev/mailbox.json", &config).unwrap();
    assert!(page.html.contains("<a href=\"https://example.com/#token=s3cret\">"));
    assert!(!page.html.contains("<script"), "{}", page.html);
    assert!(!page.content_security_policy.contains("script-src"));
}

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn message(kind: MessageKind) -> Message {
    Message {
        id: MessageId::from(uuid::Uuid::from_u128(7)),
        kind,
        recipient: "bob@example.org".to_owned(),
        username: Some("bob".to_owned()),
        language: None,
        token: Some(OneTimeToken::from("t0ken")),
        created_at: NOW,
        not_after: Some(NOW.plus(if kind == MessageKind::PasswordReset {
            Duration::from_secs(30 * 60)
        } else {
            Duration::from_secs(24 * 60 * 60)
        })),
        attempts: 1,
    }
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("auth-templates-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, file: &str, content: &str) {
        let path = self.0.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
