//! What a reload changes.

use crate::config::{Cache, Server, Settings};

/// The settings that count when `new` was read while the program runs with `running`: what is made once, at the start,
/// stays as it is (sockets, threads, the room for the cache, all that speaks HTTP, the log).
pub(super) fn taken(running: &Settings, new: &Settings) -> Settings {
    Settings {
        server: server(&running.server, &new.server),
        cache: cache(&running.cache, &new.cache),
        tls: running.tls.clone(),
        http: running.http.clone(),
        proxy: running.proxy.clone(),
        fetch: running.fetch.clone(),
        balance: running.balance.clone(),
        log: running.log.clone(),
        ..new.clone()
    }
}

/// Each key is named, so that one that comes later has to be placed.
fn server(running: &Server, new: &Server) -> Server {
    Server {
        listen: running.listen.clone(),
        tls_listen: running.tls_listen.clone(),
        threads: running.threads,
        waiting: running.waiting,
        waiting_per_client: running.waiting_per_client,
        discard_after_ms: running.discard_after_ms,
        tcp_connections: running.tcp_connections,
        tcp_per_client: running.tcp_per_client,
        tcp_pipeline: running.tcp_pipeline,
        tcp_idle_secs: running.tcp_idle_secs,
        tcp_keepalive_secs: running.tcp_keepalive_secs,
        allow: new.allow.clone(),
        identity: new.identity.clone(),
        version: new.version.clone(),
        nsid: new.nsid.clone(),
        cookie_secret: new.cookie_secret,
        locally_served_zones: new.locally_served_zones,
        any: new.any,
        ede: new.ede,
        udp_size: new.udp_size,
    }
}

/// Likewise.
fn cache(running: &Cache, new: &Cache) -> Cache {
    Cache {
        size: running.size,
        min_ttl_secs: running.min_ttl_secs,
        max_ttl_secs: running.max_ttl_secs,
        min_negative_ttl_secs: running.min_negative_ttl_secs,
        max_negative_ttl_secs: running.max_negative_ttl_secs,
        min_delegation_ttl_secs: running.min_delegation_ttl_secs,
        max_delegation_ttl_secs: running.max_delegation_ttl_secs,
        prefetch: new.prefetch,
        prefetch_hits: new.prefetch_hits,
        max_stale_secs: new.max_stale_secs,
        stale_reply_ttl_secs: new.stale_reply_ttl_secs,
        stale_client_timeout_ms: new.stale_client_timeout_ms,
        stale_recheck_secs: new.stale_recheck_secs,
    }
}
