import type { Page } from "@playwright/test";
import { asPerson, call, crm, customers, expect, expectAccessible, mark, test } from "./kageos";

type Written = { commit: string; files: { path: string; hash: string | null }[] };
type Text = { text: string; hash: string };
type Release = { release: number; state: string };

const file = "src/customer.rs";
/** A build takes minutes where nothing of it is kept from an earlier one. */
const buildMs = 600_000;

const editor = (page: Page) => page.getByRole("main").locator("[data-test=editor]").getByRole("textbox", { name: file });
const changes = (page: Page) => page.locator("[data-test=changes]");
const strip = (page: Page) => page.locator("[data-test=build]");
const consentDialog = (page: Page) => page.getByRole("dialog", { name: /^May release \d+ reach this\?$/ });
const read = (page: Page, path = file) => call<Text>(page, crm, "read_source", { path });
const write = (page: Page, text: string, expected: string, path = file) => call<Written>(page, crm, "write_source", { files: [{ path, text, expected }] });
const open = async (page: Page, query = `view=files&file=${file}`) => {
  await page.goto(`${crm}?${query}`);
  await expect(page.locator("[aria-label='Loading']")).toHaveCount(0);
};

/** Puts the cursor at the beginning of the file and types. */
async function typeFirst(page: Page, text: string): Promise<void> {
  await editor(page).click();
  await page.keyboard.press("Control+Home");
  await page.keyboard.type(text);
}
async function save(page: Page): Promise<void> {
  await changes(page).getByRole("button", { name: "Save" }).click();
  await expect(changes(page)).toHaveCount(0);
}
/** Whatever a test changed in the file, it stands as it did. */
async function keeping(page: Page, act: () => Promise<void>, path = file): Promise<void> {
  const { text } = await read(page, path);
  try {
    await act();
  } finally {
    const now = await read(page, path);
    if (now.text !== text) await write(page, text, now.hash, path);
  }
}

// All of them change one source.
test.describe.configure({ mode: "default" });

for (const view of ["files", "history", "releases", "secrets"]) {
  test(`${view}: no serious finding, light and dark, wide and narrow`, async ({ page }) => {
    await open(page, `view=${view}`);
    await expect(page.getByRole("navigation", { name: "Views of the code" })).toBeVisible();
    await expectAccessible(page);
    await page.emulateMedia({ colorScheme: "dark" });
    await expect(page.locator("html")).toHaveClass(/dark/);
    await expectAccessible(page);
    await page.setViewportSize({ width: 360, height: 800 });
    await expectAccessible(page);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);
  });
}

test("the policy of the page lets the editor have its looks", async ({ page }) => {
  await open(page);
  await expect(editor(page)).toContainText("pub struct Customer");
  const keyword = editor(page).getByText("struct", { exact: true }).first();
  expect(await keyword.evaluate((one) => getComputedStyle(one).color)).not.toBe(await editor(page).evaluate((one) => getComputedStyle(one).color));
});

test("the tree is walked by keyboard", async ({ page }) => {
  await open(page);
  const tree = page.getByRole("tree", { name: "Files" });
  const folder = tree.getByRole("treeitem", { name: "src", exact: true });
  await tree.getByRole("treeitem", { name: "customer.rs" }).focus();
  await page.keyboard.press("ArrowLeft");
  await expect(folder).toBeFocused();
  await page.keyboard.press("ArrowLeft");
  await expect(folder).toHaveAttribute("aria-expanded", "false");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("c");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/file=src\/duplicates\.rs/);
});

test("a search leads to its line", async ({ page }) => {
  await open(page);
  await page.getByRole("searchbox", { name: "Search the files" }).fill("pub struct Customer");
  await page.getByRole("link", { name: /pub struct Customer/ }).click();
  await expect(page).toHaveURL(/line=\d+/);
  await expect(editor(page).locator(".cm-activeLine")).toContainText("pub struct Customer");
  await expect(editor(page)).toBeFocused();
  await page.reload();
  await expect(editor(page).locator(".cm-activeLine")).toContainText("pub struct Customer");
});

