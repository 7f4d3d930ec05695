import { fail, isVirgaError } from "../../../base/index.ts";
import type { DockerClient, Query, WaitResult } from "../../../api/client/docker/index.ts";
import { jsonOption, type Command, type Invocation, type Option } from "../../command.ts";
import { engineOf, needDaemon } from "../../connection.ts";
import { each, eachNamed } from "../../each.ts";
import { filterOption, filtersOf } from "../../filters.ts";
import { named } from "../../nearest-name.ts";
import { explanationText } from "../../stop-explanation.ts";
import { print, printJson, tell } from "../../terminal.ts";
import { nameOf } from "./ps.ts";

const usage = "CONTAINER...";
const some = { arguments: { min: 1 }, usage } as const;

const stopOptions = {
  signal: { type: "string", short: "s", value: "SIGNAL", help: "instead of the container's own stop signal" },
  timeout: {
    type: "number",
    short: "t",
    value: "SECONDS",
    alias: "time",
    help: "wait so long before it is killed; -1: for ever",
  },
} as const satisfies Record<string, Option>;

export const stop: Command = {
  name: "stop",
  summary: "Stop containers: their stop signal, and SIGKILL when that does not end them",
  ...some,
  options: { ...stopOptions, ...jsonOption },
  completes: ["running"],
  details: "When a container has to be killed because its stop signal did not end it, virga stop says why.",
  async run(invocation) {
    const client = await needDaemon(invocation.root);
    const docker = engineOf(invocation.root);
    const [timeout, signal] = [invocation.number("timeout"), invocation.text("signal")];
    const options = {
      ...(timeout === undefined ? {} : { timeout }),
      ...(signal === undefined ? {} : { signal }),
    };
    const stopped: object[] = [];
    const code = await each(invocation.arguments, async (name) => {
      const result = await named(docker, "container", name, () => client.stopContainer(name, options));
      stopped.push({ container: name, ...result });
      if (invocation.flag("json")) return;
      print(name);
      if (result.explanation) tell(explanationText(result.explanation));
    });
    if (invocation.flag("json")) printJson(stopped);
    return code;
  },
};

export const restart: Command = {
  name: "restart",
  summary: "Stop containers and start them again",
  ...some,
  options: { ...stopOptions, ...jsonOption },
  completes: ["container"],
  run: (invocation) => act(invocation, (docker, name) => docker.act(name, "restart", stopQuery(invocation))),
};

function stopQuery(invocation: Invocation): Query {
  return { t: invocation.number("timeout"), signal: invocation.text("signal") };
}

export const kill: Command = {
  name: "kill",
  summary: "Send containers a signal: SIGKILL, or another one",
  ...some,
  options: {
    signal: { type: "string", short: "s", value: "SIGNAL", help: "its name or number (default SIGKILL)" },
    ...jsonOption,
  },
  completes: ["running"],
  run: (invocation) =>
    act(invocation, (docker, name) => docker.act(name, "kill", { signal: invocation.text("signal") })),
};

export const pause: Command = {
  name: "pause",
  summary: "Freeze all processes of containers",
  ...some,
  options: jsonOption,
  completes: ["running"],
  run: (invocation) => act(invocation, (docker, name) => docker.act(name, "pause")),
};

export const unpause: Command = {
  name: "unpause",
  summary: "Let paused containers go on",
  ...some,
  options: jsonOption,
  completes: ["running"],
  run: (invocation) => act(invocation, (docker, name) => docker.act(name, "unpause")),
};

export const rename: Command = {
  name: "rename",
  summary: "Give a container another name",
  usage: "CONTAINER NEW-NAME",
  options: { ...jsonOption },
  arguments: { min: 2, max: 2 },
  completes: ["container", "nothing"],
  async run(invocation) {
    const docker = engineOf(invocation.root);
    const [name = "", next = ""] = invocation.arguments;
    await named(docker, "container", name, () => docker.act(name, "rename", { name: next }));
    if (invocation.flag("json")) printJson({ name: next, before: name });
    return 0;
  },
};

export const rm: Command = {
  name: "rm",
  summary: "Remove containers",
  usage,
  options: {
    force: {
      type: "boolean",
      short: "f",
      help: "also when it runs (it is killed); no error when it is gone",
    },
    volumes: { type: "boolean", short: "v", help: "with the anonymous volumes that it has" },
    ...filterOption,
    filter: { ...filterOption.filter, short: "F", help: "also all that match, such as status=exited" },
    ...jsonOption,
  },
  completes: ["container"],
  async run(invocation) {
    const docker = engineOf(invocation.root);
    const force = invocation.flag("force");
    const names = [...invocation.arguments, ...(await matching(docker, invocation.texts("filter")))];
    if (names.length === 0 && !invocation.given("filter")) {
      throw fail("invalid", "cli.usage", "an argument is missing", { hint: "virga rm --help" });
    }
    return await eachNamed(invocation, names, async (name) => {
      try {
        await named(docker, "container", name, () =>
          docker.remove(name, { force: force || undefined, v: invocation.flag("volumes") || undefined }),
        );
        return true;
      } catch (error) {
        if (!force || !isVirgaError(error, "not-found")) throw error;
        return false;
      }
    });
  },
};

async function matching(docker: DockerClient, filters: readonly string[]): Promise<readonly string[]> {
  if (filters.length === 0) return [];
  return (await docker.containers({ all: true, filters: filtersOf(filters) })).map(nameOf);
}

export const wait: Command = {
  name: "wait",
  summary: "Wait until containers have ended, and print their exit codes",
  usage,
  arguments: { min: 1 },
  options: {
    condition: {
      type: "string",
      choices: ["not-running", "next-exit", "removed"],
      value: "CONDITION",
      help: "not-running (the default), next-exit or removed",
    },
    ...jsonOption,
  },
  completes: ["running"],
  async run(invocation) {
    const docker = engineOf(invocation.root);
    const results: (WaitResult & { readonly name: string })[] = [];
    const condition = invocation.text("condition") ?? "not-running";
    const code = await each(invocation.arguments, async (name) => {
      const { result } = await named(docker, "container", name, () => docker.wait(name, condition));
      results.push({ name, ...(await result) });
      if (!invocation.flag("json")) print(String(results.at(-1)!.StatusCode));
    });
    if (invocation.flag("json")) {
      printJson(results.map(({ name, StatusCode }) => ({ container: name, exitCode: StatusCode })));
    }
    return code;
  },
};

/** The same on each container; prints the names of those that it worked on. */
function act(
  invocation: Invocation,
  work: (docker: DockerClient, name: string) => Promise<void>,
): Promise<number> {
  const docker = engineOf(invocation.root);
  return eachNamed(invocation, invocation.arguments, (name) =>
    named(docker, "container", name, () => work(docker, name)),
  );
}
