// The way to a page as one waterfall: caches, DNS, the race of the addresses, TCP, TLS, HTTP, and the parts of Server-Timing.

import { copyable } from "./result.js";
import { counted, el, mark, octets, place, time } from "./dom.js";
import { Walk } from "./walk.js";

const ENDS = { connected: "connected", refused: "refused", silent: "silent", unreachable: "unreachable", overtaken: "overtaken by another" };
const WHYS = { first: "", silence: "as the one before it was silent", failure: "as the one before it failed" };
const PARTS = { balancer: "load balancer", application: "application", database: "database", cache: "cache", other: "server" };

/** What a look-up without addresses brought: of HTTPS records that is not known before its trace is there. */
const brought = ({ type, trace }) => {
  if (type !== "HTTPS") return "none";
  if (!trace) return "";
  return trace.answer.some((record) => record.split(" ")[3] === "HTTPS") ? "found" : "none";
};

/** One journey on the page. */
export class Journey {
  constructor() {
    this.hops = [];
    this.bars = [];
    this.now = 0;
    this.axis = el("p", { class: "axis falls-axis", "aria-hidden": "true" }, el("span", { text: "0" }), el("span"));
    this.list = el("div", { class: "hops" });
    this.root = el("div", { class: "picture journey" }, this.axis, this.list);
  }

  /** A journey of the past, drawn at once. */
  static of(journey) {
    const drawn = new Journey();
    journey.hops.forEach((hop, nth) => {
      const tell = (kind, value, at_us = 0) => drawn.on(kind, { hop: nth, at_us, [kind]: value });
      drawn.on("hop", { hop: hop.url, at_us: hop.begun_us });
      hop.caches.forEach((cache) => tell("cache", cache));
      hop.lookups.forEach((lookup, at) => {
        tell("lookup", lookup);
        for (const step of lookup.trace?.steps ?? []) tell("step", { lookup: at, step });
        if (lookup.ended_us !== null) tell("found", lookup);
      });
      if (hop.services) tell("services", hop.services);
      hop.race?.attempts.forEach((attempt) => tell("attempt", attempt));
      for (const kind of ["tls", "request", "response"]) if (hop[kind]) tell(kind, hop[kind]);
      if (hop.response?.body) tell("body", hop.response.body);
      if (hop.response) tell("trailer", hop.response.server_timing.filter((timing) => timing.in_trailer));
      if (hop.end) tell("end", hop.end, hop.begun_us + hop.time_us);
    });
    drawn.finish(journey);
    return drawn;
  }

  /** Draws one event. */
  on(kind, data) {
    this.now = Math.max(this.now, data.at_us ?? 0);
    const draw = this[`on_${kind}`];
    if (draw) draw.call(this, data[kind] ?? data, this.hops[data.hop], data);
    this.measure();
  }

  on_hop(url) {
    const rows = el("ol", { class: "falls" });
    const caches = el("p", { class: "note cache", hidden: true });
    const end = el("p", { class: "note hop-end" });
    this.hops.push({ rows, caches, end, looked: [], lookups: [], attempts: new Map() });
    this.list.append(el("section", { class: "hop card" }, el("h3", { class: "mono", text: url }), caches, rows, end));
  }

  on_cache(cache, hop) {
    hop.looked.push(cache);
    hop.caches.hidden = false;
    const found = hop.looked.filter((each) => each.found);
    const names = [...new Set(hop.looked.map((each) => each.cache))].join(", ");
    hop.caches.replaceChildren(mark("cache"), found.length
      ? `known already: ${found.map((each) => `${each.cache} of ${each.key}${each.age_secs === null ? "" : `, ${each.age_secs} s old`}`).join("; ")}`
      : `nothing known yet (${names})`);
  }

  on_lookup(lookup, hop) {
    const walk = new Walk();
    const inside = el("details", { class: "inside" }, el("summary", { text: "the walk" }), walk.root);
    const row = this.row(hop, "DNS", [el("span", { class: "mono", text: lookup.name }), " ", el("span", { class: "type", text: lookup.type })], lookup.begun_us, inside);
    hop.lookups.push({ ...row, walk, name: lookup.name, type: lookup.type });
  }

  on_step({ lookup: at, step }, hop) {
    const lookup = hop?.lookups[at];
    if (!lookup) return;
    lookup.walk.step(step);
    if (step.event === "ended" && step.goal === 0) lookup.end = step;
    if (step.event === "asked") lookup.row.querySelector("summary").textContent = `the walk, ${counted(lookup.walk.asks.size, "query", "queries")}`;
  }

