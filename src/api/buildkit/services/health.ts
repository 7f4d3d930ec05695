import { unary, type Methods } from "../rpc/server.ts";
import { empty } from "../wire/control.ts";
import { healthRequest, healthResponse } from "../wire/session.ts";

const serving = 1;

/** What clients call besides the build itself: is somebody there, and here are my traces. */
export function auxiliaryMethods(): Methods {
  return {
    "/grpc.health.v1.Health/Check": unary(healthRequest, healthResponse, () => ({ status: serving })),
    // Traces of clients are for a collector, which the daemon has not.
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export": unary(empty, empty, () => ({})),
  };
}
