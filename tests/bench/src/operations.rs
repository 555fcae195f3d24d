//! What users do, beside the least that a server could do for it.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use auth_bench::{Adapter, Result, bare_loop, cores};

use crate::contest::{Rounds, median, micros, take_turns};
use crate::load::Scripts;
use crate::meter::own_cpu;
use crate::plan::{Mode, Plan};
use crate::report::{Goal, Report, Row};
use crate::sites::Site;
use crate::{block_on, scripts};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Operation {
    CurrentUser,
    Identity,
    Me,
    Refresh,
    SignIn,
    SignUp,
}

impl Operation {
    pub(crate) const ALL: [Self; 6] =
        [Self::Identity, Self::CurrentUser, Self::Me, Self::Refresh, Self::SignIn, Self::SignUp];

    pub(crate) const fn mode(self) -> Mode {
        match self {
            Self::CurrentUser | Self::Me => Mode::Me,
            Self::Identity => Mode::Identity,
            Self::Refresh => Mode::Refresh,
            Self::SignIn => Mode::SignIn,
            Self::SignUp => Mode::SignUp,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::CurrentUser => "GET with `CurrentUser`",
            Self::Identity => "GET with `Identity`",
            Self::Me => "GET `/me`",
            Self::Refresh => "refresh",
            Self::SignIn => "sign-in",
            Self::SignUp => "sign-up",
        }
    }

    /// What the least possible server is asked instead, and what that is called.
    const fn floor(self) -> (&'static str, &'static str) {
        match self {
            Self::CurrentUser | Self::Me => ("GET /row", "a GET that reads a row"),
            Self::Identity => ("GET /", "a GET without authentication"),
            Self::Refresh => ("POST /update", "a POST that updates a row"),
            Self::SignIn | Self::SignUp => ("POST /hash", "a POST that reads, hashes and inserts"),
        }
    }

    /// Whether the backend matters.
    pub(crate) const fn hashes(self) -> bool {
        matches!(self, Self::SignIn | Self::SignUp)
    }

    /// Measures it with as many clients as the plan says, one number after the other.
    pub(crate) fn measure(self, site: &Site, plan: &Plan, report: &mut Report) -> Result<()> {
        let numbers = Arc::new(AtomicU64::new(0));
        for &clients in plan.clients(site.place) {
            let mut ours = self.scripts(site, clients, &numbers)?;
            let mut theirs = scripts::rows(self.floor().0, clients);
            let mut bare = Vec::new();
            let between = || {
                if self.hashes() {
                    let cpu = own_cpu();
                    let (count, time) = bare_loop(site.place.backend, cores(), plan.duration);
                    let per_second = f64::from(count) / time.as_secs_f64();
                    bare.push((per_second, (own_cpu() - cpu) / count));
                }
            };
            let mut contestants = [(&site.service, &mut ours), (&site.floor, &mut theirs)];
            let rounds = take_turns(plan, &mut contestants, between)?;
            self.report(site, clients, &rounds, &bare, report);
        }
        Ok(())
    }

    fn scripts(self, site: &Site, clients: usize, numbers: &Arc<AtomicU64>) -> Result<Scripts> {
        let port = site.service.port;
        let sessions = |count| block_on(scripts::sign_in(port, 1..=count));
        let tokens = || sessions(clients as u64);
        Ok(match self {
            Self::CurrentUser => scripts::gets("/user", &tokens()?),
            Self::Identity => scripts::gets("/identity", &tokens()?),
            Self::Me => scripts::gets("/api/auth/me", &tokens()?),
            Self::Refresh => scripts::refreshes(clients, &sessions(REFRESHED)?),
            Self::SignIn => scripts::sign_ins(clients),
            Self::SignUp => scripts::sign_ups(clients, numbers),
        })
    }

    fn report(
        self,
        site: &Site,
        clients: usize,
        rounds: &[Rounds],
        bare: &[(f64, Duration)],
        report: &mut Report,
    ) {
        let [ours, floor] = rounds else { return };
        let mut measured = format!(
            "{:.0}/s, p99 {:.1} ms, CPU {:.0} µs",
            ours.per_second(),
            ours.per_mille(990).as_secs_f64() * 1e3,
            ours.cpu(),
        );
        if ours.refused() > 0 {
            measured.push_str(&format!("; {} refused", ours.refused()));
        }
        let mut add = |figure, ratio, of: &str, goal| {
            report.add(Row {
                what: format!("{}: {figure}", self.name()),
                place: format!("{}, {clients} clients", site.place),
                measured: measured.clone(),
                ratio,
                of: of.to_owned(),
                goal,
            });
        };
        let (throughput, cpu) =
            (ours.ratio(floor, |it| it.per_second), ours.ratio(floor, |it| micros(it.cpu)));
        let of =
            format!("{}, {:.0}/s, CPU {:.0} µs", self.floor().1, floor.per_second(), floor.cpu());
        add(REQUESTS, throughput, &of, self.throughput_goal(site.place.adapter));
        add("CPU", cpu, &of, (self == Self::Refresh).then_some(Goal::AtMost(1.25)));
        if !self.hashes() {
            return;
        }
        let pairs = || ours.0.iter().zip(bare);
        let hashes = pairs().map(|(ours, bare)| micros(ours.cpu) / micros(bare.1));
        let loops = pairs().map(|(ours, bare)| ours.per_second / bare.0);
        let (speed, cpu) =
            (median(bare.iter().map(|it| it.0)), median(bare.iter().map(|it| micros(it.1))));
        let of = format!("a bare loop, {speed:.0}/s, CPU {cpu:.0} µs");
        let has_goal = self == Self::SignIn && clients >= 16;
        add("CPU", median(hashes), &of, has_goal.then_some(Goal::AtMost(1.08)));
        add(REQUESTS, median(loops), &of, has_goal.then_some(Goal::AtLeast(0.95)));
    }

    fn throughput_goal(self, adapter: Adapter) -> Option<Goal> {
        match self {
            Self::CurrentUser => Some(Goal::AtLeast(0.85)),
            Self::Identity if adapter == Adapter::Actix => Some(Goal::AtLeast(0.80)),
            Self::Identity => Some(Goal::AtLeast(0.85)),
            Self::Me | Self::Refresh | Self::SignIn | Self::SignUp => None,
        }
    }
}

/// Sessions that are refreshed in turn: those of one page of the table would have it cleared up at nearly
/// every refresh, which no sessions do that are refreshed every ten minutes.
const REFRESHED: u64 = 512;
const REQUESTS: &str = "requests a second";
