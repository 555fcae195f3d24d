//! The copy of the workspace that has all mutants in it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::io;
use std::ops::Range;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::edit::{Edit, Rendered, render};
use crate::find::find;

/// The edits of the chosen files, numbered, and the mutants of each.
pub(crate) struct Tree {
    pub(crate) folder: PathBuf,
    files: BTreeMap<String, Mutated>,
    edits: Vec<Edit>,
    /// The first mutant of each edit.
    first: Vec<usize>,
    /// The edits that do not compile.
    broken: HashSet<usize>,
    /// The first mutant of each edit that does not or did not compile, of other files too.
    known_broken: BTreeSet<String>,
    labels: Vec<String>,
}

/// Some text of a written file.
pub(crate) struct Place {
    pub(crate) file: String,
    pub(crate) range: Range<usize>,
}

struct Mutated {
    text: String,
    edits: Range<usize>,
    rendered: Rendered,
}

impl Tree {
    /// Copies the workspace in `root`, and finds the mutants of the files below `chosen`.
    pub(crate) fn copy(root: &Path, folder: PathBuf, chosen: &[String]) -> io::Result<Self> {
        let mut tree = Self {
            folder,
            files: BTreeMap::new(),
            edits: Vec::new(),
            first: Vec::new(),
            broken: HashSet::new(),
            known_broken: BTreeSet::new(),
            labels: Vec::new(),
        };
        let mut kept = HashSet::new();
        for file in listed(root)? {
            let (from, to) = (root.join(&file), tree.folder.join(&file));
            if file.starts_with("tests/fuzz/") || file.starts_with("tests/mutants/") {
                continue;
            }
            let Ok(kind) = fs::symlink_metadata(&from) else { continue };
            fs::create_dir_all(to.parent().expect("a file is in a folder"))?;
            if kind.is_symlink() {
                if fs::symlink_metadata(&to).is_err() {
                    symlink(fs::read_link(&from)?, &to)?;
                }
            } else if chosen.iter().any(|path| is_below(&file, path)) && is_code(&file) {
                tree.add(file.clone(), fs::read_to_string(&from)?);
            } else if file != ROOT {
                write(&to, &fs::read(&from)?)?;
            }
            kept.insert(to);
        }
        tree.number();
        let switch =
            include_str!("switch.rs").replace("COUNT", &tree.labels.len().max(1).to_string());
        let module = tree.folder.join("auth-core/src/mutant.rs");
        write(&module, switch.as_bytes())?;
        kept.insert(module);
        let library = fs::read_to_string(root.join(ROOT))?;
        write(&tree.folder.join(ROOT), format!("{library}\nmod mutant;\n").as_bytes())?;
        remove_others(&tree.folder, &kept)?;
        Ok(tree)
    }

    /// What each mutant is, by its number.
    pub(crate) fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The mutants that compile.
    pub(crate) fn mutants(&self) -> Vec<usize> {
        let edits = (0..self.edits.len()).filter(|edit| !self.broken.contains(edit));
        edits
            .flat_map(|edit| self.first[edit]..self.first[edit] + self.edits[edit].mutants.len())
            .collect()
    }

    /// Leaves out what did not compile the last time, so that it is not found out again.
    pub(crate) fn recall(&mut self) {
        let known = fs::read_to_string(self.folder.join(BROKEN)).unwrap_or_default();
        self.known_broken = known.lines().map(str::to_owned).collect();
        let is_known = |edit: &usize| self.known_broken.contains(&self.labels[self.first[*edit]]);
        self.broken.extend((0..self.edits.len()).filter(is_known));
    }

    /// Writes the files, without what is known not to compile.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        let broken = self.broken.iter().map(|edit| self.labels[self.first[*edit]].clone());
        self.known_broken.extend(broken);
        let known: Vec<_> = self.known_broken.iter().map(|label| &**label).collect();
        fs::write(self.folder.join(BROKEN), known.join("\n"))?;
        for (file, mutated) in &mut self.files {
            let edits = mutated.edits.clone().filter(|edit| !self.broken.contains(edit));
            let edits = edits.map(|edit| (edit, &self.edits[edit]));
            mutated.rendered = render(&mutated.text, edits, |edit| self.first[edit]);
            write(&self.folder.join(file), mutated.rendered.text.as_bytes())?;
        }
        Ok(())
    }

    /// Leaves out the innermost edit around the first of `places` that is in one, and says how many
    /// that are.
    pub(crate) fn leave_out(&mut self, places: &[Place]) -> usize {
        let innermost = places.iter().find_map(|Place { file, range }| {
            let edits = self.files.get(file)?.rendered.places.iter();
            let around =
                edits.filter(|(_, edit)| edit.start <= range.start && range.end <= edit.end);
            around.min_by_key(|(_, edit)| edit.len()).map(|(edit, _)| *edit)
        });
        self.broken.extend(innermost);
        usize::from(innermost.is_some())
    }

    /// Leaves out what is between `places` of the file of the first one.
    pub(crate) fn leave_out_between(&mut self, places: &[Place]) -> usize {
        let Some(file) = places.first().map(|place| &place.file) else { return 0 };
        let Some(mutated) = self.files.get(file) else { return 0 };
        let ranges = || places.iter().filter(|place| place.file == *file).map(|place| &place.range);
        let start = ranges().map(|range| range.start).min().unwrap_or_default();
        let end = ranges().map(|range| range.end).max().unwrap_or_default();
        let edits = mutated.rendered.places.iter();
        let between = edits.filter(|(_, edit)| edit.start < end && start < edit.end);
        let before = self.broken.len();
        self.broken.extend(between.map(|(edit, _)| *edit));
        self.broken.len() - before
    }

    fn add(&mut self, file: String, text: String) {
        let start = self.edits.len();
        self.edits.extend(find(&text, &file));
        let rendered = Rendered { text: String::new(), places: Vec::new() };
        self.files.insert(file, Mutated { text, edits: start..self.edits.len(), rendered });
    }

    fn number(&mut self) {
        let mut times = BTreeMap::new();
        for edit in &self.edits {
            self.first.push(self.labels.len());
            for label in &edit.mutants {
                let time = times.entry(label.clone()).or_insert(0_usize);
                *time += 1;
                self.labels.push(match *time {
                    1 => label.clone(),
                    time => format!("{label} ({time})"),
                });
            }
        }
    }
}

/// The files that are or would be in the repository.
fn listed(root: &Path) -> io::Result<Vec<String>> {
    let mut git = Command::new("git");
    git.current_dir(root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let output = git.output()?;
    assert!(output.status.success(), "git lists the files");
    let names = String::from_utf8(output.stdout).expect("names are UTF-8");
    Ok(names.split_terminator('\0').map(str::to_owned).collect())
}

fn is_below(file: &str, path: &str) -> bool {
    file.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn is_code(file: &str) -> bool {
    file.ends_with(".rs") && !file.ends_with("/tests.rs") && file != ROOT
}

/// Leaves a file as old as it is if it would not change: nothing is built anew for it.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|old| old == content) { Ok(()) } else { fs::write(path, content) }
}

fn remove_others(folder: &Path, kept: &HashSet<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if fs::symlink_metadata(&path)?.is_dir() {
            remove_others(&path, kept)?;
        } else if !kept.contains(&path) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// What does not compile, beside the copy.
const BROKEN: &str = "../broken";
/// Which the switch is added to.
const ROOT: &str = "auth-core/src/lib.rs";
