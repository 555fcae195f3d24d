//! Which tests notice which mutant.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use crate::trials::{Outcome, Program};

/// Both programs of tests, and what each test reaches.
pub(crate) struct Hunt {
    unit: Program,
    suite: Program,
    scratch: PathBuf,
    unit_trials: Vec<Trial>,
    /// Of the suite on SQLite.
    suite_trials: Vec<Trial>,
    /// What each mutant is, in words that the names of its tests may have, too.
    words: Vec<HashSet<String>>,
    /// Tests that do not pass by themselves.
    pub(crate) left_out: Vec<String>,
    /// Which tests have caught which mutants: they are good at what is near, too.
    catches: Mutex<HashMap<String, Vec<usize>>>,
}

struct Trial {
    name: String,
    reached: HashSet<usize>,
}

/// What became of a mutant.
#[derive(Debug)]
pub(crate) enum Fate {
    Caught(String),
    Hung,
    Survived,
    Unreached,
}

impl Hunt {
    /// Lets each test note what it reaches.
    pub(crate) fn prepare(
        unit: Program,
        suite: Program,
        labels: &[String],
        scratch: PathBuf,
    ) -> io::Result<Self> {
        let mut left_out = Vec::new();
        let unit_trials = survey(&unit, unit.list("")?, &scratch, &mut left_out)?;
        let suite_trials = survey(&suite, on(&suite, SQLITE)?, &scratch, &mut left_out)?;
        let words = labels.iter().map(|label| words(label)).collect();
        let catches = Mutex::default();
        Ok(Self { unit, suite, scratch, unit_trials, suite_trials, words, left_out, catches })
    }

    /// Tries the test of `known`, which has caught a mutant before, then every test that reaches it, on
    /// SQLite, and then on Postgres if there is one.
    pub(crate) fn run(
        &self,
        mutants: Vec<usize>,
        known: &HashMap<usize, String>,
        tell: impl Fn(usize, &Fate) + Sync,
    ) -> io::Result<HashMap<usize, Fate>> {
        let mut fates = HashMap::new();
        let mut step = |mutants: Vec<usize>, attack: &Attack<'_>| {
            let fated = share(mutants, &self.scratch, |mutant, scratch| {
                let outcome = attack(mutant, scratch)?;
                let fate = Fate::from(outcome);
                self.learn(mutant, &fate);
                tell(mutant, &fate);
                Ok((mutant, fate))
            })?;
            let rest = fated.iter().filter(|(_, fate)| matches!(fate, Fate::Survived));
            let rest: Vec<_> = rest.map(|(mutant, _)| *mutant).collect();
            fates.extend(fated);
            io::Result::Ok(rest)
        };

        let (met, new): (Vec<_>, Vec<_>) =
            mutants.into_iter().partition(|mutant| known.contains_key(mutant));
        let mut mutants = step(met, &|mutant, scratch| {
            let test = known[&mutant].as_str();
            let is_unit = self.unit_trials.iter().any(|trial| trial.name == test);
            let program = if is_unit { &self.unit } else { &self.suite };
            program.attack(mutant, &[test], scratch)
        })?;
        mutants.extend(new);

        let (reached, unreached): (Vec<_>, Vec<_>) = mutants.into_iter().partition(|mutant| {
            let trials = self.unit_trials.iter().chain(&self.suite_trials);
            trials.into_iter().any(|trial| trial.reached.contains(mutant))
        });
        // Nearly all are noticed by what is most about them, within a second.
        let rest = step(reached, &|mutant, scratch| match self.unit.attack(
            mutant,
            &self.ranked(&self.unit_trials, mutant),
            scratch,
        )? {
            Outcome::Passed => {
                let suite = self.ranked(&self.suite_trials, mutant);
                self.suite.attack(mutant, &suite[..suite.len().min(FEW)], scratch)
            }
            outcome => Ok(outcome),
        })?;
        let rest = step(rest, &|mutant, scratch| {
            self.suite.attack(mutant, &self.ranked(&self.suite_trials, mutant), scratch)
        })?;
        if std::env::var_os("DATABASE_URL").is_none() {
            fates.extend(unreached.into_iter().map(|mutant| (mutant, Fate::Unreached)));
            return Ok(fates);
        }

