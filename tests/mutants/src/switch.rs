//! Which mutant is alive in this process.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether mutant `id` is the one that `AUTH_MUTANT` names. Where `AUTH_MUTANT_REACHED` names a file,
/// the mutants that are asked for are written down in it.
pub(crate) fn is(id: usize) -> bool {
    if let Some(file) = &*REACHED
        && !SEEN[id].swap(true, Ordering::Relaxed)
    {
        // In one piece: several processes may write.
        let mut file: &File = file;
        file.write_all(format!("{id}\n").as_bytes()).expect("a line can be added");
    }
    *ALIVE == id
}

static ALIVE: LazyLock<usize> = LazyLock::new(|| {
    let id = std::env::var("AUTH_MUTANT").ok();
    id.map_or(usize::MAX, |id| id.parse().expect("AUTH_MUTANT is a number"))
});
static REACHED: LazyLock<Option<File>> = LazyLock::new(|| {
    let path = std::env::var_os("AUTH_MUTANT_REACHED")?;
    Some(OpenOptions::new().append(true).create(true).open(path).expect("the file opens"))
});
static SEEN: [AtomicBool; COUNT] = [const { AtomicBool::new(false) }; COUNT];
