use std::time::Duration;

use super::*;
use crate::{Language, Usernames};

#[test]
fn nothing_at_all_is_a_development_server() {
    let settings = read("").unwrap();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8000");
    assert_eq!(settings.config.issuer(), "http://127.0.0.1:8000");
    assert!(settings.is_development() && settings.secret.is_none());
}

#[test]
fn every_key_of_the_file_is_known_and_acts() {
    let settings = read(&format!(
        r#"
        listen = "0.0.0.0:80"
        drain = "15s"
        public_url = "https://app.example.com"
        front_end_url = "https://www.example.com/account"
        allowed_origins = ["https://admin.example.com/", "http://localhost:5173"]
        database_url = "sqlite://other.db"
        secret = ["{SECRET}", "{SECRET}"]
        pepper = ["{SECRET}", "{SECRET}"]
        smtp_url = "smtps://user:password@mail.example.com"
        mail_from = "Example <auth@example.com>"
        product_name = "Example"
        default_language = "fr"
        access_token_lifetime = "1m"
        session_idle = "2d"
        session_lifetime = "3d"
        short_session_lifetime = "11m"
        event_retention = "12d"
        activation_lifetime = "4h"
        reset_lifetime = "5m"
        email_change_lifetime = "6m"
        invitation_lifetime = "10m"
        challenge_lifetime = "7m"
        enrolment_lifetime = "8m"
        recent_sign_in = "9m"
        refresh_grace = "0s"
        request_timeout = "1s"
        uniform_time = "250ms"
        trusted_proxies = ["10.0.0.0/8", "::1"]
        usernames = "required"
        templates = "look"
        log = "auth_core=debug,warn"
        log_format = "json"

        [limits]
        wrong_passwords = 1
        wrong_codes = 2
        sign_ins = 3
        sign_ups = 4
        mail_requests = 5
        mails_per_hour = 6
        mails_per_day = 7
        sessions_per_user = 8

        [password]
        min_length = 15
        min_score = 4
        hash = "m=47104,t=1,p=1"
        backend = "portable"
        "#
    ))
    .unwrap();
    let config = &settings.config;
    assert_eq!(settings.listen.to_string(), "0.0.0.0:80");
    assert_eq!(settings.drain, Duration::from_secs(15));
    assert_eq!(config.link_base(), "https://www.example.com/account");
    assert_eq!(config.allowed_origins, ["https://admin.example.com", "http://localhost:5173"]);
    assert_eq!(config.product_name, "Example");
    assert_eq!(config.mail_from, "Example <auth@example.com>");
    assert_eq!(config.default_language, Language::French);
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    assert_eq!(config.access_token_lifetime, minutes(1));
    assert_eq!(config.session_idle, minutes(2 * 24 * 60));
    assert_eq!(config.session_lifetime, minutes(3 * 24 * 60));
    assert_eq!(config.short_session_lifetime, minutes(11));
    assert_eq!(config.event_retention, minutes(12 * 24 * 60));
    assert_eq!(config.activation_lifetime, minutes(4 * 60));
    assert_eq!(config.reset_lifetime, minutes(5));
    assert_eq!(config.email_change_lifetime, minutes(6));
    assert_eq!(config.invitation_lifetime, minutes(10));
    assert_eq!(config.challenge_lifetime, minutes(7));
    assert_eq!(config.enrolment_lifetime, minutes(8));
    assert_eq!(config.recent_sign_in, minutes(9));
    assert_eq!(config.refresh_grace, Duration::ZERO);
    assert_eq!(config.request_timeout, Duration::from_secs(1));
    assert_eq!(config.uniform_time, Duration::from_millis(250));
    let proxies: Vec<_> = config.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(proxies, ["10.0.0.0/8", "::1/128"]);
    assert_eq!(config.usernames, Usernames::Required);
    assert_eq!(config.wrong_codes, 2);
    assert_eq!((config.mails_per_hour, config.mails_per_day), (6, 7));
    assert_eq!(config.sessions_per_user, 8);
    assert_eq!(config.hash_params.to_string(), "m=47104,t=1,p=1");
    assert!(format!("{:?}", config.password_policy).contains("15"), "{:?}", config.password_policy);
    assert_eq!((config.wrong_passwords, config.sign_ins), (1, 3));
    assert_eq!((config.sign_ups, config.mail_requests), (4, 5));
    assert_eq!(settings.templates.as_deref(), Some("look".as_ref()));
    assert!(settings.secret.is_some() && !settings.is_development());
    assert!(matches!(settings.log_format, LogFormat::Json));
}

