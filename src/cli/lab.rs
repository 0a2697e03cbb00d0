//! `rootwalk lab`: an Internet in one process, and a resolver in it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io, thread};

use clap::Args;

use super::{Configuration, failed, log, not_run, print, wrong_configuration};
use crate::lab::web::Ports;
use crate::lab::{Lab, LabError, TrustAnchor, ZooEntry};
use crate::run::{self, WebPorts};
use crate::sys;
use crate::wire::text::{record_text, type_name};
use crate::wire::{Name, Question, RecordType, ResponseCode};

/// What may be typed after `lab`.
#[derive(Debug, Args)]
pub(super) struct Stage {
    /// Print what is in the lab, what is wrong with it and what to expect, and end.
    #[arg(long)]
    list: bool,
    /// Use the lab of this folder (a lab.toml with zone files) instead of the one that is compiled in.
    #[arg(long, value_name = "DIR")]
    zones: Option<PathBuf>,
    /// Write the trust anchor of the lab's root to this file, as DS and DNSKEY records (unbound); a name that
    /// ends in `.keys` gets the form of BIND's bind.keys (delv, named).
    #[arg(long, value_name = "FILE")]
    trust_anchor_out: Option<PathBuf>,
    /// Let the resolver listen here, over UDP and TCP [default: 127.0.0.1:5300]; may be given several times.
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = super::address)]
    listen: Vec<SocketAddr>,
    /// The port of all authoritative servers; 0 takes a free one [default: the port of lab.toml, 10053].
    #[arg(long, value_name = "PORT")]
    authority_port: Option<u16>,
    /// The port of all web origins for HTTP; 0 takes a free one [default: the port of lab.toml, 10080, or a free one if
    /// that is taken].
    #[arg(long, value_name = "PORT")]
    web_port: Option<u16>,
    /// The port of all web origins for HTTP over TLS, as above [default: 10443].
    #[arg(long, value_name = "PORT")]
    web_tls_port: Option<u16>,
    /// No web origins.
    #[arg(long, conflicts_with_all = ["web_port", "web_tls_port", "ca_out"])]
    no_web: bool,
    /// Write the certificate of the authority that vouches for the web origins to this file, in PEM. Its key is made
    /// anew at each start and is never written.
    #[arg(long, value_name = "FILE")]
    ca_out: Option<PathBuf>,
    #[command(flatten)]
    configuration: Configuration,
}

/// Loads the lab of a folder, or the one that is compiled in.
pub(super) fn load(zones: Option<&Path>) -> Result<Lab, LabError> {
    let now = run::unix_secs();
    let Some(folder) = zones else { return Lab::embedded(now) };
    let lab = Lab::load(folder, now)?;
    if lab.root_hints().is_empty() {
        let what = "no server has the zone `.`, where every walk begins".to_owned();
        return Err(LabError::Mismatch { file: folder.join("lab.toml").display().to_string(), what });
    }
    Ok(lab)
}

impl Stage {
    pub(super) fn run(self) -> ExitCode {
        let lab = match load(self.zones.as_deref()) {
            Ok(lab) => lab,
            Err(error) => return wrong_configuration(&error),
        };
        if self.list {
            return print(ExitCode::SUCCESS, |out| write!(out, "{}", lab.list_table()));
        }
        let load = |lab: &Lab| self.configuration.load(run::lab_settings(lab), &self.listen);
        let settings = match load(&lab) {
            Ok(settings) => settings,
            Err(error) => return wrong_configuration(&error),
        };
        sys::make_room_for_files();
        let log = log::begin_to_serve(&settings.log);
        if let Some(path) = &self.trust_anchor_out
            && let Err(error) = write_anchor(path, lab.trust_anchor())
        {
            return failed(&format!("cannot write the trust anchor to {}: {error}", path.display()));
        }
        let stage = run::Stage {
            authority_port: self.authority_port.unwrap_or(settings.resolver.upstream_port),
            web: self.web_ports(&lab),
            ca_out: self.ca_out.clone(),
        };
        let examples = Examples::of(&lab, self.zones.as_deref());
        // Scripts wait for the one line on standard output; people read the rest on standard error.
        let ready = |listening: &run::Listening<'_>| {
            log.say(&welcome(listening, &examples, stage.ca_out.as_deref()));
            log.settle();
            // Nobody may be reading it; the lab, whose servers are on this thread, goes on.
            let _ = thread::Builder::new().spawn(|| writeln!(io::stdout(), "ready"));
        };
        let served = run::lab(&lab, &stage, &settings, load, ready);
        log.settle();
        match served {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => not_run(&error),
        }
    }

    /// Where the web origins are to listen.
    fn web_ports(&self, lab: &Lab) -> WebPorts {
        match (self.no_web, lab.web()) {
            (true, _) | (_, None) => WebPorts::Off,
            _ if self.web_port.is_none() && self.web_tls_port.is_none() => WebPorts::Usual,
            (_, Some(web)) => WebPorts::At(Ports {
                http: self.web_port.unwrap_or(web.port),
                https: self.web_tls_port.unwrap_or(web.tls_port),
            }),
        }
    }
}

/// Names of a lab to begin with.
struct Examples {
    /// What can be looked up, with the type where it is not A.
    good: Vec<String>,
    /// A name whose answer cannot be had.
    failing: Option<String>,
    /// Whether it is the lab that is compiled in, whose web origins are known here.
    ours: bool,
    /// How a trace finds it.
    flag: String,
}

