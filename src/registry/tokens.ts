import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { errnoOf, type Clock } from "../base/index.ts";
import type { Action } from "./users.ts";

/** What a token gives access to, as in the distribution project's token specification. */
export interface Access {
  readonly name: string;
  readonly actions: readonly Action[];
}

export interface TokenClaims {
  readonly user: string;
  readonly access: readonly Access[];
}

export interface Tokens {
  /** Good for `lifeSeconds`. */
  issue(claims: TokenClaims): string;
  /** Undefined for one that is malformed, forged or too old. */
  read(token: string): TokenClaims | undefined;
  readonly lifeSeconds: number;
}

const lifeSeconds = 300;
const header = encode({ alg: "HS256", typ: "JWT" });

/** Signs tokens (RFC 7519, HS256) with a key of its own: nobody but this registry has to read them. */
export function createTokens(directory: string, clock: Clock): Tokens {
  const key = readKey(directory);
  const sign = (text: string) => createHmac("sha256", key).update(text).digest();
  const now = () => Math.floor(clock.now().getTime() / 1000);
  return {
    lifeSeconds,
    issue({ user, access }) {
      const claims = { sub: user, access, iat: now(), exp: now() + lifeSeconds, jti: crypto.randomUUID() };
      const text = `${header}.${encode(claims)}`;
      return `${text}.${sign(text).toString("base64url")}`;
    },
    read(token) {
      const [head, body, signature, ...rest] = token.split(".");
      if (head !== header || !body || !signature || rest.length > 0) return undefined;
      const given = Buffer.from(signature, "base64url");
      const right = sign(`${head}.${body}`);
      if (given.length !== right.length || !timingSafeEqual(given, right)) return undefined;
      const { sub, access, exp } = JSON.parse(Buffer.from(body, "base64url").toString()) as {
        sub: string;
        access: Access[];
        exp: number;
      };
      return exp > now() ? { user: sub, access } : undefined;
    },
  };
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/** Made at the first start; tokens outlive a restart. */
function readKey(directory: string): Buffer {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, "token.key");
  try {
    const key = readFileSync(path);
    if (key.length === 32) return key;
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
  const key = randomBytes(32);
  const file = openSync(path, "w", 0o600);
  writeSync(file, key);
  fsyncSync(file);
  closeSync(file);
  return key;
}
