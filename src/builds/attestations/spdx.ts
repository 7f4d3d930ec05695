import { version } from "../../base/index.ts";
import type { Image } from "../../images/index.ts";
import type { ImageInventory, Package } from "../../inventory/index.ts";
import { purlOf } from "./purl.ts";

export const spdxType = "application/spdx+json";

const unknown = {
  downloadLocation: "NOASSERTION",
  filesAnalyzed: false,
  copyrightText: "NOASSERTION",
} as const;

/** The packages of an image as SPDX 2.3. The same image gives the same document. */
export function spdxOf(image: Pick<Image, "id" | "config">, inventory: ImageInventory): object {
  const licenses = new Map<string, object>();
  const root = "SPDXRef-Image";
  const packages = inventory.packages.map((one) => spdxPackage(one, inventory, licenses));
  const problems = inventory.findings.flatMap(({ path, problem }) =>
    problem ? [`${path}: ${problem}`] : [],
  );
  const { architecture, os } = image.config;
  return {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: image.id,
    documentNamespace: `urn:virga:sbom:${image.id}`,
    creationInfo: { created: timeOf(image), creators: [`Tool: virga-${version}`] },
    ...(problems.length === 0 ? {} : { comment: `Not read:\n${problems.join("\n")}` }),
    documentDescribes: [root],
    packages: [
      {
        SPDXID: root,
        name: image.id,
        versionInfo: image.id,
        ...unknown,
        licenseConcluded: "NOASSERTION",
        licenseDeclared: "NOASSERTION",
        primaryPackagePurpose: "CONTAINER",
        description: `${inventory.distribution?.name ?? "an image"} for ${os}/${architecture}`,
      },
      ...packages,
    ],
    ...(licenses.size === 0 ? {} : { hasExtractedLicensingInfos: [...licenses.values()] }),
    relationships: [
      relation("SPDXRef-DOCUMENT", "DESCRIBES", root),
      ...packages.map((one) => relation(root, "CONTAINS", one.SPDXID)),
    ],
  };
}

function spdxPackage(one: Package, inventory: ImageInventory, licenses: Map<string, object>) {
  const purl = purlOf(one, inventory.distribution);
  return {
    SPDXID: `SPDXRef-${one.type}-${idOf(one.name)}-${shortHash(purl)}`,
    name: one.name,
    versionInfo: one.version,
    ...unknown,
    supplier: "NOASSERTION",
    licenseConcluded: "NOASSERTION",
    licenseDeclared: one.license === undefined ? "NOASSERTION" : licenseOf(one.license, licenses),
    ...(one.source === undefined ? {} : { sourceInfo: `built from the source package ${one.source}` }),
    externalRefs: [{ referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: purl }],
  };
}

/** What a package declares need not be an SPDX expression, so it is quoted. */
function licenseOf(text: string, licenses: Map<string, object>): string {
  const licenseId = `LicenseRef-${shortHash(text)}`;
  licenses.set(text, { licenseId, extractedText: text, name: text });
  return licenseId;
}

function relation(from: string, relationshipType: string, to: string) {
  return { spdxElementId: from, relationshipType, relatedSpdxElement: to };
}

/** SPDX has whole seconds. */
export function timeOf({ config }: Pick<Image, "config">): string {
  const time = Date.parse(config.created ?? "");
  return `${new Date(Number.isNaN(time) ? 0 : time).toISOString().slice(0, 19)}Z`;
}

function idOf(name: string): string {
  return name.replace(/[^A-Za-z0-9.-]+/g, "-");
}

function shortHash(text: string): string {
  return new Bun.CryptoHasher("sha256").update(text).digest("hex").slice(0, 12);
}
