import { isVirgaError } from "../../base/index.ts";
import type { Registries } from "../../distribution/index.ts";
import { blobsOf } from "../store.ts";
import { familiar, formatReference, repositoryOf, type Reference } from "../reference.ts";
import { SharedWork } from "../shared-work.ts";
import type { FetchedImage, FetchOptions, ImageSource } from "../source.ts";
import { fitness } from "./platforms.ts";
import { pullImage, type PullDependencies } from "./pull-image.ts";

export interface RegistrySourceDependencies extends Omit<PullDependencies, "layerWork"> {
  readonly registries: Registries;
}

/** Images from registries: the one that the reference names, by its mirrors where it has some. */
export function createRegistrySource(dependencies: RegistrySourceDependencies): ImageSource {
  const pulling: PullDependencies = { ...dependencies, layerWork: new SharedWork() };
  return {
    name: "registries",
    canProvide: () => true,
    fetch: async (reference, options) =>
      await dependencies.registries.pulling(
        reference,
        { credentials: await options.credentials?.(reference.domain), signal: options.signal },
        async (remote) => {
          if (reference.digest === undefined) {
            // Counts for nothing at Docker Hub, where reading a manifest counts as a pull.
            const { signatures } = dependencies.admission.pulling(reference);
            const current = await remote.headManifest(reference.tag!, options.signal).catch(unlessAway);
            const known =
              !signatures && current && upToDate(dependencies, reference, current.digest, options);
            if (known) return known;
          }
          return await pullImage(pulling, remote, reference, options);
        },
      ),
  };
}

/** Some registries answer GET and not HEAD; only one that does not answer at all need not be asked again. */
function unlessAway(error: unknown): undefined {
  if (isVirgaError(error) && ["permission", "not-found", "invalid"].includes(error.kind)) return undefined;
  throw error;
}

/** The image here, when the tag names it already, for the same platform. */
function upToDate(
  { store, content }: RegistrySourceDependencies,
  reference: Reference,
  digest: FetchedImage["digest"],
  { platform, report }: FetchOptions,
): FetchedImage | undefined {
  const id = store.idOf(formatReference(reference));
  const image = id === undefined ? undefined : store.get(id);
  if (!image?.digests.includes(`${repositoryOf(reference)}@${digest}`)) return undefined;
  // What was damaged and set aside comes anew.
  if (!blobsOf(image).every((one) => content.has(one))) return undefined;
  // An index may have a better one than what was got for another wish.
  if (fitness(platform, image.config) !== 0) return undefined;
  report({ task: `image ${familiar(formatReference(reference))}`, message: "Up to date", outcome: "done" });
  return { image, digest };
}
