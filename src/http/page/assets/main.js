// What is where on the page, and what follows from a click.

import { counted, el, json, mark, time } from "./dom.js";
import { Journey, arrival, ending, journeyInShort, shares } from "./journey.js";
import { inShort, result, tick, tone } from "./result.js";
import { Live, Past, Zoo, compare, happened } from "./side.js";
import { stream } from "./stream.js";
import { Walk } from "./walk.js";

const main = document.getElementById("main");
const side = document.getElementById("side");
const form = document.getElementById("ask");
const status = document.getElementById("status");
const fields = form.elements;

const zoo = new Zoo((exhibit) => visit(exhibit));
const past = new Past((id, page) => (page ? openJourney(id) : openWalk(id)));
const live = new Live();
const panels = { zoo, past, live };

/** The runs of this page: what was asked, and the whole trace. */
const runs = [];
/** The journeys of this page. */
const trips = [];
/** Ends what is on its way to be shown. */
let coming = new AbortController();
/** The walk that is shown, if it is one. */
let shown = null;
let view = "walk";
/** What the main part shows: the mark of its entry in the history, its address and its title, which belong together. */
let here = { address: "/" };

/** Views that have an address of their own, as the server calls them; the main part welcomes there. */
const TITLES = { "/": "rootwalk", "/zoo": "The zoo", "/past": "Past look-ups", "/live": "Live figures" };

/** Makes an entry in the history; as browsers have it, what is there already is no new one. */
function note(address, title, state) {
  history[address === location.pathname + location.search ? "replaceState" : "pushState"](state, "", address);
  document.title = title;
}

/** The main part shows something new from now on. */
function enter(address, title) {
  here = { mark: Math.random(), address, title };
  note(address, title, { mark: here.mark });
}

/** Whether the present entry of the history is that of the main part, and not of a view in its place. */
const inFront = () => history.state?.mark === here.mark;

/** Makes the present entry of the history that of the main part. */
function front() {
  history.replaceState({ mark: here.mark }, "", here.address);
  document.title = here.title;
}

/** What the main part shows has got its final address or another title. */
function settle(address, title) {
  Object.assign(here, { address, title });
  if (inFront()) front();
}

/** Something is on its way to the main part, and takes the place of what was: its signal says when it is overtaken. */
function begin(address, label, ...content) {
  coming.abort();
  coming = new AbortController();
  zoo.show(null);
  show("walk");
  put(el("h1", { class: "mono", text: label }), el("div", { class: "busy", "aria-hidden": "true" }), ...content);
  enter(address, `${label} …`);
  return coming.signal;
}

/** The address that a wish has until it is known what becomes of it: the one to which the form leads by itself. */
function addressOf({ name, type, cold, unchecked }) {
  const said = Object.entries({ name, type, cold: cold && "1", cd: unchecked && "1" }).filter(([, value]) => value);
  return `/trace?${new URLSearchParams(said)}`;
}

/** The wish that has this address. */
function wishAt(search) {
  const said = new URLSearchParams(search);
  fill({ name: said.get("name") ?? "", type: said.get("type") ?? "", cold: said.get("cold"), unchecked: said.get("cd") });
  return wish();
}

function put(...content) {
  shown = null;
  main.replaceChildren(...content.filter(Boolean));
}

/** Says it to a screen reader; `seen` also to others, who mostly see it elsewhere. */
function say(text, { bad = false, seen = true } = {}) {
  status.textContent = text;
  status.className = `status${bad ? " bad" : ""}${seen ? "" : " unseen"}`;
}

/** What the form says. */
function wish() {
  return {
    name: fields.name.value.trim(), type: fields.type.value.trim().toUpperCase(),
    cold: fields.cold.value === "1", withProofs: fields.do.checked, unchecked: fields.cd.checked,
  };
}

