use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use zeroize::{Zeroize, Zeroizing};

use super::args::Import;
use super::call::Call;
use super::failure::Failure;
use super::io::{Io, Progress};
use crate::{ImportOptions, ImportReport, ImportedUser};

pub(super) async fn run(call: &mut Call<'_, '_>, import: Import) -> Result<(), Failure> {
    let Import { file, strict } = import;
    let auth = call.auth().await?;
    let operator = auth.operator(call.operator());
    let options = if strict { ImportOptions::new().strict() } else { ImportOptions::new() };
    let Io { input, errors, errors_are_terminal, .. } = &mut *call.io;
    let mut opened;
    let input: &mut dyn BufRead = if file == Path::new("-") {
        *input
    } else {
        opened = BufReader::new(File::open(&file).map_err(|error| unreadable(&file, &error))?);
        &mut opened
    };
    let mut progress = Progress::new(*errors, *errors_are_terminal);
    let mut records = Records { input, broken: None, line: Zeroizing::default() };
    let imported = operator
        .import(&mut records, options, |so_far| {
            let ImportReport { read, created, .. } = so_far;
            progress.tell(format_args!("records read: {read}, users created: {created}"));
        })
        .await;
    let broken = records.broken.take();
    drop((records, progress));
    let report = imported?;
    call.output().done(&serde_json::to_value(&report)?, &summary(&report))?;
    if !call.is_json() {
        for problem in &report.problems {
            call.output().sentence(&problem.to_string())?;
        }
    }
    match (broken, report.refused) {
        (Some(error), _) => Err(unreadable(&file, &error)),
        (None, 0) => Ok(()),
        (None, _) => Err(Failure::Judged),
    }
}

fn summary(report: &ImportReport) -> String {
    let ImportReport { read, created, skipped, refused, .. } = report;
    format!(
        "records read: {read}, users created: {created}, there before: {skipped}, refused: {refused}"
    )
}

fn unreadable(file: &Path, error: &io::Error) -> Failure {
    Failure::failed(format!("{} cannot be read: {error}", file.display()))
}

/// The records of a file, one on each line; it ends where the file breaks off.
struct Records<'a> {
    input: &'a mut dyn BufRead,
    broken: Option<io::Error>,
    /// It holds password hashes, and perhaps secrets of authenticator apps.
    line: Zeroizing<Vec<u8>>,
}

impl Records<'_> {
    /// Reads a line, or as much of it as a record may have.
    fn read(&mut self) -> io::Result<usize> {
        self.line.zeroize();
        let read = (&mut *self.input).take(LONGEST + 1).read_until(b'\n', &mut self.line)?;
        if self.is_too_long() {
            self.input.skip_until(b'\n')?;
        }
        Ok(read)
    }

    fn is_too_long(&self) -> bool {
        self.line.len() as u64 > LONGEST && self.line.last() != Some(&b'\n')
    }
}

impl Iterator for Records<'_> {
    type Item = Result<ImportedUser, String>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.read() {
            Ok(0) => None,
            Ok(_) if self.is_too_long() => Some(Err(format!("is longer than {LONGEST} bytes"))),
            Ok(_) => Some(serde_json::from_slice(&self.line).map_err(|error| reason(&error))),
            Err(error) => {
                self.broken = Some(error);
                None
            }
        }
    }
}

/// Says what is wrong, without the value that is: it may be a secret in the wrong place.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.split_once(", expected ") {
        Some((unexpected, expected)) if unexpected.starts_with("invalid ") => {
            format!("must be {expected}")
        }
        _ => text,
    }
}

/// Far more than a user is.
const LONGEST: u64 = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut input: &[u8]) -> Vec<Result<String, String>> {
        let records = Records { input: &mut input, broken: None, line: Zeroizing::default() };
        records.map(|record| record.map(|user| user.email)).collect()
    }

    #[test]
    fn each_line_is_a_record() {
        let records = read(b"{\"email\":\"a@b.example\"}\r\n\n{\"email\":\"c@d.example\"}");
        assert_eq!((records.len(), &records[0]), (3, &Ok("a@b.example".to_owned())));
        assert!(records[1].is_err());
        assert_eq!(records[2], Ok("c@d.example".to_owned()));
    }

    #[test]
    fn a_line_without_an_end_takes_no_memory_and_stops_nothing() {
        let mut input = vec![b' '; 3 * LONGEST as usize];
        input.extend(b"\n{\"email\":\"a@b.example\"}\n");
        let records = read(&input);
        assert_eq!(
            records,
            [Err("is longer than 262144 bytes".to_owned()), Ok("a@b.example".to_owned())]
        );
    }

    #[test]
    fn what_is_wrong_is_named_and_not_repeated() {
        for (line, needle) in [
            ("{\"email\":\"a@b.example\",\"roles\":\"s3cret\"}", "a sequence"),
            ("{\"email\":\"a@b.example\",\"activated\":\"s3cret\"}", "a boolean"),
            ("{\"email\":\"a@b.example\",\"passwort\":\"s3cret\"}", "`passwort`"),
            ("{\"username\":\"s3cret\"}", "`email`"),
            ("s3cret", "expected value"),
        ] {
            let records = read(line.as_bytes());
            let reason = records[0].clone().expect_err(line);
            assert!(reason.contains(needle) && !reason.contains("s3cret"), "{line}: {reason}");
        }
    }
}
