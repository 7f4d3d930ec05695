import { splitMount } from "./mounts.ts";
import { parsePort } from "./ports.ts";
import {
  child,
  isNull,
  mapNode,
  nullNode,
  textNode,
  type Entry,
  type ListNode,
  type MapNode,
  type Node,
} from "./tree.ts";

/** How two values at one place become one (Compose specification, "Merge and override" and "extends"). */
type Rule =
  | { readonly kind: "replace" }
  /** A mapping that may be written as a list of `NAME=VALUE` (or of names). */
  | { readonly kind: "map"; readonly separator?: RegExp }
  /** Appended; an item with the same key takes the place of the earlier one. */
  | { readonly kind: "unique"; readonly key: (item: Node) => string }
  /** Appended, doubles kept. */
  | { readonly kind: "append" }
  /** A string that stands for a mapping with this one key. */
  | { readonly kind: "wrap"; readonly key: string }
  | { readonly kind: "logging" };

const pairs: Rule = { kind: "map", separator: /=/ };
const names: Rule = { kind: "map" };
const replace: Rule = { kind: "replace" };
const append: Rule = { kind: "append" };

const inService: Readonly<Record<string, Rule>> = {
  command: replace,
  entrypoint: replace,
  "healthcheck.test": replace,
  environment: pairs,
  labels: pairs,
  annotations: pairs,
  sysctls: pairs,
  extra_hosts: { kind: "map", separator: /[=:]/ },
  depends_on: names,
  networks: names,
  build: { kind: "wrap", key: "context" },
  "build.args": pairs,
  "build.labels": pairs,
  "build.additional_contexts": pairs,
  "build.ssh": pairs,
  "build.secrets": { kind: "unique", key: grantKey },
  "build.extra_hosts": { kind: "map", separator: /[=:]/ },
  "deploy.labels": pairs,
  logging: { kind: "logging" },
  ports: { kind: "unique", key: portKey },
  volumes: { kind: "unique", key: (item) => targetOf(item, mountTarget) },
  devices: { kind: "unique", key: (item) => targetOf(item, (text) => text.split(":")[1] ?? text) },
  secrets: { kind: "unique", key: grantKey },
  configs: { kind: "unique", key: grantKey },
  env_file: append,
  label_file: append,
  dns: append,
  dns_search: append,
  tmpfs: append,
};

function ruleFor(path: readonly string[]): Rule | undefined {
  if (path[0] === "services") return inService[path.slice(2).join(".")];
  if (path.length === 3 && path[2] === "labels") return pairs;
  const ipam = path[0] === "networks" && path.slice(2).join(".") === "ipam.config";
  return ipam ? { kind: "unique", key: (item) => textOf(child(item, "subnet")) } : undefined;
}

/** `over` laid on `base`; undefined when `over` resets it. `path` is the place in a Compose file, as keys. */
export function mergeNodes(base: Node, over: Node, path: readonly string[] = []): Node | undefined {
  if (over.tag === "reset") return undefined;
  if (over.tag === "override" || isNull(base)) return withoutResets(over);
  if (isNull(over)) return base;
  const rule = ruleFor(path);
  if (rule?.kind === "replace") return over;
  if (rule?.kind === "logging" && !sameDriver(base, over)) return over;
  if (rule?.kind === "map" || rule?.kind === "wrap") {
    return mergeMaps(asMap(base, rule), asMap(over, rule), path);
  }
  if (rule?.kind === "unique" || rule?.kind === "append") return mergeLists(base, over, rule);
  if (base.kind === "list" && over.kind === "list") return mergeLists(base, over, rule);
  return mergeMaps(base, over, path);
}

function mergeMaps(base: Node, over: Node, path: readonly string[]): Node {
  if (base.kind !== "map" || over.kind !== "map") return over;
  const entries = new Map<string, Entry>(base.entries);
  for (const [key, entry] of over.entries) {
    const earlier = entries.get(key);
    const value = earlier
      ? mergeNodes(earlier.value, entry.value, [...path, key])
      : withoutResets(entry.value);
    if (value === undefined) entries.delete(key);
    else entries.set(key, { keyAt: entry.keyAt, value });
  }
  return { ...over, entries };
}

