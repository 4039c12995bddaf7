import { fileURLToPath } from "node:url";
import { asRobin, call, customers, expect, type Row, test } from "./kageos";

const file = fileURLToPath(new URL("../../docs/images/table.png", import.meta.url));

test("the picture of the README", async ({ browser, page: admin }) => {
  const left = await call<{ rows: Row[] }>(admin, customers, "search", { filter: { starts: ["last_name", "E2e"] }, limit: 500 });
  if (left.rows.length) await call(admin, customers, "bulk", { op: "delete", ids: left.rows.map((row) => row.id) });
  const context = await asRobin(browser, admin);
  const page = await context.newPage();
  await page.goto(customers);
  await expect(page.locator("[data-test=count]")).toHaveText("59 rows");
  await expect(page.getByRole("treeitem", { name: "Runbook" })).toBeVisible();
  await page.evaluate(() => document.fonts.ready);
  await page.screenshot({ path: file, animations: "disabled", caret: "hide" });
  await context.close();
});
