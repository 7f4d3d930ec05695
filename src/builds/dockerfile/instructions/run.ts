import { needArguments, parseCommand, type Command } from "../arguments.ts";
import { dockerfileError } from "../dockerfile-error.ts";
import { takeFlags } from "../flags.ts";
import type { SourceLine } from "../source-lines.ts";
import { parseMount, type WrittenMount } from "./run-mount.ts";

export interface RunInstruction extends SourceLine {
  readonly kind: "RUN";
  readonly command: Command;
  readonly mounts: readonly WrittenMount[];
  readonly network: "default" | "none" | "host";
  readonly security: "sandbox" | "insecure";
  /** Names of CDI devices, as they are written. */
  readonly devices: readonly string[];
}

export function parseRun(line: SourceLine): RunInstruction {
  const { flags, rest } = takeFlags(line, line.rest, {
    mount: "list",
    network: "text",
    security: "text",
    device: "list",
  });
  const security = flags.text("security") ?? "sandbox";
  if (security !== "sandbox" && security !== "insecure") {
    throw dockerfileError("dockerfile.flag", line, `--security takes sandbox or insecure, not '${security}'`);
  }
  const network = flags.text("network") ?? "default";
  if (network !== "default" && network !== "none" && network !== "host") {
    throw dockerfileError("dockerfile.flag", line, `--network takes default, none or host, not '${network}'`);
  }
  needArguments(line, rest, "RUN <command>");
  const mounts = flags.list("mount").map((text) => parseMount(line, text));
  const devices = flags.list("device");
  return { ...line, kind: "RUN", command: parseCommand(line, rest), mounts, network, security, devices };
}
