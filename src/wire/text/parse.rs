//! Reads a record in presentation format.

use bytes::Bytes;
use domain::base::iana::{Class, Rtype};
use domain::base::name::FlattenInto;
use domain::base::rdata::{ComposeRecordData, ParseRecordData};
use domain::base::{Name as Owner, ParsedName, Record as DomainRecord, Ttl};
use domain::dep::octseq::Parser;
use domain::rdata::ZoneRecordData;
use domain::zonefile::inplace::{Entry, Zonefile};

use crate::wire::{DNSClass, Name, Record, RecordType};

/// The TTL of a record that gives none, in seconds.
const TTL_SECS: u32 = 3600;

/// Reads one record of class IN, such as `www.example. 300 IN A 192.0.2.1`; a name without a dot at its end is
/// absolute as well, TTL and class may be left out.
///
/// # Errors
/// What is wrong, in words.
pub fn parse_record(line: &str) -> Result<Record, String> {
    // The parser panics on an open parenthesis, and one line has no use for them.
    if line.contains(['\n', '\r', '\0']) || bare(line).any(|(_, symbol)| matches!(symbol, '(' | ')')) {
        return Err("a record stands on one line, without parentheses".to_owned());
    }
    if let Some((_, what)) = odd_quote(line) {
        return Err(what.to_owned());
    }
    if line.starts_with([' ', '\t', '$', ';']) {
        return Err("a record begins with its name".to_owned());
    }
    let mut zonefile = Zonefile::from(format!("$TTL {TTL_SECS}\n{line}\n").as_str());
    zonefile.set_origin(Owner::root_bytes());
    zonefile.set_default_class(Class::IN);
    let entry = zonefile.next_entry().map_err(|error| reason(&error.to_string()))?;
    let Some(Entry::Record(read)) = entry else { return Err("a record begins with its name".to_owned()) };
    let record = plain(&read.flatten_into()).ok_or("its name is too long")?;
    if !is_whole(&record) {
        return Err("a name in its data is none; are there two dots in a row?".to_owned());
    }
    Ok(record)
}

/// A record as the `domain` crate knows it, with memory of its own.
pub(crate) type ParsedRecord = DomainRecord<Owner<Bytes>, ZoneRecordData<Bytes, Owner<Bytes>>>;

/// The same record in our own form, of class IN; `None` when its name is out of bounds, which the parser rules out.
pub(crate) fn plain(read: &ParsedRecord) -> Option<Record> {
    let mut rdata = Vec::new();
    // Writing to a `Vec` cannot fail.
    let _ = read.data().compose_rdata(&mut rdata);
    Some(Record {
        owner: Name::from_wire(read.owner().as_slice()).ok()?,
        rtype: RecordType::from(read.rtype().to_int()),
        class: DNSClass::IN,
        ttl_secs: read.ttl().as_secs(),
        rdata: rdata.into(),
    })
}

/// The reverse of [`plain`]; `None` for a type that the crate does not know.
pub(crate) fn parsed(record: &Record) -> Option<ParsedRecord> {
    let owner = Owner::from_octets(Bytes::copy_from_slice(record.owner.wire())).ok()?;
    let rdata = Bytes::copy_from_slice(&record.rdata);
    let data = ZoneRecordData::<_, ParsedName<_>>::parse_rdata(
        Rtype::from_int(record.rtype.into()),
        &mut Parser::from_ref(&rdata),
    );
    Some(ParsedRecord::new(owner, Class::IN, Ttl::from_secs(record.ttl_secs), data.ok()??.flatten_into()))
}

