import type { Digest } from "../content/index.ts";
import type { DiffId } from "../layers/index.ts";
import type { Image, ImageHistory } from "./image.ts";
import { familiar } from "./reference.ts";

/** A row of `docker history` (GET /images/{name}/history). */
export interface HistoryRow {
  /** The image's id in the first row, `<missing>` below. */
  readonly Id: Digest | "<missing>";
  /** Seconds since the epoch. */
  readonly Created: number;
  readonly CreatedBy: string;
  readonly Tags: readonly string[];
  /** Bytes of the layer that the step made. */
  readonly Size: number;
  readonly Comment: string;
}

/** The newest step first. Layers that the image's history does not tell of come on top, without a text. */
export function historyRows(image: Image, sizeOf: (diffId: DiffId) => number): HistoryRow[] {
  const layers = [...image.config.rootfs.diff_ids];
  const told = (image.config.history ?? []).map((step: ImageHistory) => {
    const layer = step.empty_layer ? undefined : layers.shift();
    return { step, size: layer === undefined ? 0 : sizeOf(layer) };
  });
  const untold = layers.map((layer) => ({ step: {} as ImageHistory, size: sizeOf(layer) }));
  const rows = [...told, ...untold].toReversed().map(({ step, size }): HistoryRow => ({
    Id: "<missing>",
    Created: seconds(step.created),
    CreatedBy: step.created_by ?? "",
    Tags: [],
    Size: size,
    Comment: shownComment(step.comment),
  }));
  if (rows.length === 0) return [];
  return [{ ...rows[0]!, Id: image.id, Tags: image.references.map(familiar) }, ...rows.slice(1)];
}

/** What a person is told of a layer's maker: of what the builder notes for its cache, what docker says of BuildKit's layers. */
export function shownComment(comment = ""): string {
  return comment.startsWith("virga.step:") ? "buildkit.dockerfile.v0" : comment;
}

function seconds(time: string | undefined): number {
  const at = time === undefined ? Number.NaN : Date.parse(time);
  return Number.isNaN(at) ? 0 : Math.floor(at / 1000);
}
