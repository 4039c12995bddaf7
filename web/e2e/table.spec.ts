import { call, crm, customers, expect, expectAccessible, mark, newValues, type Row, test } from "./kageos";

test("sorts, searches and filters, all in the URL", async ({ page }) => {
  await page.goto(customers);
  const grid = page.getByRole("grid");
  await expect(grid.getByRole("row").nth(1)).toBeVisible();
  await expect(page.locator("[data-test=count]")).toContainText(/\d+ rows/);
  await grid.getByRole("columnheader", { name: "Last name" }).click();
  await expect(page).toHaveURL(/sort=last_name/);
  await expect(grid.getByRole("columnheader", { name: "Last name" })).toHaveAttribute("aria-sort", "ascending");
  await page.getByRole("searchbox").fill("zz-nobody-has-this-name");
  await expect(page.getByText("No row matches")).toBeVisible();
  await page.getByRole("button", { name: "Clear search and filter" }).click();
  await expect(grid.getByRole("row").nth(1)).toBeVisible();
});

test("the filter builder narrows the rows and survives a reload", async ({ page }) => {
  await page.goto(`${customers}?filter=${encodeURIComponent(JSON.stringify({ eq: ["country", "Norway"] }))}`);
  const grid = page.getByRole("grid");
  await expect(grid.locator("[data-row]")).not.toHaveCount(0);
  const narrowed = await grid.locator("[data-row]").count();
  await page.getByRole("button", { name: /^Filter/ }).click();
  await expect(page.getByRole("form", { name: "Filter" })).toBeVisible();
  await page.getByRole("button", { name: "Clear", exact: true }).click();
  await expect.poll(() => grid.locator("[data-row]").count()).toBeGreaterThan(narrowed);
});

test("a condition without a control is kept by the filter builder until it is removed", async ({ page }) => {
  const filter = { and: [{ eq: ["country", "Brazil"] }, { not: { eq: ["city", "São Paulo"] } }, { ne: ["company", null] }] };
  await page.goto(`${customers}?filter=${encodeURIComponent(JSON.stringify(filter))}`);
  const asked = () => JSON.parse(new URL(page.url()).searchParams.get("filter") ?? "null") as unknown;
  const builder = page.getByRole("form", { name: "Filter" });
  await page.getByRole("button", { name: /^Filter/ }).click();
  await expect(builder.locator("[data-test=kept]")).toHaveText(["None of this (City is São Paulo)", "Company is not –"]);
  await expectAccessible(page);
  await builder.getByRole("button", { name: "Apply" }).click();
  await expect(builder).toBeHidden();
  expect(asked()).toEqual(filter);
  await page.getByRole("button", { name: /^Filter/ }).click();
  await builder.getByRole("button", { name: "Remove" }).nth(1).click();
  await builder.getByRole("button", { name: "Apply" }).click();
  await expect.poll(asked).toEqual({ and: [filter.and[0], filter.and[2]] });
});

