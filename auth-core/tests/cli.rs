//! The command `auth` as a process; what its commands do is a matter of the conformance suite.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

#[test]
fn it_works_on_a_folder_of_its_own() {
    let folder = Folder::new("whole");
    let unborn = folder.run(&["user", "list"], "");
    assert_eq!(unborn.status.code(), Some(1), "{unborn:?}");
    let migrated = folder.run(&["migrate"], "");
    assert_eq!(migrated.status.code(), Some(0), "{migrated:?}");
    let created = folder.run(
        &["user", "create", "ada@example.com", "--password-stdin"],
        "seven plum tractors hum\n",
    );
    assert_eq!(created.status.code(), Some(0), "{created:?}");
    let shown = folder.run(&["user", "list", "--json"], "");
    assert!(text(&shown.stdout).contains("\"email\":\"ada@example.com\""), "{shown:?}");
    assert!(text(&unborn.stderr).contains("auth migrate"), "{unborn:?}");
    // Where nobody can be asked, nothing is deleted.
    let refused = folder.run(&["user", "delete", "ada@example.com"], "y\n");
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let unknown = folder.run(&["nonsense"], "");
    assert_eq!(unknown.status.code(), Some(2), "{unknown:?}");
    let missing = folder.run(&["--config", "missing.toml", "user", "list"], "");
    assert_eq!(missing.status.code(), Some(1), "{missing:?}");
    assert_eq!(text(&missing.stderr).lines().count(), 1, "{missing:?}");
}

#[test]
fn it_ends_quietly_when_nobody_reads() {
    let folder = Folder::new("pipe");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ended = folder.command(&["completions", "bash"]).stdout(writer).output().unwrap();
    assert_eq!((ended.status.code(), text(&ended.stderr)), (Some(0), ""));
}

/// A folder without settings, so that all are those of development.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{name}"));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("there is room for a folder");
        Self(folder)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_auth"));
        command.args(args).current_dir(&self.0).env_clear();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, args: &[&str], input: &str) -> Output {
        let mut child = self.command(args).spawn().expect("the command starts");
        // A command that does not read may have ended before.
        let _ = child.stdin.take().expect("it is piped").write_all(input.as_bytes());
        child.wait_with_output().expect("the command ends")
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("it prints UTF-8")
}
