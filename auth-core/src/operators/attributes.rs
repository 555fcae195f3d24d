use serde_json::{Map, Value};

use super::Operator;
use crate::{Error, EventKind, FieldError, Result, User, UserId};

impl Operator<'_> {
    /// Sets the roles of a user: in place of all there were, in one order, each once.
    ///
    /// The next read of the user has them; this crate gives them no meaning.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::Validation`] for more than 64 roles, or one that is not 1 to 64
    /// printable characters.
    pub async fn set_roles(&self, id: UserId, roles: &[&str]) -> Result<User> {
        let roles = checked_roles(roles)?;
        let mut unit = self.auth.begin(self).await?;
        let mut user = self.locked(&mut unit, id).await?.user;
        if user.roles == roles {
            return Ok(user);
        }
        unit.tx().set_roles(id, &roles).await?;
        unit.record(EventKind::AuthzChange)
            .user(id)
            .detail("before", user.roles)
            .detail("after", roles.clone());
        unit.commit().await?;
        user.roles = roles;
        Ok(user)
    }

    /// Sets what the host keeps with a user, in place of all there was.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::Validation`] for what
    /// [`Builder::metadata`](crate::Builder::metadata) does not accept.
    pub async fn set_metadata(&self, id: UserId, metadata: &Map<String, Value>) -> Result<()> {
        self.auth.0.hooks.check_metadata(metadata)?;
        let mut unit = self.auth.begin(self).await?;
        self.locked(&mut unit, id).await?;
        unit.tx().set_metadata(id, metadata).await?;
        unit.record(EventKind::UserUpdated).user(id).detail("what", "metadata");
        unit.commit().await
    }
}

/// Roles as they are kept: sorted, each once.
pub(super) fn checked_roles<T: AsRef<str>>(roles: &[T]) -> Result<Vec<String>> {
    let mut checked: Vec<String> = roles.iter().map(|role| role.as_ref().to_owned()).collect();
    checked.sort_unstable();
    checked.dedup();
    if checked.len() > MAX_ROLES {
        let detail = format!("A user has at most {MAX_ROLES} roles.");
        return Err(Error::field(FieldError::new("#/roles", "too_many", detail)));
    }
    let is_role = |role: &String| {
        (1..=MAX_LENGTH).contains(&role.chars().count())
            && !role.chars().any(char::is_control)
            && role.trim() == role
    };
    if !checked.iter().all(is_role) {
        let detail = format!("A role has 1 to {MAX_LENGTH} printable characters.");
        return Err(Error::field(FieldError::new("#/roles", "invalid", detail)));
    }
    Ok(checked)
}

const MAX_ROLES: usize = 64;

const MAX_LENGTH: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_kept_in_one_order_each_once() {
        let roles = checked_roles(&["editor", "admin", "editor", "Ärztin", "on call"]).unwrap();
        assert_eq!(roles, ["admin", "editor", "on call", "Ärztin"]);
        assert_eq!(checked_roles::<&str>(&[]).unwrap(), [""; 0]);
        let many: Vec<String> = (0..64).map(|number| number.to_string()).collect();
        assert_eq!(checked_roles(&many).unwrap().len(), 64);
    }

    #[test]
    fn what_is_no_role_is_refused() {
        for role in ["", " ", "admin ", "a\nb", "a\u{0}", &"a".repeat(65)] {
            assert!(matches!(checked_roles(&[role]), Err(Error::Validation(_))), "{role:?}");
        }
        let many: Vec<String> = (0..65).map(|number| number.to_string()).collect();
        assert!(checked_roles(&many).is_err());
    }
}