/** A is left out, so that an address that is typed next means the name that it has. */
function fill({ name, type, cold, unchecked }) {
  fields.name.value = name;
  fields.type.value = type === "A" ? "" : type;
  fields.cold.value = cold ? "1" : "";
  fields.cd.checked = Boolean(unchecked);
}

const same = (a, b) => a.name.toLowerCase().replace(/\.$/, "") === b.name.toLowerCase().replace(/\.$/, "") && a.type === b.type;

/** Walks, and draws it while it happens. */
async function walk(asked, exhibit = null) {
  const picture = new Walk();
  const label = `${asked.name} ${asked.type}`.trim();
  const signal = begin(addressOf(asked), label, banner(exhibit, null), picture.root);
  say(`Walking to ${label} …`);
  if (exhibit) zoo.show(exhibit, null);
  try {
    let trace = null;
    await stream(`/api${addressOf(asked)}`, (kind, data) => {
      if (kind === "step") picture.step(data);
      else if (kind === "trace") trace = data;
    }, signal);
    if (!trace) throw new Error("The walk broke off.");
    runs.push({ asked, trace });
    finish(asked, trace, picture, exhibit);
  } catch (error) {
    if (!signal.aborted) failed(label, error);
  }
}

function failed(label, error) {
  put(el("h1", { class: "mono", text: label }), el("section", { class: "card result bad" }, el("p", { class: "verdict bad" }, mark("bad"), el("strong", { text: "That did not work" })), el("p", { text: error.message })));
  settle(here.address, `${label}: that did not work`);
  say(error.message, { bad: true });
}

function heading({ name, type }) {
  return el("h1", { class: "mono" }, name, " ", el("span", { class: "type", text: type }));
}

/** What the zoo says of it, and what happened. */
function banner(exhibit, trace) {
  if (!exhibit) return null;
  const wrong = trace && compare(exhibit, trace);
  const row = (name, ...inside) => el("div", {}, el("dt", { text: name }), el("dd", {}, ...inside));
  return el("section", { class: "card exhibit", "aria-label": "In the zoo" }, el("p", { class: "what", text: exhibit.what }),
    el("dl", {}, row("To expect", exhibit.expected, exhibit.trace && el("span", { class: "muted", text: `, and the walk names ${exhibit.trace}` })),
      row("Happened", trace ? happened(exhibit, trace) : "…", " ", trace && el("span", { class: wrong.length ? "bad" : "good" }, mark(wrong.length ? "bad" : "good"), wrong.length ? `differs: ${wrong.join(", ")}` : "as expected"))));
}

/** Everything about a walk that has ended. */
function finish(asked, trace, picture, visited = null) {
  const exhibit = visited ?? zoo.exhibits?.find((each) => !each.page && same(each, trace));
  picture.end(trace);
  const { broken, fromCache } = picture;
  const before = runs.findLast((run) => run.trace.unix_ms < trace.unix_ms && same(run.trace, trace));
  const again = (cold, text) => el("button", { type: "button", onclick: () => {
    fields.cold.value = cold ? "1" : "";
    walk({ ...asked, cold }, exhibit);
  }, text });
  const acts = el("div", { class: "acts" }, el("h2", { text: "The walk" }), again(false, "Again, warm"), again(true, "Again, cold"),
    before && el("button", { type: "button", class: "beside", onclick: () => beside(before, { asked, trace }), text: "Beside the run before" }));
  put(heading(trace), banner(exhibit, trace),
    result(trace, { withProofs: asked.withProofs, broken, fromCache }), acts, picture.root);
  shown = { asked, trace, exhibit };
  if (exhibit) zoo.show(exhibit, trace);
  settle(`/t/${trace.id}`, `${trace.name} ${trace.type}: ${trace.rcode}`);
  say(inShort(trace), { bad: tone(trace) === "bad", seen: false });
  if (view === "past" || wide()) past.load();
}

/** A trace drawn at once. */
function drawn(trace) {
  const picture = new Walk();
  trace.steps.forEach((step) => picture.step(step));
  return picture;
}

