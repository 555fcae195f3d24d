//! The master secret of a development server, which outlives restarts as its database does.

use std::fmt::Display;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::{ConfigError, MasterSecret, Random};

/// Where it is kept: beside the database, readable by its owner alone.
pub(super) struct SecretFile(PathBuf);

impl SecretFile {
    pub(super) fn beside(database: &Path) -> Self {
        Self(beside(database, ".secret"))
    }

    pub(super) fn exists(&self) -> Result<bool, ConfigError> {
        fs::exists(&self.0).map_err(|error| self.unusable(&error))
    }

    /// Returns the secret, and makes it if there is none yet. Two servers that start at once end with
    /// the same one.
    pub(super) fn read_or_make(&self, random: &dyn Random) -> Result<MasterSecret, ConfigError> {
        if !self.exists()? {
            make(&self.0, random).map_err(|error| self.unusable(&error))?;
        }
        let text = fs::read_to_string(&self.0).map_err(|error| self.unusable(&error))?;
        MasterSecret::parse(text.trim()).map_err(|error| self.unusable(&error))
    }

    pub(super) fn is_lost(&self) -> ConfigError {
        let path = self.0.display();
        let problem = format!(
            "is not set, and {path} is gone, which has sealed what the database holds: \
             bring it back, or remove the database too"
        );
        ConfigError::new("secret", problem)
    }

    fn unusable(&self, problem: &dyn Display) -> ConfigError {
        let path = self.0.display();
        ConfigError::new("secret", format!("is not set, and {path} cannot be used: {problem}"))
    }
}

/// The file appears with its whole content or not at all, and never in place of another.
fn make(path: &Path, random: &dyn Random) -> io::Result<()> {
    let draft = beside(path, &format!(".{}", u64::from_le_bytes(random.bytes())));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&draft).and_then(|mut file| {
        file.write_all(MasterSecret::generate(random).to_base64().as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()
    });
    let linked = written.and_then(|()| fs::hard_link(&draft, path));
    let removed = fs::remove_file(&draft);
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked.and(removed),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::thread;

    use super::*;
    use crate::SystemRandom;

    #[test]
    fn servers_that_start_at_once_share_a_secret_that_only_the_owner_reads() {
        let folder = env::temp_dir().join(format!("auth-secret-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = SecretFile::beside(&folder.join("auth.db"));
        let secret = || file.read_or_make(&SystemRandom).unwrap().to_base64();
        let secrets: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(secret)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(secrets.iter().all(|one| *one == secrets[0]));
        assert_eq!(*secret(), *secrets[0]);
        let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|file| file.unwrap()).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(files[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        fs::write(folder.join("auth.db.secret"), "c2hvcnQ=\n").unwrap();
        let error = file.read_or_make(&SystemRandom).unwrap_err();
        assert!(error.to_string().contains("auth.db.secret"), "{error}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
