import { fail } from "../../base/index.ts";
import { adjectives, surnames } from "./name-words.ts";

const pattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** The name without the leading slash that Docker's API puts before it. Throws `invalid` / `container.name-invalid`. */
export function checkName(name: string): string {
  const bare = name.startsWith("/") ? name.slice(1) : name;
  if (pattern.test(bare)) return bare;
  throw fail(
    "invalid",
    "container.name-invalid",
    `Invalid container name (${bare}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
  );
}

/** A name such as `calm_hopper` that `taken` does not know; with a number when the short ones run out. */
export function generateName(taken: (name: string) => boolean, random: () => number = Math.random): string {
  const pick = (words: readonly string[]) => words[Math.floor(random() * words.length)]!;
  for (let attempt = 0; ; attempt++) {
    const base = `${pick(adjectives)}_${pick(surnames)}`;
    const name = attempt < 5 ? base : `${base}${attempt}`;
    if (!taken(name)) return name;
  }
}
