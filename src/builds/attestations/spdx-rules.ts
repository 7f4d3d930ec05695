import { z } from "zod";

/**
 * What SPDX 2.3 wants of a JSON document (chapters 6 to 11, and the fields that its schema requires), as far as Virga
 * writes such fields. For tests.
 */
const id = z.string().regex(/^SPDXRef-[a-zA-Z0-9.-]+$/);
const license = z.union([z.enum(["NOASSERTION", "NONE"]), z.string().regex(/^LicenseRef-[a-zA-Z0-9.-]+$/)]);

const document = z.strictObject({
  spdxVersion: z.literal("SPDX-2.3"),
  dataLicense: z.literal("CC0-1.0"),
  SPDXID: z.literal("SPDXRef-DOCUMENT"),
  name: z.string().min(1),
  // An absolute URI without a fragment.
  documentNamespace: z.string().regex(/^[a-z][a-z0-9+.-]*:[^#]+$/),
  creationInfo: z.strictObject({
    created: z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    creators: z.array(z.string().regex(/^(Person|Organization|Tool): .+/)).min(1),
  }),
  comment: z.string().optional(),
  documentDescribes: z.array(id),
  packages: z.array(
    z.strictObject({
      SPDXID: id,
      name: z.string().min(1),
      versionInfo: z.string(),
      downloadLocation: z.literal("NOASSERTION"),
      filesAnalyzed: z.literal(false),
      copyrightText: z.string(),
      licenseConcluded: license,
      licenseDeclared: license,
      supplier: z.literal("NOASSERTION").optional(),
      primaryPackagePurpose: z.literal("CONTAINER").optional(),
      description: z.string().optional(),
      sourceInfo: z.string().optional(),
      externalRefs: z
        .array(
          z.strictObject({
            referenceCategory: z.literal("PACKAGE-MANAGER"),
            referenceType: z.literal("purl"),
            referenceLocator: z.string().regex(/^pkg:[a-z]+\/\S+$/),
          }),
        )
        .optional(),
    }),
  ),
  hasExtractedLicensingInfos: z
    .array(
      z.strictObject({
        licenseId: z.string().startsWith("LicenseRef-"),
        extractedText: z.string(),
        name: z.string(),
      }),
    )
    .optional(),
  relationships: z.array(
    z.strictObject({
      spdxElementId: id,
      relationshipType: z.enum(["DESCRIBES", "CONTAINS"]),
      relatedSpdxElement: id,
    }),
  ),
});

export function spdxProblems(value: unknown): string[] {
  const result = document.safeParse(value);
  if (!result.success) return result.error.issues.map((one) => `${one.path.join(".")}: ${one.message}`);
  const { packages, relationships, hasExtractedLicensingInfos = [] } = result.data;
  const ids = ["SPDXRef-DOCUMENT", ...packages.map((one) => one.SPDXID)];
  const licenses = new Set(hasExtractedLicensingInfos.map((one) => one.licenseId));
  const named = relationships.flatMap((one) => [one.spdxElementId, one.relatedSpdxElement]);
  const declared = packages.flatMap((one) => [one.licenseDeclared, one.licenseConcluded]);
  return [
    ...ids.filter((one, at) => ids.indexOf(one) !== at).map((one) => `${one} stands twice`),
    ...named.filter((one) => !ids.includes(one)).map((one) => `${one} is nothing`),
    ...declared
      .filter((one) => one.startsWith("LicenseRef-") && !licenses.has(one))
      .map((one) => `${one} has no text`),
  ];
}
