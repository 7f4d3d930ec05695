/**
 * The daemon's memory while blobs of several gigabytes go through its registry: pushed, pulled, and pulled through a cache
 * of another daemon's registry, which stores them as they pass. The bytes are made on the way in and dropped on the way out.
 *
 *   node_modules/.bin/bun bench/large-blobs.ts [-g GIGABYTES]...
 *
 * Needs root, and three times the largest blob on the disk of /tmp.
 */
import { mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { freePort } from "../test/support/registries.ts";

const { values } = parseArgs({ options: { g: { type: "string", multiple: true, default: ["1", "4"] } } });
const work = realpathSync(mkdtempSync("/tmp/virga-bench-large-"));
const chunk = 1 << 20;

interface Daemon extends AsyncDisposable {
  readonly url: string;
  readonly host: string;
  readonly pid: number;
}

async function start(name: string, ...more: readonly string[]): Promise<Daemon> {
  const port = freePort();
  const root = join(work, name);
  const main = join(import.meta.dir, "../src/main.ts");
  const address = `127.0.0.1:${port}`;
  const child = Bun.spawn([process.execPath, main, "serve", "--root", root, "--registry", address, ...more], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  const url = `http://${address}`;
  for (let turn = 0; turn < 600; turn++) {
    if (
      await fetch(`${url}/v2/`).then(
        (response) => response.ok,
        () => false,
      )
    )
      break;
    await Bun.sleep(50);
  }
  return {
    ...{ url, host: `localhost:${port}`, pid: child.pid },
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.exited;
    },
  };
}

const memoryOf = ({ pid }: Daemon) =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) / 1024;

/** Seconds, and the most memory meanwhile in MB. */
async function measured(
  daemon: Daemon,
  work: () => Promise<void>,
): Promise<{ seconds: number; most: number }> {
  let most = memoryOf(daemon);
  const timer = setInterval(() => (most = Math.max(most, memoryOf(daemon))), 50);
  const begun = performance.now();
  await work();
  clearInterval(timer);
  return { seconds: (performance.now() - begun) / 1000, most };
}

/** As many different megabytes as it takes; each is the first one with its number in it. */
function* megabytes(count: number): Generator<Buffer> {
  const first = Buffer.alloc(chunk);
  for (let at = 0; at < chunk; at += 65_536) crypto.getRandomValues(first.subarray(at, at + 65_536));
  for (let n = 0; n < count; n++) {
    const next = Buffer.from(first);
    next.writeUInt32LE(n, 0);
    yield next;
  }
}

async function push(daemon: Daemon, count: number): Promise<string> {
  const begun = await fetch(`${daemon.url}/v2/large/blobs/uploads/`, { method: "POST" });
  const place = new URL(begun.headers.get("location")!, daemon.url);
  const hasher = new Bun.CryptoHasher("sha256");
  const source = megabytes(count);
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const next = source.next();
      if (next.done) return controller.close();
      hasher.update(next.value);
      controller.enqueue(next.value);
    },
  });
  await fetch(place, { method: "PATCH", body });
  const digest = `sha256:${hasher.digest("hex")}`;
  const ended = await fetch(`${place.href}?digest=${digest}`, { method: "PUT" });
  if (ended.status !== 201) throw new Error(await ended.text());
  return digest;
}

async function pull(daemon: Daemon, name: string, digest: string): Promise<void> {
  const response = await fetch(`${daemon.url}/v2/${name}/blobs/${digest}`);
  const hasher = new Bun.CryptoHasher("sha256");
  for await (const piece of response.body!) hasher.update(piece);
  if (`sha256:${hasher.digest("hex")}` !== digest) throw new Error(`${name}: other bytes came back`);
}

try {
  console.log("| GB | | seconds | MB/s | daemon at rest, MB | at most, MB |\n|---|---|---|---|---|---|");
  for (const text of values.g) {
    const count = Number(text) * 1024;
    await using upstream = await start(`upstream-${text}`);
    await using cache = await start(`cache-${text}`, "--registry-cache", upstream.host);
    const rest = { upstream: memoryOf(upstream), cache: memoryOf(cache) };
    const show = (what: string, at: number, { seconds, most }: { seconds: number; most: number }) =>
      console.log(
        `| ${text} | ${what} | ${seconds.toFixed(1)} | ${Math.round(count / seconds)} | ${Math.round(at)} | ${Math.round(most)} |`,
      );
    let digest = "";
    show(
      "push",
      rest.upstream,
      await measured(upstream, async () => void (digest = await push(upstream, count))),
    );
    show("pull", rest.upstream, await measured(upstream, () => pull(upstream, "large", digest)));
    const cached = `cache/${upstream.host.replace(":", "-")}/large`;
    show("pull through the cache", rest.cache, await measured(cache, () => pull(cache, cached, digest)));
    show("pull from the cache", rest.cache, await measured(cache, () => pull(cache, cached, digest)));
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
