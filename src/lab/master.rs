//! Reads master files (RFC 1035 §5) with the parser of the `domain` crate, and checks that they make a zone.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use domain::base::Name as Owner;
use domain::base::iana::Class;
use domain::base::name::FlattenInto;
use domain::zonefile::inplace::{Entry, ScannedRecord, Zonefile};

use super::LabError;
use super::files::Files;
use crate::wire::text::{bare, is_whole, odd_quote, parse_record, plain, type_name};
use crate::wire::{Name, Octets, Part, Record, RecordType, RrSet, layout};

/// How deep `$INCLUDE` may nest; answers the file that includes itself.
const MAX_INCLUDES: usize = 8;

/// On these the parser would panic, so they are looked for before.
const UNCLOSED: &str = "expected a `)`: this `(` is never closed";
const GLUED: &str = "expected a blank between the directive and this `\"`";

/// An owner name as the parser and the signer know it.
pub(super) type ZoneOwner = Owner<Bytes>;

/// A place in a master file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    file: String,
    line: usize,
    column: usize,
    /// Lines that stand before those of the file.
    added: usize,
}

impl Place {
    fn error(&self, text: &str, what: String) -> LabError {
        let shown = text.lines().nth(self.line.saturating_sub(1)).unwrap_or_default().trim_end().to_owned();
        LabError::Place { file: self.file.clone(), line: self.line - self.added, column: self.column, what, shown }
    }
}

/// The records of a zone, in the order of the file.
pub(super) fn read_zone(files: &Files, path: &str, apex: &Name) -> Result<Vec<Record>, LabError> {
    let origin = owner_of(apex)?;
    let mut reading = Reading { files, apex, records: Vec::new(), seen: BTreeMap::new() };
    reading.file(path, &origin, "", 0)?;
    let has = |rtype| reading.seen.get(apex).is_some_and(|types: &Vec<RecordType>| types.contains(&rtype));
    for (rtype, name) in [(RecordType::SOA, "a SOA"), (RecordType::NS, "an NS")] {
        if !has(rtype) {
            let what = format!("the zone {apex} needs {name} record at {apex}");
            return Err(LabError::Mismatch { file: files.display(path), what });
        }
    }
    Ok(reading.records)
}

/// The records of a finished zone, those of DNSSEC among them, as they stand in `text`; `name` is how it is called in
/// messages.
///
/// # Errors
/// The first mistake, with its place.
pub fn read_records(name: &str, text: &str, apex: &Name) -> Result<Vec<Record>, LabError> {
    let mut records = Vec::new();
    let whole = Text { file: name.to_owned(), text: text.to_owned(), added: 0 };
    whole.each_entry(&owner_of(apex)?, |entry, zonefile, wrong| {
        let Entry::Record(record) = entry else { return Err(wrong("no file can be included here".to_owned())) };
        let record = ours(record, zonefile).filter(is_whole);
        let out_of_bounds = || wrong("a name or the data of this record is out of bounds".to_owned());
        records.push(record.ok_or_else(out_of_bounds)?);
        Ok(())
    })?;
    Ok(records)
}

/// Record sets of single lines, each as [`parse_record`] takes it; `lab.toml` has such.
pub(super) fn sets_of_lines(lines: &[String]) -> Result<Vec<RrSet>, String> {
    let read = |line: &String| parse_record(line).map_err(|why| format!("`{line}`: {why}"));
    let records: Vec<Record> = lines.iter().map(read).collect::<Result<_, _>>()?;
    Ok(sets(&records))
}

