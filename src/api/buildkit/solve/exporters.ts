import { fail } from "../../../base/index.ts";
import { normalise, type Image, type Images } from "../../../images/index.ts";
import type { TypedAttributes } from "../wire/control.ts";
import type { SolveProgress } from "./progress.ts";
import type { BuiltResult } from "./result.ts";

export interface ExporterDependencies {
  readonly images: Pick<Images, "tag" | "resolve">;
}

/** What the client is told of a result that was stored somewhere. */
export type ExporterResponse = Record<string, string>;

export function exportImage(
  { images }: ExporterDependencies,
  progress: SolveProgress,
  image: Image,
  attributes: Readonly<Record<string, string>>,
): ExporterResponse {
  const vertex = progress.vertex({ name: "exporting to image" });
  vertex.status("exporting layers", { done: true });
  vertex.status(`writing image ${image.id}`, { done: true });
  const names = (attributes.name ?? "").split(",").filter(Boolean).map(normalise);
  for (const name of names) {
    images.tag(image.id, name);
    vertex.status(`naming to ${name}`, { done: true });
  }
  vertex.complete();
  return {
    "containerimage.digest": image.manifest.digest,
    "containerimage.config.digest": image.id,
    "containerimage.descriptor": Buffer.from(JSON.stringify(image.manifest)).toString("base64"),
    ...(names.length > 0 ? { "image.name": names.join(",") } : {}),
  };
}

export function exportResult(
  dependencies: ExporterDependencies,
  progress: SolveProgress,
  result: BuiltResult,
  { type = "", attrs = {} }: Partial<TypedAttributes>,
): ExporterResponse {
  if (!result.image) return {};
  switch (type) {
    case "moby":
    case "image":
      return exportImage(dependencies, progress, result.image, attrs);
    default:
      throw fail("unimplemented", "buildkit.exporter", `the exporter ${type} is not supported`);
  }
}
