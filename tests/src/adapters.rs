//! How a host of each framework serves `Auth`, as its own documentation would have it.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{LazyLock, mpsc};
use std::thread;

use auth_core::{Auth, Role};
use tokio::runtime::Runtime;

use crate::app::MOUNT;

/// One framework.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[expect(clippy::exhaustive_enums, reason = "a new framework has to be served everywhere")]
pub enum Adapter {
    /// actix-web.
    Actix,
    /// axum.
    Axum,
    /// poem.
    Poem,
}

impl Adapter {
    /// Every framework.
    pub const ALL: [Self; 3] = [Self::Actix, Self::Axum, Self::Poem];

    /// Returns its name in the names of trials.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Actix => "actix",
            Self::Axum => "axum",
            Self::Poem => "poem",
        }
    }

    /// Serves `auth` until the result is dropped.
    pub(crate) fn serve(self, auth: Auth, port: Port) -> Served {
        match self {
            Self::Actix => actix(auth, port),
            Self::Axum => axum(auth, port),
            Self::Poem => poem(auth, port),
        }
    }
}

/// A port of the loopback interface that nobody else has, known before anybody serves there.
pub(crate) struct Port {
    pub(crate) number: u16,
    listener: TcpListener,
}

impl Port {
    /// Takes a free one.
    pub(crate) fn take() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        listener.set_nonblocking(true).expect("an open socket takes options");
        Self { number: listener.local_addr().expect("it is bound").port(), listener }
    }

    fn tokio(self) -> tokio::net::TcpListener {
        let listener = async { tokio::net::TcpListener::from_std(self.listener) };
        block_on(listener).expect("it does not block")
    }
}

/// A running server.
pub(crate) struct Served {
    pub(crate) port: u16,
    stop: Option<Box<dyn FnOnce() + Send + Sync>>,
}

impl Served {
    /// Serves an application of axum until the result is dropped.
    pub(crate) fn axum(app: axum::Router, port: Port) -> Self {
        let number = port.number;
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        let listener = port.tokio();
        let server = RUNTIME.spawn(async move { axum::serve(listener, app).await });
        Self { port: number, stop: Some(Box::new(move || server.abort())) }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop();
        }
    }
}

/// Runs `future` on the runtime that axum, poem and the cases share.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    RUNTIME.block_on(future)
}

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Runtime::new().expect("the system has threads to give"));

/// What `/maybe` and `/editors/maybe` answer to a stranger.
const NOBODY: &str = "nobody";

/// Whom `/editors` lets in.
struct Editor;

impl Role for Editor {
    const NAME: &'static str = "editor";
}

fn axum(auth: Auth, port: Port) -> Served {
    use auth_axum::{CurrentUser, Identity, RecentSignIn, RequireRole};
    use axum::Router;
    use axum::routing::get;

    async fn private(CurrentUser(user): CurrentUser) -> String {
        user.email
    }
    async fn identity(Identity(identity): Identity) -> String {
        identity.user_id.to_string()
    }
    async fn maybe(user: Option<CurrentUser>) -> String {
        user.map_or_else(|| NOBODY.to_owned(), |CurrentUser(user)| user.email)
    }
    async fn recent(RecentSignIn(user): RecentSignIn) -> String {
        user.email
    }
    async fn editors(editor: RequireRole<Editor>) -> String {
        editor.user.email
    }
    async fn perhaps_editor(editor: Option<RequireRole<Editor>>) -> String {
        editor.map_or_else(|| NOBODY.to_owned(), |editor| editor.user.email)
    }

    let app = Router::new()
        .route("/private", get(private).post(private))
        .route("/identity", get(identity))
        .route("/maybe", get(maybe))
        .route("/recent", get(recent))
        .route("/editors", get(editors))
        .route("/editors/maybe", get(perhaps_editor))
        .merge(auth_axum::mount(MOUNT))
        .merge(auth_axum::development_router())
        .with_state(auth);
    Served::axum(app, port)
}

