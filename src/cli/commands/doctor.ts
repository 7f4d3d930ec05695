import { examine, type CheckResult } from "../../doctor/index.ts";
import type { Command } from "../command.ts";
import { paint } from "../output.ts";
import { print } from "../terminal.ts";

export const doctor: Command = {
  name: "doctor",
  summary: "Check this machine and say what is missing, without changing anything",
  usage: "",
  options: { json: { type: "boolean", help: "print JSON" } },
  arguments: { max: 0 },
  run(invocation) {
    const results = examine(invocation.root);
    if (invocation.flag("json")) print(JSON.stringify(results, null, 2));
    else {
      const width = Math.max(...results.map((one) => one.name.length));
      for (const result of results) print(lineOf(result, width));
    }
    return Promise.resolve(results.some((one) => one.status === "fail") ? 1 : 0);
  },
};

function lineOf(result: CheckResult, width: number): string {
  const colour = { pass: "green", warn: "yellow", fail: "red" } as const;
  const line = `${paint(colour[result.status], result.status.padEnd(4))}  ${result.name.padEnd(width)}  ${result.detail}`;
  return result.status === "pass" ? line : `${line}\n      ${" ".repeat(width)}  next: ${result.next}`;
}
