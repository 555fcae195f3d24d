//! What an example server costs before anybody asks it anything.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use auth_bench::{Adapter, MOUNT, Result};

use crate::block_on;
use crate::contest::median;
use crate::http::{Connection, request};
use crate::meter::Memory;
use crate::plan::Plan;
use crate::report::{Goal, Report, Row};
use crate::sites::{Engine, Ground, Server, common_settings};

/// Measures one framework's example.
pub(crate) fn measure(
    ground: &Ground,
    plan: &Plan,
    adapter: Adapter,
    report: &mut Report,
) -> Result<()> {
    let name = format!("example-{}", adapter.name());
    // By itself, so that it gets the features of no other.
    build(&name, None)?;
    for engine in plan.engines() {
        let place = format!("{}, {}", adapter.name(), engine.name());
        let starts = 2 * plan.rounds + 1;
        let fresh = start(ground, &name, engine, &ground.database(engine)?)?.1;
        let url = ground.database(engine)?;
        let mut times = Vec::new();
        for _ in 0..=starts {
            times.push(start(ground, &name, engine, &url)?.1.as_secs_f64() * 1e3);
        }
        // The first of these made the schema.
        let migrated = median(times.split_off(1));
        report.add(Row {
            what: "start to the first answer".to_owned(),
            place: place.clone(),
            measured: format!(
                "{migrated:.0} ms; {:.0} ms with a new schema",
                fresh.as_secs_f64() * 1e3
            ),
            ratio: migrated / 150.0,
            of: "150 ms".to_owned(),
            goal: Some(Goal::AtMost(1.0)),
        });
        let (server, _) = start(ground, &name, engine, &url)?;
        sleep(Duration::from_secs(2));
        let memory = Memory::of(server.meter.server);
        let goal = (engine == Engine::Sqlite).then_some(Goal::AtMost(1.0));
        report.add(Row {
            what: "idle memory".to_owned(),
            place: place.clone(),
            measured: format!(
                "{:.1} MiB, of which {:.1} its own",
                memory.resident, memory.anonymous
            ),
            ratio: memory.resident / 15.0,
            of: "15 MiB".to_owned(),
            goal,
        });
    }
    let size = fs::metadata(ground.program(&name))?.len() as f64 / f64::from(1 << 20);
    let (all, default) = (crates(&name)?, crates(&format!("auth-{}", adapter.name()))?);
    let mut measured =
        format!("{size:.1} MiB; {all} crates, {default} for the adapter as it is by default");
    if plan.clean_build {
        let time = clean_build(ground, &name)?;
        measured.push_str(&format!("; built in {:.0} s", time.as_secs_f64()));
    }
    report.fact("program with all features", adapter.name(), measured);
    Ok(())
}

/// Starts an example, and returns how long it took to answer that it is well.
fn start(ground: &Ground, name: &str, engine: Engine, url: &str) -> Result<(Server, Duration)> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let address = format!("127.0.0.1:{port}");
    let mut command = Command::new(ground.program(name));
    command.current_dir(ground.folder()).env_clear().envs(common_settings()).envs([
        ("AUTH_LISTEN", &*address),
        ("AUTH_PUBLIC_URL", &*format!("http://{address}")),
        ("AUTH_DATABASE_URL", url),
    ]);
    let log = ground.folder().join(format!("{name}.log"));
    let begun = Instant::now();
    let server = Server::run(&mut command, &log, ground.meter(0, engine))?;
    let health = request(&format!("GET {MOUNT}/health"), "", "");
    let asking = async {
        loop {
            if let Ok(mut connection) = Connection::open(port).await
                && connection.ask(&health).await?.status == 200
            {
                return Ok(begun.elapsed());
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("{name} does not start: see {}", log.display()).into());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let time = block_on(asking)?;
    Ok((server, time))
}

/// How many crates are compiled for it.
fn crates(name: &str) -> Result<usize> {
    let arguments = ["tree", "--offline", "-e", "normal,build", "--prefix", "none", "-p", name];
    let tree = String::from_utf8(Command::new("cargo").args(arguments).output()?.stdout)?;
    let crates = tree.lines().filter_map(|line| line.split(" (").next());
    Ok(crates.filter(|line| !line.is_empty()).collect::<BTreeSet<_>>().len())
}

fn clean_build(ground: &Ground, name: &str) -> Result<Duration> {
    let target = ground.folder().join("target");
    let begun = Instant::now();
    build(name, Some(&target))?;
    let time = begun.elapsed();
    fs::remove_dir_all(target)?;
    Ok(time)
}

fn build(name: &str, target: Option<&Path>) -> Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--quiet", "--release", "-p", name]);
    if let Some(target) = target {
        cargo.env("CARGO_TARGET_DIR", target);
    }
    if cargo.status()?.success() { Ok(()) } else { Err(format!("{name} cannot be built").into()) }
}

const PATIENCE: Duration = Duration::from_secs(30);
