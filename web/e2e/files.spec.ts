import { readFile } from "node:fs/promises";
import { asPerson, call, crm, customers, expect, expectAccessible, mark, newValues, pixel, type Row, test } from "./kageos";

test("files of a row go up with the form and come down from its page", async ({ page }) => {
  const name = mark();
  const row = await call<Row>(page, customers, "create", { values: await newValues(page, customers, name) });
  await page.goto(`${customers}?row=${row.id}&mode=edit`);
  const drawer = page.getByRole("dialog");
  await drawer.locator("[data-field=documents] input[type=file]").setInputFiles([
    { name: `${name}.txt`, mimeType: "text/plain", buffer: Buffer.from(`a letter to ${name}`) },
    { name: `${name}.png`, mimeType: "image/png", buffer: pixel },
  ]);
  await expect(drawer.getByRole("link", { name: `${name}.txt` })).toBeVisible();
  await expect(drawer.getByRole("link", { name: `${name}.png` })).toBeVisible();
  await drawer.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Saved").first()).toBeVisible();
  const link = drawer.getByRole("link", { name: `${name}.txt` });
  const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
  expect(download.suggestedFilename()).toBe(`${name}.txt`);
  expect(await readFile(await download.path(), "utf8")).toBe(`a letter to ${name}`);
  const picture = drawer.locator("[data-test=file] img");
  await expect.poll(() => picture.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBe(1);
  await expectAccessible(page);
});

test("a form says at the field what does not belong there", async ({ page }) => {
  await page.goto(`${crm}/record_payment.form`);
  const field = page.locator("[data-field=receipt]");
  await field.locator("input[type=file]").setInputFiles({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("x") });
  await expect(field.getByRole("alert")).toContainText("notes.txt");
  await field.locator("input[type=file]").setInputFiles({ name: "receipt.png", mimeType: "image/png", buffer: pixel });
  await expect(field.getByRole("link", { name: "receipt.png" })).toBeVisible();
  await expect(field.getByRole("alert")).toBeHidden();
  await field.getByRole("button", { name: "Remove receipt.png" }).click();
  await expect(field.getByRole("button", { name: "Choose a file" })).toBeVisible();
});

test.describe("what the server refuses", () => {
  test.use({ quiet: /status of 415/ });

  test("stands at the field too", async ({ page }) => {
    await page.goto(`${crm}/record_payment.form`);
    const field = page.locator("[data-field=receipt]");
    await field.locator("input[type=file]").setInputFiles({ name: "fake.png", mimeType: "image/png", buffer: Buffer.from("no picture") });
    await expect(field.getByRole("alert")).toContainText("fake.png");
  });
});

test("an upload can be stopped", async ({ page }) => {
  await page.goto(`${crm}/record_payment.form`);
  await page.route("**/api/v1/files/**", () => undefined);
  const field = page.locator("[data-field=receipt]");
  await field.locator("input[type=file]").setInputFiles({ name: "slow.png", mimeType: "image/png", buffer: pixel });
  await expect(field.getByRole("progressbar", { name: "slow.png" })).toBeVisible();
  await field.getByRole("button", { name: "Stop the upload of slow.png" }).click();
  await expect(field.locator("[data-test=going]")).toHaveCount(0);
  await expect(field.getByRole("alert")).toBeHidden();
});

test("a directory keeps files for those who may read it", async ({ page, browser }) => {
  const name = `${mark()}.txt`;
  await page.goto(`${crm}?panel=files`);
  await page.locator("[data-test=files-input]").setInputFiles({ name, mimeType: "text/plain", buffer: Buffer.from("house rules") });
  const link = page.getByRole("tabpanel").getByRole("link", { name });
  await expect(link).toBeVisible();
  const address = (await link.getAttribute("href")) ?? "";
  const viewer = await asPerson(browser, page, "viewer");
  expect(await (await viewer.request.get(address)).text()).toBe("house rules");
  const stranger = await asPerson(browser, page);
  expect((await stranger.request.get(address)).status()).toBe(404);
  const reading = await viewer.newPage();
  await reading.goto(`${crm}?panel=files`);
  await expect(reading.getByRole("link", { name })).toBeVisible();
  await expect(reading.getByRole("button", { name: `Remove ${name}` })).toHaveCount(0);
  await page.getByRole("button", { name: `Remove ${name}` }).click();
  await expect(link).toHaveCount(0);
  await Promise.all([viewer.close(), stranger.close()]);
});
