import type { Descriptor } from "../../content/index.ts";
import { describedManifest, indexOfManifests } from "../image-index.ts";
import type { PushOptions } from "../image.ts";
import { find } from "../lookup.ts";
import { familiar, formatReference, parseReference } from "../reference.ts";
import { blobsOf } from "../store.ts";
import { pushContent, referrersOf, type PushDependencies } from "./push-image.ts";
import { pushReferrers } from "./push-referrers.ts";

/** Images of several platforms under one name; the index goes last, so nobody sees half of it. */
export async function pushIndex(
  dependencies: PushDependencies,
  name: string,
  ids: readonly string[],
  { credentials, report = () => {}, pushed = () => {}, signal = new AbortController().signal }: PushOptions,
): Promise<Descriptor> {
  const { store, garbage, registries, beforePush } = dependencies;
  const reference = parseReference(name);
  const tag = reference.tag ?? "latest";
  const images = ids.map((id) => find(store, id).image);
  for (const image of images) await beforePush(image);
  await using hold = garbage.hold();
  for (const image of images) hold.protect(...blobsOf(image), ...referrersOf(store, image));
  const access = { credentials: await credentials?.(reference.domain), signal, push: true };
  const remote = await registries.open(reference, access);
  const manifests: Descriptor[] = [];
  for (const image of images) {
    const { mediaType, bytes, digest } = await pushContent(dependencies, remote, image, {
      report,
      signal,
      hold,
    });
    signal.throwIfAborted();
    await remote.pushManifest(digest, mediaType, bytes, signal);
    const manifest = { mediaType, digest, size: bytes.length };
    await pushReferrers(dependencies, remote, image.manifest.digest, manifest, signal);
    manifests.push(describedManifest(image, manifest));
  }
  const { bytes, descriptor } = indexOfManifests(manifests);
  await remote.pushManifest(tag, descriptor.mediaType, bytes, signal);
  const shown = familiar(formatReference({ ...reference, tag }));
  dependencies.events.emit("image", "push", shown, { name: shown });
  pushed({ tag, digest: descriptor.digest, size: bytes.length });
  return descriptor;
}
