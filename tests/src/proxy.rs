//! A network that can be cut off or slow, between a server and its database.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::adapters::block_on;

/// Passes on what is sent over the connections to it, unless it is frozen.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    state: watch::Sender<State>,
    server: JoinHandle<()>,
}

#[derive(Clone, Copy, Default)]
struct State {
    frozen: bool,
    /// For how long what is sent is held back, in each direction.
    delay: Duration,
    /// How many connections there have been.
    accepted: usize,
    /// How many of them nothing will be heard of again.
    lost: usize,
}

impl Proxy {
    /// Listens on a port of the loopback interface, for what is sent to `target`.
    pub(crate) fn to(target: SocketAddr) -> Self {
        block_on(async move {
            let listener =
                TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
            let port = listener.local_addr().expect("it is bound").port();
            let state = watch::Sender::new(State::default());
            let server = tokio::spawn(serve(listener, target, state.clone()));
            Self { port, state, server }
        })
    }

    /// Passes nothing on any more, and ends no connection: so a server looks that is paused.
    pub(crate) fn freeze(&self) {
        self.state.send_modify(|state| state.frozen = true);
    }

    /// Passes on everything that has been sent meanwhile.
    pub(crate) fn thaw(&self) {
        self.state.send_modify(|state| state.frozen = false);
    }

    /// Holds back for that long what is sent from now on, in each direction.
    pub(crate) fn slow_down(&self, delay: Duration) {
        self.state.send_modify(|state| state.delay = delay);
    }

    /// Passes on what is sent over new connections, and nothing ever over those that there are: so a
    /// network looks that has forgotten them.
    pub(crate) fn forget(&self) {
        self.state.send_modify(|state| {
            *state = State { frozen: false, lost: state.accepted, ..*state };
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, target: SocketAddr, state: watch::Sender<State>) {
    loop {
        let Ok((near, _)) = listener.accept().await else { continue };
        let Ok(far) = TcpStream::connect(target).await else { continue };
        let mut number = 0;
        state.send_modify(|state| {
            number = state.accepted;
            state.accepted += 1;
        });
        let (from_near, to_near) = near.into_split();
        let (from_far, to_far) = far.into_split();
        for (from, to) in [(from_near, to_far), (from_far, to_near)] {
            let state = state.subscribe();
            tokio::spawn(pass_on(from, to, number, state));
        }
    }
}

async fn pass_on(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    number: usize,
    mut state: watch::Receiver<State>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let delay = state.borrow().delay;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let passes = state.wait_for(|state| !state.frozen && number >= state.lost).await.is_ok();
        if !passes || to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
