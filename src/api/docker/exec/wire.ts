import { z } from "zod";
import type { Container, Exec, ExecRequest } from "../../../containers/index.ts";
import { fail } from "../../../base/index.ts";
import { consoleSizeBody } from "../containers/create/body.ts";
import { decodeSize } from "../containers/create/decode.ts";
import { holds, quirks } from "../quirks.ts";
import type { ApiVersion } from "../versions.ts";
import { defined, filled, whenTrue } from "../http/defined.ts";
import { checkFields, noEffect, supported, type FieldTable } from "../http/fields.ts";

const text = z.string().nullish();
const flag = z.boolean().nullish();
const texts = z.array(z.string()).nullish();

export const execCreateFields: FieldTable = {
  AttachStdin: supported,
  AttachStdout: supported,
  AttachStderr: supported,
  Cmd: supported,
  DetachKeys: supported,
  Env: supported,
  Privileged: supported,
  Tty: supported,
  User: supported,
  WorkingDir: supported,
  ConsoleSize: supported,
  Detach: noEffect("the start request says it"),
  Container: noEffect("the path names it"),
  id: noEffect("the path names the container; Portainer says it here, too"),
};

export const execCreateBody = z.looseObject({
  ConsoleSize: consoleSizeBody,
  AttachStdin: flag,
  AttachStdout: flag,
  AttachStderr: flag,
  Cmd: z
    .union([z.array(z.string()), z.string().transform((one) => [one])], "expected a list of texts")
    .nullish(),
  DetachKeys: text,
  Env: texts,
  Privileged: flag,
  Tty: flag,
  User: text,
  WorkingDir: text,
});

export const execStartFields: FieldTable = {
  Detach: supported,
  Tty: supported,
  ConsoleSize: supported,
  hijack: noEffect("dockerode sends its own options, too"),
  stdin: noEffect("dockerode sends its own options, too"),
  OutputCapacity: noEffect("bollard sends its own options, too"),
};

export const execStartBody = z.looseObject({ Detach: flag, Tty: flag, ConsoleSize: consoleSizeBody });

/** Throws `invalid`, `unimplemented` by field. */
export function decodeExec(body: z.infer<typeof execCreateBody>, version: ApiVersion): ExecRequest {
  checkFields(body, execCreateFields, "");
  const command = filled(body.Cmd);
  if (command === undefined) throw fail("invalid", "exec.no-command", "No exec command specified");
  return defined({
    command,
    env: filled(body.Env),
    user: filled(body.User),
    workingDir: filled(body.WorkingDir),
    tty: whenTrue(body.Tty),
    consoleSize: holds(quirks.consoleSize, version) ? decodeSize(body.ConsoleSize) : undefined,
    privileged: whenTrue(body.Privileged),
    attachStdin: whenTrue(body.AttachStdin),
    attachStdout: whenTrue(body.AttachStdout),
    attachStderr: whenTrue(body.AttachStderr),
    detachKeys: filled(body.DetachKeys),
  });
}

/** GET /exec/{id}/json. */
export function encodeExec(exec: Exec, container: Container) {
  const { request, state } = exec;
  const [entrypoint = "", ...arguments_] = request.command;
  return {
    ID: exec.id,
    Running: state.status === "running",
    ExitCode: state.status === "exited" ? state.exitCode : null,
    ProcessConfig: {
      tty: request.tty ?? false,
      entrypoint,
      arguments: arguments_,
      privileged: request.privileged ?? false,
      ...(request.user === undefined ? {} : { user: request.user }),
    },
    OpenStdin: request.attachStdin ?? false,
    OpenStderr: request.attachStderr ?? false,
    OpenStdout: request.attachStdout ?? false,
    CanRemove: false,
    ContainerID: container.id,
    DetachKeys: request.detachKeys ?? "",
    Pid: state.status === "created" ? 0 : (state.pid ?? 0),
  };
}
