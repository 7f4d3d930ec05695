import { suggestion } from "../../base/index.ts";
import { dirname, relative, resolve } from "node:path";
import { interpolateTree } from "./interpolate.ts";
import { isMapNode, mergeNodes } from "./merge.ts";
import type { Problems } from "./problems.ts";
import { readSmallFile } from "./small-file.ts";
import { child, describe, type Entry, type MapNode, type Node } from "./tree.ts";
import { parseYaml } from "./yaml.ts";

interface Context {
  readonly problems: Problems;
  /** Files read so far, so that twenty services that extend one file read it once. */
  readonly files: Map<string, Node | undefined>;
}

/**
 * The file with each `extends` of a service carried out: what it names lies under the service's own keys. Relative
 * paths in another file start at that file's folder.
 */
export async function resolveExtends(root: Node, problems: Problems): Promise<Node> {
  const services = child(root, "services");
  if (!isMapNode(root) || !isMapNode(services)) return root;
  const context: Context = { problems, files: new Map() };
  const entries = new Map<string, Entry>();
  for (const [name, entry] of services.entries) {
    const value = await extended(root, name, entry.value, [], context);
    entries.set(name, { ...entry, value });
  }
  const servicesEntry = root.entries.get("services")!;
  const value: MapNode = { ...services, entries };
  return { ...root, entries: new Map([...root.entries, ["services", { ...servicesEntry, value }]]) };
}

async function extended(
  root: Node,
  name: string,
  service: Node,
  chain: readonly string[],
  context: Context,
): Promise<Node> {
  const extend = child(service, "extends");
  if (!isMapNode(service) || extend === undefined) return service;
  const own = without(service, "extends");
  const path = `services.${name}.extends`;
  const baseName = extend.kind === "scalar" ? extend.text : textOf(child(extend, "service"));
  const file = textOf(child(extend, "file"));
  if (baseName === "" || extend.kind === "list") {
    context.problems.invalid(
      extend.at,
      path,
      `${describe(extend)} found, expected 'service', and 'file' where it is in another one`,
    );
    return own;
  }
  const otherFile = file === "" ? undefined : resolve(extend.at.source.directory, file);
  const link = `${otherFile ?? root.at.source.name} ${baseName}`;
  const self = `${root.at.source.name} ${name}`;
  if (chain.includes(link) || link === self) {
    context.problems.invalid(
      extend.at,
      path,
      `services extend each other in a circle: ${[...chain.map((one) => one.split(" ").at(-1)), name, baseName].join(" → ")}`,
    );
    return own;
  }
  const base = otherFile === undefined ? root : await readFile(otherFile, extend, path, context);
  if (!base) return own;
  const target = child(child(base, "services"), baseName);
  if (!target) {
    const services = child(base, "services");
    const known = isMapNode(services) ? services.entries.keys() : [];
    context.problems.invalid(
      extend.at,
      path,
      `there is no service '${baseName}' in ${base.at.source.name}${suggestion(baseName, known)}`,
    );
    return own;
  }
  const resolved = await extended(base, baseName, target, [...chain, self, link], context);
  return mergeNodes(resolved, own, ["services", name]) ?? own;
}

async function readFile(
  file: string,
  extend: Node,
  path: string,
  context: Context,
): Promise<Node | undefined> {
  if (context.files.has(file)) return context.files.get(file);
  const content = await readSmallFile(file);
  let tree: Node | undefined;
  if (content.kind === "read") {
    const main = extend.at.source;
    const source = {
      name: displayName(file, main.directory),
      directory: dirname(file),
      variable: main.variable,
    };
    const parsed = parseYaml(content.text, source, context.problems);
    tree = parsed && interpolateTree(parsed, context.problems);
  } else {
    const reason = content.kind === "missing" ? "is not there" : content.reason;
    context.problems.invalid(extend.at, path, `the file ${file} ${reason}`);
  }
  context.files.set(file, tree);
  return tree;
}

/** A path as errors show it: from the project's folder where it lies inside. */
export function displayName(file: string, directory: string): string {
  const short = relative(directory, file);
  return short === "" || short.startsWith("..") ? file : short;
}

function without(map: MapNode, key: string): MapNode {
  const entries = new Map(map.entries);
  entries.delete(key);
  return { ...map, entries };
}

function textOf(node: Node | undefined): string {
  return node?.kind === "scalar" ? node.text : "";
}