  on_found(found, hop) {
    const row = hop.lookups.find((each) => each.name === found.name && each.type === found.type);
    if (!row) return;
    // While it happens the trace comes later, and its last step has said the same.
    const { rcode, edes } = found.trace ?? row.end ?? { rcode: "NOERROR", edes: [] };
    const none = rcode === "NOERROR" ? brought(found) : edes[0]?.text ?? rcode;
    const failed = !found.addresses.length && !["NOERROR", "NXDOMAIN"].includes(rcode);
    this.close(row, found.ended_us, failed ? "bad" : "good", found.addresses.join(", ") || none);
    if (found.id) row.row.querySelector(".inside").append(el("p", { class: "exports" }, el("a", { href: `/t/${found.id}`, text: "This look-up alone" })));
  }

  on_services(services, hop) {
    const told = services.endpoints?.map((each) => `${each.target}:${each.port} (${each.alpn?.join(", ") || "any protocol"})`).join("; ");
    if (told) hop.rows.append(el("li", { class: "fall plain" }, el("p", { class: "note" }, `HTTPS records name ${told}`)));
  }

  on_attempt(attempt, hop) {
    const key = `${attempt.address} ${attempt.begun_us}`;
    let row = hop.attempts.get(key);
    if (!row) {
      const why = [attempt.found_by === "hint" && "from an address hint", WHYS[attempt.why]].filter(Boolean).join(", ");
      row = this.row(hop, "TCP", [el("span", { class: "mono", text: attempt.address }), why && el("span", { class: "muted", text: ` ${why}` })], attempt.begun_us);
      hop.attempts.set(key, row);
    }
    if (!attempt.end) return;
    const { kind, why } = attempt.end;
    this.close(row, attempt.ended_us ?? this.now, kind === "connected" ? "good" : kind === "overtaken" ? "left" : "bad", ENDS[kind] ?? why ?? kind);
  }

  on_tls(tls, hop) {
    const row = this.row(hop, "TLS", [el("span", { class: "mono", text: tls.server_name ?? "" })], tls.begun_us,
      tls.certificates?.length > 0 && el("details", { class: "inside" }, el("summary", { text: counted(tls.certificates.length, "certificate", "certificates") }),
        el("ul", {}, ...tls.certificates.map((each) => el("li", { class: "note" }, `${each.subject}: for ${each.names.join(", ") || "no name"}, by ${each.issuer}, until ${each.not_after}, ${each.key}`)))));
    const bad = tls.ended_us === null || tls.problems?.length > 0;
    this.close(row, tls.ended_us ?? this.now, bad ? "bad" : "good", bad ? tls.problems.join("; ") || "no agreement" : [tls.version, tls.alpn, tls.cipher].filter(Boolean).join(", "));
  }

  on_request(request, hop) {
    hop.request = this.row(hop, "HTTP", [el("b", { text: request.method }), " ", el("span", { class: "mono", text: request.target })], request.begun_us);
    hop.begun = request.begun_us;
  }

  on_response(response, hop) {
    const row = hop.request;
    if (row) this.close(row, response.head_us, response.status < 400 ? "good" : "bad", `${response.status} ${response.reason ?? ""} by ${response.version}`);
    this.parts(hop, response.server_timing.filter((timing) => !timing.in_trailer), response.head_us);
    hop.headUs = response.head_us;
  }

  /** What the server says about its own time, until `end`. It says how long, not when: the bars begin with the request. */
  parts(hop, timings, end) {
    const begin = hop.begun ?? end;
    for (const timing of timings) {
      const part = this.row(hop, PARTS[timing.part] ?? timing.part, [timing.description || timing.name], begin, null, "part");
      const ms = timing.duration_ms;
      this.close(part, Math.min(begin + (ms ?? 0) * 1000, end), "asked", "");
      part.value.textContent = ms === null ? "" : time(1000 * ms);
    }
  }

  /** The same, said behind the body. */
  on_trailer(timings, hop) {
    this.parts(hop, timings, hop.bodyUs ?? this.now);
  }

  on_body(body, hop) {
    const row = this.row(hop, "Body", [octets(body.bytes)], hop.headUs ?? body.ended_us);
    this.close(row, body.ended_us, body.cut ? "bad" : "good", body.cut ? "cut off" : "");
    hop.bodyUs = body.ended_us;
  }

  on_end(end, hop) {
    const bad = end.kind === "failed";
    const text = bad ? end.why : end.kind === "page" ? "" : `${end.kind === "upgrade" ? "the host wants https" : "leads"} to ${end.to}`;
    hop.end.className = `note hop-end ${bad ? "bad" : "muted"}`;
    if (text) hop.end.replaceChildren(mark(bad ? "bad" : "asked"), text);
    if (bad) hop.end.closest(".hop").classList.add("broken");
  }

