import { fail } from "../../base/index.ts";
import type { SourceLine } from "../dockerfile/source-lines.ts";
import { applies, withComments, type LintConfig } from "./config.ts";
import { ruleUrl, rules, type RuleName } from "./rules.ts";
import type { LintWarning } from "./warning.ts";

/** Collects what checks find, without what the file says to skip. */
export class Linter {
  readonly warnings: LintWarning[] = [];
  readonly #config: LintConfig;

  constructor(config: LintConfig) {
    this.#config = config;
  }

  found(rule: RuleName, line: SourceLine, message: string, at?: { start: number; end: number }): void {
    if (!applies(withComments(this.#config, line.comments), rule)) return;
    const { file } = line;
    const { start, end } = at ?? { start: line.line, end: line.end };
    const { description } = rules[rule];
    this.warnings.push({ rule, description, url: ruleUrl(rule), message, file, start, end });
  }

  /** The file says that warnings are errors, and there are some. */
  get isFatal(): boolean {
    return this.#config.error && this.warnings.length > 0;
  }

  /** Throws `invalid` / `build.check-failed`. */
  stopOnErrors(): void {
    if (!this.isFatal) return;
    const names = [...new Set(this.warnings.map((one) => one.rule))].join(", ");
    throw fail("invalid", "build.check-failed", `lint violation found for rules: ${names}`, {
      hint: "mend what the warnings say, or leave a check out with '# check=skip=NAME' at the top of the file",
    });
  }
}
