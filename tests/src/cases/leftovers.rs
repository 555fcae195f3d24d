//! What a server leaves behind, and what can be found in it.

use aho_corasick::AhoCorasick;
use serde_json::Value;

use super::secrets_at_rest::spellings;
use crate::StoreKind;
use crate::adapters::block_on;

/// Those that `text` has, in any spelling.
pub(super) fn found(secrets: &[(&str, String)], text: &str) -> Vec<String> {
    let mut patterns = Vec::new();
    for (name, secret) in secrets {
        let named = |spelling| (format!("{name} {secret}"), spelling);
        patterns.extend(spellings(secret).into_iter().map(named));
    }
    let spelled = patterns.iter().map(|(_, spelling)| spelling);
    let searched = AhoCorasick::builder().ascii_case_insensitive(true).build(spelled);
    let searched = searched.expect("there are not that many");
    let matches = searched.find_iter(text);
    let mut names: Vec<_> =
        matches.map(|found| patterns[found.pattern().as_usize()].0.clone()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// That whatever was sent, one line of the log is one thing that the server says.
pub(super) fn assert_one_line_each(kind: StoreKind, log: &str) {
    for line in log.lines() {
        match kind {
            StoreKind::Postgres => {
                let said: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
                assert!(said["timestamp"].is_string(), "{line}");
            }
            StoreKind::Sqlite => {
                let time = line.get(..11).unwrap_or_default();
                assert!(time.starts_with("20") && time.ends_with('T'), "{line}");
            }
        }
        assert!(!line.contains(|letter: char| letter.is_control()), "{line:?}");
    }
}

/// Every key and every value of the Redis that the trials share, `planted` among them.
pub(super) fn redis_dump(url: &str, planted: &str) -> String {
    block_on(async {
        let client = redis::Client::open(url).expect("it is a URL");
        let connection = client.get_multiplexed_async_connection().await;
        let mut connection = connection.expect("the Redis of REDIS_URL listens");
        let mut plant = redis::cmd("SET");
        plant.arg(planted).arg("").arg("EX").arg(600);
        let _: () = plant.query_async(&mut connection).await.expect("Redis writes");
        let mut dump = String::new();
        let keys: redis::RedisResult<Vec<Vec<u8>>> =
            redis::cmd("KEYS").arg("*").query_async(&mut connection).await;
        for key in keys.unwrap_or_else(|error| panic!("{error}")) {
            let kind: String =
                redis::cmd("TYPE").arg(&key).query_async(&mut connection).await.unwrap_or_default();
            let mut read = match kind.as_str() {
                "hash" => redis::cmd("HGETALL"),
                "list" => redis::cmd("LRANGE"),
                "set" => redis::cmd("SMEMBERS"),
                "stream" => redis::cmd("XRANGE"),
                "string" => redis::cmd("GET"),
                "zset" => redis::cmd("ZRANGE"),
                // Gone by now.
                _ => continue,
            };
            read.arg(&key);
            match kind.as_str() {
                "list" | "zset" => read.arg(0).arg(-1),
                "stream" => read.arg("-").arg("+"),
                _ => &mut read,
            };
            let value: redis::Value =
                read.query_async(&mut connection).await.unwrap_or(redis::Value::Nil);
            dump.push_str(&String::from_utf8_lossy(&key));
            dump.push('\n');
            flatten(&value, &mut dump);
        }
        dump
    })
}

fn flatten(value: &redis::Value, dump: &mut String) {
    match value {
        redis::Value::BulkString(bytes) => {
            dump.push_str(&String::from_utf8_lossy(bytes));
            dump.extend(bytes.iter().map(|byte| format!("{byte:02x}")));
        }
        redis::Value::Array(values) | redis::Value::Set(values) => {
            values.iter().for_each(|value| flatten(value, dump));
        }
        redis::Value::Map(pairs) => {
            for (name, value) in pairs {
                flatten(name, dump);
                flatten(value, dump);
            }
        }
        other => dump.push_str(&format!("{other:?}")),
    }
    dump.push('\n');
}
