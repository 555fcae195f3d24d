use std::time::Duration;

use super::{Config, ConfigError, DAY, HOUR, MINUTE, SECOND};

impl Config {
    /// Returns everything that is not safe to start with, which building an
    /// [`Auth`](crate::Auth) refuses by the first of it.
    #[must_use]
    pub fn problems(&self) -> Vec<ConfigError> {
        let mut problems = Vec::new();
        let mut refuse_if = |wrong: bool, key: &'static str, problem: &str| {
            if wrong {
                problems.push(ConfigError::new(key, problem));
            }
        };
        refuse_if(!is_path(&self.mount), "mount", "must be a path such as \"/api/auth\"");
        let name = &self.product_name;
        let is_name = !name.trim().is_empty()
            && name.chars().count() <= 64
            && !name.chars().any(char::is_control);
        refuse_if(!is_name, "product_name", "must be 1 to 64 printable characters");
        // An access token has to fit in a cookie, with the host's claims.
        let is_audience = (1..=512).contains(&self.audience.len());
        refuse_if(!is_audience, "audience", "must be 1 to 512 bytes");
        let is_sender =
            self.mail_from.contains('@') && !self.mail_from.chars().any(char::is_control);
        let sender = "must be an address such as \"Auth <auth@example.com>\"";
        refuse_if(!is_sender, "mail_from", sender);
        let bodies = 1024..=1024 * 1024;
        refuse_if(
            !bodies.contains(&self.body_limit),
            "body_limit",
            "must be between 1 KiB and 1 MiB",
        );
        for (key, limit) in [
            ("limits.wrong_passwords", self.wrong_passwords),
            ("limits.wrong_codes", self.wrong_codes),
            ("limits.sign_ins", self.sign_ins),
            ("limits.sign_ups", self.sign_ups),
            ("limits.mail_requests", self.mail_requests),
            ("limits.mails_per_hour", self.mails_per_hour),
            ("limits.mails_per_day", self.mails_per_day),
        ] {
            refuse_if(limit == 0, key, "must be at least 1");
        }
        let pageless = cfg!(not(feature = "pages")) && self.front_end_url.is_none();
        refuse_if(pageless, "front_end_url", "is required without the feature \"pages\"");
        for (key, value, least, most) in self.bounds() {
            let problem = format!("must be between {least:?} and {most:?}");
            refuse_if(!(least..=most).contains(&value), key, &problem);
        }
        let shorter = self.session_idle > self.session_lifetime;
        refuse_if(shorter, "session_lifetime", "must not be shorter than session_idle");
        let hasty = self.request_timeout <= self.uniform_time;
        refuse_if(hasty, "request_timeout", "must be longer than uniform_time");
        let sessions = 1..=1000;
        let within = sessions.contains(&self.sessions_per_user);
        refuse_if(!within, "limits.sessions_per_user", "must be between 1 and 1000");
        problems
    }

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        self.problems().into_iter().next().map_or(Ok(()), Err)
    }

    fn bounds(&self) -> [(&'static str, Duration, Duration, Duration); 16] {
        [
            ("access_token_lifetime", self.access_token_lifetime, SECOND, HOUR),
            ("session_idle", self.session_idle, SECOND, 365 * DAY),
            ("session_lifetime", self.session_lifetime, SECOND, 365 * DAY),
            ("short_session_lifetime", self.short_session_lifetime, MINUTE, 30 * DAY),
            ("event_retention", self.event_retention, DAY, 3650 * DAY),
            ("activation_lifetime", self.activation_lifetime, SECOND, 7 * DAY),
            ("reset_lifetime", self.reset_lifetime, SECOND, DAY),
            ("email_change_lifetime", self.email_change_lifetime, SECOND, 7 * DAY),
            ("invitation_lifetime", self.invitation_lifetime, SECOND, 30 * DAY),
            ("challenge_lifetime", self.challenge_lifetime, SECOND, HOUR),
            ("enrolment_lifetime", self.enrolment_lifetime, SECOND, HOUR),
            ("recent_sign_in", self.recent_sign_in, SECOND, HOUR),
            ("refresh_grace", self.refresh_grace, Duration::ZERO, MINUTE),
            ("request_timeout", self.request_timeout, SECOND, MINUTE),
            ("signing_key_lifetime", self.signing_key_lifetime, HOUR, 365 * DAY),
            ("uniform_time", self.uniform_time, Duration::from_millis(1), 5 * SECOND),
        ]
    }
}

fn is_path(mount: &str) -> bool {
    let segment = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
            && !part.starts_with('.')
    };
    mount.strip_prefix('/').is_some_and(|mount| mount.split('/').all(segment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_problems_are_told_at_once() {
        let sound = Config::new("https://app.example.com").unwrap();
        assert_eq!(sound.problems(), []);
        let config = sound
            .mount("api")
            .product_name("")
            .audience("")
            .mail_from("nobody")
            .body_limit(1_usize)
            .mails_per_day(0_u32)
            .session_idle(Duration::ZERO)
            .session_lifetime(400 * DAY)
            .uniform_time(3 * SECOND)
            .sessions_per_user(0_u32);
        let problems = config.problems();
        let keys: Vec<_> = problems.iter().map(ConfigError::key).collect();
        let expected = [
            "mount",
            "product_name",
            "audience",
            "mail_from",
            "body_limit",
            "limits.mails_per_day",
            "session_idle",
            "session_lifetime",
            "request_timeout",
            "limits.sessions_per_user",
        ];
        assert_eq!(keys, expected);
        assert_eq!(config.validate().unwrap_err(), problems[0]);
    }
}
