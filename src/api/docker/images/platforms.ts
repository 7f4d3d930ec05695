import { fail, isVirgaError } from "../../../base/index.ts";
import { familiar, type Image } from "../../../images/index.ts";
import type { ImagesBackend } from "./backend.ts";
import type { ApiContext } from "../http/context.ts";
import {
  architecture,
  checkPlatform,
  decodePlatform,
  platformText,
  suits,
  type Platform,
} from "../platform.ts";
import { holds, type Quirk } from "../quirks.ts";

export function platformOf({ config }: Image): Platform {
  const { os, architecture: arch, variant } = config;
  return { os: os || "linux", architecture: arch || architecture, ...(variant ? { variant } : {}) };
}

/**
 * The platform that the parameter `name` asks for; undefined when it is absent or the client's version has none.
 * Throws `invalid` for what is no platform, and for two.
 */
export function platformParameter(c: ApiContext, since: Quirk, name = "platform"): Platform | undefined {
  if (!holds(since, c.get("version"))) return undefined;
  const [text, ...others] = (c.req.queries(name) ?? []).filter((one) => one !== "");
  if (others.length > 0) {
    throw fail("invalid", "api.platform", `multiple ${name} parameters not supported`);
  }
  return text === undefined ? undefined : decodePlatform(text);
}

/** Throws `not-found` with Docker's words when the image is of another platform. */
export function requireVariant(image: Image, name: string, wanted: Platform | undefined): void {
  const has = platformOf(image);
  if (wanted === undefined || suits(has, wanted)) return;
  const shown =
    image.references.map(familiar).find((one) => one === name || one === `${name}:latest`) ?? name;
  throw fail(
    "not-found",
    "image.platform",
    `image with reference ${shown} was found but its platform (${platformText(has)}) does not match the specified platform (${platformText(wanted)})`,
  );
}

/**
 * What to tell whoever makes a container of an image of another platform. Throws `not-found`, as `requireVariant`,
 * when the request names a platform that the image is not of; a missing image is left to the creation.
 */
export function platformWarnings(
  { images }: { readonly images: Pick<ImagesBackend["images"], "resolve"> },
  name: string,
  asked: string | undefined,
): string[] {
  const wanted = asked === undefined ? undefined : parsePlatform(asked);
  let image: Image;
  try {
    image = images.resolve(name);
  } catch (error) {
    if (isVirgaError(error, "not-found")) return [];
    throw error;
  }
  requireVariant(image, name, wanted);
  const has = platformOf(image);
  const host = { os: "linux", architecture };
  if (wanted !== undefined || suits(has, host)) return [];
  return [
    `The requested image's platform (${platformText(has)}) does not match the detected host platform (${platformText(host)}) and no specific platform was requested`,
  ];
}

/** `linux/arm64/v8`, or an architecture alone. */
function parsePlatform(text: string): Platform {
  checkPlatform(text);
  const [first = "", second, variant] = text.split("/");
  if (second === undefined) return { os: "linux", architecture: first };
  return { os: first, architecture: second, ...(variant ? { variant } : {}) };
}
