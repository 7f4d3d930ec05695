import { silentLogger } from "../../base/index.ts";
import { digestOf, testRegistry, type TestRegistry } from "../../registry/testing.ts";
import type { RegistryDependencies } from "../../registry/index.ts";
import type { AccessDependencies } from "./access.ts";
import { createRegistryApp } from "./app.ts";

export interface TestServer extends AsyncDisposable {
  readonly test: TestRegistry;
  readonly url: string;
  /** Sends a request to a path or a `Location`. */
  send(method: string, path: string, options?: SendOptions): Promise<Response>;
  /** POST, then PUT of the whole. */
  pushBlob(name: string, bytes: string | Uint8Array, algorithm?: "sha256" | "sha512"): Promise<Response>;
  pushManifest(name: string, reference: string, text: string, headers?: Headers): Promise<Response>;
}

type Headers = Readonly<Record<string, string>>;

export interface SendOptions {
  readonly headers?: Headers;
  readonly body?: RequestInit["body"];
}

/** The API on a port of its own, as the daemon serves it: open on loopback, as long as there are no users. */
export async function testServer(
  options: Partial<AccessDependencies> = {},
  cache?: RegistryDependencies["cache"],
): Promise<TestServer> {
  const test = await testRegistry(undefined, cache);
  const { registry } = test;
  const { users, tokens, attempts } = registry;
  const nameIn = registry.caches.nameIn.bind(registry.caches);
  const access = { users, tokens, attempts, nameIn, loopback: true, tls: false, ...options };
  const app = createRegistryApp({ registry, logger: silentLogger, access });
  const answer = (request: Request) => app.fetch(request, { peer: () => "10.0.0.1" });
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: answer, development: false });
  const url = `http://127.0.0.1:${server.port}`;
  const send: TestServer["send"] = (method, path, { headers, body } = {}) =>
    fetch(new URL(path, url), {
      method,
      redirect: "manual",
      ...(headers ? { headers } : {}),
      ...(body === undefined ? {} : { body }),
    });
  return {
    test,
    url,
    send,
    async pushBlob(name, bytes, algorithm) {
      const begun = await send("POST", `/v2/${name}/blobs/uploads/`);
      const place = `${begun.headers.get("location")}?digest=${digestOf(bytes, algorithm)}`;
      return await send("PUT", place, { body: bytes as string });
    },
    pushManifest(name, reference, text, headers = {}) {
      const { mediaType } = JSON.parse(text) as { mediaType?: string };
      return send("PUT", `/v2/${name}/manifests/${reference}`, {
        body: text,
        headers: { "content-type": mediaType ?? "application/vnd.oci.image.manifest.v1+json", ...headers },
      });
    },
    async [Symbol.asyncDispose]() {
      await server.stop(true);
      test[Symbol.dispose]();
    },
  };
}
