use std::io::Write;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failure::Failure;

/// Prints results: for programs as JSON, for people as tables, both under the same names.
pub(super) struct Output<'a> {
    to: &'a mut dyn Write,
    json: bool,
}

impl<'a> Output<'a> {
    pub(super) fn new(to: &'a mut dyn Write, json: bool) -> Self {
        Self { to, json }
    }

    /// Prints what a command did: a document, and the same as a sentence.
    pub(super) fn done(&mut self, document: &Value, sentence: &str) -> Result<(), Failure> {
        match self.json {
            true => self.line(document),
            false => self.sentence(sentence),
        }
    }

    /// Prints a sentence, for people alone.
    pub(super) fn sentence(&mut self, sentence: &str) -> Result<(), Failure> {
        Ok(writeln!(self.to, "{}", printable(sentence))?)
    }

    /// Prints text as it is.
    pub(super) fn text(&mut self, text: &str) -> Result<(), Failure> {
        Ok(self.to.write_all(text.as_bytes())?)
    }

    /// Prints one thing, a field a line.
    pub(super) fn one(&mut self, thing: &impl Serialize) -> Result<(), Failure> {
        if self.json {
            return self.line(thing);
        }
        let fields = Fields::of(thing)?.0;
        let width = fields.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, value) in &fields {
            writeln!(self.to, "{name:width$}  {}", cell(name, value))?;
        }
        Ok(())
    }

    /// Prints one thing that is JSON for people, too.
    pub(super) fn whole(&mut self, thing: &impl Serialize) -> Result<(), Failure> {
        if self.json {
            return self.line(thing);
        }
        serde_json::to_writer_pretty(&mut self.to, thing)?;
        Ok(writeln!(self.to)?)
    }

    fn line(&mut self, thing: &impl Serialize) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.to, thing)?;
        Ok(writeln!(self.to)?)
    }
}

/// A list that is printed a page at a time, in the widths of its first page.
pub(super) struct Table<'a> {
    columns: &'a [&'a str],
    widths: Vec<usize>,
    left: u32,
}

impl<'a> Table<'a> {
    /// Names the fields that people see; programs see all. It has at most `limit` rows.
    pub(super) fn new(columns: &'a [&'a str], limit: u32) -> Self {
        Self { columns, widths: Vec::new(), left: limit }
    }

    /// Returns how many rows to ask for.
    pub(super) fn room(&self) -> u32 {
        self.left.min(PAGE)
    }

    /// Prints a page, and returns its last row if another page is to follow.
    pub(super) fn page<'things, T: Serialize>(
        &mut self,
        output: &mut Output<'_>,
        things: &'things [T],
    ) -> Result<Option<&'things T>, Failure> {
        let full = things.len() >= self.room() as usize;
        self.left -= self.room();
        self.rows(output, things)?;
        Ok(things.last().filter(|_| full && self.left > 0))
    }

    fn rows<T: Serialize>(&mut self, output: &mut Output<'_>, things: &[T]) -> Result<(), Failure> {
        if output.json {
            return things.iter().try_for_each(|thing| output.line(thing));
        }
        let mut rows = Vec::with_capacity(things.len() + 1);
        for thing in things {
            let fields = Fields::of(thing)?;
            rows.push(self.columns.iter().map(|name| cell(name, fields.get(name))).collect());
        }
        if self.widths.is_empty() {
            let header: Vec<String> = self.columns.iter().map(|name| name.to_uppercase()).collect();
            rows.insert(0, header);
            let width = |index: usize| {
                rows.iter().map(|row: &Vec<String>| row[index].chars().count()).max().unwrap_or(0)
            };
            self.widths = (0..self.columns.len()).map(width).collect();
        }
        for row in &rows {
            let mut line = String::new();
            for (text, &width) in row.iter().zip(&self.widths) {
                line += &format!("{text:width$}  ");
            }
            writeln!(output.to, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// The fields of something, in the order in which it writes them.
struct Fields(Vec<(String, Value)>);

impl Fields {
    fn of(thing: &impl Serialize) -> Result<Self, Failure> {
        Ok(serde_json::from_str(&serde_json::to_string(thing)?)?)
    }

    fn get(&self, name: &str) -> &Value {
        self.0.iter().find(|(field, _)| field == name).map_or(&Value::Null, |(_, value)| value)
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

fn cell(name: &str, value: &Value) -> String {
    match value {
        Value::Null => NOTHING.to_owned(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) if name.ends_with("_at") || name == "active_from" => seconds(text),
        Value::String(text) => printable(text),
        Value::Array(items) if items.is_empty() => NOTHING.to_owned(),
        Value::Array(items) => {
            items.iter().map(|item| cell("", item)).collect::<Vec<_>>().join(", ")
        }
        Value::Object(fields) if fields.is_empty() => NOTHING.to_owned(),
        Value::Object(fields) => {
            let pairs = fields.iter().map(|(name, value)| {
                let name = printable(name);
                format!("{name}={}", cell(&name, value))
            });
            pairs.collect::<Vec<_>>().join(" ")
        }
    }
}

/// An instant to the second.
fn seconds(text: &str) -> String {
    match text.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => text.to_owned(),
    }
}

/// Text of strangers, which a terminal must neither obey nor show in another order.
fn printable(text: &str) -> String {
    let safe = |char: char| match char {
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        char if char.is_control() => '\u{fffd}',
        char => char,
    };
    text.chars().map(safe).collect()
}

const NOTHING: &str = "-";
/// The most that one query returns.
const PAGE: u32 = 1_000;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_strangers_wrote_commands_no_terminal() {
        let hostile =
            json!({ "user_agent": "\u{1b}]0;owned\u{7}\u{202e}txt", "detail": { "a\nb": "c\r" } });
        let mut text = Vec::new();
        Output::new(&mut text, false).one(&hostile).unwrap();
        Table::new(&["user_agent", "detail"], 9)
            .page(&mut Output::new(&mut text, false), &[hostile])
            .unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(text.lines().count(), 4, "{text:?}");
        assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}', '\r']), "{text:?}");
    }

    #[test]
    fn a_list_of_nothing_is_a_header_for_people_and_nothing_for_programs() {
        for (json, expected) in [(false, "ID  ROLES\n"), (true, "")] {
            let mut text = Vec::new();
            let mut output = Output::new(&mut text, json);
            Table::new(&["id", "roles"], 9).page(&mut output, &[(); 0]).unwrap();
            assert_eq!(String::from_utf8(text).unwrap(), expected);
        }
    }

    #[test]
    fn a_table_keeps_its_columns_over_pages() {
        #[derive(Serialize)]
        struct Row {
            id: u8,
            made_at: &'static str,
            roles: &'static [&'static str],
        }
        let (mut text, mut table) = (Vec::new(), Table::new(&["id", "made_at", "roles"], 2));
        let mut output = Output::new(&mut text, false);
        let row = |id, roles| Row { id, made_at: "2026-01-02T03:04:05.678Z", roles };
        table.rows(&mut output, &[row(1, &["a", "b"])]).unwrap();
        table.rows(&mut output, &[row(2, &[])]).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "ID  MADE_AT               ROLES\n\
             1   2026-01-02T03:04:05Z  a, b\n\
             2   2026-01-02T03:04:05Z  -\n"
        );
    }
}
