//! Who has to wait before they may try again.

use std::time::Duration;

use crate::auth::{CurrentSession, Inner, Unit};
use crate::limits::{Attempt, Network, Refusal, Turn};
use crate::model::Account;
use crate::policy::throttle::Throttle;
use crate::store::Connection;
use crate::{
    Auth, Client, Error, EventKind, Limit, Result, Timestamp, UserId, Username, telemetry,
};

impl Auth {
    /// Counts a request of a client network against the limits of an endpoint.
    pub(crate) async fn count_request(&self, limits: &[Limit], client: &Client) -> Result<()> {
        let network = Network::of(client.address);
        let now = self.now();
        for &limit in limits {
            let Some(throttle) = limit.of_requests(&self.0.config) else { continue };
            let limiter = &self.0.limiter;
            let attempt = Attempt::new(limiter.subjects.requests(limit, network), throttle);
            if let Err(refusal) = limiter.count(&[attempt], None, now).await? {
                return Err(self.refuse(refusal, limit, client).await?);
            }
        }
        Ok(())
    }

    /// Waits until so few attempts at the password of `login` are under way from the client's network
    /// that this one may be; it is until the turn is dropped.
    pub(crate) async fn turn_at_password(&self, login: &str, client: &Client) -> Result<Turn> {
        self.turn(&self.passwords_from(login, Network::of(client.address))).await
    }

    /// Counts an attempt at the password of `login`, which `user` has if anybody does, before anybody
    /// looks at it.
    ///
    /// Whoever guesses from one network delays themselves. Only guesses from many slow down everybody
    /// else, and then neither the networks that the user is known at, nor who is signed in. `login` is
    /// what was typed, in its canonical form: guesses at a user's name and at their address are counted
    /// apart, or a delay would tell that they belong together.
    pub(crate) async fn count_password(
        &self,
        connection: Connection,
        login: &str,
        user: Option<UserId>,
        client: &Client,
    ) -> Result<()> {
        let limiter = &self.0.limiter;
        let network = Network::of(client.address);
        let from_here = || self.passwords_from(login, network);
        let now = self.now();
        let everywhere = limiter.subjects.passwords(login);
        let free = self.0.config.wrong_passwords.saturating_mul(NETWORKS);
        let from_everywhere = Attempt::new(everywhere.clone(), Throttle::Backoff { free });
        let both = [from_here(), from_everywhere];
        // Who asks Redis leaves the database to others meanwhile.
        let mut connection = Some(connection).filter(|_| !limiter.is_shared());
        let Err(refusal) = limiter.count(&both, connection.as_mut(), now).await? else {
            return Ok(());
        };
        let mut at_home = None;
        if refusal.subject == everywhere {
            // Nobody is known at the networks of nobody, which takes as long to find out.
            let user = user.map_or_else(|| format!("nobody:{login}"), |user| user.to_string());
            let known = limiter.subjects.known(&user, network);
            let connection = match &mut connection {
                Some(connection) => connection,
                none => none.insert(self.0.store.write().await?),
            };
            if connection.is_marked(&known, now).await? {
                at_home = Some(limiter.count(&[from_here()], Some(connection), now).await?);
            }
        }
        drop(connection);
        let refused = match at_home {
            Some(Ok(())) => {
                // That there are so many guesses is news, whoever was the first to hear of it.
                return self.note_refusal(&refusal, Limit::WrongPasswords, client).await;
            }
            Some(Err(refusal)) => refusal,
            None => refusal,
        };
        Err(self.refuse(refused, Limit::WrongPasswords, client).await?)
    }

    /// The same for who is signed in: what strangers do does not keep them from it. Whoever has stolen
    /// the session takes it along from network to network, and its count with it.
    pub(crate) async fn count_own_password(&self, session: &CurrentSession) -> Result<Turn> {
        let (account, client) = (session.account(), &session.client);
        let from_here = self.passwords_from(&account.email_canonical, Network::of(client.address));
        let turn = self.turn(&from_here).await?;
        let in_session = Attempt::new(
            self.0.limiter.subjects.passwords_in(session.id()),
            Throttle::Backoff { free: self.0.config.wrong_passwords },
        );
        match self.0.limiter.count(&[from_here, in_session], None, self.now()).await? {
            Ok(()) => Ok(turn),
            Err(refusal) => Err(self.refuse(refusal, Limit::WrongPasswords, client).await?),
        }
    }

