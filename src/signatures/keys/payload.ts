/** What a signature is made over: simple signing, as cosign and podman write it (containers-signature(5), "JSON data"). */
export interface Claim {
  /** `registry.example/team/app:1`; cosign leaves the tag away. */
  readonly identity: string;
  /** Of the manifest or index. */
  readonly digest: string;
  readonly annotations: Readonly<Record<string, string>>;
}

export const claimType = "cosign container image signature";

export function encodeClaim({ identity, digest, annotations }: Claim): string {
  const optional = Object.keys(annotations).length === 0 ? null : annotations;
  return JSON.stringify({
    critical: {
      identity: { "docker-reference": identity },
      image: { "docker-manifest-digest": digest },
      type: claimType,
    },
    optional,
  });
}

/** What a DSSE signature is made over (github.com/secure-systems-lab/dsse, protocol.md). */
export function preAuthenticationEncoding(type: string, payload: Uint8Array): Uint8Array {
  const head = `DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

/** What the statement in a bundle says of an image that it signs, as cosign 3 writes it. */
export const signPredicate = "https://sigstore.dev/cosign/sign/v1";
