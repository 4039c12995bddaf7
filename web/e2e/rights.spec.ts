import { asPerson, crm, customers, expect, type Row, test, watch } from "./kageos";
import { origin } from "./setup";

test("a viewer reads everything and is offered nothing that writes", async ({ browser, page: admin, problems }) => {
  const context = await asPerson(browser, admin, "viewer");
  const page = await context.newPage();
  watch(page, problems);
  await page.goto(customers);
  const rows = page.getByRole("grid").locator("[data-row]");
  await expect(rows.first()).toBeVisible();
  await expect(page.getByRole("button", { name: "New row" })).toHaveCount(0);
  await expect(page.getByRole("checkbox")).toHaveCount(0);
  await page.getByRole("button", { name: "More" }).click();
  await expect(page.getByRole("menuitem", { name: "Export as CSV" })).toBeVisible();
  await expect(page.getByRole("menuitem", { name: "Import CSV" })).toHaveCount(0);
  await page.keyboard.press("Escape");
  await rows.first().click({ position: { x: 120, y: 18 } });
  const drawer = page.getByRole("dialog");
  await expect(drawer.getByRole("button", { name: "History" })).toBeVisible();
  for (const name of ["Edit", "Delete"]) await expect(drawer.getByRole("button", { name })).toHaveCount(0);
  await page.goto(`${crm}/record_payment.form`);
  await expect(page.getByText("You may not run this.")).toBeVisible();
  await expect(page.getByRole("button", { name: "Submit" })).toBeDisabled();
  await page.goto(`${crm}?panel=access`);
  await expect(page.locator("[data-test=explanation]")).toContainText("May not do this");
  await expect(page.getByRole("button", { name: "Give access" })).toHaveCount(0);
  await context.close();
});

test("a link to a form that one may not send says so, and the server refuses too", async ({ browser, page: admin, problems }) => {
  const context = await asPerson(browser, admin, "viewer");
  const page = await context.newPage();
  watch(page, problems);
  const found = await context.request.get(`/api/v1/rows${customers}?limit=1`);
  const row = ((await found.json()) as { rows: Row[] }).rows[0] as Row;
  for (const query of ["mode=create", `row=${row.id}&mode=edit`]) {
    await page.goto(`${customers}?${query}`);
    await expect(page.getByRole("dialog").getByText("You may not open this")).toBeVisible();
    await expect(page.getByRole("button", { name: "Save" })).toHaveCount(0);
  }
  const refused = await context.request.post(`/api/v1/call${customers}`, { data: { action: "update", input: { id: row.id, version: row.version, patch: { first_name: "No" } } }, headers: { origin } });
  expect(refused.status()).toBe(403);
  await context.close();
});

test("who has no grant sees nothing of the workspace", async ({ browser, page: admin }) => {
  const context = await asPerson(browser, admin);
  const page = await context.newPage();
  await page.goto("/");
  // Only the namespace that was made with the account.
  await expect(page.getByRole("treeitem")).toHaveText([/^Person /]);
  await page.goto(customers);
  await expect(page.getByText("Nothing is here")).toBeVisible();
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Go to or run" }).fill("customer");
  await expect(page.getByText("Nothing matches")).toBeVisible();
  await context.close();
});
