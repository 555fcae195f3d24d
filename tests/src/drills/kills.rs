//! Instances end without a chance to say anything.

use std::time::{Duration, Instant};

use super::drill::{Drill, last};
use super::environment::Plan;
use super::smtp_sink::Manner;
use super::world::Setup;

/// One server after the other, each at a moment of chance, while its clients wait for answers.
pub(super) fn servers(plan: &Plan) {
    let choices = plan.choices(100);
    Drill {
        run: &|world| {
            let start = Instant::now();
            while start.elapsed() < plan.fault() {
                let chosen = choices.below(world.servers.len());
                last(choices.up_to(Duration::from_millis(500)));
                let server = &mut world.servers[chosen];
                server.kill();
                server.restart();
                server.wait_until_ready();
            }
        },
        ..Drill::of("servers killed (SIGKILL) one after the other")
    }
    .run(plan);
}

/// One worker after the other, each at a moment of chance, while it sends.
pub(super) fn workers(plan: &Plan) {
    let choices = plan.choices(101);
    Drill {
        setup: Setup { workers: 3, ..Setup::default() },
        run: &|world| {
            world.sink.behave(Manner::AcceptSlowly);
            let start = Instant::now();
            while start.elapsed() < plan.fault() {
                last(choices.up_to(Duration::from_millis(500)));
                let worker = &mut world.workers[choices.below(3)];
                worker.kill();
                worker.restart();
            }
            world.sink.behave(Manner::Accept);
        },
        ..Drill::unnoticed("workers killed (SIGKILL) one after the other")
    }
    .run(plan);
}
