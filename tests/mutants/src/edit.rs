//! Mutants as insertions into a file's text.

use std::ops::Range;

/// What makes one or several mutants of one piece of code, each alive or not at run time.
///
/// In the texts, `#0`, `#1` … stand for the question whether the first, the second … mutant is alive.
pub(crate) struct Edit {
    /// The code that it goes around.
    pub(crate) range: Range<usize>,
    pub(crate) open: String,
    /// An operator between two operands, and what takes its place.
    pub(crate) middle: Option<(Range<usize>, String)>,
    pub(crate) close: String,
    pub(crate) mutants: Vec<String>,
}

/// A file with its mutants in it.
pub(crate) struct Rendered {
    pub(crate) text: String,
    /// Where each edit is in it, by its number.
    pub(crate) places: Vec<(usize, Range<usize>)>,
}

/// Puts `edits` into `text`, an outer one before those within it.
pub(crate) fn render<'a>(
    text: &str,
    edits: impl Iterator<Item = (usize, &'a Edit)>,
    first_mutant: impl Fn(usize) -> usize,
) -> Rendered {
    let mut pieces = Vec::new();
    for (number, edit) in edits {
        let fill = |template: &str| {
            let mut filled = template.to_owned();
            for index in 0..edit.mutants.len() {
                let alive = format!("crate::mutant::is({})", first_mutant(number) + index);
                filled = filled.replace(&format!("#{index}"), &alive);
            }
            filled
        };
        let Range { start, end } = edit.range;
        let order = number as isize;
        // At one place: what ends, the innermost first; then operators; then what begins.
        pieces.push((start, 2, order, start, fill(&edit.open), number));
        pieces.push((end, 0, -order, end, fill(&edit.close), number));
        if let Some((operator, replacement)) = &edit.middle {
            pieces.push((operator.start, 1, 0, operator.end, fill(replacement), number));
        }
    }
    pieces.sort();

    let mut rendered = Rendered { text: String::new(), places: Vec::new() };
    let mut read = 0;
    for (start, kind, _, end, piece, number) in pieces {
        rendered.text.push_str(&text[read..start]);
        read = end;
        if kind == 2 {
            let begin = rendered.text.len();
            rendered.places.push((number, begin..begin));
        }
        rendered.text.push_str(&piece);
        if kind != 1 {
            let written = rendered.text.len();
            let place = rendered.places.iter_mut().rev().find(|(other, _)| *other == number);
            // A close at the place of its open comes before it, and is empty.
            if let Some((_, place)) = place {
                place.end = written;
            }
        }
    }
    rendered.text.push_str(&text[read..]);
    rendered
}
