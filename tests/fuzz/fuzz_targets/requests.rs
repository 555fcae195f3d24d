//! Requests to every endpoint, with any method, headers and body, in any order: each is answered as
//! the description says, with a status that is declared, never a 5xx, and nothing opens.

#![no_main]

#[path = "requests/answers.rs"]
mod answers;
#[path = "requests/script.rs"]
mod script;
#[path = "../../src/totp.rs"]
mod totp;
#[path = "requests/world.rs"]
mod world;

use std::cell::RefCell;

use libfuzzer_sys::{Corpus, fuzz_target};
use world::World;

// Requests as HTTP writes them, with a line of `%%` between two; see `script` for what is replaced.
fuzz_target!(|input: &[u8]| -> Corpus {
    let steps: Vec<_> = script::steps(input).collect();
    if steps.is_empty() {
        return Corpus::Reject;
    }
    WORLD.with_borrow_mut(|world| {
        for step in &steps {
            world.take(step);
        }
        // An input is to fail alone as it did after others.
        world.restore();
    });
    Corpus::Keep
});

thread_local! {
    static WORLD: RefCell<World> = RefCell::new(World::new());
}
