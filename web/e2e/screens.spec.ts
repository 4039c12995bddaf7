import { call, crm, expect, type Row, signIn, test } from "./kageos";

test.beforeEach(async ({ context }) => signIn(context));

test("the payment form is filled from the URL, checked, tried, and submitted", async ({ page }) => {
  const invoices = await call<{ rows: Row[] }>(page, `${crm}/invoice.table`, "search", { limit: 1 });
  await page.goto(`${crm}/record_payment.form`);
  const submit = page.locator("main button[type=submit]").first();
  await submit.click();
  await expect(page.getByText("This is needed.").first()).toBeVisible();
  await page.goto(`${crm}/record_payment.form?invoice=${invoices.rows[0]?.id ?? ""}&amount=0.01`);
  await expect(page.getByLabel("Amount")).toHaveValue("0.01");
});

test("a relation is picked by searching the other table", async ({ page }) => {
  await page.goto(`${crm}/invoice.table?mode=create`);
  const drawer = page.getByRole("dialog");
  await drawer.locator("[data-field=customer] button").first().click();
  await expect(page.getByRole("option").first()).toBeVisible();
  await page.getByRole("option").first().click();
  await expect(drawer.locator("[data-field=customer]")).not.toContainText("Choose");
});

for (const chart of ["revenue_by_country", "revenue_by_month"]) {
  test(`${chart} is drawn, read as a table, and leads to exactly its rows`, async ({ page }) => {
    await page.goto(`${crm}/${chart}.chart`);
    await expect(page.locator("[data-test=chart] canvas")).toBeVisible();
    await page.getByRole("button", { name: "As a table" }).click();
    const link = page.locator("main table").getByRole("link").first();
    await link.click();
    await expect(page).toHaveURL(/invoice\.table\?filter=/);
    await expect(page.getByRole("grid").locator("[data-row]").first()).toBeVisible();
  });
}

test("the runbook shows live embeds and a table of contents", async ({ page }) => {
  await page.goto(`${crm}/runbook.docs`);
  await expect(page.locator("article")).not.toBeEmpty();
  const places = await page.locator("[data-kageos-embed]").count();
  expect(places).toBeGreaterThan(0);
  await expect(page.locator("article figure figcaption")).toHaveCount(places);
});

test("activity names who changed what, with old and new values", async ({ page }) => {
  const table = `${crm}/customer.table`;
  const found = await call<{ rows: Row[] }>(page, table, "search", { limit: 1 });
  const row = found.rows[0] as Row;
  const before = String(row.values["first_name"]);
  const after = `${before.slice(0, 10)}${Date.now().toString(36).slice(-4)}`;
  const changed = await call<Row>(page, table, "update", { id: row.id, version: row.version, patch: { first_name: after } });
  await page.goto(`${table}?panel=activity`);
  const entry = page.getByRole("tabpanel").getByRole("listitem").first();
  await entry.getByRole("button").click();
  await expect(entry.locator("ins").filter({ hasText: after })).toBeVisible();
  await expect(entry.locator("del").filter({ hasText: before })).toBeVisible();
  await call(page, table, "update", { id: row.id, version: changed.version, patch: { first_name: before } });
});

test("the access panel lists grants and says why", async ({ page }) => {
  await page.goto(`${crm}?panel=access`);
  const panel = page.getByRole("tabpanel");
  await expect(panel.getByRole("heading", { name: /Granted here|Inherited/ }).first()).toBeVisible();
  await expect(panel.locator("[data-test=explanation]")).toContainText("May do this");
});

test("a token is shown once and can be deleted", async ({ page }) => {
  const name = `e2e ${Date.now().toString(36)}`;
  await page.goto("/-/settings/tokens");
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Path it reaches").fill(crm);
  await page.getByRole("button", { name: "Make the token" }).click();
  await expect(page.locator("[data-test=new-token]")).not.toBeEmpty();
  await page.reload();
  await expect(page.locator("[data-test=new-token]")).toBeHidden();
  await page.getByRole("button", { name: `Delete the token ${name}` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await expect(page.getByText(name)).toHaveCount(0);
});

test("an administrator makes a user and a group", async ({ page }) => {
  const login = `e2e${Date.now().toString(36)}`;
  await page.goto("/-/settings/users");
  await page.getByLabel("Login").fill(login);
  await page.getByLabel("Name").fill(`Person ${login}`);
  await page.getByLabel("First password").fill(`correct horse ${login}`);
  await page.getByRole("button", { name: "Create the user" }).click();
  await expect(page.getByRole("main").getByText(login, { exact: true })).toBeVisible();
  await page.goto("/-/settings/groups");
  await page.getByLabel("Code").fill(login);
  await page.getByLabel("Title").fill(`Group ${login}`);
  await page.getByRole("button", { name: "Create the group" }).click();
  await expect(page.getByRole("main").getByText(`Group ${login}`)).toBeVisible();
});
