//! Redis fails, in each of its ways: nobody is to notice.

use std::time::Duration;

use super::drill::{Drill, last};
use super::environment::Plan;

/// Every connection breaks, and nobody listens; it comes back empty.
pub(super) fn stops(plan: &Plan) {
    Drill {
        run: &|world| {
            world.redis.stop();
            last(plan.fault());
            world.redis.restart();
        },
        ..Drill::unnoticed("Redis stopped, restarted empty")
    }
    .run(plan);
}

/// Every connection stays open, and nobody answers.
pub(super) fn pauses(plan: &Plan) {
    Drill {
        run: &|world| {
            let paused = world.redis.pause();
            last(plan.fault());
            drop(paused);
        },
        ..Drill::unnoticed("Redis paused (SIGSTOP)")
    }
    .run(plan);
}

/// What it knew is gone, again and again.
pub(super) fn is_flushed(plan: &Plan) {
    Drill {
        run: &|world| {
            for _ in 0..10 {
                world.redis.flush();
                last(plan.fault() / 10);
            }
        },
        ..Drill::unnoticed("Redis flushed, ten times")
    }
    .run(plan);
}

/// It answers, but later than a request waits for it.
pub(super) fn is_slow(plan: &Plan) {
    Drill {
        run: &|world| {
            world.wire.slow_down(Duration::from_millis(400));
            last(plan.fault());
            world.wire.slow_down(Duration::ZERO);
        },
        ..Drill::unnoticed("Redis slow (800 ms)")
    }
    .run(plan);
}
