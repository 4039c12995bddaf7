import { asPerson, call, crm, customers, expect, mark, newValues, type Row, test, who } from "./kageos";

test("a directory shows its figures, and they follow what happens", async ({ page }) => {
  await page.goto(crm);
  const figures = page.locator("[data-test=figures]");
  await expect(figures).toContainText("Last 24 hours");
  await expect(figures).toContainText("p95");
  await expect(figures.locator("div", { hasText: "Rows" })).toContainText(/\d/);
  const calls = async () => Number(/([\d,]+) calls?/.exec((await figures.textContent()) ?? "")?.[1]?.replace(/,/g, "") ?? Number.NaN);
  const before = await calls();
  const row = await call<Row>(page, customers, "create", { values: await newValues(page, customers, mark()) });
  await expect.poll(calls, { timeout: 10_000 }).toBeGreaterThan(before);
  await call(page, customers, "bulk", { op: "delete", ids: [row.id] });
});

test("a function shows its figures in the panel", async ({ page }) => {
  await page.goto(`${customers}?panel=details`);
  await expect(page.getByRole("tabpanel").locator("[data-test=figures]")).toContainText("Last 30 days");
});

test("an administrator hands over what somebody holds, after a look at it", async ({ browser, page }) => {
  const [giver, taker] = [await asPerson(browser, page, "member"), await asPerson(browser, page)];
  const [from, to] = [await who(giver), await who(taker)];
  await page.goto("/-/settings/transfer");
  for (const [field, person] of [["transfer-from", from], ["transfer-to", to]] as const) {
    await page.locator(`[data-test=${field}]`).click();
    await page.getByRole("combobox").last().fill(person.login);
    // Once what is found for the name has taken the place of the list.
    await expect(page.getByRole("option")).toHaveCount(1);
    await page.getByRole("option", { name: person.login }).click();
    await expect(page.locator(`[data-test=${field}]`)).toContainText(person.login);
  }
  await page.getByRole("button", { name: "Show what that is" }).click();
  const list = page.getByRole("listitem").filter({ hasText: crm });
  await expect(list).toContainText("Goes over");
  expect((await taker.request.get(`/api/v1/node${crm}`)).status()).toBe(404);
  await page.locator("[data-test=transfer-act]").click();
  await page.getByRole("dialog").getByRole("button", { name: "Hand over" }).click();
  await expect(page.getByText(/things? handed over/).first()).toBeVisible();
  expect((await taker.request.get(`/api/v1/node${crm}`)).status()).toBe(200);
  expect((await giver.request.get(`/api/v1/node${crm}`)).status()).toBe(404);
  await giver.close();
  await taker.close();
});

test("the API is tried with the session", async ({ page }) => {
  await page.goto("/-/api");
  await page.getByPlaceholder("Find an operation").fill("get node");
  await page.getByRole("link", { name: "/node/{path}" }).click();
  const send = page.getByRole("button", { name: "Send" });
  await expect(send).toBeDisabled();
  await page.locator("input[name=path]").fill(crm);
  await page.locator("input[name=path]").press("Enter");
  const answer = page.locator("[data-test=answer]");
  await expect(answer).toContainText("200");
  await expect(answer).toContainText("Trace");
  await expect(answer.locator("pre")).toContainText(`"path": "${crm}"`);
});

test("an answer that does not end can be stopped, and what came is kept", async ({ page }) => {
  await page.goto("/-/api?op=listen");
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByRole("button", { name: "Stop" }).click();
  await expect(page.getByRole("button", { name: "Send" })).toBeEnabled();
});

test.describe("refused", () => {
  test.use({ quiet: /status of 422/ });

  test("a body that is no JSON is not sent, and a refusal is shown as it came", async ({ page }) => {
    await page.goto("/-/api?op=call");
    await page.locator("input[name=path]").fill(customers);
    const body = page.getByRole("textbox", { name: "Body" });
    await body.fill("{");
    await expect(page.getByRole("button", { name: "Send" })).toBeDisabled();
    await body.fill('{"action": "search", "input": {"limit": 0}}');
    await page.getByRole("button", { name: "Send" }).click();
    await expect(page.locator("[data-test=answer] pre")).toContainText("invalid_input");
  });
});
