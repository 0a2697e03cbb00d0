//! `rootwalk flush`: a resolver that runs forgets what it knows of a name.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;
use url::Url;

use super::{failed, print};
use crate::http::{is_url, typed, url};
use crate::run;
use crate::wire::Name;

/// What may be typed after `flush`.
#[derive(Debug, Args)]
pub(super) struct Flush {
    /// The name of which everything is forgotten: answers, denials, failures, its delegation.
    #[arg(value_parser = name)]
    name: Name,
    /// Forget all names below it as well; a dot for the name empties the cache.
    #[arg(long)]
    tree: bool,
    /// Where the resolver listens for HTTP. Only those on its own machine are let in, unless its
    /// `http.flush_allow` lists others.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8053", value_parser = server)]
    server: Url,
}

fn name(text: &str) -> Result<Name, String> {
    // Else it would be a name of which nothing is known, and said to be forgotten.
    if is_url(text) {
        return Err("this is a URL: expected the name in it".to_owned());
    }
    typed(text).map_err(|why| why.to_string())
}

fn server(text: &str) -> Result<Url, String> {
    let url = url(text)?;
    // It is on this machine, where nobody listens on the way.
    if url.scheme() != "http" {
        return Err("expected where it listens for HTTP without TLS, such as http://127.0.0.1:8053".to_owned());
    }
    Ok(url)
}

impl Flush {
    pub(super) fn run(self) -> ExitCode {
        let Self { name, tree, server } = self;
        if let Err(error) = run::flush(&server, &name, tree) {
            return failed(&error);
        }
        let what = if tree { format!("{name} and all names below it") } else { name.to_string() };
        print(ExitCode::SUCCESS, |out| {
            writeln!(out, "flushed {what}: the next who asks gets what the servers say then")
        })
    }
}
