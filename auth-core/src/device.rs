/// Names the browser and the system that a `User-Agent` header speaks of, such as
/// `Firefox on Linux`, or the program, such as `curl`; `None` if it is none that people know.
///
/// Whoever sends the header chooses it: it helps somebody to tell their sessions apart, and decides
/// nothing.
pub(crate) fn device(user_agent: &str) -> Option<String> {
    let find = |table: &[(&str, &'static str)]| {
        table.iter().find(|(mark, _)| user_agent.contains(mark)).map(|&(_, name)| name)
    };
    if !user_agent.starts_with("Mozilla/") {
        let program = PROGRAMS.iter().find(|(mark, _)| user_agent.starts_with(mark));
        return program.map(|&(_, name)| name.to_owned());
    }
    let browser = find(BROWSERS)?;
    Some(
        find(SYSTEMS).map_or_else(|| browser.to_owned(), |system| format!("{browser} on {system}")),
    )
}

/// Most browsers claim to be others too: whoever does comes before whom they claim to be.
const BROWSERS: &[(&str, &str)] = &[
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

const SYSTEMS: &[(&str, &str)] = &[
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
];

const PROGRAMS: &[(&str, &str)] = &[
    ("curl/", "curl"),
    ("Wget/", "Wget"),
    ("HTTPie/", "HTTPie"),
    ("PostmanRuntime/", "Postman"),
    ("python-requests/", "Python"),
    ("Python", "Python"),
    ("okhttp/", "OkHttp"),
    ("Dart/", "Dart"),
    ("Go-http-client/", "Go"),
    ("node", "Node.js"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_use_has_a_name() {
        for (user_agent, name) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                "Firefox on Linux",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/140.0.0.0 Mobile Safari/537.36",
                "Chrome on Android",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 \
                 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
                "Safari on macOS",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 \
                 (KHTML, like Gecko) CriOS/140.0.7339.39 Mobile/15E148 Safari/604.1",
                "Chrome on iOS",
            ),
            (
                "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/140.0.0.0 Safari/537.36",
                "Chrome on ChromeOS",
            ),
            ("Mozilla/5.0 (PlayStation) Firefox/1", "Firefox"),
            ("curl/8.14.1", "curl"),
        ] {
            assert_eq!(device(user_agent).as_deref(), Some(name), "{user_agent}");
        }
    }

    #[test]
    fn what_is_anything_else_has_none() {
        for user_agent in ["", "Mozilla/5.0", "Mozilla/5.0 (Linux)", "libcurl/8", "我", "<script>"]
        {
            assert_eq!(device(user_agent), None, "{user_agent}");
        }
    }
}
