import {
  LineCounter,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
  type Document,
  type Node as YamlNode,
  type YAMLMap,
} from "yaml";
import type { Problems } from "./problems.ts";
import { nullNode, type Entry, type Node, type Position, type ScalarNode, type SourceFile } from "./tree.ts";

/** So many values one file may stand for, aliases counted each time: a few lines of YAML can mean billions. */
const mostNodes = 100_000;
const deepest = 64;

interface Conversion {
  readonly document: Document;
  readonly lines: LineCounter;
  readonly source: SourceFile;
  readonly problems: Problems;
  readonly open: Set<YamlNode>;
  count: number;
}

/** Reads YAML 1.2 (with merge keys). Undefined when the text is empty or cannot be used; `problems` says why. */
export function parseYaml(text: string, source: SourceFile, problems: Problems): Node | undefined {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, merge: true, prettyErrors: false });
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { source, line: Math.max(1, line), column: Math.max(1, col) };
  };
  // One slip in the indentation makes the parser stumble over much of what follows: only the first is worth reading.
  const slip = document.errors.find((error) => error.code !== "DUPLICATE_KEY");
  for (const error of slip ? [slip] : document.errors) {
    if (error.code === "MULTIPLE_DOCS") {
      problems.unimplemented(
        at(error.pos[0]),
        "",
        "several YAML documents in one file; give each its own file",
      );
    } else problems.invalid(at(error.pos[0]), "", `not valid YAML: ${error.message}`);
  }
  for (const warning of document.warnings) {
    if (warning.code === "TAG_RESOLVE_FAILED" && /!(reset|override)\b/.test(warning.message)) continue;
    problems.invalid(at(warning.pos[0]), "", warning.message);
  }
  if (document.errors.length > 0 || document.contents === null) return undefined;
  const conversion: Conversion = { document, lines, source, problems, open: new Set(), count: 0 };
  return convert(document.contents, conversion, 0);
}

function convert(node: YamlNode, conversion: Conversion, depth: number): Node {
  const at = positionOf(node, conversion);
  conversion.count++;
  if (conversion.count > mostNodes || depth > deepest) {
    if (conversion.count <= mostNodes + 1) {
      const message =
        depth > deepest ? `nested deeper than ${deepest} levels` : `more than ${mostNodes} values`;
      conversion.problems.invalid(at, "", message);
    }
    conversion.count = Math.max(conversion.count, mostNodes + 1);
    return nullNode(at);
  }
  if (isAlias(node)) {
    const target = node.resolve(conversion.document);
    if (target && !conversion.open.has(target)) return convert(target, conversion, depth + 1);
    const why = target ? "stands inside what it means" : "has no anchor before it";
    conversion.problems.invalid(at, "", `the alias *${node.source} ${why}`);
    return nullNode(at);
  }
  conversion.open.add(node);
  try {
    const tag = tagOf(node);
    const placed = tag === undefined ? { at } : { at, tag };
    if (isMap(node)) return { kind: "map", entries: entriesOf(node, conversion, depth), ...placed };
    if (isSeq(node)) {
      const items = node.items.map((item) => convert(item as YamlNode, conversion, depth + 1));
      return { kind: "list", items, ...placed };
    }
    return { ...scalarOf(node), ...placed };
  } finally {
    conversion.open.delete(node);
  }
}

function entriesOf(map: YAMLMap, conversion: Conversion, depth: number): Map<string, Entry> {
  const own = new Map<string, Entry>();
  const merged = new Map<string, Entry>();
  for (const pair of map.items) {
    const key = pair.key as YamlNode;
    const keyAt = positionOf(key, conversion);
    if (!isScalar(key)) {
      conversion.problems.invalid(keyAt, "", "a key must be a plain word");
      continue;
    }
    const value = pair.value ? convert(pair.value as YamlNode, conversion, depth + 1) : nullNode(keyAt);
    if (key.source === "<<" && key.type === "PLAIN") mergeInto(merged, value, conversion);
    else own.set(key.source ?? String(key.value), { keyAt, value });
  }
  return new Map([...merged, ...own]);
}

/** YAML's merge type: a mapping, or a list of mappings of which an earlier one wins. */
function mergeInto(merged: Map<string, Entry>, value: Node, conversion: Conversion): void {
  for (const map of value.kind === "list" ? value.items : [value]) {
    if (map.kind !== "map") {
      conversion.problems.invalid(map.at, "", "'<<' needs a mapping, or a list of mappings");
      continue;
    }
    for (const [key, entry] of map.entries) if (!merged.has(key)) merged.set(key, entry);
  }
}

function scalarOf(node: YamlNode): Omit<ScalarNode, "at"> {
  if (!isScalar(node)) return { kind: "scalar", value: null, text: "", plain: true };
  const value = node.value;
  const plain = node.type === "PLAIN";
  if (value === null || value === undefined) return { kind: "scalar", value: null, text: "", plain };
  if (typeof value === "string") return { kind: "scalar", value, text: value, plain };
  if (typeof value === "boolean" || typeof value === "number") {
    return { kind: "scalar", value, text: node.source ?? String(value), plain };
  }
  const text = node.source ?? "";
  return { kind: "scalar", value: text, text, plain };
}

function tagOf(node: YamlNode): "reset" | "override" | undefined {
  if (node.tag === "!reset") return "reset";
  return node.tag === "!override" ? "override" : undefined;
}

function positionOf(node: YamlNode | null, conversion: Conversion): Position {
  const { line, col } = conversion.lines.linePos(node?.range?.[0] ?? 0);
  return { source: conversion.source, line: Math.max(1, line), column: Math.max(1, col) };
}
