// The layer rule: an import may go only where tools/layers.json allows it, and only through a folder's door.
import { readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const table = JSON.parse(readFileSync(join(root, "tools/layers.json"), "utf8")).folders;
const byLength = Object.keys(table).sort((a, b) => b.length - a.length);

/** The folder of the table that a file under src/ belongs to; undefined for files outside src/. */
export function folderOf(file) {
  const path = relative(join(root, "src"), file);
  if (path.startsWith("..")) return undefined;
  if (path === "main.ts") return "main";
  return byLength.find((folder) => path.startsWith(`${folder}/`)) ?? path;
}

/** Why `file` may not import `specifier`, or undefined when it may. */
export function violation(file, specifier) {
  const from = folderOf(file);
  if (from === undefined || !specifier.startsWith(".")) return undefined;
  if (table[from] === undefined) return `the folder of ${relative(root, file)} is not in tools/layers.json`;
  const target = resolve(dirname(file), specifier);
  const to = folderOf(target);
  if (to === undefined) return `src/ may not import ${specifier}, which lies outside it`;
  if (to === from) return undefined;
  if (!table[from].includes(to)) {
    return `${from} may not import ${to}; it may import: ${table[from].join(", ") || "nothing"}`;
  }
  const door = join(root, "src", to, "index.ts");
  const testing = join(root, "src", to, "testing.ts");
  const isTest = /\.test\.ts$|\/testing\.ts$/.test(file);
  if (target === door || (isTest && target === testing)) return undefined;
  return `import ${to} through its door, src/${to}/index.ts`;
}

const rule = {
  meta: { type: "problem", docs: { description: "imports follow tools/layers.json, through doors" } },
  create(context) {
    const check = (node) => {
      if (!node.source) return;
      const message = violation(context.physicalFilename ?? context.filename, node.source.value);
      if (message) context.report({ node: node.source, message });
    };
    return {
      ImportDeclaration: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      ImportExpression: check,
    };
  },
};

export default { meta: { name: "virga" }, rules: { layers: rule } };