fn poem(auth: Auth, port: Port) -> Served {
    use auth_poem::{CurrentUser, Identity, RecentSignIn, RequireRole};
    use poem::listener::TcpAcceptor;
    use poem::{EndpointExt, Route, Server, get, handler};

    #[handler]
    async fn private(CurrentUser(user): CurrentUser) -> String {
        user.email
    }
    #[handler]
    async fn identity(Identity(identity): Identity) -> String {
        identity.user_id.to_string()
    }
    #[handler]
    async fn maybe(user: Option<CurrentUser>) -> String {
        user.map_or_else(|| NOBODY.to_owned(), |CurrentUser(user)| user.email)
    }
    #[handler]
    async fn recent(RecentSignIn(user): RecentSignIn) -> String {
        user.email
    }
    #[handler]
    async fn editors(editor: RequireRole<Editor>) -> String {
        editor.user.email
    }
    #[handler]
    async fn perhaps_editor(editor: Option<RequireRole<Editor>>) -> String {
        editor.map_or_else(|| NOBODY.to_owned(), |editor| editor.user.email)
    }

    let app = Route::new()
        .at("/private", get(private).post(private))
        .at("/identity", get(identity))
        .at("/maybe", get(maybe))
        .at("/recent", get(recent))
        .at("/editors", get(editors))
        .at("/editors/maybe", get(perhaps_editor));
    let app = auth_poem::mount(app, MOUNT, &auth);
    let app = auth_poem::development_route(app, &auth).data(auth);
    let number = port.number;
    let acceptor = TcpAcceptor::from_tokio(port.tokio()).expect("it has an address");
    let server = RUNTIME.spawn(Server::new_with_acceptor(acceptor).run(app));
    Served { port: number, stop: Some(Box::new(move || server.abort())) }
}

fn actix(auth: Auth, port: Port) -> Served {
    use actix_web::{App, HttpServer, get, route, rt};
    use auth_actix::{CurrentUser, Identity, RecentSignIn, RequireRole};

    #[route("/private", method = "GET", method = "POST")]
    async fn private(user: CurrentUser) -> String {
        user.0.email
    }
    #[get("/identity")]
    async fn identity(identity: Identity) -> String {
        identity.0.user_id.to_string()
    }
    #[get("/maybe")]
    async fn maybe(user: Option<CurrentUser>) -> String {
        user.map_or_else(|| NOBODY.to_owned(), |CurrentUser(user)| user.email)
    }
    #[get("/recent")]
    async fn recent(user: RecentSignIn) -> String {
        user.0.email
    }
    #[get("/editors")]
    async fn editors(editor: RequireRole<Editor>) -> String {
        editor.user.email
    }
    #[get("/editors/maybe")]
    async fn perhaps_editor(editor: Option<RequireRole<Editor>>) -> String {
        editor.map_or_else(|| NOBODY.to_owned(), |editor| editor.user.email)
    }

    let Port { number, listener } = port;
    let (sender, receiver) = mpsc::channel();
    let thread = thread::spawn(move || {
        rt::System::new().block_on(async move {
            let app = move || {
                App::new()
                    .service((private, identity, maybe, recent, editors, perhaps_editor))
                    .configure(auth_actix::mount(MOUNT, auth.clone()))
                    .configure(auth_actix::development_mount(auth.clone()))
            };
            let server = HttpServer::new(app)
                .h1_allow_half_closed(false)
                .workers(1)
                .disable_signals()
                .listen(listener)
                .expect("it listens already");
            let server = server.run();
            sender.send(server.handle()).expect("the trial waits for it");
            server.await
        })
    });
    let handle = receiver.recv().expect("the server starts");
    let stop = move || {
        block_on(handle.stop(false));
        thread.join().expect("the server never panics").expect("the server ends in peace");
    };
    Served { port: number, stop: Some(Box::new(stop)) }
}
