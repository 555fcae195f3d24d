use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use clap::builder::PossibleValuesParser;
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

use crate::{EventKind, MessageId, MessageState, Timestamp, UserState};

/// Runs the service's users, mails, keys and events.
///
/// It reads the settings that the servers read: auth.toml and the variables AUTH_….
#[derive(Debug, Parser)]
#[command(name = "auth", version, propagate_version = false, max_term_width = 100)]
pub(super) struct Args {
    /// Reads this file in place of auth.toml
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Who does it, for the events [default: cli:$USER]
    #[arg(long = "as", global = true, value_name = "NAME")]
    pub(super) operator: Option<String>,
    /// Prints JSON, of a list one document on each line
    #[arg(long, global = true)]
    pub(super) json: bool,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Prints a script that completes this command in a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Checks settings, database, secrets, keys and mail, and fails if something is wrong
    Doctor,
    /// Lists what happened, the latest first
    Events(Events),
    /// Adds users of another system, one JSON object on each line
    ///
    /// Addresses that have a user are left out, so an import can be repeated. It fails if a record was
    /// refused; the others are there. No hooks of the host run.
    Import(Import),
    /// Signing keys of access tokens
    #[command(subcommand)]
    Keys(Keys),
    /// Brings the schema of the database up to date
    Migrate,
    /// Mails, sent or not
    #[command(subcommand)]
    Outbox(Outbox),
    /// Deletes what is over; servers do it by themselves
    Purge,
    /// Seals anew what a previous master secret sealed, and says what there was
    Reseal,
    /// Ends every session of every user
    RevokeAll {
        #[command(flatten)]
        consent: Consent,
    },
    /// Prints a new secret, for `secret` or for `pepper`
    Secret,
    /// Users
    #[command(subcommand)]
    User(User),
}

