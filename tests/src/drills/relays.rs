//! What hands mails out fails together with those it hands them to.

use std::time::{Duration, Instant};

use super::drill::{Drill, last};
use super::environment::Plan;
use super::smtp_sink::Manner;
use super::world::{Setup, World};

/// Workers are killed while they send, and Redis is flushed, paused and restarted empty meanwhile.
pub(super) fn lose_everything(plan: &Plan) {
    let choices = plan.choices(200);
    Drill {
        setup: Setup { workers: 3, ..Setup::default() },
        run: &|world| {
            world.sink.behave(Manner::AcceptSlowly);
            let before = relayed(world);
            let start = Instant::now();
            while start.elapsed() < plan.fault() {
                match choices.below(4) {
                    0 => {
                        let paused = world.redis.pause();
                        last(choices.up_to(Duration::from_millis(500)));
                        drop(paused);
                    }
                    1 => {
                        world.redis.stop();
                        world.redis.restart();
                    }
                    _ => world.redis.flush(),
                }
                let worker = &mut world.workers[choices.below(3)];
                worker.kill();
                worker.restart();
                last(choices.up_to(Duration::from_millis(1000)));
            }
            world.sink.behave(Manner::Accept);
            assert!(relayed(world) > before, "no mail went over Redis");
        },
        ..Drill::unnoticed("workers killed, Redis flushed, paused and restarted empty")
    }
    .run(plan);
}

/// How many messages have been put into the stream.
fn relayed(world: &World) -> i64 {
    let rows: Vec<(i64,)> =
        world.postgres.rows("SELECT count(*) FROM auth_messages WHERE relayed_at IS NOT NULL");
    rows[0].0
}
