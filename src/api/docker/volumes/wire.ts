import { z } from "zod";
import type { Volume, VolumeSpec } from "../../../volumes/index.ts";
import { defined, filled } from "../http/defined.ts";
import { checkFields, noEffect, refused, supported, type FieldTable } from "../http/fields.ts";

const textMap = z.record(z.string(), z.string()).nullish();

export const volumeFields: FieldTable = {
  Name: supported,
  Driver: supported,
  DriverOpts: supported,
  Labels: supported,
  Mountpoint: noEffect("the driver chooses it; dockerode's own example says it"),
  ClusterVolumeSpec: refused,
};

export const createVolumeBody = z.looseObject({
  Name: z.string().nullish(),
  Driver: z.string().nullish(),
  DriverOpts: textMap,
  Labels: textMap,
  ClusterVolumeSpec: z.looseObject({}).nullish(),
});

/** Throws `invalid`, `unimplemented` by field. */
export function decodeVolume(body: z.infer<typeof createVolumeBody>): VolumeSpec {
  checkFields(body, volumeFields, "");
  return defined({
    name: filled(body.Name),
    driver: filled(body.Driver),
    options: filled(body.DriverOpts),
    labels: filled(body.Labels),
  });
}

/** Docker marks unnamed volumes by this label; clients (and `docker volume prune`) look for it. */
const anonymousLabel = "com.docker.volume.anonymous";

export function encodeVolume(volume: Volume) {
  const labels = { ...volume.labels, ...(volume.anonymous ? { [anonymousLabel]: "" } : {}) };
  return {
    CreatedAt: `${volume.createdAt.toISOString().slice(0, 19)}Z`,
    Driver: volume.driver,
    Labels: filled(labels) ?? null,
    Mountpoint: volume.path,
    Name: volume.name,
    Options: filled(volume.options) ?? null,
    Scope: "local",
  };
}
