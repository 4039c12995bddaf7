import { request } from "@playwright/test";
import { fileURLToPath } from "node:url";

/** The session that all tests share which do not sign in by themselves. */
export const sessionFile = fileURLToPath(new URL("../node_modules/.e2e-session.json", import.meta.url));
export const origin = new URL(process.env["KAGEOS_E2E_URL"] ?? "http://127.0.0.1:8080").origin;
export const system = { login: process.env["KAGEOS_E2E_LOGIN"] ?? "system", password: process.env["KAGEOS_E2E_PASSWORD"] ?? "" };

/** Signs in once, by the request that the login screen makes. */
export default async function setup(): Promise<void> {
  const context = await request.newContext({ baseURL: origin, extraHTTPHeaders: { origin } });
  const reply = await context.post("/api/v1/session", { data: system });
  if (!reply.ok()) throw new Error(`sign in as ${system.login}: ${reply.status()} ${await reply.text()}`);
  await context.storageState({ path: sessionFile });
  await context.dispose();
}
