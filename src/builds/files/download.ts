import { open } from "node:fs/promises";
import { posix } from "node:path";
import { fail, messageOf } from "../../base/index.ts";
import { setTimes } from "../../host/index.ts";
import { dockerfileError, type SourcePlace } from "../dockerfile/dockerfile-error.ts";

/** The name that a download gets in a folder; empty when the address ends with a slash. */
export function nameOfUrl(place: SourcePlace, url: string): string {
  if (!URL.canParse(url)) throw dockerfileError("dockerfile.url", place, `'${url}' is not an address`);
  return decodeURIComponent(posix.basename(new URL(url).pathname));
}

export interface DownloadOptions {
  readonly checksum?: string | undefined;
  readonly signal: AbortSignal;
  readonly secrets: ((id: string) => Promise<Uint8Array | undefined>) | undefined;
}

/** The secrets `HTTP_AUTH_HEADER_<host>` and `HTTP_AUTH_TOKEN_<host>` (docs.docker.com, "HTTP authentication"). */
async function authorization(url: string, secrets: DownloadOptions["secrets"]): Promise<string | undefined> {
  const { host } = new URL(url);
  const header = await secrets?.(`HTTP_AUTH_HEADER_${host}`);
  if (header) return Buffer.from(header).toString().trim();
  const token = await secrets?.(`HTTP_AUTH_TOKEN_${host}`);
  return token && `Bearer ${Buffer.from(token).toString().trim()}`;
}

/**
 * Fetches `url` into the file `path`: mode 600, the server's modification time (reference, "Adding files from a
 * URL"). Returns the SHA-256. Throws `unavailable` / `build.download-failed`, `data-loss` / `build.checksum-mismatch`.
 */
export async function download(
  url: string,
  path: string,
  { checksum, signal, secrets }: DownloadOptions,
): Promise<string> {
  const response = await request(url, signal, await authorization(url, secrets));
  const hasher = new Bun.CryptoHasher("sha256");
  {
    await using file = await open(path, "w", 0o600);
    try {
      for await (const chunk of response.body ?? []) {
        hasher.update(chunk);
        await file.writeFile(chunk);
      }
    } catch (error) {
      signal.throwIfAborted();
      throw failed(url, messageOf(error), error);
    }
  }
  const digest = hasher.digest("hex");
  if (checksum !== undefined && checksum !== `sha256:${digest}`) {
    const text = `${url} has the checksum sha256:${digest}, not ${checksum}`;
    throw fail("data-loss", "build.checksum-mismatch", text, {
      hint: "the file has changed at its source, or was changed on the way: look before you change --checksum",
    });
  }
  const modified = Date.parse(response.headers.get("last-modified") ?? "");
  const time = BigInt(Number.isNaN(modified) ? 0 : modified) * 1_000_000n;
  setTimes(path, time, time);
  return digest;
}

async function request(url: string, signal: AbortSignal, authorized: string | undefined): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, {
      signal,
      headers: authorized === undefined ? {} : { authorization: authorized },
    });
  } catch (error) {
    signal.throwIfAborted();
    throw failed(url, messageOf(error), error);
  }
  if (response.ok) return response;
  await response.body?.cancel();
  throw failed(url, `the server answered ${response.status} ${response.statusText}`.trim(), undefined);
}

function failed(url: string, reason: string, cause: unknown) {
  return fail("unavailable", "build.download-failed", `ADD can't download ${url}: ${reason}`, {
    hint: "try it again; or download it yourself and COPY it",
    cause,
  });
}
