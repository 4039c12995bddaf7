import type { Page, Request, Route } from "@playwright/test";
import { crm, customers, expect, expectAccessible, mark, test } from "./kageos";
import { system } from "./setup";

const form = `${crm}/record_payment.form`;
const bar = (page: Page) => page.locator("[data-test=connection]");
const count = (page: Page, path: string) => {
  const seen: Request[] = [];
  page.on("request", (request) => new URL(request.url()).pathname === path && seen.push(request));
  return () => seen.length;
};

test.describe("the server away", () => {
  test.use({ quiet: /ERR_INTERNET_DISCONNECTED/ });

  test("a bar says so, what was typed stays, and all goes on when it is back", async ({ page, context }) => {
    await page.goto(`${form}?amount=7.50`);
    await page.getByLabel("Amount").fill("8.25");
    await page.getByLabel("Allow overpayment").click();
    await context.setOffline(true);
    await page.getByRole("treeitem", { name: "Music shop" }).click();
    await expect(bar(page)).toContainText("The server does not answer");
    await expectAccessible(page);
    await page.goBack();
    await expect(page.getByLabel("Amount")).toHaveValue("8.25");
    // What the page asks by itself is held back too, or its answer takes the button away before it is pressed.
    const held: Route[] = [];
    await page.route("**/healthz", (route) => void held.push(route));
    await context.setOffline(false);
    const before = held.length;
    await page.getByRole("button", { name: "Try now" }).click();
    await expect.poll(() => held.length).toBeGreaterThan(before);
    await Promise.all(held.map((route) => route.continue()));
    await page.unroute("**/healthz");
    await expect(bar(page)).toHaveCount(0);
    await expect(page.getByLabel("Amount")).toHaveValue("8.25");
    await page.locator("[data-test=draft]").getByRole("button").click();
    await expect(page.getByLabel("Amount")).toHaveValue("7.50");
  });

  test("a table that could not be read reads itself again, and nobody storms the server", async ({ page, context }) => {
    await page.goto(crm);
    await expect(page.getByRole("treeitem", { name: "Customers" })).toBeVisible();
    // All of the page is there, also what it loads last.
    await expect(page.locator("#content").getByRole("button", { name: "Actions" })).toBeVisible();
    const streams = count(page, "/api/v1/events");
    const probes = count(page, "/healthz");
    await context.setOffline(true);
    await page.getByRole("treeitem", { name: "Customers" }).click();
    await expect(bar(page)).toBeVisible();
    await expect.poll(probes, { timeout: 15_000 }).toBeGreaterThanOrEqual(3);
    expect(streams()).toBeLessThanOrEqual(5);
    await context.setOffline(false);
    await expect(page.getByRole("grid").locator("[data-row]").first()).toBeVisible({ timeout: 15_000 });
    await expect(bar(page)).toHaveCount(0);
  });

  test("a cell that could not be saved keeps what was typed", async ({ page, context }) => {
    await page.goto(`${customers}?sort=last_name`);
    const first = page.getByRole("grid").locator("[data-row]").first().locator("[aria-colindex='4']");
    await first.dblclick();
    const input = page.getByRole("textbox", { name: "Company" });
    const word = mark();
    await input.fill(word);
    await context.setOffline(true);
    await page.keyboard.press("Enter");
    await expect(page.getByRole("grid").getByRole("alert")).toContainText("not saved");
    await expect(input).toHaveValue(word);
    await context.setOffline(false);
    await page.keyboard.press("Escape");
    await expect(first).not.toContainText(word);
  });
});