#[test]
fn a_variable_wins_over_the_file_and_an_empty_one_does_not() {
    let settings = Settings::from_sources(
        Some("listen = \"127.0.0.1:1\"\nproduct_name = \"File\"\nlimits.wrong_codes = 3\n"),
        variables(&[
            ("AUTH_LISTEN", "127.0.0.1:2"),
            ("AUTH_PRODUCT_NAME", ""),
            ("AUTH_LIMITS__WRONG_CODES", "4"),
            ("AUTH_PASSWORD__MIN_LENGTH", "12"),
            ("AUTH_TRUSTED_PROXIES", "10.0.0.1, 10.1.0.0/16"),
            ("AUTH_SECRET", &format!("{SECRET}, {SECRET}")),
            ("AUTH_CONFIG", "elsewhere.toml"),
            ("AUTHOR", "somebody"),
        ]),
    )
    .unwrap();
    assert_eq!(settings.listen.port(), 2);
    assert_eq!(settings.config.product_name, "File");
    assert_eq!(settings.config.wrong_codes, 4);
    assert_eq!(settings.config.trusted_proxies.len(), 2);
    assert!(settings.secret.is_some());
}

#[test]
fn a_bad_file_refuses_and_names_the_key() {
    for (key, toml) in [
        ("colour", "colour = \"red\""),
        ("limits.sign_inz", "limits.sign_inz = 3"),
        ("password.max_length", "[password]\nmax_length = 20"),
        ("limits", "limits = 3"),
        ("listen", "listen = \"nowhere\""),
        ("listen", "listen = 8000"),
        ("drain", "drain = \"1h\""),
        ("database_connections", "database_connections = 5"),
        ("database_connections", "database_url = \"postgres://h/d\"\ndatabase_connections = 0"),
        ("public_url", "public_url = \"http://app.example.com\""),
        ("public_url", "public_url = \"https://app.example.com/path\""),
        ("front_end_url", "front_end_url = \"http://www.example.com\""),
        ("allowed_origins", "allowed_origins = [\"*\"]"),
        ("allowed_origins", "allowed_origins = [\"null\"]"),
        ("allowed_origins", "allowed_origins = [\"https://*.example.com\"]"),
        ("allowed_origins", "allowed_origins = [\"http://www.example.com\"]"),
        ("allowed_origins", "allowed_origins = [\"https://www.example.com/path\"]"),
        ("database_url", "database_url = \"mysql://localhost/auth\""),
        ("database_url", "database_url = \"auth.db\""),
        ("database_url", "database_url = \"sqlite://auth.db?mode=wrong\""),
        ("secret", "secret = \"c2hvcnQ=\""),
        ("secret", "secret = \"not base64!\""),
        ("secret", "secret = []"),
        ("secret", "secret = { current = \"x\" }"),
        ("secret", "secret = s3cret"),
        ("pepper", "pepper = \"c2hvcnQ=\""),
        ("pepper", "pepper = \"s3cret\""),
        ("pepper", "pepper = []"),
        ("pepper", "pepper = [\"none\", \"none\"]"),
        ("redis_url", "redis_url = \"http://localhost\""),
        ("smtp_url", "smtp_url = \"smtp://mail.example.com\""),
        ("smtp_url", "smtp_url = \"smtp://mail.example.com?tls=opportunistic\""),
        ("mail_from", "mail_from = \"nobody\""),
        ("mail_from", "mail_from = \"a\\nb <a@example.com>\""),
        ("mount", "mount = \"api\""),
        ("mount", "mount = \"/api/{id}\""),
        ("product_name", "product_name = \"\""),
        ("product_name", "product_name = \"a\\r\\nb\""),
        ("default_language", "default_language = \"it\""),
        ("access_token_lifetime", "access_token_lifetime = \"2h\""),
        ("access_token_lifetime", "access_token_lifetime = 600"),
        ("session_idle", "session_idle = \"soon\""),
        ("session_lifetime", "session_lifetime = \"1d\""),
        ("refresh_grace", "refresh_grace = \"5m\""),
        ("reset_lifetime", "reset_lifetime = \"-1m\""),
        ("invitation_lifetime", "invitation_lifetime = \"31d\""),
        ("limits.sign_ins", "limits.sign_ins = 0"),
        ("limits.sign_ups", "limits.sign_ups = -1"),
        ("limits.wrong_codes", "limits.wrong_codes = true"),
        ("limits.mails_per_day", "limits.mails_per_day = 1.5"),
        ("trusted_proxies", "trusted_proxies = [\"10.0.0.0/33\"]"),
        ("trusted_proxies", "trusted_proxies = [\"localhost\"]"),
        ("usernames", "usernames = \"maybe\""),
        ("usernames", "usernames = false"),
        ("password.min_length", "password.min_length = 7"),
        ("password.min_length", "password.min_length = 65"),
        ("password.min_score", "password.min_score = 5"),
        ("password.hash", "password.hash = \"m=4096,t=1,p=1\""),
        ("password.hash", "password.hash = \"bcrypt\""),
        ("password.backend", "password.backend = \"fastest\""),
        ("log", "log = \"auth_core=loud\""),
        ("log_format", "log_format = \"xml\""),
        ("listen", "listen = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\""),
    ] {
        let message = read(toml).expect_err(toml).to_string();
        assert!(message.starts_with("auth.toml: "), "{toml}: {message}");
        assert!(message.contains(key), "{toml}: {message}");
        assert!(!message.contains("s3cret") && !message.contains('\n'), "{toml}: {message}");
    }
}

