//! `rootwalk serve`: answer clients until told to stop.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;

use super::{Configuration, log, not_run, wrong_configuration};
use crate::config::Settings;
use crate::run;
use crate::sys;

/// What may be typed after `serve`.
#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    configuration: Configuration,
    /// Listen here, over UDP and TCP, instead of where the configuration says; may be given several times.
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = super::address)]
    listen: Vec<SocketAddr>,
}

impl Serve {
    pub(super) fn run(self) -> ExitCode {
        let load = || self.configuration.load(Settings::default(), &self.listen);
        let settings = match load() {
            Ok(settings) => settings,
            Err(error) => return wrong_configuration(&error),
        };
        sys::make_room_for_files();
        let log = log::begin_to_serve(&settings.log);
        let ready = |listening: &run::Listening<'_>| {
            for address in listening.dns {
                tracing::info!("listening on {address}, UDP and TCP");
            }
            for address in listening.tls {
                tracing::info!("listening on {address}, TLS");
            }
            for address in listening.http {
                tracing::info!("listening on http://{address}/");
            }
            for address in listening.https {
                tracing::info!("listening on https://{address}/");
            }
            tracing::info!("ready");
        };
        let served = run::serve(&settings, load, ready);
        log.settle();
        match served {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => not_run(&error),
        }
    }
}
