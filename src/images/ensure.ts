import { fail, isVirgaError, type Progress, type Report } from "../base/index.ts";
import type { Platform } from "../content/index.ts";
import type { Events } from "../events/index.ts";
import { hostPlatform } from "./formats.ts";
import type { Image, Images } from "./image.ts";
import { find, noSuchImage } from "./lookup.ts";
import {
  familiar,
  familiarRepository,
  formatReference,
  parseReference,
  withDefaultTag,
  type Reference,
} from "./reference.ts";
import { SharedWork } from "./shared-work.ts";
import type { FetchOptions, ImageSource } from "./source.ts";
import type { ImageStore } from "./store.ts";

export interface EnsureDependencies {
  readonly store: ImageStore;
  readonly events: Events;
  /** Asked in this order. */
  readonly sources: readonly ImageSource[];
  readonly importRootfs: FetchOptions["importRootfs"];
}

/** `Images.ensure`: callers that want the same image at the same time share one fetch. */
export function createEnsure(dependencies: EnsureDependencies): Images["ensure"] {
  const { store } = dependencies;
  const fetches = new SharedWork<Image, Progress>();
  return async (name, { policy = "missing", platform: wanted, report = () => {}, signal } = {}) => {
    signal?.throwIfAborted();
    const platform = wanted === undefined ? hostPlatform() : parsePlatform(wanted);
    const local = policy === "always" ? undefined : findLocal(store, name);
    if (local && (wanted === undefined || samePlatform(local, platform))) return local;
    if (policy === "never") throw noSuchImage(name, tryReference(name));
    const reference = withDefaultTag(parseReference(name));
    const source = dependencies.sources.find((one) => one.canProvide(reference, platform));
    if (!source) throw noSource(reference, platform, wanted);
    const key = `${formatReference(reference)} ${platform.os}/${platform.architecture}/${platform.variant ?? ""}`;
    return await fetches.join(key, report, signal, (shared) =>
      fetchFrom(dependencies, source, reference, platform, shared),
    );
  };
}

async function fetchFrom(
  { events, importRootfs }: EnsureDependencies,
  source: ImageSource,
  reference: Reference,
  platform: Platform,
  { report, signal }: { readonly report: Report; readonly signal: AbortSignal },
): Promise<Image> {
  const shown = familiar(formatReference(reference));
  try {
    const image = await source.fetch(reference, { platform, report, signal, importRootfs });
    const attributes = { ...image.config.config?.Labels, name: familiarRepository(reference) };
    events.emit("image", "pull", shown, attributes);
    return image;
  } catch (error) {
    report({ task: `image ${shown}`, message: `${shown} could not be got`, outcome: "failed" });
    throw error;
  }
}

/** `linux/arm64/v8`, or an architecture alone. Throws `invalid` / `platform.invalid`. */
export function parsePlatform(text: string): Platform {
  const parts = text.toLowerCase().split("/");
  const [os, architecture, variant] = parts.length === 1 ? ["linux", ...parts] : parts;
  if (parts.length > 3 || !parts.every((part) => /^[a-z0-9_.-]+$/.test(part))) {
    throw fail("invalid", "platform.invalid", `invalid platform: '${text}'`, {
      hint: "write it like linux/amd64",
    });
  }
  const names: Record<string, string> = { x86_64: "amd64", aarch64: "arm64", armhf: "arm", i386: "386" };
  return {
    os: os ?? "linux",
    architecture: names[architecture!] ?? architecture!,
    ...(variant === undefined ? {} : { variant }),
  };
}

function samePlatform({ config }: Image, { os, architecture, variant }: Platform): boolean {
  // arm64 has one variant, v8; images name it or not.
  const same = variant === undefined || config.variant === undefined || config.variant === variant;
  return config.os === os && config.architecture === architecture && same;
}

function findLocal(store: ImageStore, name: string): Image | undefined {
  try {
    return find(store, name).image;
  } catch (error) {
    if (isVirgaError(error, "not-found")) return undefined;
    throw error;
  }
}

function tryReference(name: string): Reference | undefined {
  try {
    return parseReference(name);
  } catch {
    return undefined;
  }
}

function noSource(reference: Reference, platform: Platform, wanted: string | undefined): Error {
  const shown = familiar(formatReference(reference));
  const how = wanted === undefined ? "" : ` for ${platform.os}/${platform.architecture}`;
  return fail(
    "unavailable",
    "image.no-registry",
    `No such image: ${shown}${how}, and Virga does not pull from registries yet`,
    {
      hint:
        "bring it from a machine that has it (docker save there, docker load here), import a root filesystem " +
        "(docker import), or build it FROM debian or ubuntu, which Virga makes from their package mirrors",
    },
  );
}
