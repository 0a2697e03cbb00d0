// The page as a person meets it. `node page.mjs http://HOST:PORT [PART OF A TEST'S NAME]`; with SCREENSHOTS=DIR also pictures for docs/.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const [base, only = ""] = process.argv.slice(2);
// A machine that does other things besides is slow, and no failure.
const PATIENCE = 120_000;
const axe = readFileSync("node_modules/axe-core/axe.min.js", "utf8");
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] }).catch((error) => {
  console.error(`chromium is needed (Debian package chromium): ${error.message}`);
  process.exit(1);
});

/** A page that fails the test when a script fails, when the policy is broken, or when it asks anybody else. */
async function fresh(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.wrong = [];
  page.on("pageerror", (error) => page.wrong.push(error.message));
  page.on("console", (line) => {
    // A link to what is gone is answered with 404, what is refused with 400: Chromium reports both as errors too.
    if (line.type() === "error" && !/status of 40[04]/.test(line.text())) page.wrong.push(line.text());
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(base)) page.wrong.push(`asked ${request.url()}`);
  });
  return page;
}

async function open(page, path = "/") {
  await page.goto(base + path);
  await page.waitForSelector("body[data-ready]");
}

/** Types a name, and returns when the outcome is there. */
async function walk(page, name, { type = "A", cold = true, cd = false } = {}) {
  await page.evaluate(() => document.querySelector(".result")?.remove());
  await page.fill("[name=name]", name);
  await page.fill("[name=type]", type);
  await page.locator(`[name=cold][value="${cold ? 1 : ""}"]`).check();
  await page.locator("[name=cd]").setChecked(cd);
  await page.focus("[name=name]");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".result", { timeout: PATIENCE });
}

const texts = (page, selector) => page.$$eval(selector, (all) => all.map((each) => each.innerText.replace(/\s+/g, " ").trim()));
const text = async (page, selector) => (await texts(page, selector))[0] ?? "";
const queries = async (page) => Number(/(\d+) quer/.exec(await text(page, ".facts"))[1]);

