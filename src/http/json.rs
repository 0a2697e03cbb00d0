//! `/resolve`: the answer as JSON, in the form that public resolvers use.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::asked::{flag, name, parameters, record_type};
use super::doh::{Dns, keep_for};
use super::problem::Problem;
use super::stream::line;
use crate::listen::Peer;
use crate::wire::text::rdata_text;
use crate::wire::{Edns, Flags, Question, Record, RecordType, Reply};

/// What may stand behind the question mark. What is not listed has no meaning here and is ignored.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    name: String,
    #[serde(rename = "type")]
    qtype: Option<String>,
    #[serde(rename = "do")]
    dnssec_ok: Option<String>,
    cd: Option<String>,
}

#[derive(Serialize)]
struct Said {
    #[serde(rename = "Status")]
    status: u16,
    #[serde(rename = "TC")]
    tc: bool,
    #[serde(rename = "RD")]
    rd: bool,
    #[serde(rename = "RA")]
    ra: bool,
    #[serde(rename = "AD")]
    ad: bool,
    #[serde(rename = "CD")]
    cd: bool,
    #[serde(rename = "Question")]
    question: [SaidQuestion; 1],
    #[serde(rename = "Answer", skip_serializing_if = "Vec::is_empty")]
    answer: Vec<SaidRecord>,
    #[serde(rename = "Authority", skip_serializing_if = "Vec::is_empty")]
    authority: Vec<SaidRecord>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    extended_dns_errors: Vec<SaidError>,
}

#[derive(Serialize)]
struct SaidQuestion {
    name: String,
    #[serde(rename = "type")]
    qtype: u16,
}

#[derive(Serialize)]
struct SaidRecord {
    name: String,
    #[serde(rename = "type")]
    rtype: u16,
    #[serde(rename = "TTL")]
    ttl_secs: u32,
    data: String,
}

#[derive(Serialize)]
struct SaidError {
    info_code: u16,
    extra_text: String,
}

/// `GET /resolve?name=…`.
pub(super) async fn resolve(
    State(dns): State<Dns>,
    Extension(peer): Extension<Peer>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let asked = parameters(asked)?;
    let question = Question::new(name(&asked.name)?, asked.qtype.as_deref().map_or(Ok(RecordType::A), record_type)?);
    let dnssec_ok = flag("do", asked.dnssec_ok.as_deref())?;
    // RFC 6840 §5.7: AD in a query asks for AD in the answer, without signatures.
    let flags = Flags::default().with_ad(true).with_cd(flag("cd", asked.cd.as_deref())?);
    let answer = dns.ask(&question, flags, dnssec_ok, peer).await?;
    let unreadable = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the answer cannot be read");
    let reply = Reply::read(&answer).map_err(unreadable)?;
    let body = line(&said(&question, &reply));
    let (json, nosniff) = (HeaderValue::from_static("application/json"), HeaderValue::from_static("nosniff"));
    let fixed = [(CONTENT_TYPE, json), (CACHE_CONTROL, keep_for(&answer)), (X_CONTENT_TYPE_OPTIONS, nosniff)];
    Ok((fixed, body).into_response())
}

fn said(question: &Question, reply: &Reply) -> Said {
    let record = |record: &Record| SaidRecord {
        name: record.owner.to_string(),
        rtype: record.rtype.into(),
        ttl_secs: record.ttl_secs,
        data: rdata_text(record.rtype, &record.rdata).to_string(),
    };
    let flags = reply.flags;
    Said {
        status: reply.rcode.into(),
        tc: flags.tc(),
        rd: flags.rd(),
        ra: flags.ra(),
        ad: flags.ad(),
        cd: flags.cd(),
        question: [SaidQuestion { name: question.name.to_string(), qtype: question.qtype.into() }],
        answer: reply.answer.iter().map(record).collect(),
        authority: reply.authority.iter().map(record).collect(),
        extended_dns_errors: (reply.edns.iter().flat_map(Edns::edes))
            .map(|ede| SaidError { info_code: ede.code, extra_text: ede.text.as_ref().to_owned() })
            .collect(),
    }
}
