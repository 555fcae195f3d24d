//! What somebody meant by a key that there is not.

/// Says of an unknown `key` which known one is meant, or which there are beside it; nothing if the
/// report is of something else.
///
/// The report is that of `deny_unknown_fields`.
pub(super) fn unknown_key(key: &str, report: &str) -> Option<String> {
    let (_, known) = report.strip_prefix("unknown field ")?.rsplit_once("`, expected ")?;
    let (table, name) = key.rsplit_once('.').map_or(("", key), |(table, name)| (table, name));
    let prefix = if table.is_empty() { String::new() } else { format!("{table}.") };
    let keys = known.split('`').skip(1).step_by(2);
    let keys: Vec<String> = keys.map(|name| format!("{prefix}{name}")).collect();
    let meant = keys
        .iter()
        .map(|key| (distance(name, &key[prefix.len()..]), key))
        .min()
        .filter(|(distance, key)| *distance <= 1 + (key.len() - prefix.len()) / 4);
    Some(match meant {
        Some((_, meant)) => format!("is no known key: did you mean `{meant}`?"),
        None => format!("is no known key, which are: {}", keys.join(", ")),
    })
}

/// How many characters have to be put in, left out or replaced (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, char) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (column, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(char != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_key_is_meant() {
        let top = "unknown field `x`, expected one of `secret`, `redis_url`, `password`, `log`";
        let limits = "unknown field `x`, expected `sign_ins` or `wrong_codes`";
        for (key, report, meant) in [
            ("passwort", top, "is no known key: did you mean `password`?"),
            ("colour", top, "is no known key, which are: secret, redis_url, password, log"),
            ("redis_uri", top, "is no known key: did you mean `redis_url`?"),
            ("limits.wrong_code", limits, "is no known key: did you mean `limits.wrong_codes`?"),
            ("limits.sign_inz", limits, "is no known key: did you mean `limits.sign_ins`?"),
        ] {
            assert_eq!(unknown_key(key, report).as_deref(), Some(meant), "{key}");
        }
        assert_eq!(unknown_key("listen", "invalid socket address syntax"), None);
    }

    #[test]
    fn a_distance_counts_what_is_wrong() {
        for (from, to, expected) in [
            ("", "abc", 3),
            ("abc", "", 3),
            ("log", "log", 0),
            ("lgo", "log", 2),
            ("mount", "moun", 1),
        ] {
            assert_eq!(distance(from, to), expected, "{from} {to}");
        }
    }
}
