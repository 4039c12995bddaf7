import type { Values } from "@/api";

export type Clash = { name: string; mine: unknown; theirs: unknown; mineChanged: boolean; theirsChanged: boolean };

const same = (a: unknown, b: unknown) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

/** Every field in which the two versions differ, and who changed it. */
export function clashes(base: Values, mine: Values, theirs: Values): Clash[] {
  const names = new Set([...Object.keys(base), ...Object.keys(mine), ...Object.keys(theirs)]);
  return [...names]
    .filter((name) => !same(mine[name], theirs[name]))
    .map((name) => ({
      name,
      mine: mine[name],
      theirs: theirs[name],
      mineChanged: !same(base[name], mine[name]),
      theirsChanged: !same(base[name], theirs[name]),
    }));
}

/** Whose value stands at first: mine only where I changed it and they did not. */
export function firstChoice(clash: Clash): "mine" | "theirs" {
  return clash.mineChanged && !clash.theirsChanged ? "mine" : "theirs";
}

/** Their version with my value where I chose it. */
export function merged(mine: Values, theirs: Values, choices: Record<string, "mine" | "theirs">): Values {
  const out = { ...theirs };
  for (const [name, choice] of Object.entries(choices)) if (choice === "mine") out[name] = mine[name];
  return out;
}
