//! Argon2id and nothing else: what no sign-in can be cheaper than.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use tokio::sync::oneshot;

/// A thread's own memory, taken once.
#[expect(missing_debug_implementations, reason = "19 MiB of noise")]
pub struct Hasher {
    argon2: Argon2<'static>,
    memory: Vec<Block>,
}

impl Default for Hasher {
    fn default() -> Self {
        Self::new()
    }
}

impl Hasher {
    /// Takes the memory.
    ///
    /// # Panics
    ///
    /// Never: the parameters are sound.
    #[must_use]
    pub fn new() -> Self {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(32)).expect("OWASP's floor");
        let memory = vec![Block::new(); params.block_count()];
        Self { argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params), memory }
    }

    /// Hashes with the default parameters of the service.
    ///
    /// # Panics
    ///
    /// Never: the memory is large enough.
    pub fn hash(&mut self, password: &[u8]) -> [u8; 32] {
        let mut output = [0; 32];
        let hashed = self.argon2.hash_password_into_with_memory(
            password,
            SALT,
            &mut output,
            &mut self.memory,
        );
        hashed.expect("the memory is large enough");
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
    pub fn start() -> Self {
        let (sender, receiver) = mpsc::channel::<oneshot::Sender<[u8; 32]>>();
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..cores() {
            let receiver = Arc::clone(&receiver);
            thread::spawn(move || {
                let mut hasher = Hasher::new();
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
pub fn bare_loop(threads: usize, duration: Duration) -> (u32, Duration) {
    let start = Instant::now();
    let count: u32 = thread::scope(|scope| {
        let work = || {
            let mut hasher = Hasher::new();
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
