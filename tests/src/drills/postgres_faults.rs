//! Postgres fails, in each of its ways.

use std::thread;
use std::time::Instant;

use super::drill::{Drill, last};
use super::environment::Plan;
use super::process::PACE;

/// As a crash: every connection breaks, and nobody listens.
pub(super) fn stops(plan: &Plan) {
    Drill {
        run: &|world| {
            world.postgres.stop();
            last(plan.fault());
            world.postgres.restart();
        },
        ..Drill::of("Postgres stopped (immediate)")
    }
    .run(plan);
}

/// Every connection stays open, and nobody answers: there is no error to see.
pub(super) fn pauses(plan: &Plan) {
    Drill {
        run: &|world| {
            let paused = world.postgres.pause();
            last(plan.fault());
            drop(paused);
        },
        ..Drill::of("Postgres paused (SIGSTOP)")
    }
    .run(plan);
}

/// Some transactions are broken off before their commit, some in it, some after it.
pub(super) fn loses_backends(plan: &Plan) {
    Drill {
        run: &|world| {
            let start = Instant::now();
            while start.elapsed() < plan.fault() {
                world.postgres.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE usename = 'app' AND state <> 'idle' ORDER BY random() LIMIT 1",
                );
                thread::sleep(PACE);
            }
        },
        ..Drill::of("Postgres backends killed in mid-transaction, 30 a second")
    }
    .run(plan);
}

/// As a standby, or a full disk: it answers, and takes nothing.
pub(super) fn is_read_only(plan: &Plan) {
    Drill {
        run: &|world| {
            let set = |value: &str| {
                let sql = format!("ALTER SYSTEM SET default_transaction_read_only = {value}");
                world.postgres.administer(&sql);
                world.postgres.administer("SELECT pg_reload_conf()");
            };
            set("on");
            last(plan.fault());
            set("off");
        },
        ..Drill::of("Postgres read-only")
    }
    .run(plan);
}

/// Somebody else has every connection, and who had one has lost it.
pub(super) fn is_out_of_connections(plan: &Plan) {
    Drill {
        run: &|world| world.postgres.starve(plan.fault()),
        ..Drill::of("Postgres out of connections")
    }
    .run(plan);
}
