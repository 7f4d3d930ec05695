import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { ManualClock, silentLogger, type Clock } from "../base/index.ts";
import type { BlobInfo, Digest } from "../content/index.ts";
import { createRegistries, type RegistriesDependencies } from "./registries.ts";
import type { Registries } from "./repository.ts";
import { defaultSettings, type RegistrySettings } from "./settings.ts";

/** A request as the fake registry got it. */
export interface Seen {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** An answer in place of the registry's own. */
export interface Told {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** The connection breaks after so many bytes of the body. */
  readonly cutAfter?: number;
  /** The first half of the body goes out at once, the rest after this. */
  readonly rest?: Promise<unknown>;
  /** The body, which is promised to be longer, and then nothing more. */
  readonly hang?: boolean;
  /** No answer: the connection breaks. */
  readonly lose?: boolean;
}

/** A small registry on a port of 127.0.0.1 that can be made to misbehave. */
export interface FakeRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  readonly blobs: Map<string, Buffer>;
  /** By `REPOSITORY:TAG` and `REPOSITORY@DIGEST`. */
  readonly manifests: Map<string, { readonly mediaType: string; readonly bytes: Buffer }>;
  readonly seen: Seen[];
  /** `METHOD PATH` of all requests but GET /v2/. */
  readonly requests: string[];
  /** Asked first for each request, with the number of requests like it before. */
  answer: (seen: Seen, before: number) => Told | undefined;
  addBlob(bytes: Uint8Array): BlobInfo;
  /** Returns its digest. */
  addManifest(
    repository: string,
    tag: string | undefined,
    document: object | string,
    mediaType?: string,
  ): Digest;
}

const ociManifest = "application/vnd.oci.image.manifest.v1+json";