/// Groups records by owner and type.
pub(super) fn sets(records: &[Record]) -> Vec<RrSet> {
    let mut groups: BTreeMap<(&Name, u16), Vec<&Record>> = BTreeMap::new();
    for record in records {
        groups.entry((&record.owner, record.rtype.into())).or_default().push(record);
    }
    let set = |((owner, _), members): ((&Name, u16), Vec<&Record>)| {
        let ttl_secs = members.iter().map(|record| record.ttl_secs).min().unwrap_or_default();
        // RFC 2181 §5: a set has no two records that are the same.
        let mut seen = BTreeSet::new();
        let rdatas = members.iter().map(|record| &*record.rdata).filter(|rdata| seen.insert(*rdata));
        RrSet::new(owner.clone(), members[0].rtype, ttl_secs, rdatas)
    };
    groups.into_iter().map(set).collect()
}

/// A record in our own form; `None` when a name in it is out of bounds.
fn ours(record: ScannedRecord, zonefile: &Zonefile) -> Option<Record> {
    let mut record = plain(&record.flatten_into())?;
    if record.rdata.windows(2).any(|label| label == b"\x01@") {
        let origin = zonefile.origin().ok().and_then(|origin| Name::from_wire(origin.as_slice()).ok())?;
        record.rdata = with_origin(record.rtype, &record.rdata, &origin).unwrap_or(record.rdata);
    }
    Some(record)
}

/// RFC 1035 §5.1: a free standing `@` is the origin. In the data of a record the parser takes it for a label.
fn with_origin(rtype: RecordType, rdata: &[u8], origin: &Name) -> Option<Octets> {
    let taken = origin.prepend(b"@").ok()?;
    let (mut rest, mut data) = (rdata, Vec::new());
    for part in layout(rtype) {
        let len = match part {
            Part::Name => {
                let (name, behind) = Name::split_first(rest)?;
                data.extend_from_slice(if name == taken { origin.wire() } else { name.wire() });
                rest = behind;
                continue;
            }
            Part::Octets(count) => *count,
            Part::Text => 1 + usize::from(*rest.first()?),
            Part::Rest => rest.len(),
        };
        let (octets, behind) = rest.split_at_checked(len)?;
        data.extend_from_slice(octets);
        rest = behind;
    }
    // Data that is damaged stays as it is, and is found out.
    rest.is_empty().then(|| data.into())
}

/// The text of a master file.
struct Text {
    /// How the file is called in messages.
    file: String,
    text: String,
    /// Lines that stand before those of the file.
    added: usize,
}

impl Text {
    /// Hands the records and the `$INCLUDE` directives to `take`, one after the other, with what makes an error at the
    /// place of each.
    fn each_entry(
        &self,
        origin: &ZoneOwner,
        mut take: impl FnMut(Entry, &Zonefile, &dyn Fn(String) -> LabError) -> Result<(), LabError>,
    ) -> Result<(), LabError> {
        let Self { file, text, added } = self;
        if let Some(((line, column), what)) = unreadable(text) {
            return Err(Place { file: file.clone(), line, column, added: *added }.error(text, what.to_owned()));
        }
        let mut zonefile = Zonefile::from(&**text);
        zonefile.set_origin(origin.clone());
        zonefile.set_default_class(Class::IN);
        loop {
            let begin = zonefile.current_offset();
            let entry = zonefile.next_entry();
            let place = || Place { added: *added, ..place_after(file, text, begin) };
            match entry {
                Ok(None) => return Ok(()),
                Ok(Some(entry)) => take(entry, &zonefile, &|what| place().error(text, what))?,
                Err(error) => return Err(explain(file, text, &error.to_string(), &place())),
            }
        }
    }
}

/// A name in that form.
pub(super) fn owner_of(name: &Name) -> Result<ZoneOwner, LabError> {
    let owner = Owner::from_octets(Bytes::copy_from_slice(name.wire()));
    owner.map_err(|_| LabError::Name { name: name.clone() })
}

struct Reading<'a> {
    files: &'a Files,
    apex: &'a Name,
    records: Vec<Record>,
    /// The types at each owner, to find what may not stand together.
    seen: BTreeMap<Name, Vec<RecordType>>,
}

