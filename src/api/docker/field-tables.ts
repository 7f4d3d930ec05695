import {
  bindOptionFields,
  configFields,
  endpointFields,
  hostConfigFields,
  mountFields,
  updateFields,
  volumeOptionFields,
} from "./containers/create/fields.ts";
import { execCreateFields, execStartFields } from "./exec/wire.ts";
import type { FieldTable } from "./http/fields.ts";
import { networkFields } from "./networks/wire.ts";
import { volumeFields } from "./volumes/wire.ts";

/** What becomes of each field of each request body, by where the field stands; the documentation is made of it. */
export const fieldTables: Readonly<Record<string, FieldTable>> = {
  "POST /containers/create": configFields,
  "POST /containers/create HostConfig": hostConfigFields,
  "POST /containers/create HostConfig.Mounts": mountFields,
  "POST /containers/create HostConfig.Mounts.BindOptions": bindOptionFields,
  "POST /containers/create HostConfig.Mounts.VolumeOptions": volumeOptionFields,
  "POST /containers/create NetworkingConfig.EndpointsConfig": endpointFields,
  "POST /containers/{id}/update": updateFields,
  "POST /containers/{id}/exec": execCreateFields,
  "POST /exec/{id}/start": execStartFields,
  "POST /networks/create": networkFields,
  "POST /volumes/create": volumeFields,
};
