//! Argon2id and nothing else: what no sign-in can be cheaper than.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use argon2_rust::params::{Memory, TagLen};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use tokio::sync::oneshot;

use crate::Result;

/// What computes Argon2id.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there is a floor for each")]
pub enum Backend {
    /// The crate `argon2`.
    Portable,
    /// The crate `argon2-rust`.
    Simd,
}

impl Backend {
    /// Every backend.
    pub const ALL: [Self; 2] = [Self::Portable, Self::Simd];

    /// Returns its name in settings and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Simd => "simd",
        }
    }

    /// Finds it by name.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn named(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|it| it.name() == name);
        found.ok_or_else(|| format!("no backend: {name}").into())
    }
}

/// A thread's own memory, taken once.
#[expect(missing_debug_implementations, reason = "19 MiB of noise")]
pub struct Hasher(Kind);

enum Kind {
    Portable { argon2: Argon2<'static>, memory: Vec<Block> },
    Simd(Box<argon2_rust::Hasher>),
}

impl Hasher {
    /// Takes the memory.
    ///
    /// # Panics
    ///
    /// Never: the parameters are sound.
    #[must_use]
    pub fn new(backend: Backend) -> Self {
        Self(match backend {
            Backend::Portable => {
                let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(32));
                let params = params.expect("OWASP's floor");
                let memory = vec![Block::new(); params.block_count()];
                let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
                Kind::Portable { argon2, memory }
            }
            Backend::Simd => {
                let params = argon2_rust::Params::builder()
                    .memory(Memory::kib(MEMORY_KIB.into()))
                    .passes(PASSES)
                    .lanes(LANES)
                    .threads(1)
                    .tag_len(TagLen::bytes(32));
                let params = params.build().expect("OWASP's floor");
                let (algorithm, version) =
                    (argon2_rust::Algorithm::Argon2id, argon2_rust::Version::V0x13);
                let argon2 = argon2_rust::Argon2::new(algorithm, version, params);
                Kind::Simd(Box::new(argon2.hasher()))
            }
        })
    }

    /// Hashes with the default parameters of the service.
    ///
    /// # Panics
    ///
    /// Never: the memory is large enough.
    pub fn hash(&mut self, password: &[u8]) -> [u8; 32] {
        let mut output = [0; 32];
        match &mut self.0 {
            Kind::Portable { argon2, memory } => argon2
                .hash_password_into_with_memory(password, SALT, &mut output, memory)
                .expect("the memory is large enough"),
            Kind::Simd(hasher) => hasher
                .hash_into_with_ad(password, SALT, &[], &[], &mut output)
                .expect("the parameters are sound"),
        }
        output
    }

    /// Hashes into what databases keep.
    pub fn phc(&mut self, password: &[u8]) -> String {
        let output = STANDARD_NO_PAD.encode(self.hash(password));
        let salt = STANDARD_NO_PAD.encode(SALT);
        format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${output}")
    }
}

/// As many threads as there are cores, each with a [`Hasher`].
#[derive(Clone, Debug)]
pub struct HashingThreads(mpsc::Sender<oneshot::Sender<[u8; 32]>>);

impl HashingThreads {
    /// Starts them.
    #[must_use]
    pub fn start(backend: Backend) -> Self {
        let (sender, receiver) = mpsc::channel::<oneshot::Sender<[u8; 32]>>();
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..cores() {
            let receiver = Arc::clone(&receiver);
            thread::spawn(move || {
                let mut hasher = Hasher::new(backend);
                loop {
                    let job = receiver.lock().expect("nobody panics").recv();
                    let Ok(job) = job else { return };
                    // Whoever asked may have gone.
                    let _ = job.send(hasher.hash(PASSWORD.as_bytes()));
                }
            });
        }
        Self(sender)
    }

    /// Hashes on the thread that is free first.
    ///
    /// # Panics
    ///
    /// If a thread has.
    pub async fn hash(&self) -> [u8; 32] {
        let (sender, receiver) = oneshot::channel();
        self.0.send(sender).expect("the threads run");
        receiver.await.expect("every job is answered")
    }
}

/// Hashes on that many threads for that long, and returns how many it were, and in what time.
///
/// # Panics
///
/// If a thread does.
#[must_use]
pub fn bare_loop(backend: Backend, threads: usize, duration: Duration) -> (u32, Duration) {
    let start = Instant::now();
    let count: u32 = thread::scope(|scope| {
        let work = || {
            let mut hasher = Hasher::new(backend);
            let mut count = 0;
            while start.elapsed() < duration {
                std::hint::black_box(hasher.hash(PASSWORD.as_bytes()));
                count += 1;
            }
            count
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().expect("nobody panics")).sum()
    });
    (count, start.elapsed())
}

/// Returns how many cores this process may use.
#[must_use]
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Of everybody here.
pub const PASSWORD: &str = "nine apples under a tin roof";
const SALT: &[u8] = b"sixteen bytes of";
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
