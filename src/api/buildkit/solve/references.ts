import { createHash } from "node:crypto";
import { codes, RpcError } from "../rpc/status.ts";
import { graphOp, op, type Definition } from "../wire/llb.ts";

export type Inputs = Readonly<Record<string, Partial<Definition>>>;

const prefix = "virga-image://";

/**
 * A result as a graph that the client can hand back as an input of another build: one source, which is the image.
 * (The last operation of a graph names the one that is meant.)
 */
export function graphOfImage(imageId: string): Definition {
  const source = graphOp.encode({ source: { identifier: `${prefix}${imageId}` } });
  const digest = `sha256:${createHash("sha256").update(source).digest("hex")}`;
  return { def: [source, graphOp.encode({ inputs: [{ digest }] })], metadata: { [digest]: {} } };
}

/** The image that an input of a frontend is. Throws for graphs that were made elsewhere. */
export function imageOfInput(inputs: Inputs, name: string): string {
  for (const bytes of inputs[name]?.def ?? []) {
    const identifier = op.decode(bytes).source?.identifier ?? "";
    if (identifier.startsWith(prefix)) return identifier.slice(prefix.length);
  }
  throw new RpcError(
    codes.unimplemented,
    `the input ${name} is a graph (LLB) that was not built here from a Dockerfile`,
  );
}
