//! The table of `rootwalk lab --list`, made from the data.

use std::fmt::Write;

use super::{Lab, Needs, Visit};
use crate::wire::{ResponseCode, text};

/// Healthy names first, then the zoo, then the web; the zones where there is none of that.
pub(super) fn table(lab: &Lab) -> String {
    let mut table = String::new();
    let asks: Vec<String> = lab.healthy.iter().map(|sample| sample.ask.to_string()).collect();
    let width = asks.iter().map(String::len).max().unwrap_or_default();
    match (asks.is_empty(), lab.zoo.is_empty()) {
        (false, _) => table.push_str("Healthy names:\n\n"),
        (true, true) => {
            table.push_str("The zones (`healthy` and `zoo` in lab.toml say what there is to ask):\n\n");
            for zone in lab.zones() {
                let _ = writeln!(table, "  {zone}");
            }
        }
        (true, false) => {}
    }
    for (sample, ask) in lab.healthy.iter().zip(&asks) {
        let _ = writeln!(table, "  {ask:width$}  {}", sample.what);
    }
    if !lab.zoo.is_empty() {
        table.push_str("\nThe zoo: what to ask, what is wrong, what a client must see, what the trace must name.\n\n");
    }
    for row in &lab.zoo {
        let needs = if row.needs == Needs::Validation { " [DNSSEC]" } else { "" };
        let _ = writeln!(table, "  {:<13}  {}{needs}\n      {}", row.name, row.what, row.ask);
        let names = if row.trace.is_empty() { String::new() } else { format!("; trace: {}", row.trace) };
        let _ = writeln!(table, "      {}{names}", expected(&row.rcodes, &row.ede, row.ad));
    }
    if let Some(web) = &lab.web {
        table.push_str("\nThe web: what to fetch, what is there, what comes of it.\n\n");
        for Visit { name, url, what, status, fails } in &web.row {
            let comes = match (status, fails) {
                (Some(status), _) => status.to_string(),
                (None, fails) => format!("no answer: {}", fails.as_deref().unwrap_or("it fails")),
            };
            let _ = writeln!(table, "  {name:<13}  {what}\n      {url}\n      {comes}");
        }
    }
    table
}

/// What a client must see, in short: any of these response codes, all of these extended errors, and whether it is
/// proved.
#[must_use]
pub fn expected(rcodes: &[ResponseCode], edes: &[u16], ad: bool) -> String {
    let rcodes: Vec<_> = rcodes.iter().map(|rcode| text::rcode_name(*rcode)).collect();
    let edes = edes.iter().map(|code| format!("EDE {code}"));
    let proved = ad.then(|| "proved".to_owned());
    [rcodes.join(" or ")].into_iter().chain(edes).chain(proved).collect::<Vec<_>>().join(", ")
}
