import type { Locator, Page } from "@playwright/test";
import { call, customers, expect, expectAccessible, mark, newValues, type Row, test } from "./kageos";

async function newCustomer(page: Page, name: string): Promise<Row> {
  return call<Row>(page, customers, "create", { values: await newValues(page, customers, name) });
}
const cell = (page: Page, title: string, row = 0): Locator => page.getByRole("grid").locator("[data-row]").nth(row).locator(`[aria-colindex="${columns.indexOf(title) + 2}"]`);
const columns = ["First name", "Last name", "Company", "E-mail", "Phone", "City", "Country", "Looked after by"];
const values = async (page: Page, row: Row) => (await call<Row>(page, customers, "get", { id: row.id })).values;

/** The table with one row of this test alone. */
async function open(page: Page, name: string): Promise<void> {
  await page.goto(`${customers}?q=${name}`);
  await expect(page.getByRole("grid").locator("[data-row]")).toHaveCount(1);
}

test("a cell is edited by double click, kept by Enter, marked as saved, and Tab goes on", async ({ page }) => {
  const name = mark();
  const row = await newCustomer(page, name);
  await open(page, name);
  await cell(page, "First name").dblclick();
  const input = page.getByRole("grid").getByRole("textbox");
  await expect(input).toBeFocused();
  await input.fill("Ada");
  // The mark goes after a moment, so it is waited for from the beginning.
  const marked = cell(page, "First name").locator("[data-test=saved]").waitFor();
  await page.keyboard.press("Tab");
  await expect(page.getByRole("textbox", { name: "Last name" })).toBeFocused();
  await marked;
  await page.keyboard.press("Tab");
  await page.getByRole("textbox", { name: "Company" }).fill("Analytical Engines");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("grid")).toBeFocused();
  await expect.poll(() => values(page, row)).toMatchObject({ first_name: "Ada", last_name: name, company: "Analytical Engines" });
});

test("by keyboard alone: F2 edits, Escape leaves it as it was, a choice is picked from its list", async ({ page }) => {
  const name = mark();
  const row = await newCustomer(page, name);
  const before = await values(page, row);
  await open(page, name);
  await page.getByRole("grid").focus();
  await page.keyboard.press("F2");
  await expect(page.getByRole("textbox", { name: "First name" })).toBeFocused();
  await page.keyboard.type("not this");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("grid")).toBeFocused();
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("option").first()).toBeVisible();
  await page.keyboard.type("King");
  await expect(page.getByRole("option").first()).toHaveText("King");
  await page.keyboard.press("Enter");
  await expect(cell(page, "Looked after by")).toContainText("King");
  await expect.poll(async () => (await values(page, row))["support_rep"]).not.toBe(before["support_rep"]);
  expect((await values(page, row))["first_name"]).toBe(before["first_name"]);
  // The row itself is one key further.
  await page.keyboard.press("Shift+Enter");
  await expect(page.getByRole("dialog")).toContainText(name);
});

test("what a cell may not hold is said at the cell and not sent", async ({ page }) => {
  const name = mark();
  const row = await newCustomer(page, name);
  await open(page, name);
  await cell(page, "E-mail").dblclick();
  const input = page.getByRole("textbox", { name: "E-mail" });
  await input.fill("nonsense");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("grid").getByRole("alert")).toHaveText("This does not have the expected form.");
  await expect(input).toBeFocused();
  await expectAccessible(page);
  await input.fill(`${name}2@example.org`);
  await page.keyboard.press("Enter");
  await expect.poll(async () => (await values(page, row))["email"]).toBe(`${name}2@example.org`);
});

test.describe("two people at once", () => {
  test.use({ quiet: /status of 409/ });

  test("a cell that meets somebody else's change shows both versions", async ({ page }) => {
    const name = mark();
    const row = await newCustomer(page, name);
    await open(page, name);
    await cell(page, "Last name").dblclick();
    await page.getByRole("textbox", { name: "Last name" }).fill(`${name}mine`);
    await call<Row>(page, customers, "update", { id: row.id, version: row.version, patch: { first_name: `${name}theirs` } });
    await page.keyboard.press("Enter");
    const drawer = page.getByRole("dialog");
    await expect(drawer.getByText("Somebody else saved this row first")).toBeVisible();
    await expect(drawer.getByRole("cell", { name: `${name}mine` })).toBeVisible();
    await drawer.getByRole("button", { name: "Go on with this" }).click();
    await drawer.getByRole("button", { name: "Save" }).click();
    await expect.poll(() => values(page, row)).toMatchObject({ first_name: `${name}theirs`, last_name: `${name}mine` });
  });
});

test.describe("refused", () => {
  test.use({ quiet: /status of 422/ });

  test("what the server refuses comes back into its cell", async ({ page }) => {
    const name = mark();
    const row = await newCustomer(page, name);
    await newCustomer(page, `${name}other`);
    await page.goto(`${customers}?q=${name}&sort=last_name`);
    await expect(page.getByRole("grid").locator("[data-row]")).toHaveCount(2);
    // Longer than the column takes: the browser says so too, so the server is asked with the check's word alone.
    await cell(page, "First name").dblclick();
    await page.getByRole("textbox", { name: "First name" }).fill("x".repeat(5000));
    await page.keyboard.press("Enter");
    await expect(page.getByRole("grid").getByRole("alert")).toBeVisible();
    await page.keyboard.press("Escape");
    expect((await values(page, row))["last_name"]).toBe(name);
  });
});

