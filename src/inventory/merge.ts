import { lstatSync } from "node:fs";
import { join } from "node:path";
import { getXattr } from "../host/index.ts";
import type { Finding, ImageInventory, Package, TreeInventory } from "./package.ts";

/** A layer: where its files are, and what was found in them. */
export interface ScannedLayer {
  readonly root: string;
  readonly inventory: TreeInventory;
}

/** What is to be seen of the layers, given from the bottom to the top, when they lie on each other. */
export function mergeLayers(layers: readonly ScannedLayer[]): ImageInventory {
  const findings: Finding[] = [];
  const covers = layers.map((layer) => createCover(layer.root));
  for (const [index, { inventory }] of layers.entries()) {
    const above = covers.slice(index + 1);
    findings.push(...inventory.findings.filter(({ path }) => !above.some((cover) => cover(path))));
  }
  const distribution = layers.findLast((layer) => layer.inventory.distribution)?.inventory.distribution;
  const packages = distinct(findings.flatMap((finding) => finding.packages));
  return { findings, packages, ...(distribution ? { distribution } : {}) };
}

function distinct(packages: readonly Package[]): Package[] {
  const keyOf = ({ type, name, version, architecture = "" }: Package) =>
    [type, name, version, architecture].join("\0");
  const byKey = new Map(packages.map((one) => [keyOf(one), one]));
  return [...byKey].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
}

/** Whether a layer hides, or replaces, a path of those below it. */
function createCover(root: string): (path: string) => boolean {
  /** By folder of the layers below. */
  const known = new Map<string, "open" | "absent" | "hidden">([["", rootState(root)]]);
  const folder = (path: string): "open" | "absent" | "hidden" => {
    const found = known.get(path);
    if (found) return found;
    const slash = path.lastIndexOf("/");
    const parent = folder(slash < 0 ? "" : path.slice(0, slash));
    const state = parent === "open" ? stateOf(join(root, path)) : parent;
    known.set(path, state);
    return state;
  };
  return (path) => {
    const slash = path.lastIndexOf("/");
    const parent = folder(slash < 0 ? "" : path.slice(0, slash));
    if (parent !== "open") return parent === "hidden";
    return lstatSync(join(root, path), { throwIfNoEntry: false }) !== undefined;
  };
}

function rootState(root: string): "open" | "hidden" {
  return getXattr(root, "trusted.overlay.opaque") ? "hidden" : "open";
}

function stateOf(path: string): "open" | "absent" | "hidden" {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat) return "absent";
  if (!stat.isDirectory() || getXattr(path, "trusted.overlay.opaque")) return "hidden";
  return "open";
}
