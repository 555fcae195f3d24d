use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use super::sources::Sources;
use super::{Settings, SettingsError};
use crate::doctor::Finding;

impl Settings {
    /// Looks for what is wrong with the settings of this process, all of it at once, and if they are
    /// usable, with the [service](crate::Auth::doctor) that they describe.
    ///
    /// Nothing is written: neither the schema of the database, nor a signing key or a development secret
    /// that is still to be made.
    pub async fn doctor() -> Vec<Finding> {
        Self::examine_read(None, env::vars_os()).await
    }

    /// The same for these variables, and `file` in place of the one that they name.
    pub(crate) async fn examine_read(
        file: Option<PathBuf>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Vec<Finding> {
        match Self::sources(file, environment) {
            Ok(sources) => Self::examine(&sources).await,
            Err(error) => vec![unusable(&error)],
        }
    }

    pub(super) async fn examine(sources: &Sources) -> Vec<Finding> {
        match Self::check(sources) {
            Ok(settings) => settings.examine_service().await,
            Err(errors) => errors.iter().map(unusable).collect(),
        }
    }

    async fn examine_service(self) -> Vec<Finding> {
        let mut findings = Vec::new();
        match self.inspect().await {
            Ok(auth) => findings.extend(auth.doctor().await),
            Err(error) => {
                let advice = "what depends on it can be examined only after that";
                findings.push(Finding::error("settings", error.to_string(), advice));
            }
        }
        findings
    }
}

fn unusable(error: &SettingsError) -> Finding {
    Finding::error("settings", error.to_string(), "the service does not start before it is mended")
}

#[cfg(all(test, feature = "pages", feature = "smtp", feature = "sqlite"))]
mod tests {
    use super::*;
    use crate::Severity;

    async fn found(toml: &str) -> Vec<String> {
        let sources = Sources::new("auth.toml", Some(toml), []).expect("it is TOML");
        let findings = Settings::examine(&sources).await;
        assert!(findings.iter().all(|finding| finding.severity == Severity::Error));
        findings.into_iter().map(|finding| finding.problem).collect()
    }

    #[tokio::test]
    async fn everything_that_is_wrong_is_told_at_once() {
        let toml = r#"
            public_url = "https://app.example.com"
            mount = "api"
            session_idle = "400d"
            database_url = "mysql://localhost"
            secret = "short"
            log = "a=b=c"
        "#;
        let found = found(toml).await;
        for key in ["mount", "session_idle", "database_url", "secret", "smtp_url", "log"] {
            let start = format!("{key} ");
            let told = found
                .iter()
                .any(|problem| problem.trim_start_matches("auth.toml: ").starts_with(&start));
            assert!(told, "{key}: {found:?}");
        }
        let first = Settings::from_sources(Some(toml), []).unwrap_err();
        assert_eq!(found[0], first.to_string());
    }

    #[tokio::test]
    async fn a_database_that_is_still_to_be_made_stops_no_server() {
        let toml = "database_url = \"sqlite:///nowhere/auth.db\"";
        let sources = Sources::new("auth.toml", Some(toml), []).expect("it is TOML");
        let findings = Settings::examine(&sources).await;
        let told = findings.iter().map(ToString::to_string).collect::<String>();
        assert!(told.contains("auth migrate") && !told.contains("does not start"), "{told}");
    }

    #[tokio::test]
    async fn usable_settings_of_an_unusable_database_are_told() {
        let found = found("database_url = \"sqlite::memory:\"").await;
        assert!(found[0].contains("the schema lacks"), "{found:?}");
    }
}
