//! Which endpoints the cases reached, so that a new one cannot go untested.

use std::collections::BTreeSet;
use std::sync::Mutex;

use auth_core::{Access, Auth};

use crate::app::MOUNT;
use crate::{Adapter, Reply, Request, StoreKind};

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Hit {
    adapter: Adapter,
    store: StoreKind,
    method: String,
    path: String,
    success: bool,
}

static HITS: Mutex<BTreeSet<Hit>> = Mutex::new(BTreeSet::new());

/// Remembers that `request` was answered with `reply`.
pub(crate) fn record(adapter: Adapter, store: StoreKind, request: &Request, reply: &Reply) {
    let path = request.path.split('?').next().unwrap_or_default();
    let path = if request.of_host { path.strip_prefix(MOUNT) } else { Some(path) };
    if let Some(path) = path {
        HITS.lock().expect("no panic while held").insert(Hit {
            adapter,
            store,
            method: request.method.clone(),
            path: path.to_owned(),
            success: reply.status < 400,
        });
    }
}

/// Returns what no case has asked on this adapter and store, one line for each endpoint.
///
/// An endpoint has to answer with success, and to refuse. One that shows the same to everybody may do
/// so by refusing another method: it has no other reason to.
pub fn uncovered(adapter: Adapter, store: StoreKind) -> Vec<String> {
    let hits = HITS.lock().expect("no panic while held");
    let here: Vec<&Hit> =
        hits.iter().filter(|hit| hit.adapter == adapter && hit.store == store).collect();
    Auth::endpoints()
        .filter_map(|endpoint| {
            let (method, path) = (endpoint.method.as_str(), endpoint.path);
            let of_path = || here.iter().filter(|hit| hit.path == path);
            let succeeded = of_path().any(|hit| hit.method == method && hit.success);
            let public = method == "GET" && endpoint.access == Access::Public;
            let refused = of_path().any(|hit| (hit.method == method || public) && !hit.success);
            let lacks = match (succeeded, refused) {
                (true, true) => return None,
                (true, false) => "was never refused",
                (false, true) => "never succeeded",
                (false, false) => "was never asked",
            };
            Some(format!("{method} {path} {lacks}"))
        })
        .collect()
}
