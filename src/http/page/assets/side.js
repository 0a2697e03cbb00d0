// Beside the picture: the zoo, past look-ups, and live figures.

import { counted, el, json, mark, octets, svg, time } from "./dom.js";
import { ending } from "./journey.js";
import { judged } from "./result.js";

/** What the zoo expects and what happened, compared: what differs. `told` is a trace or a journey. */
export function compare(exhibit, told) {
  if (exhibit.page) {
    const { end, response } = ending(told);
    const got = end.kind === "failed" ? null : response?.status;
    return got === (exhibit.page.status ?? null) ? [] : [happened(exhibit, told)];
  }
  const codes = told.edes.map((ede) => ede.code);
  const wrong = [];
  if (!exhibit.rcodes.includes(told.rcode)) wrong.push(told.rcode);
  wrong.push(...exhibit.edes.filter((code) => !codes.includes(code)).map((code) => `no EDE ${code}`));
  if (exhibit.ad && judged(told) !== "secure") wrong.push("not proved");
  return wrong;
}

/** What happened, in the words of `exhibit.expected`. */
export function happened(exhibit, told) {
  if (exhibit.page) {
    const { end, response } = ending(told);
    return end.kind === "failed" ? end.why : String(response?.status);
  }
  return [told.rcode, ...told.edes.map((ede) => `EDE ${ede.code}`), ...(judged(told) === "secure" ? ["proved"] : [])].join(", ");
}

/** The list of exhibits; a click on one calls `visit`. */
export class Zoo {
  constructor(visit) {
    this.visit = visit;
    this.rows = new Map();
    this.root = el("section", { class: "panel", "aria-labelledby": "zoo-title" }, el("h2", { id: "zoo-title", text: "Zoo" }));
  }

  async load() {
    this.exhibits = await json("/zoo");
    if (!this.exhibits.length) {
      this.root.append(el("p", { class: "muted", text: "There is none on the Internet. `rootwalk lab` has one." }));
      return;
    }
    const groups = [["Broken names", (each) => each.broken && !each.page], ["Pages", (each) => each.page], ["Healthy names", (each) => !each.broken && !each.page]];
    for (const [title, fits] of groups) {
      const list = el("ul", { class: "rows" });
      this.exhibits.filter(fits).forEach((exhibit) => list.append(this.row(exhibit)));
      if (list.children.length) this.root.append(el("h3", {}, title, el("span", { "aria-hidden": "true", text: "to expect" })), list);
    }
  }

  row(exhibit) {
    const outcome = el("span", { class: "outcome" });
    const expect = el("span", { class: "expect muted" }, el("span", { class: "unseen", text: "expect " }), exhibit.expected);
    const button = el("button", { type: "button", class: "row", onclick: () => this.visit(exhibit) },
      el("span", { class: "title mono", text: exhibit.broken || exhibit.page ? exhibit.title : `${exhibit.name} ${exhibit.type}` }), expect,
      el("span", { class: "what", text: exhibit.what }), outcome);
    this.rows.set(exhibit, { button, outcome });
    return el("li", {}, button);
  }

