use std::fmt::{self, Display};
use std::io::{self, BufRead, Read, Write};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::failure::Failure;
use crate::Password;

/// What a call reads from and writes to.
pub struct Io<'a> {
    pub(super) input: &'a mut dyn BufRead,
    pub(super) output: &'a mut dyn Write,
    pub(super) errors: &'a mut dyn Write,
    pub(super) input_is_terminal: bool,
    pub(super) errors_are_terminal: bool,
}

impl<'a> Io<'a> {
    /// Takes the three standard streams, none of which is a terminal.
    #[must_use]
    pub fn new(
        input: &'a mut dyn BufRead,
        output: &'a mut dyn Write,
        errors: &'a mut dyn Write,
    ) -> Self {
        Self { input, output, errors, input_is_terminal: false, errors_are_terminal: false }
    }

    /// Says whether somebody types the input, and whether somebody watches the errors.
    #[must_use]
    pub fn terminal(mut self, input: bool, errors: bool) -> Self {
        self.input_is_terminal = input;
        self.errors_are_terminal = errors;
        self
    }

    /// Asks whether to do what cannot be undone.
    pub(super) fn confirm(&mut self, deed: impl Display, yes: bool) -> Result<(), Failure> {
        if yes {
            return Ok(());
        }
        if !(self.input_is_terminal && self.errors_are_terminal) {
            return Err(Failure::misused("nobody can be asked here: say --yes if it is meant"));
        }
        write!(self.errors, "{deed}? [y/N] ")?;
        self.errors.flush()?;
        let mut answer = String::new();
        self.input.take(LONGEST_LINE).read_line(&mut answer).map_err(unreadable)?;
        match answer.trim() {
            "y" | "Y" | "yes" => Ok(()),
            _ => Err(Failure::failed("nothing was done")),
        }
    }

    /// Reads a password, which is the first line of the input.
    pub(super) fn password(&mut self) -> Result<Password, Failure> {
        if self.input_is_terminal {
            let sentence = "--password-stdin reads from a pipe: a terminal would show the password";
            return Err(Failure::misused(sentence));
        }
        let mut line = Zeroizing::new(String::with_capacity(LONGEST_LINE as usize));
        self.input.take(LONGEST_LINE).read_line(&mut line).map_err(unreadable)?;
        match line.trim_end_matches(['\r', '\n']) {
            "" => Err(Failure::failed("there is no password on standard input")),
            password => Ok(Password::from(password)),
        }
    }
}

impl fmt::Debug for Io<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Io").finish_non_exhaustive()
    }
}

/// Tells how far a long job is: on a terminal in one line that changes, else in a line now and then.
pub(super) struct Progress<'a> {
    errors: &'a mut dyn Write,
    live: bool,
    told: Instant,
}

impl<'a> Progress<'a> {
    pub(super) fn new(errors: &'a mut dyn Write, live: bool) -> Self {
        Self { errors, live, told: Instant::now() }
    }

    /// Whoever does not read it does not stop the job.
    pub(super) fn tell(&mut self, text: impl Display) {
        let pause = if self.live { Duration::from_millis(250) } else { Duration::from_secs(5) };
        if self.told.elapsed() < pause {
            return;
        }
        self.told = Instant::now();
        let _ = match self.live {
            true => write!(self.errors, "\r{text}\x1b[K"),
            false => writeln!(self.errors, "{text}"),
        };
        let _ = self.errors.flush();
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if self.live {
            let _ = write!(self.errors, "\r\x1b[K");
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it maps an error")]
fn unreadable(error: io::Error) -> Failure {
    Failure::failed(format!("standard input cannot be read: {error}"))
}

/// Longer than any password that is accepted.
const LONGEST_LINE: u64 = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_that_somebody_typed_is_one() {
        let confirmed = |input: &str, typed: bool, watched: bool, yes: bool| {
            let (mut input, mut output, mut errors) = (input.as_bytes(), Vec::new(), Vec::new());
            let io = Io::new(&mut input, &mut output, &mut errors);
            io.terminal(typed, watched).confirm("Delete it", yes).is_ok()
        };
        assert!(confirmed("y\n", true, true, false));
        assert!(confirmed("", false, false, true));
        for (input, typed, watched) in [
            ("", true, true),
            ("\n", true, true),
            ("n\n", true, true),
            ("y\n", false, true),
            ("y\n", true, false),
        ] {
            assert!(!confirmed(input, typed, watched, false), "{input:?}");
        }
    }

    #[test]
    fn a_password_is_a_line_that_nobody_sees() {
        let read = |mut input: &[u8], typed: bool| {
            let (mut output, mut errors) = (Vec::new(), Vec::new());
            let io = Io::new(&mut input, &mut output, &mut errors);
            io.terminal(typed, typed).password().ok().map(|password| password.expose().to_owned())
        };
        let password = Some(" two  words ".to_owned());
        assert_eq!(read(b" two  words \r\nmore\n", false), password);
        assert_eq!(read(b" two  words ", false), password);
        assert_eq!(read(b" two  words \n", true), None);
        assert_eq!(
            [read(b"", false), read(b"\n", false), read(b"\xff\n", false)],
            [None, None, None]
        );
    }
}
