import type { Page } from "@playwright/test";
import { asPerson, call, crm, expect, expectAccessible, type Row, test } from "./kageos";
import { origin } from "./setup";

const form = `${crm}/record_payment.form`;
const said = "More was paid than is open.";
const lines = (page: Page) => page.getByRole("list", { name: "Lines of the log" }).getByRole("listitem");
const follow = (page: Page) => page.getByRole("switch", { name: "Follow" });
const open = async (page: Page, query = "view=logs") => {
  await page.goto(`${crm}?${query}`);
  await expect(page.locator("[aria-label='Loading']")).toHaveCount(0);
};

/** Pays so much too much, which the app logs, and takes it back; answers the call. */
async function overpay(page: Page, amount: string): Promise<string> {
  const invoices = await call<{ rows: Row[] }>(page, `${crm}/invoice.table`, "search", { limit: 1 });
  const input = { invoice: invoices.rows[0]?.id, amount, allow_overpayment: true, note: "More came in." };
  const reply = await page.request.post(`/api/v1/call${form}`, { data: { action: "submit", input }, headers: { origin } });
  expect(reply.ok(), await reply.text()).toBe(true);
  const { call: made } = (await reply.json()) as { call: string };
  expect((await page.request.post(`/api/v1/calls/${made}/undo`, { headers: { origin } })).ok()).toBe(true);
  return made;
}
/** An amount that no other line has. */
const sum = () => `9${String(Date.now()).slice(-8)}.00`;

// Each looks at what the others log.
test.describe.configure({ mode: "default" });

test("no serious finding, light and dark, wide and narrow", async ({ page }) => {
  await overpay(page, sum());
  await open(page);
  await lines(page).filter({ hasText: said }).last().getByRole("button").first().click();
  await expectAccessible(page);
  await page.emulateMedia({ colorScheme: "dark" });
  await expect(page.locator("html")).toHaveClass(/dark/);
  await expectAccessible(page);
  await page.setViewportSize({ width: 360, height: 800 });
  await expectAccessible(page);
  expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);
});

test("what is logged comes by itself, and leads to its call", async ({ page }) => {
  const amount = sum();
  await open(page);
  await expect(follow(page)).toBeChecked();
  const made = await overpay(page, amount);
  const line = lines(page).filter({ hasText: amount });
  await expect(line).toBeInViewport();
  await line.getByRole("button").first().click();
  await expect(line.getByRole("definition").filter({ hasText: made })).toBeVisible();
  await line.getByRole("button", { name: "Only this call" }).click();
  await expect(page).toHaveURL(new RegExp(`call=${made}`));
  await expect(lines(page)).toHaveCount(1);
  await lines(page).getByRole("button").first().click();
  await page.getByRole("link", { name: "Show in the activity" }).click();
  await expect(page).toHaveURL(new RegExp(`${form}\\?.*call=${made}`));
  const entry = page.getByRole("tabpanel").getByRole("listitem").filter({ has: page.locator("button[aria-expanded=true]") });
  await expect(entry.first()).toContainText("submit");
  await page.goBack();
  const narrowed = page.getByRole("button", { name: "Do not narrow by: Call" });
  await narrowed.click();
  await expect(narrowed).toHaveCount(0);
});

test("lines are narrowed by level and words", async ({ page }) => {
  const amount = sum();
  await overpay(page, amount);
  await open(page);
  const line = lines(page).filter({ hasText: amount });
  await expect(line).toBeVisible();
  const level = page.getByRole("group", { name: "Show at least" });
  await level.getByRole("button", { name: "Errors" }).click();
  await expect(line).toHaveCount(0);
  await level.getByRole("button", { name: "Warnings" }).click();
  await expect(line).toBeVisible();
  const search = page.getByRole("searchbox", { name: "Search the log" });
  await search.fill(amount);
  await expect(lines(page)).toHaveCount(1);
  await search.fill("nothing says this");
  await expect(page.getByText("No such line")).toBeVisible();
  await page.getByRole("button", { name: "Show all lines" }).click();
  await expect(line).toBeVisible();
  await expect(page).not.toHaveURL(/level|q=/);
});

test("who scrolls up reads on, and comes back to the end; arrows go from line to line", async ({ page }) => {
  await page.setViewportSize({ width: 900, height: 240 });
  for (let count = 0; count < 8; count += 1) await overpay(page, sum());
  await open(page);
  const box = page.locator("[data-test=log]");
  const top = () => box.evaluate((one) => one.scrollTop);
  await expect.poll(top).toBeGreaterThan(40);
  await box.evaluate((one) => one.scrollTo({ top: 40 }));
  await expect(follow(page)).not.toBeChecked();
  const amount = sum();
  await overpay(page, amount);
  await expect(page.getByText("New lines have come")).toBeVisible();
  expect(await top()).toBe(40);
  await page.getByRole("button", { name: "Go to the end" }).click();
  await expect(lines(page).filter({ hasText: amount })).toBeInViewport();
  await expect(follow(page)).toBeChecked();
  const last = lines(page).last().getByRole("button").first();
  await last.focus();
  await page.keyboard.press("ArrowUp");
  await expect(last).not.toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.locator("[data-line]:focus")).toHaveAttribute("aria-expanded", "true");
});

test("who does not administer the workspace has no log", async ({ page, browser }) => {
  const member = await asPerson(browser, page, "member");
  const own = await member.newPage();
  await own.goto(`${crm}?view=logs`);
  await expect(own.getByText("You may not open this")).toBeVisible();
  await expect(own.getByRole("link", { name: "Logs" })).toHaveCount(0);
  await member.close();
});
