import type { z } from "zod";
import { checkJson, fail } from "../../../base/index.ts";
import type { ApiContext } from "./context.ts";
import { withFieldNames } from "./field-names.ts";
import { jsonErrorText } from "./json-error.ts";

/** JSON bodies larger than this are refused; a seccomp profile is the largest thing in one. */
const maxJsonBytes = 8 * 1024 * 1024;

/** The request's body as a stream of bytes; empty when it has none. */
export function byteBody(c: ApiContext): ReadableStream<Uint8Array> {
  return c.req.raw.body ?? new ReadableStream({ start: (controller) => controller.close() });
}

/**
 * The request's JSON body, checked. Throws `invalid` with Docker's words for what is no JSON, and naming the field
 * (`HostConfig.Memory`) for what has the wrong type. With `whenEmpty` a request without a body gets that.
 */
export async function jsonBody<T>(c: ApiContext, schema: z.ZodType<T>, whenEmpty?: T): Promise<T> {
  const length = c.req.header("content-length");
  if (Number(length ?? 0) > maxJsonBytes) throw tooLarge();
  // A body that is as long as it says need not be read as a stream, which takes longer.
  const body = length === undefined ? await readText(byteBody(c)) : await textOf(c);
  if (body.trim() === "") {
    if (whenEmpty !== undefined) return whenEmpty;
    throw fail("invalid", "api.invalid-json", "invalid JSON: got EOF while reading request body");
  }
  const type = c.req.header("content-type");
  if (type !== undefined && !/^application\/json\s*(;|$)/i.test(type)) {
    throw fail(
      "invalid",
      "api.content-type",
      `unsupported Content-Type header (${type}): must be 'application/json'`,
    );
  }
  return checked(withFieldNames(parse(body), schema), schema);
}

/** `value` as `schema` says. Throws `invalid` naming the field. */
export function checked<T>(value: unknown, schema: z.ZodType<T>, at = "invalid JSON"): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const field = issue.path.length > 0 ? `${issue.path.map(String).join(".")}: ` : "";
  throw fail("invalid", "api.invalid-field", `${at}: ${field}${issue.message}`);
}

function parse(body: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (cause) {
    throw fail("invalid", "api.invalid-json", jsonErrorText(body), { cause });
  }
  checkJson(value, "invalid JSON");
  return value;
}

async function textOf(c: ApiContext): Promise<string> {
  return Buffer.from(await c.req.arrayBuffer()).toString("utf8");
}

async function readText(stream: ReadableStream<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > maxJsonBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function tooLarge(): Error {
  return fail("invalid", "api.body-too-large", `request body is larger than ${maxJsonBytes} bytes`);
}
