//! Contestants who take turns, so that what changes on the machine changes for all.

use std::time::Duration;

use auth_bench::Result;

use crate::load::{Closed, Scripts, closed};
use crate::plan::Plan;
use crate::profile::Profile;
use crate::sites::Server;

/// What a contestant did in each round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rounds(pub(crate) Vec<Closed>);

impl Rounds {
    pub(crate) fn per_second(&self) -> f64 {
        median(self.0.iter().map(|round| round.per_second))
    }

    /// In microseconds, for each operation.
    pub(crate) fn cpu(&self) -> f64 {
        median(self.0.iter().map(|round| micros(round.cpu)))
    }

    pub(crate) fn per_mille(&self, per_mille: usize) -> Duration {
        let all = self.0.iter().map(|round| round.latencies.per_mille(per_mille).as_secs_f64());
        Duration::from_secs_f64(median(all))
    }

    pub(crate) fn refused(&self) -> usize {
        self.0.iter().map(|round| round.refused).sum()
    }

    /// Returns the median of the ratios to what another did in the same rounds.
    pub(crate) fn ratio(&self, other: &Self, of: impl Fn(&Closed) -> f64) -> f64 {
        median(self.0.iter().zip(&other.0).map(|(mine, theirs)| of(mine) / of(theirs)))
    }
}

/// Has both servers asked in turn.
pub(crate) fn take_turns(
    plan: &Plan,
    contestants: &mut [(&Server, &mut Scripts)],
    mut between: impl FnMut(),
) -> Result<Vec<Rounds>> {
    let mut rounds = vec![Rounds::default(); contestants.len()];
    for _ in 0..plan.rounds {
        for (number, ((server, scripts), rounds)) in
            contestants.iter_mut().zip(&mut rounds).enumerate()
        {
            let profile = (plan.profile && number == 0).then(|| Profile::start(server));
            let measured = closed(server.port, scripts, WARM_UP, plan.duration, server.meter)?;
            if measured.latencies.len() == 0 {
                return Err("nothing was answered as it should be".into());
            }
            rounds.0.push(measured);
            if let Some(profile) = profile {
                profile?.show()?;
            }
        }
        between();
    }
    Ok(rounds)
}

pub(crate) fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// Of an even number, the mean of both in the middle.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    let [lower, upper] = [values.len().wrapping_sub(1) / 2, values.len() / 2];
    match (values.get(lower), values.get(upper)) {
        (Some(lower), Some(upper)) => f64::midpoint(*lower, *upper),
        _ => f64::NAN,
    }
}

pub(crate) const WARM_UP: Duration = Duration::from_millis(500);
