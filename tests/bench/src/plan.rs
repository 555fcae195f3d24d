//! What is measured, and for how long.

use std::time::Duration;

use auth_bench::{Adapter, Backend, Result};

use crate::sites::{Engine, Place};

/// A part of a run, by the name that asks for it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    Cold,
    Feed,
    Identity,
    Me,
    Micro,
    Refresh,
    SignIn,
    SignUp,
    Storm,
}

impl Mode {
    const ALL: [Self; 9] = [
        Self::Storm,
        Self::Identity,
        Self::Me,
        Self::Refresh,
        Self::SignIn,
        Self::SignUp,
        Self::Feed,
        Self::Cold,
        Self::Micro,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Feed => "feed",
            Self::Identity => "identity",
            Self::Me => "me",
            Self::Micro => "micro",
            Self::Refresh => "refresh",
            Self::SignIn => "sign-in",
            Self::SignUp => "sign-up",
            Self::Storm => "storm",
        }
    }
}

/// The arguments, understood.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    modes: Vec<Mode>,
    adapters: Vec<Adapter>,
    engines: Vec<Engine>,
    backends: Vec<Backend>,
    /// Whether these frameworks were asked for.
    chosen: bool,
    /// How many clients ask at once, if that was asked for.
    clients: Option<Vec<usize>>,
    /// How often everything is measured; the medians count.
    pub(crate) rounds: usize,
    /// How long each round of one operation takes.
    pub(crate) duration: Duration,
    /// How long each round of a storm takes.
    pub(crate) storm: Duration,
    /// How many sessions end while another server is asked about them.
    pub(crate) sign_outs: u32,
    /// Whether the example servers are built from nothing.
    pub(crate) clean_build: bool,
    /// Whether it is shown where the service's time goes.
    pub(crate) profile: bool,
    /// Whether the tables of the documentation are written anew.
    pub(crate) write: bool,
}

impl Plan {
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let mut plan = Self {
            modes: Vec::new(),
            adapters: Adapter::ALL.to_vec(),
            engines: Engine::ALL.to_vec(),
            backends: Backend::ALL.to_vec(),
            chosen: false,
            clients: None,
            rounds: 3,
            duration: Duration::from_secs(2),
            storm: Duration::from_secs(10),
            sign_outs: 200,
            clean_build: false,
            profile: false,
            write: false,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} takes a value"));
            match argument.as_str() {
                "--quick" => {
                    (plan.rounds, plan.clients, plan.sign_outs) = (1, Some(vec![16]), 20);
                    (plan.adapters, plan.engines) = (vec![Adapter::Axum], vec![Engine::Postgres]);
                    plan.backends = vec![Backend::Portable];
                    (plan.duration, plan.storm) = (Duration::from_secs(1), Duration::from_secs(5));
                }
                "--backend" => plan.backends = list(value()?, Backend::named)?,
                "--clean-build" => plan.clean_build = true,
                "--adapter" => {
                    (plan.adapters, plan.chosen) = (list(value()?, Adapter::named)?, true);
                }
                "--clients" => plan.clients = Some(list(value()?, |text| Ok(text.parse()?))?),
                "--database" => plan.engines = list(value()?, Engine::named)?,
                "--profile" => plan.profile = true,
                "--write" => plan.write = true,
                "--rounds" => plan.rounds = value()?.parse()?,
                "--seconds" => {
                    plan.duration = Duration::from_secs(value()?.parse()?);
                    plan.storm = plan.duration;
                }
                name => {
                    let mode = Mode::ALL.into_iter().find(|mode| mode.name() == name);
                    plan.modes.push(mode.ok_or_else(|| format!("nothing to measure: {name}"))?);
                }
            }
        }
        if plan.modes.is_empty() {
            plan.modes = Mode::ALL.to_vec();
        }
        Ok(plan)
    }

    pub(crate) fn has(&self, mode: Mode) -> bool {
        self.modes.contains(&mode)
    }

    pub(crate) fn adapters(&self) -> impl Iterator<Item = Adapter> {
        self.adapters.iter().copied()
    }

    /// The one with which everything is measured.
    pub(crate) fn backend(&self) -> Backend {
        self.backends[0]
    }

    pub(crate) fn engines(&self) -> impl Iterator<Item = Engine> {
        self.engines.iter().copied()
    }

    /// Where: unless frameworks were chosen, what differs from axum on Postgres in one thing at most.
    pub(crate) fn places(&self) -> impl Iterator<Item = Place> {
        let mut places = Vec::new();
        for &engine in &self.engines {
            for &adapter in &self.adapters {
                let backends = self.backends.iter();
                places.extend(backends.map(|&backend| Place { adapter, engine, backend }));
            }
        }
        let is_near = move |place: &Place| {
            let alike = [
                place.adapter == Adapter::Axum,
                place.engine == Engine::Postgres,
                place.backend == self.backend(),
            ];
            alike.into_iter().filter(|alike| *alike).count() >= 2
        };
        places.into_iter().filter(move |place| self.chosen || is_near(place))
    }

    /// How many clients ask at once, one number after the other.
    pub(crate) fn clients(&self, place: Place) -> &[usize] {
        match &self.clients {
            Some(clients) => clients,
            None if place.adapter == Adapter::Axum && place.engine == Engine::Postgres => {
                &[1, 16, 64]
            }
            None => &[16],
        }
    }
}

fn list<T>(text: &str, parse: impl Fn(&str) -> Result<T>) -> Result<Vec<T>> {
    text.split(',').map(parse).collect()
}