async function accessible(page, what) {
  // The policy of the page lets no script in from elsewhere; the one of the test comes in by the debugger.
  await page.evaluate(`${axe}\n;undefined`);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  const told = serious.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 120)).join(" | ")}`);
  assert.deepEqual(told, [], `axe-core on ${what}`);
}

const noOverflow = async (page, what) =>
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0, `${what} is wider than the window`);

/** Tests that take the longest. */
const SLOW = /zoo|narrow|while they happen/;

const tests = {
  async "the steps appear in order, while they happen"() {
    const page = await fresh();
    await open(page);
    // Its servers are silent: the ladder has to be there long before the end.
    await page.fill("[name=name]", "www.dead.lab");
    await page.locator('[name=cold][value="1"]').check();
    // Seen from inside: whoever looks from outside may come late on a machine that does other things besides.
    await page.evaluate(() => {
      const watch = new MutationObserver(() => {
        if (!document.querySelector('.stop[data-zone="dead.lab."] .ask-row')) return;
        document.body.dataset.early = document.querySelector(".result") === null;
        watch.disconnect();
      });
      watch.observe(document.body, { childList: true, subtree: true });
    });
    await page.click(".go");
    await page.waitForSelector(".result", { timeout: PATIENCE });
    assert.equal(await page.evaluate(() => document.body.dataset.early), "true", "the steps come before the outcome");
    assert.deepEqual(await page.$$eval(".picture > .ladder > .stop.zone", (all) => all.map((each) => each.dataset.zone)), [".", "lab.", "dead.lab."]);
    assert.match(await text(page, ".result .why"), /no server of dead\.lab\. gave an answer: ns\d\.dead\.lab\. \(127\.53\.3\.\d\) failed/);
    assert.equal(await page.getAttribute(".stop.broken", "data-zone"), "dead.lab.");
    await page.click("text=Show where it went wrong");
    assert.equal(await page.evaluate(() => document.activeElement.dataset.zone), "dead.lab.");
    assert.match(await page.textContent("#status"), /SERVFAIL/);
    return page;
  },

  async "short times have their unit, who is asked again is still silent, and each link of the chain has its zone"() {
    const page = await fresh();
    await open(page);
    const seen = page.evaluate(async () => {
      const { time } = await import("/page/dom.js");
      const { Walk } = await import("/page/walk.js");
      const picture = new Walk();
      const server = { name: "ns.lab.", addr: "192.0.2.1" };
      const step = (event, more) => picture.step({ at_us: 0, goal: 0, event, tone: "good", text: "a text (why)", ...more });
      const asked = (ask) => step("asked", { ask, zone: "lab.", server, name: "www.lab.", type: "A", transport: "udp" });
      asked(0);
      step("late", { ask: 0, server });
      asked(1);
      const chip = picture.root.querySelector(".server").className;
      const signed = (zone) => step("proved", { proof: { kind: "signature", zone } });
      ["com.", "com.", "example.com."].map(signed);
      return [[0, 45, 99, 100, 61_000].map(time), chip, [...picture.chain.querySelectorAll(".zone")].map((zone) => zone.textContent)];
    });
    assert.deepEqual(await seen, [["0.0 ms", "45 µs", "99 µs", "0.1 ms", "61 ms"], "server odd", ["com.", "", "example.com."]]);
    return page;
  },

  async "a healthy name is proved, its TTL runs down, and DO shows the signatures"() {
    const page = await fresh();
    await open(page);
    await walk(page, "www.example.com");
    assert.deepEqual(await texts(page, ".verdict strong"), ["NOERROR"]);
    assert.equal(await text(page, ".security"), "secure");
    assert.deepEqual(await page.$$eval(".records td.type", (all) => all.map((each) => each.textContent)), ["A"]);
    const before = parseInt(await text(page, "td.ttl"), 10);
    await page.waitForFunction((was) => parseInt(document.querySelector("td.ttl").textContent, 10) < was, before);
    await page.check("[name=do]");
    assert.deepEqual(await page.$$eval(".records td.type", (all) => all.map((each) => each.textContent)), ["A", "RRSIG"]);
    // Also of a walk of the past.
    await page.reload();
    await page.waitForSelector("body[data-ready] .result");
    for (const [shows, types] of [[false, ["A"]], [true, ["A", "RRSIG"]]]) {
      await page.setChecked("[name=do]", shows);
      assert.deepEqual(await page.$$eval(".records td.type", (all) => all.map((each) => each.textContent)), types);
    }
    const chain = await texts(page, ".chain li");
    assert.match(chain[0], /a trust anchor names key \d+/);
    assert.match(chain.at(-1), /^secure/);
    await walk(page, "www.bogus.lab", { cd: true });
    assert.deepEqual(await texts(page, ".verdict strong"), ["NOERROR"]);
    await walk(page, "www.bogus.lab");
    assert.equal(await text(page, ".security"), "bogus");
    return page;
  },

  async "each question has a bar that can be seen, that of the last moment too"() {
    const page = await fresh();
    await open(page);
    // A silence, and behind it a reply that takes no time.
    await walk(page, "www.lossy.lab");
    const bars = await page.$$eval(".ladder .track", (all) => all.filter((track) => track.checkVisibility()).map((track) => {
      const [room, bar] = [track, track.firstChild].map((each) => each.getBoundingClientRect());
      return [bar.width >= 2.9, bar.left >= room.left - 0.5, bar.right <= room.right + 0.5];
    }));
    assert.ok(bars.length >= 2);
    assert.deepEqual(bars.filter((bar) => bar.includes(false)), []);
    return page;
  },

  async "who asks before the zoo is there has it beside the walk all the same"() {
    const page = await fresh();
    let release;
    const held = new Promise((resolve) => (release = resolve));
    await page.route("**/zoo", async (route) => {
      await held;
      await route.continue();
    });
    await page.goto(base);
    await page.waitForSelector(".js");
    await walk(page, "www.example.com");
    release();
    await page.waitForSelector("body[data-ready]");
    assert.equal(await text(page, "#side h2"), "Zoo");
    return page;
  },

  async "the zoo marks what is shown, and nothing when that is no exhibit"() {
    const page = await fresh();
    await open(page);
    const marked = () => texts(page, ".panel [aria-current] .title");
    await walk(page, "www.refused.lab");
    assert.deepEqual(await marked(), ["refused"]);
    await walk(page, "no-exhibit.example.com");
    assert.deepEqual(await marked(), []);
    await page.goBack();
    await page.waitForFunction(() => document.querySelector(".panel [aria-current]"));
    assert.deepEqual(await marked(), ["refused"]);
    await page.goBack();
    await page.waitForSelector(".welcome");
    assert.deepEqual(await marked(), []);
    return page;
  },

  async "TTLs run down by the clock of the server, whatever the clock here says"() {
    const page = await fresh();
    await page.addInitScript(() => {
      const here = Date.now;
      Date.now = () => here() + 3_600_000;
    });
    await open(page);
    await walk(page, "www.example.com");
    const left = parseInt(await text(page, "td.ttl"), 10);
    assert.ok(left > 0 && left <= 300, `${left} s of 300 are left`);
    return page;
  },

  async "on paper all of it is unfolded, and there is nothing to click"() {
    const page = await fresh({ colorScheme: "dark" });
    await open(page);
    await walk(page, "www.example.com");
    const folded = () => page.$$eval("#main details:not([open])", (all) => all.length);
    const before = await folded();
    assert.ok(before > 0);
    await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
    await page.emulateMedia({ media: "print" });
    assert.equal(await folded(), 0);
    for (const what of [".ask", ".bar", ".acts button", ".exports"]) assert.equal(await page.locator(what).first().isVisible(), false, what);
    assert.equal(await page.locator(".chain").isVisible(), true);
    assert.equal(await page.evaluate(() => getComputedStyle(document.body).color), "rgb(21, 32, 46)", "dark ink on white paper");
    await page.emulateMedia({ media: "screen" });
    await page.evaluate(() => dispatchEvent(new Event("afterprint")));
    assert.equal(await folded(), before);
    return page;
  },

  async "a walk can be copied where browsers have no clipboard, as over a network without TLS"() {
    const page = await fresh();
    await page.addInitScript(() => Object.defineProperty(navigator, "clipboard", { value: undefined }));
    await open(page);
    await walk(page, "www.example.com");
    await page.click("text=Copy as text");
    await page.waitForSelector("text=Copied");
    await page.fill("[name=name]", "");
    await page.press("[name=name]", "Control+V");
    assert.match(await page.inputValue("[name=name]"), /resolve www\.example\.com\. A/);
    return page;
  },

  async "cold and warm, side by side"() {
    const page = await fresh();
    await open(page);
    await walk(page, "www.example.org", { cold: false });
    await walk(page, "www.example.org", { cold: false });
    assert.equal(await queries(page), 0, "what was learned is known");
    await page.click("text=Again, cold");
    await page.waitForFunction(() => /cold cache/.test(document.querySelector(".facts")?.innerText ?? ""));
    assert.ok((await queries(page)) > 3, "cold begins at the root");
    await walk(page, "www.example.org", { cold: false });
    assert.equal(await queries(page), 0, "cold left the live cache alone");
    await page.click("text=Beside the run before");
    const rows = await texts(page, ".differences tbody tr");
    assert.match(rows[0], /cold warm/);
    assert.match(rows[1], /Questions sent [1-9]\d* 0/);
    assert.equal(await page.locator(".column .ladder").first().isVisible(), true);
    await noOverflow(page, "the comparison");
    await accessible(page, "the comparison");
    return page;
  },

  async "a permanent link outlives the page, and the past is found by search"() {
    const page = await fresh();
    await open(page);
    await walk(page, "www.refused.lab");
    const path = new URL(page.url()).pathname;
    assert.match(path, /^\/t\/[0-9a-f]{12}$/);
    const ladder = await text(page, ".picture");
    const other = await fresh();
    await open(other, path);
    assert.equal(await text(other, ".picture"), ladder);
    await other.reload();
    await other.waitForSelector("body[data-ready]");
    assert.equal(await text(other, ".picture"), ladder);
    await open(other, "/trace/www.refused.lab?type=A");
    assert.match(new URL(other.url()).pathname, /^\/t\//);
    await other.click("[data-view=past]");
    await other.fill("[name=search]", "REFUSED");
    await other.waitForFunction(() => document.querySelectorAll(".panel .row").length >= 2 && [...document.querySelectorAll(".panel .row")].every((row) => row.innerText.includes("refused")));
    await other.selectOption("[name=verdict]", "secure");
    await other.waitForFunction(() => document.querySelectorAll(".panel .row").length === 0);
    await other.goto(`${base}/t/000000000000`);
    assert.match(await other.textContent("body"), /not kept any more/);
    assert.deepEqual(other.wrong, []);
    for (const suffix of ["json", "txt", "mmd", "svg"]) assert.equal((await page.request.get(`${base}${path}.${suffix}`)).status(), 200);
    return page;
  },

  async "what is asked for last is what is shown"() {
    const page = await fresh();
    await open(page);
    await walk(page, "www.example.net");
    const path = new URL(page.url()).pathname;
    // Its servers are silent; something else is wanted meanwhile.
    await page.fill("[name=name]", "www.dead.lab");
    await page.locator('[name=cold][value="1"]').check();
    await page.click(".go");
    await page.waitForSelector('.stop[data-zone="dead.lab."] .ask-row');
    const given = page.waitForEvent("requestfailed", (request) => request.url().includes("www.dead.lab"));
    await page.click("[data-view=past]");
    await page.locator(`.panel .row[href="${path}"]`).click();
    await page.waitForSelector(".result");
    await given;
    assert.equal(await text(page, "h1"), "www.example.net. A");
    assert.equal(new URL(page.url()).pathname, path);
    return page;
  },

  async "address, title and content belong together"() {
    const page = await fresh();
    await open(page);
    await walk(page, "www.example.net");
    const told = async () => [new URL(page.url()).pathname, await page.title(), await text(page, "h1")];
    const first = await told();
    assert.match(first.join(), /^\/t\/[0-9a-f]{12},www\.example\.net\. A: NOERROR,www\.example\.net\. A$/);
    // What is refused.
    for (const [name, type] of [["a..b", "A"], [`${"x".repeat(64)}.lab`, "A"], ["..", "A"], ["www.example.net", "FOO"], ["ftp://www.example.net/", "A"]]) {
      await walk(page, name, { type });
      const why = await text(page, ".result p:last-child");
      assert.equal(new URL(page.url()).searchParams.get("name"), name);
      assert.ok((await page.title()).startsWith(name) && (await text(page, "h1")).startsWith(name), await page.title());
      // The address says the same without the script, and leads back.
      const plain = await (await page.request.get(page.url(), { headers: { accept: "text/html" } })).text();
      assert.ok(plain.toLowerCase().includes(why.slice(0, 40).toLowerCase()) && plain.includes('href="/"'), `${why}: ${plain}`);
      await page.goBack();
      await page.waitForSelector(".result.good");
      assert.deepEqual(await told(), first);
    }
    // What is on its way: its servers are silent.
    await page.fill("[name=name]", "www.dead.lab");
    await page.click(".go");
    await page.waitForSelector('.stop[data-zone="dead.lab."] .ask-row');
    assert.deepEqual([await page.title(), await text(page, "h1")], ["www.dead.lab …", "www.dead.lab"]);
    assert.equal(new URL(page.url()).searchParams.get("name"), "www.dead.lab");
    await page.goBack();
    await page.waitForURL(`**${first[0]}`);
    await page.waitForSelector(".result.good");
    assert.deepEqual(await told(), first);
    // What is not kept any more.
    await walk(page, "www.example.org");
    await page.route(`**${first[0]}`, (route) => route.fulfill({ status: 404, json: { error: { detail: "it is gone" } } }));
    await page.goBack();
    await page.waitForSelector(".result.bad");
    assert.deepEqual(await told(), [first[0], "A past look-up: that did not work", "A past look-up"]);
    // In place of a walk, other views have their own addresses; beside it they have none.
    await page.goForward();
    await page.waitForSelector(".result.good");
    const second = await told();
    await page.click("nav [data-view=past]");
    assert.deepEqual(await told(), second);
    await page.setViewportSize({ width: 390, height: 844 });
    await page.waitForSelector("body[data-view=walk]");
    assert.deepEqual(await told(), second);
    for (const [view, title] of [["past", "Past look-ups"], ["zoo", "The zoo"], ["live", "Live figures"]]) {
      await page.click(`nav [data-view=${view}]`);
      assert.deepEqual([new URL(page.url()).pathname, await page.title()], [`/${view}`, title]);
    }
    await page.reload();
    await page.waitForSelector("body[data-ready] #live-title");
    for (const view of ["zoo", "past"]) {
      await page.goBack();
      await page.waitForSelector(`#${view}-title`);
    }
    await page.goBack();
    await page.waitForSelector(".result.good");
    assert.deepEqual(await told(), second);
    // The walk comes back as it was, under its address.
    await page.click("nav [data-view=live]");
    await page.click("nav [data-view=walk]");
    assert.deepEqual(await told(), second);
    await page.click("nav [data-view=live]");
    await page.setViewportSize({ width: 1280, height: 860 });
    await page.waitForURL(`**${second[0]}`);
    assert.deepEqual(await told(), second);
    await page.setViewportSize({ width: 390, height: 844 });
    // A walk that ends behind another view changes nothing before it, and is there under its own address.
    await page.evaluate(() => document.querySelector(".result").remove());
    await page.fill("[name=name]", "www.slow.lab");
    await page.click(".go");
    await page.click("nav [data-view=past]");
    await page.waitForSelector(".result", { state: "attached" });
    assert.deepEqual([new URL(page.url()).pathname, await page.title()], ["/past", "Past look-ups"]);
    await page.goBack();
    await page.waitForSelector(".result.good");
    assert.match((await told()).join(), /^\/t\/[0-9a-f]{12},www\.slow\.lab\. A: NOERROR,www\.slow\.lab\. A$/);
    await page.goBack();
    await page.waitForFunction(() => document.querySelector("h1").innerText.startsWith("www.example.org"));
    await page.waitForSelector(".result.good");
    assert.deepEqual(await told(), second);
    // The types that there are find room.
    for (const type of ["DNSKEY", "HTTPS", "NSEC3PARAM"]) {
      await page.fill("[name=type]", type);
      assert.ok(await page.$eval("[name=type]", (field) => field.scrollWidth <= field.clientWidth), type);
    }
    return page;
  },

  async "a resolver that is down is called so, and one that was started anew counts from nothing"() {
    const page = await fresh();
    await open(page, "/live");
    const real = await (await page.request.get(`${base}/live`, { headers: { accept: "application/json" } })).json();
    // Up for so many seconds, with ten queries in each.
    let up = 1000;
    await page.route("**/live", (route) => {
      up += 1;
      return up < 0 ? route.abort() : route.fulfill({ json: { ...real, up_us: up * 1e6, hits: up * 10, misses: 0, local: 0, unreadable: 0 } });
    });
    const rate = async (figure) => page.waitForFunction((figure) => document.querySelector(".tile dd span").textContent === figure, figure);
    await rate("10");
    up = -1e9;
    await page.waitForSelector(".panel.old");
    assert.match(await text(page, ".panel.old .bad"), /^The resolver does not answer\. It last did at \d+:\d+:\d+ ?[AP]?M?\. These are the figures of then\.$/);
    up = 0;
    await page.waitForSelector(".panel:not(.old)");
    await rate("10");
    assert.equal(await text(page, ".panel .bad"), "");
    const heights = await page.$eval(".curve polyline", (curve) => [...curve.points].map((point) => point.y));
    assert.ok(heights.length < 10 && heights.every((height) => height >= 0 && height <= 20), heights.join());
    await page.route("**/api/trace?*", (route) => route.abort());
    await walk(page, "www.example.com");
    assert.match(await text(page, ".result"), /The resolver does not answer\. It last did at/);
    page.wrong = page.wrong.filter((line) => !line.includes("ERR_FAILED"));
    return page;
  },

  async "the local copy of the root is called so, and is no address that somebody could ask"() {
    const page = await fresh();
    await open(page);
    // Steps as a resolver with such a copy tells them; the lab hands no zone over.
    const told = await page.evaluate(async () => {
      const { Walk } = await import("/page/walk.js");
      const picture = new Walk();
      const step = { at_us: 0, goal: 0, ask: 0, zone: ".", server: { name: null, addr: "127.88.6.0", port: null } };
      picture.step({ ...step, event: "asked", name: "cOm.", type: "A", transport: "udp", tone: "asked", text: "ask the local copy of the root for .: cOm. A in memory (minimised; it is at hand)" });
      picture.step({ ...step, event: "heard", rtt_us: 9, verdict: { kind: "referral" }, tone: "good", text: "the local copy of the root after 0.0 ms: a referral to com.: 2 servers, 2 addresses, signed" });
      return picture.root.textContent;
    });
    assert.ok(told.includes("com. A to the local copy") && told.includes("✓a referral to com.") && !told.includes("127.88"), told);
    return page;
  },

  async "a picture to be saved cuts nothing off"() {
    const page = await fresh();
    for (const name of ["www.lame.lab", "www.dead.lab", `${"w".repeat(63)}.${"m".repeat(63)}.www.example.com`]) {
      const walked = await (await page.request.get(`${base}/trace/${name}?cold=1&type=A`, { headers: { accept: "application/json" } })).json();
      await page.goto(`${base}/t/${walked.id}.svg`);
      const wrong = await page.evaluate(() => {
        const bars = [...document.querySelectorAll("rect[rx]")].map((bar) => bar.getBBox());
        return [...document.querySelectorAll("text")].flatMap((text) => {
          const box = text.getBBox();
          const meets = bars.some((bar) => bar.x < box.x + box.width && bar.x + bar.width > box.x && bar.y < box.y + box.height && bar.y + bar.height > box.y);
          return meets || box.x + box.width > 1200 ? [text.textContent] : [];
        });
      });
      assert.deepEqual(wrong, [], name);
      const words = await page.evaluate(() => [...document.querySelectorAll("text")].map((text) => text.firstChild.data).join(" "));
      for (const { text: why } of walked.edes) assert.ok(words.includes(why), `${why} in ${words}`);
    }
    return page;
  },

  async "a name that is markup stays text"() {
    const page = await fresh();
    await open(page);
    const name = '<script>alert(1)</script>."onmouseover=alert(2)><img/src=x>.example.com';
    await walk(page, name);
    await page.click("[data-view=past]");
    // Others look up names at the same time.
    await page.waitForFunction(() => [...document.querySelectorAll(".panel .row .title")].some((row) => row.innerText.includes("<script>")));
    await page.reload();
    await page.waitForSelector("body[data-ready] .result");
    assert.ok((await text(page, "h1")).includes("<script>alert"));
    const foreign = "main script, main img, aside script, aside img, [onmouseover]";
    assert.equal(await page.$(foreign), null);
    // The same in plain HTML.
    const plain = await fresh({ javaScriptEnabled: false });
    await plain.goto(page.url());
    assert.ok((await plain.textContent("h1")).includes("<script>alert"));
    assert.equal(await plain.$("main script, main img, [onmouseover]"), null);
    return page;
  },

  async "without JavaScript the same can be read"() {
    const page = await fresh({ javaScriptEnabled: false });
    await page.goto(base);
    await page.fill("[name=name]", "www.lame.lab");
    await page.click(".go");
    assert.match(page.url(), /\/trace\/www\.lame\.lab$/);
    assert.match(await page.textContent(".why"), /is lame/);
    assert.equal(await page.inputValue("[name=name]"), "www.lame.lab.");
    assert.ok((await page.locator(".steps li").count()) > 10);
    // A sentence goes on below itself, not below its time.
    await page.setViewportSize({ width: 390, height: 844 });
    const lefts = await page.$$eval(".steps li", (all) => all.map((line) => {
      const sentence = document.createRange();
      sentence.selectNodeContents(line.lastChild);
      return new Set([...sentence.getClientRects()].map((rect) => Math.round(rect.left))).size;
    }));
    assert.ok(lefts.every((left) => left === 1), String(lefts));
    // DO counts here as well.
    for (const withProofs of [false, true]) {
      await page.fill("[name=name]", "www.example.com");
      await page.setChecked("[name=do]", withProofs);
      await page.click(".go");
      assert.equal((await page.textContent(".records")).includes("RRSIG"), withProofs);
    }
    // What was asked stands in the form again, and an address means its name.
    await page.fill("[name=name]", "127.53.80.10");
    await page.check('[name=cold][value="1"]');
    await page.check("[name=cd]");
    await page.click(".go");
    assert.equal(await page.textContent("h1"), "10.80.53.127.in-addr.arpa. PTR");
    const form = await page.$eval("#ask", (ask) => new URLSearchParams(new FormData(ask)).toString());
    assert.equal(form, "name=10.80.53.127.in-addr.arpa.&type=PTR&cold=1&do=1&cd=1");
    await page.fill("[name=name]", ".");
    await page.fill("[name=type]", "NS");
    await page.click(".go");
    assert.equal(await page.textContent("h1"), ". NS");
    await page.fill("[name=name]", (await exhibits()).find((each) => each.title === "shop")?.page.url ?? "http://www.example.com/");
    await page.click(".go");
    assert.match(page.url(), /\/journey\?url=http/);
    assert.match(await page.textContent("pre"), /dns/);
    for (const link of ["Zoo", "Past", "Live"]) {
      await page.click(`nav >> text=${link}`);
      assert.ok((await page.textContent("h1")).length > 2);
      if (link === "Past") assert.match(await page.textContent(".past"), /www\.lame\.lab\. A SERVFAIL \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ · [\d.]+ ms · \d+ queries · watched\n/);
      if (link === "Live") for (const figure of [/Queries per second\d+\.\d/, /at once, from the cache\d/]) assert.match(await page.textContent(".told"), figure);
    }
    return page;
  },

  async "everything by keyboard alone"() {
    const page = await fresh();
    await open(page);
    const focused = () => page.evaluate(() => document.activeElement.getAttribute("name") ?? document.activeElement.innerText?.trim().split("\n")[0]);
    assert.equal(await focused(), "name", "one can type at once");
    await page.keyboard.type("www.lame.lab");
    const order = [];
    for (let tabs = 0; tabs < 5; tabs += 1) {
      await page.keyboard.press("Tab");
      order.push(await focused());
      // From warm to cold.
      if (order.at(-1) === "cold") await page.keyboard.press("ArrowRight");
    }
    assert.deepEqual(order, ["type", "cold", "do", "cd", "Walk"]);
    await page.keyboard.press("Enter");
    await page.waitForSelector(".result.bad");
    const show = page.locator("text=Show where it went wrong");
    for (let tabs = 0; tabs < 40 && !(await show.evaluate((button) => button === document.activeElement)); tabs += 1) await page.keyboard.press("Tab");
    await page.keyboard.press("Space");
    assert.equal(await page.evaluate(() => document.activeElement.dataset.zone), "lame.lab.");
    // A look-up inside the walk folds out.
    await page.focus(".sub > summary");
    await page.keyboard.press("Enter");
    assert.equal(await page.locator(".sub").first().getAttribute("open"), "");
    await page.keyboard.press("/");
    assert.equal(await focused(), "name");
    await page.focus("[data-view=live]");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#live-title");
    assert.ok(await page.evaluate(() => document.getElementById("side").contains(document.activeElement)));
    return page;
  },

  async "HTTPS records that were found are not said to be none, nor an alias to be one"() {
    const page = await fresh();
    await open(page);
    for (const [host, brought] of [["www.example.com", "found"], ["alias.example.com", "none"]]) {
      await walk(page, `https://${host}/`);
      const told = () => page.$$eval(".fall", (all) => all.find((row) => row.querySelector(".type")?.textContent === "HTTPS").querySelector(".told-end").textContent);
      assert.equal(await told(), `✓${brought}`, host);
      await page.reload();
      await page.waitForSelector("body[data-ready] .result");
      assert.equal(await told(), `✓${brought}`, `${host}, again`);
    }
    return page;
  },

  async "a journey in one waterfall"() {
    const page = await fresh();
    await open(page);
    const shop = (await exhibits()).find((each) => each.title === "shop");
    await walk(page, shop.page.url);
    assert.equal(await text(page, ".verdict strong"), "200 OK");
    const kinds = await texts(page, ".fall .kind");
    for (const kind of ["DNS", "TCP", "HTTP", "load balancer", "application", "database", "Body"]) assert.ok(kinds.includes(kind), `${kind} in ${kinds}`);
    // Servers say how long a part took, not when it began: as in text, all begin with the request.
    const begins = await page.$$eval(".fall", (all) => all.filter((row) => row.matches(".part") || row.querySelector(".kind").textContent === "HTTP").map((row) => row.querySelector("i").style.left));
    assert.ok(begins.length === 4 && new Set(begins).size === 1, begins.join());
    const path = new URL(page.url()).pathname;
    const har = await (await page.request.get(`${base}${path}.har`)).json();
    assert.equal(har.log.version, "1.2");
    await page.locator(".inside > summary").first().click();
    assert.ok((await page.locator(".inside[open] .stop.zone").count()) > 2, "the walk is in it");
    await page.reload();
    await page.waitForSelector("body[data-ready] .result");
    assert.equal((await texts(page, ".fall .kind")).join(), kinds.join());
    await accessible(page, "a journey");
    // It is found among the past by its URL, and opened there.
    await page.click("[data-view=past]");
    await page.selectOption("[name=kind]", "journey");
    await page.fill("[name=search]", "/products");
    await page.waitForFunction(() => [...document.querySelectorAll(".panel .row .title")].some((row) => row.innerText.includes("/products")) && [...document.querySelectorAll(".panel .row")].every((row) => row.innerText.includes("/products")));
    await page.locator(".panel .row").first().click();
    await page.waitForURL(/\/j\/[0-9a-f]{12}$/);
    // The same page once more, and beside it what it was before.
    for (const cold of [false, true, false]) await walk(page, shop.page.url, { cold });
    await page.click("text=Beside the journey before");
    const rows = await texts(page, ".differences tbody tr");
    assert.match(rows.find((row) => row.startsWith("Questions sent")), /sent [1-9]\d* 0/);
    assert.equal(await page.locator(".column .fall").first().isVisible(), true);
    await noOverflow(page, "two journeys");
    await accessible(page, "two journeys");
    await page.click("text=Back to this journey");
    assert.equal(await text(page, ".verdict strong"), "200 OK");
    // Why a name has no address stands there while it happens, and later as well.
    await walk(page, "http://www.refused.lab:8080/");
    const told = await texts(page, ".fall .told-end");
    assert.ok(told.length && told.every((each) => each.includes("no server of refused.lab. gave an answer")), told.join("; "));
    await page.reload();
    await page.waitForSelector("body[data-ready] .result");
    assert.deepEqual(await texts(page, ".fall .told-end"), told);
    return page;
  },

  async "every exhibit of the zoo is as expected"() {
    const all = await exhibits();
    // Several pages at once, as some servers are silent for long.
    const parts = [0, 1, 2, 3, 4, 5].map((part) => all.filter((_, nth) => nth % 6 === part));
    const pages = await Promise.all(parts.map(async (part) => {
      const page = await fresh();
      await open(page, "/zoo");
      for (const exhibit of part) {
        const shown = exhibit.broken || exhibit.page ? exhibit.title : `${exhibit.name} ${exhibit.type}`;
        const row = page.locator(".panel .row").filter({ has: page.locator(".title").getByText(shown, { exact: true }) }).filter({ hasText: exhibit.what });
        await row.click();
        const outcome = row.locator(".outcome");
        await outcome.filter({ hasText: /./ }).waitFor({ timeout: PATIENCE });
        assert.equal((await outcome.innerText()).replace("✓", "").trim(), "as expected", exhibit.title);
      }
      return page;
    }));
    await Promise.all(pages.slice(1).map(finished));
    return pages[0];
  },

  async "narrow, light and dark, and nothing that a screen reader stumbles over"() {
    await Promise.all(["light", "dark"].flatMap((colorScheme) => [390, 1280].map(async (width) => {
      const page = await fresh({ colorScheme, viewport: { width, height: 844 } });
      const what = (view) => `${view}, ${colorScheme}, ${width} pixels`;
      await open(page);
      await noOverflow(page, what("/"));
      await accessible(page, what("/"));
      await walk(page, "www.poison.lab");
      assert.deepEqual(await page.$$eval(".notes li", (all) => all.map((each) => each.textContent.slice(1))), ["dropped 3 records, outside the zone that was asked: example.com. NS, ns1.example.com. A, www.example.com. A"]);
      await noOverflow(page, what("a walk"));
      await accessible(page, what("a walk"));
      for (const view of ["zoo", "past", "live"]) {
        await page.click(`[data-view=${view}]`);
        await page.waitForTimeout(150);
        await noOverflow(page, what(view));
        await accessible(page, what(view));
      }
      await finished(page);
    })));
  },
};

