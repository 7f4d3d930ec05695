import { isVirgaError } from "../base/index.ts";
import type { WireAsked } from "../api/client/index.ts";
import type { Invocation, Option } from "./command.ts";
import { allCredentials } from "./credentials.ts";

export const registryOption = {
  registry: { type: "boolean", help: "the image in its registry, whether it is here or not" },
} as const satisfies Record<string, Option>;

/** The image that a command is about: here, or with `--registry` in its registry. */
export async function askedImage(invocation: Invocation, image: string): Promise<WireAsked> {
  if (!invocation.flag("registry")) return { image, where: "here" };
  return { image, where: "registry", registryAuth: await allCredentials() };
}

/** For who only looks: an image that is not here is looked at in its registry. */
export async function hereOrThere<T>(
  invocation: Invocation,
  image: string,
  look: (asked: WireAsked) => Promise<T>,
): Promise<{ readonly where: WireAsked["where"]; readonly result: T }> {
  const asked = await askedImage(invocation, image);
  try {
    return { where: asked.where, result: await look(asked) };
  } catch (error) {
    const isElsewhere = isVirgaError(error) && error.code === "image.not-found";
    if (asked.where === "registry" || !isElsewhere) throw error;
    const there = { image, where: "registry", registryAuth: await allCredentials() } as const;
    return { where: "registry", result: await look(there) };
  }
}
