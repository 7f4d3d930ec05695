import type { SendJson } from "./registry.ts";

/** Docker's AuthConfig by registry. */
export type WireRegistryAuth = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** The part of Virga's own API that is about signatures and the policy. */
export interface SignaturesClient {
  /** What is to be signed; an image that is here gets the manifest that it will have in registries. */
  targets(asked: WireAsked & { readonly recursive?: boolean }): Promise<readonly WireSignatureTarget[]>;
  /** Ties signatures and attestations, made by the client, to the image. */
  attach(asked: WireAsked, documents: readonly WireSigned[]): Promise<void>;
  /** The signatures of an image, checked where `wanted` says by which keys. */
  list(asked: WireAsked, wanted?: WireWanted): Promise<readonly WireSignature[]>;
  /** The attestations of an image, of one type where it is given; checked where there are keys. */
  attestations(asked: WireAsked, wanted: WireWantedAttestation): Promise<readonly WireAttestation[]>;
  policy(): Promise<WirePolicy>;
  /** Looks at a policy that is not in force. */
  checkPolicy(path: string, content: string): Promise<WirePolicy>;
  testPolicy(asked: WireAsked): Promise<WirePolicyTest>;
}

export interface WireAsked {
  readonly image: string;
  readonly where: "here" | "registry";
  readonly registryAuth?: WireRegistryAuth;
}

export interface WireSignatureTarget {
  readonly digest: string;
  readonly mediaType: string;
  readonly size: number;
  /** What a signature should name; absent for an image without a name. */
  readonly identity?: string;
}

/** Texts are base64. */
export type WireSigned =
  | { readonly digest: string; readonly payload: string; readonly signature: string }
  | { readonly digest: string; readonly envelope: string }
  | { readonly digest: string; readonly bundle: string };

export interface WireWanted {
  /** PEM. */
  readonly keys: readonly string[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly identity?: string;
}

export interface WireSignature {
  readonly digest: string;
  readonly format: "simple" | "envelope" | "bundle" | "unreadable";
  readonly identity?: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly good?: boolean;
  readonly key?: string;
  readonly reason?: string;
}

export interface WireWantedAttestation {
  /** PEM. */
  readonly keys?: readonly string[];
  readonly predicateType?: string;
}

export interface WireAttestation {
  readonly digest: string;
  readonly format: WireSignature["format"];
  readonly predicateType?: string;
  readonly predicate?: unknown;
  readonly good?: boolean;
  readonly key?: string;
  readonly reason?: string;
}

export interface WirePolicy {
  readonly path: string;
  readonly exists: boolean;
  readonly rules: readonly {
    readonly transport: string;
    readonly scope: string;
    readonly requirements: readonly string[];
  }[];
  readonly problems: readonly string[];
}

export interface WirePolicyTest {
  readonly admitted: boolean;
  readonly trials: readonly { readonly rule: string; readonly fault?: string }[];
}

export function createSignaturesClient(json: SendJson): SignaturesClient {
  return {
    targets: (asked) => json("POST", "/v1/signatures/targets", asked),
    attach: async (asked, documents) =>
      void (await json("POST", "/v1/signatures/attach", { ...asked, documents })),
    list: (asked, wanted) => json("POST", "/v1/signatures/list", { ...asked, ...(wanted ? { wanted } : {}) }),
    attestations: (asked, wanted) => json("POST", "/v1/signatures/attestations", { ...asked, wanted }),
    policy: () => json("GET", "/v1/policy"),
    checkPolicy: (path, content) => json("POST", "/v1/policy/check", { path, content }),
    testPolicy: (asked) => json("POST", "/v1/policy/test", asked),
  };
}
