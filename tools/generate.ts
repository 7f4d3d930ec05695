/**
 * Writes the parts of the documentation that come from the code. A generated part stands between
 * `<!-- generated: NAME -->` and `<!-- end -->`; `--check` changes nothing and fails when one is not current.
 */
import { join } from "node:path";
import { supportedKeysMarkdown } from "../src/stacks/index.ts";
import { layerGraph } from "./layer-graph.ts";
import {
  commandReference,
  dockerAnswers,
  dockerEndpoints,
  dockerFields,
  dockerHistory,
  dockerQuirks,
} from "./reference.ts";

const root = join(import.meta.dir, "..");

/** File, name of the part, its text. */
const parts: readonly {
  readonly file: string;
  readonly name: string;
  readonly text: () => string | Promise<string>;
}[] = [
  { file: "ARCHITECTURE.md", name: "layers", text: layerGraph },
  { file: "docs/stacks.md", name: "stack keys", text: supportedKeysMarkdown },
  { file: "docs/reference/commands.md", name: "commands", text: commandReference },
  { file: "docs/reference/docker-api.md", name: "docker endpoints", text: dockerEndpoints },
  { file: "docs/reference/docker-api.md", name: "docker fields", text: dockerFields },
  { file: "docs/reference/docker-api.md", name: "docker answers", text: dockerAnswers },
  { file: "docs/reference/docker-api.md", name: "docker quirks", text: dockerQuirks },
  { file: "docs/reference/docker-api.md", name: "docker history", text: dockerHistory },
];

const checkOnly = process.argv.includes("--check");
let stale = 0;
for (const part of parts) {
  const path = join(root, part.file);
  const before = await Bun.file(path).text();
  const after = replacePart(before, part.name, await part.text());
  if (before === after) continue;
  if (checkOnly) {
    console.error(`${part.file}: the part '${part.name}' is not current; run: npm run generate`);
    stale++;
  } else await Bun.write(path, after);
}
process.exit(stale > 0 ? 1 : 0);

function replacePart(document: string, name: string, text: string): string {
  const begin = `<!-- generated: ${name} -->\n`;
  const start = document.indexOf(begin);
  const end = document.indexOf("<!-- end -->", start);
  if (start < 0 || end < 0) throw new Error(`no part '${name}' in the document`);
  return `${document.slice(0, start)}${begin}${text}${document.slice(end)}`;
}
