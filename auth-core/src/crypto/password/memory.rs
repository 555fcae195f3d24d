use std::hint;

use argon2::Block;

use super::backend::HashBackend;
use super::hash_params::HashParams;

/// The memory that a hashing thread works in, kept from one password to the next.
///
/// Fresh memory for each costs page faults, a fifth of a hash; and what is freed, an allocator keeps,
/// once for each of its arenas: many times what is in use. What a hash has written does not stay (OWASP
/// ASVS 11.7.2): the next one writes over it, and where none follows at once, it is [wiped](Self::wipe)
/// or [settled](Self::settle).
pub(crate) struct HashMemory {
    backend: HashBackend,
    blocks: Vec<Block>,
    /// How many of them hold what a hash has written; the others are zero.
    written: usize,
    /// Whether that was before the job that runs.
    is_older: bool,
    /// Has memory of its own, which it wipes by itself.
    #[cfg(feature = "argon2-simd")]
    simd: Option<argon2_rust::Hasher>,
    kept: usize,
}

impl HashMemory {
    /// Takes none yet, and later keeps no more than hashes of `params` need: what a stored hash of
    /// greater cost has needed is given back at once.
    pub(crate) const fn new(params: HashParams, backend: HashBackend) -> Self {
        Self {
            backend,
            blocks: Vec::new(),
            written: 0,
            is_older: false,
            #[cfg(feature = "argon2-simd")]
            simd: None,
            kept: params.memory_kib as usize,
        }
    }

    pub(super) const fn backend(&self) -> HashBackend {
        self.backend
    }

    /// Lends `count` blocks to a hash, which writes all of them before it reads any, unless the system
    /// has no memory for them.
    pub(super) fn lend(&mut self, count: usize) -> Option<LentBlocks<'_>> {
        if count > self.blocks.capacity() {
            self.give_back();
            self.blocks.try_reserve_exact(count.max(RESERVED_BLOCKS)).ok()?;
        }
        if count > self.blocks.len() {
            self.blocks.resize(count, Block::new());
        }
        self.wipe_from(count);
        self.written = count;
        self.is_older = false;
        Some(LentBlocks { count, memory: self })
    }

    /// The same for the other backend, which computes `argon2`.
    #[cfg(feature = "argon2-simd")]
    pub(super) fn with_simd<T>(
        &mut self,
        argon2: argon2_rust::Argon2,
        work: impl FnOnce(&mut argon2_rust::Hasher) -> T,
    ) -> T {
        let hasher = self.simd.get_or_insert_with(|| argon2.hasher());
        hasher.set_argon2(argon2);
        let result = work(hasher);
        if hasher.reserved_blocks() > self.kept {
            hasher.clear();
        }
        result
    }

    pub(crate) fn is_held(&self) -> bool {
        #[cfg(feature = "argon2-simd")]
        if self.simd.as_ref().is_some_and(|hasher| hasher.reserved_blocks() > 0) {
            return true;
        }
        self.blocks.capacity() > 0
    }

    /// Whether it holds what a hash has written.
    pub(crate) const fn is_written(&self) -> bool {
        self.written > 0
    }

    /// Wipes what a hash has written, which takes a tenth of the time that the hash took.
    pub(crate) fn wipe(&mut self) {
        self.wipe_from(0);
    }

    /// Wipes what was there before the job that has just ended, unless that has written over it: not all
    /// that a thread does for a password is a hash.
    pub(crate) fn settle(&mut self) {
        if self.is_older {
            self.wipe();
        }
        self.is_older = true;
    }

    /// By whole blocks, which takes a third of the time of volatile writes, word after word.
    fn wipe_from(&mut self, start: usize) {
        if start < self.written {
            self.blocks[start..self.written].fill(Block::new());
            // What is about to be freed would otherwise not be worth writing to.
            hint::black_box(&mut self.blocks);
            self.written = start;
        }
    }

    /// Wipes everything and gives it back to the system.
    pub(crate) fn give_back(&mut self) {
        self.wipe();
        self.blocks = Vec::new();
        #[cfg(feature = "argon2-simd")]
        if let Some(hasher) = &mut self.simd {
            hasher.clear();
        }
    }
}

impl Drop for HashMemory {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// Blocks that are given back when they are dropped, if they are more than are kept.
pub(super) struct LentBlocks<'a> {
    count: usize,
    memory: &'a mut HashMemory,
}

impl AsMut<[Block]> for LentBlocks<'_> {
    fn as_mut(&mut self) -> &mut [Block] {
        &mut self.memory.blocks[..self.count]
    }
}

impl Drop for LentBlocks<'_> {
    fn drop(&mut self) {
        if self.count > self.memory.kept {
            self.memory.give_back();
        }
    }
}

