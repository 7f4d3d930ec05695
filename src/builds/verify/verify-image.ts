import { isVirgaError } from "../../base/index.ts";
import type { Builds } from "../build.ts";
import type { BuildsDependencies } from "../build-run.ts";
import type { Verification } from "./verification.ts";
import { compareImages, requestOf } from "./verify.ts";

/** `Builds.verify`. What it builds is removed again, unless it is the image itself or was here before. */
export async function verifyImage(
  { images, layers }: Pick<BuildsDependencies, "images" | "layers">,
  builds: Pick<Builds, "attestations" | "build">,
  name: string,
  source: Parameters<Builds["verify"]>[1],
  options: Parameters<Builds["verify"]>[2],
): Promise<Verification> {
  const image = images.resolve(name);
  const before = new Set(images.list().map((one) => one.id));
  const request = { ...requestOf(await builds.attestations.provenance(name, options)), ...source };
  const { imageId } = await builds.build(request, options);
  if (imageId === image.id) return { identical: true, imageId };
  await using undo = new AsyncDisposableStack();
  if (!before.has(imageId)) {
    undo.defer(async () => {
      try {
        await images.remove(imageId);
      } catch (error) {
        // Somebody has begun to use it meanwhile.
        if (!isVirgaError(error)) throw error;
      }
    });
  }
  const difference = await compareImages(layers, image, images.resolve(imageId), options.signal);
  return { identical: false, imageId: image.id, builtId: imageId, difference: difference! };
}