impl Examples {
    fn of(lab: &Lab, zones: Option<&Path>) -> Self {
        let plain = |name: &Name| match name.to_string() {
            root if root == "." => root,
            name => name.trim_end_matches('.').to_owned(),
        };
        let typed = |ask: &Question| match ask.qtype {
            RecordType::A => plain(&ask.name),
            qtype => format!("{} {}", plain(&ask.name), type_name(qtype)),
        };
        let deepest = || lab.zones().into_iter().max_by_key(Name::label_count);
        let mut good: Vec<String> = lab.healthy().iter().take(2).map(|sample| typed(&sample.ask)).collect();
        if good.is_empty() {
            good.extend(deepest().map(|zone| typed(&Question::new(zone, RecordType::SOA))));
        }
        let fails = |row: &&ZooEntry| row.rcodes == [ResponseCode::ServFail] && row.ask.qtype == RecordType::A;
        let failing = lab.zoo().iter().find(fails).map(|row| plain(&row.ask.name));
        let flag = zones.map_or_else(|| "--lab".to_owned(), |folder| format!("--zones {}", folder.display()));
        Self { good, failing, ours: zones.is_none(), flag }
    }
}

/// An address as dig and kdig take it: one that is link-local with the number of its interface.
fn host(address: &SocketAddr) -> String {
    match address {
        SocketAddr::V6(v6) if v6.scope_id() != 0 => format!("{}%{}", v6.ip(), v6.scope_id()),
        _ => address.ip().to_string(),
    }
}

fn welcome(listening: &run::Listening<'_>, examples: &Examples, ca_out: Option<&Path>) -> String {
    let mut text = String::from("An Internet in one process: root, top-level, healthy and broken servers.\n");
    let Examples { good, failing, ours, flag } = examples;
    for address in listening.dns {
        let (host, port) = (host(address), address.port());
        let _ = writeln!(text, "\nThe resolver listens on {address}. Try:");
        for asked in good {
            let _ = writeln!(text, "  dig @{host} -p {port} {asked} +dnssec");
        }
        if let Some(name) = failing {
            let _ = writeln!(text, "  dig @{host} -p {port} {name:<26}  an answer that cannot be had, and why");
        }
    }
    let first = good.first().map_or(".", String::as_str);
    for address in listening.tls {
        let (host, port) = (host(address), address.port());
        // The name in the lab's own certificate; who brings another one knows what is in that.
        let trusting = ca_out
            .filter(|_| !listening.tls_own)
            .map(|ca| format!(" +tls-ca={} +tls-hostname=resolver.lab", ca.display()));
        let trusting = trusting.unwrap_or_default();
        let _ = writeln!(text, "\nIt answers DNS over TLS on {address} as well. Try:");
        let _ = writeln!(text, "  kdig @{host} -p {port} +tls{trusting} {first}");
    }
    for address in listening.http {
        let walked = failing.as_deref().unwrap_or(first).replacen(' ', "?type=", 1);
        let asked = first.replacen(' ', "&type=", 1);
        let _ = write!(
            text,
            "\nIt answers HTTP on http://{address}/, in a browser with a page that draws each walk. Try:\n  \
             curl 'http://{address}/trace/{walked}'\n  \
             curl 'http://{address}/resolve?name={asked}'\n"
        );
    }
    for address in listening.https {
        let _ = writeln!(text, "\nIt answers HTTP over TLS on https://{address}/ as well.");
    }
    if let (Some(ports), Some(proxy)) = (listening.web, listening.http.first()) {
        let Ports { http, https } = ports;
        let usual = match listening.web_unusual {
            None => "also on 80 and 443".to_owned(),
            Some(why) => format!("not on 80 and 443 ({why})"),
        };
        let _ = write!(text, "\nIts web origins serve HTTP on port {http} and TLS on port {https}, {usual}.");
        if *ours {
            let _ = write!(
                text,
                " Try:\n  curl -x http://{proxy} http://www.example.com:{http}/\n  \
                 curl -x http://{proxy} -i http://www.shop.example.com:{http}/products"
            );
        }
        text.push('\n');
        match ca_out {
            Some(_) if !ours => {}
            Some(ca) => {
                let _ = writeln!(
                    text,
                    "  curl -x http://{proxy} --cacert {} https://www.example.com:{https}/",
                    ca.display()
                );
            }
            None => text += "  rootwalk lab --ca-out FILE                      writes the certificate for their TLS\n",
        }
    }
    let all = if *ours { "lab --list".to_owned() } else { format!("lab {flag} --list") };
    let _ =
        writeln!(text, "\nrootwalk {all} shows what is there; rootwalk trace {first} {flag} tells how it is found.");
    text
}

fn write_anchor(path: &Path, anchor: Option<&TrustAnchor>) -> io::Result<()> {
    let unsigned = || io::Error::other("the root of this lab is not signed");
    let anchor = anchor.ok_or_else(unsigned)?;
    let is_bind = path.extension().is_some_and(|extension| extension == "keys");
    let text = if is_bind { bind_keys(&record_text(&anchor.ds).to_string()) } else { anchor.to_string() };
    fs::write(path, text)
}

/// A DS record in the form of bind.keys: `. 86400 IN DS 1 13 2 ABCD` becomes `. static-ds 1 13 2 "ABCD";`.
fn bind_keys(ds: &str) -> String {
    let fields: Vec<&str> = ds.split_whitespace().collect();
    let [owner, _ttl, _class, _type, tag, algorithm, digest_type, digest @ ..] = fields.as_slice() else {
        return String::new();
    };
    let digest = digest.concat();
    format!("trust-anchors {{\n    {owner} static-ds {tag} {algorithm} {digest_type} \"{digest}\";\n}};\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dig_hears_by_which_interface_a_link_local_address_is_reached() {
        for (address, said) in [("[fe80::1%3]:53", "fe80::1%3"), ("[::1]:53", "::1"), ("127.0.0.1:53", "127.0.0.1")] {
            assert_eq!(host(&address.parse().unwrap()), said);
        }
    }
}