  /** The walk to an exhibit has begun, or it has ended with `trace`; null is what is none. */
  show(exhibit, trace) {
    for (const [each, { button }] of this.rows) {
      if (each === exhibit) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
    const row = this.rows.get(exhibit);
    if (!row || !trace) return;
    const wrong = compare(exhibit, trace);
    row.outcome.className = `outcome ${wrong.length ? "bad" : "good"}`;
    row.outcome.replaceChildren(mark(wrong.length ? "bad" : "good"), wrong.length ? wrong.join(", ") : "as expected");
  }
}

/** Past look-ups with search; a click on one calls `open` with its name. */
export class Past {
  constructor(open) {
    this.open = open;
    this.list = el("ul", { class: "rows" });
    this.count = el("p", { class: "muted" });
    // What is searched is told aloud; what comes and goes each second is not.
    this.said = el("p", { class: "unseen", role: "status" });
    const again = async () => {
      await this.load();
      this.said.textContent = this.count.textContent;
    };
    this.asked = 0;
    this.newest = 0;
    this.search = el("input", { name: "search", type: "search", spellcheck: "false", autocapitalize: "none", oninput: again });
    const words = [["", "any"], ["failed", "failed"], ["NOERROR", "NOERROR"], ["NXDOMAIN", "NXDOMAIN"], ["SERVFAIL", "SERVFAIL"], ["secure", "secure"], ["insecure", "insecure"], ["bogus", "bogus"], ["stale", "stale"]];
    this.verdict = el("select", { name: "verdict", onchange: again }, ...words.map(([value, text]) => el("option", { value, text })));
    this.kind = el("select", { name: "kind", onchange: again }, ...[["", "all"], ["walk", "names"], ["journey", "pages"]].map(([value, text]) => el("option", { value, text })));
    this.slow = el("input", { type: "checkbox", onchange: again });
    this.root = el("section", { class: "panel", "aria-labelledby": "past-title" }, el("h2", { id: "past-title", text: "Past look-ups" }),
      el("div", { class: "filters" }, el("label", {}, el("span", { text: "Name or URL" }), this.search), el("label", {}, el("span", { text: "Verdict" }), this.verdict), el("label", {}, el("span", { text: "Kind" }), this.kind),
        el("label", { class: "check" }, this.slow, el("span", { text: "slower than 100 ms" }))), this.count, this.said, this.list);
  }

  async load() {
    const asked = new URLSearchParams({ search: this.search.value, verdict: this.verdict.value, kind: this.kind.value, slow_ms: this.slow.checked ? "100" : "", limit: "200" });
    this.asked += 1;
    const mine = this.asked;
    let page;
    try {
      page = await json(`/past?${asked}`);
    } catch (error) {
      this.count.textContent = error.message;
      return;
    }
    // Answers may overtake each other.
    if (mine < this.newest) return;
    this.newest = mine;
    this.count.textContent = `${page.rows.length} of ${page.kept.toLocaleString("en")} kept in ${octets(page.bytes)}`;
    // What has the focus is not taken away, nor what is the same.
    const ids = page.rows.map((row) => row.id).join();
    if (ids === this.ids || this.list.contains(document.activeElement)) return;
    this.ids = ids;
    this.list.replaceChildren(...page.rows.map((row) => this.row(row)));
  }

  row(row) {
    const page = row.kind === "journey";
    const [title, outcome] = page ? [row.url, row.failed ? "failed" : String(row.status)] : [`${row.name} ${row.type}`, row.rcode];
    const good = page ? !row.failed && row.status < 400 : ["NOERROR", "NXDOMAIN"].includes(row.rcode);
    const kind = good ? (row.why ? "odd" : "good") : "bad";
    const more = page ? [row.hops > 1 && counted(row.hops - 1, "redirect", "redirects")] : [row.security, row.stale && "stale", { refresh: "refreshed", cold: "cold", watched: "watched" }[row.occasion]];
    return el("li", {}, el("a", { class: "row", href: `/${page ? "j" : "t"}/${row.id}`, onclick: (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      this.open(row.id, page);
    } },
      el("span", { class: "title mono", text: title }),
      el("span", { class: `outcome ${kind}` }, mark(kind), outcome),
      el("span", { class: "what muted", text: [new Date(row.unix_ms).toLocaleTimeString(), time(row.time_us), counted(row.queries, "query", "queries"), ...more].filter(Boolean).join(" · ") })));
  }
}

const KEPT = 60; // seconds in the picture
const PATIENCE = 10_000; // milliseconds for a few numbers, also on a machine that has much else to do

/** Figures that move. */
export class Live {
  constructor() {
    this.rates = [];
    this.before = null;
    const tile = (name) => {
      const value = el("span", { text: "–" });
      const more = el("dd", {}, value);
      return [value, el("div", { class: "tile" }, el("dt", { text: name }), more), more];
    };
    const [rate, rateTile, rateMore] = tile("Queries per second");
    const [ratio, ratioTile] = tile("From the cache");
    const [cache, cacheTile, cacheMore] = tile("Cache");
    const [failed, failedTile] = tile("Failed walks");
    Object.assign(this, { rate, ratio, cache, failed });
    this.curve = svg({ viewBox: `0 0 ${KEPT} 20`, preserveAspectRatio: "none", class: "curve" }, ["polyline", { points: "", fill: "none" }]);
    rateMore.append(this.curve);
    this.meter = el("meter", { min: "0", max: "1", value: "0", "aria-label": "Part of the cache in use" });
    cacheMore.append(this.meter);
    this.waits = el("table", { class: "waits" });
    this.slowest = el("ol", { class: "slowest" });
    this.said = el("p", { class: "bad", role: "status" });
    this.root = el("section", { class: "panel", "aria-labelledby": "live-title" }, el("h2", { id: "live-title", text: "Live figures" }), this.said,
      el("dl", { class: "tiles" }, rateTile, ratioTile, cacheTile, failedTile), el("h3", { text: "How long clients wait" }), this.waits,
      el("h3", { text: "Slowest servers" }), this.slowest, el("p", {}, el("a", { href: "/metrics", text: "The same for Prometheus" })));
  }

