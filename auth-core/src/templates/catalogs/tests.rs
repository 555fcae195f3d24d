use super::super::files::TEMPLATES;
use super::*;

#[test]
fn every_language_says_the_same_things_about_the_same_values() {
    let catalogs = Catalogs::new(&[]).unwrap();
    let english = &catalogs.0[&Language::English];
    for (language, texts) in &catalogs.0 {
        assert!(texts.keys().eq(english.keys()), "{language} has other keys");
        for (key, text) in texts {
            let names = placeholders(text);
            assert_eq!(names, placeholders(&english[key]), "{language}: {key}");
            let braces = text.matches(['{', '}']).count();
            assert_eq!(braces, 2 * text.matches('{').count(), "{language}: {key}");
            assert!(!text.contains(['<', '>', '&']), "{language}: {key} is text, not HTML");
            assert!(!text.trim().is_empty() && text.trim() == text, "{language}: {key}");
            let translated = *language == Language::English || text != &english[key];
            assert!(translated || text.starts_with("{count} minute"), "{language}: {key}");
        }
    }
}

#[test]
fn no_catalog_has_a_key_twice() {
    for language in Language::ALL {
        let lines = builtin(language).lines().filter(|line| line.starts_with("  \"")).count();
        let texts: BTreeMap<String, String> = serde_json::from_str(builtin(language)).unwrap();
        assert_eq!(lines, texts.len(), "{language}");
    }
}

#[test]
fn every_text_is_used() {
    let catalogs = Catalogs::new(&[]).unwrap();
    for key in catalogs.0[&Language::English].keys().filter(|key| !key.starts_with("duration.")) {
        let call = format!("t(key=\"{key}\"");
        assert!(TEMPLATES.iter().any(|(_, content)| content.contains(&call)), "{key}");
    }
}

#[test]
fn no_template_has_words_of_its_own() {
    // These are for developers.
    let english = ["pages/docs.html", "pages/mailbox.html"];
    for (name, content) in TEMPLATES.iter().filter(|(name, _)| !english.contains(name)) {
        let mut text = (*content).to_owned();
        for (open, close) in [("{{", "}}"), ("{%", "%}"), ("{#", "#}")] {
            text = without(&text, open, close);
        }
        if name.ends_with(".html") {
            text = without(&text, "<", ">");
        }
        assert!(!text.contains(char::is_alphabetic), "{name}: {}", text.trim());
    }
}

#[test]
fn durations_are_spelled_as_people_say_them() {
    let catalogs = Catalogs::new(&[]).unwrap();
    for (secs, text) in [
        (0, "0 seconds"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (90, "2 minutes"),
        (30 * 60, "30 minutes"),
        (3_600, "1 hour"),
        (90 * 60, "90 minutes"),
        (23 * 3_600 + 50 * 60, "23 hours"),
        (24 * 3_600 - 1, "24 hours"),
        (24 * 3_600, "24 hours"),
        (2 * 86_400, "2 days"),
        (60 * 3_600, "60 hours"),
        (7 * 86_400, "7 days"),
    ] {
        let spelled = catalogs.duration(Language::English, Duration::from_secs(secs)).unwrap();
        assert_eq!(spelled, text, "{secs} s");
    }
}

#[test]
fn plurals_follow_the_language() {
    let catalogs = Catalogs::new(&[]).unwrap();
    for (language, none, one, many) in [
        (Language::Chinese, "0 秒", "1 小时", "24 小时"),
        (Language::English, "0 seconds", "1 hour", "24 hours"),
        (Language::French, "0 seconde", "1 heure", "24 heures"),
        (Language::German, "0 Sekunden", "1 Stunde", "24 Stunden"),
        (Language::Spanish, "0 segundos", "1 hora", "24 horas"),
    ] {
        for (secs, text) in [(0, none), (3_600, one), (24 * 3_600, many)] {
            let spelled = catalogs.duration(language, Duration::from_secs(secs)).unwrap();
            assert_eq!(spelled, text);
        }
    }
}

#[test]
fn a_value_stands_for_its_placeholder_and_for_no_other() {
    let german = r#"{ "mail.hello_username": "{{username} {}{username}} { {Username}" }"#;
    let catalogs = Catalogs::new(&[(Language::German, german.to_owned())]).unwrap();
    let text = |name: &str| (name == "username").then(|| "{email}".to_owned());
    let filled = catalogs.text(Language::German, "mail.hello_username", text).unwrap();
    assert_eq!(filled, "{{email} {}{email}} { {Username}");
    let missing = catalogs.text(Language::German, "mail.why", text).unwrap_err();
    assert!(missing.contains("\"mail.why\""), "{missing}");
    assert!(catalogs.text(Language::German, "mail.none", text).is_err());
}

/// The text without what stands from each `open` to the next `close`.
fn without(text: &str, open: &str, close: &str) -> String {
    let mut parts = text.split(open);
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str(part.split_once(close).unwrap_or_else(|| panic!("{open}{part}")).1);
    }
    kept
}
