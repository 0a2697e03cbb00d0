// Elements from data. Text goes in as text and nothing else: names come from strangers.

/** An element; `is` may hold a class, a text, listeners (`on…`), data, and attributes. */
export function el(tag, is = {}, ...inside) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(is)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "class") element.className = value;
    else if (key === "text") element.textContent = value;
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...inside.filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

/** A picture made of lines: `shape` is a list of [tag, attributes]. */
export function svg(attributes, ...shapes) {
  const make = (tag, is) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(is)) element.setAttribute(key, value);
    return element;
  };
  const picture = make("svg", { "aria-hidden": "true", ...attributes });
  picture.append(...shapes.map(([tag, is]) => make(tag, is)));
  return picture;
}

const MARKS = { heading: "·", asked: "→", good: "✓", cache: "■", odd: "△", bad: "✕" };

/** The mark of a kind of news; the words beside it say the same. */
export function mark(tone) {
  return el("span", { class: `mark ${tone}`, "aria-hidden": "true", text: MARKS[tone] ?? "·" });
}

/** Puts a bar on a scale from 0 to `whole`: what takes no time is a stroke, that of the last moment too. */
export function place(bar, begin, end, whole) {
  bar.style.left = `min(${(100 * begin) / whole}%, 100% - 3px)`;
  bar.style.width = `max(${(100 * (end - begin)) / whole}%, 3px)`;
}

/** Microseconds as a person reads them. */
export function time(us) {
  if (us > 0 && us < 100) return `${Math.max(Math.round(us), 1)} µs`;
  if (us < 10_000) return `${(us / 1000).toFixed(1)} ms`;
  if (us < 1_000_000) return `${Math.round(us / 1000)} ms`;
  return `${(us / 1e6).toFixed(us < 10_000_000 ? 1 : 0)} s`;
}

/** A number and its thing. */
export function counted(number, one, many) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

/** Octets as a person reads them. */
export function octets(bytes) {
  if (bytes < 10_000) return `${bytes} B`;
  if (bytes < 10_000_000) return `${Math.round(bytes / 1024).toLocaleString("en")} KiB`;
  return `${(bytes / 1048576).toFixed(1)} MiB`;
}

/** By how many milliseconds the clock of this server is ahead of the one here: both need not be on one machine. */
let ahead = 0;
/** Less than this is what it takes to tell, in whole seconds. */
const SAME_CLOCK = 2000;

/** The time by the clock of this server, by which it says when a walk was. */
export const now = () => Date.now() + ahead;

function compareClocks(date) {
  const apart = Date.parse(date) - Date.now();
  if (!Number.isNaN(apart)) ahead = Math.abs(apart) < SAME_CLOCK ? 0 : apart;
}

/** When this server last sent something: at first, this page. */
let heard = new Date();

/** Waits for something from this server. The browser's own words for its silence say neither who is silent nor since when. */
export async function from(work) {
  try {
    const found = await work;
    heard = new Date();
    if (found instanceof Response) compareClocks(found.headers.get("date"));
    return found;
  } catch (error) {
    // What was given up here is nobody's silence.
    if (error.name === "AbortError") throw error;
    throw new Error(`The resolver does not answer. It last did at ${heard.toLocaleTimeString()}.`);
  }
}

/** Fetches JSON, or throws the sentence with which the server refuses. */
export async function json(path, signal) {
  const answer = await from(fetch(path, { headers: { accept: "application/json" }, signal }));
  const text = await from(answer.text());
  let found;
  try {
    found = JSON.parse(text);
  } catch {
    throw new Error(text.slice(0, 300) || `the server said ${answer.status}`);
  }
  if (!answer.ok) throw new Error(found.error?.detail ?? `the server said ${answer.status}`);
  return found;
}
