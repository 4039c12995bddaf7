import { AxeBuilder } from "@axe-core/playwright";
import { test as base, type Browser, type BrowserContext, expect, type Locator, type Page } from "@playwright/test";
import { origin } from "./setup";

export const crm = "/demo/crm";
export const customers = `${crm}/customer.table`;
/** A word that no other test has. */
export const mark = () => `E2e${Date.now().toString(36)}${Math.random().toString(36).slice(2, 5)}`;
const headers = { origin };

type Kageos = { page: Page; problems: string[]; quiet: RegExp };

/** Notes what a page does wrong. */
export function watch(page: Page, problems: string[]): void {
  page.on("pageerror", (error) => problems.push(`exception: ${error.message}`));
  page.on("console", (message) => message.type() === "error" && problems.push(`console: ${message.text()} ${message.location().url}`));
  page.on("request", (request) => {
    if (request.url().startsWith("http") && new URL(request.url()).origin !== origin) problems.push(`foreign request: ${request.url()}`);
  });
}

/** A page whose every console error, exception and policy violation fails the test. */
export const test = base.extend<Kageos>({
  quiet: [/^never$/, { option: true }],
  problems: async ({ quiet }, use) => {
    const problems: string[] = [];
    await use(problems);
    expect(problems.filter((problem) => !quiet.test(problem))).toEqual([]);
  },
  page: async ({ page, problems }, use) => {
    watch(page, problems);
    await use(page);
  },
});
export { expect };

/** Fails on every serious finding of axe. A colour on its way to another one is none to judge. */
export async function expectAccessible(page: Page): Promise<void> {
  await page.evaluate(async () => {
    await new Promise(requestAnimationFrame);
    const ending = document.getAnimations().filter((one) => one.effect?.getComputedTiming().endTime !== Infinity);
    await Promise.allSettled(ending.map((one) => one.finished));
  });
  const { violations } = await new AxeBuilder({ page }).analyze();
  const serious = violations.filter((one) => one.impact === "serious" || one.impact === "critical");
  expect(serious.map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(" ")}`)).toEqual([]);
}

/** Calls an action by the API, to arrange what a test starts from. */
export async function call<T>(page: Page, path: string, action: string, input: unknown): Promise<T> {
  const reply = await page.request.post(`/api/v1/call${path}`, { data: { action, input }, headers });
  expect(reply.ok(), `${action} ${path}: ${reply.status()} ${await reply.text()}`).toBe(true);
  return ((await reply.json()) as { output: T }).output;
}

type Person = { login: string; name: string; password: string };

async function signedIn(browser: Browser, { login, password }: Person, options: Parameters<Browser["newContext"]>[0] = {}): Promise<BrowserContext> {
  const context = await browser.newContext({ baseURL: origin, storageState: { cookies: [], origins: [] }, ...options });
  const reply = await context.request.post("/api/v1/session", { data: { login, password }, headers });
  expect(reply.ok(), `sign in as ${login}: ${reply.status()}`).toBe(true);
  return context;
}

/** Makes an account, or leaves the one that is there, and answers its id. `page` belongs to an administrator. */
async function account(page: Page, person: Person): Promise<string> {
  const made = await page.request.post("/api/v1/users", { data: person, headers });
  if (made.status() !== 409) expect(made.ok(), `create ${person.login}: ${made.status()} ${await made.text()}`).toBe(true);
  const found = (await (await page.request.get(`/api/v1/users?login=${person.login}`)).json()) as { items: { id: string }[] };
  return found.items[0]?.id ?? "";
}

/** A new person, signed in, with a role on the workspace or with none. */
export async function asPerson(browser: Browser, page: Page, role?: "viewer" | "member" | "admin"): Promise<BrowserContext> {
  const login = mark().toLowerCase();
  const person = { login, name: `Person ${login}`, password: `a long secret ${Math.random()}` };
  const id = await account(page, person);
  if (role) await call(page, crm, "grant", { subject: { kind: "user", id }, role });
  return signedIn(browser, person);
}

/** Who is signed in there. */
export async function who(context: BrowserContext): Promise<{ id: string; name: string; login: string }> {
  return ((await (await context.request.get("/api/v1/session")).json()) as { user: { id: string; name: string; login: string } }).user;
}

/** The entry of the update that gave a row this value, opened. Others change rows meanwhile: what comes moves the list. */
export async function activityOf(page: Page, row: Row, value: string): Promise<Locator> {
  await page.goto(`${customers}?panel=activity`);
  const updates = page.getByRole("tabpanel").locator("ol > li").filter({ has: page.locator("code", { hasText: "update" }) });
  const entry = updates.filter({ hasText: `#${row.id}` }).filter({ has: page.locator("ins", { hasText: value }) });
  const closed = updates.locator("> button[aria-expanded=false]");
  await expect(async () => {
    if (!(await entry.count())) await closed.first().click({ timeout: 1_000 });
    await expect(entry).toBeVisible({ timeout: 100 });
  }).toPass({ intervals: [0], timeout: 20_000 });
  return entry;
}

/** The person on the pictures of the documentation: the same one each time. */
export async function asRobin(browser: Browser, page: Page): Promise<BrowserContext> {
  const robin = { login: "robin", name: "Robin", password: "pictures for the guide" };
  const subject = { kind: "user", id: await account(page, robin) };
  const held = (await (await page.request.get("/api/v1/access?path=/demo")).json()) as { items: { subject: { id: string } }[] };
  if (!held.items.some((grant) => grant.subject.id === subject.id)) await call(page, "/demo", "grant", { subject, role: "member" });
  return signedIn(browser, robin, { viewport: { width: 1440, height: 900 }, colorScheme: "light", locale: "en-GB", timezoneId: "Europe/Berlin" });
}

/** A picture of one pixel. */
export const pixel = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");

export type Row = { id: string; version: number; values: Record<string, unknown> };

/** The values a table wants for a new row, made from its own schema so that the example may change. */
export async function newValues(page: Page, table: string, mark: string): Promise<Record<string, unknown>> {
  const first = await call<{ rows: Row[] }>(page, table, "search", { limit: 1 });
  const detail = (await (await page.request.get(`/api/v1/node${table}`)).json()) as {
    function: { actions: { name: string; input: { properties: { values: { properties: Record<string, { "x-kageos"?: { widget?: string } }> } } } }[] };
  };
  const entered = detail.function.actions.find((action) => action.name === "create")?.input.properties.values.properties ?? {};
  const like = first.rows[0]?.values ?? {};
  const values = Object.fromEntries(Object.keys(entered).map((name) => [name, like[name]]));
  for (const [name, schema] of Object.entries(entered)) if (schema["x-kageos"]?.widget === "email") values[name] = `${mark}@example.org`;
  return Object.fromEntries(Object.entries({ ...values, last_name: mark }).filter(([, value]) => value !== null && value !== undefined));
}
