//! The settings of the HTTP front door, as it takes them.

use std::time::Duration;

use crate::config::{Balance, Settings};
use crate::http::{HttpSettings, Policy, ProxySettings};

/// How HTTP is served.
pub(super) fn settings(settings: &Settings) -> HttpSettings {
    let http = &settings.http;
    HttpSettings {
        addresses: http.listen.clone(),
        hosts: http.hosts.clone(),
        connections: http.connections,
        connections_per_client: http.connections_per_client,
        idle: Duration::from_secs(http.idle_secs),
        waiting: http.waiting,
        traces: http.traces,
        past_allow: http.past_allow.clone(),
        proxy: proxy_settings(settings),
        ..HttpSettings::default()
    }
}

fn proxy_settings(settings: &Settings) -> ProxySettings {
    let proxy = &settings.proxy;
    ProxySettings {
        on: proxy.on,
        allow: proxy.allow.clone(),
        connect_ports: proxy.connect_ports.clone(),
        connect: Duration::from_secs(proxy.connect_secs),
        answer: Duration::from_secs(proxy.answer_secs),
        tunnel_idle: Duration::from_secs(proxy.tunnel_idle_secs),
        tunnels: proxy.tunnels,
        pooled: proxy.pooled,
        balance: policy(proxy.balance),
        balance_hosts: settings.balance.iter().map(|given| (given.host.clone(), policy(given.policy))).collect(),
    }
}

fn policy(balance: Balance) -> Policy {
    match balance {
        Balance::RoundRobin => Policy::RoundRobin,
        Balance::LeastConnections => Policy::LeastConnections,
        Balance::LeastTime => Policy::LeastTime,
        Balance::HashUrl => Policy::HashUrl,
        Balance::HashClient => Policy::HashClient,
        Balance::TwoChoices => Policy::TwoChoices,
    }
}
