import type { Egress, Secret, SecretPlace, SecretUse } from "./types";

/** What becomes of a place outside with the release that is looked at. */
export type Mark = "" | "new" | "gone";
/** A place outside, and the secrets that go there. */
export type Reach = { origin: string; mark: Mark; uses: { secret: SecretUse; mark: Mark }[] };

const nameOf = ({ name, origin }: SecretUse) => `${name} for ${origin}`;
const keyOf = (secret: SecretUse) => `${nameOf(secret)} ${placeKind(secret.place)} ${placeText(secret.place)}`;

function grouped(egress: Egress, ofOrigin: (origin: string) => Mark, ofSecret: (secret: SecretUse) => Mark): Reach[] {
  return egress.origins.map((origin) => ({
    origin,
    mark: ofOrigin(origin),
    uses: egress.secrets.filter((secret) => secret.origin === origin).map((secret) => ({ secret, mark: ofSecret(secret) })),
  }));
}

/** All that a release reaches, with what nobody has consented to yet as new. */
export function reachOf(egress: Egress): Reach[] {
  return grouped(
    egress,
    (origin) => (egress.new_origins.includes(origin) ? "new" : ""),
    (secret) => (egress.new_secrets.includes(nameOf(secret)) ? "new" : ""),
  );
}

/** Only what nobody has consented to yet; a place that is known stands there for its new secrets. */
export function newReach(egress: Egress): Reach[] {
  return reachOf(egress)
    .map((one) => ({ ...one, uses: one.uses.filter(({ mark }) => mark === "new") }))
    .filter(({ mark, uses }) => mark === "new" || uses.length > 0);
}

/** What was reached before, with what will be reached no more as gone. */
export function formerReach(before: Egress, wanted: Egress): Reach[] {
  const kept = new Set(wanted.secrets.map(keyOf));
  return grouped(
    before,
    (origin) => (wanted.origins.includes(origin) ? "" : "gone"),
    (secret) => (kept.has(keyOf(secret)) ? "" : "gone"),
  );
}

/** What an administrator should know of a place before he lets an app send there. */
export function cautions(origin: string): ("unencrypted" | "hosts")[] {
  return [...(origin.startsWith("http://") ? (["unencrypted"] as const) : []), ...(origin.includes("://*.") ? (["hosts"] as const) : [])];
}

export function placeKind(place: SecretPlace): "header" | "query" | "basic" {
  if ("header" in place) return "header";
  return "query" in place ? "query" : "basic";
}

/** How a secret stands in a request, with `…` in its place. */
export function placeText(place: SecretPlace): string {
  if ("header" in place) return `${place.header.name}: ${place.header.prefix}…`;
  return "query" in place ? `${place.query.name}=…` : `${place.basic.user}:…`;
}

export type SecretState = "set" | "unset" | "elsewhere" | "unused";

/** A secret that is set for another place counts as none. */
export function stateOf({ declared, set, origin }: Secret): SecretState {
  if (!declared) return "unused";
  if (!set) return "unset";
  return set.origin === origin ? "set" : "elsewhere";
}

export const minSecret = 8;
export const maxSecret = 4096;

/** What is wrong with a secret, as far as one can see here. */
export function valueProblem(value: string): "" | "length" | "shape" {
  if (!/^[ -~]*$/.test(value) || value.trim() !== value) return "shape";
  return value.length < minSecret || value.length > maxSecret ? "length" : "";
}
