export { types as signatureTypes } from "./formats.ts";
export { createAdmission } from "./policy/admission.ts";
export type { Policies, PolicyReport, PolicyTest } from "./policy/policies.ts";
export { policySource, type PolicySource } from "./policy/policy-source.ts";
export { checkSignatures, type CheckedSignature } from "./check.ts";
export { attestation, signatureArtifact } from "./formats.ts";
export type { Asked } from "./asked.ts";
export { createSignatures, type Signatures, type Target } from "./signatures.ts";
