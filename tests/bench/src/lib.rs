//! What the clients and the servers of the benchmark have to agree on.

use std::error::Error;
use std::result;

mod hash;

pub use hash::{Backend, Hasher, HashingThreads, PASSWORD, bare_loop, cores};

/// Of programs that end with the first error.
pub type Result<T> = result::Result<T, Box<dyn Error + Send + Sync>>;

/// Returns an error with what caused it.
#[must_use]
pub fn with_causes(error: &dyn Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// A web framework.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a new framework has to be served everywhere")]
pub enum Adapter {
    /// actix-web.
    Actix,
    /// axum.
    Axum,
    /// poem.
    Poem,
}

impl Adapter {
    /// Every framework.
    pub const ALL: [Self; 3] = [Self::Axum, Self::Actix, Self::Poem];

    /// Returns its name in arguments and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Actix => "actix",
            Self::Axum => "axum",
            Self::Poem => "poem",
        }
    }

    /// Finds it by name.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn named(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|it| it.name() == name);
        found.ok_or_else(|| format!("no framework: {name}").into())
    }
}

/// Returns the address of the person with that number, from one to [`PEOPLE`].
#[must_use]
pub fn email(number: u64) -> String {
    format!("person{number}@example.com")
}

/// How many people there are in a database at first.
pub const PEOPLE: u64 = 2_000;
/// Where the endpoints are.
pub const MOUNT: &str = "/api/auth";
/// What comes before the framework's name in that of its least possible server.
pub const FLOOR: &str = "floor-";
/// The master secret of every server.
pub const SECRET: &str = "7xnNyb8LyYfDozX7CCOVATTxwPBZbLJWN85tIoAi0Dg=";
