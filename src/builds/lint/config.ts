import { fail } from "../../base/index.ts";
import { isExperimental, type RuleName } from "./rules.ts";

/** Which checks count (reference, "check"). */
export interface LintConfig {
  readonly skip: ReadonlySet<string> | "all";
  readonly experimental: ReadonlySet<string> | "all";
  /** What a check finds stops the build. */
  readonly error: boolean;
}

/** `skip=A,B;error=true;experimental=all`. Throws `invalid` / `dockerfile.check`. */
export function parseLintConfig(text: string | undefined): LintConfig {
  const options = new Map<string, string>();
  for (const part of (text ?? "").split(";").filter((one) => one.trim() !== "")) {
    const [name = "", ...value] = part.split("=");
    const known = ["skip", "experimental", "error"].includes(name.trim());
    if (value.length === 0 || !known) throw wrong(part.trim());
    options.set(name.trim(), value.join("=").trim());
  }
  const error = (options.get("error") ?? "false").toLowerCase();
  if (!/^(true|false|1|0|t|f)$/.test(error)) throw wrong(`error=${error}`);
  return {
    skip: namesOf(options.get("skip")),
    experimental: namesOf(options.get("experimental")),
    error: /^(true|1|t)$/.test(error),
  };
}

/** With what `# check=` above an instruction adds; a malformed one is a comment. */
export function withComments(config: LintConfig, comments: readonly string[]): LintConfig {
  const found = comments.map((one) => /^check\s*=\s*(\S+)/i.exec(one)?.[1]).find((one) => one !== undefined);
  if (found === undefined) return config;
  let more: LintConfig;
  try {
    more = parseLintConfig(found);
  } catch {
    return config;
  }
  return {
    skip: both(config.skip, more.skip),
    experimental: both(config.experimental, more.experimental),
    error: config.error,
  };
}

export function applies(config: LintConfig, rule: RuleName): boolean {
  const has = (names: ReadonlySet<string> | "all") => names === "all" || names.has(rule);
  return isExperimental(rule) ? has(config.experimental) : !has(config.skip);
}

function namesOf(text: string | undefined): ReadonlySet<string> | "all" {
  if (text === "all") return "all";
  return new Set(text === undefined ? [] : text.split(",").map((name) => name.trim()));
}

function both(a: ReadonlySet<string> | "all", b: ReadonlySet<string> | "all") {
  return a === "all" || b === "all" ? "all" : new Set([...a, ...b]);
}

function wrong(part: string) {
  const hint = "write it like skip=JSONArgsRecommended,StageNameCasing;error=true";
  return fail("invalid", "dockerfile.check", `invalid check option '${part}'`, { hint });
}
