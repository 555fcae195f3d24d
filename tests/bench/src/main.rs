//! Measures the service beside the least possible servers, in one run: `tests/bench/run`.

mod cold;
mod contest;
mod feed;
mod http;
mod load;
mod meter;
mod operations;
mod plan;
mod profile;
mod report;
mod scripts;
mod sites;
mod storm;

use std::env;
use std::process::ExitCode;

use auth_bench::Result;

use crate::operations::Operation;
use crate::plan::{Mode, Plan};
use crate::report::Report;
use crate::sites::{Ground, Site};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", auth_bench::with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let plan = Plan::parse(&arguments)?;
    let ground = Ground::prepared()?;
    let mut report = Report::default();
    if plan.has(Mode::Storm) {
        for place in plan.places() {
            storm::measure(&ground, &plan, place, &mut report)?;
        }
    }
    let asked: Vec<Operation> =
        Operation::ALL.into_iter().filter(|it| plan.has(it.mode())).collect();
    if !asked.is_empty() {
        for place in plan.places() {
            let asked = asked.iter().filter(|it| it.hashes() || place.backend == plan.backend());
            let mut asked = asked.peekable();
            if asked.peek().is_some() {
                let site = Site::open(&ground, place)?;
                asked.try_for_each(|operation| operation.measure(&site, &plan, &mut report))?;
            }
        }
    }
    if plan.has(Mode::Feed) {
        feed::measure(&ground, &plan, &mut report)?;
    }
    if plan.has(Mode::Cold) {
        for adapter in plan.adapters() {
            cold::measure(&ground, &plan, adapter, &mut report)?;
        }
    }
    if plan.has(Mode::Micro) {
        for line in ground.micro()?.lines() {
            let (name, nanos) = line.split_once('\t').ok_or("a name and a number")?;
            let micros = nanos.parse::<f64>()? / 1e3;
            report.fact(name, "core, SQLite", format!("{micros:.1} µs"));
        }
    }
    println!("{}", report.table());
    if plan.write {
        report.write(&env::var("BENCH_ABOUT")?)?;
    }
    Ok(())
}

fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
