//! What drills have found, as a table.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

/// One line of the table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) fault: String,
    pub(crate) load: String,
    /// Answers 503, or none.
    pub(crate) failed: u64,
    /// Answers that took longer than three seconds.
    pub(crate) slow: u64,
    pub(crate) longest: Duration,
    /// After the end of the fault, until every server signed in again; none where nothing failed to
    /// begin with.
    pub(crate) recovered: Option<Duration>,
    /// Accounts and mails that were promised.
    pub(crate) lost: usize,
    /// Mails that arrived more than once.
    pub(crate) duplicated: usize,
}

impl Row {
    /// Adds it to the table that is printed at the end.
    pub(crate) fn report(self) {
        println!("{self}");
        ROWS.lock().expect("no panic while held").push(self);
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, load, failed, slow, longest, recovered, lost, duplicated } = self;
        let recovered =
            recovered.map_or("–".to_owned(), |time| format!("{:.1} s", time.as_secs_f64()));
        let longest = longest.as_secs_f64();
        write!(
            f,
            "| {fault} | {load} | {failed} | {slow}, {longest:.1} s | {recovered} | {lost} | {duplicated} |"
        )
    }
}

/// Prints the table of all drills that have run.
pub fn print_drill_report() {
    println!("\n{HEAD}");
    for row in ROWS.lock().expect("no panic while held").iter() {
        println!("{row}");
    }
}

static ROWS: Mutex<Vec<Row>> = Mutex::new(Vec::new());

const HEAD: &str = "\
| fault | load | 503 or no answer | slower than 3 s, slowest | recovered after | lost | mailed twice |
|---|---|---|---|---|---|---|";
