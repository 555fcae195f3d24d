//! Builds the copy, and leaves out the mutants that do not compile.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::tree::{Place, Tree};

/// Builds the tests of a tree, and returns where they are, by the name of their target.
pub(crate) fn build(tree: &mut Tree, target: &Path) -> io::Result<HashMap<String, PathBuf>> {
    // What is found by looking alone need not be built to be found.
    let check = ["check", "-p", "auth-core", "--all-features"];
    let test = [
        "test",
        "--no-run",
        "-p",
        "auth-core",
        "-p",
        "auth-conformance",
        "--lib",
        "--test",
        "conformance",
    ];
    tree.recall();
    for arguments in [&check[..], &test[..]] {
        loop {
            tree.write()?;
            let output = cargo(tree, target, arguments)?;
            if output.succeeded {
                if arguments.contains(&"test") {
                    return Ok(output.executables);
                }
                break;
            }
            let errors = &output.errors;
            let mut left_out: usize = errors.iter().map(|places| tree.leave_out(places)).sum();
            if left_out == 0 {
                left_out = errors.iter().map(|places| tree.leave_out_between(places)).sum();
            }
            println!("    {left_out} places do not compile");
            if left_out == 0 {
                return Err(io::Error::other("the tests do not build"));
            }
        }
    }
    unreachable!("the last step returns");
}

struct Output {
    succeeded: bool,
    executables: HashMap<String, PathBuf>,
    errors: Vec<Vec<Place>>,
}

fn cargo(tree: &Tree, target: &Path, arguments: &[&str]) -> io::Result<Output> {
    let mut command = Command::new("cargo");
    command.current_dir(&tree.folder).args(arguments).arg("--message-format=json");
    let output = command.env("CARGO_TARGET_DIR", target).stderr(Stdio::inherit()).output()?;
    let mut executables = HashMap::new();
    let mut errors = Vec::new();
    for message in String::from_utf8_lossy(&output.stdout).lines() {
        let Ok(message) = serde_json::from_str::<Value>(message) else { continue };
        if let (Some(name), Some(path)) =
            (message["target"]["name"].as_str(), message["executable"].as_str())
        {
            executables.insert(name.to_owned(), PathBuf::from(path));
        }
        if message["message"]["level"] == "error" {
            errors.push(places(&message["message"]));
        }
    }
    Ok(Output { succeeded: output.status.success(), executables, errors })
}

/// Where an error is, then what it mentions, then what its notes do.
fn places(message: &Value) -> Vec<Place> {
    let spans = message["spans"].as_array().into_iter().flatten();
    let (about, mentioned): (Vec<_>, Vec<_>) = spans.partition(|span| span["is_primary"] == true);
    let mut found: Vec<_> = about.into_iter().chain(mentioned).filter_map(place).collect();
    let notes = message["children"].as_array().into_iter().flatten();
    found.extend(notes.flat_map(places));
    found
}

/// Where a span is in the text: where its macro is called, if it is in one.
fn place(span: &Value) -> Option<Place> {
    let mut span = span;
    while span["expansion"].is_object() {
        span = &span["expansion"]["span"];
    }
    let offset = |name: &str| span[name].as_u64().and_then(|offset| usize::try_from(offset).ok());
    let range = offset("byte_start")?..offset("byte_end")?;
    Some(Place { file: span["file_name"].as_str()?.to_owned(), range })
}
