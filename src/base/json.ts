import { fail } from "./errors.ts";

/** Deeper than any request; without a limit a value of nothing but brackets overflows the stack of who walks it. */
const maxDepth = 100;

/**
 * Throws `invalid`, naming the field, for what JSON can say and nobody can mean: values in values without end, a zero
 * byte in a text (the kernel and every program end the text there), a field that stands for an object's own parent.
 */
export function checkJson(value: unknown, at: string): void {
  const open: { readonly value: unknown; readonly path: string; readonly depth: number }[] = [
    { value, path: "", depth: 0 },
  ];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value: one, path, depth } = next;
    if (typeof one === "string") {
      if (one.includes("\0")) throw refuse(at, path, "a text may not hold a zero byte");
    } else if (typeof one === "object" && one !== null) {
      if (depth === maxDepth)
        throw refuse(at, path.split(".")[0]!, `more than ${maxDepth} values, each in the next`);
      for (const [name, inner] of Object.entries(one)) {
        const inside = path === "" ? name : `${path}.${name}`;
        if (name.includes("\0")) throw refuse(at, inside, "a name may not hold a zero byte");
        if (name === "__proto__") throw refuse(at, inside, "it cannot be a name here");
        open.push({ value: inner, path: inside, depth: depth + 1 });
      }
    }
  }
}

function refuse(at: string, path: string, why: string): Error {
  return fail("invalid", "api.invalid-field", `${at}: ${path === "" ? "" : `${path}: `}${why}`);
}