test("columns are widened, moved and pinned by pointer and by key", async ({ page }) => {
  await page.goto(customers);
  const header = (title: string) => page.getByRole("columnheader", { name: title });
  await expect(header("City")).toBeVisible();
  const width = async (title: string) => (await header(title).boundingBox())?.width ?? 0;
  const before = await width("Last name");
  const edge = await page.locator("[data-edge=last_name]").boundingBox();
  await page.mouse.move((edge?.x ?? 0) + 3, (edge?.y ?? 0) + 10);
  await page.mouse.down();
  await page.mouse.move((edge?.x ?? 0) + 123, (edge?.y ?? 0) + 10, { steps: 4 });
  await page.mouse.up();
  await expect.poll(() => width("Last name")).toBeGreaterThan(before + 60);
  // The same by key, on the header.
  await page.getByRole("grid").focus();
  await page.keyboard.press("Control+Home");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowRight");
  const first = await width("First name");
  for (let press = 0; press < 3; press += 1) await page.keyboard.press("Shift+ArrowRight");
  await expect.poll(() => width("First name")).toBeGreaterThan(first + 30);
  await page.keyboard.press("Control+Shift+ArrowRight");
  await expect(page.getByRole("columnheader").nth(1)).toContainText("Last name");
  await page.keyboard.press("p");
  await expect(page.getByRole("columnheader").nth(1)).toContainText("First name");
  await expect(page).toHaveURL(/pin=first_name/);
  await header("City").dragTo(header("Company"));
  await expect(page.getByRole("columnheader").nth(3)).toContainText("City");
});

test("a link shows its columns, the browser remembers what was changed, and all can be as it was", async ({ page }) => {
  await page.goto(`${customers}?cols=last_name,first_name,city,phone&pin=city`);
  const header = (title: string) => page.getByRole("columnheader", { name: title });
  await expect(page.getByRole("columnheader").nth(1)).toContainText("City");
  await expect(header("E-mail")).toHaveCount(0);
  await page.getByRole("button", { name: "Columns" }).click();
  await page.getByRole("checkbox", { name: "Phone" }).click();
  await expect(header("Phone")).toHaveCount(0);
  await expectAccessible(page);
  const order = await page.getByRole("columnheader").allInnerTexts();
  await page.goto(customers);
  await expect(page.getByRole("columnheader")).toHaveText(order.map((title) => title.trim()));
  await page.getByRole("button", { name: "Columns" }).click();
  await page.getByRole("button", { name: "As it was" }).click();
  await expect(page.getByRole("columnheader").nth(1)).toContainText("First name");
  await expect(header("Phone")).toBeVisible();
  await expect(page).not.toHaveURL(/cols=|pin=/);
});

test.describe("a narrow window", () => {
  test.use({ viewport: { width: 700, height: 700 } });

  test("only the columns in sight are on the page, and a pinned one stays", async ({ page }) => {
    await page.goto(`${customers}?cols=first_name,last_name,company,email,phone,fax,address,city,state,country,postal_code,support_rep&pin=last_name`);
    const grid = page.getByRole("grid");
    await expect(grid.locator("[data-row]").first()).toBeVisible();
    await expect(page.getByRole("columnheader", { name: "Looked after by" })).toHaveCount(0);
    await expect(grid).toHaveAttribute("aria-colcount", "13");
    await grid.focus();
    await page.keyboard.press("End");
    await expect(page.getByRole("columnheader", { name: "Looked after by" })).toBeInViewport();
    await expect(page.getByRole("columnheader", { name: "First name" })).toHaveCount(0);
    await expect(page.getByRole("columnheader", { name: "Last name" })).toBeInViewport();
    const active = page.locator(`[id="${await grid.getAttribute("aria-activedescendant")}"]`);
    await expect(active).toBeInViewport();
  });
});

test("the active cell is copied, and all loaded rows are selected by one key", async ({ page, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const name = mark();
  const row = await newCustomer(page, name);
  await open(page, name);
  await page.getByRole("grid").focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Control+c");
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe((await values(page, row))["last_name"]);
  await page.keyboard.press("Control+a");
  await expect(page.getByText("1 selected")).toBeVisible();
});

test("the rows are asked for once, before the application is there", async ({ page }) => {
  const asked: string[] = [];
  page.on("request", (request) => /\/api\/v1\/(call|node|session)/.test(request.url()) && asked.push(new URL(request.url()).pathname));
  await page.goto(`${customers}?sort=-last_name,first_name&q=a&filter=${encodeURIComponent(JSON.stringify({ ne: ["country", "Nowhere"] }))}`);
  await expect(page.getByRole("grid").locator("[data-row]").first()).toBeVisible();
  expect(asked.toSorted()).toEqual([`/api/v1/call${customers}`, `/api/v1/node${customers}`, "/api/v1/session"]);
});