        let names = on(&self.suite, POSTGRES)?;
        let trials = survey(&self.suite, names, &self.scratch, &mut Vec::new())?;
        let (only_there, unreached): (Vec<_>, Vec<_>) = unreached
            .into_iter()
            .partition(|mutant| trials.iter().any(|trial| trial.reached.contains(mutant)));
        let rest = rest.into_iter().chain(only_there).collect();
        step(rest, &|mutant, scratch| {
            self.suite.attack(mutant, &self.ranked(&trials, mutant), scratch)
        })?;
        fates.extend(unreached.into_iter().map(|mutant| (mutant, Fate::Unreached)));
        Ok(fates)
    }

    /// The tests that reach a mutant: first those that have caught what is near, then those that speak of
    /// it, and those that are about what is near, for they reach most of it and little else.
    fn ranked<'a>(&self, trials: &'a [Trial], mutant: usize) -> Vec<&'a str> {
        let catches = self.catches.lock().expect("nobody panics");
        let near = |others: &mut dyn Iterator<Item = &usize>| {
            others.filter(|other| mutant.abs_diff(**other) < NEAR).count()
        };
        let mut ranked: Vec<_> = trials
            .iter()
            .filter(|trial| trial.reached.contains(&mutant))
            .map(|trial| {
                let caught = near(&mut catches.get(&trial.name).into_iter().flatten());
                let shared = words(&trial.name).intersection(&self.words[mutant]).count();
                let reached = near(&mut trial.reached.iter());
                let others = trial.reached.len();
                (Reverse(caught), Reverse(shared), Reverse(reached), others, &*trial.name)
            })
            .collect();
        ranked.sort();
        ranked.into_iter().map(|(.., name)| name).collect()
    }

    fn learn(&self, mutant: usize, fate: &Fate) {
        if let Fate::Caught(test) = fate {
            let mut catches = self.catches.lock().expect("nobody panics");
            catches.entry(test.clone()).or_default().push(mutant);
        }
    }
}

type Attack<'a> = dyn Fn(usize, &Path) -> io::Result<Outcome> + Sync + 'a;

impl From<Outcome> for Fate {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Failed(test) => Self::Caught(test),
            Outcome::Hung => Self::Hung,
            Outcome::Passed => Self::Survived,
        }
    }
}

/// The longer words of a text, in lower case and in the singular.
fn words(text: &str) -> HashSet<String> {
    let mut apart = String::new();
    for c in text.chars() {
        if c.is_ascii_uppercase() {
            apart.push(' ');
        }
        apart.push(c.to_ascii_lowercase());
    }
    let words = apart.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(|word| word.len() >= 4).map(|word| word.trim_end_matches('s').to_owned()).collect()
}

/// Does something with each item, as many at a time as there are processors.
fn share<T: Send, R: Send>(
    items: Vec<T>,
    scratch: &Path,
    work: impl Fn(T, &Path) -> io::Result<R> + Sync,
) -> io::Result<Vec<R>> {
    let items = Mutex::new(items.into_iter());
    let next = || items.lock().expect("nobody panics").next();
    thread::scope(|scope| {
        let workers = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..workers)
            .map(|worker| {
                let (next, work) = (&next, &work);
                let scratch = scratch.join(worker.to_string());
                scope.spawn(move || {
                    let mut results = Vec::new();
                    while let Some(item) = next() {
                        results.push(work(item, &scratch)?);
                    }
                    io::Result::Ok(results)
                })
            })
            .collect();
        let mut results = Vec::new();
        for worker in workers {
            results.extend(worker.join().expect("nobody panics")?);
        }
        Ok(results)
    })
}

/// Lets each test note what it reaches; those that do not pass by themselves are left out.
fn survey(
    program: &Program,
    names: Vec<String>,
    scratch: &Path,
    left_out: &mut Vec<String>,
) -> io::Result<Vec<Trial>> {
    let surveyed = share(names, scratch, |name, scratch| {
        let reached = program.survey(&[&name], scratch)?;
        Ok((name, reached))
    })?;
    let mut trials = Vec::new();
    for (name, reached) in surveyed {
        match reached {
            Some(reached) => trials.push(Trial { name, reached }),
            None => left_out.push(name),
        }
    }
    Ok(trials)
}

/// The trials of the suite on a database: those of one framework, and those that need no more than one.
fn on(suite: &Program, database: &str) -> io::Result<Vec<String>> {
    let mut names = suite.list(&format!("axum{database}"))?;
    names.extend(suite.list(&format!("all{database}"))?);
    Ok(names)
}

const SQLITE: &str = "::sqlite::";
const POSTGRES: &str = "::postgres::";
/// How many trials a mutant meets before others have their turn.
const FEW: usize = 16;
/// How far mutants are from each other that one test is likely to catch.
const NEAR: usize = 30;
