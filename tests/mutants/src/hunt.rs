//! Which tests notice which mutant.

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
    /// Tests that do not pass by themselves.
    pub(crate) left_out: Vec<String>,
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
    pub(crate) fn prepare(unit: Program, suite: Program, scratch: PathBuf) -> io::Result<Self> {
        let mut left_out = Vec::new();
        let mut survey = |program: &Program, prefix: &str| -> io::Result<Vec<Trial>> {
            let surveyed = share(program.list(prefix)?, &scratch, |name, scratch| {
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
            // Those that are about little say it soonest.
            trials.sort_by_key(|trial| trial.reached.len());
            Ok(trials)
        };
        let unit_trials = survey(&unit, "")?;
        let suite_trials = survey(&suite, SQLITE)?;
        Ok(Self { unit, suite, scratch, unit_trials, suite_trials, left_out })
    }

    /// Tries every test that reaches a mutant, on SQLite, and then on Postgres if there is one.
    pub(crate) fn run(
        &self,
        mutants: Vec<usize>,
        tell: impl Fn(usize, &Fate) + Sync,
    ) -> io::Result<HashMap<usize, Fate>> {
        let mut fates = HashMap::new();
        let mut step = |mutants: Vec<usize>, is_last: bool, attack: &Attack<'_>| {
            let fated = share(mutants, &self.scratch, |mutant, scratch| {
                let fate = attack(mutant, scratch)?;
                let is_over = matches!(fate, Fate::Caught(_) | Fate::Hung);
                if is_last || is_over {
                    tell(mutant, &fate);
                }
                Ok((mutant, fate))
            })?;
            fates.extend(fated);
            let rest =
                fates.iter().filter(|(_, fate)| !matches!(fate, Fate::Caught(_) | Fate::Hung));
            io::Result::Ok(rest.map(|(mutant, _)| *mutant).collect::<Vec<_>>())
        };

        // Nearly all are noticed by what is most about them, within a second.
        let few = |mutant, scratch: &Path| {
            let unit = reaching(&self.unit_trials, mutant);
            let suite = reaching(&self.suite_trials, mutant);
            if unit.is_empty() && suite.is_empty() {
                return Ok(Fate::Unreached);
            }
            Ok(match self.unit.attack(mutant, &unit, scratch)? {
                Outcome::Passed => {
                    self.suite.attack(mutant, &suite[..suite.len().min(FEW)], scratch)?.into()
                }
                outcome => outcome.into(),
            })
        };
        let on_sqlite = |mutant, scratch: &Path| {
            let suite = reaching(&self.suite_trials, mutant);
            if suite.is_empty() && reaching(&self.unit_trials, mutant).is_empty() {
                return Ok(Fate::Unreached);
            }
            Ok(self.suite.attack(mutant, &suite[suite.len().min(FEW)..], scratch)?.into())
        };
        let has_postgres = std::env::var_os("DATABASE_URL").is_some();
        let rest = step(mutants, false, &few)?;
        let rest = step(rest, !has_postgres, &on_sqlite)?;
        if has_postgres && !rest.is_empty() {
            let names = self.suite.list(POSTGRES)?;
            let names: Vec<_> = names.iter().map(|name| &**name).collect();
            let reached = self.suite.survey(&names, &self.scratch.join("postgres"))?;
            let reached = reached.ok_or_else(|| io::Error::other("the suite fails on Postgres"))?;
            let on_postgres = |mutant, scratch: &Path| {
                let twins = reaching(&self.suite_trials, mutant).into_iter();
                let twins: Vec<_> = twins.map(|name| name.replace(SQLITE, POSTGRES)).collect();
                let twins: Vec<_> = twins.iter().map(|name| &**name).collect();
                Ok(
                    match self.suite.attack(
                        mutant,
                        if twins.is_empty() { &names } else { &twins },
                        scratch,
                    ) {
                        _ if !reached.contains(&mutant) => {
                            if reaching(&self.unit_trials, mutant).is_empty() {
                                Fate::Unreached
                            } else {
                                Fate::Survived
                            }
                        }
                        outcome => outcome?.into(),
                    },
                )
            };
            step(rest, true, &on_postgres)?;
        }
        Ok(fates)
    }
}

type Attack<'a> = dyn Fn(usize, &Path) -> io::Result<Fate> + Sync + 'a;

impl From<Outcome> for Fate {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Failed(test) => Self::Caught(test),
            Outcome::Hung => Self::Hung,
            Outcome::Passed => Self::Survived,
        }
    }
}

fn reaching(trials: &[Trial], mutant: usize) -> Vec<&str> {
    let reaching = trials.iter().filter(|trial| trial.reached.contains(&mutant));
    reaching.map(|trial| &*trial.name).collect()
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

const SQLITE: &str = "axum::sqlite::";
const POSTGRES: &str = "axum::postgres::";
/// How many trials a mutant meets before others have their turn.
const FEW: usize = 12;
