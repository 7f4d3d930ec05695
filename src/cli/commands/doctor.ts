import { examine, type CheckResult } from "../../doctor/index.ts";
import type { Command } from "../command.ts";
import { paint } from "../output.ts";

export const doctor: Command = {
  name: "doctor",
  summary: "Check this machine and say what is missing, without changing anything",
  usage: "",
  options: { json: { type: "boolean", help: "print JSON" } },
  arguments: { max: 0 },
  run(invocation) {
    const results = examine(invocation.root);
    if (invocation.flag("json")) console.log(JSON.stringify(results, null, 2));
    else for (const result of results) console.log(lineOf(result));
    return Promise.resolve(results.some((one) => one.status === "fail") ? 1 : 0);
  },
};

function lineOf(result: CheckResult): string {
  const colour = { pass: "green", warn: "yellow", fail: "red" } as const;
  const line = `${paint(colour[result.status], result.status.padEnd(4))}  ${result.name.padEnd(14)} ${result.detail}`;
  return result.status === "pass" ? line : `${line}\n      ${" ".repeat(14)} next: ${result.next}`;
}
