//! What the benchmark runs in processes of their own, and what it needs the service's crates for.

mod chores;
mod floor;
mod micro;
mod serve;

use std::env;
use std::process::ExitCode;

use auth_bench::Result;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", auth_bench::with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", what] => serve::serve(what).await,
        ["import", url] => chores::import(url).await,
        ["micro", url] => micro::measure(url).await,
        ["execute", url, sql] => chores::execute(url, sql).await,
        _ => Err("it is run by tests/bench/run".into()),
    }
}
