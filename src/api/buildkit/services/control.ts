import { version, type Clock, type Logger } from "../../../base/index.ts";
import { codes, RpcError } from "../rpc/status.ts";
import { streaming, unary, type Methods, type ServedCall } from "../rpc/server.ts";
import { openTunnel } from "../rpc/tunnel.ts";
import type { Sessions } from "../sessions/sessions.ts";
import * as wire from "../wire/control.ts";
import { createProgress } from "../solve/progress.ts";
import {
  checkExporters,
  exportResult,
  keepsImage,
  type ExporterDependencies,
} from "../exporters/exporters.ts";
import { solveDockerfile, type FrontendDependencies } from "../solve/dockerfile.ts";
import type { Result } from "../wire/gateway.ts";
import type { BuiltResult } from "../solve/result.ts";
import { ofPlatforms } from "../solve/platforms.ts";
import type { Leftovers } from "../solve/leftovers.ts";
import type { Solve, Solves } from "../solve/solves.ts";
import type { Images } from "../../../images/index.ts";
import { workerOf } from "./worker.ts";

export interface ControlDependencies extends FrontendDependencies, ExporterDependencies {
  readonly images: Pick<Images, "resolve" | "tag" | "push" | "pushIndex" | "save" | "saveIndex">;
  readonly leftovers: Leftovers;
  readonly sessions: Sessions;
  readonly solves: Solves;
  readonly clock: Clock;
  readonly logger: Logger;
}

const name = "/moby.buildkit.v1.Control";

export function controlMethods(dependencies: ControlDependencies): Methods {
  const { solves } = dependencies;
  return {
    [`${name}/Solve`]: unary(wire.solveRequest, wire.solveResponse, (request, call) =>
      solve(dependencies, request, call),
    ),
    [`${name}/Status`]: streaming(
      wire.statusRequest,
      wire.statusResponse,
      async function* ({ ref }, { signal }) {
        yield* (await solves.get(ref, signal)).progress.read(signal);
      },
    ),
    [`${name}/Session`]: (requests, call) => session(dependencies.sessions, requests, call),
    [`${name}/ListWorkers`]: unary(wire.listWorkersRequest, wire.listWorkersResponse, () => ({
      record: [workerOf()],
    })),
    [`${name}/Info`]: unary(wire.empty, wire.infoResponse, () => ({
      buildkitVersion: { package: "virga", version: `v${version}`, revision: "" },
    })),
  };
}

/** A session inside a call, instead of over POST /session. */
async function* session(
  sessions: Sessions,
  requests: AsyncIterable<Uint8Array>,
  { metadata, signal }: ServedCall,
): AsyncIterableIterator<Uint8Array> {
  const headers = new Headers();
  for (const [key, value] of Object.entries(metadata)) {
    if (key.startsWith("x-docker-expose-")) headers.set(key, [value].flat().join(","));
  }
  const { connection, answers } = openTunnel(requests);
  signal.addEventListener("abort", () => connection.destroy(), { once: true });
  const served = sessions.serve(connection, headers);
  served.catch(() => connection.destroy());
  yield* answers;
  await served;
}

async function solve(
  dependencies: ControlDependencies,
  request: wire.SolveRequest,
  call: ServedCall,
): Promise<Partial<{ exporterResponse: Record<string, string> }>> {
  refuseGraphs(request);
  checkExporters(exportersOf(request));
  const { sessions, solves, clock, leftovers } = dependencies;
  const session = await sessions.get(request.session, call.signal);
  await using undo = new AsyncDisposableStack();
  undo.defer(leftovers.begin());
  const one: Solve = {
    ref: request.ref,
    request,
    session,
    undo,
    progress: createProgress(clock),
    signal: AbortSignal.any([call.signal, session.peer.gone]),
    createdAt: clock.now(),
    results: new Map(),
    returned: request.frontend === "" ? Promise.withResolvers<Partial<Result>>() : undefined,
  };
  solves.add(one);
  try {
    const result =
      request.frontend === ""
        ? await returnedResult(one)
        : await solveDockerfile(
            dependencies,
            one,
            { attributes: request.frontendAttrs, inputs: request.frontendInputs },
            one.signal,
          );
    const exporterResponse: Record<string, string> = {};
    const parts = result.parts ?? new Map([[undefined, result]]);
    const images = [...parts].flatMap(([platform, { image }]) => (image ? [{ platform, image }] : []));
    if (images.length === 0) return { exporterResponse };
    for (const exporter of exportersOf(request).entries()) {
      if (keepsImage(exporter[1])) for (const { image } of images) leftovers.keep(image);
      Object.assign(exporterResponse, await exportResult(dependencies, one, images, exporter));
    }
    return { exporterResponse };
  } finally {
    one.progress.close();
    solves.ended(request.ref);
  }
}

function exportersOf(request: wire.SolveRequest): readonly Partial<wire.TypedAttributes>[] {
  if (request.exporters.length > 0 || request.exporterDeprecated === "") return request.exporters;
  return [{ type: request.exporterDeprecated, attrs: request.exporterAttrsDeprecated }];
}

/** What the client chose of what it had built by the gateway. */
async function returnedResult(one: Solve): Promise<BuiltResult> {
  const gone = Promise.withResolvers<never>();
  const onGone = () => gone.reject(one.signal.reason);
  one.signal.addEventListener("abort", onGone, { once: true });
  if (one.signal.aborted) onGone();
  try {
    const result = await Promise.race([one.returned!.promise, gone.promise]);
    const nothing = { id: "", metadata: {} };
    if (result.refs?.refs) {
      const refs = Object.entries(result.refs.refs);
      return ofPlatforms(new Map(refs.map(([name, { id = "" }]) => [name, one.results.get(id) ?? nothing])));
    }
    return one.results.get(result.ref?.id ?? result.refDeprecated ?? "") ?? nothing;
  } finally {
    one.signal.removeEventListener("abort", onGone);
  }
}

/** The builder reads Dockerfiles; it does not run graphs that were made elsewhere. */
export function refuseGraphs({
  definition,
  frontend,
}: Pick<wire.SolveRequest, "definition" | "frontend">): void {
  if ((definition?.def?.length ?? 0) > 0) {
    throw new RpcError(
      codes.unimplemented,
      "the build is a graph of operations (LLB) that did not come from a Dockerfile; only Dockerfiles are supported",
    );
  }
  if (frontend === "" || frontend === "dockerfile.v0" || frontend === "gateway.v0") return;
  throw new RpcError(
    codes.unimplemented,
    `the frontend ${frontend} is not supported; there is dockerfile.v0`,
  );
}