  async load() {
    if (this.asked) return;
    this.asked = true;
    try {
      const now = await json("/live", AbortSignal.timeout(PATIENCE));
      this.tell("");
      this.draw(now);
    } catch (error) {
      this.tell(`${error.message}${this.before ? " These are the figures of then." : ""}`);
    } finally {
      this.asked = false;
    }
  }

  draw(now) {
    const queries = (figures) => figures.hits + figures.misses + figures.local + figures.unreadable;
    // A resolver that was started anew counts from nothing.
    if (this.before && (now.up_us <= this.before.up_us || queries(now) < queries(this.before))) {
      this.before = null;
      this.rates = [];
      this.rate.textContent = "–";
      this.curve.firstChild.setAttribute("points", "");
    }
    if (this.before) {
      const rate = ((queries(now) - queries(this.before)) * 1e6) / (now.up_us - this.before.up_us);
      this.rates = [...this.rates, rate].slice(-KEPT);
      this.rate.textContent = rate < 10 ? rate.toFixed(1) : Math.round(rate).toLocaleString("en");
      const most = Math.max(1, ...this.rates);
      this.curve.firstChild.setAttribute("points", this.rates.map((each, nth) => `${nth + KEPT - this.rates.length},${19 - (18 * each) / most}`).join(" "));
    }
    this.before = now;
    const answered = now.hits + now.misses;
    this.ratio.textContent = answered ? `${((100 * now.hits) / answered).toFixed(1)} %` : "–";
    this.cache.textContent = `${octets(now.cache_bytes)}, ${counted(now.cache_entries, "entry", "entries")}`;
    this.meter.value = now.cache_bytes / now.cache_limit_bytes;
    this.failed.textContent = `${now.failed_walks.toLocaleString("en")} of ${(now.walks + now.failed_walks).toLocaleString("en")}`;
    this.histogram(now);
    this.slowest.replaceChildren(...now.slowest.map((server) => el("li", {}, el("span", { class: "mono", text: server.addr }),
      el("span", { text: server.srtt_us === null ? "never answered" : time(server.srtt_us) }),
      el("span", { class: "muted", text: server.silences ? `${server.silences}× in vain` : "" }))));
  }

  /** Says why the figures are old; nothing, when they are not. */
  tell(text) {
    if (this.said.textContent !== text) this.said.textContent = text;
    this.root.classList.toggle("old", text !== "");
  }

  histogram(now) {
    const spans = [["at once, from the cache", now.hits], ...now.waits.map((waits, nth) => [nth < now.spans_us.length ? `up to ${time(now.spans_us[nth])}`.replace(".0 ", " ") : "longer", waits])];
    while (spans.length > 2 && spans.at(-1)[1] === 0) spans.pop();
    const most = Math.max(1, ...spans.map(([, number]) => number));
    const rows = spans.map(([name, number]) => {
      const bar = el("i");
      bar.style.width = `${(100 * number) / most}%`;
      return el("tr", {}, el("th", { scope: "row", text: name }), el("td", { class: "bar-cell", "aria-hidden": "true" }, bar), el("td", { class: "number", text: number.toLocaleString("en") }));
    });
    this.waits.replaceChildren(el("tbody", {}, ...rows));
  }
}
