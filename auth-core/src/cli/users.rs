use serde_json::json;

use super::args::{NewUser, State, User};
use super::call::Call;
use super::failure::Failure;
use super::output::Table;
use crate::{Auth, Error, NewAccount, UserDetails, UserQuery};

pub(super) async fn run(call: &mut Call<'_, '_>, command: User) -> Result<(), Failure> {
    match command {
        User::Create(new) => create(call, new).await,
        User::Delete { user, consent } => {
            let (auth, user) = found(call, &user.user).await?;
            call.io.confirm(format_args!("Delete {} for good", name(&user)), consent.yes)?;
            auth.operator(call.operator()).delete(user.user.id).await?;
            told(call, &user, "deleted")
        }
        User::Disable(who) => {
            let (auth, user) = found(call, &who.user).await?;
            auth.operator(call.operator()).disable(user.user.id).await?;
            told(call, &user, "disabled")
        }
        User::Enable(who) => {
            let (auth, user) = found(call, &who.user).await?;
            auth.operator(call.operator()).enable(user.user.id).await?;
            told(call, &user, "enabled")
        }
        User::Export(who) => {
            let (auth, user) = found(call, &who.user).await?;
            let export = auth.operator(call.operator()).export_user(user.user.id).await?;
            call.output().whole(&export)
        }
        User::Invite { email } => {
            call.auth().await?.operator(call.operator()).invite(&email).await?;
            let sentence = format!("{email} is mailed an invitation, {COURIER}.");
            call.output().done(&json!({ "email": email, "invited": true }), &sentence)
        }
        User::List { search, role, state, limit } => {
            list(call, search.as_deref(), role.as_deref(), state, limit).await
        }
        User::ResetTwoFactor { user, consent } => {
            let (auth, user) = found(call, &user.user).await?;
            let deed = format_args!("Let {} sign in with the password alone", name(&user));
            call.io.confirm(deed, consent.yes)?;
            match auth.operator(call.operator()).reset_two_factor(user.user.id).await {
                Err(Error::TwoFactorNotEnabled) => {
                    Err(Failure::failed(format!("{} has no second factor", name(&user))))
                }
                done => {
                    done?;
                    told(call, &user, "without a second factor")
                }
            }
        }
        User::Roles { user, roles, none } => {
            let (auth, mut user) = found(call, &user.user).await?;
            if none || !roles.is_empty() {
                let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
                let operator = auth.operator(call.operator());
                user.user = operator.set_roles(user.user.id, &roles).await?;
            }
            let (id, roles) = (user.user.id, user.user.roles);
            call.output().one(&json!({ "id": id, "roles": roles }))
        }
        User::SendReset(who) => {
            let (auth, user) = found(call, &who.user).await?;
            auth.operator(call.operator()).send_password_reset(user.user.id).await?;
            let what = format!("mailed a link that sets a new password, {COURIER}");
            told(call, &user, &what)
        }
        User::Sessions { user, revoke } => sessions(call, &user.user, revoke).await,
        User::Show(who) => {
            let (_, user) = found(call, &who.user).await?;
            call.output().one(&user)
        }
    }
}

pub(super) async fn revoke_all(call: &mut Call<'_, '_>, yes: bool) -> Result<(), Failure> {
    let auth = call.auth().await?;
    call.io.confirm("End every session of every user", yes)?;
    let revoked = auth.operator(call.operator()).revoke_all_sessions().await?;
    call.output().done(&json!({ "revoked": revoked }), &format!("Sessions ended: {revoked}."))
}

async fn create(call: &mut Call<'_, '_>, new: NewUser) -> Result<(), Failure> {
    let NewUser { email, username, roles, password_stdin, unproven } = new;
    let mut account = NewAccount::new(&email);
    account.username = username;
    account.roles = roles;
    account.activated = !unproven;
    if password_stdin {
        account.password = Some(call.io.password()?);
    }
    let user = call.auth().await?.operator(call.operator()).create_user(account).await?;
    call.output().one(&user)?;
    let link = match (password_stdin, unproven) {
        (false, _) => "sets the password",
        (true, true) => "activates the account",
        (true, false) => return Ok(()),
    };
    if call.is_json() {
        return Ok(());
    }
    call.output().sentence(&format!("{} is mailed a link that {link}, {COURIER}.", user.email))
}

async fn list(
    call: &mut Call<'_, '_>,
    search: Option<&str>,
    role: Option<&str>,
    state: Option<State>,
    limit: u32,
) -> Result<(), Failure> {
    let auth = call.auth().await?;
    let mut query = UserQuery::new();
    if let Some(prefix) = search {
        query = query.search(prefix);
    }
    if let Some(role) = role {
        query = query.role(role);
    }
    if let Some(state) = state {
        query = query.state(state.into());
    }
    let columns = ["id", "email", "username", "activated_at", "disabled_at", "roles"];
    let mut table = Table::new(&columns, limit);
    loop {
        let page = auth.users(&query.clone().limit(table.room())).await?;
        let Some(last) = table.page(&mut call.output(), &page)? else { return Ok(()) };
        query = query.after(last.user.id);
    }
}

async fn sessions(call: &mut Call<'_, '_>, who: &str, revoke: bool) -> Result<(), Failure> {
    let (auth, user) = found(call, who).await?;
    let id = user.user.id;
    if revoke {
        let revoked = auth.operator(call.operator()).revoke_sessions(id).await?;
        let sentence = format!("Sessions of {} ended: {revoked}.", name(&user));
        return call.output().done(&json!({ "id": id, "revoked": revoked }), &sentence);
    }
    let sessions = auth.user_sessions(id).await?;
    let columns = ["id", "created_at", "last_used_at", "expires_at", "ip", "user_agent"];
    Table::new(&columns, u32::MAX).page(&mut call.output(), &sessions)?;
    Ok(())
}

async fn found(call: &Call<'_, '_>, who: &str) -> Result<(Auth, UserDetails), Failure> {
    let auth = call.auth().await?;
    let user = call.user(&auth, who).await?;
    Ok((auth, user))
}

/// Says what the user is now.
fn told(call: &mut Call<'_, '_>, user: &UserDetails, what: &str) -> Result<(), Failure> {
    let sentence = format!("{} is {what}.", name(user));
    call.output().done(&json!({ "id": user.user.id, "done": true }), &sentence)
}

fn name(user: &UserDetails) -> &str {
    &user.user.email
}

/// Mails are queued here and sent elsewhere.
const COURIER: &str = "as soon as the courier of a server sends it";