/// The column of a quote at which the parser panics, or reads on behind the end of the line, and what is wrong with it.
pub(crate) fn odd_quote(line: &str) -> Option<(usize, &'static str)> {
    const OPEN: &str = "expected another `\"`: this one is not closed on its line";
    const FOLLOWED: &str = "expected a blank behind the `\"` before this";
    let (mut opened, mut closed, mut escaped) = (None, false, false);
    for (column, symbol) in (1..).zip(line.chars()) {
        if closed && !matches!(symbol, ' ' | '\t' | '\r' | ';' | '(' | ')' | '"') {
            return Some((column, FOLLOWED));
        }
        closed = false;
        match symbol {
            _ if escaped => {}
            '"' if opened.is_some() => (opened, closed) = (None, true),
            '"' => opened = Some(column),
            ';' if opened.is_none() => return None,
            _ => {}
        }
        escaped = symbol == '\\' && !escaped;
    }
    opened.map(|column| (column, OPEN))
}

/// The characters of a line that stand outside of quotes and comments and are not escaped, each with its column.
pub(crate) fn bare(line: &str) -> impl Iterator<Item = (usize, char)> {
    let (mut quoted, mut escaped) = (false, false);
    let is_bare = move |(_, symbol): &(usize, char)| {
        let is_escaped = escaped;
        escaped = *symbol == '\\' && !is_escaped;
        quoted ^= *symbol == '"' && !is_escaped;
        !quoted && !is_escaped && *symbol != '"'
    };
    (1..).zip(line.chars()).filter(is_bare).take_while(|(_, symbol)| *symbol != ';')
}

/// Whether the data can be read back: the parser takes `a..b` for a name and makes bytes of it that are none.
pub(crate) fn is_whole(record: &Record) -> bool {
    let mut parser = Parser::from_ref(&*record.rdata);
    let rtype = Rtype::from_int(record.rtype.into());
    let read = ZoneRecordData::<_, ParsedName<_>>::parse_rdata(rtype, &mut parser);
    read.is_ok_and(|data| data.is_some()) && parser.remaining() == 0
}

/// The parser's message without its line and column.
fn reason(message: &str) -> String {
    message.splitn(3, ':').last().unwrap_or(message).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::record_text;
    use super::*;

    #[test]
    fn records_are_read_and_written() {
        for (line, expected) in [
            ("host.lan. 300 IN A 192.0.2.1", "host.lan. 300 IN A 192.0.2.1"),
            ("host.lan AAAA 2001:db8::1", "host.lan. 3600 IN AAAA 2001:db8::1"),
            ("lan 60 MX 10 mail.lan", "lan. 60 IN MX 10 mail.lan."),
            ("a.lan IN CNAME b.example.", "a.lan. 3600 IN CNAME b.example."),
            ("t.lan TXT \"a (b\" c", "t.lan. 3600 IN TXT \"a (b\" \"c\""),
        ] {
            assert_eq!(parse_record(line).map(|record| record_text(&record).to_string()).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn what_is_no_record_is_refused_without_panic() {
        let lines = "|host.lan|host.lan A|host.lan A 192.0.2|host.lan CH A 192.0.2.1|a..lan A 192.0.2.1|\
            a.lan CNAME b..c|a.lan TXT (x|a.lan TXT x)|$ORIGIN x.|$INCLUDE x|; a.lan A 192.0.2.1| a.lan A 192.0.2.1|\
            a.lan TXT \"x|a.lan SOA \"x\"y. z. 1 2 3 4 5|a.lan WHAT x|a.lan A 192.0.2.1 x|a.lan A 192.0.2.1\nb.lan A 192.0.2.1|\
            a.lan A \\# 3 C00002|a.lan CNAME \\# 1 05|a.lan NS \\# 3 017800FF";
        for line in lines.split('|') {
            assert!(parse_record(line).is_err(), "{line:?}: {:?}", parse_record(line));
        }
        for line in ["", "; a.lan A 192.0.2.1", " a.lan A 192.0.2.1", "\ta.lan A 192.0.2.1", "$TTL 5", "$ORIGIN x."] {
            assert_eq!(parse_record(line).unwrap_err(), "a record begins with its name", "{line:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_line_is_read_or_refused(line in "(a\\.b|IN|A|TXT|SOA|[0-9]{1,3}|[\\\\\"(); .$@]|\\PC){0,12}") {
            let _ = parse_record(&line);
        }
    }
}