test("the grid is walked by keyboard, far beyond the first screen", async ({ page }) => {
  await page.goto(`${crm}/invoice_line.table`);
  const grid = page.getByRole("grid");
  await expect(grid.locator("[data-row]").first()).toBeVisible();
  await grid.focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowRight");
  const active = () => grid.getAttribute("aria-activedescendant");
  expect(await active()).toMatch(/-1-1$/);
  for (let page_ = 0; page_ < 12; page_ += 1) await page.keyboard.press("PageDown");
  await expect.poll(async () => Number((await active())?.split("-").at(-2))).toBeGreaterThan(150);
  await expect(grid.locator(`[id="${await active()}"]`)).not.toBeEmpty();
  await page.keyboard.press("Shift+Enter");
  await expect(page.getByRole("dialog")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
  await expect(grid).toBeFocused();
});

test.describe("deleted", () => {
  // The open row is asked for once more when the news of its end arrive before the reply.
  test.use({ quiet: /status of 404/ });

  test("a row is created, edited, its history read, deleted and restored", async ({ page }) => {
    const name = mark();
    const values = await newValues(page, customers, name);
    const row = await call<Row>(page, customers, "create", { values });
    await page.goto(`${customers}?row=${row.id}&mode=edit`);
    const drawer = page.getByRole("dialog");
    await drawer.getByLabel("Last name").fill(`${name}x`);
    await drawer.getByRole("button", { name: "Save" }).click();
    await expect(page.getByText("Saved").first()).toBeVisible();
    await drawer.getByRole("button", { name: "History" }).click();
    await expect(drawer.locator("del").filter({ hasText: name })).toBeVisible();
    await expect(drawer.locator("ins").filter({ hasText: `${name}x` }).first()).toBeVisible();
    await drawer.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog").last().getByRole("button", { name: "Delete" }).click();
    await expect(drawer).toBeHidden();
    await page.goto(`${customers}?bin=1&q=${name}`);
    await page.getByRole("grid").locator("[data-row]").first().click({ position: { x: 120, y: 18 } });
    await page.getByRole("dialog").getByRole("button", { name: "Restore" }).click();
    await expect(page.getByText("Restored").first()).toBeVisible();
    const now = await call<Row>(page, customers, "get", { id: row.id });
    expect(now.values["last_name"]).toBe(`${name}x`);
  });
});

test("the new-row form says what is missing before it asks the server", async ({ page }) => {
  await page.goto(`${customers}?mode=create`);
  const drawer = page.getByRole("dialog");
  await drawer.getByRole("button", { name: "Save" }).click();
  await expect(drawer.getByText("This is needed.").first()).toBeVisible();
  await expect(drawer.locator("[data-field] :focus")).toBeVisible();
});

test.describe("two people at once", () => {
  test.use({ quiet: /status of 4(09|12)/ });

  test("a conflict shows both versions and keeps both people's work", async ({ page }) => {
    const name = mark();
    const row = await call<Row>(page, customers, "create", { values: await newValues(page, customers, name) });
    await page.goto(`${customers}?row=${row.id}&mode=edit`);
    const drawer = page.getByRole("dialog");
    await drawer.getByLabel("Last name").fill(`${name}mine`);
    await call<Row>(page, customers, "update", { id: row.id, version: row.version, patch: { first_name: `${name}theirs` } });
    await drawer.getByRole("button", { name: "Save" }).click();
    await expect(drawer.getByText("Somebody else saved this row first")).toBeVisible();
    await expect(drawer.getByRole("cell", { name: `${name}mine` })).toBeVisible();
    await expect(drawer.getByRole("cell", { name: `${name}theirs` })).toBeVisible();
    await drawer.getByRole("button", { name: "Go on with this" }).click();
    await drawer.getByRole("button", { name: "Save" }).click();
    await expect(page.getByText("Saved").first()).toBeVisible();
    const now = await call<Row>(page, customers, "get", { id: row.id });
    expect(now.values).toMatchObject({ first_name: `${name}theirs`, last_name: `${name}mine` });
  });
});

test("rows change by themselves when somebody else changes them, in every tab", async ({ page, context }) => {
  const name = mark();
  const row = await call<Row>(page, customers, "create", { values: await newValues(page, customers, name) });
  const other = await context.newPage();
  for (const tab of [page, other]) {
    await tab.goto(`${customers}?q=${name}`);
    await expect(tab.getByRole("grid").getByText(name).first()).toBeVisible();
  }
  await call<Row>(page, customers, "update", { id: row.id, version: row.version, patch: { first_name: `${name}live` } });
  for (const tab of [page, other]) await expect(tab.getByRole("grid").getByText(`${name}live`)).toBeVisible();
  await other.close();
});

for (const others of [0, 1]) {
  test(`what changes while a page is still loading is shown, beside ${others} other tabs`, async ({ page, context }) => {
    const name = mark();
    const row = await call<Row>(page, customers, "create", { values: await newValues(page, customers, name) });
    for (let other = 0; other < others; other += 1) {
      const tab = await context.newPage();
      const heard = tab.waitForResponse("**/api/v1/events");
      await tab.goto(customers);
      await heard;
    }
    const early = ["**/api/v1/events", `**/api/v1/call${customers}`].slice(others).map((url) => page.waitForResponse(url));
    const changed = Promise.all(early).then(() => call(page, customers, "update", { id: row.id, version: row.version, patch: { first_name: `${name}late` } }));
    // The code of the application comes after the change.
    await page.route("**/assets/*.js", (route) => changed.then(() => route.continue()));
    await page.goto(`${customers}?q=${name}`);
    await expect(page.getByRole("grid").getByText(`${name}late`)).toBeVisible();
  });
}

test("several rows are selected and deleted together", async ({ page }) => {
  const name = mark();
  for (const part of ["a", "b"]) await call(page, customers, "create", { values: { ...(await newValues(page, customers, `${name}${part}`)) } });
  await page.goto(`${customers}?q=${name}`);
  const rows = page.getByRole("grid").locator("[data-row]");
  await expect(rows).toHaveCount(2);
  await page.getByRole("grid").focus();
  await page.keyboard.press("Space");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Space");
  await expect(page.getByText("2 selected")).toBeVisible();
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await expect(page.getByText("No row matches")).toBeVisible();
});

test("a CSV is previewed with its errors by line, and written whole or not at all", async ({ page }) => {
  const name = mark();
  const values = await newValues(page, customers, name);
  const columns = Object.keys(values).filter((column) => typeof values[column] !== "object");
  const line = columns.map((column) => `"${String(values[column]).replaceAll('"', '""')}"`).join(",");
  const found = async () => (await call<{ rows: Row[] }>(page, customers, "search", { q: name })).rows;
  await page.goto(customers);
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: "Import CSV" }).click();
  const text = page.getByLabel("Or paste it here");
  await text.fill(`${columns.join(",")}\n${line}\n${columns.map(() => "").join(",")}\n`);
  await page.getByRole("button", { name: "Preview" }).click();
  await expect(page.getByText("1 row is refused")).toBeVisible();
  await expect(page.getByRole("row").filter({ hasText: "last_name" })).toContainText("3");
  await text.fill(`${columns.join(",")}\n${line}\n`);
  await page.getByRole("button", { name: "Preview" }).click();
  await expect(page.getByText("1 row is good")).toBeVisible();
  expect(await found()).toHaveLength(0);
  await page.getByRole("button", { name: "Import 1 row" }).click();
  await expect(page.getByRole("dialog")).toBeHidden();
  await expect.poll(async () => (await found()).length).toBe(1);
});

test("the export link streams the filtered rows", async ({ page }) => {
  await page.goto(customers);
  await page.getByRole("button", { name: "More" }).click();
  const href = await page.getByRole("menuitem", { name: "Export as CSV" }).getAttribute("href");
  const reply = await page.request.get(href ?? "");
  expect(reply.headers()["content-type"]).toContain("text/csv");
  expect((await reply.text()).split("\n").length).toBeGreaterThan(50);
});