#[test]
fn a_pepper_may_be_known_and_not_used() {
    for pepper in [SECRET.to_owned(), "none".to_owned(), format!("none,{SECRET}")] {
        let settings = Settings::from_sources(None, variables(&[("AUTH_PEPPER", &pepper)]));
        assert!(settings.is_ok(), "{settings:?}");
    }
}

#[test]
fn a_bad_variable_refuses_and_is_named_with_its_key() {
    for (key, name, value) in [
        ("colour", "AUTH_COLOUR", "red"),
        ("limits.sign_ins", "AUTH_LIMITS__SIGN_INS", "many"),
        ("password.hash", "AUTH_PASSWORD__HASH", "m=1,t=1,p=1"),
        ("refresh_grace", "AUTH_REFRESH_GRACE", "10"),
        ("public_url", "AUTH_PUBLIC_URL", "app.example.com"),
        ("listen", "AUTH_LISTEN", "8000"),
        ("secret", "AUTH_SECRET", "s3cret"),
        ("pepper", "AUTH_PEPPER", "none,s3cret"),
        ("AUTH_LISTEN-ON", "AUTH_LISTEN-ON", "x"),
        ("AUTH__LISTEN", "AUTH__LISTEN", "x"),
    ] {
        let error = Settings::from_sources(None, variables(&[(name, value)])).expect_err(name);
        let message = error.to_string();
        assert!(message.starts_with(name) && message.contains(key), "{name}: {message}");
        assert!(!message.contains("s3cret"), "{message}");
        assert_eq!(format!("{error:?}"), message);
    }
}

