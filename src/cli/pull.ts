import type { DockerClient } from "../api/client/docker/index.ts";
import { registryAuth } from "./credentials.ts";
import { showProgress } from "./image-progress.ts";

export interface PullOptions {
  readonly platform?: string | undefined;
  readonly quiet?: boolean;
  readonly allTags?: boolean;
}

/** Gets an image, with progress on stderr; returns what the daemon said in the end (`Status: …`). */
export async function pullImage(
  docker: DockerClient,
  image: string,
  options: PullOptions = {},
): Promise<readonly string[]> {
  const { name, tag } = splitTag(image);
  const response = await docker.transport.request("POST", "/images/create", {
    query: {
      fromImage: name,
      tag: options.allTags === true ? undefined : (tag ?? "latest"),
      platform: options.platform,
    },
    headers: await registryAuth(image),
  });
  const lines = await showProgress(response, options.quiet === true ? { quiet: true } : {});
  return lines.flatMap((line) => line.status ?? []);
}

/** `debian:12` is `debian` and `12`; a digest counts as the tag; a port of a registry does not. */
export function splitTag(image: string): { readonly name: string; readonly tag?: string } {
  const at = image.indexOf("@");
  if (at > 0) return { name: image.slice(0, at), tag: image.slice(at + 1) };
  const colon = image.lastIndexOf(":");
  if (colon <= image.lastIndexOf("/")) return { name: image };
  return { name: image.slice(0, colon), tag: image.slice(colon + 1) };
}
