//! The mail server fails, in each of its ways: mails are late, and nothing else is.

use super::drill::{Drill, last};
use super::environment::Plan;
use super::smtp_sink::Manner;

/// It takes nothing for the time being.
pub(super) fn defers(plan: &Plan) {
    behaves(plan, Manner::Defer, "mail server replies 451");
}

/// It says nothing, and keeps the connection.
pub(super) fn stalls(plan: &Plan) {
    behaves(plan, Manner::Stall, "mail server does not reply");
}

/// It takes a mail and does not say so: the mail comes again.
pub(super) fn drops_after_data(plan: &Plan) {
    behaves(plan, Manner::DropAfterData, "mail server hangs up after DATA");
}

/// It refuses for good: those mails are dead letters, and whoever waits for one asks for another.
pub(super) fn rejects(plan: &Plan) {
    Drill {
        buries: true,
        run: &|world| {
            world.sink.behave(Manner::Reject);
            last(plan.fault());
            world.sink.behave(Manner::Accept);
        },
        ..Drill::unnoticed("mail server replies 550")
    }
    .run(plan);
}

fn behaves(plan: &Plan, manner: Manner, fault: &'static str) {
    Drill {
        run: &|world| {
            world.sink.behave(manner);
            last(plan.fault());
            world.sink.behave(Manner::Accept);
        },
        ..Drill::unnoticed(fault)
    }
    .run(plan);
}
