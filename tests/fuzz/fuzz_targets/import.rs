//! Records of an import, one JSON object a line: each is taken, left out or refused, and no refusal
//! tells a secret.

#![no_main]

use std::cell::RefCell;

use auth_core::{
    Auth, Config, ImportOptions, ImportedUser, ManualClock, MasterSecret, Store, Timestamp,
    UserQuery,
};
use libfuzzer_sys::{Corpus, fuzz_target};
use tokio::runtime::Runtime;

fuzz_target!(|input: &str| -> Corpus {
    let lines: Vec<_> = input.lines().take(16).collect();
    let records: Vec<_> = lines.iter().map(|line| serde_json::from_str(line)).collect();
    if records.iter().all(Result::is_err) {
        return Corpus::Keep;
    }
    WORLD.with_borrow_mut(|world| {
        let world = world.get_or_insert_with(World::new);
        let total = records.len() as u64;
        let created = world.import(records, total);
        let again = lines.iter().map(|line| serde_json::from_str(line)).collect();
        world.import(again, total);
        world.imported += created;
    });
    // Users of many inputs would slow the others down, and get in their way.
    WORLD.with_borrow_mut(|world| {
        world.take_if(|world| world.imported > 200);
    });
    Corpus::Keep
});

struct World {
    runtime: Runtime,
    auth: Auth,
    imported: u64,
}

impl World {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime starts");
        let auth = runtime.block_on(async {
            let store = Store::sqlite("sqlite::memory:").await.expect("memory is enough");
            let config = Config::new("https://a.example").expect("this is an origin");
            let secret = MasterSecret::new((0..32).collect()).expect("it is 32 different bytes");
            let clock = ManualClock::at(Timestamp::from_secs(1_700_000_000));
            Auth::builder(config, store, secret).clock(clock).build().await.expect("all is sound")
        });
        Self { runtime, auth, imported: 0 }
    }

    fn import(&self, records: Vec<serde_json::Result<ImportedUser>>, total: u64) -> u64 {
        let secrets: Vec<_> = records.iter().flatten().flat_map(secrets).collect();
        let addresses: Vec<_> =
            records.iter().flatten().map(|record| record.email.clone()).collect();
        self.runtime.block_on(async {
            let operator = self.auth.operator("fuzz");
            let options = ImportOptions::new();
            let report = operator.import(records, options, |_| {}).await.expect("nothing fails");
            assert_eq!(report.read, total);
            assert_eq!(report.created + report.skipped + report.refused, total);
            assert_eq!(report.problems.len() as u64, report.refused);
            for problem in &report.problems {
                let text = problem.to_string();
                assert!(secrets.iter().all(|secret| !text.contains(secret)), "{text}");
            }
            let found = self.auth.users(&UserQuery::new()).await;
            let found = found.expect("what was taken can be read");
            assert!(report.created == 0 || !found.is_empty(), "{addresses:?}");
            report.created
        })
    }
}

/// What is long enough not to occur by chance.
fn secrets(record: &ImportedUser) -> Vec<String> {
    let secrets = [
        record.password_hash.clone(),
        record.totp_secret.as_ref().map(|secret| secret.expose().to_owned()),
    ];
    secrets.into_iter().flatten().filter(|secret| secret.len() > 20).collect()
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}
