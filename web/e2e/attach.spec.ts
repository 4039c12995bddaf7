import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { asPerson, call, expect, expectAccessible, mark, newValues, test, who } from "./kageos";

const state = process.env["KAGEOS_E2E_STATE"] ?? ".kageos/dev";
const kagectl = process.env["KAGEOS_E2E_KAGECTL"] ?? "kagectl";
const bar = (page: Page) => page.locator("[data-test=attached]");

// While the app is away its rows cannot be had, which the browser tells.
test.use({ quiet: /status of 503/ });

/** Lets the program of the example run a workspace, as its developer does; answers once it does. */
async function attach(folder: string, path: string): Promise<ChildProcess> {
  const programs = readdirSync(`${state}/workspaces`).map((id) => join(state, "workspaces", id, "releases/1/program"));
  const program = programs.find((file) => existsSync(file)) ?? "";
  const app = spawn(kagectl, ["--state", state, "--json", "workspace", "attach", folder, path, "--program", program], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  app.stderr.on("data", (text: Buffer) => (said += text.toString()));
  await new Promise<void>((done, failed) => {
    app.stdout.once("data", () => done());
    app.once("exit", (status) => failed(new Error(`it ended with ${status}: ${said}`)));
  });
  return app;
}

async function stop(app: ChildProcess): Promise<void> {
  const ended = new Promise((done) => app.once("exit", done));
  app.kill("SIGINT");
  expect(await ended).toBe(0);
}

test("an app of a developer comes, goes and comes back under an open page, and is nobody else's", async ({ page, browser }) => {
  const folder = mkdtempSync(join(tmpdir(), "kageos-e2e-"));
  const path = `/system/${mark().toLowerCase()}`;
  let app = await attach(folder, path);
  try {
    await page.goto(`${path}/employee.table`);
    await expect(bar(page)).toContainText("This app runs on your machine.");
    await expect(page.getByText("No rows yet")).toBeVisible();
    await expectAccessible(page);
    const name = mark();
    const values = await newValues(page, "/demo/crm/employee.table", name);
    await call(page, `${path}/employee.table`, "create", { values: { ...values, reports_to: null } });
    await expect(page.getByRole("main").getByText(name).first()).toBeVisible();

    await stop(app);
    await expect(bar(page)).toContainText("it does not run now");
    await page.reload();
    await expect(page.getByRole("main").getByRole("button", { name: "Try again" })).toBeVisible();
    await page.emulateMedia({ colorScheme: "dark" });
    await expect(page.locator("html")).toHaveClass(/dark/);
    await page.setViewportSize({ width: 360, height: 800 });
    await expectAccessible(page);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);
    app = await attach(folder, path);
    await expect(bar(page)).toContainText("This app runs on your machine.");
    await expect(page.getByRole("main").getByText(name).first()).toBeVisible();

    const other = await asPerson(browser, page);
    await call(page, path, "grant", { subject: { kind: "user", id: (await who(other)).id }, role: "owner" });
    const theirs = await other.newPage();
    await theirs.goto(`${path}/employee.table`);
    await expect(theirs.getByText("This app is being tried")).toBeVisible();
    await expectAccessible(theirs);
    await other.close();
  } finally {
    await stop(app);
    // Under an open page it would be gone, which the browser tells.
    await page.goto("/");
    await call(page, path, "delete", {});
    rmSync(folder, { recursive: true });
  }
});
