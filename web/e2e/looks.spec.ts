import { crm, customers, expect, expectAccessible, test } from "./kageos";

const screens: Record<string, string> = {
  start: "/",
  directory: crm,
  table: customers,
  "new row": `${customers}?mode=create`,
  "empty search": `${customers}?q=zz-nobody-has-this-name`,
  form: `${crm}/record_payment.form`,
  chart: `${crm}/revenue_by_country.chart`,
  document: `${crm}/runbook.docs`,
  activity: `${customers}?panel=activity`,
  access: `${crm}?panel=access`,
  profile: "/-/settings",
  tokens: "/-/settings/tokens",
  users: "/-/settings/users",
  "hand over": "/-/settings/transfer",
  operations: "/-/api",
  operation: "/-/api?op=call",
};
const narrow = ["directory", "table", "form", "document", "hand over", "operations", "operation"];

for (const [name, url] of Object.entries(screens)) {
  test(`${name}: no serious finding, light and dark`, async ({ page }) => {
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