function mergeLists(base: Node, over: Node, rule: Rule | undefined): Node {
  const earlier = listItems(base);
  const later = listItems(over);
  if (!earlier || !later) return over;
  const list = (items: readonly Node[]): ListNode => ({ kind: "list", items, at: over.at });
  if (rule?.kind === "append") return list([...earlier, ...later]);
  const key = rule?.kind === "unique" ? rule.key : scalarKey;
  const items = new Map<string, Node>();
  for (const item of [...earlier, ...later]) items.set(key(item), item);
  return list([...items.values()]);
}

/** A single string where a list may stand counts as a list of one. */
function listItems(node: Node): readonly Node[] | undefined {
  if (node.kind === "list") return node.items;
  return node.kind === "scalar" ? [node] : undefined;
}

/** What a tree means by itself: `!reset` values gone (there is nothing under them to reset). */
export function withoutResets(node: Node): Node | undefined {
  if (node.tag === "reset") return undefined;
  if (node.kind !== "map") return node;
  const entries = [...node.entries].flatMap(([key, entry]) => {
    const value = withoutResets(entry.value);
    return value === undefined ? [] : [[key, { ...entry, value }] as const];
  });
  return { ...node, entries: new Map(entries) };
}

function asMap(node: Node, rule: Extract<Rule, { kind: "map" | "wrap" }>): Node {
  if (rule.kind === "wrap") {
    if (node.kind !== "scalar") return node;
    return mapNode([[rule.key, { keyAt: node.at, value: node }]], node.at);
  }
  if (node.kind !== "list" || node.items.some((item) => item.kind !== "scalar")) return node;
  const entries = node.items.map((item): [string, Entry] => {
    const text = textOf(item);
    const split = rule.separator ? text.search(rule.separator) : -1;
    const value = split < 0 ? nullNode(item.at) : textNode(text.slice(split + 1), item.at);
    return [split < 0 ? text : text.slice(0, split), { keyAt: item.at, value }];
  });
  return mapNode(entries, node.at);
}

function sameDriver(base: Node, over: Node): boolean {
  const driver = child(over, "driver");
  return driver === undefined || textOf(driver) === textOf(child(base, "driver"));
}

function scalarKey(item: Node): string {
  return item.kind === "scalar" ? `scalar ${item.text}` : `${item.kind} ${JSON.stringify(plain(item))}`;
}

function portKey(item: Node): string {
  const parsed = item.kind === "scalar" ? parsePort(item.text) : undefined;
  if (parsed) {
    const published = parsed.published ? `${parsed.published.first}-${parsed.published.last}` : "";
    return `${parsed.rest.host_ip ?? ""} ${published} ${parsed.target.first}-${parsed.target.last} ${parsed.rest.protocol}`;
  }
  if (item.kind !== "map") return scalarKey(item);
  const get = (key: string) => textOf(child(item, key));
  const range = (text: string) => (text === "" || text.includes("-") ? text : `${text}-${text}`);
  return `${get("host_ip")} ${range(get("published"))} ${range(get("target"))} ${get("protocol") || "tcp"}`;
}

function mountTarget(text: string): string {
  return splitMount(text)?.target ?? text;
}

function targetOf(item: Node, short: (text: string) => string): string {
  return item.kind === "scalar" ? short(item.text) : textOf(child(item, "target")) || scalarKey(item);
}

function grantKey(item: Node): string {
  if (item.kind === "scalar") return item.text;
  return textOf(child(item, "target")) || textOf(child(item, "source"));
}

function textOf(node: Node | undefined): string {
  return node?.kind === "scalar" ? node.text : "";
}

function plain(node: Node): unknown {
  if (node.kind === "scalar") return node.value;
  if (node.kind === "list") return node.items.map(plain);
  return Object.fromEntries([...node.entries].map(([key, entry]) => [key, plain(entry.value)]));
}

/** True for a mapping; a type guard for the loader. */
export function isMapNode(node: Node | undefined): node is MapNode {
  return node?.kind === "map";
}
