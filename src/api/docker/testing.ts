import { fail, silentLogger } from "../../base/index.ts";
import { testContainers, type TestContainers } from "../../containers/testing.ts";
import type { Events } from "../../events/index.ts";
import { createApp, type DockerApp } from "./app.ts";
import type { DockerApiDependencies } from "./dependencies.ts";
import { testFacts } from "./system/testing.ts";

/** The API over the real containers service on its fakes, asked without a port. */
export interface TestApi extends AsyncDisposable {
  readonly app: DockerApp;
  readonly parts: TestContainers;
  readonly dependencies: DockerApiDependencies;
  /** Sends JSON (or nothing) and gives status and JSON (or text) back. */
  ask(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ readonly status: number; readonly body: unknown }>;
}

/** `replace` puts other services in the place of the fakes. */
export async function testApi(replace: Partial<DockerApiDependencies> = {}): Promise<TestApi> {
  const parts = await testContainers();
  const none = (what: string) =>
    new Proxy({}, { get: () => () => { throw fail("unimplemented", "fake", `no ${what} here`); } }); // prettier-ignore
  const events: Pick<Events, "emit"> = { emit: () => {} };
  const dependencies = {
    containers: parts.containers,
    images: {
      resolve: (name: string) => parts.images.resolve(name),
      list: () => [],
      garbage: () => ({ layers: [], blobs: [] }),
    },
    layers: { ...none("layers"), path: (diffId: string) => `/layers/${diffId}`, stat: parts.layers.stat },
    registries: none("registries"),
    builds: none("builds"),
    buildkit: { ...none("buildkit"), pruneFolders: () => Promise.resolve({ removed: [], freed: 0 }) },
    networks: parts.networks,
    volumes: parts.volumes,
    events,
    clock: parts.clock,
    logger: silentLogger,
    facts: testFacts,
    warmUp: () => Promise.resolve(),
    ...replace,
  } as unknown as DockerApiDependencies;
  const app = createApp(dependencies);
  return {
    app,
    parts,
    dependencies,
    async ask(method, path, body) {
      const response = await app.request(path, {
        method,
        ...(body === undefined
          ? {}
          : {
              body: typeof body === "string" ? body : JSON.stringify(body),
              headers: { "Content-Type": "application/json" },
            }),
      });
      const text = await response.text();
      const isJson =
        response.headers.get("content-type")?.startsWith("application/json") === true && text !== "";
      return { status: response.status, body: isJson ? (JSON.parse(text) as unknown) : text };
    },
    [Symbol.asyncDispose]: () => parts[Symbol.asyncDispose](),
  };
}
