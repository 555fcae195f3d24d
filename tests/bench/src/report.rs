//! The table of figures.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use auth_bench::Result;

/// What a ratio is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    fn is_met(self, ratio: f64) -> bool {
        match self {
            Self::AtLeast(least) => ratio >= least,
            Self::AtMost(most) => ratio <= most,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(least) => format!("≥ {least:.2}"),
            Self::AtMost(most) => format!("≤ {most:.2}"),
        }
    }
}

/// One figure.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) place: String,
    pub(crate) measured: String,
    pub(crate) ratio: f64,
    /// What the ratio is to.
    pub(crate) of: String,
    pub(crate) goal: Option<Goal>,
}

/// Rows as they were measured.
#[derive(Debug, Default)]
pub(crate) struct Report(Vec<Row>);

impl Report {
    /// Adds a row, and shows it at once.
    pub(crate) fn add(&mut self, row: Row) {
        eprintln!("{}", row.text());
        self.0.push(row);
    }

    /// Adds what is no ratio.
    pub(crate) fn fact(&mut self, what: &str, place: &str, measured: String) {
        let (what, place) = (what.to_owned(), place.to_owned());
        self.add(Row { what, place, measured, ratio: f64::NAN, of: String::new(), goal: None });
    }

    /// Returns it as Markdown.
    pub(crate) fn table(&self) -> String {
        table(self.0.iter())
    }

    /// Writes what was measured between the marks of the documentation: all of it in the file beside
    /// this program's sources, what tells most in the project's README, and what concerns several
    /// instances in the manual.
    pub(crate) fn write(&self, about: &str) -> Result<()> {
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let write = |file, rows: &mut dyn Iterator<Item = &Row>| {
            let rows = table(rows);
            replace(&project.join(file), &format!("{about}\n\n{rows}"))
        };
        write("tests/bench/README.md", &mut self.0.iter())?;
        write("README.md", &mut self.0.iter().filter(|row| row.tells_most()))?;
        let feed = &mut self.0.iter().filter(|row| row.what.starts_with(ENDED));
        write("auth-core/src/manual/operations.md", feed)
    }
}

impl Row {
    fn text(&self) -> String {
        let Self { what, place, measured, ratio, of, goal } = self;
        let verdict = goal.map_or("", |goal| if goal.is_met(*ratio) { "ok" } else { "missed" });
        let goal = goal.map(Goal::text).unwrap_or_default();
        let ratio = if ratio.is_nan() { String::new() } else { format!("{ratio:.2}") };
        format!("| {what} | {place} | {ratio} | {goal} | {verdict} | {measured} | {of} |")
    }

    /// One framework, and neither one client nor all of them; and what each costs before anybody asks.
    fn tells_most(&self) -> bool {
        let is_cold = COLD.iter().any(|what| self.what.starts_with(what));
        let on_axum = self.place.starts_with("axum");
        let clients = self.what.starts_with("storm") || self.place.ends_with(" 16 clients");
        is_cold || (self.goal.is_some() && on_axum && clients)
    }
}

fn table<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    let mut table = String::from("| what | where | ratio | goal | | measured | ratio to |\n");
    table.push_str("|---|---|---|---|---|---|---|\n");
    for row in rows {
        writeln!(table, "{}", row.text()).expect("a string grows");
    }
    table
}

fn replace(file: &Path, text: &str) -> Result<()> {
    let old = fs::read_to_string(file)?;
    let marks = old.split_once(BEGIN).and_then(|(head, rest)| {
        let (_, tail) = rest.split_once(END)?;
        Some((head, tail))
    });
    let (head, tail) = marks.ok_or_else(|| format!("{} has no marks", file.display()))?;
    Ok(fs::write(file, format!("{head}{BEGIN}\n{text}{END}{tail}"))?)
}

/// How figures of a server that nobody asks begin.
const COLD: [&str; 3] = ["start", "idle", "program"];
/// How figures of the feed begin.
pub(crate) const ENDED: &str = "until another server refuses an ended session";
const BEGIN: &str = "<!-- bench -->";
const END: &str = "<!-- /bench -->";
