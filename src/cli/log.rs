//! The log: to standard error, at the level and in the form of the settings.

mod queue;

use std::io::{IsTerminal, stderr};
use std::os::unix::fs::MetadataExt as _;

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Log, LogFormat};
pub(super) use queue::Queue;

/// Begins to log, for a command that ends when it has done one thing and may wait for whoever reads. Names from the
/// network are escaped by whoever writes them, control characters by the writer.
pub(super) fn begin(log: &Log) {
    write_to(log, BoxMakeWriter::new(stderr));
}

/// Begins to log, for a command that serves: it does not wait for whoever reads. The queue is that of the lines on
/// their way.
pub(super) fn begin_to_serve(log: &Log) -> Queue {
    let queue = Queue::default();
    let opened = queue.clone().open();
    match &opened {
        Ok(()) => write_to(log, BoxMakeWriter::new(queue.clone())),
        Err(_) => begin(log),
    }
    if let Err(error) = opened {
        tracing::warn!("whoever waits for the log is waited for: {error}");
    }
    queue
}

fn write_to(log: &Log, writer: BoxMakeWriter) {
    // When nobody reads the log any more, saying so there would be the end of whoever says it.
    let subscriber = tracing_subscriber::fmt().log_internal_errors(false);
    let subscriber = subscriber.with_max_level(log.level).with_writer(writer).with_target(false);
    // What libraries say below a warning is for those who work on them: a frame of HTTP/2, a socket that is watched.
    let ours = Targets::new().with_default(log.level.min(Level::WARN)).with_target(env!("CARGO_CRATE_NAME"), log.level);
    // A second subscriber is only refused where a test has set one already.
    let _ = match log.format {
        LogFormat::Text if is_journal() => subscriber.with_ansi(false).without_time().finish().with(ours).try_init(),
        LogFormat::Text => subscriber.with_ansi(colours(&stderr())).finish().with(ours).try_init(),
        LogFormat::Json => subscriber.json().finish().with(ours).try_init(),
    };
}

/// Whether to write colours there: only to a terminal, and only where <https://no-color.org> allows it.
pub(super) fn colours(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Whether the journal reads the log; it notes the time of each line itself (systemd.exec(5), `JOURNAL_STREAM`).
fn is_journal() -> bool {
    let ours = std::fs::metadata("/proc/self/fd/2").map(|stream| format!("{}:{}", stream.dev(), stream.ino()));
    ours.is_ok_and(|ours| std::env::var("JOURNAL_STREAM").is_ok_and(|named| named == ours))
}
