//! What others notice of many who sign in at once.

use std::thread::sleep;
use std::time::Duration;

use auth_bench::{Result, cores};

use crate::contest::{Rounds, WARM_UP, median};
use crate::load::{Latencies, storm};
use crate::meter::Memory;
use crate::plan::Plan;
use crate::report::{Goal, Report, Row};
use crate::sites::{Ground, Place, Site};
use crate::{block_on, scripts};

/// Has 64 clients sign in without pause, and somebody read by the clock.
pub(crate) fn measure(
    ground: &Ground,
    plan: &Plan,
    place: Place,
    report: &mut Report,
) -> Result<()> {
    let site = Site::open(ground, place)?;
    // A hashing thread that has nothing to do gives its memory back.
    sleep(Duration::from_secs(2));
    let mut memory = [&site.service, &site.floor].map(|server| Memory::of(server.meter.server));
    let tokens = block_on(scripts::sign_in(site.service.port, 1..=1))?;
    let mut ours = scripts::sign_ins(CLIENTS);
    let mut theirs = scripts::rows("POST /hash", CLIENTS);
    let mut figures: [(Vec<Latencies>, Rounds); 2] = Default::default();
    for round in 0..plan.rounds {
        let probes = [scripts::gets("/user", &tokens), scripts::rows("GET /row", 1)];
        let servers = [(&site.service, &mut ours), (&site.floor, &mut theirs)];
        let figures = figures.iter_mut().zip(&mut memory);
        for (((server, clients), probe), (figures, memory)) in
            servers.into_iter().zip(probes).zip(figures)
        {
            let process = server.meter.server;
            if round == 0 {
                Memory::forget_peak(process);
            }
            let probe = probe.into_iter().next().ok_or("there is one")?;
            let (closed, latencies) =
                storm(server.port, clients, probe, PROBES, WARM_UP, plan.storm)?;
            figures.0.push(latencies);
            figures.1.0.push(closed);
            memory.peak = Memory::of(process).peak;
        }
    }
    let place = format!("{}, {CLIENTS} clients", site.place);
    let [ours, floor] = figures.map(|(latencies, rounds)| (texts(&latencies, &rounds), latencies));
    for (per_mille, name) in [(500, "p50"), (990, "p99")] {
        let pairs = ours.1.iter().zip(&floor.1);
        let ratios = pairs.map(|(ours, floor)| {
            ours.per_mille(per_mille).as_secs_f64() / floor.per_mille(per_mille).as_secs_f64()
        });
        let what = format!("storm: {name} of a GET with `CurrentUser`");
        let of = format!("the floor in its storm, {}", floor.0);
        let goal = (per_mille == 990).then_some(Goal::AtMost(1.3));
        report.add(Row {
            what,
            place: place.clone(),
            measured: ours.0.clone(),
            ratio: median(ratios),
            of: of.clone(),
            goal,
        });
    }
    let [ours, floor] = memory.map(|it| (it.peak, it.resident));
    let room = ours.1 + cores() as f64 * 19.0 + 8.0;
    report.add(Row {
        what: "storm: peak memory".to_owned(),
        place: place.clone(),
        measured: format!("{:.1} MiB, idle {:.1}", ours.0, ours.1),
        ratio: ours.0 / room,
        of: format!(
            "idle, 19 MiB a core and 8; the floor has {:.1} MiB, idle {:.1}",
            floor.0, floor.1
        ),
        goal: Some(Goal::AtMost(1.0)),
    });
    Ok(())
}

fn texts(latencies: &[Latencies], rounds: &Rounds) -> String {
    let millis = |per_mille| {
        let all = latencies.iter().map(|it| it.per_mille(per_mille).as_secs_f64() * 1e3);
        median(all)
    };
    let (p50, p99, longest) = (millis(500), millis(990), millis(1000));
    let mut text = format!(
        "p50 {p50:.1}, p99 {p99:.1}, longest {longest:.1} ms; {:.0} sign-ins/s",
        rounds.per_second()
    );
    if rounds.refused() > 0 {
        text.push_str(&format!(", {} refused", rounds.refused()));
    }
    text
}

const CLIENTS: usize = 64;
/// A second.
const PROBES: u32 = 50;
