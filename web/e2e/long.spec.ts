import type { Page } from "@playwright/test";
import { asPerson, crm, customers, expect, expectAccessible, test } from "./kageos";
import { origin, sessionFile } from "./setup";

const form = `${crm}/find_duplicates.form`;
/** So many that comparing them all takes some seconds; they stay, so this runs after all others. */
const many = 450;

const progress = (page: Page) => page.locator("[data-test=progress]");
const submit = (page: Page) => page.getByRole("button", { name: "Submit", exact: true });

test.beforeAll(async ({ browser }) => {
  const context = await browser.newContext({ baseURL: origin, storageState: sessionFile });
  const found = await context.request.get(`/api/v1/rows${customers}?limit=1&q=longcall`);
  if (!((await found.json()) as { rows: unknown[] }).rows.length) {
    const lines = Array.from({ length: many }, (_, at) => `Longcall${at},Row${(at * 7919) % 1_000_003},longcall${at}@example.org`);
    const made = await context.request.post(`/api/v1/import${customers}`, { data: `first_name,last_name,email\n${lines.join("\n")}\n`, headers: { origin, "content-type": "text/csv" } });
    expect(made.ok(), `import: ${made.status()}`).toBe(true);
  }
  await context.close();
});

// One after the other: a person is asked to wait for one call at a time.
test.describe.configure({ mode: "serial" });

test("a long form shows how far it is, goes on when its page is left, and ends with its result", async ({ page }) => {
  await page.goto(form);
  await page.getByLabel("Alike").fill("100");
  await submit(page).click();
  const bar = page.getByRole("progressbar");
  await expect(bar).toBeVisible();
  await expect(submit(page)).toHaveCount(0);
  await expect(progress(page)).toContainText("comparing");
  await expect(progress(page)).toContainText(/\d+ of \d+/);
  await expectAccessible(page);
  const far = Number(await bar.getAttribute("aria-valuenow"));
  await page.goto(crm);
  await page.goto(form);
  await expect(bar).toBeVisible();
  await page.reload();
  await expect(bar).toBeVisible();
  await page.emulateMedia({ colorScheme: "dark" });
  await expectAccessible(page);
  await expect.poll(async () => Number(await bar.getAttribute("aria-valuenow"))).toBeGreaterThan(far);
  await expect(page.locator("[data-test=form-result]")).toContainText("Done", { timeout: 40_000 });
  await expect(bar).toHaveCount(0);
  await expect(submit(page)).toBeEnabled();
  // It is over, also for who comes back.
  await page.reload();
  await expect(submit(page)).toBeVisible();
  await expect(bar).toHaveCount(0);
});

test("a long form is cancelled, says so and keeps what was typed", async ({ page }) => {
  await page.goto(form);
  await page.getByLabel("Alike").fill("97");
  await submit(page).click();
  await progress(page).getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByText("It was cancelled. What you typed is still here.")).toBeVisible();
  await expect(page.getByLabel("Alike")).toHaveValue("97");
  await expect(submit(page)).toBeEnabled();
  await expectAccessible(page);
});

test("the activity shows a running call with its progress, and cancels it", async ({ page }) => {
  await page.goto(`${form}?panel=activity`);
  await page.getByLabel("Alike").fill("100");
  await submit(page).click();
  const panel = page.getByRole("tabpanel");
  const entry = panel.getByRole("listitem").filter({ has: page.getByRole("progressbar") });
  await expect(entry).toContainText("comparing");
  await expectAccessible(page);
  await entry.getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByText("It was cancelled.")).toBeVisible();
  await expect(entry).toHaveCount(0);
  await expect(panel.getByText("cancelled", { exact: true }).first()).toBeVisible();
});

test("of a call of somebody else, who is no admin sees that it runs and no more", async ({ browser, page }) => {
  await page.goto(form);
  await submit(page).click();
  await expect(progress(page)).toBeVisible();
  const context = await asPerson(browser, page, "member");
  const other = await context.newPage();
  const asked = other.waitForResponse(/\/calls\//);
  await other.goto(`${form}?panel=activity`);
  expect((await asked).status()).toBe(404);
  await expect(other.getByText("running", { exact: true })).toBeVisible();
  await expect(submit(other)).toBeEnabled();
  await expect(other.getByRole("progressbar")).toHaveCount(0);
  await progress(page).getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByText("It was cancelled.")).toBeVisible();
  await context.close();
});
