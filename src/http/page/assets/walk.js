// The walk as a ladder from the root to the leaf, drawn step by step. All sentences are those of the server (src/trace).

import { counted, el, mark, place, time } from "./dom.js";

const SILENT = 120_000; // microseconds after which an ask without an end is shown as waiting

/** Under which addresses the local copy of the root (RFC 8806) stands in a trace. */
const COPY = ["127.88.6.0", "100::88:6:0"];

/** What a server did, without who it is: that stands in the line above. */
const did = (text) => text.replace(/^(?:the local copy of the root|\S+(?: \([^ )]*\))?) /, "");
/** The verdict alone: "ns1.example. (192.0.2.1) after 1.2 ms: the answer" without its beginning. */
const verdict = (text) => did(text).replace(/^after [^:]+: /, "");
/** The reasons alone: what stands in parentheses at the end of an ask. */
const reasons = (text) => /\(([^()]*)\)$/.exec(text)?.[1] ?? "";
const at = (server) => (COPY.includes(server.addr) ? "the local copy" : server.name ?? server.addr);

/** One walk on the page. */
export class Walk {
  constructor() {
    this.list = el("ol", { class: "ladder" });
    this.ladders = new Map([[0, new Ladder(this.list)]]);
    this.asks = new Map();
    this.bars = [];
    this.now = 0;
    this.chain = el("ol", { class: "chain" });
    this.proofs = el("section", { class: "proofs card", hidden: true }, el("h3", { text: "Chain of trust" }), this.chain);
    this.axis = el("p", { class: "axis", "aria-hidden": "true" }, el("span", { text: "0" }), el("span"));
    this.root = el("div", { class: "picture" }, this.axis, this.list, this.proofs);
    this.fromCache = 0;
  }

  /** Draws one step. */
  step(step) {
    this.now = Math.max(this.now, step.at_us);
    const ladder = this.ladders.get(step.goal) ?? this.ladders.get(0);
    const draw = this[`on_${step.event}`];
    if (draw) draw.call(this, step, ladder);
    else ladder.note(step);
    this.measure();
  }

  on_goal(step, ladder) {
    if (step.parent === null) return;
    const parent = this.ladders.get(step.parent) ?? ladder;
    const list = el("ol", { class: "ladder" });
    const outcome = el("span", { class: "outcome muted", text: "…" });
    const sub = el("details", { class: `sub ${step.purpose.kind}` },
      el("summary", {}, el("span", { class: "what", text: step.text }), outcome), list);
    parent.here(step.purpose.kind === "proof").append(sub);
    const below = new Ladder(list, sub, outcome);
    below.began = step.at_us;
    this.ladders.set(step.goal, below);
  }

  on_entered(step, ladder) {
    ladder.enter(step.zone, step.servers);
  }

  on_from_cache(step, ladder) {
    // What this very walk has learned is nothing that was known.
    if (step.known !== "delegation" || step.age_secs * 1e6 > step.at_us) this.fromCache += 1;
    if (step.known === "delegation") ladder.known = step;
    else ladder.line(step, "cache");
  }

  on_ready(step, ladder) {
    this.fromCache += 1;
    ladder.line(step, "cache");
  }

  on_asked(step, ladder) {
    const stop = ladder.stop(step.zone);
    const fill = el("i", { class: "wait" });
    const reply = el("p", { class: "reply muted", text: "waiting for the reply …" });
    const notes = el("ul", { class: "notes" });
    const head = el("p", { class: "question" }, mark("asked"),
      el("b", { class: "mono", text: step.name.toLowerCase() }), " ", el("span", { class: "type", text: step.type }),
      el("span", { class: "muted", text: " to " }), el("span", { class: "mono", text: at(step.server), title: step.server.addr }),
      step.transport === "tcp" && el("span", { class: "tag", text: "TCP" }));
    const row = el("li", { class: "ask-row", title: step.text },
      el("div", {}, head, reply, el("p", { class: "reason muted", text: reasons(step.text) }), notes),
      el("div", { class: "track", "aria-hidden": "true" }, fill));
    stop.asks.append(row);
    stop.chip(step.server, "asked");
    const ask = { stop, row, reply, notes, fill, server: step.server, begin: step.at_us, end: null, dropped: new Map() };
    this.asks.set(step.ask, ask);
    this.bars.push(ask);
  }

