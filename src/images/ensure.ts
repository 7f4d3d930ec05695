import { fail, isVirgaError, type Progress, type Report, type VirgaError } from "../base/index.ts";
import type { Platform } from "../content/index.ts";
import type { Events } from "../events/index.ts";
import type { Admission } from "./admission.ts";
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
import { platformText } from "./pull/platforms.ts";
import { SharedWork } from "./shared-work.ts";
import type { FetchedImage, FetchOptions, ImageSource } from "./source.ts";
import type { ImageStore } from "./store.ts";

export interface EnsureDependencies {
  readonly store: ImageStore;
  readonly events: Events;
  /** Asked first. */
  readonly registry: ImageSource | undefined;
  /** Asked in this order when the registry is out of reach. */
  readonly sources: readonly ImageSource[];
  readonly importRootfs: FetchOptions["importRootfs"];
  readonly admission: Admission;
}

type Pulled = FetchedImage & { readonly isNew: boolean };

/** `Images.ensure` and `pull`: callers that want the same image at the same time share one fetch. */
export function createPulls(dependencies: EnsureDependencies): Pick<Images, "ensure" | "pull"> {
  const { store } = dependencies;
  const fetches = new SharedWork<Pulled, Progress>();
  const pull: Images["pull"] = async (name, options = {}) => {
    const { platform: wanted, credentials, report = () => {}, signal } = options;
    signal?.throwIfAborted();
    const platform = wanted === undefined ? hostPlatform() : parsePlatform(wanted);
    const reference = withDefaultTag(parseReference(name));
    const request = { reference, platform, demanded: wanted !== undefined, credentials };
    const account = Bun.hash(JSON.stringify((await credentials?.(reference.domain)) ?? null));
    const key = `${formatReference(reference)} ${platformText(platform)} ${wanted !== undefined} ${account}`;
    return await fetches.join(key, report, signal, (shared) => fetchFirst(dependencies, request, shared));
  };
  const ensure: Images["ensure"] = async (name, { policy = "missing", ...options } = {}) => {
    options.signal?.throwIfAborted();
    const wanted = options.platform === undefined ? undefined : parsePlatform(options.platform);
    const local = policy === "always" ? undefined : findLocal(store, name);
    if (local && (wanted === undefined || samePlatform(local, wanted))) return admitted(dependencies, name);
    if (policy === "never") throw noSuchImage(name, tryReference(name));
    return (await pull(name, options)).image;
  };
  return { ensure, pull };
}

interface Request extends Pick<FetchOptions, "platform" | "demanded" | "credentials"> {
  readonly reference: Reference;
}

/** Asks one source after the other, as long as they are out of reach. */
async function fetchFirst(
  dependencies: EnsureDependencies,
  request: Request,
  shared: { readonly report: Report; readonly signal: AbortSignal },
): Promise<Pulled> {
  const { store, events, registry, sources, importRootfs } = dependencies;
  const { reference, ...options } = request;
  const shown = familiar(formatReference(reference));
  const text = formatReference(reference);
  const { signatures } = dependencies.admission.pulling(reference);
  const before = reference.digest === undefined ? [store.idOf(text)] : store.idsOfDigest(text);
  let away: VirgaError | undefined;
  try {
    // What is made from packages has no signatures.
    for (const source of [...(registry ? [registry] : []), ...(signatures ? [] : sources)]) {
      if (!source.canProvide(reference, options.platform)) continue;
      try {
        const instead = away === undefined ? {} : { instead: away.message };
        const fetched = await source.fetch(reference, { ...options, ...shared, ...instead, importRootfs });
        const attributes = { ...fetched.image.config.config?.Labels, name: familiarRepository(reference) };
        events.emit("image", "pull", shown, attributes);
        return { ...fetched, isNew: !before.includes(fetched.image.id) };
      } catch (error) {
        if (!isAway(error)) throw error;
        away = error;
      }
    }
    throw noSource(request, away);
  } catch (error) {
    shared.report({ task: `image ${shown}`, message: `${shown} could not be got`, outcome: "failed" });
    throw error;
  }
}

function isAway(error: unknown): error is VirgaError {
  return isVirgaError(error) && ["registry.unreachable", "registry.timeout"].includes(error.code);
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

/** `Images.admitted`. */
export function admitted(
  { store, admission }: Pick<EnsureDependencies, "store" | "admission">,
  name: string,
): Image {
  const found = find(store, name);
  const reference =
    found.by === "reference" ? formatReference(withDefaultTag(parseReference(name))) : undefined;
  admission.using(found.image, store.originsOf(found.image.id), reference);
  return found.image;
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

function noSource({ reference, platform, demanded }: Request, away: VirgaError | undefined): Error {
  const shown = familiar(formatReference(reference));
  const how = demanded ? ` for ${platformText(platform)}` : "";
  const why = away?.message ?? "no registry is configured";
  return fail("unavailable", "image.no-registry", `No such image: ${shown}${how}, and ${why}`, {
    hint:
      "bring it from a machine that has it (virga save there, virga load here), import a root filesystem " +
      "(virga import), or build it FROM debian or ubuntu, which Virga makes from their package mirrors",
    ...(away ? { cause: away } : {}),
  });
}
