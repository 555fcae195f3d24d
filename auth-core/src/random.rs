use std::sync::Mutex;

use sha2::{Digest, Sha256};

/// Supplies the bytes that tokens, salts, nonces, keys and ids are made of.
///
/// # Security
///
/// Whoever predicts this stream owns every account: outside of tests, use [`SystemRandom`].
pub trait Random: Send + Sync + 'static {
    /// Fills `buffer` with unpredictable bytes.
    fn fill(&self, buffer: &mut [u8]);
}

/// The operating system's generator, the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    /// Fills `buffer` from the operating system's generator.
    ///
    /// # Panics
    ///
    /// If the operating system has no randomness to give: nothing safe can be done without it.
    fn fill(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("the operating system supplies randomness");
    }
}

/// A predictable generator, for tests only: the same seed gives the same bytes.
#[derive(Debug)]
pub struct SeededRandom(Mutex<(u64, u64)>);

impl SeededRandom {
    /// Makes a generator whose whole stream follows from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new((seed, 0)))
    }
}

impl Random for SeededRandom {
    fn fill(&self, buffer: &mut [u8]) {
        let mut state = self.0.lock().expect("no panic while held");
        for chunk in buffer.chunks_mut(32) {
            let block = Sha256::new()
                .chain_update(state.0.to_le_bytes())
                .chain_update(state.1.to_le_bytes())
                .finalize();
            state.1 += 1;
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }
}

impl dyn Random {
    /// Returns `N` random bytes.
    pub(crate) fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}