test.describe("the session ended", () => {
  test.use({ quiet: /status of 401/ });

  test("signing in leads back to the same address with what was typed", async ({ page, context }) => {
    await page.goto(`${form}?amount=3.00`);
    await page.getByLabel("Amount").fill("4.75");
    await page.getByLabel("Allow overpayment").click();
    await context.clearCookies();
    await page.getByRole("treeitem", { name: "Music shop" }).click();
    await page.goBack();
    await page.goto(`${customers}?mode=create`);
    await expect(page).toHaveURL(/\/login\?next=/);
    await page.getByLabel("Login").fill(system.login);
    await page.getByLabel("Password").fill(system.password);
    await page.getByRole("button", { name: "Sign in" }).click();
    const drawer = page.getByRole("dialog");
    await drawer.getByLabel("Last name").fill("Half typed");
    await context.clearCookies();
    await drawer.getByLabel("First name").fill("Somebody");
    await drawer.getByLabel("E-mail").fill("somebody@example.org");
    await drawer.getByRole("button", { name: "Save" }).click();
    await expect(page.getByText("Your session has ended")).toBeVisible();
    await expectAccessible(page);
    await page.getByLabel("Login").fill(system.login);
    await page.getByLabel("Password").fill(system.password);
    await page.getByRole("button", { name: "Sign in" }).click();
    await expect(page).toHaveURL(`${customers}?mode=create`);
    await expect(drawer.getByLabel("Last name")).toHaveValue("Half typed");
    await expect(page.locator("[data-test=draft]")).toBeVisible();
    await drawer.getByRole("button", { name: "Cancel" }).click();
    await page.goto(`${form}?amount=3.00`);
    await expect(page.getByLabel("Amount")).toHaveValue("4.75");
  });
});

test.describe("too often", () => {
  test.use({ quiet: /status of 4(01|29)/, storageState: { cookies: [], origins: [] } });

  test("says how long to wait", async ({ page }) => {
    await page.goto("/login");
    await page.getByLabel("Login").fill(mark());
    const alert = page.getByRole("alert");
    for (let attempt = 0; attempt < 30; attempt += 1) {
      await page.getByLabel("Password").fill(`wrong ${attempt}`);
      const answered = page.waitForResponse((response) => response.url().endsWith("/api/v1/session"));
      await page.getByRole("button", { name: "Sign in" }).click();
      if ((await answered).status() === 429) break;
    }
    await expect(alert).toHaveText(/Wait \d+ seconds and try again/);
  });
});

test.describe("a part out of reach", () => {
  test.use({ quiet: /status of 503/ });

  test("is told in words with the trace to quote", async ({ page }) => {
    const trace = "0af7651916cd43dd8448eb211c80319c";
    // The only answer here that is not the server's own: it cannot be made to lose its database for one test.
    await page.route("**/api/v1/call/**", (route) =>
      route.fulfill({ status: 503, contentType: "application/problem+json", headers: { "retry-after": "9" }, body: JSON.stringify({ type: "about:blank", title: "Unavailable", status: 503, code: "unavailable", detail: "pool", trace, fields: [] }) }),
    );
    await page.goto(customers);
    await expect(page.getByText("Nothing was changed; try again in 9 seconds.")).toBeVisible();
    await expect(page.getByText(trace)).toBeVisible();
    await page.unroute("**/api/v1/call/**");
    await page.getByRole("button", { name: "Try again" }).click();
    await expect(page.getByRole("grid").locator("[data-row]").first()).toBeVisible();
  });
});

test("all tabs share one stream, and another tab takes it over", async ({ page, context }) => {
  const streams: string[] = [];
  context.on("request", (request) => new URL(request.url()).pathname === "/api/v1/events" && streams.push(request.url()));
  await page.goto(crm);
  await expect.poll(() => streams.length).toBe(1);
  const tabs = [await context.newPage(), await context.newPage()];
  for (const tab of tabs) {
    await tab.goto(crm);
    await expect(tab.getByRole("treeitem", { name: "Music shop" })).toBeVisible();
  }
  expect(streams).toHaveLength(1);
  await page.close();
  await expect.poll(() => streams.length).toBe(2);
  for (const tab of tabs) await tab.close();
});

test.describe("a slow network", () => {
  test("shows the shape of what comes, and no spinner", async ({ page }) => {
    const held: Route[] = [];
    await page.route(`**/api/v1/call${customers}`, (route) => void held.push(route));
    await page.goto(customers);
    await expect(page.getByRole("status", { name: "Loading" })).toBeVisible();
    for (const route of held) await route.continue();
    await page.unroute(`**/api/v1/call${customers}`);
    await expect(page.getByRole("grid").locator("[data-row]").first()).toBeVisible();
    await expect(page.getByRole("status", { name: "Loading" })).toHaveCount(0);
  });
});