/// Address space, of which only what is lent is ever touched. glibc returns a piece of more than
/// 32 MiB to the system as soon as it is freed, and a smaller one only the first time.
const RESERVED_BLOCKS: usize = 33 * 1024;

#[cfg(test)]
mod tests {
    use argon2::{Algorithm, Argon2, Params, Version};

    use super::*;

    fn memory(kept_kib: u32) -> HashMemory {
        HashMemory::new(
            HashParams { memory_kib: kept_kib, passes: 1, lanes: 1 },
            HashBackend::Portable,
        )
    }

    fn fill(memory: &mut HashMemory, count: usize) {
        let mut lent = memory.lend(count).unwrap();
        assert_eq!(lent.as_mut().len(), count);
        lent.as_mut().iter_mut().for_each(|block| block.as_mut().fill(u64::MAX));
    }

    fn is_wiped(memory: &HashMemory) -> bool {
        memory.blocks.iter().all(|block| block.as_ref().iter().all(|word| *word == 0))
    }

    #[test]
    fn memory_is_wiped_and_lent_again() {
        let mut memory = memory(64);
        assert!(!memory.is_held(), "nothing is taken before it is needed");
        fill(&mut memory, 64);
        let place = memory.blocks.as_ptr();
        for count in [8, 64, 32] {
            fill(&mut memory, count);
            assert!(memory.is_written() && !is_wiped(&memory));
            memory.wipe();
            assert!(is_wiped(&memory) && !memory.is_written());
            assert_eq!((memory.blocks.as_ptr(), memory.blocks.len()), (place, 64));
        }
        memory.give_back();
        assert!(!memory.is_held());
    }

    #[test]
    fn what_the_next_hash_does_not_write_over_is_wiped_before_it() {
        let mut memory = memory(64);
        fill(&mut memory, 64);
        drop(memory.lend(8));
        let left = |block: &Block| block.as_ref().iter().any(|word| *word != 0);
        assert_eq!(memory.blocks.iter().rposition(left), Some(7));
        memory.wipe();
        assert!(is_wiped(&memory));
    }

    #[test]
    fn what_outgrows_its_place_takes_nothing_along_that_a_hash_has_written() {
        let mut memory = memory(64);
        fill(&mut memory, 64);
        let mut larger = memory.lend(RESERVED_BLOCKS + 1).unwrap();
        let is_zero = |block: &Block| block.as_ref().iter().all(|word| *word == 0);
        assert!(larger.as_mut()[..64].iter().all(is_zero));
    }

    #[test]
    fn what_the_next_job_does_not_write_over_is_wiped_after_it() {
        let mut memory = memory(64);
        for _ in 0..2 {
            fill(&mut memory, 64);
            memory.settle();
            assert!(!is_wiped(&memory));
        }
        memory.settle();
        assert!(is_wiped(&memory) && !memory.is_written());
    }

    #[test]
    fn what_hashes_of_now_do_not_need_is_not_kept() {
        let mut memory = memory(64);
        fill(&mut memory, 64);
        fill(&mut memory, 65);
        assert!(!memory.is_held());
        assert!(memory.lend(usize::MAX).is_none());
        fill(&mut memory, 64);
        assert!(memory.is_held());
    }

    #[test]
    fn a_panic_leaves_nothing_that_is_not_wiped() {
        use std::panic::{AssertUnwindSafe, catch_unwind};

        let mut memory = memory(8);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let mut lent = memory.lend(8).unwrap();
            lent.as_mut()[7].as_mut().fill(u64::MAX);
            panic!("on purpose");
        }));
        assert!(panicked.is_err() && memory.is_written());
        memory.wipe();
        assert!(is_wiped(&memory));
    }

    #[test]
    fn used_memory_makes_the_hashes_that_fresh_memory_makes() {
        let mut memory = memory(256);
        for algorithm in [Algorithm::Argon2d, Algorithm::Argon2i, Algorithm::Argon2id] {
            for version in [Version::V0x10, Version::V0x13] {
                for (kib, passes, lanes) in [(256, 3, 4), (32, 3, 4), (8, 1, 1), (100, 2, 3)] {
                    let params = Params::new(kib, passes, lanes, Some(32)).unwrap();
                    let argon2 = Argon2::new(algorithm, version, params);
                    let (mut fresh, mut reused) = ([0; 32], [0; 32]);
                    argon2.hash_password_into(b"password", b"saltsalt", &mut fresh).unwrap();
                    let blocks = memory.lend(argon2.params().block_count()).unwrap();
                    argon2
                        .hash_password_into_with_memory(
                            b"password",
                            b"saltsalt",
                            &mut reused,
                            blocks,
                        )
                        .unwrap();
                    assert_eq!(fresh, reused, "{argon2:?}");
                }
            }
        }
    }
}
