//! What goes wrong between here and an origin: the word of RFC 9209 §2.3 for programs, and for people a heading and
//! what can be done about it.

use std::fmt;

use axum::http::StatusCode;

use super::hop::{SOFTWARE, quoted};
use crate::wire::ResponseCode;
use crate::wire::text::rcode_name;

/// A fault, by its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The name has no address, or nobody can say which.
    Dns {
        /// What the resolver says.
        rcode: ResponseCode,
        /// The code of its extended error (RFC 8914).
        info_code: Option<u16>,
    },
    /// The resolver could not be asked.
    Unasked,
    /// The resolver has no answer in time.
    Unfound,
    /// The address is not one to connect to.
    Prohibited,
    /// Every address refused, or cannot be reached.
    Refused,
    /// No address answered in time.
    Silent,
    /// The connection was closed without an answer.
    Terminated,
    /// What came is not HTTP.
    NotHttp,
    /// The head of the answer has more octets or fields than are taken.
    LongHead,
    /// There is a connection, and no answer on it in time.
    Unanswered,
    /// The change of protocol failed.
    NoUpgrade,
    /// A port or a scheme that is not gone to.
    Denied,
    /// The request was here before.
    Loop,
}

impl Fault {
    /// What a server did that was reached and did not answer, and that in words.
    pub(super) fn of_server(why: &hyper::Error) -> (Self, &'static str) {
        match (why.is_parse_too_large(), why.is_parse()) {
            (true, _) => (Self::LongHead, "sent an answer whose head is too large"),
            (_, true) => (Self::NotHttp, "sent what is not HTTP"),
            _ => (Self::Terminated, "closed the connection without an answer"),
        }
    }

    /// The error type of RFC 9209 §2.3.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Dns { .. } | Self::Unasked => "dns_error",
            Self::Unfound => "dns_timeout",
            Self::Prohibited => "destination_ip_prohibited",
            Self::Refused => "connection_refused",
            Self::Silent => "connection_timeout",
            Self::Terminated => "connection_terminated",
            Self::NotHttp => "http_protocol_error",
            Self::LongHead => "http_response_header_section_size",
            Self::Unanswered => "http_response_timeout",
            Self::NoUpgrade => "http_upgrade_failed",
            Self::Denied => "http_request_denied",
            Self::Loop => "proxy_loop_detected",
        }
    }

    /// What the client gets.
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::Prohibited | Self::Denied => StatusCode::FORBIDDEN,
            Self::Unfound | Self::Silent | Self::Unanswered => StatusCode::GATEWAY_TIMEOUT,
            Self::Loop => StatusCode::LOOP_DETECTED,
            Self::Unasked => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_GATEWAY,
        }
    }

    /// What happened, in a few words.
    pub(super) const fn heading(self) -> &'static str {
        match self {
            // RFC 8914 §4.16 to §4.19: what a resolver could give and does not.
            Self::Dns { info_code: Some(15..=18), .. } => "The name is blocked here",
            Self::Dns { rcode: ResponseCode::NXDomain, .. } => "There is no such name",
            Self::Dns { rcode: ResponseCode::NoError, .. } => "The name has no address",
            Self::Dns { .. } | Self::Unasked => "The name cannot be resolved",
            Self::Unfound => "The name takes too long to be found",
            Self::Prohibited => "This address is not connected to",
            Self::Refused => "No server takes the connection",
            Self::Silent => "No server answers",
            Self::Terminated => "The server hung up",
            Self::NotHttp => "The server does not speak HTTP",
            Self::LongHead => "The head of the answer is too large",
            Self::Unanswered => "The server does not answer",
            Self::NoUpgrade => "The change of protocol failed",
            Self::Denied => "The proxy does not go there",
            Self::Loop => "The request goes in a circle",
        }
    }

    /// What whoever asked can do.
    pub(super) const fn advice(self) -> &'static str {
        match self {
            Self::Dns { info_code: Some(15..=18), .. } => {
                "The resolver keeps back what the name points to. The walk says by which rule; whoever runs the resolver \
                 can change that."
            }
            Self::Dns { rcode: ResponseCode::NXDomain, .. } => {
                "Look at the spelling of the name. If it is right, its owner has taken it away or not made it yet."
            }
            Self::Dns { rcode: ResponseCode::NoError, .. } => {
                "The name is known, but not as that of a web server. Perhaps it needs www. in front."
            }
            Self::Dns { .. } => {
                "Nothing is wrong with your browser. The walk shows which server failed and how; those who run that \
                 zone can mend it. Try again in a minute in case it was a moment's trouble."
            }
            Self::Unasked => "The resolver has too much to do. Try again in a moment.",
            Self::Unfound => {
                "The servers that know the name are slow or silent; the walk shows which. The search goes on, so try again \
                 in a moment."
            }
            Self::Prohibited => {
                "The proxy keeps away from this machine, its neighbours and whatever else is not on the Internet. \
                 Whoever runs it can list the address in proxy.allow."
            }
            Self::Refused => {
                "The name was found, so look at the port: is it the one that the server listens on? Otherwise its \
                 owner has to start it."
            }
            Self::Silent => "The name was found, but nothing comes back from there. Try again later.",
            Self::Terminated | Self::Unanswered => "The server was reached. Try again; if it stays, ask its owner.",
            Self::NotHttp => "Something else listens at this port. If it is TLS, the address begins with https://.",
            Self::LongHead => "It sends more than 100 fields, or 400 KiB of them, before the page. Ask its owner.",
            Self::NoUpgrade => "Ask whoever runs the server.",
            Self::Denied => {
                "Look at the port. Pages are fetched from 80, 443 and those from 1024 on; for tunnels, whoever runs the \
                 proxy can list others in proxy.connect_ports."
            }
            Self::Loop => "Two proxies pass it to each other; the settings of one of them have to change.",
        }
    }

    /// Proxy-Status (RFC 9209 §2).
    pub(super) fn told(self, details: &str) -> String {
        let details = if details.is_empty() { String::new() } else { format!("; details={}", quoted(details)) };
        format!("{SOFTWARE}; error={self}{details}")
    }
}

/// The error type with its parameters (RFC 9209 §2.3.2).
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        if let Self::Dns { rcode, info_code } = self {
            write!(f, "; rcode={}", quoted(&rcode_name(*rcode)))?;
            info_code.map_or(Ok(()), |code| write!(f, "; info-code={code}"))?;
        }
        Ok(())
    }
}
