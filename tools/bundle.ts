/**
 * Puts the command line into few files, in node_modules/.virga-cli: Bun reads a dozen small TypeScript files in half the
 * time of a command. Its `main.js` compares the sources' times with its own first; when one is newer it runs the
 * sources and has the bundle made anew, so that nobody ever runs old code.
 */
import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, join } from "node:path";

const home = join(import.meta.dir, "..");
const folder = join(home, "node_modules/.virga-cli");
/** What the command line may import (tools/layers.json). */
const sources = ["src/cli", "src/api/client", "src/base", "src/doctor", "src/host"].flatMap((part) =>
  [...new Bun.Glob("**/*.ts").scanSync(join(home, part))]
    .filter((file) => !/(\.test|testing)\.ts$/.test(file))
    .map((file) => `${part}/${file}`),
);

/** Before anything is read: what changes meanwhile is newer. */
const madeAt = Date.now();
mkdirSync(folder, { recursive: true });
const built = await Bun.build({
  entrypoints: [join(home, "src/cli/index.ts")],
  outdir: folder,
  target: "bun",
  splitting: true,
  minify: true,
  naming: { entry: "cli-[hash].js", chunk: "part-[hash].js" },
});
const entry = built.outputs.find((one) => one.kind === "entry-point");
if (!built.success || entry === undefined) throw new Error("the command line could not be bundled");

const main = `// Made by tools/bundle.ts.
const home = import.meta.dir + "/../..";
const isFresh = ${JSON.stringify(sources)}.every((file) => {
  const time = Bun.file(home + "/" + file).lastModified;
  return time > 0 && time < ${madeAt};
});
if (isFresh && process.argv[2] !== "serve") {
  const { runCommandLine } = await import("./${basename(entry.path)}");
  process.exit(await runCommandLine(process.argv.slice(2)));
}
if (!isFresh) {
  const options = { stdio: ["ignore", "ignore", "ignore"], detached: true };
  Bun.spawn([process.execPath, home + "/tools/bundle.ts"], options).unref();
}
await import(home + "/src/main.ts");
export {};
`;
const next = join(folder, `main.js.${process.pid}`);
await Bun.write(next, main);
renameSync(next, join(folder, "main.js"));

// Commands that run may still load parts of the bundle before.
const kept = new Set([...built.outputs.map((one) => basename(one.path)), "main.js"]);
for (const name of readdirSync(folder)) {
  const path = join(folder, name);
  if (!kept.has(name) && statSync(path).mtimeMs < madeAt - 3_600_000) rmSync(path, { force: true });
}
