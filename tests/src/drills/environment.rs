//! What `tests/run --drills` says: the programs to use, how long it may take, and the seed.

use std::env;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::time::Duration;

use auth_core::{Random, SeededRandom, SystemRandom};

/// The programs that drills run.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    /// The folder of `initdb` and `postgres`.
    pub(crate) postgres: PathBuf,
    pub(crate) redis: PathBuf,
    /// The folder of the example servers and of the command `auth`.
    pub(crate) examples: PathBuf,
    /// User and group of the database servers, which refuse to run as root.
    pub(crate) server_user: Option<(u32, u32)>,
}

impl Tools {
    /// # Panics
    ///
    /// If `tests/run --drills` has not said where they are.
    pub(crate) fn find() -> Self {
        let tools = Self {
            postgres: path("AUTH_DRILL_POSTGRES"),
            redis: path("AUTH_DRILL_REDIS"),
            examples: path("AUTH_DRILL_EXAMPLES"),
            server_user: env::var("AUTH_DRILL_USER").ok().map(|text| {
                let (user, group) = text.split_once(':').expect("AUTH_DRILL_USER is user:group");
                let number = |text: &str| text.parse().expect("AUTH_DRILL_USER has numbers");
                (number(user), number(group))
            }),
        };
        let needed = [
            tools.postgres.join("initdb"),
            tools.redis.clone(),
            tools.examples.join("example-axum"),
            tools.examples.join("example-actix"),
            tools.examples.join("example-poem"),
            tools.examples.join("example-worker"),
        ];
        for program in needed {
            assert!(program.exists(), "{} is missing", program.display());
        }
        tools
    }
}

/// How thorough the drills are.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    seed: u64,
    short: bool,
}

impl Plan {
    /// Reads it from `AUTH_DRILLS`, which is `long` or `short`, and `AUTH_DRILL_SEED`, a number that
    /// is otherwise random; none if no drill is asked for.
    ///
    /// # Panics
    ///
    /// If one of them is something else.
    #[must_use]
    pub fn from_environment() -> Option<Self> {
        let short = match env::var("AUTH_DRILLS").ok()?.as_str() {
            "long" => false,
            "short" => true,
            other => panic!("AUTH_DRILLS is `long` or `short`, and not {other:?}"),
        };
        let seed = match env::var("AUTH_DRILL_SEED") {
            Ok(text) => text.parse().expect("AUTH_DRILL_SEED is a number"),
            Err(_) => {
                let mut bytes = [0; 4];
                SystemRandom.fill(&mut bytes);
                u32::from_le_bytes(bytes).into()
            }
        };
        Some(Self { seed, short })
    }

    /// Returns what repeats the choices of this run.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns a stream of choices that follows from the seed.
    pub(crate) fn choices(&self, of: u64) -> Choices {
        Choices(SeededRandom::new(self.seed.wrapping_add(of)))
    }

    /// Of two amounts, the one that fits.
    pub(crate) const fn pick<T: Copy>(&self, long: T, short: T) -> T {
        if self.short { short } else { long }
    }

    /// How long a fault lasts.
    pub(crate) const fn fault(&self) -> Duration {
        Duration::from_secs(self.pick(8, 3))
    }

    /// How many clients there are at once.
    pub(crate) const fn clients(&self) -> u32 {
        self.pick(8, 4)
    }

    /// How long an answer may take. The machine of a shortened run is busy with other things too.
    pub(crate) const fn answer(&self) -> Duration {
        Duration::from_millis(self.pick(3_500, 6_000))
    }

    /// How long it may take until everything works again.
    pub(crate) const fn recovery(&self) -> Duration {
        Duration::from_secs(self.pick(5, 10))
    }
}

/// Choices that a seed repeats.
#[derive(Debug)]
pub(crate) struct Choices(SeededRandom);

impl Choices {
    /// Returns what chooses where there is no choice.
    pub(crate) fn none() -> Self {
        Self(SeededRandom::new(0))
    }

    /// Returns a number below `bound`.
    pub(crate) fn below(&self, bound: usize) -> usize {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        usize::try_from(u32::from_le_bytes(bytes)).expect("at least 32 bits") % bound
    }

    /// Returns a time of up to `bound`.
    pub(crate) fn up_to(&self, bound: Duration) -> Duration {
        let millis = usize::try_from(bound.as_millis()).expect("drills are short");
        Duration::from_millis(self.below(millis + 1).try_into().expect("drills are short"))
    }
}

/// Lets the user of the database servers have `paths`, if that is another one.
pub(crate) fn give_to_servers(tools: &Tools, paths: &[&Path]) {
    if let Some((user, group)) = tools.server_user {
        for path in paths {
            chown(path, Some(user), Some(group)).expect("root gives away what it has");
        }
    }
}

fn path(variable: &str) -> PathBuf {
    env::var_os(variable)
        .map(PathBuf::from)
        .unwrap_or_else(|| panic!("{variable} is not set: run the drills with tests/run --drills"))
}
