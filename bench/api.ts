import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What the API answers to what makes something. */
export interface Made {
  readonly Id: string;
}

/** The Docker API over a unix socket, for load that must not be a client's own start. */
export interface Api {
  /** JSON there and back; throws for an answer that is no success. */
  post(path: string, body?: unknown): Promise<Made>;
  remove(path: string): Promise<void>;
  text(method: string, path: string, body?: unknown): Promise<string>;
  /** Begins a stream, reads until the headers are there, and goes away. */
  cut(method: string, path: string): Promise<void>;
  send(method: string, path: string, body: Blob | ReadableStream, type?: string): Promise<Response>;
}

export function api(socket: string): Api {
  const ask = async (method: string, path: string, init: object = {}) => {
    const response = await fetch(`http://docker${path}`, { unix: socket, method, ...init });
    if (!response.ok && response.status !== 304) {
      throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    }
    return response;
  };
  const json = (body: unknown) =>
    body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  return {
    async post(path, body) {
      const text = await (await ask("POST", path, json(body))).text();
      return (text.startsWith("{") ? JSON.parse(text) : { Id: "" }) as Made;
    },
    async remove(path) {
      await (await ask("DELETE", path)).text();
    },
    text: async (method, path, body) => await (await ask(method, path, json(body))).text(),
    async cut(method, path) {
      const leave = new AbortController();
      await ask(method, path, { signal: leave.signal });
      leave.abort();
    },
    send: (method, path, body, type = "application/x-tar") =>
      ask(method, path, { body, headers: { "Content-Type": type } }),
  };
}

/** Imports an image of the host's busybox and returns its name. */
export async function busyboxImage(daemon: Api): Promise<string> {
  const work = mkdtempSync(join(tmpdir(), "virga-bench-image-"));
  try {
    mkdirSync(join(work, "bin"));
    cpSync("/bin/busybox", join(work, "bin/busybox"));
    await Bun.$`tar -C ${work} --exclude=./image.tar -cf ${work}/image.tar ./bin`.quiet();
    const image = "virga-bench";
    const answer = await daemon.send(
      "POST",
      `/images/create?fromSrc=-&repo=${image}`,
      Bun.file(join(work, "image.tar")),
    );
    const said = await answer.text();
    if (said.includes('"error"')) throw new Error(said);
    return image;
  } finally {
    rmSync(work, { recursive: true });
  }
}
