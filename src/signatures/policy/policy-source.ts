import { readFileSync } from "node:fs";
import { errnoOf, fail, messageOf } from "../../base/index.ts";
import type { Policy } from "./policy.ts";
import { readPolicy } from "./read-policy.ts";

/** The policy as its file has it at this moment. */
export interface PolicySource {
  readonly path: string;
  /** undefined: there is none. Throws `invalid` / `policy.malformed`, `precondition` / `policy.unreadable`. */
  current(): Policy | undefined;
}

/** `required`: somebody has named the file, so that it has to be there. */
export function policySource(path: string, required: boolean): PolicySource {
  let last: { readonly content: string; readonly policy: Policy } | undefined;
  return {
    path,
    current() {
      const content = read(path, required);
      if (content === undefined) return undefined;
      if (last?.content !== content) last = { content, policy: readPolicy(path, content) };
      return last.policy;
    },
  };
}

function read(path: string, required: boolean): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT" && !required) return undefined;
    const why = errnoOf(error) === "ENOENT" ? "it is not there" : messageOf(error);
    throw fail("precondition", "policy.unreadable", `the policy ${path} can't be read: ${why}`, {
      cause: error,
      hint: "until it can be, every image is refused; config.json names the file (signature-policy)",
    });
  }
}
