import type { Build } from "./build-keys.ts";
import type { FileSource, NetworkDefinition, VolumeDefinition } from "./project-keys.ts";
import type { Service } from "./service-keys.ts";
import type { Node } from "./tree.ts";

/** A stack as its files describe it: merged, interpolated and checked. Nothing of it has been made yet. */
export interface StackModel {
  readonly name: string;
  /** Absolute. */
  readonly directory: string;
  /** Absolute paths of the files, in the order in which they were merged. */
  readonly files: readonly string[];
  /** All of them, those of inactive profiles included. */
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, NetworkDefinition>>;
  readonly volumes: Readonly<Record<string, VolumeDefinition>>;
  readonly secrets: Readonly<Record<string, FileSource>>;
  readonly configs: Readonly<Record<string, FileSource>>;
  readonly profiles: readonly string[];
  readonly variable: (name: string) => string | undefined;
  readonly warnings: readonly string[];
  /** For problems that show only later, such as a dependency on a service of an inactive profile. */
  readonly tree: Node;
}

export type { Build, FileSource, NetworkDefinition, Service, VolumeDefinition };

export function isExternal(definition: {
  readonly external?: boolean | { readonly name?: string };
}): boolean {
  return definition.external !== undefined && definition.external !== false;
}

/** The name of a network or volume on this machine. */
export function actualName(
  project: string,
  key: string,
  definition: { readonly name?: string; readonly external?: boolean | { readonly name?: string } },
): string {
  if (definition.name !== undefined) return definition.name;
  if (!isExternal(definition)) return `${project}_${key}`;
  return (typeof definition.external === "object" ? definition.external.name : undefined) ?? key;
}

export function replicasOf(service: Service): number {
  return service.deploy?.replicas ?? service.scale ?? 1;
}
