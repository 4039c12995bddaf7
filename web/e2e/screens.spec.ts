import type { Page } from "@playwright/test";
import { activityOf, call, crm, customers, expect, expectAccessible, mark, newValues, type Row, test } from "./kageos";
import { origin } from "./setup";

/** An open invoice over 12.50 USD that no other test touches. */
async function newInvoice(page: Page): Promise<Row> {
  const found = await call<{ rows: Row[] }>(page, customers, "search", { limit: 1 });
  return call<Row>(page, `${crm}/invoice.table`, "create", { values: { customer: found.rows[0]?.id, invoice_date: "2026-01-15", total: "12.50" } });
}

test("the payment form is filled from the URL, checked, tried, submitted, and its invoice is paid", async ({ page }) => {
  const invoice = await newInvoice(page);
  await page.goto(`${crm}/record_payment.form`);
  const submit = page.getByRole("button", { name: "Submit" });
  await submit.click();
  await expect(page.getByText("This is needed.").first()).toBeVisible();
  await page.goto(`${crm}/record_payment.form?invoice=${invoice.id}&amount=2.50`);
  await expect(page.getByLabel("Amount")).toHaveValue("2.50");
  await page.getByRole("button", { name: "Try without effect" }).click();
  const result = page.locator("[data-test=form-result]");
  await expect(result).toContainText("This is what would happen");
  expect((await call<Row>(page, `${crm}/invoice.table`, "get", { id: invoice.id })).values).toMatchObject({ paid: "0.00", state: "open" });
  await submit.click();
  // The trial showed the same words; what stands there now is what happened.
  await expect(result).not.toContainText("This is what would happen");
  await expect(result).toContainText("Partly paid");
  await expect(result).toContainText("10.00 USD");
  expect((await call<Row>(page, `${crm}/invoice.table`, "get", { id: invoice.id })).values).toMatchObject({ paid: "2.50", state: "partly_paid" });
  await page.goto(`${crm}/invoice.table?row=${invoice.id}`);
  await expect(page.getByRole("dialog").getByText("Partly paid")).toBeVisible();
  // An open row would be asked for once more when it is gone.
  await page.goto("about:blank");
  await call(page, `${crm}/invoice.table`, "bulk", { op: "delete", ids: [invoice.id] });
});

test.describe("refused", () => {
  test.use({ quiet: /status of 422/ });

  test("the payment form asks for a reason only when it is wanted, and shows what the server refuses", async ({ page }) => {
    const invoice = await newInvoice(page);
    await page.goto(`${crm}/record_payment.form?invoice=${invoice.id}&amount=99999`);
    await expect(page.getByLabel("Note")).toBeHidden();
    await page.getByRole("button", { name: "Submit" }).click();
    await expect(page.locator("[data-field=amount]")).toContainText("are open on this invoice");
    await page.getByLabel("Allow overpayment").click();
    await page.getByRole("button", { name: "Submit" }).click();
    await expect(page.locator("[data-field=note]")).toContainText("This is needed.");
    await page.goto("about:blank");
    await call(page, `${crm}/invoice.table`, "bulk", { op: "delete", ids: [invoice.id] });
  });
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
  const name = mark();
  const row = await call<Row>(page, customers, "create", { values: await newValues(page, customers, name) });
  await call<Row>(page, customers, "update", { id: row.id, version: row.version, patch: { last_name: `${name}x` } });
  const entry = await activityOf(page, row, `${name}x`);
  await expect(entry).toContainText("system");
  await expect(entry.locator("del")).toHaveText([name]);
  await expect(entry.locator("ins")).toHaveText([`${name}x`]);
  await call(page, customers, "bulk", { op: "delete", ids: [row.id] });
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
  const login = mark().toLowerCase();
  await page.goto("/-/settings/users");
  await page.getByLabel("Login").fill(login);
  await page.getByLabel("Name").fill(`Person ${login}`);
  await page.getByLabel("First password").fill("correct horse battery");
  await page.getByRole("button", { name: "Create the user" }).click();
  await expect(page.getByRole("main").getByText(login, { exact: true })).toBeVisible();
  await page.goto("/-/settings/groups");
  await page.getByLabel("Name").fill(`Group ${login}`);
  await page.getByRole("button", { name: "Create the group" }).click();
  const group = page.getByRole("main").getByRole("listitem").filter({ hasText: `Group ${login}` });
  await group.getByRole("button", { name: "Add a person" }).click();
  await page.getByPlaceholder("Name or login").fill(login);
  await page.getByRole("option", { name: login }).click();
  await expect(group.getByRole("button", { name: `Remove Person ${login} from the group` })).toBeVisible();
  await expect(group.getByRole("button", { name: "Add a person" })).toBeVisible();
});

test("a group gets another name, and goes with its grants", async ({ page }) => {
  const name = mark();
  const made = await page.request.post("/api/v1/groups", { data: { name }, headers: { origin } });
  const { id } = (await made.json()) as { id: string };
  const { user } = (await (await page.request.get("/api/v1/session")).json()) as { user: { id: string } };
  await page.request.put(`/api/v1/groups/${id}/members/${user.id}`, { headers: { origin } });
  await call(page, crm, "grant", { subject: { kind: "group", id }, role: "viewer" });
  const holders = async () => ((await (await page.request.get(`/api/v1/access?path=${crm}`)).json()) as { items: { subject: { id: string } }[] }).items.map((grant) => grant.subject.id);
  expect(await holders()).toContain(id);
  await page.goto("/-/settings/groups");
  const main = page.getByRole("main");
  await main.getByRole("button", { name: `Edit the group ${name}` }).click();
  const form = page.getByRole("form", { name: `Edit the group ${name}` });
  await expect(form.getByLabel("Name")).toBeFocused();
  await form.getByLabel("Name").fill(`${name} renamed`);
  await expectAccessible(page);
  await page.keyboard.press("Enter");
  await expect(main.getByText(`${name} renamed`)).toBeVisible();
  await main.getByRole("button", { name: `Delete the group ${name} renamed` }).click();
  const sure = page.getByRole("dialog");
  await expect(sure).toContainText("Its 1 member loses what the group may do.");
  await expectAccessible(page);
  await sure.getByRole("button", { name: "Delete" }).click();
  await expect(sure).toBeHidden();
  await expect(main.getByText(`${name} renamed`)).toHaveCount(0);
  expect(await holders()).not.toContain(id);
});
