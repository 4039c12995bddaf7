import { asPerson, crm, expect, expectAccessible, test, watch } from "./kageos";
import { system } from "./setup";

test.describe("signed out", () => {
  test.use({ quiet: /status of 401/, storageState: { cookies: [], origins: [] } });

  test("asks to sign in, says what is wrong, and goes where one wanted to go", async ({ page }) => {
    await page.goto(`${crm}/customer.table?sort=last_name`);
    await expect(page).toHaveURL(/\/login\?next=/);
    await expectAccessible(page);
    await page.getByLabel("Login").fill("nobody");
    await page.getByLabel("Password").fill("wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await expect(page.getByRole("alert")).toBeVisible();
    await page.getByLabel("Login").fill(system.login);
    await page.getByLabel("Password").fill(system.password);
    await page.getByRole("button", { name: "Sign in" }).click();
    await expect(page).toHaveURL(`${crm}/customer.table?sort=last_name`);
    await page.locator("[data-test=user-menu]").click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await expect(page).toHaveURL(/\/login/);
  });
});

test.describe("signed in", () => {
  test("the policy of the page lets the theme through", async ({ page }) => {
    await page.goto(crm);
    await expect(page.getByRole("tree")).toBeVisible();
    const primary = await page.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue("--ui-color-primary-600").trim());
    expect(primary).not.toBe("");
    // A stray style element must be refused, or the policy is not there.
    const refused = await page.evaluate(() => {
      const style = document.createElement("style");
      style.textContent = "body { --stray: 1 }";
      document.head.append(style);
      const value = getComputedStyle(document.body).getPropertyValue("--stray");
      style.remove();
      return value === "";
    });
    expect(refused).toBe(true);
  });
  test.use({ quiet: /inline style|status of 404/ });

  test("the tree is walked by keyboard", async ({ page }) => {
    await page.goto(crm);
    const entry = page.getByRole("treeitem", { name: "Music shop" });
    await expect(entry).toHaveAttribute("aria-expanded", "true");
    await entry.focus();
    await page.keyboard.press("ArrowLeft");
    await expect(entry).toHaveAttribute("aria-expanded", "false");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await expect(page).toHaveURL(new RegExp(`${crm}/\\w+`));
  });

  test("a directory shows its children and finds among them", async ({ page }) => {
    await page.goto(crm);
    await expect(page.locator("main").getByRole("link", { name: /Runbook/ })).toBeVisible();
    await page.getByLabel("Filter this list").fill("invoice");
    await expect(page.locator("main").getByRole("listitem").getByRole("link")).toHaveText([/^Invoices/, /^Invoice lines/]);
  });

  test("the palette goes to a path and shows the keys", async ({ page }) => {
    await page.goto(crm);
    await expect(page.getByRole("treeitem", { name: "Music shop" })).toBeVisible();
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: "Go to or run" }).fill("customer");
    await expect(page.getByRole("option").filter({ hasText: `${crm}/customer.table` })).toBeVisible();
    await page.keyboard.press("Enter");
    await expect(page).toHaveURL(/customer/);
    await page.goto(crm);
    await expect(page.getByRole("treeitem", { name: "Music shop" })).toBeVisible();
    await page.keyboard.press("?");
    await expect(page.getByRole("dialog", { name: "Keyboard" })).toBeVisible();
  });

  test("a missing path says so and offers a way on", async ({ page }) => {
    await page.goto(`${crm}/no_such_thing`);
    await expect(page.getByText("Nothing is here")).toBeVisible();
    await page.getByRole("link", { name: "Go to the start" }).click();
    await expect(page).toHaveURL(/\/$/);
    await expect(page.getByRole("main").getByRole("link", { name: /^demo/ })).toBeVisible();
    await page.reload();
    await expect(page.getByRole("main").getByRole("link", { name: /^demo/ })).toBeVisible();
  });

  test("Chinese is complete on the way through the shell, and stays with the person", async ({ browser, page: admin, problems }) => {
    const context = await asPerson(browser, admin, "viewer");
    const page = await context.newPage();
    watch(page, problems);
    await page.goto(`${crm}/customer.table`);
    await page.locator("[data-test=user-menu]").click();
    await page.getByRole("menuitemcheckbox", { name: "中文" }).click();
    await expect(page.locator("html")).toHaveAttribute("lang", "zh-CN");
    await expect(page.getByRole("button", { name: "筛选" })).toBeVisible();
    await page.evaluate(() => localStorage.clear());
    await page.reload();
    await expect(page.getByRole("button", { name: "筛选" })).toBeVisible();
    await page.locator("[data-test=user-menu]").click();
    await page.getByRole("menuitemcheckbox", { name: "English" }).click();
    await expect(page.locator("html")).toHaveAttribute("lang", "en");
    await context.close();
  });
});