impl Reading<'_> {
    /// Reads a file; `ttl` is the `$TTL` line in force, with its line break, or empty.
    fn file(&mut self, path: &str, origin: &ZoneOwner, ttl: &str, depth: usize) -> Result<(), LabError> {
        let read = self.files.read(path)?;
        // Some editors begin a text with a mark of its encoding.
        let text = format!("{ttl}{}\n", read.strip_prefix('\u{feff}').unwrap_or(&read));
        let text = Text { file: self.files.display(path), text, added: ttl.lines().count() };
        text.each_entry(origin, |entry, zonefile, wrong| match entry {
            Entry::Record(record) => self.record(ours(record, zonefile)).map_err(wrong),
            Entry::Include { .. } if depth == MAX_INCLUDES => {
                Err(wrong(format!("$INCLUDE is nested more than {MAX_INCLUDES} deep")))
            }
            Entry::Include { path, origin: own } => {
                let ttl = last_ttl_line(text.text.get(..zonefile.current_offset()).unwrap_or(&text.text));
                // RFC 1035 §5.1: without an origin of its own the file begins with the one in force.
                let origin = own.or_else(|| zonefile.origin().ok()).unwrap_or_else(|| origin.clone());
                self.file(&path, &origin, &ttl, depth + 1).map_err(|error| match error {
                    inner @ LabError::Place { .. } => inner,
                    unreadable => wrong(unreadable.to_string()),
                })
            }
        })
    }

    fn record(&mut self, record: Option<Record>) -> Result<(), String> {
        let record = record.ok_or("expected a domain name: two dots in a row, or too long")?;
        let (rtype, owner, shown) = (record.rtype, &record.owner, type_name(record.rtype));
        if !is_whole(&record) {
            return Err(format!("expected {shown} data; is there a name with two dots in a row?"));
        }
        if !owner.is_within(self.apex) {
            return Err(format!("{owner} does not lie in the zone {}", self.apex));
        }
        if matches!(rtype, RecordType::RRSIG | RecordType::NSEC | RecordType::NSEC3 | RecordType::NSEC3PARAM) {
            return Err(format!("{shown} records are made when the zone is signed; leave them out"));
        }
        let types = self.seen.entry(owner.clone()).or_default();
        let is_apex = owner == self.apex;
        match rtype {
            RecordType::SOA if !is_apex => return Err(format!("a SOA record belongs to {}, nowhere else", self.apex)),
            RecordType::SOA if types.contains(&rtype) => return Err("the zone has a second SOA record".to_owned()),
            // RFC 1034 §3.6.2: nothing stands beside a CNAME. RFC 2181 §10.1: nor another CNAME.
            RecordType::CNAME if !types.is_empty() => {
                return Err(format!("a CNAME stands alone, but {owner} has {} too", type_name(types[0])));
            }
            _ if types.contains(&RecordType::CNAME) => {
                return Err(format!("a CNAME stands alone, but {owner} has {shown} too"));
            }
            _ => {}
        }
        types.push(rtype);
        self.records.push(record);
        Ok(())
    }
}

/// The `$TTL` line that is in force at the end of `text`: included files are read as if they stood there.
fn last_ttl_line(text: &str) -> String {
    let last = text.lines().rfind(|line| line.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("$TTL")));
    last.map(|line| format!("{line}\n")).unwrap_or_default()
}

/// The place of the first entry that begins at or after the octet `from`: empty lines, comments, `$TTL` and `$ORIGIN`
/// are skipped, as the parser does.
fn place_after(file: &str, text: &str, from: usize) -> Place {
    // An offset that the parser gives lies behind the end of an entry's line, or at most on it.
    let skipped = text.get(..from).unwrap_or(text);
    let mut line = skipped.matches('\n').count() + 1;
    let rest = text.get(from..).unwrap_or_default();
    for candidate in rest.lines() {
        let bare = candidate.trim();
        let is_directive = ["$TTL", "$ORIGIN"]
            .iter()
            .any(|word| bare.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word)));
        if !bare.is_empty() && !bare.starts_with(';') && !is_directive {
            break;
        }
        line += 1;
    }
    Place { file: file.to_owned(), line, column: 1, added: 0 }
}

