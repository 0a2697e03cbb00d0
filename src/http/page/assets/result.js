// What a walk came to: the verdict, the answer whose time runs down, why there is none, and ways to keep it.

import { counted, el, mark, now, octets, time } from "./dom.js";

const FINE = ["NOERROR", "NXDOMAIN"];
/** Types that only those get who set DO. */
const PROOF = ["RRSIG", "NSEC", "NSEC3"];

/** What kind of news a whole trace is. */
export function tone(trace) {
  if (!FINE.includes(trace.rcode)) return "bad";
  return trace.edes.length ? "odd" : "good";
}

/** What validation came to, if it took place. */
export function judged(trace) {
  return trace.steps.findLast((step) => step.event === "judged")?.judged.security ?? null;
}

/** One line about it. */
export function inShort(trace) {
  const security = judged(trace);
  return `${trace.name} ${trace.type}: ${trace.rcode}${security ? `, ${security}` : ""}, ` +
    `${counted(trace.cost.queries, "query", "queries")}, ${time(trace.cost.time_us)}`;
}

function record(line) {
  const [owner, ttl, , type, ...data] = line.split(" ");
  return { owner, ttl: Number(ttl), type, data: data.join(" ") };
}

function records(title, lines, trace, withProofs) {
  const all = lines.map(record);
  const shown = withProofs ? all : all.filter((each) => !PROOF.includes(each.type));
  if (!shown.length) return null;
  const begun = (trace.unix_ms ?? now()) + trace.cost.time_us / 1000;
  // On a telephone a row is laid out anew, and what is no table any more for the browser stays one by its roles.
  const cell = (name, is) => el("td", { role: "cell", class: name, ...is });
  const rows = shown.map((each) => el("tr", { role: "row" },
    cell("mono owner", { text: each.owner }), cell("type", { text: each.type }), cell("mono data", { text: each.data }),
    cell("ttl", { "data-ends": String(begun + each.ttl * 1000), "data-ttl": String(each.ttl) })));
  const head = ["Name", "Type", "Data", "TTL"].map((text) => el("th", { role: "columnheader", scope: "col", text }));
  const table = el("table", { role: "table", class: "records" }, el("caption", { text: title }),
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ...head)), el("tbody", { role: "rowgroup" }, ...rows));
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": title }, table);
}

/** Lets the times of all records on the page run down. */
export function tick() {
  for (const cell of document.querySelectorAll("td.ttl")) {
    // The clocks are known to be one to the second.
    const left = Math.min(Number(cell.dataset.ttl), Math.max(0, Math.ceil((Number(cell.dataset.ends) - now()) / 1000)));
    const text = left > 0 ? `${left} s` : "over";
    if (cell.textContent === text) continue;
    cell.textContent = text;
    cell.classList.toggle("over", left === 0);
  }
}

/** The card with the outcome. `broken` is the place in the picture where it went wrong. */
export function result(trace, { withProofs, broken, fromCache, exports = true }) {
  const kind = tone(trace);
  const security = judged(trace);
  const head = el("p", { class: `verdict ${kind}` }, mark(kind), el("strong", { text: trace.rcode }),
    security && el("span", { class: `security ${security}`, text: security }),
    trace.checking_disabled && el("span", { class: "tag", text: "not validated (CD)" }));
  const facts = [
    counted(trace.cost.queries, "query", "queries"), octets(trace.cost.bytes), time(trace.cost.time_us),
    fromCache > 0 && `${counted(fromCache, "thing", "things")} known from the cache`,
    { query: "a client asked", refresh: "the answer was about to end", watched: "warm cache", cold: "cold cache" }[trace.occasion],
  ];
  const why = trace.edes.map((ede) => el("p", { class: `why ${kind}` }, ede.text, " ", el("span", { class: "tag", text: `extended error ${ede.code}${ede.name ? `: ${ede.name}` : ""}` })));
  const show = broken && el("button", { type: "button", class: "quiet", onclick: () => {
    broken.scrollIntoView({ block: "center", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    broken.setAttribute("tabindex", "-1");
    broken.focus({ preventScroll: true });
  }, text: "Show where it went wrong" });
  const links = exports && copyable("/t", trace.id, [["json", "JSON"], ["txt", "Text"], ["mmd", "Mermaid"], ["svg", "SVG"]]);
  const card = el("section", { class: `card result ${kind}`, "aria-label": "Outcome" }, head,
    el("p", { class: "facts muted", text: facts.filter(Boolean).join(" · ") }), ...why, show,
    records("Answer", trace.answer, trace, withProofs),
    records("Authority", trace.authority, trace, withProofs), links);
  queueMicrotask(tick);
  return card;
}

/** Links to what is kept, in all its forms. */
export function copyable(where, id, forms) {
  if (!id) return null;
  return el("p", { class: "exports" }, el("a", { href: `${where}/${id}`, text: "Permanent link" }),
    ...forms.map(([suffix, text]) => el("a", { href: `${where}/${id}.${suffix}`, text })),
    el("button", { type: "button", class: "quiet", onclick: (event) => copy(event.currentTarget, `${where}/${id}.txt`), text: "Copy as text" }));
}

async function copy(button, path) {
  try {
    const text = await (await fetch(path)).text();
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else copyBySelection(text, button);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not possible here; use the link Text";
  }
}

/** The way that is left where browsers have no clipboard: on pages without TLS that are not of this machine. */
function copyBySelection(text, button) {
  const field = el("textarea", { class: "unseen", "aria-hidden": "true" });
  field.value = text;
  button.after(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  button.focus();
  if (!done) throw new Error();
}