  on_heard(step, ladder) {
    const ask = this.asks.get(step.ask);
    if (!ask) return ladder.note(step);
    ask.end = step.at_us;
    ask.fill.className = step.tone;
    ask.row.classList.add("done", step.tone);
    const words = verdict(step.text);
    ask.reply.className = "reply";
    ask.reply.replaceChildren(mark(step.tone), el("span", { class: step.tone === "bad" ? "bad" : "", text: words }),
      el("span", { class: "rtt muted", text: ` ${time(step.rtt_us)}${step.late ? ", late" : ""}` }));
    ask.stop.chip(ask.server, step.tone === "bad" ? "bad" : "good", time(step.rtt_us));
    if (step.verdict.kind === "alias") ladder.turn(words);
  }

  on_late(step) {
    this.trouble(step, "odd");
  }

  on_lost(step) {
    this.trouble(step, "bad");
  }

  trouble(step, tone) {
    const ask = this.asks.get(step.ask);
    if (!ask) return;
    ask.end = step.at_us;
    ask.fill.className = tone;
    ask.row.classList.add("done", tone);
    ask.reply.className = "reply";
    ask.reply.replaceChildren(mark(tone), el("span", { class: tone, text: did(step.text) }));
    ask.stop.chip(ask.server, tone);
  }

  on_dropped(step) {
    const ask = this.asks.get(step.ask);
    if (!ask) return;
    const [, what, why] = /^dropped (\S+ \S+): (.*)$/.exec(step.text) ?? [null, step.text, ""];
    const known = ask.dropped.get(why) ?? { records: [], line: el("li", { class: "odd" }) };
    if (!known.records.length) ask.notes.append(known.line);
    known.records.push(what);
    ask.dropped.set(why, known);
    const each = [...new Set(known.records)];
    const shown = each.slice(0, 3).join(", ") + (each.length > 3 ? ` and ${each.length - 3} more` : "");
    known.line.replaceChildren(mark("odd"), `dropped ${counted(known.records.length, "record", "records")}, ${why}: ${shown}`);
  }

  on_ignored(step, ladder) {
    this.beside(step, ladder);
  }

  on_explained(step, ladder) {
    this.beside(step, ladder);
  }

  on_last_resort(step, ladder) {
    this.beside(step, ladder);
  }

  beside(step, ladder) {
    const ask = this.asks.get(step.ask);
    if (ask) ask.notes.append(el("li", { class: step.tone }, mark(step.tone), step.text));
    else ladder.note(step);
  }

  on_proved(step, ladder) {
    this.proofs.hidden = false;
    const { proof } = step;
    const kind = { keys: "key", signature: "signs" }[proof.kind] ?? (proof.kind === "insecure" ? "open" : "shows");
    // Each zone once: one whose keys were known begins with a signature.
    const zone = proof.zone === this.proving ? "" : proof.zone ?? "";
    this.proving = proof.zone ?? this.proving;
    this.chain.append(el("li", { class: `${kind} ${step.tone}` }, el("span", { class: "mono zone", text: zone }), el("span", { text: step.text })));
    if (proof.kind === "keys") {
      for (const each of this.ladders.values()) each.badge(proof.zone, `key ${proof.key_tag}`, step.text);
    }
    if (proof.kind === "insecure") ladder.note(step);
  }

  on_judged(step, ladder) {
    this.proofs.hidden = false;
    this.chain.append(el("li", { class: `end ${step.tone}` }, el("span", { class: "zone" }), el("strong", { text: step.text })));
    if (step.tone === "bad") ladder.note(step);
  }

  on_ended(step, ladder) {
    if (!ladder.sub) return;
    ladder.outcome.className = `outcome ${step.tone}`;
    ladder.outcome.replaceChildren(mark(step.tone), `${step.rcode} after ${time(step.at_us - ladder.began)}`);
  }

  /** Places the bars: all have one scale. */
  measure() {
    const whole = Math.max(this.now, 1000);
    this.axis.lastChild.textContent = time(whole);
    for (const { fill, begin, end } of this.bars) place(fill, begin, end ?? this.now, whole);
  }

  /** The walk has ended: what nobody answered stays so, and where it broke is shown. */
  end(trace) {
    this.now = Math.max(this.now, trace.cost.time_us);
    for (const ask of this.bars) {
      if (ask.end !== null) continue;
      ask.end = this.now;
      ask.fill.className = "left";
      ask.reply.textContent = ask.end - ask.begin > SILENT ? "no reply came in time" : "not waited for any more";
    }
    for (const { outcome } of this.ladders.values()) {
      if (outcome?.textContent === "…") outcome.textContent = "not waited for any more";
    }
    this.measure();
    const failed = !["NOERROR", "NXDOMAIN"].includes(trace.rcode);
    this.broken = failed ? this.place() : null;
    if (this.broken) {
      this.broken.classList.add("broken");
      for (const outcome of this.broken.querySelectorAll(".outcome.bad")) outcome.closest("details").open = true;
    }
  }

