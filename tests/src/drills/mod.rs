//! Drills: a whole deployment of real processes, clients that use it, and something that fails.
//!
//! They take minutes, so they run when `tests/run --drills` asks for them. Each starts a Postgres, a
//! Redis, a mail server, the example servers and workers of its own (`world`), lets clients use
//! them (`load`, `journey`), breaks something, and then holds the service to all that it has
//! promised (`audit`). What comes out is a row of a table (`report`).
//!
//! To add a drill, write a function of a [`Plan`] in a file of its own and name it in [`DRILLS`].

mod audit;
mod drill;
mod environment;
mod flood;
mod instance;
mod journey;
mod kills;
mod life;
mod limits;
mod load;
mod mail_faults;
mod postgres;
mod postgres_faults;
mod process;
mod redis;
mod redis_faults;
mod relays;
mod report;
mod smtp_sink;
mod world;

pub use environment::Plan;
pub use report::print_drill_report;

/// Something that fails, with its name.
pub type Drill = (&'static str, fn(&Plan));

macro_rules! table {
    ($($module:ident::{$($drill:ident),* $(,)?}),* $(,)?) => {
        &[$($((concat!(stringify!($module), "::", stringify!($drill)), $module::$drill)),*),*]
    };
}

/// Every drill.
pub const DRILLS: &[Drill] = table![
    postgres_faults::{stops, pauses, loses_backends, is_read_only, is_out_of_connections},
    redis_faults::{stops, pauses, is_flushed, is_slow},
    mail_faults::{defers, rejects, stalls, drops_after_data},
    kills::{servers, workers},
    flood::{of_sign_ins},
    life::{is_asked_to_end},
    limits::{hold},
    relays::{lose_everything},
];
