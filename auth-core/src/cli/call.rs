use std::ffi::OsString;
use std::path::PathBuf;

use super::failure::Failure;
use super::io::Io;
use super::output::Output;
use crate::settings::Settings;
use crate::{Auth, Finding, UserDetails};

/// One call of the command: what it may ask for, whatever it does.
pub(super) struct Call<'a, 'io> {
    config: Option<PathBuf>,
    operator: String,
    variables: Vec<(OsString, OsString)>,
    json: bool,
    pub(super) io: &'a mut Io<'io>,
}

impl<'a, 'io> Call<'a, 'io> {
    pub(super) fn new(
        config: Option<PathBuf>,
        operator: Option<String>,
        variables: Vec<(OsString, OsString)>,
        json: bool,
        io: &'a mut Io<'io>,
    ) -> Self {
        let variable = |wanted: &str| {
            let found = variables.iter().find(|(name, value)| name == wanted && !value.is_empty());
            found.map(|(_, value)| value.to_string_lossy().into_owned())
        };
        let operator = operator.unwrap_or_else(|| {
            let user = variable("USER").or_else(|| variable("USERNAME"));
            user.map_or_else(|| "cli".to_owned(), |user| format!("cli:{user}"))
        });
        Self { config, operator, variables, json, io }
    }

    /// Who is asking, for [`Auth::operator`].
    pub(super) fn operator(&self) -> &str {
        &self.operator
    }

    pub(super) fn settings(&self) -> Result<Settings, Failure> {
        Ok(Settings::read(self.config.clone(), self.variables.iter().cloned())?)
    }

    /// What is wrong with the settings, and with the service that they describe.
    pub(super) async fn findings(&self) -> Vec<Finding> {
        Settings::examine_read(self.config.clone(), self.variables.iter().cloned()).await
    }

    pub(super) async fn auth(&self) -> Result<Auth, Failure> {
        Ok(self.settings()?.connect().await?)
    }

    /// Whether a program reads what is printed.
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    pub(super) fn output(&mut self) -> Output<'_> {
        Output::new(self.io.output, self.json)
    }

    /// Finds the user of an address, an id or a username.
    pub(super) async fn user(&self, auth: &Auth, who: &str) -> Result<UserDetails, Failure> {
        let user = if let Ok(id) = who.parse() {
            auth.user(id).await?
        } else if who.contains('@') {
            auth.user_by_email(who).await?
        } else {
            auth.user_by_username(who).await?
        };
        user.ok_or_else(|| {
            let sentence =
                format!("there is no user {who:?}: `auth user list --search …` finds some");
            Failure::failed(sentence)
        })
    }
}
