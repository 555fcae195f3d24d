//! Measures what requests cost the database of a service with few users and with many, in one run:
//! `tests/scale/run`.

mod site;

use std::env;
use std::process::ExitCode;

use auth_bench::Result;

use crate::site::Site;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(run())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let server = arguments.next().ok_or("the URL of a Postgres, and numbers of users")?;
    let sizes: Vec<u64> =
        arguments.map(|size| size.parse()).collect::<std::result::Result<_, _>>()?;
    let mut sites = Vec::new();
    for users in sizes {
        eprintln!("{users} users");
        sites.push(Site::open(&server, users).await?);
    }
    let mut costs = vec![vec![Vec::new(); sites.len()]; WHAT.len()];
    for round in 0..ROUNDS {
        eprintln!("round {} of {ROUNDS}", round + 1);
        for (size, site) in sites.iter_mut().enumerate() {
            for (what, cost) in site.costs().await?.into_iter().enumerate() {
                costs[what][size].push(cost);
            }
        }
    }
    let heads: Vec<_> = sites.iter().map(|site| format!("{} users", site.users)).collect();
    println!("| database time of | {} | last ÷ first |", heads.join(" | "));
    println!("|---|{}", "---:|".repeat(sites.len() + 1));
    for (what, costs) in WHAT.iter().zip(&mut costs) {
        let medians: Vec<f64> = costs.iter_mut().map(|costs| median(costs)).collect();
        let cells: Vec<_> = medians.iter().map(|cost| format!("{:.0} µs", cost * 1e6)).collect();
        let ratio = medians[medians.len() - 1] / medians[0];
        println!("| {what} | {} | {ratio:.2} |", cells.join(" | "));
    }
    Ok(())
}

fn median(costs: &mut [f64]) -> f64 {
    costs.sort_by(f64::total_cmp);
    costs[costs.len() / 2]
}

/// In the order in which a site measures it.
const WHAT: [&str; 6] = [
    "a sign-in, the hash aside",
    "a session's first refresh of a day",
    "a later refresh",
    "a request with `CurrentUser`",
    "a sign-out",
    "cleaning up one row",
];
const ROUNDS: usize = 5;
