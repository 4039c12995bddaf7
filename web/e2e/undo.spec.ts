import type { Page } from "@playwright/test";
import { activityOf, call, crm, customers, expect, expectAccessible, mark, newValues, type Row, test } from "./kageos";

const toast = (page: Page) => page.locator("[data-test=toast]");
/** News stays while the pointer is at it, however long a look takes. */
const held = (page: Page) => toast(page).hover();
const newCustomer = async (page: Page, name: string) => call<Row>(page, customers, "create", { values: await newValues(page, customers, name) });
const values = async (page: Page, row: Row) => (await call<Row>(page, customers, "get", { id: row.id })).values;
const rows = (page: Page) => page.getByRole("grid").locator("[data-row]");

/** The table with one row of this test alone. */
async function open(page: Page, name: string): Promise<void> {
  await page.goto(`${customers}?q=${name}`);
  await expect(rows(page)).toHaveCount(1);
}
async function setCell(page: Page, title: "First name" | "Company", to: string): Promise<void> {
  await rows(page).first().locator(`[aria-colindex='${title === "Company" ? 4 : 2}']`).dblclick();
  await page.getByRole("textbox", { name: title }).fill(to);
  await page.keyboard.press("Enter");
}
const setFirstName = (page: Page, to: string) => setCell(page, "First name", to);

test("a cell is set back by the button of its toast, and done again", async ({ page }) => {
  const name = mark();
  const row = await newCustomer(page, name);
  const before = (await values(page, row))["first_name"];
  await open(page, name);
  await setFirstName(page, "Ada");
  await expect(toast(page)).toContainText("First name saved");
  await held(page);
  await expectAccessible(page);
  await page.emulateMedia({ colorScheme: "dark" });
  await expectAccessible(page);
  await toast(page).getByRole("button", { name: "Undo" }).click();
  await expect(toast(page)).toContainText("Undone: First name saved");
  await expect(rows(page).first()).toContainText(String(before));
  expect((await values(page, row))["first_name"]).toBe(before);
  await toast(page).getByRole("button", { name: "Redo" }).click();
  await expect(toast(page)).toContainText("Done again");
  await expect(rows(page).first()).toContainText("Ada");
  expect((await values(page, row))["first_name"]).toBe("Ada");
});

test("Ctrl Z takes back one thing after the other, and leaves text fields alone", async ({ page }) => {
  const name = mark();
  const row = await newCustomer(page, name);
  const { first_name, company } = await values(page, row);
  await open(page, name);
  await setFirstName(page, "Ada");
  // The page has the answer, too: before that there is nothing to take back.
  await expect(toast(page)).toContainText("First name saved");
  await setCell(page, "Company", "Analytical Engines");
  await expect(toast(page)).toContainText("Company saved");
  await page.getByRole("searchbox").press("Control+z");
  await expect(page.getByRole("searchbox")).toBeFocused();
  expect(await values(page, row)).toMatchObject({ first_name: "Ada", company: "Analytical Engines" });
  await page.getByRole("grid").focus();
  await page.keyboard.press("Control+z");
  await expect.poll(() => values(page, row)).toMatchObject({ first_name: "Ada", company });
  await page.keyboard.press("Control+z");
  await expect.poll(() => values(page, row)).toMatchObject({ first_name, company });
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog")).toContainText("Undo what was done last in this tab");
});

