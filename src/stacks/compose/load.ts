import { dirname, isAbsolute, join, resolve } from "node:path";
import { parseEnvFile } from "./dotenv.ts";
import { displayName, resolveExtends } from "./extends.ts";
import { interpolateTree } from "./interpolate.ts";
import { isMapNode, mergeNodes, withoutResets } from "./merge.ts";
import type { Problems } from "./problems.ts";
import { readSmallFile } from "./small-file.ts";
import {
  child,
  describe,
  type Entry,
  type MapNode,
  type Node,
  type Position,
  type SourceFile,
} from "./tree.ts";
import { parseYaml } from "./yaml.ts";

export interface FileSet {
  /** Absolute. */
  readonly directory: string;
  /** The stack's own folder, from which errors name files; an included file has another `directory`. */
  readonly root: string;
  /** Absolute or from `directory`; later ones lie over earlier ones. */
  readonly files: readonly string[];
  readonly variable: (name: string) => string | undefined;
}

const topMaps = ["services", "networks", "volumes", "secrets", "configs"] as const;

/** Each file's tree with its variables filled in and its `extends` carried out, before they are merged. */
export async function loadTrees(set: FileSet, problems: Problems, askedAt?: Position): Promise<Node[]> {
  const trees: Node[] = [];
  for (const file of set.files) {
    const path = resolve(set.directory, file);
    const source: SourceFile = {
      name: displayName(path, set.root),
      directory: set.directory,
      variable: set.variable,
    };
    const tree = await loadTree(path, source, problems, askedAt);
    if (tree) trees.push(tree);
  }
  return trees;
}

async function loadTree(
  path: string,
  source: SourceFile,
  problems: Problems,
  askedAt: Position | undefined,
): Promise<Node | undefined> {
  const start = { source, line: 1, column: 1 };
  const content = await readSmallFile(path);
  if (content.kind !== "read") {
    const reason = content.kind === "missing" ? "is not there" : content.reason;
    const what = askedAt ? `the file ${source.name}` : "the file";
    problems.invalid(askedAt ?? start, "", `${what} ${reason}`);
    return undefined;
  }
  const before = problems.list.length;
  const parsed = parseYaml(content.text, source, problems);
  if (!parsed) {
    if (problems.list.length === before) problems.invalid(start, "", "the file is empty");
    return undefined;
  }
  return await resolveExtends(interpolateTree(parsed, problems), problems);
}

/** One tree of several, merged by the rules of the specification. */
export function mergeTrees(trees: readonly Node[]): Node | undefined {
  const [first, ...rest] = trees;
  if (!first) return undefined;
  return rest.reduce<Node | undefined>(
    (base, over) => (base === undefined ? withoutResets(over) : mergeNodes(base, over)),
    withoutResets(first),
  );
}

/** The tree without `include`, and with everything that it names; a name that both have is a problem. */
export async function resolveIncludes(
  root: Node,
  set: FileSet,
  problems: Problems,
  open: readonly string[] = [],
): Promise<Node> {
  const include = child(root, "include");
  if (!isMapNode(root) || include === undefined) return root;
  const entries = new Map(root.entries);
  entries.delete("include");
  if (include.kind !== "list") {
    problems.invalid(include.at, "include", `${describe(include)} found, expected a list`);
    return { ...root, entries };
  }
  for (const [index, item] of include.items.entries()) {
    const path = `include[${index}]`;
    const included = await loadIncluded(item, path, set, problems, open);
    for (const key of included ? topMaps : []) {
      const theirs = child(included, key);
      if (!isMapNode(theirs)) continue;
      const ours = entries.get(key);
      const merged = new Map<string, Entry>(isMapNode(ours?.value) ? ours.value.entries : []);
      for (const [name, entry] of theirs.entries) {
        if (merged.has(name)) {
          problems.invalid(
            item.at,
            path,
            `'${key}.${name}' is also in ${entry.keyAt.source.name}:${entry.keyAt.line}`,
          );
        } else merged.set(name, entry);
      }
      const value: MapNode = { kind: "map", entries: merged, at: ours?.value.at ?? theirs.at };
      entries.set(key, { keyAt: ours?.keyAt ?? theirs.at, value });
    }
  }
  return { ...root, entries };
}

async function loadIncluded(
  item: Node,
  path: string,
  set: FileSet,
  problems: Problems,
  open: readonly string[],
): Promise<Node | undefined> {
  const files = strings(item.kind === "map" ? child(item, "path") : item);
  if (files.length === 0) {
    problems.invalid(item.at, path, `${describe(item)} found, expected a path, or a mapping with 'path'`);
    return undefined;
  }
  for (const key of item.kind === "map" ? item.entries.keys() : []) {
    if (!["path", "project_directory", "env_file"].includes(key) && !key.startsWith("x-")) {
      problems.invalid(item.at, path, `unknown key '${key}'; path, project_directory and env_file are known`);
    }
  }
  const absolute = files.map((file) => resolve(set.directory, file));
  const repeated = absolute.find((file) => open.includes(file));
  if (repeated !== undefined) {
    problems.invalid(item.at, path, `${repeated} includes itself`);
    return undefined;
  }
  const [folder] = strings(child(item, "project_directory"));
  const directory = folder === undefined ? dirname(absolute[0]!) : resolve(set.directory, folder);
  const envFiles = strings(child(item, "env_file")).map((file) => resolve(set.directory, file));
  const variable = await environmentOf(
    { directory, files: envFiles, optional: envFiles.length === 0 ? [".env"] : [] },
    set.variable,
    problems,
  );
  const inner: FileSet = { directory, root: set.root, files: absolute, variable };
  const merged = mergeTrees(await loadTrees(inner, problems, item.at));
  return merged && (await resolveIncludes(merged, inner, problems, [...open, ...absolute]));
}

function strings(node: Node | undefined): string[] {
  if (node?.kind === "list") return node.items.flatMap((item) => strings(item));
  return node?.kind === "scalar" && node.value !== null ? [node.text] : [];
}

/** Variables of env files, under those that `over` knows. */
export async function environmentOf(
  set: {
    readonly directory: string;
    readonly files: readonly string[];
    readonly optional: readonly string[];
  },
  over: (name: string) => string | undefined,
  problems: Problems,
): Promise<(name: string) => string | undefined> {
  const values = new Map<string, string>();
  const variable = (name: string) => over(name) ?? values.get(name);
  for (const file of [...set.optional, ...set.files]) {
    const path = isAbsolute(file) ? file : join(set.directory, file);
    const content = await readSmallFile(path);
    if (content.kind === "missing" && set.optional.includes(file)) continue;
    const source: SourceFile = { name: displayName(path, set.directory), directory: set.directory, variable };
    if (content.kind !== "read") {
      const reason = content.kind === "missing" ? "is not there" : content.reason;
      problems.invalid({ source, line: 1, column: 1 }, "", `the env file ${path} ${reason}`);
      continue;
    }
    const parsed = parseEnvFile(content.text, { variable });
    for (const { line, message } of parsed.problems)
      problems.invalid({ source, line, column: 1 }, "", message);
    for (const { name, value } of parsed.lines) if (value !== undefined) values.set(name, value);
  }
  return variable;
}

/** The top-level `name` of a merged tree, as written. */
export function nameOf(root: Node | undefined): string | undefined {
  const node = child(root, "name");
  return node?.kind === "scalar" && node.value !== null ? node.text : undefined;
}
