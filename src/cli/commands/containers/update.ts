import { fail } from "../../../base/index.ts";
import type { WireRecreated } from "../../../api/client/index.ts";
import { jsonOption, type Command, type Invocation } from "../../command.ts";
import { engineOf, needDaemon } from "../../connection.ts";
import { each } from "../../each.ts";
import { named } from "../../nearest-name.ts";
import { explanationText } from "../../stop-explanation.ts";
import { print, printJson, tell } from "../../terminal.ts";
import { confirmed } from "../prune.ts";
import { changeOf, updateOptions } from "./update-change.ts";

export const update: Command = {
  name: "update",
  summary: "Change ports, environment, mounts, limits or the image of containers, in their place",
  usage: "CONTAINER...",
  arguments: { min: 1 },
  options: {
    ...updateOptions,
    plan: { type: "boolean", help: "only say what would be done", alias: "dry-run" },
    force: {
      type: "boolean",
      short: "f",
      help: "without asking, also when it has to be restarted",
      alias: "yes",
    },
    time: { type: "number", value: "SECONDS", help: "how long its program is given to end; -1: for ever" },
    ...jsonOption,
  },
  completes: ["container"],
  details: `A container keeps its id, name, addresses, volumes and files. Limits and the restart policy change while it runs; for the
rest it is ended and started again, and virga says so, and how long it may take, before it does it. When the start fails
it is as it was before.

  virga update web -p 9090:80 -e MODE=new --memory 512m`,
  async run(invocation) {
    const client = await needDaemon(invocation.root);
    const docker = engineOf(invocation.root);
    const timeout = invocation.number("time");
    const options = timeout === undefined ? {} : { timeout };
    const done: WireRecreated[] = [];
    const code = await each(invocation.arguments, async (name) => {
      const detail = await named(docker, "container", name, () => docker.container(name));
      const change = changeOf(invocation, detail);
      if (Object.keys(change).length === 0) {
        throw fail("invalid", "cli.usage", "nothing is named that is to be different", {
          hint: "virga update --help",
        });
      }
      const plan = await client.recreate(name, change, { ...options, plan: true });
      const result = await (invocation.flag("plan") || plan.how === "nothing"
        ? plan
        : apply(invocation, plan, () => client.recreate(name, change, options)));
      done.push(result);
      if (!invocation.flag("json")) print(resultText(result));
      if (result.explanation) tell(explanationText(result.explanation));
      for (const warning of result.warnings ?? []) tell(`virga: ${warning}`);
    });
    if (invocation.flag("json")) printJson(done);
    return code;
  },
};

/** A restart is asked for first; what changes while it runs is not. */
async function apply(
  invocation: Invocation,
  plan: WireRecreated,
  work: () => Promise<WireRecreated>,
): Promise<WireRecreated> {
  if (plan.how === "restart" && !invocation.flag("force")) {
    tell(resultText(plan));
    if (!(await confirmed(invocation, { text: `${plan.name} is ended and started again` }))) {
      throw fail("cancelled", "cli.not-confirmed", `${plan.name} is as it was`);
    }
  }
  return await work();
}

function resultText(result: WireRecreated): string {
  const changes = result.changes.map(
    ({ what, before, after }) => `  ${what}: ${before ?? "(none)"} → ${after ?? "(none)"}`,
  );
  return [headline(result), ...changes, ...result.notes.map((note) => `  ${note}`)].join("\n");
}

function headline({ name, planned, how, stopSeconds, downtimeMs }: WireRecreated): string {
  if (how === "nothing") return `${name} is so already`;
  if (how === "stored") return `${name} ${planned ? "would be" : "is"} changed; it does not run`;
  if (how === "live") return `${name} ${planned ? "would be" : "was"} changed while it runs`;
  if (!planned) return `${name} was changed; it was away for ${((downtimeMs ?? 0) / 1000).toFixed(1)} s`;
  const wait =
    stopSeconds < 0
      ? "as long as its program takes to end"
      : `at most ${stopSeconds} s until its program has ended`;
  return `${name} would be ended and started again: ${wait}, then it starts`;
}
