//! What every drill of the matrix does around its fault.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::audit::{audit_accounts, audit_mails};
use super::environment::Plan;
use super::journey::journey;
use super::load::Load;
use super::process::{PATIENCE, until};
use super::report::Row;
use super::world::{Setup, World};

/// A fault, and what is to be expected of it.
pub(crate) struct Drill<'a> {
    /// As the table calls it.
    pub(crate) fault: &'static str,
    pub(crate) setup: Setup,
    /// Whether requests fail while it lasts: if none does, the fault was none.
    pub(crate) fails: bool,
    /// Whether mails are refused for good, so that people have to ask for others.
    pub(crate) buries: bool,
    /// Begins it, lets it last, and ends it.
    pub(crate) run: &'a dyn Fn(&mut World),
}

impl Drill<'_> {
    /// A fault that clients notice.
    pub(crate) fn of(fault: &'static str) -> Self {
        Self { fault, setup: Setup::default(), fails: true, buries: false, run: &|_| () }
    }

    /// A fault that no request is to notice.
    pub(crate) fn unnoticed(fault: &'static str) -> Self {
        Self { fails: false, ..Self::of(fault) }
    }

    /// Lets clients use a deployment, breaks it, and holds it to what it has promised.
    ///
    /// # Panics
    ///
    /// If it does not keep it.
    pub(crate) fn run(&self, plan: &Plan) {
        let _alone = alone();
        let start = Instant::now();
        println!("{} …", self.fault);
        let mut world = World::start(&self.setup);
        let tried = catch_unwind(AssertUnwindSafe(|| self.run_in(&mut world, plan)));
        if let Err(panic) = tried {
            // Where Postgres is gone, nobody can tell; that it is gone is then what is told.
            let _ = catch_unwind(AssertUnwindSafe(|| tell_what_happened(&world)));
            for instance in world.servers.iter_mut().chain(&mut world.workers) {
                println!("{}", instance.process().last_words());
            }
            resume_unwind(panic);
        }
        println!("{:.0} s", start.elapsed().as_secs_f64());
    }

    fn run_in(&self, world: &mut World, plan: &Plan) {
        let mut site = world.site(plan);
        site.expect_refusals(self.buries);
        let somebody = journey(&site, &plan.choices(0)).expect("nothing has failed yet");
        let load = Load::start(&site, plan);
        let clients = u64::from(plan.clients());
        until(PATIENCE, "clients have begun", || site.figures().journeys > clients);
        let before = site.figures();
        (self.run)(world);
        let recovered = site.recovery(&somebody);
        let after = site.figures();
        // What was broken off goes on, and what is new works.
        until(PATIENCE, "clients go on", || site.figures().journeys > after.journeys + clients);
        let mut accounts = load.finish(|| world.bring_mails_forward());
        accounts.push(somebody);
        let lost = audit_accounts(world, &site, &accounts);
        let mails = audit_mails(world, &site, &accounts);

        let figures = site.figures();
        let failed = figures.failed - before.failed;
        let dead =
            if self.buries { format!("; {} dead letters", mails.dead) } else { String::new() };
        Row {
            fault: format!("{}{dead}", self.fault),
            load: format!("{} requests, {} accounts", figures.requests, accounts.len()),
            failed,
            slow: figures.slow,
            longest: figures.longest,
            recovered: self.fails.then_some(recovered),
            lost: lost + mails.lost,
            duplicated: mails.duplicates,
        }
        .report();
        let replayed: u32 = accounts.iter().map(|account| account.replayed).sum();
        println!("{} mails; {replayed} refreshed too late after an unclear answer", mails.sent);

        assert!(figures.violations.is_empty(), "{}", figures.violations.join("\n"));
        assert!(recovered <= plan.recovery(), "recovered only after {recovered:?}");
        assert_eq!(mails.dead > 0, self.buries, "{} dead letters", mails.dead);
        if self.fails {
            assert!(failed > 0, "nothing failed: the fault was none");
        } else {
            // On a busy machine a password may wait for longer than its turn.
            let requests = figures.requests - before.requests;
            assert!(failed * 20 <= requests, "{failed} of {requests} requests failed");
        }
    }
}

/// Prints what the service has written down, with the addresses that the failures name.
fn tell_what_happened(world: &World) {
    let events: Vec<(String,)> = world.postgres.rows(
        "SELECT concat_ws(' ', e.occurred_at, u.email, e.kind, e.session_id, e.detail)
         FROM auth_events e LEFT JOIN auth_users u ON u.id = e.user_id ORDER BY e.occurred_at",
    );
    for (event,) in events {
        println!("{event}");
    }
}

/// Waits until no other drill runs: each of them has the machine to itself.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets a fault last.
pub(crate) fn last(time: Duration) {
    thread::sleep(time);
}

static ALONE: Mutex<()> = Mutex::new(());
