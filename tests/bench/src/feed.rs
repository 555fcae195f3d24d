//! How soon another server refuses the access token of a session that has ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use auth_bench::{Adapter, MOUNT, Result};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::block_on;
use crate::http::{Connection, request};
use crate::load::Latencies;
use crate::plan::Plan;
use crate::report::{ENDED, Goal, Report, Row};
use crate::scripts::{Tokens, gets, sign_in};
use crate::sites::{Engine, Ground, Server};

/// By what a server learns of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Channel {
    Listen,
    Polling,
    Redis,
}

impl Channel {
    const ALL: [Self; 3] = [Self::Polling, Self::Listen, Self::Redis];

    /// Milliseconds over which sign-outs are spread, so that they come at any time between two looks at
    /// the database where these are all there is.
    const fn period(self) -> u64 {
        if matches!(self, Self::Polling) { 500 } else { 50 }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Listen => "`LISTEN`",
            Self::Polling => "polling alone",
            Self::Redis => "Redis",
        }
    }
}

/// Ends sessions at one of two servers on one Postgres, while clients ask both without pause.
pub(crate) fn measure(ground: &Ground, plan: &Plan, report: &mut Report) -> Result<()> {
    for channel in Channel::ALL {
        let url = ground.database(Engine::Postgres)?;
        ground.import(&url)?;
        if channel != Channel::Listen {
            for table in ["auth_sessions", "auth_revocations"] {
                let sql = format!("ALTER TABLE {table} DISABLE TRIGGER auth_revocations_notify");
                ground.execute(&url, &sql)?;
            }
        }
        let mut settings = vec![("AUTH_DATABASE_URL", url.as_str())];
        if channel == Channel::Redis {
            settings.push(("AUTH_REDIS_URL", &ground.redis_url));
        }
        let start = || ground.start(Adapter::Axum.name(), Engine::Postgres, &settings);
        let (here, there) = (start()?, start()?);
        let (lags, per_second) = block_on(sign_out(channel, &here, &there, plan.sign_outs))?;
        let millis = |per_mille| lags.per_mille(per_mille).as_secs_f64() * 1e3;
        report.add(Row {
            what: ENDED.to_owned(),
            place: format!("{}, {CLIENTS} clients", channel.name()),
            measured: format!(
                "p50 {:.1}, p99 {:.1}, longest {:.1} ms of {}; {per_second:.0} requests/s beside",
                millis(500),
                millis(990),
                millis(1000),
                lags.len(),
            ),
            ratio: millis(1000) / 1e3,
            of: "the promised second, by the longest".to_owned(),
            goal: Some(Goal::AtMost(1.0)),
        });
    }
    Ok(())
}

async fn sign_out(
    channel: Channel,
    here: &Server,
    there: &Server,
    times: u32,
) -> Result<(Latencies, f64)> {
    let theirs = sign_in(here.port, 1..=CLIENTS).await?;
    let ending = sign_in(here.port, (1..=u64::from(times)).map(|number| CLIENTS + number)).await?;
    let answered = Arc::new(AtomicU64::new(0));
    let mut load = JoinSet::new();
    for (number, mut script) in gets("/identity", &theirs).into_iter().enumerate() {
        let mut connection = Connection::open([here.port, there.port][number % 2]).await?;
        let answered = Arc::clone(&answered);
        load.spawn(async move {
            while connection.ask(script.next()).await?.status == 200 {
                answered.fetch_add(1, Ordering::Relaxed);
            }
            Err::<(), _>(std::io::Error::other("a live session was refused"))
        });
    }
    let begun = Instant::now();
    let lags = async {
        let mut lags = Vec::new();
        let mut connections =
            (Connection::open(here.port).await?, Connection::open(there.port).await?);
        for (tokens, number) in ending.iter().zip(0..) {
            // At any time between two looks.
            sleep(Duration::from_millis(number * 37 % channel.period())).await;
            lags.push(lag(&mut connections, tokens).await?);
        }
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(lags)
    };
    let lags = tokio::select! {
        lags = lags => lags?,
        Some(ended) = load.join_next() => return Err(format!("{ended:?}").into()),
    };
    let per_second = answered.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64();
    Ok((Latencies::new(lags), per_second))
}

/// Signs out at one server, and asks the other from the answer on until it knows.
async fn lag((here, there): &mut (Connection, Connection), tokens: &Tokens) -> Result<Duration> {
    let get = request("GET /identity", &format!("Bearer {}", tokens.access), "");
    if there.ask(&get).await?.status != 200 {
        return Err("a live session was refused".into());
    }
    let body = format!(r#"{{"refresh_token":"{}"}}"#, tokens.refresh);
    let sign_out = request(&format!("POST {MOUNT}/sign-out"), "", &body);
    if here.ask(&sign_out).await?.status != 204 {
        return Err("a sign-out was refused".into());
    }
    let signed_out = Instant::now();
    while there.ask(&get).await?.status == 200 {}
    Ok(signed_out.elapsed())
}

const CLIENTS: u64 = 64;