/** Two runs of one question side by side. */
function beside(before, now) {
  const column = ({ asked, trace }, title) => {
    const picture = drawn(trace);
    picture.end(trace);
    const { broken, fromCache } = picture;
    return [fromCache, el("section", { class: "column", "aria-label": title }, el("h2", { text: title }),
      result(trace, { withProofs: asked.withProofs, broken, fromCache, exports: false }), picture.root)];
  };
  const [cachedBefore, left] = column(before, "The run before");
  const [cachedNow, right] = column(now, "This run");
  const row = (name, was, is) => el("tr", {}, el("th", { scope: "row", text: name }), el("td", { text: was }), el("td", { text: is }));
  const cost = (run) => run.trace.cost;
  const table = differences("What the cache changed", [row("Cache", ...[before, now].map((run) => (run.trace.occasion === "cold" ? "cold" : "warm"))),
    row("Questions sent", cost(before).queries, cost(now).queries), row("Octets received", cost(before).bytes, cost(now).bytes),
    row("Time", time(cost(before).time_us), time(cost(now).time_us)), row("Known from the cache", cachedBefore, cachedNow)]);
  put(heading(now.trace), el("section", { class: "card" }, table),
    el("p", { class: "acts" }, el("button", { type: "button", onclick: () => finish(now.asked, now.trace, drawn(now.trace)), text: "Back to this run" })),
    el("div", { class: "columns" }, left, right));
  say(`Side by side: ${counted(cost(before).queries, "query", "queries")} before, ${counted(cost(now).queries, "query", "queries")} now.`, { seen: false });
  main.focus({ preventScroll: true });
}

/** Shows what is kept under an address; `draw` knows how. */
async function open(address, draw) {
  const label = "A past look-up";
  const signal = begin(address, label);
  say(`${label} …`, { seen: false });
  try {
    draw(await json(address, signal));
    main.focus({ preventScroll: true });
    scrollTo({ top: 0 });
  } catch (error) {
    if (!signal.aborted) failed(label, error);
  }
}

/** Shows a walk of the past. */
const openWalk = (id) => open(`/t/${id}`, (trace) => {
  const asked = { name: trace.name, type: trace.type, cold: trace.occasion === "cold", unchecked: trace.checking_disabled, withProofs: fields.do.checked };
  fill(asked);
  finish(asked, trace, drawn(trace));
});

/** Shows a journey of the past. */
const openJourney = (id) => open(`/j/${id}`, (journey) => {
  fill({ name: journey.url, type: "", cold: journey.cold });
  arrived(journey, Journey.of(journey));
});

function visit(exhibit) {
  fill(exhibit.page ? { name: exhibit.page.url, type: "", cold: true } : { ...exhibit, cold: true });
  go(wish(), exhibit);
}

