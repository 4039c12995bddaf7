import { asPerson, call, crm, expect, expectAccessible, mark, type Row, test, watch, who } from "./kageos";

const staff = `${crm}/employee.table`;

test("a member picks a person by search, and sees the name in the cell, the details and the filter", async ({ browser, page: admin, problems }) => {
  const last_name = mark();
  const row = await call<Row>(admin, staff, "create", { values: { first_name: "Ann", last_name } });
  const [member, colleague] = [await asPerson(browser, admin, "member"), await asPerson(browser, admin, "viewer")];
  const { id, name, login } = await who(colleague);
  const page = await member.newPage();
  watch(page, problems);
  await page.goto(`${staff}?q=${last_name}&cols=last_name,account`);
  const line = page.getByRole("grid").locator("[data-row]");
  await line.locator("[aria-colindex='3']").dblclick();
  await expect(page.getByRole("option").first()).toBeVisible();
  await page.keyboard.type(login);
  await expect(page.getByRole("option")).toHaveText([new RegExp(name)]);
  await expectAccessible(page);
  await page.keyboard.press("Enter");
  await expect(line).toContainText(name);
  await expect.poll(async () => (await call<Row>(admin, staff, "get", { id: row.id })).values["account"]).toBe(id);
  // Far from the rows that are loaded, the row is asked for what its ids are called.
  await page.goto(`${staff}?q=nobody-has-this-name&row=${row.id}`);
  const drawer = page.getByRole("dialog");
  await expect(drawer.getByText(name)).toBeVisible();
  await drawer.getByRole("button", { name: "Edit" }).click();
  await expect(drawer.locator("[data-field=account]")).toContainText(name);
  await page.goto(`${staff}?filter=${encodeURIComponent(JSON.stringify({ eq: ["account", id] }))}`);
  await expect(line).toHaveCount(1);
  await page.getByRole("button", { name: /^Filter/ }).click();
  await expect(page.getByRole("form", { name: "Filter" })).toContainText(name);
  await call(admin, staff, "bulk", { op: "delete", ids: [row.id] });
  await member.close();
  await colleague.close();
});

test("who administers a path and not Kageos gives a role to somebody found by search", async ({ browser, page: admin, problems }) => {
  const [keeper, stranger] = [await asPerson(browser, admin, "admin"), await asPerson(browser, admin)];
  const { name, login } = await who(stranger);
  expect((await stranger.request.get(`/api/v1/node${crm}`)).status()).toBe(404);
  const page = await keeper.newPage();
  watch(page, problems);
  await page.goto(`${crm}?panel=access`);
  const form = page.getByRole("form", { name: "Give access" });
  await form.getByLabel("To").click();
  await page.getByPlaceholder("Name or login").fill(login);
  await expect(page.getByRole("option")).toHaveText([new RegExp(name)]);
  await page.keyboard.press("Enter");
  await expect(form.getByLabel("To")).toContainText(name);
  await expectAccessible(page);
  await form.getByRole("button", { name: "Give access" }).click();
  await expect(page.getByRole("listitem").filter({ hasText: name })).toContainText("Viewer");
  await expect(form.getByLabel("To")).toContainText("Person or group");
  expect((await stranger.request.get(`/api/v1/node${crm}`)).status()).toBe(200);
  // The same search answers why.
  const why = page.locator("[data-test=explanation]");
  await expect(why).toContainText("May do this");
  await page.getByLabel("Who").click();
  await page.getByPlaceholder("Name or login").fill(login);
  await page.getByRole("option", { name }).click();
  await expect(page.getByLabel("Who")).toContainText(name);
  await expect(why).toContainText("May not do this");
  await keeper.close();
  await stranger.close();
});