#[derive(Debug, ClapArgs)]
pub(super) struct Consent {
    /// Does not ask
    #[arg(long)]
    pub(super) yes: bool,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Events {
    /// Those of a user; by id of one who is deleted, too
    #[arg(long, value_name = "EMAIL|ID|USERNAME")]
    pub(super) user: Option<String>,
    /// Those of one kind, such as authn_login_fail
    #[arg(long, hide_possible_values = true, value_parser = event_kinds())]
    pub(super) kind: Option<String>,
    /// Those of this time and later: how long ago, such as 2h, or an instant in RFC 3339
    #[arg(long, value_parser = since)]
    pub(super) since: Option<Since>,
    /// How many at most
    #[arg(long, default_value_t = 100, value_parser = limit())]
    pub(super) limit: u32,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Import {
    /// The file, or - for standard input
    pub(super) file: PathBuf,
    /// Stops at the first record that is refused
    #[arg(long)]
    pub(super) strict: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Keys {
    /// Lists the keys
    List,
    /// Deletes every key and makes a new one, after a leak: all access tokens are void
    Revoke {
        #[command(flatten)]
        consent: Consent,
    },
    /// Makes the next key now, which signs once every instance knows it
    Rotate,
}

#[derive(Debug, Subcommand)]
pub(super) enum Outbox {
    /// Lists mails, the latest first
    List {
        /// Dead letters only
        #[arg(long, conflicts_with = "state")]
        failed: bool,
        /// Those in one state
        #[arg(long)]
        state: Option<MailState>,
        /// How many at most
        #[arg(long, default_value_t = 100, value_parser = limit())]
        limit: u32,
    },
    /// Queues dead letters again, which have lost their link if they had one
    #[command(arg_required_else_help = true)]
    Retry {
        /// The dead letter
        #[arg(required_unless_present = "all_failed")]
        id: Option<MessageId>,
        /// All that can be sent again
        #[arg(long, conflicts_with = "id")]
        all_failed: bool,
    },
    /// Shows a mail, without its link
    Show {
        /// The mail, as `auth outbox list` shows it
        id: MessageId,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// Creates a user, and mails a link that sets the password unless there is one
    ///
    /// No hooks of the host run: this command does not know its code.
    Create(NewUser),
    /// Deletes a user for good
    Delete {
        #[command(flatten)]
        user: Who,
        #[command(flatten)]
        consent: Consent,
    },
    /// Shuts a user out and ends all sessions
    Disable(Who),
    /// Lets a disabled user in again
    Enable(Who),
    /// Prints everything that is kept about a user
    Export(Who),
    /// Mails an invitation to sign up
    Invite {
        /// The address
        email: String,
    },
    /// Lists users, the earliest first
    List {
        /// Whose address or username begins so
        #[arg(long, value_name = "PREFIX")]
        search: Option<String>,
        /// Who have this role
        #[arg(long)]
        role: Option<String>,
        /// Who are in this state
        #[arg(long)]
        state: Option<State>,
        /// How many at most
        #[arg(long, default_value_t = 100, value_parser = limit())]
        limit: u32,
    },
    /// Switches off the second factor of a user who has lost it, and ends all sessions
    #[command(name = "reset-2fa")]
    ResetTwoFactor {
        #[command(flatten)]
        user: Who,
        #[command(flatten)]
        consent: Consent,
    },
    /// Shows the roles of a user, or sets them in place of all there were
    Roles {
        #[command(flatten)]
        user: Who,
        /// The roles to have from now on; without any, shows those there are
        #[arg(value_name = "ROLE")]
        roles: Vec<String>,
        /// Takes all roles away
        #[arg(long, conflicts_with = "roles")]
        none: bool,
    },
    /// Mails a user the link that sets a new password
    SendReset(Who),
    /// Lists the sessions of a user, or ends them
    Sessions {
        #[command(flatten)]
        user: Who,
        /// Ends all of them
        #[arg(long)]
        revoke: bool,
    },
    /// Shows a user
    Show(Who),
}

#[derive(Debug, ClapArgs)]
pub(super) struct NewUser {
    /// The address, which has no user yet
    pub(super) email: String,
    /// The public name, where usernames are in use
    #[arg(long)]
    pub(super) username: Option<String>,
    /// A role to have; may be repeated
    #[arg(long = "role", value_name = "ROLE")]
    pub(super) roles: Vec<String>,
    /// Reads the password from standard input, its first line
    #[arg(long)]
    pub(super) password_stdin: bool,
    /// Does not vouch for the address: the user proves it first
    #[arg(long)]
    pub(super) unproven: bool,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Who {
    /// The user
    #[arg(value_name = "EMAIL|ID|USERNAME")]
    pub(super) user: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum MailState {
    Failed,
    Sent,
    Waiting,
}

impl From<MailState> for MessageState {
    fn from(state: MailState) -> Self {
        match state {
            MailState::Failed => Self::Failed,
            MailState::Sent => Self::Sent,
            MailState::Waiting => Self::Waiting,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum State {
    Active,
    Disabled,
    Unproven,
}

impl From<State> for UserState {
    fn from(state: State) -> Self {
        match state {
            State::Active => Self::Active,
            State::Disabled => Self::Disabled,
            State::Unproven => Self::Unproven,
        }
    }
}

/// A time that is said in one of two ways.
#[derive(Clone, Copy, Debug)]
pub(super) enum Since {
    Ago(Duration),
    At(Timestamp),
}

impl Since {
    pub(super) fn timestamp(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(ago) => now.minus(ago),
            Self::At(at) => at,
        }
    }
}

fn since(text: &str) -> Result<Since, &'static str> {
    if let Ok(ago) = humantime::parse_duration(text) {
        return Ok(Since::Ago(ago));
    }
    let at = humantime::parse_rfc3339_weak(text).map_err(|_| SINCE)?;
    let at = at.duration_since(UNIX_EPOCH).map_err(|_| SINCE)?;
    Ok(Since::At(Timestamp::from_secs(0).plus(at)))
}

fn event_kinds() -> PossibleValuesParser {
    PossibleValuesParser::new(EventKind::ALL.iter().map(|kind| kind.as_str()))
}

fn limit() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..)
}

const SINCE: &str = "it is no duration such as 2h, and no instant such as 2026-01-31T12:00:00Z";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_argument_says_what_it_is() {
        fn check(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                let told = argument.get_help().is_some();
                assert!(told, "{} of {}", argument.get_id(), command.get_name());
            }
            command.get_subcommands().for_each(check);
        }
        check(&Args::command());
    }

    #[test]
    fn a_time_is_a_duration_or_an_instant() {
        let now = Timestamp::from_secs(1_000_000);
        let read = |text| since(text).map(|since| since.timestamp(now).secs());
        assert_eq!(read("2h"), Ok(1_000_000 - 7200));
        assert_eq!(read("1970-01-02T00:00:00Z"), Ok(86_400));
        assert_eq!(read("1970-01-02 00:00:00"), Ok(86_400));
        for text in ["", "yesterday", "-2h", "1969-12-31T00:00:00Z"] {
            assert_eq!(read(text), Err(SINCE), "{text}");
        }
    }
}
