import type { Page } from "@playwright/test";
import { call, crm, customers, expect, expectAccessible, mark, newValues, type Row, test } from "./kageos";
import { origin } from "./setup";

const screens: Record<string, string> = {
  start: "/",
  directory: crm,
  table: customers,
  "new row": `${customers}?mode=create`,
  "empty search": `${customers}?q=zz-nobody-has-this-name`,
  "recycle bin": `${customers}?bin=1`,
  form: `${crm}/record_payment.form`,
  chart: `${crm}/revenue_by_country.chart`,
  document: `${crm}/runbook.docs`,
  activity: `${customers}?panel=activity`,
  access: `${crm}?panel=access`,
  profile: "/-/settings",
  tokens: "/-/settings/tokens",
  users: "/-/settings/users",
  groups: "/-/settings/groups",
  "hand over": "/-/settings/transfer",
  operations: "/-/api",
  operation: "/-/api?op=call",
};
const narrow = ["directory", "table", "form", "document", "groups", "hand over", "operations", "operation"];

/** What has to be there for a screen to show anything. */
const arranged: Record<string, (page: Page) => Promise<unknown>> = {
  "recycle bin": async (page) => {
    const { id } = await call<Row>(page, customers, "create", { values: await newValues(page, customers, mark()) });
    await call(page, customers, "bulk", { op: "delete", ids: [id] });
  },
  groups: async (page) => {
    const [group, session] = [await page.request.post("/api/v1/groups", { data: { name: mark() }, headers: { origin } }), await page.request.get("/api/v1/session")];
    const { id } = (await group.json()) as { id: string };
    const { user } = (await session.json()) as { user: { id: string } };
    await page.request.put(`/api/v1/groups/${id}/members/${user.id}`, { headers: { origin } });
  },
};

for (const [name, url] of Object.entries(screens)) {
  test(`${name}: no serious finding, light and dark`, async ({ page }) => {
    await arranged[name]?.(page);
    await page.goto(url);
    await expect(page.getByRole("main").or(page.getByRole("dialog")).first()).toBeVisible();
    await expect(page.locator("[aria-label='Loading']")).toHaveCount(0);
    await expect(page.locator("html")).toHaveClass(/light/);
    await expectAccessible(page);
    await page.emulateMedia({ colorScheme: "dark" });
    await expect(page.locator("html")).toHaveClass(/dark/);
    await expectAccessible(page);
  });
}

test.describe("360 px", () => {
  test.use({ viewport: { width: 360, height: 800 } });
  for (const name of narrow) {
    test(`${name}: no serious finding, no sideways scroll`, async ({ page }) => {
      await arranged[name]?.(page);
      await page.goto(screens[name] ?? "/");
      await expect(page.getByRole("main")).toBeVisible();
      await expect(page.locator("[aria-label='Loading']")).toHaveCount(0);
      await expectAccessible(page);
      expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);
    });
  }
});

test("an open list that is searched: no serious finding, and its keys work", async ({ page }) => {
  await page.goto(`${crm}/invoice.table?mode=create`);
  const field = page.getByRole("dialog").locator("[data-field=customer]");
  await field.getByRole("button").first().click();
  const list = page.getByRole("listbox");
  await expect(list.getByRole("option").first()).toBeVisible();
  await expectAccessible(page);
  await page.keyboard.type("Almeida");
  await expect(list.getByRole("option")).toHaveText(["Almeida"]);
  await expectAccessible(page);
  await page.keyboard.press("Enter");
  await expect(field).toContainText("Almeida");
});

test("the first row stands at most 96 px below the top", async ({ page }) => {
  await page.goto(customers);
  const box = await page.getByRole("grid").locator("[data-row]").first().boundingBox();
  expect(box?.y).toBeLessThanOrEqual(96);
});
