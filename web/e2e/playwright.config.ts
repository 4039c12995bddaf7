import { defineConfig } from "@playwright/test";
import { sessionFile } from "./setup";

const shot = process.env["KAGEOS_E2E_SHOT"] === "1";
const url = process.env["KAGEOS_E2E_URL"] ?? "http://127.0.0.1:8080";

/** Runs against a real server with the example workspace; nothing is mocked. */
export default defineConfig({
  testDir: ".",
  testMatch: "*.spec.ts",
  outputDir: "../node_modules/.e2e",
  globalSetup: "./setup.ts",
  // Every test works on rows and people of its own, so two can run at once.
  workers: 2,
  fullyParallel: true,
  // The picture of the README is made when it is asked for: as the example is delivered, before others add rows to it.
  // What adds hundreds of rows comes last.
  projects: [
    ...(shot ? [{ name: "picture", testMatch: "picture.spec.ts" }] : []),
    { name: "suite", testIgnore: ["picture.spec.ts", "long.spec.ts", "code.spec.ts"], dependencies: shot ? ["picture"] : [] },
    { name: "long", testMatch: "long.spec.ts", dependencies: ["suite"] },
    // It changes the workspace that all others stand on.
    { name: "code", testMatch: "code.spec.ts", dependencies: ["long"] },
  ],
  // Two looks of axe at a full table take a while where the machine is shared.
  timeout: 60_000,
  expect: { timeout: 8_000 },
  forbidOnly: !!process.env["CI"],
  reporter: [["list"]],
  use: {
    baseURL: url,
    storageState: sessionFile,
    locale: "en-GB",
    timezoneId: "Europe/Berlin",
    viewport: { width: 1440, height: 900 },
    trace: "retain-on-failure",
    launchOptions: {
      executablePath: process.env["KAGEOS_E2E_CHROMIUM"] ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    },
  },
});
