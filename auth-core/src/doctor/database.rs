//! What the database says of how the service is doing.

use std::time::{Duration, Instant};

use super::Finding;
use crate::{Auth, Result, SigningKeyState, Timestamp};

impl Auth {
    pub(super) async fn examine_database(&self, findings: &mut Vec<Finding>) {
        if let Err(error) = self.examine_reachable_database(findings).await {
            let cause = std::error::Error::source(&error).and_then(std::error::Error::source);
            let problem = cause.map_or_else(|| error.to_string(), ToString::to_string);
            findings.push(Finding::error("database", problem, "see the database's own log"));
        }
    }

    async fn examine_reachable_database(&self, findings: &mut Vec<Finding>) -> Result<()> {
        let schema = self.0.store.schema().await?;
        if !schema.is_current() {
            let advice = "migrate, or deploy the version that did";
            findings.push(Finding::error("database", schema.to_string(), advice));
        }
        self.examine_server(findings).await?;
        self.examine_sealed(findings).await?;
        self.examine_signing_keys(findings).await?;
        self.examine_rows(findings).await
    }

    async fn examine_server(&self, findings: &mut Vec<Finding>) -> Result<()> {
        let mut connection = self.0.store.read().await?;
        let begun = Instant::now();
        for _ in 0..PINGS {
            connection.ping().await?;
        }
        findings.extend(slow(begun.elapsed() / PINGS, self.0.config.uniform_time));
        let Some(server) = connection.server().await? else { return Ok(()) };
        findings.extend(apart(self.now(), server.now));
        if server.lock_timeout == "0" {
            let problem = "a request may wait for a lock for ever: lock_timeout is 0";
            let advice = "set lock_timeout on the pool's connections, such as to 2s";
            findings.push(Finding::warning("database", problem, advice));
        }
        if server.is_superuser {
            let problem = "the service connects as a superuser";
            let advice = "give it a role of its own, with the rights that the manual lists";
            findings.push(Finding::warning("database", problem, advice));
        } else if server.alters_events {
            let problem = "the service's role may delete what has happened";
            let advice = "migrate as another role, and grant what the manual lists";
            findings.push(Finding::note("database", problem, advice));
        }
        Ok(())
    }

    async fn examine_sealed(&self, findings: &mut Vec<Finding>) -> Result<()> {
        let total = self.go_over_sealed(false, SAMPLE, |_| {}).await?.total();
        if total.unreadable > 0 {
            let problem = format!("does not open {} of the sealed values", total.unreadable);
            let advice = "add the secret that they were sealed with to the list";
            findings.push(Finding::error("secret", problem, advice));
        }
        if total.previous > 0 {
            let problem = format!("{} values are sealed with a previous one", total.previous);
            let advice = "seal them anew before it is left out";
            findings.push(Finding::note("secret", problem, advice));
        }
        Ok(())
    }

    async fn examine_signing_keys(&self, findings: &mut Vec<Finding>) -> Result<()> {
        let keys = self.signing_keys().await?;
        let newest = keys.last().filter(|key| key.state == SigningKeyState::Sign);
        let lifetime = self.0.config.signing_key_lifetime;
        if let Some(key) = newest
            && self.now() > key.active_from.plus(lifetime)
        {
            let problem =
                format!("the key that signs has been due since {}", key.active_from.plus(lifetime));
            let advice =
                "keys rotate with the requests of a service: is there one on this database?";
            findings.push(Finding::warning("signing_keys", problem, advice));
        }
        Ok(())
    }

    async fn examine_rows(&self, findings: &mut Vec<Finding>) -> Result<()> {
        let now = self.now();
        let mut connection = self.0.store.read_job().await?;
        let outbox = connection.outbox(now.minus(WEEK)).await?;
        if let Some(oldest) = outbox.oldest.filter(|oldest| now.since(*oldest) > LATE) {
            let problem = format!("a mail has been waiting since {oldest}");
            let advice = "does a courier run, and does the mail server answer?";
            findings.push(Finding::warning("outbox", problem, advice));
        }
        if outbox.dead_letters > 0 {
            let problem = format!("{} mails were given up in a week", outbox.dead_letters);
            findings.push(Finding::warning("outbox", problem, "their failures say why"));
        }
        if connection.is_overdue(now.minus(OVERDUE)).await? {
            let problem = "what has been over for a day is still there";
            let advice = "start the background tasks on some instance, or purge from a job";
            findings.push(Finding::warning("housekeeping", problem, advice));
        }
        Ok(())
    }
}

/// A flow whose time must not tell anything makes some eight round trips at the most.
fn slow(round_trip: Duration, uniform_time: Duration) -> Option<Finding> {
    let problem = format!("is {uniform_time:?}, and the database is {round_trip:?} away");
    let advice = "raise it, or the time of an answer tells whether there is an account";
    (round_trip * 8 > uniform_time).then(|| Finding::warning("uniform_time", problem, advice))
}

fn apart(ours: Timestamp, theirs: Timestamp) -> Option<Finding> {
    let apart = ours.since(theirs).max(theirs.since(ours));
    let problem = format!("its clock and this machine's are {apart:?} apart");
    let advice = "set both by the same source";
    (apart > LEEWAY).then(|| Finding::warning("database", problem, advice))
}

const PINGS: u32 = 5;
const SAMPLE: u64 = 10_000;
const LEEWAY: Duration = Duration::from_secs(5);
const LATE: Duration = Duration::from_secs(10 * 60);
const OVERDUE: Duration = Duration::from_secs(24 * 60 * 60);
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_far_database_and_a_wrong_clock_are_found() {
        let uniform = Duration::from_millis(100);
        assert!(slow(Duration::from_millis(12), uniform).is_none());
        assert!(slow(Duration::from_millis(13), uniform).is_some());
        let now = Timestamp::from_secs(1_000_000);
        for theirs in [now.plus(LEEWAY), now.minus(LEEWAY)] {
            assert!(apart(now, theirs).is_none());
        }
        for theirs in [now.plus(2 * LEEWAY), now.minus(2 * LEEWAY)] {
            assert!(apart(now, theirs).is_some());
        }
    }
}
