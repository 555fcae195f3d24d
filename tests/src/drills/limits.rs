//! Passwords are guessed while what counts the guesses fails.

use std::time::Instant;

use super::drill::alone;
use super::environment::Plan;
use super::load::{Outcome, Site, credentials};
use super::report::Row;
use super::world::{Setup, World};
use crate::Request;

/// However Redis fails, it and the database let no more guesses through than each of them would; and
/// if nobody can count, there is none.
pub(super) fn hold(plan: &Plan) {
    let _alone = alone();
    let mut world = World::start(&Setup::default());
    let site = world.site(plan);
    let mut guesses = Guesses { site: &site, looked_at: 0, limited: 0 };

    guesses.make(50, 5, |_| ());
    guesses.make(50, 3 + 5, |number| {
        if number == 3 {
            world.redis.flush();
        }
    });
    guesses.make(50, 3 + 5, |number| {
        if number == 3 {
            world.redis.stop();
        }
    });
    guesses.make(50, 5, |_| ());
    world.redis.restart();
    guesses.make(50, 5 + 5, |_| ());
    let paused = world.redis.pause();
    guesses.make(50, 5, |_| ());
    drop(paused);
    let failed = site.figures().failed;
    world.redis.stop();
    world.postgres.stop();
    guesses.make(3, 0, |_| ());

    let Guesses { looked_at, limited, .. } = guesses;
    let figures = site.figures();
    Row {
        fault: "Redis emptied, stopped and paused while passwords are guessed".to_owned(),
        load: format!("{} guesses, {looked_at} looked at, {limited} times 429", figures.requests),
        failed,
        slow: figures.slow,
        longest: figures.longest,
        recovered: None,
        lost: 0,
        duplicated: 0,
    }
    .report();
    assert_eq!(failed, 0, "without Redis, guesses failed");
    assert!(figures.violations.is_empty(), "{}", figures.violations.join("\n"));
}

struct Guesses<'a> {
    site: &'a Site,
    looked_at: u32,
    limited: u32,
}

impl Guesses<'_> {
    /// Guesses that many times at one password from one network, at one server after the other, and
    /// no more than `bound` of them may be looked at.
    fn make(&mut self, count: u32, bound: u32, mut before: impl FnMut(u32)) {
        let (email, network) = self.site.stranger();
        let (mut looked_at, mut limited) = (0, 0);
        let mut first = None;
        for (number, &port) in (0..count).zip(self.site.ports().iter().cycle()) {
            before(number);
            let guess = Request::post("/sign-in", &credentials(&email, "nine amber kettles sang"));
            match self.site.ask(port, &network, guess) {
                Outcome::Answered(reply) if reply.status == 401 => looked_at += 1,
                Outcome::Answered(reply) if reply.status == 429 => limited += 1,
                Outcome::Answered(reply) => self.site.violation(format!("a guess: {reply:?}")),
                Outcome::Unclear(_) => {}
            }
            first.get_or_insert_with(Instant::now);
        }
        // Waits are of 1 s, 2 s, 4 s: after each of them one more is looked at, by whoever counts.
        let seconds = first.map_or(0, |first| first.elapsed().as_secs());
        let waits = (seconds + 1).ilog2();
        if looked_at > bound + if bound == 0 { 0 } else { 2 * waits } {
            self.site.violation(format!("{looked_at} guesses of {bound} in {seconds} s"));
        }
        if bound > 0 && limited == 0 {
            self.site.violation(format!("none of {count} guesses was refused"));
        }
        self.looked_at += looked_at;
        self.limited += limited;
    }
}
