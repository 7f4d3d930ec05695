import { existsSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fail } from "../base/index.ts";
import type { WireStackSource, WireStackTarget } from "../api/client/index.ts";
import type { Invocation, Option } from "./command.ts";

/** Options that say which stack a command is about. */
export const sourceOptions = {
  file: {
    type: "string",
    short: "f",
    multiple: true,
    value: "FILE",
    help: "a Compose file; later ones lie over earlier",
  },
  "project-name": {
    type: "string",
    short: "p",
    value: "NAME",
    help: "the stack's name (default: the file's 'name', or the folder's)",
  },
  profile: { type: "string", multiple: true, value: "NAME", help: "also the services of this profile" },
  "env-file": {
    type: "string",
    multiple: true,
    value: "FILE",
    help: "read variables from here instead of .env",
  },
} as const satisfies Readonly<Record<string, Option>>;

/** What a command that needs the files is about: `[FOLDER | FILE] [SERVICE...]`. */
export function readSource(invocation: Invocation): {
  readonly source: WireStackSource;
  readonly services: readonly string[];
} {
  const { place, services } = readPlace(invocation);
  if (place === undefined && services[0] !== undefined && !isHere(invocation)) throw noSuchPlace(services[0]);
  return { source: sourceOf(invocation, place), services };
}

/** What a command is about that can do without the files: `[FOLDER | FILE | NAME] [SERVICE...]`, or `-p NAME`. */
export function readTarget(invocation: Invocation): {
  readonly target: WireStackTarget;
  readonly services: readonly string[];
} {
  const { place, services } = readPlace(invocation);
  const name = invocation.text("project-name");
  const hasFiles = place !== undefined || invocation.texts("file").length > 0;
  if (hasFiles || (name === undefined && (services.length === 0 || isHere(invocation)))) {
    return { target: sourceOf(invocation, place), services };
  }
  if (name !== undefined) return { target: { name }, services };
  const [first = "", ...rest] = services;
  return { target: { name: first }, services: rest };
}

/** As `readTarget`, for commands that are about a whole stack: an argument that is no place is a name. */
export function readWholeTarget(invocation: Invocation): WireStackTarget {
  const { place, services } = readPlace(invocation);
  const [name] = services;
  if (place !== undefined || name === undefined) return readTarget(invocation).target;
  const other = invocation.text("project-name");
  if (other === undefined) return { name };
  throw fail("invalid", "cli.usage", `two stacks are named: '${other}' and '${name}'`);
}

/**
 * The first argument is a folder or a file when it is one on disk, and not rather a service of the stack right here:
 * a service's folder often has its name.
 */
export function readPlace(invocation: Invocation): {
  readonly place?: string;
  readonly services: readonly string[];
} {
  const [first, ...rest] = invocation.arguments;
  if (first === undefined) return { services: [] };
  const isPath = first.includes("/") || first === "." || first === "..";
  if (isPath && !existsSync(first)) throw noSuchPlace(first);
  if (isPath || isFile(first)) return { place: first, services: rest };
  const isPlace = existsSync(first) && (hasComposeFile(first) || !isHere(invocation));
  return isPlace ? { place: first, services: rest } : { services: invocation.arguments };
}

/** Whether the files are known without a folder: named, or in the current one. */
export function isHere(invocation: Invocation): boolean {
  return (
    invocation.texts("file").length > 0 ||
    Boolean(process.env["COMPOSE_FILE"]) ||
    hasComposeFile(process.cwd())
  );
}

function hasComposeFile(folder: string): boolean {
  const names = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];
  return names.some((name) => existsSync(join(folder, name)));
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function noSuchPlace(place: string): Error {
  return fail("invalid", "cli.no-such-place", `there is no file or folder ${place}`, {
    hint: "name a folder that has a compose.yaml, or run the command in it; a stack whose files are gone: -p NAME",
  });
}

function sourceOf(invocation: Invocation, place: string | undefined): WireStackSource {
  const files = invocation.texts("file").map((file) => resolve(file));
  if (place !== undefined && isFile(place)) files.unshift(resolve(place));
  const folder = place !== undefined && !isFile(place) ? resolve(place) : undefined;
  const projectName = invocation.text("project-name");
  const envFiles = invocation.texts("env-file").map((file) => resolve(file));
  const environment = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return {
    directory: folder ?? (files[0] ? dirname(files[0]) : process.cwd()),
    files,
    profiles: invocation.texts("profile"),
    environment: Object.fromEntries(environment),
    ...(projectName === undefined ? {} : { projectName }),
    ...(envFiles.length === 0 ? {} : { envFiles }),
  };
}
