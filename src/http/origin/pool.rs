//! Connections to origins that wait for their next request.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::client::conn::http1::SendRequest;
use parking_lot::Mutex;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};

use super::balance::HostPort;

/// How often connections are closed whose time is over.
const SWEEP: Duration = Duration::from_secs(1);

/// Where a request goes: the host as it was called, and the address that was chosen.
pub(in crate::http) type Key = (HostPort, SocketAddr);

/// A connection to an origin.
#[derive(Debug)]
pub(in crate::http) struct Origin {
    pub(in crate::http) sender: SendRequest<Body>,
    /// No new request goes out on it after this: the name may have another address by then.
    pub(in crate::http) good_until: Instant,
}

/// The idle connections. Each belongs to one origin, so that nothing goes to another address than was judged.
#[derive(Debug)]
pub(in crate::http) struct Pool {
    idle: Mutex<Idle>,
    most: usize,
}

#[derive(Debug, Default)]
struct Idle {
    origins: HashMap<Key, Vec<Origin>>,
    /// Whether somebody closes what nobody will use any more.
    swept: bool,
}

impl Pool {
    pub(in crate::http) fn new(most: usize) -> Self {
        Self { idle: Mutex::default(), most }
    }

    /// The connection to an origin that was used last, if there is one that is still good.
    pub(in crate::http) fn take(&self, key: &Key) -> Option<Origin> {
        let (mut idle, now) = (self.idle.lock(), Instant::now());
        let origins = idle.origins.get_mut(key)?;
        let found = loop {
            match origins.pop() {
                Some(origin) if origin.good_until > now && origin.sender.is_ready() => break Some(origin),
                Some(_) => {}
                None => break None,
            }
        };
        if origins.is_empty() {
            idle.origins.remove(key);
        }
        found
    }

    /// Whether a connection to `host` waits, at any of its addresses.
    pub(in crate::http) fn has(&self, host: &HostPort) -> bool {
        self.idle.lock().origins.keys().any(|(name, _)| name == host)
    }

    /// Keeps a connection for the next request.
    pub(in crate::http) fn put(self: &Arc<Self>, key: Key, origin: Origin) {
        let mut idle = self.idle.lock();
        if origin.good_until > Instant::now() && idle.origins.values().map(Vec::len).sum::<usize>() < self.most {
            idle.origins.entry(key).or_default().push(origin);
            // One task for all of them: one for each would outlive its request by as long as the connection is good.
            if !std::mem::replace(&mut idle.swept, true) {
                spawn_local(Arc::clone(self).keep_swept());
            }
        }
    }

    /// Closes the connections that nobody will use any more, until there are none.
    async fn keep_swept(self: Arc<Self>) {
        loop {
            sleep(SWEEP).await;
            let (mut idle, now) = (self.idle.lock(), Instant::now());
            idle.origins.retain(|_, origins| {
                origins.retain(|origin| origin.good_until > now && !origin.sender.is_closed());
                !origins.is_empty()
            });
            if idle.origins.is_empty() {
                idle.swept = false;
                return;
            }
        }
    }
}