  /** Where it went wrong: the last bad news of the client's own question, or else the place that it did not get beyond. */
  place() {
    const stops = [...this.list.children];
    const bad = (stop) => stop.querySelector(".mark.bad, .mark.odd");
    const found = stops.reverse().find((stop) => stop.matches(".bad") || bad(stop));
    return found ?? stops[0] ?? null;
  }
}

/** The stops of one goal. */
class Ladder {
  constructor(list, sub = null, outcome = null) {
    this.list = list;
    this.sub = sub;
    this.outcome = outcome;
    this.current = null;
    this.known = null;
    this.began = 0;
  }

  enter(zone, servers) {
    if (this.current?.zone !== zone || !this.current.servers) this.current = null;
    const stop = this.current ?? this.stop(zone);
    if (servers.length && !stop.servers.children.length) {
      for (const server of servers) stop.chip({ name: server.name, addr: server.addrs[0] ?? null }, "listed", "", server.addrs);
    }
  }

  /** The stop at a zone: the one at hand, or a new one. */
  stop(zone) {
    if (this.current?.zone === zone) return this.current;
    this.current = new Stop(zone, this.known?.name === zone ? this.known : null);
    this.known = null;
    this.list.append(this.current.root);
    return this.current;
  }

  /** Where something belongs that has no zone of its own: in its turn, or below for what runs beside it. */
  here(below = false) {
    if (this.current && below) return this.current.extra;
    if (this.current) {
      const item = el("li", { class: "between" });
      this.current.asks.append(item);
      return item;
    }
    const stop = el("li", { class: "stop plain" });
    this.list.append(stop);
    return stop;
  }

  note(step) {
    if (this.current) this.here().append(el("p", { class: `note ${step.tone}` }, mark(step.tone), step.text));
    else this.line(step, step.tone);
  }

  /** A stop that is one sentence. */
  line(step, kind) {
    this.list.append(el("li", { class: `stop line ${kind}` }, el("p", { class: `note ${step.tone}` }, mark(step.tone), step.text)));
    this.current = null;
  }

  /** The walk goes to another name. */
  turn(words) {
    this.list.append(el("li", { class: "stop line turn" }, el("p", { class: "note" }, el("span", { class: "mark", "aria-hidden": "true", text: "↪" }), words)));
    this.current = null;
  }

  badge(zone, text, title) {
    for (const stop of this.list.children) {
      if (stop.dataset.zone !== zone || stop.querySelector(".badge")) continue;
      stop.querySelector("h3, h4")?.after(el("span", { class: "badge", title }, el("span", { "aria-hidden": "true", text: "✓ " }), text));
    }
  }
}

/** A zone with its servers and what they were asked. */
class Stop {
  constructor(zone, known) {
    this.zone = zone;
    this.servers = el("ul", { class: "servers", "aria-label": `Servers of ${zone}` });
    this.asks = el("ol", { class: "asks" });
    this.extra = el("div", { class: "extra" });
    this.chips = new Map();
    const shown = zone === "." ? "the root ." : zone;
    this.root = el("li", { class: "stop zone", "data-zone": zone },
      el("div", { class: "head" }, el("h3", { class: "mono", text: shown }), known && known.age_secs > 0 &&
        el("span", { class: "tag cache", title: known.text, text: `delegation known for ${known.age_secs} s` })),
      this.servers, this.asks, this.extra);
  }

  chip(server, state, note = "", addrs = [server.addr]) {
    const key = at(server);
    let chip = this.chips.get(key);
    if (!chip) {
      chip = el("li", {}, el("span", { class: "mark", "aria-hidden": "true" }), el("span", { class: "mono", text: key }), el("span", { class: "said unseen" }), el("span", { class: "ms muted" }));
      this.chips.set(key, chip);
      this.servers.append(chip);
    }
    if (chip.className === "server good" && state !== "bad") return;
    // Whoever was silent is so until something comes, asked again or not.
    if (state === "asked" && /odd|bad/.test(chip.className)) return;
    const fresh = mark({ listed: "heading", asked: "asked" }[state] ?? state);
    chip.className = `server ${state}`;
    chip.title = addrs.filter(Boolean).join(", ") || "no address known";
    chip.firstChild.replaceWith(fresh);
    chip.querySelector(".said").textContent = { listed: "", asked: "", good: " answered", odd: " is silent", bad: " is of no use" }[state] ?? "";
    if (note) chip.lastChild.textContent = ` ${note}`;
  }
}
