import { dockerfileError, type SourcePlace } from "../dockerfile/dockerfile-error.ts";

/** What `--chmod` makes of a file's permission bits. */
export type ModeChange = (mode: number, isDirectory: boolean) => number;

const permissionBits: Readonly<Record<string, number>> = { r: 0o444, w: 0o222, x: 0o111 };
const whoBits: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o1007 };

/** Octal (`755`) or symbolic (`u=rwX,go=rX`, `+x`) permissions, as chmod(1). Throws `dockerfile.chmod`. */
export function parseMode(place: SourcePlace, text: string): ModeChange {
  if (/^[0-7]{1,5}$/.test(text) && Number.parseInt(text, 8) <= 0o7777) {
    const mode = Number.parseInt(text, 8);
    return () => mode;
  }
  const clauses = text.split(",").map((clause) => {
    const match = /^([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)$/.exec(clause);
    if (!match) {
      const hint = "write it like 755, +x or u=rwX,go=rX";
      throw dockerfileError("dockerfile.chmod", place, `'${text}' is not a file mode`, hint);
    }
    const who = match[1] === "" || match[1]!.includes("a") ? "ugo" : match[1]!;
    const actions = [...match[2]!.matchAll(/([-+=])([ugo]|[rwxXst]*)/g)];
    return { who, actions: actions.map(([, operator, what]) => ({ operator: operator!, what: what! })) };
  });
  return (before, isDirectory) => {
    let mode = before & 0o7777;
    for (const { who, actions } of clauses) {
      for (const { operator, what } of actions) {
        const mask = who.split("").reduce((bits, one) => bits | whoBits[one]!, 0);
        const bits = bitsOf(what, mode, isDirectory) & mask;
        if (operator === "+") mode |= bits;
        else if (operator === "-") mode &= ~bits;
        else mode = (mode & ~(mask & 0o777)) | bits;
      }
    }
    return mode;
  };
}

function bitsOf(what: string, mode: number, isDirectory: boolean): number {
  if (/^[ugo]$/.test(what)) {
    const shift = { u: 6, g: 3, o: 0 }[what as "u" | "g" | "o"];
    const three = (mode >> shift) & 7;
    return three * 0o111;
  }
  let bits = 0;
  for (const letter of what) {
    if (letter === "X") bits |= isDirectory || (mode & 0o111) !== 0 ? 0o111 : 0;
    else if (letter === "s") bits |= 0o6000;
    else if (letter === "t") bits |= 0o1000;
    else bits |= permissionBits[letter]!;
  }
  return bits;
}
