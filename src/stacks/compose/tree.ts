/** A file that Compose text came from, and what its relative paths and variables mean. */
export interface SourceFile {
  /** As errors show it. */
  readonly name: string;
  /** Absolute; relative paths written in the file start here. */
  readonly directory: string;
  /** The variables that `${NAME}` and `environment: [NAME]` see. */
  readonly variable: (name: string) => string | undefined;
}

export interface Position {
  readonly source: SourceFile;
  /** From 1. */
  readonly line: number;
  readonly column: number;
}

interface Placed {
  readonly at: Position;
  /** What a later file does to an earlier one at this place, beside merging (spec 13, "Reset value"). */
  readonly tag?: "reset" | "override";
}

/**
 * A Compose file as a tree of plain values that know where they were written. Anchors, aliases and merge keys are
 * resolved in it; everything after this stage (merging, checking) can still name file, line and column.
 */
export type Node = ScalarNode | MapNode | ListNode;

export interface ScalarNode extends Placed {
  readonly kind: "scalar";
  readonly value: string | number | boolean | null;
  /** As written: `1.10` stays `1.10`, `0440` stays `0440`. Empty for null. */
  readonly text: string;
  /** Not quoted, and not the result of an interpolation. */
  readonly plain: boolean;
}

export interface MapNode extends Placed {
  readonly kind: "map";
  readonly entries: ReadonlyMap<string, Entry>;
}

export interface Entry {
  readonly keyAt: Position;
  readonly value: Node;
}

export interface ListNode extends Placed {
  readonly kind: "list";
  readonly items: readonly Node[];
}

export function formatPosition(at: Position): string {
  return `${at.source.name}:${at.line}:${at.column}`;
}

export function isNull(node: Node): boolean {
  return node.kind === "scalar" && node.value === null;
}

export function child(node: Node | undefined, key: string): Node | undefined {
  return node?.kind === "map" ? node.entries.get(key)?.value : undefined;
}

/** A string as if it had been written at `at`. */
export function textNode(text: string, at: Position): ScalarNode {
  return { kind: "scalar", value: text, text, plain: false, at };
}

export function nullNode(at: Position): ScalarNode {
  return { kind: "scalar", value: null, text: "", plain: true, at };
}

export function mapNode(entries: Iterable<readonly [string, Entry]>, at: Position): MapNode {
  return { kind: "map", entries: new Map(entries), at };
}

/** What a node is, as an error says it. */
export function describe(node: Node): string {
  if (node.kind === "map") return "a mapping";
  if (node.kind === "list") return "a list";
  if (node.value === null) return "nothing";
  return typeof node.value === "string" ? `'${node.value}'` : node.text;
}

/**
 * The place of the path's last part that exists: the key's for a mapping, the item's for a list of strings (an item
 * `db:alias` counts as `db`).
 */
export function locate(root: Node, path: readonly string[]): Position {
  let node = root;
  let at = root.at;
  for (const part of path) {
    if (node.kind === "map") {
      const entry = node.entries.get(part);
      if (!entry) return at;
      at = entry.keyAt;
      node = entry.value;
    } else if (node.kind === "list") {
      const item = node.items.find((one) => one.kind === "scalar" && one.text.split(":")[0] === part);
      const next: Node | undefined = item ?? node.items[Number(part)];
      if (!next) return at;
      at = next.at;
      node = next;
    } else return at;
  }
  return at;
}
