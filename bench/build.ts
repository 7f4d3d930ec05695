// Times builds on several engines in one run, turn by turn, and prints each figure with its ratio to the first engine's.
//
//   bun bench/build.ts [-n RUNS] NAME=DOCKER_HOST...
//   bench/peers.sh -p dockerd bun bench/build.ts
//
// Every engine is driven by the docker CLI and the classic endpoint (`POST /build`); an engine that is called virga by
// its own command as well, which reads a folder in place, and buildah, where it is installed, by itself. The least of
// RUNS counts: the machine may be busy. Needs root, the docker CLI and a statically linked /bin/busybox.
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";

interface Builder {
  readonly name: string;
  /** Builds `context`, or throws. */
  build(context: string, options: { readonly cache: boolean }): Promise<void>;
  import(archive: string): Promise<void>;
}

const image = "bench-build-base";
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { n: { type: "string", default: "5" } },
});
const runs = Number(options.n);
const home = resolve(import.meta.dirname, "..");
const work = mkdtempSync("/tmp/virga-bench-build-");

async function command(words: readonly string[], env: Record<string, string> = {}): Promise<void> {
  const child = Bun.spawn([...words], {
    env: { ...process.env, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, said, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (code !== 0) throw new Error(`${words.slice(0, 3).join(" ")}: ${output.slice(-500)}${said.slice(-500)}`);
}

/** The classic endpoint, as the docker CLI uses it. */
function classic(name: string, host: string): Builder {
  const docker = (...words: string[]) => command(["docker", "-H", host, ...words], { DOCKER_BUILDKIT: "0" });
  return {
    name,
    build: (context, { cache }) =>
      docker("build", "-q", ...(cache ? [] : ["--no-cache"]), "-t", "bench-built", context),
    import: (archive) => docker("import", archive, image),
  };
}

/** Virga's own command on a folder of this machine. */
function inPlace(host: string): Builder {
  const root = dirname(dirname(host.slice("unix://".length)));
  const virga = (...words: string[]) => command([join(home, "virga"), ...words, "--root", root]);
  return {
    name: "virga build",
    build: (context, { cache }) =>
      virga("build", "-q", ...(cache ? [] : ["--no-cache"]), "-t", "bench-built", context),
    import: () => Promise.resolve(),
  };
}

/** With a folder of its own; layers are kept as dockerd and Virga keep them. */
function buildah(): Builder {
  const storage = ["--root", join(work, "buildah"), "--runroot", join(work, "buildah-run")];
  const run = (...words: string[]) => command(["buildah", ...storage, ...words]);
  return {
    name: "buildah",
    build: (context, { cache }) =>
      run(
        "build",
        "-q",
        "--layers",
        "--isolation",
        "chroot",
        ...(cache ? [] : ["--no-cache"]),
        "-t",
        "bench-built",
        context,
      ),
    async import(archive) {
      const folder = join(work, "base");
      mkdirSync(folder);
      cpSync(archive, join(folder, "image.tar"));
      writeFileSync(join(folder, "Dockerfile"), "FROM scratch\nADD image.tar /\n");
      await run("build", "-q", "-t", `localhost/${image}`, folder);
    },
  };
}

/** Milliseconds at least; undefined when it failed. `prepare` comes before each run and is not timed. */
async function least(work_: () => Promise<void>, prepare: (run: number) => Promise<void> | void) {
  let best: number | undefined;
  for (let run = 0; run < runs; run++) {
    await prepare(run);
    const begin = performance.now();
    try {
      await work_();
    } catch (error) {
      console.error(String(error));
      return undefined;
    }
    best = Math.min(best ?? Number.POSITIVE_INFINITY, performance.now() - begin);
  }
  return best;
}

async function row(
  what: string,
  builders: readonly Builder[],
  context: string,
  how: { readonly cache: boolean; readonly prepare?: (run: number) => Promise<void> | void },
): Promise<void> {
  const cells: string[] = [];
  let first: number | undefined;
  for (const [at, builder] of builders.entries()) {
    if (how.cache)
      await builder.build(context, { cache: true }).catch((error: unknown) => console.error(String(error)));
    const ms = await least(() => builder.build(context, how), how.prepare ?? (() => {}));
    if (at === 0) first = ms;
    const ratio = ms !== undefined && first !== undefined && at > 0 ? ` (${(ms / first).toFixed(2)})` : "";
    cells.push(ms === undefined ? "-" : `${ms.toFixed(0)}${ratio}`);
  }
  console.log(`| ${what} | ${cells.join(" | ")} |`);
}

function context(name: string, lines: readonly string[]): string {
  const folder = join(work, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "Dockerfile"), `${lines.join("\n")}\n`);
  return folder;
}

/** As the engine's benchmark has it: a large file and six small steps. */
function simple(): string {
  const steps = [1, 2, 3, 4, 5, 6].map((i) => `RUN mkdir -p /d${i} && echo ${i} > /d${i}/f`);
  const folder = context("simple", [`FROM ${image}`, "COPY blob /blob", ...steps]);
  writeFileSync(join(folder, "blob"), crypto.getRandomValues(new Uint8Array(65_536)).toHex().repeat(305));
  return folder;
}

/** Ten stages; the last one takes from nine that have nothing to do with each other. Each computes for a while. */
function graph(): string {
  const stages = Array.from({ length: 9 }, (_, i) => [
    `FROM ${image} AS s${i}`,
    `RUN i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done; echo ${i} > /out${i}`,
  ]);
  const copies = stages.map((_, i) => `COPY --from=s${i} /out${i} /`);
  return context("graph", [...stages.flat(), `FROM ${image}`, ...copies]);
}

/** A gigabyte in a thousand files. */
function large(): string {
  const folder = context("large", [`FROM ${image}`, "COPY data /data", "COPY changing /changing"]);
  mkdirSync(join(folder, "data"));
  const megabyte = crypto.getRandomValues(new Uint8Array(65_536)).toHex().repeat(8);
  for (let i = 0; i < 1000; i++) writeFileSync(join(folder, "data", `f${i}`), `${i}\n${megabyte}`);
  writeFileSync(join(folder, "changing"), "0");
  return folder;
}

async function main(): Promise<void> {
  const engines = positionals.map(
    (text) => [text.slice(0, text.indexOf("=")), text.slice(text.indexOf("=") + 1)] as const,
  );
  const builders: Builder[] = engines.flatMap(([name, host]) =>
    name === "virga" ? [classic(name, host), inPlace(host)] : [classic(name, host)],
  );
  if (Bun.which("buildah")) builders.push(buildah());
  if (engines.length === 0 || !(runs > 0)) {
    console.error("usage: bun bench/build.ts [-n RUNS] NAME=unix://SOCKET...");
    process.exit(2);
  }
  const root = join(work, "root");
  mkdirSync(join(root, "bin"), { recursive: true });
  cpSync("/bin/busybox", join(root, "bin/busybox"));
  for (const name of ["sh", "mkdir", "echo", "true"]) symlinkSync("busybox", join(root, "bin", name));
  await command(["tar", "-C", root, "-cf", join(work, "image.tar"), "."]);
  for (const builder of builders) await builder.import(join(work, "image.tar"));

  console.log(`| milliseconds, least of ${runs} | ${builders.map(({ name }) => name).join(" | ")} |`);
  console.log(`|---|${builders.map(() => "---|").join("")}`);
  const [one, two, three] = [simple(), graph(), large()];
  await row("40 MB context, 6 RUN steps, no cache", builders, one, { cache: false });
  await row("the same, all cached", builders, one, { cache: true });
  await row("ten stages, nine of them independent, no cache", builders, two, { cache: false });
  let change = 0;
  const prepare = () => writeFileSync(join(three, "changing"), String(++change));
  await row("1 GB context, one file changed", builders, three, { cache: true, prepare });
}

try {
  await main();
} finally {
  await Bun.$`umount -q ${work}/buildah/overlay`.nothrow().quiet();
  rmSync(work, { recursive: true, force: true });
}