async function exhibits() {
  return (await (await fetch(`${base}/zoo`, { headers: { accept: "application/json" } })).json());
}

async function finished(page) {
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

/** The pictures of docs/. */
async function screenshots(folder) {
  const shoot = async (name, options, act) => {
    const page = await fresh(options);
    await open(page);
    await act(page);
    await page.evaluate(() => document.activeElement?.blur());
    await page.mouse.move(0, 0);
    await page.waitForTimeout(300);
    await page.screenshot({ path: `${folder}/${name}.png` });
    await page.context().close();
  };
  const shop = (await exhibits()).find((each) => each.title === "shop");
  const tall = (height) => ({ width: 1280, height });
  await shoot("page-walk-light", { colorScheme: "light", viewport: tall(1400) }, (page) => walk(page, "www.lame.lab"));
  await shoot("page-walk-dark", { colorScheme: "dark", viewport: tall(1000) }, (page) => walk(page, "www.example.com"));
  await shoot("page-journey-light", { colorScheme: "light", viewport: tall(1200) }, (page) => walk(page, shop.page.url));
  await shoot("page-phone-dark", { colorScheme: "dark", viewport: { width: 390, height: 844 } }, (page) => walk(page, "www.bogus.lab"));
}

let failed = 0;

async function run([name, test]) {
  const begun = Date.now();
  try {
    const page = await test();
    if (page) await finished(page);
    console.log(`ok      ${name} (${Date.now() - begun} ms)`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n${error.stack}`);
  }
}

// Several at once, those that wait for silent servers first: most of the time nobody uses the processor.
const waiting = Object.entries(tests).filter(([name]) => name.includes(only)).sort(([a], [b]) => Number(SLOW.test(b)) - Number(SLOW.test(a)));
const lane = async () => {
  for (let next = waiting.shift(); next; next = waiting.shift()) await run(next);
};
await Promise.all(Array.from({ length: 3 }, lane));
if (process.env.SCREENSHOTS) await screenshots(process.env.SCREENSHOTS);
await browser.close();
process.exit(failed ? 1 : 0);
