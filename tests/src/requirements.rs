//! The table of requirements, against the tests that it names.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Says what is wrong with the manual's table of requirements: tests that do not exist, rows that
/// name none and give no reason, and requirements that are missing.
///
/// `trials` are the trials of the suite, without adapter and store.
#[must_use]
pub fn untraced(trials: &BTreeSet<String>) -> Vec<String> {
    let text = read(TABLE);
    let mut faults = Vec::new();
    let mut controls: Vec<[&str; 4]> = Vec::new();
    let mut standard: Vec<[&str; 4]> = Vec::new();
    for line in text.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        match cells[..] {
            [id, what, how, test] if is_control(id) => controls.push([id, what, how, test]),
            [id, what, who, answer] if is_section(id) => standard.push([id, what, who, answer]),
            [head, ..] if ["ASVS", "id", ":--", "---"].contains(&head) => {}
            _ => faults.push(format!("this is no row: {line}")),
        }
    }

    let ids: BTreeSet<_> = controls.iter().map(|row| row[0]).collect();
    if ids.len() != controls.len() {
        faults.push("a control stands twice".to_owned());
    }
    for [id, what, how, test] in controls {
        let mut names = quoted(test);
        if is_reason(test) {
            // Beside tests, its text may name anything.
            names.retain(|name| name.contains("::"));
        }
        let missing = names.iter().filter(|name| !exists(name, trials));
        faults.extend(missing.map(|name| format!("{id}: there is no {name}")));
        if what.is_empty() || how.is_empty() || (names.is_empty() && !is_reason(test)) {
            faults.push(format!("{id}: a cell is empty, or neither test nor reason: {test}"));
        }
    }

    let listed: Vec<_> = standard.iter().map(|row| row[0].to_owned()).collect();
    let expected: Vec<_> = SECTIONS
        .iter()
        .flat_map(|(section, count)| (1..=*count).map(move |number| format!("{section}.{number}")))
        .collect();
    if listed != expected {
        faults.push(format!("of ASVS there are {listed:?}, and not {expected:?}"));
    }
    for [id, what, who, answer] in standard {
        let named: Vec<_> =
            answer.split([' ', ',', '.', ';']).filter(|word| is_control(word)).collect();
        let missing = named.iter().filter(|name| !ids.contains(*name));
        faults.extend(missing.map(|name| format!("{id}: there is no {name}")));
        let answered = !named.is_empty() || (who == "none" && !answer.is_empty());
        if what.is_empty() || !answered || !WHO.contains(&who) {
            faults.push(format!("{id}: who answers it how? {who}: {answer}"));
        }
    }
    faults
}

/// `REG-01`
fn is_control(id: &str) -> bool {
    id.split_once('-').is_some_and(|(area, number)| {
        area.len() == 3
            && area.bytes().all(|byte| byte.is_ascii_uppercase())
            && number.len() == 2
            && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// `6.2.10`
fn is_section(id: &str) -> bool {
    id.split('.').count() == 3
        && id
            .split('.')
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Why there is no test.
fn is_reason(text: &str) -> bool {
    let reason = REASONS.iter().find_map(|begin| text.strip_prefix(begin));
    reason.is_some_and(|reason| reason.trim().len() > 15)
}

fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// Whether there is a trial, a unit test, or a file with a text in it: `sign_up::…`,
/// `auth_core::crypto::totp::tests::…`, `.ci/run: step "tests"`.
fn exists(name: &str, trials: &BTreeSet<String>) -> bool {
    if let Some((file, text)) = name.split_once(": ") {
        return root().join(file).is_file() && read(file).contains(text);
    }
    trials.contains(name) || unit_test_exists(name)
}

fn unit_test_exists(name: &str) -> bool {
    let Some((package, rest)) = name.split_once("::") else { return false };
    let Some((modules, test)) = rest.rsplit_once("::") else { return false };
    let source = root().join(package.replace('_', "-")).join("src");
    let modules = modules.replace("::", "/");
    let above = modules.strip_suffix("tests").unwrap_or(&modules).trim_end_matches('/');
    let above = if above.is_empty() { "lib" } else { above };
    let files = [&modules, above].map(|path| source.join(path));
    files.iter().flat_map(|path| [path.with_extension("rs"), path.join("mod.rs")]).any(|file| {
        fs::read_to_string(file).is_ok_and(|source| {
            let mut lines = source.lines().map(str::trim);
            let mut is_test = false;
            lines.any(|line| {
                let begins = |prefix: &str| line.starts_with(&format!("{prefix}{test}("));
                let found = is_test && (begins("fn ") || begins("async fn "));
                is_test = line == "#[test]"
                    || line.starts_with("#[tokio::test")
                    || (is_test && line.starts_with("#["));
                found
            })
        })
    })
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is a folder of the project")
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

const TABLE: &str = "auth-core/src/manual/requirements.md";

/// The sections of ASVS 5.0 on authentication, sessions and self-contained tokens, and how many
/// requirements each has.
const SECTIONS: &[(&str, usize)] = &[
    ("6.1", 3),
    ("6.2", 12),
    ("6.3", 8),
    ("6.4", 6),
    ("6.5", 8),
    ("6.6", 4),
    ("6.7", 2),
    ("6.8", 4),
    ("7.1", 3),
    ("7.2", 4),
    ("7.3", 2),
    ("7.4", 5),
    ("7.5", 3),
    ("7.6", 2),
    ("9.1", 3),
    ("9.2", 4),
];
const WHO: [&str; 4] = ["crate", "host", "option", "none"];
const REASONS: [&str; 4] = ["By construction: ", "Left: ", "Not offered: ", "The host's: "];