#[test]
fn what_only_development_may_leave_out_is_asked_for_elsewhere() {
    let public = "public_url = \"https://app.example.com\"\n";
    let secret = format!("secret = \"{SECRET}\"\n");
    let smtp = "smtp_url = \"smtps://mail.example.com\"\n";
    for toml in [public.to_owned(), format!("{public}{smtp}")] {
        let message = read(&toml).expect_err(&toml).to_string();
        assert!(message.starts_with("secret "), "{toml}: {message}");
    }
    assert!(read(&format!("{public}{secret}{smtp}")).is_ok());
}

#[tokio::test]
async fn a_public_service_sends_its_mails_by_a_server_or_by_what_the_host_brings() {
    struct Pigeons;

    #[async_trait::async_trait]
    impl crate::Mailer for Pigeons {
        async fn send(&self, _: crate::Email) -> Result<(), crate::MailerError> {
            Ok(())
        }
    }

    let settings = || {
        let public = "public_url = \"https://app.example.com\"\ndatabase_url = \"sqlite::memory:\"";
        read(&format!("{public}\nsecret = \"{SECRET}\"\nlog = \"off\"\n")).unwrap()
    };
    let message = settings().start().await.unwrap_err().to_string();
    assert!(message.starts_with("smtp_url is required"), "{message}");
    let server = settings().start_with(|builder| builder.mailer(Pigeons)).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn who_examines_a_service_makes_nothing() {
    let folder = TempFolder::new("examined");
    let settings = || read(&format!("database_url = \"sqlite://{}\"", folder.database())).unwrap();
    settings().migrate().await.unwrap();
    let auth = settings().inspect().await.unwrap();
    assert_eq!(auth.signing_keys().await.unwrap().len(), 0);
    assert!(!folder.secret().exists());
    assert_eq!(auth.events(&crate::EventQuery::default()).await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_development_secret_that_is_lost_is_not_replaced() {
    let folder = TempFolder::new("lost");
    let settings = || read(&format!("database_url = \"sqlite://{}\"", folder.database())).unwrap();
    settings().migrate().await.unwrap();
    let auth = settings().connect().await.unwrap();
    assert_eq!(auth.signing_keys().await.unwrap().len(), 1);
    assert!(settings().inspect().await.is_ok(), "it is there");
    fs::remove_file(folder.secret()).unwrap();
    for refused in [settings().connect().await.err(), settings().inspect().await.err()] {
        let message = refused.unwrap().to_string();
        assert!(message.starts_with("secret ") && message.contains("auth.db.secret"), "{message}");
    }
    assert!(!folder.secret().exists());
}

struct TempFolder(PathBuf);

impl TempFolder {
    fn new(name: &str) -> Self {
        let folder = env::temp_dir().join(format!("auth-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder can be made");
        Self(folder)
    }

    fn database(&self) -> String {
        self.0.join("auth.db").display().to_string()
    }

    fn secret(&self) -> PathBuf {
        self.0.join("auth.db.secret")
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(feature = "postgres")]
#[test]
fn postgres_takes_a_secret_even_in_development() {
    let postgres = "database_url = \"postgres://localhost/auth\"\n";
    assert!(read(postgres).unwrap_err().to_string().starts_with("secret "));
    let settings = read(&format!("{postgres}secret = \"{SECRET}\"\n")).unwrap();
    assert!(settings.is_development());
    let smtp = "smtp_url = \"smtp://localhost\"\n";
    let settings = read(&format!("{postgres}{smtp}secret = \"{SECRET}\"\n")).unwrap();
    assert!(!settings.is_development());
}

#[test]
fn a_port_that_is_taken_is_told_by_its_key() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let error = std::net::TcpListener::bind(taken.local_addr().unwrap()).unwrap_err();
    let message = SettingsError::from(error).to_string();
    assert!(message.starts_with("listen: ") && message.contains("another process"), "{message}");
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn settings_start_a_server() {
    let settings = read("database_url = \"sqlite::memory:\"\nlog = \"off\"\n").unwrap();
    let server = settings.start().await.unwrap();
    assert_eq!(server.listen().port(), 8000);
    server.announce();
    server.stop().await;
}

fn read(toml: &str) -> Result<Settings, SettingsError> {
    Settings::from_sources(Some(toml), [])
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
