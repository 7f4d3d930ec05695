import { isVirgaError } from "../base/index.ts";
import type { ContainerSummary, DockerClient } from "../api/client/docker/index.ts";
import { namesOf as listNames } from "./nearest-name.ts";
import { allOptions, type CommandHelp, type Completion, type Option } from "./command.ts";

/** A word that may stand there; `:files` and `:folders` ask the shell for its own. */
export interface Candidate {
  readonly word: string;
  readonly help?: string;
}

export interface CompletionSource {
  readonly names: readonly string[];
  load(name: string): Promise<CommandHelp>;
  readonly docker: DockerClient;
}

/** What may stand for the last of `words` (which may be empty); the words before it are as typed, without `virga`. */
export async function candidates(
  words: readonly string[],
  source: CompletionSource,
): Promise<readonly Candidate[]> {
  const current = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const found = await possible(before, current, source);
  return found.filter(({ word }) => word.startsWith(current) || word === ":files" || word === ":folders");
}

async function possible(
  before: readonly string[],
  current: string,
  source: CompletionSource,
): Promise<readonly Candidate[]> {
  const name = [3, 2, 1]
    .map((length) => before.slice(0, length).join(" "))
    .find((one) => source.names.includes(one));
  if (name === undefined) return await commandWords(before, source);
  const command = await source.load(name);
  const place = placeOf(command, before.slice(name.split(" ").length));
  if (place.kind === "command") return [{ word: ":files" }];
  if (place.kind === "value") return await valuesOf(place.option, source.docker);
  const inline = /^--([^=]+)=/.exec(current);
  if (inline) {
    const option = allOptions(command)[inline[1]!];
    const values = option === undefined ? [] : await valuesOf(option, source.docker);
    return values.map((one) =>
      one.word.startsWith(":") ? one : { ...one, word: `${inline[0]}${one.word}` },
    );
  }
  if (current.startsWith("-")) return optionWords(command);
  const kinds = command.completes ?? [];
  return await namesOf(kinds[place.index] ?? kinds.at(-1) ?? "nothing", source.docker);
}

async function commandWords(
  before: readonly string[],
  source: CompletionSource,
): Promise<readonly Candidate[]> {
  const prefix = before.map((word) => `${word} `).join("");
  const next = source.names.filter((one) => one.startsWith(prefix)).map((one) => one.slice(prefix.length));
  const words = [...new Set(next.map((one) => one.split(" ", 1)[0]!))];
  return await Promise.all(
    words.map(async (word) => {
      const name = `${prefix}${word}`;
      return source.names.includes(name) ? { word, help: (await source.load(name)).summary } : { word };
    }),
  );
}

type Place =
  | { readonly kind: "argument"; readonly index: number }
  | { readonly kind: "value"; readonly option: Option }
  /** Behind the image or container: the command that runs there. */
  | { readonly kind: "command" };

function placeOf(command: CommandHelp, args: readonly string[]): Place {
  const options = allOptions(command);
  let index = 0;
  let pending: Option | undefined;
  for (const arg of args) {
    if (pending !== undefined) pending = undefined;
    else if (arg.startsWith("--")) {
      const option = options[arg.slice(2)];
      if (option !== undefined && option.type !== "boolean") pending = option;
    } else if (arg.startsWith("-") && arg !== "-") {
      const last = Object.values(options).find((one) => one.short === arg.at(-1));
      if (last !== undefined && last.type !== "boolean") pending = last;
    } else index++;
  }
  if (pending !== undefined) return { kind: "value", option: pending };
  const isRest = command.restAfter !== undefined && index >= command.restAfter;
  return isRest ? { kind: "command" } : { kind: "argument", index };
}

function optionWords(command: CommandHelp): readonly Candidate[] {
  return Object.entries(allOptions(command)).map(([name, option]) => ({
    word: `--${name}`,
    help: option.help,
  }));
}

async function valuesOf(option: Option, docker: DockerClient): Promise<readonly Candidate[]> {
  if (option.choices) return option.choices.map((word) => ({ word }));
  return await namesOf(option.completes ?? "nothing", docker);
}

async function namesOf(kind: Completion, docker: DockerClient): Promise<readonly Candidate[]> {
  try {
    return (await namesByKind[kind](docker)).map((word) => ({ word }));
  } catch (error) {
    // Without a daemon there are no names.
    if (isVirgaError(error)) return [];
    throw error;
  }
}

const stackLabel = "com.docker.compose.project";
const serviceLabel = "com.docker.compose.service";

const namesByKind: Readonly<Record<Completion, (docker: DockerClient) => Promise<readonly string[]>>> = {
  container: (docker) => listNames(docker, "container"),
  running: async (docker) => (await docker.containers()).map(nameOf),
  stopped: async (docker) =>
    (await docker.containers({ all: true })).filter((one) => one.State !== "running").map(nameOf),
  image: (docker) => listNames(docker, "image"),
  network: (docker) => listNames(docker, "network"),
  volume: (docker) => listNames(docker, "volume"),
  stack: async (docker) => [...(await labels(docker, stackLabel)), ":folders"],
  service: async (docker) => await labels(docker, serviceLabel),
  file: () => Promise.resolve([":files"]),
  folder: () => Promise.resolve([":folders"]),
  nothing: () => Promise.resolve([]),
};

function nameOf(container: ContainerSummary): string {
  return (container.Names[0] ?? "").replace(/^\//, "");
}

async function labels(docker: DockerClient, label: string): Promise<readonly string[]> {
  const found = (await docker.containers({ all: true })).flatMap((one) => one.Labels[label] ?? []);
  return [...new Set(found)];
}
