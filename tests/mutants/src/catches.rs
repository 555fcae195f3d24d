//! Which test has caught which mutant, in this run or an earlier one.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

/// Tests by the labels of mutants, which outlive a change of the code elsewhere.
pub(crate) struct Catches(BTreeMap<String, String>);

impl Catches {
    pub(crate) fn of_earlier_runs(output: &Path) -> Self {
        let text = fs::read_to_string(output.join(FILE)).unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.split_once('\t'));
        Self(lines.map(|(test, label)| (label.to_owned(), test.to_owned())).collect())
    }

    /// The same by the numbers that mutants have in this run.
    pub(crate) fn of(&self, labels: &[String]) -> HashMap<usize, String> {
        let tests = labels.iter().map(|label| self.0.get(label));
        tests.enumerate().filter_map(|(mutant, test)| Some((mutant, test?.clone()))).collect()
    }

    pub(crate) fn keep(&mut self, label: &str, test: &str, output: &Path) {
        self.0.insert(label.to_owned(), test.to_owned());
        let lines: Vec<_> = self.0.iter().map(|(label, test)| format!("{test}\t{label}")).collect();
        // Without it the next run takes longer, and finds the same.
        let _ = fs::write(output.join(FILE), lines.join("\n"));
    }
}

const FILE: &str = "catches";
