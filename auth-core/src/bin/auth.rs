//! The command `auth`, for the people who run the service: [`auth_core::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    auth_core::cli::main()
}