  /** A row with its bar. */
  row(hop, kind, name, begin, inside = null, more = "") {
    const fill = el("i", { class: "wait" });
    const value = el("span", { class: "value muted" });
    const told = el("p", { class: "told-end" });
    const row = el("li", { class: `fall ${more}` }, el("span", { class: "kind", text: kind }),
      el("div", { class: "name" }, el("p", {}, ...name.filter(Boolean)), told, inside || null),
      el("div", { class: "track", "aria-hidden": "true" }, fill), value);
    hop.rows.append(row);
    const bar = { fill, begin, end: null };
    this.bars.push(bar);
    return { row, bar, value, told };
  }

  close({ bar, value, told }, end, tone, text) {
    bar.end = end;
    bar.fill.className = tone;
    value.textContent = time(Math.max(0, end - bar.begin));
    if (text) told.replaceChildren(...(tone === "bad" || tone === "good" ? [mark(tone)] : []), el("span", { class: tone === "bad" ? "bad" : "" , text }));
  }

  measure() {
    const whole = Math.max(this.now, 1000);
    this.axis.lastChild.textContent = time(whole);
    for (const { fill, begin, end } of this.bars) place(fill, begin, end ?? this.now, whole);
  }

  /** The journey has ended. */
  finish(journey) {
    this.now = Math.max(journey.time_us, 1);
    for (const bar of this.bars) {
      if (bar.end !== null) continue;
      bar.end = this.now;
      bar.fill.className = "left";
    }
    journey.hops.forEach((hop, nth) => hop.lookups.forEach((lookup, at) => {
      const row = this.hops[nth]?.lookups[at];
      if (!row || !lookup.trace) return;
      row.walk.end(lookup.trace);
      if (lookup.ended_us !== null && !row.told.textContent) this.close(row, lookup.ended_us, "good", brought(lookup));
    }));
    this.measure();
  }
}

/** How it ended: the last hop's end, and its response. */
export function ending(journey) {
  const last = journey.hops.at(-1);
  return { end: last?.end ?? { kind: "failed", why: "it did not begin" }, response: last?.response ?? null, hop: last };
}

/** One line about it. */
export function journeyInShort(journey) {
  const { end, response } = ending(journey);
  return end.kind === "failed" ? `${journey.url}: ${end.why}` : `${journey.url}: ${response?.status ?? ""} ${response?.reason ?? ""}, ${time(journey.time_us)}`;
}

/** Where the time of a whole journey went, and what the caches saved, in words. */
export function shares(journey) {
  const sum = (of) => journey.hops.reduce((all, hop) => all + Math.max(0, of(hop) ?? 0), 0);
  const span = (part) => part && part.ended_us !== null && part.ended_us - part.begun_us;
  const looked = (hop) => Math.max(0, ...hop.lookups.map((lookup) => span(lookup) || 0));
  return {
    Outcome: String(ending(journey).response?.status ?? "no page"),
    Time: time(journey.time_us),
    "Looking up": time(sum(looked)),
    "Questions sent": String(sum((hop) => hop.lookups.reduce((all, lookup) => all + (lookup.trace?.cost.queries ?? 0), 0))),
    "Known from caches": String(sum((hop) => hop.caches.filter((cache) => cache.found).length)),
    Connecting: time(sum((hop) => span(hop.tcp))),
    TLS: time(sum((hop) => span(hop.tls))),
    "Waiting for the server": time(sum((hop) => hop.response && hop.response.head_us - hop.request.begun_us)),
    "Reading the body": time(sum((hop) => hop.response?.body && hop.response.body.ended_us - hop.response.head_us)),
  };
}

/** The card with the outcome. */
export function arrival(journey, exports = true) {
  const { end, response, hop } = ending(journey);
  const bad = end.kind === "failed" || response?.status >= 400;
  const kind = bad ? "bad" : "good";
  const type = response?.headers.find(([name]) => name.toLowerCase() === "content-type")?.[1];
  const facts = [response?.version, type, response?.body && octets(response.body.bytes), hop?.tcp && `from ${hop.tcp.remote}`, time(journey.time_us), journey.hops.length > 1 && counted(journey.hops.length - 1, "redirect", "redirects")];
  return el("section", { class: `card result ${kind}`, "aria-label": "Outcome" },
    el("p", { class: `verdict ${kind}` }, mark(kind), el("strong", { text: end.kind === "failed" ? "No page" : `${response?.status ?? ""} ${response?.reason ?? ""}` }),
      hop?.tls && el("span", { class: `security ${hop.tls.trusted ? "secure" : "bogus"}`, text: hop.tls.trusted ? "certificate trusted" : "certificate not trusted" })),
    el("p", { class: "facts muted", text: facts.filter(Boolean).join(" · ") }),
    end.kind === "failed" && el("p", { class: "why bad", text: end.why }), exports && copyable("/j", journey.id, [["json", "JSON"], ["txt", "Text"], ["har", "HAR"]]));
}
