use std::time::Duration;

use crate::Timestamp;

/// How often something may be tried.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Throttle {
    /// So many times, then each after a wait that doubles from one second to a quarter of an hour;
    /// forgotten a day after the last.
    Backoff { free: u32 },
    /// So many times in a period, which begins with the first.
    Window { limit: u32, period: Duration },
}

/// The state of a subject after its first attempt, and what the next ones follow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Begun {
    /// With how many attempts waiting begins.
    pub(crate) free: i64,
    /// Whether each attempt from then on makes the wait longer, instead of the period's end ending it.
    pub(crate) grows: bool,
    /// When all is forgotten.
    pub(crate) resets_at: Timestamp,
    /// Until when the next attempt has to wait.
    pub(crate) blocked_until: Option<Timestamp>,
}

impl Throttle {
    /// What one attempt at `now` leaves behind where there was none before.
    pub(crate) fn begin(self, now: Timestamp) -> Begun {
        let (free, grows, resets_at) = match self {
            Self::Backoff { free } => (free, true, now.plus(FORGOTTEN)),
            Self::Window { limit, period } => (limit, false, now.plus(period)),
        };
        let until = if grows { now.plus(FIRST_WAIT) } else { resets_at };
        Begun { free: free.into(), grows, resets_at, blocked_until: (free <= 1).then_some(until) }
    }
}

/// The wait after the last free attempt, doubled by each one after it.
pub(crate) const FIRST_WAIT: Duration = Duration::from_secs(1);
/// What no wait is longer than; nine doublings of the first come close to it.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// After how many doublings the wait is the longest.
pub(crate) const DOUBLINGS: i64 = 10;
const FORGOTTEN: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_doublings_reach_the_longest_wait_and_not_before() {
        let after = |doublings: i64| FIRST_WAIT * 2_u32.pow(u32::try_from(doublings).unwrap());
        assert!(after(DOUBLINGS) >= LONGEST_WAIT);
        assert!(after(DOUBLINGS - 1) < LONGEST_WAIT);
    }

    #[test]
    fn a_limit_of_one_blocks_at_once() {
        let now = Timestamp::from_secs(1_000);
        let period = Duration::from_secs(60);
        let window = Throttle::Window { limit: 1, period }.begin(now);
        assert_eq!(window.blocked_until, Some(window.resets_at));
        let backoff = Throttle::Backoff { free: 1 }.begin(now);
        assert_eq!(backoff.blocked_until, Some(now.plus(FIRST_WAIT)));
        assert_eq!(Throttle::Backoff { free: 2 }.begin(now).blocked_until, None);
    }
}
