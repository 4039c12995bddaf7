// Measures a table in Chromium: until its first row stands, cold and warm, and what scrolling costs. Prints a table, and
// writes JSON to the file that is named.
//
//   KAGEOS_E2E_URL=… KAGEOS_E2E_LOGIN=… KAGEOS_E2E_PASSWORD=… node web/e2e/bench.mjs [file]
//
// KAGEOS_BENCH_TABLE    the table [/demo/crm/customer.table]
// KAGEOS_BENCH_ROUNDS   rounds, each with a browser of its own [5]
// KAGEOS_BENCH_SCROLL   seconds of scrolling [120]
import { writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { chromium, request } from "@playwright/test";

const origin = new URL(process.env.KAGEOS_E2E_URL ?? "http://127.0.0.1:8080").origin;
const table = process.env.KAGEOS_BENCH_TABLE ?? "/demo/crm/customer.table";
const elsewhere = table.slice(0, table.lastIndexOf("/"));
const rounds = Number(process.env.KAGEOS_BENCH_ROUNDS ?? 5);
const scrollSeconds = Number(process.env.KAGEOS_BENCH_SCROLL ?? 120);
const limits = { cold_ms: 600, warm_ms: 150, heap_mb: 60 };
const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const launch = () => chromium.launch({ executablePath: process.env.KAGEOS_E2E_CHROMIUM ?? "/usr/bin/chromium", args });
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const part = (values, share) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))];

async function signIn() {
  const context = await request.newContext({ baseURL: origin, extraHTTPHeaders: { origin } });
  const data = { login: process.env.KAGEOS_E2E_LOGIN ?? "system", password: process.env.KAGEOS_E2E_PASSWORD ?? "" };
  const reply = await context.post("/api/v1/session", { data });
  if (!reply.ok()) throw new Error(`sign in: ${reply.status()} ${await reply.text()}`);
  const state = await context.storageState();
  await context.dispose();
  return state;
}

/** In the page: tells when the first row is there and painted, and how long frames take. */
function instrument() {
  window.firstRow = () =>
    new Promise((resolve) => {
      const done = () => requestAnimationFrame(() => setTimeout(() => resolve(performance.now())));
      if (document.querySelector("[data-row]")) return done();
      const observer = new MutationObserver(() => {
        if (!document.querySelector("[data-row]")) return;
        observer.disconnect();
        done();
      });
      observer.observe(document, { childList: true, subtree: true });
    });
  window.first = window.firstRow();
  window.frames_ms = [];
  let last = performance.now();
  const frame = (now) => {
    window.frames_ms.push(now - last);
    last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

/** One browser: the table cold, loaded again, and come back to inside the application. */
async function measure(storageState) {
  const browser = await launch();
  const page = await (await browser.newContext({ baseURL: origin, storageState, viewport: { width: 1440, height: 900 } })).newPage();
  await page.addInitScript(instrument);
  await page.goto(table, { waitUntil: "commit" });
  const cold = await page.evaluate(() => window.first);
  await page.getByRole("treeitem").first().waitFor();
  await page.reload({ waitUntil: "commit" });
  const again = await page.evaluate(() => window.first);
  await page.getByRole("treeitem").first().waitFor();
  await page.getByRole("navigation", { name: /Path|路径/ }).locator(`a[href="${elsewhere}"]`).click();
  await page.locator(`main a[href="${table}"]`).waitFor();
  const warm = await page.evaluate((href) => {
    const start = performance.now();
    const first = window.firstRow();
    document.querySelector(`main a[href="${href}"]`).click();
    return first.then((end) => end - start);
  }, table);
  await browser.close();
  return { cold, again, warm };
}

async function scroll(storageState) {
  const browser = await launch();
  const page = await (await browser.newContext({ baseURL: origin, storageState, viewport: { width: 1440, height: 900 } })).newPage();
  await page.addInitScript(instrument);
  await page.goto(table);
  await page.evaluate(() => window.first);
  const cdp = await page.context().newCDPSession(page);
  const heap = async () => {
    await cdp.send("HeapProfiler.collectGarbage");
    return (await cdp.send("Runtime.getHeapUsage")).usedSize / 2 ** 20;
  };
  const before = await heap();
  const box = await page.getByRole("grid").boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.evaluate(() => (window.frames_ms.length = 0));
  const end = Date.now() + scrollSeconds * 1000;
  let turns = 0;
  // Down, with a way back now and then, as somebody looks for something.
  while (Date.now() < end) {
    turns += 1;
    await page.mouse.wheel(0, turns % 20 > 15 ? -1400 : 1400);
    await page.waitForTimeout(40);
  }
  const frames = await page.evaluate(() => window.frames_ms);
  const reached = await page.evaluate(() => Math.max(...[...document.querySelectorAll("[data-row]")].map((row) => Number(row.getAttribute("aria-rowindex")))));
  const after = await heap();
  await browser.close();
  return { before, after, reached, p50: part(frames, 0.5), p95: part(frames, 0.95), p99: part(frames, 0.99), slow: frames.filter((ms) => ms > 100).length, frames: frames.length };
}

const state = await signIn();
const load = loadavg()[0];
const measured = [];
for (let round = 0; round < rounds; round += 1) measured.push(await measure(state));
const scrolled = scrollSeconds ? await scroll(state) : null;
const result = {
  table,
  rounds,
  load,
  cold_ms: median(measured.map((one) => one.cold)),
  reload_ms: median(measured.map((one) => one.again)),
  warm_ms: median(measured.map((one) => one.warm)),
  ...(scrolled ? { heap_mb: scrolled.after, scroll: { seconds: scrollSeconds, ...scrolled } } : {}),
};
const say = (text) => process.stdout.write(`${text}\n`);
const line = (name, value, limit) => say(`${name.padEnd(34)} ${value.padStart(9)}  ${limit}`);
line("first row, nothing cached", `${result.cold_ms.toFixed(0)} ms`, `at most ${limits.cold_ms}`);
line("first row, page loaded again", `${result.reload_ms.toFixed(0)} ms`, "");
line("first row, in the application", `${result.warm_ms.toFixed(0)} ms`, `at most ${limits.warm_ms}`);
if (scrolled) {
  line(`heap after ${scrollSeconds} s of scrolling`, `${scrolled.after.toFixed(1)} MB`, `at most ${limits.heap_mb}; ${scrolled.before.toFixed(1)} before, row ${scrolled.reached} reached`);
  line("frames while scrolling, p95", `${scrolled.p95.toFixed(0)} ms`, `p50 ${scrolled.p50.toFixed(0)}, p99 ${scrolled.p99.toFixed(0)}, ${scrolled.slow} of ${scrolled.frames} over 100`);
}
say(`load before ${load.toFixed(1)}, medians of ${rounds}`);
if (process.argv[2]) writeFileSync(process.argv[2], `${JSON.stringify(result, null, 2)}\n`);
