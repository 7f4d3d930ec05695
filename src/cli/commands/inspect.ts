import { fail, isVirgaError } from "../../base/index.ts";
import { part, type DockerClient } from "../../api/client/docker/index.ts";
import type { Command } from "../command.ts";
import { engineOf } from "../connection.ts";
import { errorText } from "../output.ts";
import { meantName, namesOf } from "../nearest-name.ts";
import { printJson, tell } from "../terminal.ts";

const kinds = ["container", "image", "network", "volume"] as const;
type Kind = (typeof kinds)[number];

const paths: Readonly<Record<Kind, (name: string) => string>> = {
  container: (name) => `/containers/${part(name)}/json`,
  // Slashes of an image's name are part of the path.
  image: (name) => `/images/${name.split("/").map(part).join("/")}/json`,
  network: (name) => `/networks/${part(name)}`,
  volume: (name) => `/volumes/${part(name)}`,
};

export const inspect: Command = {
  name: "inspect",
  summary: "Print everything about a container, image, network or volume as JSON",
  usage: "NAME...",
  arguments: { min: 1 },
  options: {
    type: {
      type: "string",
      value: "TYPE",
      choices: kinds,
      help: "look only among container, image, network or volume",
    },
    size: { type: "boolean", short: "s", help: "of a container: with its size" },
    json: { type: "boolean", help: "it is JSON anyway" },
  },
  completes: ["container"],
  details: `A name is looked for among containers, then images, networks and volumes. One value out of it:
virga inspect web | jq -r '.[0].State.Status'`,
  async run(invocation) {
    const docker = engineOf(invocation.root);
    const type = invocation.text("type") as Kind | undefined;
    const wanted = type === undefined ? kinds : [type];
    const query = invocation.flag("size") ? { size: true } : {};
    return await inspectAll(invocation.arguments, (name) => inspectOne(docker, wanted, name, query));
  },
};

/** Prints what is found as one list; tells of what is not, and ends with 1 then. */
export async function inspectAll(
  names: readonly string[],
  find: (name: string) => Promise<unknown>,
): Promise<number> {
  const found: unknown[] = [];
  let code = 0;
  for (const name of names) {
    try {
      found.push(await find(name));
    } catch (error) {
      if (!isVirgaError(error, "not-found")) throw error;
      tell(errorText(error));
      code = 1;
    }
  }
  printJson(found);
  return code;
}

export async function inspectOne(
  docker: DockerClient,
  wanted: readonly Kind[],
  name: string,
  query: { readonly size?: boolean } = {},
): Promise<unknown> {
  for (const kind of wanted) {
    try {
      return await docker.transport.json("GET", paths[kind](name), { query });
    } catch (error) {
      if (!isVirgaError(error, "not-found") && !isVirgaError(error, "invalid")) throw error;
    }
  }
  const known = (await Promise.all(wanted.map((kind) => namesOf(docker, kind)))).flat();
  const meant = meantName(name, known);
  const what = wanted.length === 1 ? wanted[0] : "container, image, network or volume";
  const text = `no such ${what} '${name}'${meant === undefined ? "" : ` – did you mean '${meant}'?`}`;
  throw fail("not-found", "cli.not-found", text, {
    hint: "virga ps -a, virga images, virga network ls, virga volume ls",
  });
}
