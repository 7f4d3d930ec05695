import { shortId } from "../../base/index.ts";
import { jsonLines, type EventMessage } from "../../api/client/docker/index.ts";
import type { Command } from "../command.ts";
import { engineOf } from "../connection.ts";
import { filterOption, filtersOf } from "../filters.ts";
import { print } from "../terminal.ts";
import { secondsOf, untilInterrupted } from "./containers/logs.ts";

export const events: Command = {
  name: "events",
  summary: "Show what happens to containers, images, networks and volumes, as it happens",
  usage: "",
  arguments: { max: 0 },
  options: {
    ...filterOption,
    since: { type: "string", value: "TIME", help: "from a time on, or so long ago (10m); then what happens" },
    until: { type: "string", value: "TIME", help: "up to a time" },
    json: { type: "boolean", help: "print a JSON object a line" },
  },
  async run(invocation) {
    const docker = engineOf(invocation.root);
    const [since, until] = ["since", "until"].map((option) => {
      const text = invocation.text(option);
      return text === undefined ? undefined : secondsOf(text, option);
    });
    const query = { since, until, filters: filtersOf(invocation.texts("filter")) };
    return await untilInterrupted(async (signal) => {
      const response = await docker.transport.request("GET", "/events", { query, signal });
      for await (const event of jsonLines<EventMessage>(response, signal)) {
        print(invocation.flag("json") ? JSON.stringify(event) : lineOf(event));
      }
    });
  },
};

function lineOf({ Type, Action, Actor, timeNano, time }: EventMessage): string {
  const when = new Date(timeNano ? timeNano / 1e6 : time * 1000).toISOString();
  const { name, ...others } = Actor.Attributes ?? {};
  const more = Object.entries(others).map(([key, value]) => `${key}=${value}`);
  const subject = [name, /^(sha256:)?[0-9a-f]{64}$/.test(Actor.ID) ? shortId(Actor.ID) : Actor.ID];
  return [
    when,
    Type,
    Action.trim(),
    ...new Set(subject.filter(Boolean)),
    ...(more.length > 0 ? [`(${more.join(", ")})`] : []),
  ].join(" ");
}
