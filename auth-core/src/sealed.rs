//! What rests sealed, and whether the secrets that are configured open it.

use uuid::Uuid;

use crate::auth::Inner;
use crate::crypto::seal::Purpose;
use crate::store::sealed::{AUTHENTICATORS, ENROLMENTS, MESSAGES, SealedColumn};
use crate::{Auth, Result};

/// With which master secret values are sealed, of one kind.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct SealedCount {
    /// With the current one.
    pub current: u64,
    /// With a previous one.
    pub previous: u64,
    /// With one that is not configured, or they are broken: nothing opens them.
    pub unreadable: u64,
}

/// With which master secret what rests in the database is sealed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct SealedCounts {
    /// The secrets of authenticator apps.
    pub authenticators: SealedCount,
    /// Those that await their first code.
    pub enrolments: SealedCount,
    /// The tokens of mails that wait.
    pub messages: SealedCount,
    /// The private halves of signing keys.
    pub signing_keys: SealedCount,
}

impl SealedCounts {
    /// Returns the counts of all kinds together.
    #[must_use]
    pub fn total(&self) -> SealedCount {
        let all = [self.authenticators, self.enrolments, self.messages, self.signing_keys];
        all.into_iter().fold(SealedCount::default(), |sum, one| SealedCount {
            current: sum.current + one.current,
            previous: sum.previous + one.previous,
            unreadable: sum.unreadable + one.unreadable,
        })
    }
}

impl Auth {
    /// Says with which secret a value is sealed, and seals it anew if that is a previous one.
    pub(crate) fn judge_sealed(&self, purpose: Purpose, owner: &[u8], sealed: &[u8]) -> Judged {
        let Inner { sealer, random, .. } = &*self.0;
        match sealer.open(purpose, owner, sealed) {
            Err(_) => Judged::Unreadable,
            Ok(_) if sealer.is_current(sealed) => Judged::Current,
            Ok(plain) => Judged::Previous(sealer.seal(&**random, purpose, owner, &plain)),
        }
    }

    /// Looks at up to about `limit` sealed values of each kind, and replaces those of a previous
    /// secret if it is to.
    pub(crate) async fn go_over_sealed(
        &self,
        replace: bool,
        limit: u64,
        mut progress: impl FnMut(&SealedCounts),
    ) -> Result<SealedCounts> {
        let signing_keys = self.go_over_signing_keys(replace).await?;
        let mut counts = SealedCounts { signing_keys, ..SealedCounts::default() };
        progress(&counts);
        for (column, of) in COLUMNS {
            let mut after = Uuid::nil();
            while of(&mut counts).sum() < limit {
                let mut connection = self.0.store.read().await?;
                let rows = connection.sealed(column, after, BATCH).await?;
                drop(connection);
                let Some((last, _)) = rows.last() else { break };
                after = *last;
                let mut replaced = Vec::new();
                for (key, old) in rows {
                    let judged = self.judge_sealed(column.purpose, key.as_bytes(), &old);
                    replaced.extend(of(&mut counts).add(judged).map(|new| (key, old, new)));
                }
                if replace && !replaced.is_empty() {
                    let mut tx = self.0.store.begin().await?;
                    for (key, old, new) in &replaced {
                        tx.connection().reseal(column, *key, old, new).await?;
                    }
                    tx.commit().await?;
                }
                progress(&counts);
            }
        }
        Ok(counts)
    }

    async fn go_over_signing_keys(&self, replace: bool) -> Result<SealedCount> {
        let mut count = SealedCount::default();
        let rows = self.0.store.read().await?.signing_keys().await?;
        for row in rows {
            let judged = self.judge_sealed(Purpose::SigningKey, &row.public_key, &row.seed);
            if let Some(new) = count.add(judged).filter(|_| replace) {
                let mut connection = self.0.store.write().await?;
                connection.reseal_signing_key(&row.public_key, &row.seed, &new).await?;
            }
        }
        Ok(count)
    }
}

/// With which secret a value is sealed.
pub(crate) enum Judged {
    Current,
    /// With a previous one; this is the same, sealed with the current one.
    Previous(Vec<u8>),
    Unreadable,
}

impl SealedCount {
    fn add(&mut self, judged: Judged) -> Option<Vec<u8>> {
        match judged {
            Judged::Current => self.current += 1,
            Judged::Previous(new) => {
                self.previous += 1;
                return Some(new);
            }
            Judged::Unreadable => self.unreadable += 1,
        }
        None
    }

    fn sum(&self) -> u64 {
        self.current + self.previous + self.unreadable
    }
}

type Of = fn(&mut SealedCounts) -> &mut SealedCount;

const COLUMNS: [(&SealedColumn, Of); 3] = [
    (&AUTHENTICATORS, |counts| &mut counts.authenticators),
    (&ENROLMENTS, |counts| &mut counts.enrolments),
    (&MESSAGES, |counts| &mut counts.messages),
];

/// How many values one transaction replaces.
const BATCH: i64 = 200;