/// Turns the parser's `line:column: message` into an error of ours that says what was expected.
fn explain(file: &str, text: &str, message: &str, entry: &Place) -> LabError {
    let mut parts = message.splitn(3, ':');
    let mut number = || parts.next().and_then(|part| part.trim().parse::<usize>().ok());
    let place = match (number(), number()) {
        (Some(line), Some(column)) => end_of_record(text, entry, line, column),
        _ => entry.clone(),
    };
    let said = parts.next().unwrap_or(message).trim();
    let expected = match said.split(':').next().unwrap_or(said) {
        "expected rtype" => "expected a record type (A, NS, TXT, …, or TYPEnnn), or a TTL in seconds before it",
        "expected decimal number" => "expected a number in decimal digits; times are in seconds, without a unit",
        "missing last owner" => "expected an owner name: the first record of a file cannot begin with a blank",
        "missing origin" => "expected an absolute name: there is no $ORIGIN to complete it",
        "unbalanced parens" => "expected as many `)` as `(`",
        "unexpected end of entry" => "expected more fields before the end of the record",
        "trailing tokens" => "expected the end of the record here",
        "unknown control" => "expected $ORIGIN, $TTL or $INCLUDE",
        "different class" => "expected class IN",
        "bad name" => "expected a domain name (labels of at most 63 octets, 255 in all)",
        "bad charstr" => "expected a string of at most 255 octets",
        "bad symbol" if said.ends_with("escape sequence") => {
            "expected one character behind `\\`, or three digits up to 255"
        }
        "bad symbol" => "expected printable ASCII here; is every quote closed?",
        _ => "",
    };
    let what = if expected.is_empty() { said.to_owned() } else { format!("{expected} ({said})") };
    Place { file: file.to_owned(), ..place }.error(text, what)
}

/// The parser reads a line's last field together with the line break, and then counts from the next line. The fault
/// lies in that last field.
fn end_of_record(text: &str, entry: &Place, line: usize, column: usize) -> Place {
    let before = text.lines().nth(line.wrapping_sub(2)).filter(|_| column <= 1 && line > entry.line);
    let Some(before) = before else { return Place { line, column, ..entry.clone() } };
    let field = before.trim_end().rfind([' ', '\t']).map_or(0, |blank| blank + 1);
    Place { line: line - 1, column: before[..field].chars().count() + 1, ..entry.clone() }
}

/// Line and column of what the parser would panic at, and what is wrong there.
fn unreadable(text: &str) -> Option<((usize, usize), &'static str)> {
    let odd = |(nth, line)| odd_quote(line).map(|(column, what)| ((nth + 1, column), what));
    let closed = unclosed(text).map(|place| (place, UNCLOSED));
    closed.or_else(|| glued(text).map(|place| (place, GLUED))).or_else(|| text.lines().enumerate().find_map(odd))
}

/// Line and column of the first `"` that follows a directive without a blank (RFC 1035 §5.1: `$INCLUDE<blank>`): the
/// parser panics at it.
fn glued(text: &str) -> Option<(usize, usize)> {
    let mut directives = text.lines().enumerate().filter(|(_, line)| line.starts_with('$'));
    directives.find_map(|(nth, line)| {
        let stop = line.chars().position(|symbol| symbol == '"' || symbol.is_whitespace())?;
        (line.chars().nth(stop) == Some('"')).then_some((nth + 1, stop + 1))
    })
}

/// Line and column of the last `(` that has no `)`, comments and quoted strings left aside.
fn unclosed(text: &str) -> Option<(usize, usize)> {
    let mut open = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        for (column, symbol) in bare(text) {
            match symbol {
                '(' => open.push((line, column)),
                ')' => drop(open.pop()),
                _ => {}
            }
        }
    }
    open.pop()
}
