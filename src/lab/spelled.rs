//! How names, questions, ports, response codes and records are spelled in `lab.toml`.

use serde::{Deserialize, Deserializer, de};

use super::master;
use crate::wire::{Name, Question, ResponseCode, RrSet, text};

pub(super) fn name<'de, D: Deserializer<'de>>(from: D) -> Result<Name, D::Error> {
    parse_name(&String::deserialize(from)?).map_err(de::Error::custom)
}

pub(super) fn names<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Name>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    texts.iter().map(|text| parse_name(text).map_err(de::Error::custom)).collect()
}

pub(super) fn question<'de, D: Deserializer<'de>>(from: D) -> Result<Question, D::Error> {
    let asked = String::deserialize(from)?;
    let (name, qtype) = asked
        .split_once(' ')
        .ok_or_else(|| de::Error::custom(format!("`{asked}` is not a name, a space and a type")))?;
    let qtype = text::parse_type(qtype).ok_or_else(|| de::Error::custom(format!("`{qtype}` is not a record type")))?;
    Ok(Question::new(parse_name(name).map_err(de::Error::custom)?, qtype))
}

pub(super) fn port<'de, D: Deserializer<'de>>(from: D) -> Result<u16, D::Error> {
    parse_port("port", i64::deserialize(from)?).map_err(de::Error::custom)
}

pub(super) fn tls_port<'de, D: Deserializer<'de>>(from: D) -> Result<u16, D::Error> {
    parse_port("tls_port", i64::deserialize(from)?).map_err(de::Error::custom)
}

pub(super) fn rcode<'de, D: Deserializer<'de>>(from: D) -> Result<ResponseCode, D::Error> {
    parse_rcode(&String::deserialize(from)?).map_err(de::Error::custom)
}

pub(super) fn rcodes<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<ResponseCode>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    texts.iter().map(|text| parse_rcode(text).map_err(de::Error::custom)).collect()
}

pub(super) fn records<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<RrSet>, D::Error> {
    let lines = Vec::<String>::deserialize(from)?;
    master::sets_of_lines(&lines).map_err(de::Error::custom)
}

fn parse_port(key: &str, number: i64) -> Result<u16, String> {
    u16::try_from(number).map_err(|_| format!("`{key}` is {number}: expected a whole number from 0 to 65535"))
}

fn parse_name(text: &str) -> Result<Name, String> {
    text.parse().map_err(|error| format!("`{text}` is not a domain name: {error}"))
}

/// The response codes that a server of the lab may be told to send, and that a row may expect: the first six of the
/// registry, from NOERROR to REFUSED.
fn parse_rcode(name: &str) -> Result<ResponseCode, String> {
    let known = (0..=5).map(ResponseCode::from_low).find(|rcode| text::rcode_name(*rcode) == name);
    known.ok_or_else(|| {
        format!("`{name}` is not a response code of the lab: NOERROR FORMERR SERVFAIL NXDOMAIN NOTIMP REFUSED")
    })
}
