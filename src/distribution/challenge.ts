/** What a registry asks for in WWW-Authenticate (RFC 9110, 11.6.1). */
export interface Challenge {
  /** Lower case: `bearer`, `basic`. */
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
}

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";

/**
 * Reads the header, which may hold several challenges, joined by commas as their parameters are. What is not understood
 * is left out: a registry's odd second challenge must not stand in the way of the first.
 */
export function parseChallenges(header: string): Challenge[] {
  const found: { scheme: string; parameters: Record<string, string> }[] = [];
  const parameter = new RegExp(`^(${token})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s,"]*))`);
  const scheme = new RegExp(`^(${token})(?=\\s|,|$)`);
  let rest = header.slice(0, 16_384);
  while (rest !== "") {
    rest = rest.replace(/^[\s,]+/, "");
    const pair = parameter.exec(rest);
    const begin = pair ? null : scheme.exec(rest);
    if (pair) {
      const value = pair[2]?.replaceAll(/\\(.)/g, "$1") ?? pair[3]!;
      const current = found.at(-1);
      if (current) current.parameters[pair[1]!.toLowerCase()] ??= value;
    } else if (begin) found.push({ scheme: begin[1]!.toLowerCase(), parameters: {} });
    rest = rest.slice((pair ?? begin)?.[0].length ?? 1);
  }
  return found;
}
