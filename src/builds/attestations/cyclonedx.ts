import { version } from "../../base/index.ts";
import type { Image } from "../../images/index.ts";
import type { ImageInventory, Package } from "../../inventory/index.ts";
import { purlOf } from "./purl.ts";
import { timeOf } from "./spdx.ts";

/** The packages of an image as CycloneDX 1.6. The same image gives the same document. */
export function cyclonedxOf(image: Pick<Image, "id" | "config">, inventory: ImageInventory): object {
  const { distribution, packages, findings } = inventory;
  const problems = findings.flatMap(({ path, problem }) => (problem ? [{ path, problem }] : []));
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${uuidOf(image.id)}`,
    version: 1,
    metadata: {
      timestamp: timeOf(image),
      tools: { components: [{ type: "application", name: "virga", version }] },
      component: { type: "container", "bom-ref": image.id, name: image.id, version: image.id },
      ...(problems.length === 0
        ? {}
        : {
            properties: problems.map(({ path, problem }) => ({
              name: `virga:not-read:${path}`,
              value: problem,
            })),
          }),
    },
    components: [
      ...(distribution
        ? [
            {
              type: "operating-system",
              "bom-ref": `os:${distribution.id}`,
              name: distribution.id,
              ...(distribution.version === undefined ? {} : { version: distribution.version }),
            },
          ]
        : []),
      ...packages.map((one) => component(one, inventory)),
    ],
  };
}

function component(one: Package, { distribution }: ImageInventory) {
  const purl = purlOf(one, distribution);
  return {
    type: "library",
    "bom-ref": purl,
    name: one.name,
    version: one.version,
    ...(one.license === undefined ? {} : { licenses: [{ license: { name: one.license } }] }),
    purl,
  };
}

/** A UUID (RFC 9562, version 8) made of the image's digest. */
function uuidOf(digest: string): string {
  const hex = digest.slice(digest.indexOf(":") + 1).toLowerCase();
  const variant = ((Number.parseInt(hex[16]!, 16) & 3) | 8).toString(16);
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
  ];
  return [...parts, hex.slice(20, 32)].join("-");
}
