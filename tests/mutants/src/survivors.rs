//! Mutants that no test can notice, and those of the last run.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

pub(crate) struct Survivors;

impl Survivors {
    /// Those of the files below `chosen` that `SURVIVORS.md` gives a reason for.
    pub(crate) fn listed(chosen: &[String]) -> io::Result<BTreeSet<String>> {
        let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/SURVIVORS.md"))?;
        let listed = text.lines().filter_map(|line| line.strip_prefix("* "));
        let listed = listed.filter(|label| chosen.iter().any(|path| label.starts_with(&**path)));
        Ok(listed.map(str::to_owned).collect())
    }

    pub(crate) fn of_last_run(output: &Path) -> io::Result<BTreeSet<String>> {
        Ok(fs::read_to_string(output.join(LAST))?.lines().map(str::to_owned).collect())
    }

    pub(crate) fn keep(survivors: &BTreeSet<String>, output: &Path) -> io::Result<()> {
        let lines: Vec<_> = survivors.iter().map(|label| &**label).collect();
        fs::write(output.join(LAST), lines.join("\n"))
    }
}

const LAST: &str = "survivors";
