//! The manual: what no single item can say.
//!
//! | | for | answers |
//! |---|---|---|
//! | [`flows`] | who builds on it | what each flow takes, does, mails and guarantees, and what ends what |
//! | [`security`] | who reviews it | what is promised against whom, what is left to the host, and what is known not to hold |
//! | [`requirements`] | who audits it | what is required, what controls it, and which test fails without |
//! | [`defaults`] | who configures it | every value, its bounds and its reason; formats; problem codes |
//! | [`operations`] | who runs it | databases, mail, secrets, keys, logs, backups |
//!
//! The snippets compile with the crate, and the statements in SQL are of this version's schema.

#[doc = include_str!("flows.md")]
pub mod flows {}

#[doc = include_str!("security.md")]
pub mod security {}

#[doc = include_str!("requirements.md")]
pub mod requirements {}

#[doc = include_str!("defaults.md")]
pub mod defaults {}

#[doc = include_str!("operations.md")]
pub mod operations {}

/// The first two cells of each row of the table between the marks of that name.
#[cfg(test)]
pub(crate) fn marked(text: &str, name: &str) -> Vec<[String; 2]> {
    let (_, rest) = text.split_once(&format!("<!-- {name} -->")).unwrap();
    let (table, _) = rest.split_once(&format!("<!-- /{name} -->")).unwrap();
    let cell = |text: Option<&str>| text.unwrap().trim().to_owned();
    let row = |line: &str| {
        let mut cells = line.trim_start_matches('|').split('|');
        [cell(cells.next()), cell(cells.next())]
    };
    table.lines().filter(|line| line.starts_with("| `")).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::marked;
    use crate::{MessageKind, ProblemCode};

    #[test]
    fn the_table_of_problems_has_one_row_for_each_code() {
        let written = marked(include_str!("defaults.md"), "problems");
        let codes = ProblemCode::ALL.iter();
        let expected: Vec<_> = codes
            .map(|code| {
                [format!("`{code}`", code = code.as_str()), code.status().as_str().to_owned()]
            })
            .collect();
        assert_eq!(written, expected);
    }

    #[test]
    fn the_table_of_mails_has_one_row_for_each_kind() {
        let written = marked(include_str!("flows.md"), "mails");
        let written: Vec<_> = written.into_iter().map(|[kind, _]| kind).collect();
        let expected: Vec<_> = MessageKind::ALL.iter().map(|kind| format!("`{kind}`")).collect();
        assert_eq!(written, expected);
    }
}
