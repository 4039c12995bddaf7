import { expect, it } from "vitest";
import { cautions, formerReach, newReach, placeText, reachOf, stateOf, valueProblem } from "./reach";
import type { Egress, Secret, SecretPlace } from "./types";

const bearer: SecretPlace = { header: { name: "authorization", prefix: "Bearer " } };
const secret = (name: string, origin: string, place: SecretPlace = bearer) => ({ name, title: name, origin, place });
const egress = (origins: string[], secrets: Egress["secrets"] = [], fresh: Partial<Egress> = {}): Egress => ({
  origins,
  secrets,
  digest: "d",
  consent_required: false,
  new_origins: [],
  new_secrets: [],
  ...fresh,
});
const [shop, bank] = ["https://shop.example.com", "https://bank.example.com"];
const set = (origin: string) => ({ origin, by: { id: "1", name: "robin" }, at: "2026-01-01T00:00:00Z" });
const brief = (reach: ReturnType<typeof reachOf>) => reach.map(({ origin, mark, uses }) => [origin, mark, uses.map((use) => `${use.secret.name} ${use.mark}`.trim())]);

it("puts secrets to the places they go to, and marks what is new", () => {
  const whole = egress([shop, bank], [secret("a", shop), secret("b", shop), secret("a_bank", bank)], { new_origins: [bank], new_secrets: [`b for ${shop}`, `a_bank for ${bank}`] });
  expect(brief(reachOf(whole))).toEqual([[shop, "", ["a", "b new"]], [bank, "new", ["a_bank new"]]]);
  expect(brief(newReach(whole))).toEqual([[shop, "", ["b new"]], [bank, "new", ["a_bank new"]]]);
  expect(newReach(egress([shop], [secret("a", shop)]))).toEqual([]);
});

it("marks what is reached no more, be it that a secret goes to another place in the request", () => {
  const before = egress([shop, bank], [secret("a", shop), secret("b", shop), secret("c", shop)]);
  const wanted = egress([shop], [secret("a", shop), secret("b", shop, { query: { name: "key" } }), secret("c", bank)]);
  expect(brief(formerReach(before, wanted))).toEqual([[shop, "", ["a", "b gone", "c gone"]], [bank, "gone", []]]);
  const basic = (user: string) => secret("a", shop, { basic: { user } });
  expect(brief(formerReach(egress([shop], [basic("me")]), egress([shop], [basic("you")])))).toEqual([[shop, "", ["a gone"]]]);
});

it("shows how a secret stands in a request", () => {
  expect([bearer, { header: { name: "x-key", prefix: "" } }, { query: { name: "api_key" } }, { basic: { user: "me" } }].map((place) => placeText(place as SecretPlace))).toEqual([
    "authorization: Bearer …",
    "x-key: …",
    "api_key=…",
    "me:…",
  ]);
});

it("warns of places that are open to more", () => {
  expect([shop, "http://10.0.0.1:9000", "https://*.example.com", "http://*.example.com"].map(cautions)).toEqual([[], ["unencrypted"], ["hosts"], ["unencrypted", "hosts"]]);
});

it("counts a secret as set for its place alone", () => {
  const one = (change: Partial<Secret>): Secret => ({ ...secret("a", shop), declared: true, set: null, ...change });
  expect([one({}), one({ set: set(shop) }), one({ set: set(bank) }), one({ declared: false, place: null, set: set(shop) })].map(stateOf)).toEqual(["unset", "set", "elsewhere", "unused"]);
});

it("refuses what the server would refuse", () => {
  for (const good of ["12345678", "two words with spaces", "~".repeat(4096), "!@#$%^&*"]) expect(valueProblem(good)).toBe("");
  for (const short of ["", "1234567", "~".repeat(4097)]) expect(valueProblem(short)).toBe("length");
  for (const odd of [" 12345678", "12345678 ", "1234\t5678", "pässwörter", "12345678\n", "\u00a012345678"]) expect(valueProblem(odd)).toBe("shape");
});