export async function fakeRegistry(): Promise<FakeRegistry> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    void serve(fake, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const fake: FakeRegistry = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    blobs: new Map(),
    manifests: new Map(),
    seen,
    get requests() {
      return seen.filter((one) => one.path !== "/v2/").map((one) => `${one.method} ${one.path}`);
    },
    answer: () => undefined,
    addBlob(bytes) {
      const digest = sha256(bytes);
      fake.blobs.set(digest, Buffer.from(bytes));
      return { digest, size: bytes.length };
    },
    addManifest(repository, tag, document, mediaType = ociManifest) {
      const bytes = Buffer.from(typeof document === "string" ? document : JSON.stringify(document));
      const digest = sha256(bytes);
      fake.manifests.set(`${repository}@${digest}`, { mediaType, bytes });
      if (tag !== undefined) fake.manifests.set(`${repository}:${tag}`, { mediaType, bytes });
      return digest;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return fake;
}

function sha256(bytes: Uint8Array): Digest {
  return `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;
}

async function serve(fake: FakeRegistry, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const pieces: Buffer[] = [];
  request.on("error", () => undefined);
  try {
    for await (const piece of request) pieces.push(piece as Buffer);
  } catch {
    return; // the client has gone
  }
  const one: Seen = {
    method: request.method!,
    path: request.url!,
    headers: request.headers,
    body: Buffer.concat(pieces),
  };
  const before = fake.seen.filter((other) => other.method === one.method && other.path === one.path).length;
  fake.seen.push(one);
  const told = fake.answer(one, before) ?? ordinary(fake, one);
  if (told.lose === true) {
    response.socket?.destroy();
    return;
  }
  const body = Buffer.from(told.body ?? "");
  const length = { "content-length": String(body.length + (told.hang === true ? 1 : 0)) };
  response.writeHead(told.status ?? 200, { ...length, ...told.headers });
  if (told.rest) {
    response.write(body.subarray(0, body.length / 2));
    await told.rest;
    response.end(body.subarray(body.length / 2));
  } else if (told.hang === true) response.write(body);
  else if (told.cutAfter === undefined) response.end(one.method === "HEAD" ? undefined : body);
  else {
    response.write(body.subarray(0, told.cutAfter));
    await Bun.sleep(20); // what was written is on its way
    response.socket?.destroy();
  }
}

function ordinary(fake: FakeRegistry, { method, path, headers, body }: Seen): Told {
  if (path === "/v2/") return {};
  const place = /^\/v2\/(.+?)\/(manifests|blobs\/uploads|blobs|tags)\/?(.*)$/.exec(path);
  if (!place) return unknown("NAME_UNKNOWN");
  const [, repository, kind, reference] = place;
  if (kind === "tags") return tags(fake, repository!);
  if (kind === "blobs/uploads") return upload(fake, repository!, method, reference!, body);
  if (kind === "blobs") {
    const blob = fake.blobs.get(reference!);
    if (!blob) return unknown("BLOB_UNKNOWN");
    const start = Number(/^bytes=(\d+)-$/.exec(String(headers["range"]))?.[1] ?? 0);
    if (start === 0) return { body: blob };
    const range = { "content-range": `bytes ${start}-${blob.length - 1}/${blob.length}` };
    return { status: 206, headers: range, body: blob.subarray(start) };
  }
  const key = reference!.includes(":") ? `${repository}@${reference}` : `${repository}:${reference}`;
  if (method === "PUT") {
    const digest = fake.addManifest(repository!, reference, body.toString(), String(headers["content-type"]));
    return { status: 201, headers: { "docker-content-digest": digest } };
  }
  const found = fake.manifests.get(key);
  if (!found) return unknown("MANIFEST_UNKNOWN");
  const named = { "content-type": found.mediaType, "docker-content-digest": sha256(found.bytes) };
  return { headers: named, body: found.bytes };
}

function unknown(code: string): Told {
  const message = code.toLowerCase().replace("_", " ");
  return { status: 404, body: JSON.stringify({ errors: [{ code, message }] }) };
}

function tags(fake: FakeRegistry, repository: string): Told {
  const names = [...fake.manifests.keys()].filter((key) => key.startsWith(`${repository}:`));
  return {
    body: JSON.stringify({ name: repository, tags: names.map((key) => key.slice(repository.length + 1)) }),
  };
}

/** Sessions are blobs by their number. */
function upload(fake: FakeRegistry, repository: string, method: string, rest: string, body: Buffer): Told {
  const query = new URLSearchParams(rest.slice(rest.indexOf("?") + 1));
  if (method === "POST") {
    const mount = query.get("mount");
    if (mount !== null && fake.blobs.has(mount)) return { status: 201 };
    const session = String(fake.seen.length);
    fake.blobs.set(session, Buffer.alloc(0));
    return { status: 202, headers: { location: `/v2/${repository}/blobs/uploads/${session}?state=a%2Fb` } };
  }
  const session = rest.split("?")[0]!;
  const whole = Buffer.concat([fake.blobs.get(session) ?? Buffer.alloc(0), body]);
  const location = `/v2/${repository}/blobs/uploads/${session}?state=a%2Fb`;
  const range = { location, range: `0-${Math.max(whole.length - 1, 0)}` };
  if (method === "GET") return { status: 204, headers: range };
  if (method === "DELETE") return { status: 204 };
  fake.blobs.set(session, whole);
  if (method === "PATCH") return { status: 202, headers: range };
  fake.blobs.delete(session);
  const digest = query.get("digest")!;
  if (sha256(whole) !== digest) return { status: 400, body: '{"errors":[{"code":"DIGEST_INVALID"}]}' };
  fake.blobs.set(digest, whole);
  return { status: 201, headers: { "docker-content-digest": digest } };
}

/** Time that stands still but for `advance`; a pause is over at once, and written down. */
export function pausingClock(): {
  readonly clock: Clock;
  readonly manual: ManualClock;
  readonly pauses: number[];
} {
  const manual = new ManualClock();
  const pauses: number[] = [];
  const clock: Clock = {
    now: () => manual.now(),
    every: (ms, callback) => manual.every(ms, callback),
    async sleep(ms, signal) {
      signal?.throwIfAborted();
      pauses.push(ms);
    },
  };
  return { clock, manual, pauses };
}

/** Registries as the daemon has them, with nothing of this machine's configuration. */
export function testRegistries(
  options: Partial<Omit<RegistriesDependencies, "settings">> & {
    readonly settings?: Partial<RegistrySettings>;
  } = {},
): Registries {
  return createRegistries({
    clock: pausingClock().clock,
    logger: silentLogger,
    environment: {},
    certificateDirectories: [],
    lookUp: () => Promise.resolve([]),
    ...options,
    settings: { ...defaultSettings, ...options.settings },
  });
}
