//! The command `auth`, for the people who run the service.
//!
//! It does what [`Operator`](crate::Operator) does, from a shell and beside the servers: it reads the
//! [settings](crate::settings) that they read, opens their database, and leaves mails to their
//! courier. `auth help` lists the commands.
//!
//! ```sh
//! cargo install auth-core --features cli
//! ```
//!
//! Everything it changes is an [event](crate::Event) under the name that `--as` gives, or
//! `cli:` and the user of the shell. With `--json` it prints one JSON document, of a list one on each
//! line, under names that stay the same, and `{"error": …}` to standard error. It ends with 0, with 1
//! if it failed, and with 2 if it was not called right.
//!
//! # Security
//!
//! Whoever can run it with the servers' settings needs no password and no session. It never takes a
//! password as an argument, where others on the machine would see it. It knows nothing of what a host
//! hooks in by code: users that it creates are those of [`Auth`](crate::Auth) alone, and no
//! [`SignUpHook`](crate::SignUpHook) runs.

mod args;
mod call;
mod doctor;
mod events;
mod failure;
mod import;
mod io;
mod keys;
mod maintenance;
mod outbox;
mod output;
mod users;

use std::env;
use std::ffi::OsString;
use std::io::{BufWriter, IsTerminal};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use serde_json::json;

use crate::{MasterSecret, SystemRandom};
use args::{Args, Command};
use call::Call;
use failure::{FAILED, Failure};
pub use io::Io;

/// Runs the command that this process was called as.
#[must_use]
pub fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(FAILED);
        }
    };
    let mut input = std::io::stdin().lock();
    let mut output = BufWriter::new(std::io::stdout().lock());
    let mut errors = std::io::stderr();
    let (input_is_terminal, errors_are) = (input.is_terminal(), errors.is_terminal());
    let io = Io::new(&mut input, &mut output, &mut errors).terminal(input_is_terminal, errors_are);
    ExitCode::from(runtime.block_on(run(env::args_os(), env::vars_os(), io)))
}

/// Runs a command, whose name is the first of `args`, with `variables` for an environment.
///
/// Returns its exit code: 0, 1 if it failed, 2 if it was not called right.
pub async fn run(
    args: impl IntoIterator<Item = OsString>,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
    mut io: Io<'_>,
) -> u8 {
    let args: Vec<OsString> = args.into_iter().collect();
    let json = args.iter().any(|arg| arg == "--json");
    let done = match Args::try_parse_from(args) {
        Ok(args) => answer(args, variables.into_iter().collect(), &mut io).await,
        Err(error) if error.use_stderr() => Err(error.into()),
        Err(help) => io.output.write_all(help.to_string().as_bytes()).map_err(Failure::from),
    };
    match done.and_then(|()| Ok(io.output.flush()?)) {
        Ok(()) => 0,
        Err(failure) => {
            // What was printed before it failed comes before why it did.
            let _ = io.output.flush();
            failure.report(json, io.errors)
        }
    }
}

async fn answer(
    args: Args,
    variables: Vec<(OsString, OsString)>,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let Args { config, operator, json, command } = args;
    let mut call = Call::new(config, operator, variables, json, io);
    match command {
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "auth", &mut script);
            call.output().text(&String::from_utf8_lossy(&script))
        }
        Command::Doctor => doctor::run(&mut call).await,
        Command::Events(events) => events::list(&mut call, events).await,
        Command::Import(import) => import::run(&mut call, import).await,
        Command::Keys(command) => keys::run(&mut call, command).await,
        Command::Migrate => maintenance::migrate(&mut call).await,
        Command::Outbox(command) => outbox::run(&mut call, command).await,
        Command::Purge => maintenance::purge(&mut call).await,
        Command::Reseal => maintenance::reseal(&mut call).await,
        Command::RevokeAll { consent } => users::revoke_all(&mut call, consent.yes).await,
        Command::Secret => {
            let secret = MasterSecret::generate(&SystemRandom).to_base64();
            call.output().done(&json!({ "secret": *secret }), &secret)
        }
        Command::User(command) => users::run(&mut call, command).await,
    }
}