/** A name is looked up, a URL is fetched. */
function go(asked, exhibit = null) {
  if (/^https?:|:\/\//i.test(asked.name)) return travel(asked, exhibit);
  return walk(asked, exhibit);
}

/** Fetches a page, and draws the way to it while it happens. */
async function travel(asked, exhibit = null) {
  const picture = new Journey();
  const signal = begin(addressOf({ name: asked.name, cold: asked.cold }), asked.name, banner(exhibit, null), picture.root);
  say(`On the way to ${asked.name} …`);
  if (exhibit) zoo.show(exhibit, null);
  const query = new URLSearchParams({ url: asked.name });
  if (asked.cold) query.set("cold", "1");
  try {
    let journey = null;
    await stream(`/api/journey?${query}`, (kind, data) => {
      if (kind === "journey") journey = data;
      else picture.on(kind, data);
    }, signal);
    if (!journey) throw new Error("The journey broke off.");
    trips.push(journey);
    picture.finish(journey);
    arrived(journey, picture, exhibit, asked);
  } catch (error) {
    if (!signal.aborted) failed(asked.name, error);
  }
}

/** Everything about a journey that has ended. */
function arrived(journey, picture, visited = null, asked = wish()) {
  const exhibit = visited ?? zoo.exhibits?.find((each) => each.page?.url === journey.url);
  const again = (cold, text) => el("button", { type: "button", onclick: () => {
    fill({ ...asked, name: journey.url, cold });
    travel(wish(), exhibit);
  }, text });
  const before = trips.findLast((trip) => trip.began < journey.began && trip.url === journey.url);
  put(el("h1", { class: "mono", text: journey.url }), banner(exhibit, journey), arrival(journey),
    el("div", { class: "acts" }, el("h2", { text: "The way there" }), again(false, "Again, warm"), again(true, "Again, cold"),
      before && el("button", { type: "button", class: "beside", onclick: () => besideTrip(before, journey), text: "Beside the journey before" })), picture.root);
  if (exhibit) zoo.show(exhibit, journey);
  settle(`/j/${journey.id}`, journeyInShort(journey));
  say(journeyInShort(journey), { bad: ending(journey).end.kind === "failed", seen: false });
  if (view === "past" || wide()) past.load();
}

/** Two journeys to one page side by side. */
function besideTrip(before, now) {
  const column = (journey, title) => el("section", { class: "column", "aria-label": title }, el("h2", { text: title }), arrival(journey, false), Journey.of(journey).root);
  const [was, is] = [shares(before), shares(now)];
  const rows = Object.keys(is).map((name) => el("tr", {}, el("th", { scope: "row", text: name }), el("td", { text: was[name] }), el("td", { text: is[name] })));
  put(el("h1", { class: "mono", text: now.url }), el("section", { class: "card" }, differences("Where the time went", rows)),
    el("p", { class: "acts" }, el("button", { type: "button", onclick: () => arrived(now, Journey.of(now)), text: "Back to this journey" })),
    el("div", { class: "columns" }, column(before, "The journey before"), column(now, "This journey")));
  say(`Side by side: ${time(before.time_us)} before, ${time(now.time_us)} now.`, { seen: false });
  main.focus({ preventScroll: true });
}

/** A table with what was before and what is now. */
function differences(caption, rows) {
  return el("table", { class: "differences" }, el("caption", { text: caption }),
    el("thead", {}, el("tr", {}, ...["", "Before", "Now"].map((text) => (text ? el("th", { scope: "col", text }) : el("td"))))), el("tbody", {}, ...rows));
}

const room = matchMedia("(min-width: 1080px)");
const wide = () => room.matches;

/** Shows a view: beside the picture where there is room, in its place where there is none. */
function show(name) {
  view = name;
  document.body.dataset.view = name;
  // What is there to see is not known at once.
  const panel = panels[name] ?? (wide() && !side.firstChild && zoo.exhibits ? panels[zoo.exhibits.length ? "zoo" : "past"] : null);
  if (panel && panel.root !== side.firstChild) side.replaceChildren(panel.root);
  side.hidden = !side.firstChild;
  for (const link of document.querySelectorAll("[data-view]")) {
    if (link.tagName !== "A") continue;
    const current = link.dataset.view === name || panels[link.dataset.view]?.root === side.firstChild && wide();
    if (current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (name === "past" || name === "live") panels[name].load();
}

function welcome() {
  coming.abort();
  zoo.show(null);
  enter(location.pathname in TITLES ? location.pathname : "/", TITLES[location.pathname] ?? TITLES["/"]);
  const names = (zoo.exhibits ?? []).filter((each) => !each.page);
  const page = zoo.exhibits?.find((each) => each.page && !each.broken && each.page.url.includes("shop"));
  const ours = [["www.example.com", "A", "a healthy name, proved from the root"], ["www.lame.lab", "A", "servers that do not serve their zone"], ["www.bogus.lab", "A", "a signature that does not hold"], ["www.dead.lab", "A", "nobody answers"]]
    .filter(([name]) => names.some((each) => each.name === `${name}.`));
  const theirs = names.slice(0, 4).map((each) => [each.name, each.type, each.what]);
  const tries = names.length ? (ours.length ? ours : theirs)
    : [["www.iana.org", "A", "an address"], ["ietf.org", "MX", "where its mail goes"], ["dnssec-failed.org", "A", "broken on purpose"]];
  put(el("section", { class: "welcome" }, el("h1", { text: "Watch a look-up happen" }),
    el("p", { class: "lead", text: "Type a name: the walk from the root to the answer draws itself, with every server that was asked, what it said, and what became of it." }),
    el("ul", { class: "tries" }, ...[...tries, ...(page ? [[page.page.url, "", "a page, and what it takes to get it"]] : [])].map(([name, type, what]) => el("li", {}, el("button", { type: "button", class: "row", onclick: () => {
      fill({ name, type, cold: true });
      go(wish());
    } }, el("span", { class: "title mono", text: `${name} ${type}` }), el("span", { class: "what muted", text: what })))))));
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const asked = wish();
  if (asked.name) go(asked);
});
fields.do.addEventListener("change", () => {
  if (!shown) return;
  const { asked, trace, exhibit } = shown;
  finish({ ...asked, withProofs: fields.do.checked }, trace, drawn(trace), exhibit);
});
document.querySelector("nav").addEventListener("click", (event) => {
  const link = event.target.closest("[data-view]");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  turn(link.dataset.view, link.getAttribute("href"));
  const to = link.dataset.view === "walk" ? main : side;
  to.focus({ preventScroll: true });
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.closest("input, select, textarea")) return;
  event.preventDefault();
  fields.name.focus();
  fields.name.select();
});
// Paper cannot be unfolded.
addEventListener("beforeprint", () => main.querySelectorAll("details:not([open])").forEach((each) => Object.assign(each, { open: true }).classList.add("on-paper")));
addEventListener("afterprint", () => main.querySelectorAll(".on-paper").forEach((each) => Object.assign(each, { open: false }).classList.remove("on-paper")));
addEventListener("popstate", route);
// Where there is room for both, the address is that of the main part; where there is no more, it is what is shown.
room.addEventListener("change", () => {
  if (here.address in TITLES) return;
  front();
  if (!wide()) show("walk");
});
setInterval(tick, 1000);
setInterval(() => {
  if (document.hidden) return;
  if (side.firstChild === live.root && !side.hidden) live.load();
  else if (side.firstChild === past.root && !side.hidden) past.load();
}, 1000);

/** Goes to a view. It has the address where it, or the welcome beside it, is all that is shown. */
function turn(name, address) {
  show(name);
  if (here.address in TITLES) enter(address, TITLES[address]);
  else if (name === "walk") note(here.address, here.title, { mark: here.mark });
  else if (!wide()) note(address, TITLES[address], {});
}

/** Shows what the address means. */
function route() {
  const isShown = inFront() || here.address === location.pathname + location.search;
  if (isShown && !(here.address in TITLES)) {
    front();
    return show("walk");
  }
  const [, kind, name] = location.pathname.split("/");
  if (kind === "t" && name) return openWalk(name.split(".")[0]);
  if (kind === "j" && name) return openJourney(name.split(".")[0]);
  if (kind === "trace" && location.search) return go(wishAt(location.search));
  welcome();
  show(panels[kind] ? kind : "walk");
}

document.documentElement.classList.add("js");
await zoo.load().catch(() => { zoo.exhibits = []; });
show("walk");
// What the server has made for this address has one of its own.
const { content: id } = document.querySelector("meta[name=rootwalk]");
const made = { trace: "t", journey: "j" }[location.pathname.split("/")[1]];
if (made && id) history.replaceState({}, "", `/${made}/${id}`);
await route();
document.body.dataset.ready = "yes";