test("the toast beside an open drawer is reached by key and leaves the drawer as it is", async ({ page }) => {
  const name = mark();
  const row = await newCustomer(page, name);
  const before = (await values(page, row))["first_name"];
  await page.goto(`${customers}?row=${row.id}&mode=edit`);
  const drawer = page.getByRole("dialog");
  await drawer.getByLabel("First name").fill("Ada");
  await drawer.getByRole("button", { name: "Save" }).click();
  await expect(drawer.getByRole("heading", { name: /^Ada/ })).toBeVisible();
  // What a screen reader sees: the region is not hidden with the page behind the drawer.
  const news = page.getByRole("region", { name: "Notifications" });
  await expect(news.getByText("Row saved")).toBeVisible();
  await held(page);
  await expectAccessible(page);
  await page.keyboard.press("F8");
  await expect(news.getByRole("button", { name: "Undo" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(news.getByRole("button", { name: "Redo" })).toBeFocused();
  await expect(drawer.getByRole("heading", { name: new RegExp(`^${String(before)}`) })).toBeVisible();
  expect((await values(page, row))["first_name"]).toBe(before);
  await page.keyboard.press("Escape");
  await expect(toast(page)).toHaveCount(0);
  await expect(drawer).toBeVisible();
  expect(await drawer.evaluate((element) => element.contains(document.activeElement))).toBe(true);
});

test("a click on the toast does not close the drawer", async ({ page }) => {
  const name = mark();
  const row = await newCustomer(page, name);
  await page.goto(`${customers}?row=${row.id}&mode=edit`);
  await page.getByRole("dialog").getByLabel("First name").fill("Ada");
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await toast(page).getByRole("button", { name: "Undo" }).click();
  await expect(toast(page)).toContainText("Undone: Row saved");
  await expect(page.getByRole("dialog")).toBeVisible();
});

test("a submitted form is taken back with all that it changed", async ({ page }) => {
  const found = await call<{ rows: Row[] }>(page, customers, "search", { limit: 1 });
  const invoices = `${crm}/invoice.table`;
  const invoice = await call<Row>(page, invoices, "create", { values: { customer: found.rows[0]?.id, invoice_date: "2026-01-15", total: "12.50" } });
  const paid = async () => (await call<Row>(page, invoices, "get", { id: invoice.id })).values["paid"];
  await page.goto(`${crm}/record_payment.form?invoice=${invoice.id}&amount=2.50`);
  await page.getByRole("button", { name: "Submit", exact: true }).click();
  await expect(toast(page)).toContainText("Record payment: done");
  expect(await paid()).toBe("2.50");
  const result = page.locator("[data-test=form-result]");
  await expect(result).toContainText("Partly paid");
  await toast(page).getByRole("button", { name: "Undo" }).click();
  await expect(toast(page)).toContainText("Undone: Record payment: done");
  await expect(result).toContainText("Done and undone");
  await expect(result).not.toContainText("Partly paid");
  expect(await paid()).toBe("0.00");
  await toast(page).getByRole("button", { name: "Redo" }).click();
  await expect(result).toContainText("Partly paid");
  await expect(result).not.toContainText("undone");
  expect(await paid()).toBe("2.50");
  await expect(toast(page)).toContainText("Done again");
  await page.getByRole("main").press("Control+z");
  await expect(result).toContainText("Done and undone");
  expect(await paid()).toBe("0.00");
  // The form would ask for its invoice once more when it is gone.
  await page.goto("about:blank");
  await call(page, invoices, "bulk", { op: "delete", ids: [invoice.id] });
});

test.describe("an open row goes", () => {
  test.use({ quiet: /status of 404/ });

  test("a new row is taken back, a deleted one comes back, rows of an import go", async ({ page }) => {
    const name = mark();
    await page.goto(`${customers}?q=${name}&mode=create`);
    const drawer = page.getByRole("dialog");
    for (const [field, value] of Object.entries({ "First name": "Ada", "Last name": name, "E-mail": `${name}@example.org` })) await drawer.getByLabel(field).fill(value);
    await drawer.getByRole("button", { name: "Save" }).click();
    await expect(toast(page)).toContainText("Row created");
    await toast(page).getByRole("button", { name: "Undo" }).click();
    await expect(drawer).toContainText("Nothing is here");
    await toast(page).getByRole("button", { name: "Redo" }).click();
    await expect(drawer).toContainText(name);
    await drawer.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog", { name: "Delete this row?" }).getByRole("button", { name: "Delete" }).click();
    await expect(toast(page)).toContainText("Moved to the recycle bin");
    await expect(page.getByText("No row matches")).toBeVisible();
    await page.keyboard.press("Control+z");
    await expect(rows(page)).toHaveCount(1);
    await page.getByRole("button", { name: "More" }).click();
    await page.getByRole("menuitem", { name: "Import CSV" }).click();
    await page.getByLabel("Or paste it here").fill(`first_name,last_name,email\nGrace,${name},${name}1@example.org\nJoan,${name},${name}2@example.org\n`);
    await page.getByRole("button", { name: "Preview" }).click();
    await page.getByRole("button", { name: "Import 2 rows" }).click();
    await expect(rows(page)).toHaveCount(3);
    await toast(page).getByRole("button", { name: "Undo" }).click();
    await expect(rows(page)).toHaveCount(1);
    await page.getByRole("grid").focus();
    await page.keyboard.press("Control+a");
    await page.getByRole("toolbar", { name: "Actions on the selection" }).getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await expect(toast(page)).toContainText("1 row deleted");
    await toast(page).getByRole("button", { name: "Undo" }).click();
    await expect(rows(page)).toHaveCount(1);
  });

  test("a directory that was made, described or deleted is as it was", async ({ page }) => {
    const code = mark().toLowerCase();
    await page.goto(crm);
    const act = async (name: string) => {
      await page.getByRole("button", { name: "Actions of this directory" }).click();
      await page.getByRole("menuitem", { name }).click();
    };
    await act("New directory");
    await page.getByLabel("Code").fill(code);
    await page.getByRole("textbox", { name: "Title" }).fill(`Old ${code}`);
    await page.getByRole("button", { name: "Save" }).click();
    await expect(page).toHaveURL(new RegExp(`${code}$`));
    await act("Title and description");
    await page.getByRole("textbox", { name: "Title" }).fill(`New ${code}`);
    await page.getByRole("button", { name: "Save" }).click();
    const entry = (name: string) => page.getByRole("treeitem", { name });
    await expect(entry(`New ${code}`)).toBeVisible();
    await toast(page).getByRole("button", { name: "Undo" }).click();
    await expect(entry(`Old ${code}`)).toBeVisible();
    await act("Delete");
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await expect(page).toHaveURL(new RegExp(`${crm}$`));
    await expect(entry(`Old ${code}`)).toHaveCount(0);
    await toast(page).getByRole("button", { name: "Undo" }).click();
    await expect(entry(`Old ${code}`)).toBeVisible();
    await call(page, `${crm}/${code}`, "delete", {});
  });
});

test("what cannot be taken back is said and not offered", async ({ page }) => {
  const name = mark();
  const row = await newCustomer(page, name);
  await call(page, customers, "bulk", { op: "delete", ids: [row.id] });
  await page.goto(`${customers}?bin=1&row=${row.id}`);
  await page.getByRole("dialog").getByRole("button", { name: "Delete for ever" }).click();
  await page.getByRole("dialog", { name: "Delete this row for ever?" }).getByRole("button", { name: "Delete for ever" }).click();
  await expect(toast(page)).toContainText("Deleted for ever");
  await held(page);
  await expect(toast(page).getByRole("button", { name: "Undo" })).toHaveCount(0);
});

test.describe("refused", () => {
  test.use({ quiet: /calls\/\w+\/undo/ });

  test("what was changed since stands in the way, by toast and in the activity", async ({ page }) => {
    const name = mark();
    const row = await newCustomer(page, name);
    await open(page, name);
    await setFirstName(page, "Ada");
    await expect(toast(page)).toContainText("First name saved");
    const now = await call<Row>(page, customers, "get", { id: row.id });
    await call(page, customers, "update", { id: row.id, version: now.version, patch: { first_name: "Grace" } });
    await toast(page).getByRole("button", { name: "Undo" }).click();
    await expect(toast(page)).toContainText("This was changed or deleted since, so nothing was undone.");
    const link = toast(page).getByRole("link", { name: `Grace ${name} · customer.table` });
    await expectAccessible(page);
    await link.click();
    await expect(page.getByRole("dialog")).toContainText("Grace");
    await page.keyboard.press("Escape");
    expect((await values(page, row))["first_name"]).toBe("Grace");
    const entry = await activityOf(page, row, "Ada");
    await entry.getByRole("button", { name: "Undo…" }).click();
    await expect(entry.getByRole("alert")).toContainText("nothing was undone");
    await expect(entry.getByRole("alert").getByRole("link")).toHaveText(`Grace ${name} · customer.table`);
    await expectAccessible(page);
  });

  test("a row that was deleted since is found in the recycle bin", async ({ page }) => {
    const name = mark();
    const row = await newCustomer(page, name);
    await open(page, name);
    await setFirstName(page, "Ada");
    await expect(toast(page)).toContainText("First name saved");
    await call(page, customers, "bulk", { op: "delete", ids: [row.id] });
    await toast(page).getByRole("button", { name: "Undo" }).click();
    await toast(page).getByRole("link", { name: `Ada ${name} · customer.table` }).click();
    await expect(page).toHaveURL(/bin=1/);
    const drawer = page.getByRole("dialog");
    await expect(drawer).toContainText(name);
    // Before it is back, there is no such row for whoever asks.
    const restored = page.waitForResponse((response) => /"action":\s*"restore"/.test(response.request().postData() ?? ""));
    await drawer.getByRole("button", { name: "Restore" }).click();
    expect((await restored).ok()).toBe(true);
    expect(await values(page, row)).toMatchObject({ first_name: "Ada" });
  });
});

test("the activity shows what an undo would set back, and does it", async ({ page }) => {
  const name = mark();
  const row = await newCustomer(page, name);
  const before = String(row.values["first_name"]);
  await call(page, customers, "update", { id: row.id, version: row.version, patch: { first_name: name } });
  const entry = await activityOf(page, row, name);
  await entry.getByRole("button", { name: "Undo…" }).click();
  const preview = page.getByRole("region", { name: "This would be set back" });
  await expect(preview.locator("del")).toHaveText([name]);
  await expect(preview.locator("ins")).toHaveText([before]);
  expect((await values(page, row))["first_name"]).toBe(name);
  await expectAccessible(page);
  await preview.getByRole("button", { name: "Undo", exact: true }).click();
  await expect(toast(page)).toContainText("Undone: update");
  await expect.poll(async () => (await values(page, row))["first_name"]).toBe(before);
});
