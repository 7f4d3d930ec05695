import { codes, RpcError } from "../rpc/status.ts";
import { unary, type Methods, type ServedCall } from "../rpc/server.ts";
import * as wire from "../wire/gateway.ts";
import { empty } from "../wire/control.ts";
import { solveDockerfile, type FrontendDependencies } from "../solve/dockerfile.ts";
import { graphOfImage } from "../solve/references.ts";
import type { BuiltResult } from "../solve/result.ts";
import type { Solve, Solves } from "../solve/solves.ts";
import { refuseGraphs } from "./control.ts";
import { workerOf } from "./worker.ts";

export interface GatewayDependencies extends FrontendDependencies {
  readonly solves: Solves;
}

const name = "/moby.buildkit.v1.frontend.LLBBridge";

/** What the gateway does, in BuildKit's words (frontend/gateway/pb/caps.go). */
const frontendCapabilities = [
  "solve.base", "return", "returnmap", "proto.refarray", "frontend.inputs", "gateway.solve.evaluate", "gateway.evaluate",
  "gateway.solve.metadata", "frontend.caps", "reference.output",
]; // prettier-ignore
/** What graphs may ask for (solver/pb/caps.go): as far as clients look at it before they ask for a Dockerfile. */
const llbCapabilities = [
  "source.local",
  "source.local.unique",
  "source.local.sessionid",
  "file.base",
  "exporter.multiple",
  "exporter.image.attestations",
  "gc.freespacefilter",
];

const enabled = (ids: readonly string[]) => ids.map((id) => ({ id, enabled: true }));

export function gatewayMethods(dependencies: GatewayDependencies): Methods {
  const { solves } = dependencies;
  const of = (call: ServedCall): Promise<Solve> =>
    solves.get(String(call.metadata["buildkit-controlapi-buildid"] ?? ""), call.signal);
  return {
    [`${name}/Ping`]: unary(empty, wire.pongResponse, () => ({
      frontendCapabilities: enabled(frontendCapabilities),
      llbCapabilities: enabled(llbCapabilities),
      workers: [workerOf()],
    })),
    [`${name}/Solve`]: unary(wire.gatewaySolveRequest, wire.gatewaySolveResponse, async (request, call) => {
      const one = await of(call);
      if (request.frontend === "" && (request.definition?.def?.length ?? 0) === 0) return { result: {} };
      refuseGraphs(request);
      const signal = AbortSignal.any([one.signal, call.signal]);
      const given = { attributes: request.frontendOpt, inputs: request.frontendInputs };
      const result = await solveDockerfile(dependencies, one, given, signal);
      return { result: encodeResult(one, result) };
    }),
    [`${name}/Evaluate`]: unary(wire.evaluateRequest, empty, async ({ ref }, call) => {
      if (ref !== "" && !(await of(call)).results.has(ref)) throw noResult(ref);
      return {};
    }),
    [`${name}/Inputs`]: unary(empty, wire.inputsResponse, () => ({})),
    [`${name}/Return`]: unary(wire.returnRequest, empty, async ({ result, error }, call) => {
      const { returned } = await of(call);
      if (returned === undefined)
        throw new RpcError(codes.failedPrecondition, "this build has a frontend of its own");
      const { code = 0, message = "", details = [] } = error ?? {};
      if (code === 0) returned.resolve(result ?? {});
      else returned.reject(new RpcError(code, message, details));
      return {};
    }),
  };
}

/** A result as the client names it from then on. */
function encodeResult(one: Solve, result: BuiltResult): Partial<wire.Result> {
  const { metadata, parts } = result;
  const refOf = (part: BuiltResult) => {
    one.results.set(part.id, part);
    return part.image ? { id: part.id, def: graphOfImage(part.image.id) } : {};
  };
  if (!parts) return { metadata, ref: refOf(result) };
  return {
    metadata,
    refs: { refs: Object.fromEntries([...parts].map(([name, part]) => [name, refOf(part)])) },
  };
}

function noResult(ref: string): RpcError {
  return new RpcError(codes.notFound, `no such result: ${ref}`);
}