test("what is typed is kept until it is saved, and then stands in the history, which takes it back", async ({ page }) => {
  const word = mark();
  await keeping(page, async () => {
    await open(page);
    await typeFirst(page, `//! ${word} i?\n`);
    await expect(changes(page)).toContainText("1 changed file");
    await expect(page.getByRole("dialog")).toHaveCount(0);
    await expect(page.getByRole("treeitem", { name: "customer.rs changed" })).toBeVisible();
    await page.goto(crm);
    await open(page);
    await expect(editor(page)).toContainText(word);
    await expectAccessible(page);
    await changes(page).getByRole("textbox").fill(`Say ${word}`);
    await editor(page).press("Control+s");
    await expect(changes(page)).toHaveCount(0);
    expect((await read(page)).text).toContain(word);
    await page.getByRole("main").getByRole("link", { name: "History" }).last().click();
    await page.getByRole("link", { name: new RegExp(`Say ${word}`) }).click();
    await expect(page.locator("[data-test=patch]").getByRole("row", { name: new RegExp(`added: .*${word}`) })).toBeVisible();
    await page.getByRole("button", { name: "Revert" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Revert" }).click();
    await expect(page.locator("[data-test=patch]").getByRole("row", { name: new RegExp(`removed: .*${word}`) })).toBeVisible();
    expect((await read(page)).text).not.toContain(word);
  });
});

test("files are made, renamed and removed in one go", async ({ page }) => {
  const name = mark().toLowerCase();
  await open(page);
  await page.getByRole("button", { name: "New file" }).click();
  const path = page.getByRole("dialog").getByRole("textbox", { name: "Path" });
  await path.fill(file);
  await path.press("Enter");
  await expect(page.getByRole("dialog")).toContainText("There is a file at this path.");
  await path.fill(`notes/${name}.md`);
  await path.press("Enter");
  await page.locator("[data-test=editor]").getByRole("textbox").click();
  await page.keyboard.type("# Notes\n");
  await save(page);
  const menu = page.getByRole("button", { name: "More of this file" });
  await menu.click();
  await page.getByRole("menuitem", { name: "Rename" }).click();
  await path.fill(`notes/${name}2.md`);
  await path.press("Enter");
  await expect(changes(page)).toContainText("2 changed files");
  await save(page);
  expect((await read(page, `notes/${name}2.md`)).text).toBe("# Notes\n");
  await menu.click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await expect(page.getByText("This file will be removed")).toBeVisible();
  await save(page);
  await expect(page.getByRole("treeitem", { name: `${name}2.md` })).toHaveCount(0);
});

test("who may not is told so, and sees no tab", async ({ browser, page }) => {
  const context = await asPerson(browser, page, "member");
  const other = await context.newPage();
  await other.goto(crm);
  await expect(other.getByRole("main").getByRole("link", { name: /Runbook/ })).toBeVisible();
  await expect(other.getByRole("main").getByRole("link", { name: "Code", exact: true })).toHaveCount(0);
  await other.goto(`${crm}?view=files`);
  await expect(other.getByText("You may not open this")).toBeVisible();
  await context.close();
});

test.describe("what somebody else changed meanwhile", () => {
  test.use({ quiet: /status of 409/ });

  test("is not written over: one sees the difference and chooses", async ({ page }) => {
    const [mine, theirs] = [mark(), mark()];
    await keeping(page, async () => {
      await open(page);
      await typeFirst(page, `// ${mine}\n`);
      const before = await read(page);
      await write(page, `${before.text}// ${theirs}\n`, before.hash);
      await editor(page).press("Control+s");
      const dialog = page.getByRole("dialog", { name: "Somebody else changed these files" });
      await expect(dialog.locator("[data-test=conflict]")).toContainText(file);
      expect((await read(page)).text).not.toContain(mine);
      await dialog.getByRole("button", { name: "See the difference" }).click();
      await expect(dialog.locator("[data-test=editor]")).toContainText(theirs);
      await expectAccessible(page);
      await page.emulateMedia({ colorScheme: "dark" });
      await expectAccessible(page);
      // Their line stands at the end, mine at the beginning.
      await dialog.getByRole("button", { name: "Theirs", exact: true }).last().click();
      await dialog.getByRole("button", { name: "Keep mine" }).click();
      await expect(dialog).toHaveCount(0);
      await save(page);
      const { text } = await read(page);
      expect(text).toContain(`// ${mine}\n`);
      expect(text).toContain(`// ${theirs}\n`);
    });
  });

  test("is taken over as it is where one likes", async ({ page }) => {
    const [mine, theirs] = [mark(), mark()];
    await keeping(page, async () => {
      await open(page);
      await typeFirst(page, `// ${mine}\n`);
      const before = await read(page);
      await write(page, `${before.text}// ${theirs}\n`, before.hash);
      await editor(page).press("Control+s");
      await page.getByRole("dialog").getByRole("button", { name: "Take theirs" }).click();
      await expect(changes(page)).toHaveCount(0);
      await expect(editor(page)).not.toContainText(mine);
      expect((await read(page)).text).toContain(theirs);
    });
  });
});

test("what does not compile is shown at its place, and repaired where the compiler knows how", async ({ page }) => {
  test.setTimeout(2 * buildMs);
  await keeping(page, async () => {
    const { text, hash } = await read(page);
    await write(page, text.replace("pub email: Email", "pub email: Emial").replace("use crate::Employee;", "use std::fmt;\n\nuse crate::Employee;"), hash);
    await open(page, "view=releases");
    await page.getByRole("button", { name: "Build", exact: true }).first().click();
    await expect(strip(page)).toContainText(/does not compile/, { timeout: buildMs });
    const diagnostics = page.locator("[data-test=diagnostics]").getByRole("listitem");
    await expectAccessible(page);
    await diagnostics.filter({ hasText: "Emial" }).first().getByRole("link", { name: new RegExp(`^${file}:`) }).click();
    await expect(editor(page).locator(".cm-activeLine")).toContainText("Emial");
    await expect(editor(page).locator(".cm-lintRange-error").first()).toBeVisible();
    await expectAccessible(page);
    await page.goBack();
    await diagnostics.filter({ hasText: "std::fmt" }).first().getByRole("button", { name: "Apply" }).click();
    await expect(changes(page)).toContainText("1 changed file");
    await page.getByRole("button", { name: "Build and publish" }).click();
    await expect(page.getByRole("dialog")).toContainText("not saved");
    await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
    await save(page);
    const mended = (await read(page)).text;
    expect(mended).not.toContain("std::fmt");
    expect(mended).toContain("Emial");
  });
});

test("a field is added, built, published and seen, and gone when it is rolled back", async ({ page }) => {
  test.setTimeout(3 * buildMs);
  const { live } = await call<{ live: number | null; releases: Release[] }>(page, crm, "list_releases", {});
  await keeping(page, async () => {
    // What is live before has to be a release, so that there is one to go back to.
    const before = live ?? (await released(page));
    await open(page);
    await editor(page).getByText("/// Street and number.").click();
    await page.keyboard.press("Home");
    await page.keyboard.type("/// What people call the customer.\n#[field(title = \"Nickname\", max_len = 40, group = \"Person\")]\npub nickname: Option<String>,\n");
    await page.getByRole("button", { name: "Build and publish" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Save, build and publish" }).click();
    await expect(strip(page)).toContainText(/Release \d+ is live/, { timeout: buildMs });
    await page.goto(customers);
    await expect(page.getByRole("columnheader", { name: "Nickname" })).toBeVisible();
    // What the release does to a function is told by its fields.
    const now = await call<{ live: number }>(page, crm, "list_releases", {});
    await open(page, `view=releases&release=${now.live}`);
    await expect(page.locator("[data-test=functions]")).toContainText("row › nickname");
    // And what its start did to the table.
    await expect(page.locator("[data-test=tables]")).toContainText("nickname");
    await expectAccessible(page);
    await open(page, `view=releases&release=${before}`);
    await page.getByRole("button", { name: "Roll back to this" }).click();
    const dialog = page.getByRole("dialog");
    await expect(dialog).toContainText(file);
    await expectAccessible(page);
    await dialog.getByRole("button", { name: "Roll back to this" }).click();
    await expect(strip(page)).toContainText(`Release ${before} is live`, { timeout: 60_000 });
    await page.goto(customers);
    await expect(page.getByRole("columnheader", { name: "First name" })).toBeVisible();
    await expect(page.getByRole("columnheader", { name: "Nickname" })).toHaveCount(0);
  });
});

/** Makes a release live that was built before, which nobody has to consent to. */
async function bring(page: Page, release: number): Promise<void> {
  await open(page, `view=releases&release=${release}`);
  const act = /^(Publish|Roll back to this)$/;
  await page.getByRole("main").getByRole("button", { name: act }).click();
  await page.getByRole("dialog").getByRole("button", { name: act }).click();
  await expect(strip(page)).toContainText(`Release ${release} is live`, { timeout: 60_000 });
  await expect(page.getByRole("dialog")).toHaveCount(0);
}

/** Every answer that comes to a page from now on, as text; the stream of events has no end. */
function listening(page: Page): () => Promise<string[]> {
  const heard: Promise<string>[] = [];
  page.on("response", (response) => {
    if (response.headers()["content-type"]?.includes("json")) heard.push(response.text().catch(() => ""));
  });
  return () => Promise.all(heard);
}

test.describe("what a release reaches outside", () => {
  test.use({ quiet: /status of 409/ });
  const [main, origin, title] = ["src/lib.rs", "https://api.example.com", "Key of the shop"];
  const value = `sk_live_${mark()}`;
  const secretOf = (page: Page) => page.getByRole("main").locator("[data-test=secret]").filter({ hasText: title });

  test("is consented to before it goes live, and its secret is seen by nobody", async ({ page, context }) => {
    test.setTimeout(3 * buildMs);
    const before = (await call<{ live: number | null }>(page, crm, "list_releases", {})).live ?? (await released(page));
    await keeping(page, async () => {
      const { text, hash } = await read(page, main);
      const declared = `App::new("crm")\n        .secret(kageos_sdk::Secret::bearer("shop_key", "${title}", "${origin}"))`;
      await write(page, text.replace('App::new("crm")', declared), hash, main);
      await open(page, "view=releases");
      await page.getByRole("button", { name: "Build and publish" }).click();

      const dialog = consentDialog(page);
      await expect(dialog.locator("[data-test=new]")).toContainText(origin, { timeout: buildMs });
      await expect(dialog.locator("[data-test=new]")).toContainText(/Key of the shop.*authorization: Bearer/);
      await expect(dialog.locator("[data-test=before]")).toContainText(`Release ${before}, which is live, reaches nothing outside.`);
      await expectAccessible(page);
      await page.emulateMedia({ colorScheme: "dark" });
      await expectAccessible(page);
      await page.setViewportSize({ width: 360, height: 800 });
      await expectAccessible(page);
      await page.setViewportSize({ width: 1440, height: 900 });
      await dialog.getByRole("button", { name: "Do not publish" }).click();
      await expect(strip(page)).toContainText(/Release \d+ is not live/);
      expect((await call<{ live: number }>(page, crm, "list_releases", {})).live).toBe(before);

      await strip(page).getByRole("button", { name: "See what it reaches" }).click();
      await dialog.getByRole("button", { name: `Set ${title}` }).click();
      const field = dialog.getByLabel(`Value of ${title}`, { exact: true }).and(page.locator("input"));
      await expect(field).toBeFocused();
      await expect(field).toHaveAttribute("type", "password");
      await expect(field).toHaveAttribute("autocomplete", "off");
      await field.fill("short");
      await field.press("Enter");
      await expect(dialog).toContainText("A secret has 8 to 4096 characters.");
      await field.fill(value);
      const heard = listening(page);
      await field.press("Enter");
      await expect(dialog.locator("[data-test=secret]")).toContainText(/Set\s*by/);
      await expect(field).toHaveCount(0);
      await dialog.getByRole("button", { name: "Consent and publish" }).click();
      await expect(strip(page)).toContainText(/Release \d+ is live/, { timeout: 60_000 });
      const { live } = await call<{ live: number }>(page, crm, "list_releases", {});
      expect(live).toBeGreaterThan(before);

      await open(page, `view=releases&release=${live}`);
      await expect(page.locator("[data-test=egress]")).toContainText(origin);
      await expect(page.locator("[data-test=egress]").getByText("new", { exact: true })).toHaveCount(0);
      await expect(page.getByRole("main")).toContainText(/Consent by\s*system/);
      await open(page, "view=secrets&panel=activity");
      await expect(secretOf(page)).toContainText(/Set\s*by/);
      await secretOf(page).getByRole("button", { name: `Replace ${title}` }).click();
      await expect(secretOf(page).locator("input")).toHaveValue("");
      await page.keyboard.press("Escape");
      await expect(secretOf(page).getByRole("button", { name: `Replace ${title}` })).toBeFocused();
      await expect(page.getByRole("tabpanel").locator("code", { hasText: "set_secret" }).first()).toBeVisible();
      await expectAccessible(page);

      // What was consented to stays so, and what is reached no more needs no consent.
      await bring(page, before);
      await open(page, "view=secrets");
      await expect(page.locator("[data-test=secrets] section", { hasText: "Not used by the live release" })).toContainText("shop_key");
      await bring(page, live);

      await open(page, "view=secrets");
      const other = await context.newPage();
      await open(other, "view=secrets");
      await expect(secretOf(other)).toContainText(/Set\s*by/);
      await secretOf(page).getByRole("button", { name: `Remove ${title}` }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
      await expect(secretOf(page)).toContainText("Not set");
      await expect(secretOf(other)).toContainText("Not set");
      await other.close();

      const kept = await page.evaluate(() => JSON.stringify([document.documentElement.outerHTML, { ...localStorage }, { ...sessionStorage }]));
      const told = await heard();
      expect(told.length).toBeGreaterThan(10);
      for (const answer of [kept, ...told]) expect(answer).not.toContain(value);
      await bring(page, before);
      await open(page, "view=secrets");
      await expect(page.getByText("No secrets")).toBeVisible();
    }, main);
  });
});

/** Builds and publishes what is there. */
async function released(page: Page): Promise<number> {
  await open(page);
  await page.getByRole("button", { name: "Build and publish" }).click();
  await expect(strip(page)).toContainText(/Release \d+ is live/, { timeout: buildMs });
  return (await call<{ live: number }>(page, crm, "list_releases", {})).live;
}
