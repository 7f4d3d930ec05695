import { version } from "../../base/index.ts";
import type { Digest } from "../../content/index.ts";
import type { ContextCommit } from "../remote/context-commit.ts";
import type { Material } from "./materials.ts";
import { imagePurl } from "./purl.ts";

export const inTotoType = "application/vnd.in-toto+json";
export const provenanceType = "https://slsa.dev/provenance/v1";

/** Names of what a build is, for readers of provenance; documented in docs/builds.md. */
export const buildType = "urn:virga:build:dockerfile:v1";
export const builderId = "urn:virga:builder";

/** How an image was built: enough to build it again with the same context. */
export interface BuildRecord {
  readonly dockerfile: { readonly path: string; readonly digest: Digest };
  readonly target?: string;
  readonly platform?: string;
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly networkMode?: string;
  /** Seconds; when given. */
  readonly sourceDateEpoch?: number;
  /** Seconds: of the image and its history, where it is not the stage's. */
  readonly created?: number;
  readonly materials: readonly Material[];
  /** Where the context came from, when a repository of this machine says it. */
  readonly context?: ContextCommit;
  readonly locked: boolean;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly mode: "min" | "max";
  readonly builderId?: string;
}

/** An in-toto statement (v1) with SLSA provenance (v1). `min` leaves out what may be secret: the values of arguments. */
export function provenanceOf(
  subject: { readonly name: string; readonly digest: Digest },
  record: BuildRecord,
): object {
  const { dockerfile, target, platform, buildArgs, labels, networkMode, mode } = record;
  const [algorithm, hex] = partsOf(dockerfile.digest);
  const all = mode === "max";
  return {
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ name: subject.name, digest: digestSet(subject.digest) }],
    predicateType: provenanceType,
    predicate: {
      buildDefinition: {
        buildType,
        externalParameters: {
          dockerfile: { path: dockerfile.path, digest: { [algorithm]: hex } },
          ...(target === undefined ? {} : { target }),
          ...(platform === undefined ? {} : { platform }),
          ...(all && buildArgs !== undefined ? { buildArgs } : {}),
          ...(all && labels !== undefined ? { labels } : {}),
          ...(networkMode === undefined ? {} : { networkMode }),
        },
        internalParameters: {
          ...(record.sourceDateEpoch === undefined ? {} : { sourceDateEpoch: record.sourceDateEpoch }),
          ...(record.created === undefined ? {} : { created: record.created }),
          locked: record.locked,
          complete: all || (buildArgs === undefined && labels === undefined),
        },
        resolvedDependencies: [
          ...(record.context === undefined ? [] : [contextDependency(record.context)]),
          ...record.materials.map(dependency),
        ],
      },
      runDetails: {
        builder: { id: record.builderId ?? builderId, version: { virga: version } },
        metadata: { startedOn: record.startedAt, finishedOn: record.finishedAt },
      },
    },
  };
}

/** The name by which the context stands among the dependencies. */
export const contextName = "context";

function contextDependency({ commit, modified, origin, path }: ContextCommit): object {
  const annotations = {
    ...(modified === undefined ? {} : { modified: modified ? "yes" : "no" }),
    ...(path === "" ? {} : { path }),
  };
  return {
    name: contextName,
    ...(origin === undefined ? {} : { uri: `git+${origin}` }),
    digest: { gitCommit: commit },
    annotations,
  };
}

function dependency(material: Material): object {
  if (material.kind === "image") {
    const { reference, platform, digest } = material;
    const annotations = { image: material.image, reference, platform };
    return { uri: imagePurl(reference, platform), digest: digestSet(digest), annotations };
  }
  if (material.kind === "git") {
    return { uri: `git+${material.url}`, digest: { gitCommit: material.commit } };
  }
  return { uri: material.url, digest: digestSet(material.checksum) };
}

function digestSet(digest: Digest): Record<string, string> {
  const [algorithm, hex] = partsOf(digest);
  return { [algorithm]: hex };
}

function partsOf(digest: Digest): [string, string] {
  const colon = digest.indexOf(":");
  return [digest.slice(0, colon), digest.slice(colon + 1)];
}
