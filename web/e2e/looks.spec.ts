import { crm, expect, expectAccessible, signIn, test } from "./kageos";

const screens: Record<string, string> = {
  start: "/",
  directory: crm,
  table: `${crm}/customer.table`,
  "new row": `${crm}/customer.table?mode=create`,
  "empty search": `${crm}/customer.table?q=zz-nobody-has-this-name`,
  form: `${crm}/record_payment.form`,
  chart: `${crm}/revenue_by_country.chart`,
  document: `${crm}/runbook.docs`,
  activity: `${crm}/customer.table?panel=activity`,
  access: `${crm}?panel=access`,
  profile: "/-/settings",
  tokens: "/-/settings/tokens",
  users: "/-/settings/users",
};

for (const theme of ["light", "dark"] as const) {
  for (const width of [1440, 360]) {
    test.describe(`${theme}, ${width} px`, () => {
      test.use({ colorScheme: theme, viewport: { width, height: 800 } });
      test.beforeEach(async ({ context }) => {
        await signIn(context);
        await context.addInitScript((value) => localStorage.setItem("kageos.theme", value), theme);
      });
      for (const [name, url] of Object.entries(screens)) {
        test(`${name} has no serious finding and no sideways scroll`, async ({ page }) => {
          await page.goto(url);
          await expect(page.getByRole("main").or(page.getByRole("dialog")).first()).toBeVisible();
          await page.waitForLoadState("load");
          await expect(page.locator("[aria-label='Loading']")).toHaveCount(0);
          await expectAccessible(page);
          const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
          expect(over).toBeLessThanOrEqual(0);
        });
      }
    });
  }
}

test("the first row stands at most 96 px below the top", async ({ page, context }) => {
  await signIn(context);
  await page.goto(`${crm}/customer.table`);
  const box = await page.getByRole("grid").locator("[data-row]").first().boundingBox();
  expect(box?.y).toBeLessThanOrEqual(96);
});
