export { claimType, encodeClaim, preAuthenticationEncoding, signPredicate, type Claim } from "./payload.ts";
export {
  generateKeyPair,
  importKeyPair,
  isSealed,
  openPrivateKey,
  publicHalf,
  type KeyPair,
} from "./private-key.ts";
export { readPublicKey, signWith, type PublicKey } from "./public-key.ts";