    /// Forgets the wrong passwords of who is signed in and has given the right one.
    pub(crate) async fn forget_own_passwords(&self, session: &CurrentSession) -> Result<()> {
        let network = Network::of(session.client.address);
        let mut forgotten = self.passwords_of(session.account(), network);
        forgotten.push(self.0.limiter.subjects.passwords_in(session.id()));
        let connection = self.0.store.write().await?;
        self.0.limiter.forget(connection, &forgotten, self.now()).await
    }

    /// Forgets the wrong passwords of a user who has given the right one.
    pub(crate) async fn forget_passwords(&self, account: &Account, client: &Client) -> Result<()> {
        let forgotten = self.passwords_of(account, Network::of(client.address));
        let connection = self.0.store.write().await?;
        self.0.limiter.forget(connection, &forgotten, self.now()).await
    }

    /// The same of one who has proven themselves, at a network that is known from then on; returns how
    /// many live sessions they have.
    pub(crate) async fn welcome(
        &self,
        unit: &mut Unit<'_>,
        account: &Account,
        client: &Client,
        now: Timestamp,
    ) -> Result<i64> {
        let network = Network::of(client.address);
        let user_id = account.user.id;
        let forgotten = self.passwords_of(account, network);
        let known = self.0.limiter.subjects.known(&user_id.to_string(), network);
        let mark = (&*known, now.plus(KNOWN));
        let sessions = unit.tx().forget_and_mark(&forgotten, mark, user_id, now).await?;
        unit.forgets(forgotten);
        Ok(sessions)
    }

    /// Under what the wrong passwords of a user are counted, from one network and from everywhere.
    fn passwords_of(&self, account: &Account, network: Network) -> Vec<String> {
        let subjects = &self.0.limiter.subjects;
        let username = account.user.username.as_deref().and_then(|name| Username::parse(name).ok());
        let username = username.as_ref().map(Username::canonical);
        let logins = [Some(&*account.email_canonical), username].into_iter().flatten();
        logins
            .flat_map(|login| [subjects.passwords_from(login, network), subjects.passwords(login)])
            .collect()
    }

    async fn turn(&self, attempt: &Attempt) -> Result<Turn> {
        let Inner { limiter, config, .. } = &*self.0;
        let turn = limiter.turns.take(&attempt.subject, config.wrong_passwords).await;
        turn.ok_or(Error::Saturated)
    }

    fn passwords_from(&self, login: &str, network: Network) -> Attempt {
        let subject = self.0.limiter.subjects.passwords_from(login, network);
        Attempt::new(subject, Throttle::Backoff { free: self.0.config.wrong_passwords })
    }

    /// Records a refusal that is news, and says how long it lasts.
    async fn refuse(&self, refusal: Refusal, limit: Limit, client: &Client) -> Result<Error> {
        telemetry::limited(limit.as_str());
        self.note_refusal(&refusal, limit, client).await?;
        Ok(Error::TooManyRequests { retry_after: refusal.retry_after })
    }

    async fn note_refusal(&self, refusal: &Refusal, limit: Limit, client: &Client) -> Result<()> {
        if !refusal.is_news {
            return Ok(());
        }
        self.note(client, EventKind::ExcessRateLimitExceeded, |event| {
            event.detail("limit", limit.as_str()).detail("subject", &*refusal.subject);
        })
        .await
    }
}

/// How many times the free attempts of one network all networks have together. With a name and an
/// address to guess at, that stays within a hundred (NIST SP 800-63B-4 §3.2.2).
const NETWORKS: u32 = 10;
/// For how long a user is known at a network that they signed in from.
const KNOWN: Duration = Duration::from_secs(90 * 24 * 60 * 60);
