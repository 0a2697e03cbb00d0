//! What a reload changes.

use crate::config::{Cache, Server, Settings};

/// The settings that count when `new` was read while the program runs with `running`: what is made once, at the start,
/// stays as it is (sockets, threads, the room for the cache, all that speaks HTTP, the log).
pub(super) fn taken(running: &Settings, new: &Settings) -> Settings {
    Settings {
        server: server(&running.server, &new.server),
        cache: cache(&running.cache, &new.cache),
        http: running.http.clone(),
        proxy: running.proxy.clone(),
        fetch: running.fetch.clone(),
        balance: running.balance.clone(),
        log: running.log.clone(),
        ..new.clone()
    }
}

fn server(running: &Server, new: &Server) -> Server {
    Server {
        listen: running.listen.clone(),
        threads: running.threads,
        waiting: running.waiting,
        waiting_per_client: running.waiting_per_client,
        discard_after_ms: running.discard_after_ms,
        tcp_connections: running.tcp_connections,
        tcp_per_client: running.tcp_per_client,
        tcp_pipeline: running.tcp_pipeline,
        tcp_idle_secs: running.tcp_idle_secs,
        ..new.clone()
    }
}

fn cache(running: &Cache, new: &Cache) -> Cache {
    Cache {
        size: running.size,
        min_ttl_secs: running.min_ttl_secs,
        max_ttl_secs: running.max_ttl_secs,
        min_negative_ttl_secs: running.min_negative_ttl_secs,
        max_negative_ttl_secs: running.max_negative_ttl_secs,
        min_delegation_ttl_secs: running.min_delegation_ttl_secs,
        max_delegation_ttl_secs: running.max_delegation_ttl_secs,
        ..new.clone()
    }
}
