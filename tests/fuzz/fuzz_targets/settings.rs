//! Settings: every text is understood or refused in one line, which tells no secret.

#![no_main]

use auth_core::settings::Settings;
use libfuzzer_sys::fuzz_target;

// A file, lines of variables, or, after a key, its value with `$` for what is secret in it.
fuzz_target!(|input: &str| {
    let (first, rest) = input.split_once('\n').unwrap_or(("", input));
    match first {
        "secret" | "pepper" | "smtp_url" | "redis_url" | "database_url" => {
            let value = rest.replace('$', SECRET);
            if !value.contains('\0') {
                let variable = (format!("AUTH_{}", first.to_ascii_uppercase()), value.clone());
                assert_discreet(None, vec![variable]);
            }
            let quoted = serde_json::Value::from(value).to_string();
            assert_discreet(Some(&format!("{first} = {quoted}")), Vec::new());
            assert_discreet(Some(&format!("{first} = [{quoted}, {quoted}]")), Vec::new());
        }
        "env" => {
            let lines = rest.lines().filter_map(|line| line.split_once('='));
            let variables = lines.map(|(name, value)| (name.to_owned(), value.to_owned()));
            refusal(None, variables.collect());
        }
        _ => {
            refusal(Some(input), Vec::new());
        }
    }
});

fn assert_discreet(toml: Option<&str>, variables: Vec<(String, String)>) {
    if let Some(refusal) = refusal(toml, variables) {
        assert!(!refusal.contains(SECRET), "{refusal}");
    }
}

fn refusal(toml: Option<&str>, variables: Vec<(String, String)>) -> Option<String> {
    let refusal = Settings::from_sources(toml, variables).err()?.to_string();
    assert!(!refusal.is_empty());
    Some(refusal)
}

const SECRET: &str = "hunter2hunter2";
