import { fail, isVirgaError } from "../../../base/index.ts";
import type { DockerClient } from "../../../api/client/docker/index.ts";
import { jsonOption, type Command } from "../../command.ts";
import { engineOf } from "../../connection.ts";
import { eachNamed } from "../../each.ts";
import { named } from "../../nearest-name.ts";
import { runAttached } from "./run.ts";

const detachKeys = {
  "detach-keys": {
    type: "string",
    value: "KEYS",
    help: "keys that leave it running (default ctrl-p,ctrl-q)",
  },
} as const;

export const start: Command = {
  name: "start",
  summary: "Start containers that do not run",
  usage: "CONTAINER...",
  arguments: { min: 1 },
  options: {
    attach: {
      type: "boolean",
      short: "a",
      help: "show its output until it ends, and end with its exit code",
    },
    interactive: { type: "boolean", short: "i", help: "attach its stdin too" },
    ...detachKeys,
    ...jsonOption,
  },
  completes: ["stopped"],
  async run(invocation) {
    const docker = engineOf(invocation.root);
    const attached = invocation.flag("attach") || invocation.flag("interactive");
    if (!attached) {
      return await eachNamed(invocation, invocation.arguments, (name) =>
        named(docker, "container", name, () => docker.act(name, "start")),
      );
    }
    const [name = "", other] = invocation.arguments;
    if (other !== undefined) {
      throw fail("invalid", "cli.usage", "only one container can be attached", {
        hint: "virga start --help",
      });
    }
    const detail = await named(docker, "container", name, () => docker.container(name));
    return await runAttached(docker, detail.Id, {
      stdin: invocation.flag("interactive") && detail.Config.OpenStdin === true,
      stdout: true,
      stderr: true,
      tty: detail.Config.Tty === true,
      autoRemove: detail.HostConfig.AutoRemove === true,
      detachKeys: invocation.text("detach-keys"),
      proxy: true,
    });
  },
};

export const attach: Command = {
  name: "attach",
  summary: "Join a running container's output and input, with its exit code at the end",
  usage: "CONTAINER",
  arguments: { min: 1, max: 1 },
  options: {
    ...detachKeys,
    "no-stdin": { type: "boolean", help: "leave its stdin alone" },
    "sig-proxy": { type: "boolean", help: "pass signals on to it (default true)" },
  },
  completes: ["running"],
  async run(invocation) {
    const docker = engineOf(invocation.root);
    const [name = ""] = invocation.arguments;
    const { Id, Config, State } = await named(docker, "container", name, () => docker.container(name));
    if (!State.Running) {
      throw fail("conflict", "container.not-running", `${name} does not run`, {
        hint: `virga start -a ${name}`,
      });
    }
    const stdin = !invocation.flag("no-stdin") && Config.OpenStdin === true;
    const keys = invocation.text("detach-keys");
    const [{ runSession, unreadExitCode }, { proxySignals }] = await Promise.all([
      import("../../session.ts"),
      import("../../signals.ts"),
    ]);
    const exit = await docker.wait(Id, "not-running");
    const connection = await docker.attach(Id, { stream: 1, stdin, stdout: 1, stderr: 1, detachKeys: keys });
    using _signals = invocation.flag("sig-proxy", true)
      ? proxySignals((signal) => docker.act(Id, "kill", { signal }))
      : undefined;
    const how = await runSession(connection, {
      tty: Config.Tty === true,
      stdin,
      detachKeys: keys,
      resize: (w, h) => docker.act(Id, "resize", { w, h }),
    });
    if (how === "detached") return 0;
    if (how === "unread") return unreadExitCode;
    const mayGoOn = how === "let-go" && !(Config.StdinOnce === true && Config.Tty !== true);
    if (mayGoOn && (await isRunning(docker, Id))) return 0;
    return (await exit.result).StatusCode;
  },
};

async function isRunning(docker: DockerClient, id: string): Promise<boolean> {
  try {
    return (await docker.container(id)).State.Running;
  } catch (error) {
    if (isVirgaError(error, "not-found")) return false;
    throw error;
  }
}
