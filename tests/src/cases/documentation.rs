//! The tables that people read, against the tables that the code is made of.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use auth_core::{Auth, ProblemCode};

pub(super) fn the_readme_lists_the_endpoints() {
    let listed = table("../README.md", "endpoints", &["Method", "Path", "Who", "What"]);
    let endpoints =
        Auth::endpoints().map(|endpoint| format!("{} {}", endpoint.method, endpoint.path));
    assert_same(&listed, endpoints);
}

pub(super) fn the_manual_lists_the_problems() {
    let listed =
        table("../auth-core/src/manual/defaults.md", "problems", &["code", "status", "when"]);
    let codes =
        ProblemCode::ALL.iter().map(|code| format!("{} {}", code.as_str(), code.status().as_u16()));
    assert_same(&listed, codes);
}

/// Reads the first two columns of the table between `<!-- name -->` and `<!-- /name -->`.
#[track_caller]
fn table(file: &str, name: &str, columns: &[&str]) -> Vec<String> {
    let rows = rows(file, name, columns);
    rows.iter()
        .map(|row| format!("{} {}", row[0].trim_matches('`'), row[1].trim_matches('`')))
        .collect()
}

/// Reads the table between `<!-- name -->` and `<!-- /name -->`, of which no cell is empty.
#[track_caller]
pub(super) fn rows(file: &str, name: &str, columns: &[&str]) -> Vec<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
    let table = text
        .split_once(&format!("<!-- {name} -->"))
        .and_then(|(_, rest)| rest.split_once(&format!("<!-- /{name} -->")))
        .unwrap_or_else(|| panic!("{file} has no table between the marks of {name}"))
        .0;
    let mut lines = table.lines().map(str::trim).filter(|line| !line.is_empty());
    assert_eq!(cells(lines.next().unwrap_or_default()), columns, "{file}");
    assert!(lines.next().is_some_and(|line| line.starts_with("|-")), "{file}: no rule");
    let row = |line: &str| {
        let cells = cells(line);
        let full = cells.len() == columns.len() && cells.iter().all(|cell| !cell.is_empty());
        assert!(full, "{file}: {line}");
        cells.into_iter().map(str::to_owned).collect()
    };
    lines.map(row).collect()
}

fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

#[track_caller]
fn assert_same(listed: &[String], actual: impl Iterator<Item = String>) {
    let actual: BTreeSet<String> = actual.collect();
    let unique: BTreeSet<String> = listed.iter().cloned().collect();
    let missing: Vec<_> = actual.difference(&unique).collect();
    let extra: Vec<_> = unique.difference(&actual).collect();
    assert!(missing.is_empty() && extra.is_empty(), "missing: {missing:#?}, too much: {extra:#?}");
    assert_eq!(listed.len(), unique.len(), "a row is there twice");
}
