import { fail } from "../../../base/index.ts";
import type { Command, Invocation } from "../../command.ts";
import { engineOf } from "../../connection.ts";
import { named } from "../../nearest-name.ts";
import { errorText } from "../../output.ts";
import { isTerminal, tell } from "../../terminal.ts";
import { pairsOrHere } from "../../values.ts";
import { failureCode } from "./run.ts";

export const exec: Command = {
  name: "exec",
  summary: "Run a command in a running container",
  usage: "CONTAINER COMMAND [ARGUMENT...]",
  arguments: { min: 2 },
  restAfter: 1,
  usageErrorCode: 125,
  options: {
    interactive: { type: "boolean", short: "i", help: "keep stdin open" },
    tty: { type: "boolean", short: "t", help: "give it a terminal" },
    detach: { type: "boolean", short: "d", help: "in the background" },
    env: { type: "string", short: "e", multiple: true, value: "NAME[=VALUE]", help: "set a variable" },
    "env-file": {
      type: "string",
      multiple: true,
      value: "FILE",
      help: "set the variables of a file",
      completes: "file",
    },
    workdir: { type: "string", short: "w", value: "DIR", help: "where the command starts" },
    user: { type: "string", short: "u", value: "USER[:GROUP]", help: "who it runs as" },
    privileged: { type: "boolean", help: "with all capabilities" },
    "detach-keys": {
      type: "string",
      value: "KEYS",
      help: "keys that leave it running (default ctrl-p,ctrl-q)",
    },
  },
  completes: ["running", "nothing"],
  details: `The exit code is the command's; 126 when it cannot be run, 127 when it is not there.

  virga exec -it web sh`,
  async run(invocation) {
    const docker = engineOf(invocation.root);
    const [name = "", ...command] = invocation.arguments;
    const { Id } = await named(docker, "container", name, () =>
      docker.createExec(name, execBody(invocation, command)),
    );
    if (invocation.flag("detach")) {
      await docker.transport.request("POST", `/exec/${Id}/start`, { json: { Detach: true } });
      return 0;
    }
    const [tty, stdin] = [invocation.flag("tty"), invocation.flag("interactive")];
    const modules = import("../../session.ts");
    try {
      const connection = await docker.startExec(Id, { Detach: false, Tty: tty });
      const { runSession, unreadExitCode } = await modules;
      const how = await runSession(connection, {
        tty,
        stdin,
        detachKeys: invocation.text("detach-keys"),
        resize: async (w, h) => {
          await docker.transport.request("POST", `/exec/${Id}/resize`, { query: { w, h } });
        },
      });
      if (how === "unread") return unreadExitCode;
      return how === "detached" ? 0 : ((await docker.exec(Id)).ExitCode ?? 0);
    } catch (error) {
      const code = failureCode(error);
      if (code === 125) throw error;
      tell(errorText(error));
      return code;
    }
  },
};

function execBody(invocation: Invocation, command: readonly string[]) {
  const [tty, stdin] = [invocation.flag("tty"), invocation.flag("interactive")];
  const isAttached = !invocation.flag("detach");
  if (tty && stdin && isAttached && !isTerminal(0)) {
    throw fail("invalid", "cli.no-terminal", "-t wants a terminal on stdin, and this is none", {
      hint: "leave out -t: virga exec -i …",
    });
  }
  const env = pairsOrHere(invocation.texts("env-file"), invocation.texts("env"));
  return {
    Cmd: command,
    Tty: tty,
    AttachStdin: stdin && isAttached,
    AttachStdout: isAttached,
    AttachStderr: isAttached,
    ...(env.length > 0 ? { Env: env } : {}),
    ...(invocation.given("workdir") ? { WorkingDir: invocation.text("workdir") } : {}),
    ...(invocation.given("user") ? { User: invocation.text("user") } : {}),
    ...(invocation.given("detach-keys") ? { DetachKeys: invocation.text("detach-keys") } : {}),
    Privileged: invocation.flag("privileged"),
  };
}
