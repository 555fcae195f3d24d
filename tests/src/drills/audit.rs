//! After the fault: whether everything is so that was promised.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::environment::Choices;
use super::journey::{Account, Session};
use super::load::Site;
use super::process::{PATIENCE, until};
use super::world::World;
use crate::{Reply, Request};

/// What the mails came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mails {
    pub(crate) sent: usize,
    /// Arrivals of a mail that had arrived before.
    pub(crate) duplicates: usize,
    /// Mails that the mail server refused for good.
    pub(crate) dead: usize,
    /// What was promised and is nowhere.
    pub(crate) lost: usize,
}

/// Waits until no mail waits any more, and compares what was promised, what the database says was
/// sent, and what arrived.
pub(crate) fn audit_mails(world: &World, site: &Site, accounts: &[Account]) -> Mails {
    until(PATIENCE, "every mail is sent", || {
        world.bring_mails_forward();
        let waiting: Vec<(i64,)> = world
            .postgres
            .rows("SELECT count(*) FROM auth_messages WHERE sent_at IS NULL AND failed_at IS NULL");
        waiting == [(0,)]
    });
    let rows: Vec<(String, String, String, bool)> = world
        .postgres
        .rows("SELECT id::text, kind, recipient, sent_at IS NOT NULL FROM auth_messages");
    let arrived = site.sink().mails();
    let mut mails = Mails::default();
    let mut queued: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (id, kind, recipient, sent) in &rows {
        queued.entry(recipient).or_default().insert(kind);
        let arrivals = arrived.get(&format!("{id}@auth.example.com"));
        let arrivals = arrivals.map(Vec::as_slice).unwrap_or_default();
        if *sent {
            mails.sent += 1;
        } else {
            mails.dead += 1;
        }
        match arrivals {
            [] if *sent => {
                mails.lost += 1;
                site.violation(format!("a mail was settled and never arrived: {kind}"));
            }
            [] => {}
            [first, again @ ..] => {
                mails.duplicates += again.len();
                if again.iter().any(|arrival| arrival != first) || first.recipient != *recipient {
                    site.violation(format!("one Message-ID, several mails: {arrivals:?}"));
                }
            }
        }
    }
    if rows.len() < arrived.len() {
        site.violation(format!("{} mails of {} messages", arrived.len(), rows.len()));
    }
    for account in accounts {
        let queued = queued.get(account.email.as_str());
        for kind in &account.mails {
            if !queued.is_some_and(|kinds| kinds.contains(kind)) {
                mails.lost += 1;
                site.violation(format!("{} was never sent its {kind} mail", account.email));
            }
        }
    }
    mails
}

/// Returns how many accounts are not as their clients left them.
pub(crate) fn audit_accounts(world: &World, site: &Site, accounts: &[Account]) -> usize {
    let users: Vec<(String, bool)> =
        world.postgres.rows("SELECT email, activated_at IS NOT NULL FROM auth_users");
    let users: BTreeMap<String, bool> = users.into_iter().collect();
    let mut lost = 0;
    for (number, account) in (0..).zip(accounts) {
        let port = site.ports()[number % site.ports().len()];
        let activated = account.mails.contains(&"welcome");
        let found = match users.get(&account.email) {
            None => Err("the user is gone".to_owned()),
            Some(false) if activated => Err("the user is not activated".to_owned()),
            Some(_) => audit_sessions(site, port, account),
        };
        if let Err(fault) = found {
            lost += 1;
            site.violation(format!("{}: {fault}", account.email));
        }
    }
    lost
}

/// What was ended stays so, and what lives has one successor.
fn audit_sessions(site: &Site, port: u16, account: &Account) -> Result<(), String> {
    for ended in &account.ended {
        let me = ask(site, port, account, &Request::get("/me").bearer(&ended.access))?;
        let next = ask(site, port, account, &exchange(&ended.refresh))?;
        if (me.status, next.status) != (401, 401) {
            return Err(format!("a session that was ended: {} and {}", me.status, next.status));
        }
    }
    let Some(session) = &account.session else { return Ok(()) };
    let first = ask(site, port, account, &exchange(&session.refresh))?;
    let next = Session::of(&first)
        .ok_or_else(|| format!("the last refresh token: {} {}", first.status, first.text()))?;
    // Within the grace it is the same successor, or none.
    let again = ask(site, port, account, &exchange(&session.refresh))?;
    if Session::of(&again).is_some_and(|again| again.refresh != next.refresh) {
        return Err("a refresh token has two successors".to_owned());
    }
    let third = ask(site, port, account, &exchange(&next.refresh))?;
    let third = Session::of(&third).ok_or_else(|| format!("its successor: {}", third.status))?;
    // Its successor is used, so this is a replay: whoever holds any of them is signed out.
    let replay = ask(site, port, account, &exchange(&session.refresh))?;
    let after = ask(site, port, account, &exchange(&third.refresh))?;
    if (replay.status, after.status) != (401, 401) {
        return Err(format!("a replay: {}, and after it {}", replay.status, after.status));
    }
    Ok(())
}

fn exchange(refresh: &str) -> Request {
    Request::post("/access", &json!({ "refresh_token": refresh }))
}

fn ask(site: &Site, port: u16, account: &Account, request: &Request) -> Result<Reply, String> {
    let choices = Choices::none();
    let only = site.only(port);
    let answer = only.insist(&choices, &account.network, request, PATIENCE);
    answer.map(|(reply, _)| reply).ok_or_else(|| format!("{} is not answered", request.path))
}
