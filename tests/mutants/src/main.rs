//! Changes each decision of the core, one after the other, and looks whether a test notices.
//!
//! All changes are in one build, and a variable says which of them is alive: a mutant costs the tests
//! that reach it and no compilation.

mod catches;
mod compile;
mod edit;
mod find;
mod hunt;
mod survivors;
mod tree;
mod trials;

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;

use catches::Catches;
use hunt::{Fate, Hunt};
use survivors::Survivors;
use tree::Tree;
use trials::Program;

fn main() -> io::Result<ExitCode> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let output = root.join("target/mutants");
    let mut chosen: Vec<_> = std::env::args().skip(1).collect();
    let again = chosen.first().is_some_and(|first| first == "--again");
    if again {
        chosen.remove(0);
    }
    if chosen.is_empty() {
        chosen = DECISIONS.map(|path| format!("auth-core/src/{path}")).to_vec();
    }

    let start = Instant::now();
    println!("==> building all mutants at once");
    let mut tree = Tree::copy(&root, output.join("tree"), &chosen)?;
    let programs = compile::build(&mut tree, &root.join("target"))?;
    let mut mutants = tree.mutants();
    let all = tree.labels().len();
    println!("    {} mutants; {} more do not compile", mutants.len(), all - mutants.len());
    if again {
        let last = Survivors::of_last_run(&output)?;
        mutants.retain(|mutant| last.contains(&tree.labels()[*mutant]));
    }

    println!("==> looking what each test reaches");
    let program = |name: &str, package: &str| {
        // Cargo knows the original and its copy by one name, and builds either over the other.
        let path = output.join(name);
        let _ = fs::remove_file(&path);
        fs::copy(&programs[name], &path)?;
        let folder = tree.folder.join(package);
        io::Result::Ok(Program { path, folder, is_suite: name == "conformance" })
    };
    let (unit, suite) = (program("auth_core", "auth-core")?, program("conformance", "tests")?);
    let hunt = Hunt::prepare(unit, suite, tree.labels(), output.join("scratch"))?;
    for test in &hunt.left_out {
        println!("    left out, because it does not pass by itself: {test}");
    }

    println!("==> {} mutants meet the tests", mutants.len());
    let log = Mutex::new(Vec::new());
    let labels = tree.labels();
    let catches = Mutex::new(Catches::of_earlier_runs(&output));
    let known = catches.lock().expect("nobody panics").of(labels);
    let fates = hunt.run(mutants, &known, |mutant, fate| {
        let mut log = log.lock().expect("nobody panics");
        log.push(match fate {
            Fate::Caught(test) => {
                catches.lock().expect("nobody panics").keep(&labels[mutant], test, &output);
                format!("caught by {test}: {}", labels[mutant])
            }
            Fate::Hung => format!("hung: {}", labels[mutant]),
            // So far: others have their turn.
            Fate::Survived => format!("survived: {}", labels[mutant]),
            Fate::Unreached => format!("not reached: {}", labels[mutant]),
        });
        // Whoever waits reads it as it grows.
        let _ = fs::write(output.join("report"), log.join("\n"));
    })?;
    report(&tree, &fates, &output, &chosen, start)
}

fn report(
    tree: &Tree,
    fates: &HashMap<usize, Fate>,
    output: &Path,
    chosen: &[String],
    start: Instant,
) -> io::Result<ExitCode> {
    let (mut caught, mut hung, mut unreached) = (0, 0, 0);
    let mut survived = BTreeSet::new();
    for (mutant, fate) in fates {
        match fate {
            Fate::Caught(_) => caught += 1,
            Fate::Hung => hung += 1,
            Fate::Survived | Fate::Unreached => {
                unreached += usize::from(matches!(fate, Fate::Unreached));
                survived.insert(tree.labels()[*mutant].clone());
            }
        }
    }
    println!(
        "    {caught} caught, {hung} hung, {} survived ({unreached} of them not reached), in {} s",
        survived.len(),
        start.elapsed().as_secs()
    );
    let listed = Survivors::listed(chosen)?;
    Survivors::keep(&survived, output)?;
    let tried: BTreeSet<_> = fates.keys().map(|mutant| tree.labels()[*mutant].clone()).collect();
    let unknown: Vec<_> = survived.difference(&listed).collect();
    let caught_now: Vec<_> = listed
        .iter()
        .filter(|label| tried.contains(*label) && !survived.contains(*label))
        .collect();
    let gone: Vec<_> = listed.iter().filter(|label| !tree.labels().contains(label)).collect();
    for (title, labels) in [
        ("survived, and nothing says why", &unknown),
        ("listed as survivors, and caught", &caught_now),
        ("listed as survivors, and there are none such", &gone),
    ] {
        if !labels.is_empty() {
            println!("==> {title}");
            labels.iter().for_each(|label| println!("* {label}"));
        }
    }
    let passed = unknown.is_empty() && caught_now.is_empty() && gone.is_empty();
    println!("==> {}", if passed { "PASSED" } else { "FAILED" });
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Where the core decides who somebody is and what they may do.
const DECISIONS: [&str; 19] = [
    "auth.rs",
    "authentication.rs",
    "crypto",
    "email_address.rs",
    "flows",
    "http",
    "limits",
    "outbox/courier.rs",
    "outbox/store.rs",
    "policy",
    "purge.rs",
    "revocations.rs",
    "role.rs",
    "sealed.rs",
    "service.rs",
    "signing.rs",
    "store",
    "throttling.rs",
    "username.rs",
];
