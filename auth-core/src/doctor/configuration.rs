//! What is allowed, and yet is likely to be a mistake.

use ipnet::IpNet;

use super::Finding;
use crate::Config;
use crate::config::is_loopback;

pub(super) fn examine(config: &Config, mailer: bool, mailbox: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for network in &config.trusted_proxies {
        if network.prefix_len() == 0 {
            let problem = format!("trusts everybody, by {network}");
            findings.push(Finding::error("trusted_proxies", problem, PROXIES));
        } else if is_wide(network) {
            let problem = format!("trusts the large network {network}");
            findings.push(Finding::warning("trusted_proxies", problem, PROXIES));
        }
    }
    if !mailer {
        let problem = "no mailer is set, so mails wait";
        let advice = "right if another process on this database delivers them";
        findings.push(Finding::warning("mailer", problem, advice));
    }
    for (mails, follows) in LINKS {
        if !is_off(config, mails) && is_off(config, follows) {
            let problem =
                format!("switches off {follows}, and not {mails}, which mails links to it");
            let advice =
                "switch off both, unless the host has an endpoint of its own for the links";
            findings.push(Finding::warning("disabled_endpoints", problem, advice));
        }
    }
    if is_loopback(&config.public_url) {
        return findings;
    }
    if mailbox {
        let problem = "a development mailbox keeps every mailed token, of a public service";
        findings.push(Finding::error("mailbox", problem, "set a mailer instead"));
    }
    if config.mail_from.contains("@localhost") {
        let problem = format!("mails are sent as {:?}", config.mail_from);
        findings.push(Finding::warning("mail_from", problem, "set an address of the service"));
    }
    if config.product_name == "Auth" {
        let problem = "mails, pages and authenticator apps call the service \"Auth\"";
        findings.push(Finding::note("product_name", problem, "set the name that users know"));
    }
    if config.front_end_url.as_ref().is_some_and(is_loopback) {
        let problem = "mailed links lead to the reader's own machine";
        findings.push(Finding::error("front_end_url", problem, "set the public front end"));
    }
    findings
}

fn is_off(config: &Config, path: &str) -> bool {
    let named = |text: &String| text.strip_prefix("POST ").unwrap_or(text) == path;
    config.disabled_endpoints.iter().any(named)
}

/// More than an organisation has behind one proxy.
fn is_wide(network: &IpNet) -> bool {
    match network {
        IpNet::V4(network) => network.prefix_len() < 8,
        IpNet::V6(network) => network.prefix_len() < 32,
    }
}

/// What mails a link, and what the link is for.
const LINKS: [(&str, &str); 2] =
    [("/sign-up", "/activate-account"), ("/request-password-reset", "/reset-password")];

const PROXIES: &str = "list the proxies and nothing wider: who is trusted can claim any address";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Severity;

    fn found(config: &Config, mailer: bool, mailbox: bool) -> Vec<(Severity, String)> {
        let findings = examine(config, mailer, mailbox);
        findings.into_iter().map(|finding| (finding.severity, finding.subject)).collect()
    }

    fn config(public_url: &str) -> Config {
        Config::new(public_url).unwrap().product_name("Example").mail_from("auth@example.com")
    }

    #[test]
    fn a_sound_configuration_has_nothing_to_find() {
        let config = config("https://app.example.com")
            .trusted_proxies(["10.0.0.0/8".parse().unwrap(), "fd00::/48".parse().unwrap()]);
        assert_eq!(found(&config, true, false), []);
        // Of development no more is asked than that.
        assert_eq!(found(&Config::new("http://localhost:8000").unwrap(), true, true), []);
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        for (off, found_at) in [
            (&["POST /activate-account"][..], 1),
            (&["/activate-account", "/sign-up"], 0),
            (&["/activate-account", "/reset-password"], 2),
            (&["/sign-up", "/request-password-reset"], 0),
        ] {
            let config = config("https://app.example.com")
                .disabled_endpoints(off.iter().map(|off| (*off).to_owned()).collect::<Vec<_>>());
            let expected = (Severity::Warning, "disabled_endpoints".to_owned());
            assert_eq!(found(&config, true, false), vec![expected; found_at], "{off:?}");
        }
    }

    #[test]
    fn each_likely_mistake_is_found() {
        let public = "https://app.example.com";
        let networks = ["0.0.0.0/0", "::/0", "10.0.0.0/7", "2000::/3"];
        let networks: Vec<IpNet> = networks.iter().map(|text| text.parse().unwrap()).collect();
        for (config, mailer, mailbox, severity, subject) in [
            (config(public), false, false, Severity::Warning, "mailer"),
            (config(public), true, true, Severity::Error, "mailbox"),
            (
                config(public).mail_from("Auth <auth@localhost>"),
                true,
                false,
                Severity::Warning,
                "mail_from",
            ),
            (config(public).product_name("Auth"), true, false, Severity::Note, "product_name"),
            (
                config(public).front_end_url("http://localhost:3000").unwrap(),
                true,
                false,
                Severity::Error,
                "front_end_url",
            ),
            (
                config(public).trusted_proxies([networks[0]]),
                true,
                false,
                Severity::Error,
                "trusted_proxies",
            ),
            (
                config(public).trusted_proxies([networks[1]]),
                true,
                false,
                Severity::Error,
                "trusted_proxies",
            ),
            (
                config(public).trusted_proxies([networks[2]]),
                true,
                false,
                Severity::Warning,
                "trusted_proxies",
            ),
            (
                config(public).trusted_proxies([networks[3]]),
                true,
                false,
                Severity::Warning,
                "trusted_proxies",
            ),
        ] {
            assert_eq!(found(&config, mailer, mailbox), [(severity, subject.to_owned())]);
        }
    }
}
