export { types as signatureTypes } from "./formats.ts";
export { createAdmission } from "./policy/admission.ts";
export type { Policies, PolicyReport, PolicyTest } from "./policy/policies.ts";
export { policySource, type PolicySource } from "./policy/policy-source.ts";
export {
  checkAttestations,
  checkSignatures,
  type CheckedAttestation,
  type CheckedSignature,
} from "./check.ts";
export { signatureArtifact } from "./formats.ts";
export { bundleOf, envelopeOf } from "./statement.ts";
export { attestationKind, signatureKind } from "./kind.ts";
export type { Asked } from "./asked.ts";
export { createSignatures, type Signatures, type Target } from "./signatures.ts";
