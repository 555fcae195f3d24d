//! Puts the matrix together and runs it: `axum::sqlite::sign_up::…`.

use std::collections::{BTreeSet, HashMap};
use std::process::ExitCode;

use auth_conformance::cases::{BROWSER_CASES, CASES, CHECKS, COMPARISONS};
use auth_conformance::drills::{DRILLS, Plan, print_drill_report};
use auth_conformance::{
    Adapter, App, Browser, StoreKind, close_browser, drop_template, serve_if_told, uncovered,
    untraced,
};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    if let Some(served) = serve_if_told() {
        return served;
    }
    let arguments = Arguments::from_args();
    if let Some(plan) = Plan::from_environment() {
        return drill(arguments, plan);
    }
    let without = std::env::var("AUTH_TEST_WITHOUT").unwrap_or_default();
    let wanted = |name: &str| !without.split(',').any(|left_out| left_out == name);
    for (service, variable) in
        [("browser", "AUTH_TEST_BROWSER"), ("postgres", "DATABASE_URL"), ("redis", "REDIS_URL")]
    {
        if !wanted(service) {
            println!("\n{service} is left out by name");
        } else if !arguments.list && std::env::var_os(variable).is_none() {
            eprintln!("{variable} is not set: tests/run starts what the suite needs");
            return ExitCode::FAILURE;
        }
    }
    let stores: Vec<StoreKind> =
        StoreKind::ALL.into_iter().filter(|store| wanted(store.name())).collect();

    let mut trials = trials(&stores, wanted);
    // More than a filter can say: the names of trials, a line each, in their order.
    let listed = std::env::var_os("AUTH_TEST_TRIALS")
        .map(|file| std::fs::read_to_string(file).expect("AUTH_TEST_TRIALS is a file of names"));
    if let Some(listed) = &listed {
        let listed: HashMap<_, _> = listed.lines().zip(0..).collect();
        trials.retain(|trial| listed.contains_key(trial.name()));
        trials.sort_by_key(|trial| listed[trial.name()]);
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    close_browser();
    drop_template();
    let partial = arguments.filter.is_some() || !arguments.skip.is_empty() || arguments.list;
    if partial || listed.is_some() || arguments.ignored {
        return conclusion.exit_code();
    }

    let coverage = libtest_mimic::run(&arguments, coverage(&stores));
    if conclusion.has_failed() { conclusion.exit_code() } else { coverage.exit_code() }
}

/// One after the other, and nothing else: each drill takes the whole machine.
fn drill(arguments: Arguments, plan: Plan) -> ExitCode {
    println!("AUTH_DRILL_SEED={}", plan.seed());
    let drills =
        DRILLS.iter().map(|&(name, drill)| trial(format!("drills::{name}"), move || drill(&plan)));
    let alone = Arguments { test_threads: Some(1), ..arguments };
    let conclusion = libtest_mimic::run(&alone, drills.collect());
    print_drill_report();
    conclusion.exit_code()
}

fn trials(stores: &[StoreKind], wanted: impl Fn(&str) -> bool) -> Vec<Trial> {
    let mut trials = vec![requirements()];
    for &(name, check) in CHECKS {
        let service = match name.split_once("::") {
            Some(("services", service)) => service,
            Some((module, _)) => module,
            None => name,
        };
        if wanted(service) {
            trials.push(trial(name.to_owned(), check));
        }
    }
    if wanted("browser") {
        trials.extend(browser_trials());
    }
    for &store in stores {
        for &(name, compare) in COMPARISONS {
            trials.push(trial(format!("all::{}::{name}", store.name()), move || {
                compare(&Adapter::ALL.map(|adapter| App::start(adapter, store)));
            }));
        }
        for adapter in Adapter::ALL {
            for &(name, case) in CASES {
                let name = format!("{}::{}::{name}", adapter.name(), store.name());
                trials.push(trial(name, move || case(&App::start(adapter, store))));
            }
        }
    }
    trials
}

/// That the manual's table of requirements names tests that there are.
fn requirements() -> Trial {
    let names = CASES.iter().map(|(name, _)| (*name).to_owned());
    let names = names.chain(COMPARISONS.iter().map(|(name, _)| (*name).to_owned()));
    let names = names.chain(CHECKS.iter().map(|(name, _)| (*name).to_owned()));
    let names = names.chain(BROWSER_CASES.iter().map(|(name, _)| format!("browser::{name}")));
    let names = names.chain(DRILLS.iter().map(|(name, _)| format!("drills::{name}")));
    let names: BTreeSet<_> = names.collect();
    Trial::test("requirements::each_has_its_control_and_its_test", move || match untraced(&names) {
        faults if faults.is_empty() => Ok(()),
        faults => Err(Failed::from(faults.join("\n"))),
    })
}

/// On one store: a browser sees nothing of it, and costs more than it.
fn browser_trials() -> impl Iterator<Item = Trial> {
    Adapter::ALL.into_iter().flat_map(|adapter| {
        BROWSER_CASES.iter().map(move |&(name, case)| {
            trial(format!("browser::{}::{name}", adapter.name()), move || {
                case(&App::start_for_browser(adapter, StoreKind::Sqlite), &Browser::new());
            })
        })
    })
}

/// After everything else: that every endpoint was asked by some case.
fn coverage(stores: &[StoreKind]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for adapter in Adapter::ALL {
        for &store in stores {
            let name = format!("{}::{}::every_endpoint_was_asked", adapter.name(), store.name());
            trials.push(Trial::test(name, move || match uncovered(adapter, store) {
                uncovered if uncovered.is_empty() => Ok(()),
                uncovered => Err(Failed::from(uncovered.join("\n"))),
            }));
        }
    }
    trials
}

fn trial(name: String, run: impl FnOnce() + Send + 'static) -> Trial {
    Trial::test(name, move || {
        run();
        Ok(())
    })
}
