import { describe, expect, test } from "bun:test";
import { isVirgaError } from "../base/index.ts";
import type { Credentials } from "./credentials.ts";
import { fakeRegistry, pausingClock, testRegistries, type FakeRegistry, type Seen } from "./testing.ts";

const { signal } = new AbortController();
const me: Credentials = { kind: "password", username: "me", password: "secret" };
const basic = `Basic ${Buffer.from("me:secret").toString("base64")}`;
const manifest = { schemaVersion: 2, config: {}, layers: [] };

async function failureOf(
  work: Promise<unknown>,
): Promise<{ code: string; message: string; hint: string | undefined }> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (isVirgaError(error)) return error;
  throw new Error(`no failure of ours: ${String(error)}`);
}

/** Wants a bearer token, which `/token` gives to those whose `allowed` is true. */
function askForTokens(fake: FakeRegistry, allowed: (seen: Seen) => boolean, life = 300): void {
  let number = 0;
  const challenge = `Bearer realm="http://${fake.host}/token",service="registry.example"`;
  const valid = new Set<string>();
  fake.answer = (seen) => {
    if (seen.path.startsWith("/token")) {
      if (!allowed(seen)) return { status: 401, body: '{"details":"incorrect username or password"}' };
      const token = `t${++number}`;
      valid.add(`Bearer ${token}`);
      return { body: JSON.stringify({ token, expires_in: life, refresh_token: "refresh" }) };
    }
    if (valid.has(String(seen.headers["authorization"]))) return undefined;
    const scope = seen.path === "/v2/" ? "" : ',scope="repository:team/app:pull"';
    return { status: 401, headers: { "www-authenticate": challenge + scope } };
  };
}

const app = (fake: FakeRegistry) => ({ domain: fake.host, path: "team/app" });

describe("authentication", () => {
  test("anonymous, with a token for the scope, which is got once", async () => {
    await using fake = await fakeRegistry();
    fake.addManifest("team/app", "1", manifest);
    askForTokens(fake, (seen) => seen.headers["authorization"] === undefined);
    const remote = await testRegistries().open(app(fake), { signal });
    await remote.manifest("1", signal);
    await Promise.all([remote.manifest("1", signal), remote.tags(signal)]);
    const tokens = fake.requests.filter((one) => one.includes("/token"));
    expect(tokens).toEqual(["GET /token?service=registry.example&scope=repository%3Ateam%2Fapp%3Apull"]);
  });

  test("the password goes to the token server, the token to the registry", async () => {
    await using fake = await fakeRegistry();
    fake.addManifest("team/app", "1", manifest);
    askForTokens(fake, (seen) => seen.headers["authorization"] === basic);
    const remote = await testRegistries().open(app(fake), { signal, credentials: me, push: true });
    await remote.manifest("1", signal);
    const [token] = fake.requests;
    expect(token).toBe(
      "GET /token?service=registry.example&scope=repository%3Ateam%2Fapp%3Apull%2Cpush&account=me",
    );
    const sent = fake.seen.map((seen) => String(seen.headers["authorization"]));
    expect(sent.filter((one) => one === basic)).toHaveLength(1);
  });

  test("a refresh token: POST as OAuth2", async () => {
    await using fake = await fakeRegistry();
    fake.addManifest("team/app", "1", manifest);
    askForTokens(fake, ({ method, body }) => {
      const form = new URLSearchParams(body.toString());
      return (
        method === "POST" &&
        form.get("grant_type") === "refresh_token" &&
        form.get("refresh_token") === "long"
      );
    });
    const credentials = { kind: "identity", token: "long" } as const;
    const remote = await testRegistries().open(app(fake), { signal, credentials });
    await remote.manifest("1", signal);
    const form = new URLSearchParams(fake.seen.find((seen) => seen.method === "POST")!.body.toString());
    expect(form.get("scope")).toBe("repository:team/app:pull");
    expect(form.get("service")).toBe("registry.example");
  });

  test("a token that ran out, or that the registry takes back, is got anew", async () => {
    await using fake = await fakeRegistry();
    fake.addManifest("team/app", "1", manifest);
    askForTokens(fake, () => true, 60);
    const { clock, manual } = pausingClock();
    const remote = await testRegistries({ clock }).open(app(fake), { signal });
    await remote.manifest("1", signal);
    await manual.advance(56_000);
    await remote.manifest("1", signal);
    const gets = () => fake.requests.filter((one) => one.includes("/token")).length;
    expect(gets()).toBe(2);
    const before = fake.answer;
    let refused = false;
    fake.answer = (seen, count) => {
      if (seen.path.includes("/manifests/") && !refused) {
        refused = true;
        const told = before({ ...seen, headers: {} }, count);
        return told;
      }
      return before(seen, count);
    };
    await remote.manifest("1", signal);
    expect(gets()).toBe(3);
  });

  test("Basic, only after it was asked for; without credentials the refusal comes through", async () => {
    await using fake = await fakeRegistry();
    fake.addManifest("team/app", "1", manifest);
    fake.answer = (seen) =>
      seen.headers["authorization"] === basic
        ? undefined
        : {
            status: 401,
            headers: { "www-authenticate": 'Basic realm="r"' },
            body: '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}',
          };
    const registries = testRegistries();
    const remote = await registries.open(app(fake), { signal, credentials: me });
    await remote.manifest("1", signal);
    expect(fake.seen[0]!.headers["authorization"]).toBeUndefined();
    const nobody = await registries.open(app(fake), { signal });
    const failure = await failureOf(nobody.manifest("1", signal));
    expect(failure.code).toBe("registry.unauthorized");
    expect(failure.message).toContain("unauthorized: authentication required");
    expect(failure.hint).toContain("docker login");
  });

  test.each([
    ['Bearer realm="not a url"', "registry.challenge-invalid"],
    ['Bearer realm="file:///etc/passwd"', "registry.challenge-invalid"],
    ['Bearer realm="http://elsewhere.example/token"', "registry.challenge-insecure"],
    ["Negotiate abc", "registry.auth-scheme"],
    ["", "registry.unauthorized"],
    ["%%%", "registry.auth-scheme"],
  ])("an odd challenge: %s", async (header, code) => {
    await using fake = await fakeRegistry();
    fake.answer = () => ({ status: 401, headers: { "www-authenticate": header } });
    const registries = testRegistries();
    const work = registries
      .open(app(fake), { signal, credentials: me })
      .then((remote) => remote.manifest("1", signal));
    expect((await failureOf(work)).code).toBe(code);
    expect(fake.seen.every((seen) => seen.headers["authorization"] === undefined || header === "")).toBe(
      true,
    );
  });

  test("a login shows the credentials, and brings a refresh token home", async () => {
    await using fake = await fakeRegistry();
    askForTokens(fake, (seen) => seen.headers["authorization"] === basic);
    const registries = testRegistries();
    expect(await registries.logIn(fake.host, me, signal)).toEqual({ identityToken: "refresh" });
    expect(fake.requests[0]).toContain("offline_token=true");
    const wrong = { ...me, password: "wrong" };
    const failure = await failureOf(registries.logIn(fake.host, wrong, signal));
    expect(failure.code).toBe("registry.unauthorized");
    expect(failure.message).toContain("incorrect username or password");
  });
});

describe("redirects", () => {
  test("a blob from another host, which gets no Authorization", async () => {
    await using store = await fakeRegistry();
    await using fake = await fakeRegistry();
    const blob = fake.addBlob(Buffer.from("layer"));
    store.answer = () => ({ body: "layer" });
    fake.answer = (seen) => {
      if (seen.headers["authorization"] !== basic)
        return { status: 401, headers: { "www-authenticate": "Basic realm=r" } };
      if (!seen.path.includes("/blobs/")) return undefined;
      return { status: 307, headers: { location: `http://${store.host}/signed?x=1` } };
    };
    const remote = await testRegistries().open(app(fake), { signal, credentials: me });
    expect(Buffer.from(await remote.smallBlob(blob, signal)).toString()).toBe("layer");
    expect(store.seen.map((seen) => [seen.path, seen.headers["authorization"]])).toEqual([
      ["/signed?x=1", undefined],
    ]);
  });

  test.each([
    ["/v2/team/app/manifests/1", "it redirects in a circle"],
    ["file:///etc/passwd", "it redirects to file:"],
    ["http://[", "it redirects to no URL"],
  ])("to %s", async (location, message) => {
    await using fake = await fakeRegistry();
    fake.answer = (seen) => (seen.path === "/v2/" ? undefined : { status: 302, headers: { location } });
    const remote = await testRegistries().open(app(fake), { signal });
    expect((await failureOf(remote.manifest("1", signal))).message).toContain(message);
  });
});

describe("trouble", () => {
  test("5xx, 429 with Retry-After and cut connections are waited out", async () => {
    await using fake = await fakeRegistry();
    fake.addManifest("team/app", "1", manifest);
    fake.answer = (seen, before) => {
      if (seen.path === "/v2/") return undefined;
      if (before === 0) return { status: 503 };
      if (before === 1) return { status: 429, headers: { "retry-after": "7" } };
      if (before === 2) return { body: "x".repeat(100), cutAfter: 10 };
      return undefined;
    };
    const { clock, pauses } = pausingClock();
    const remote = await testRegistries({ clock }).open(app(fake), { signal });
    await remote.manifest("1", signal);
    expect(pauses).toEqual([500, 7000, 2000]);
  });

  test("not for ever, and not for hours", async () => {
    await using fake = await fakeRegistry();
    let after = "1";
    fake.answer = (seen) =>
      seen.path === "/v2/"
        ? undefined
        : {
            status: 429,
            headers: { "retry-after": after },
            body: '{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}',
          };
    const { clock, pauses } = pausingClock();
    const remote = await testRegistries({ clock }).open(app(fake), { signal });
    const failure = await failureOf(remote.manifest("1", signal));
    expect(failure.code).toBe("registry.rate-limited");
    expect(failure.message).toContain("slow down");
    expect(pauses).toHaveLength(4);
    after = "3600";
    await failureOf(remote.manifest("1", signal));
    expect(pauses).toHaveLength(4);
  });

  test("a registry that is silent ends the request after a while", async () => {
    await using fake = await fakeRegistry();
    fake.addManifest("team/app", "1", manifest);
    fake.answer = (seen) => (seen.path === "/v2/" ? undefined : { hang: true, body: "x" });
    const { clock, manual } = pausingClock();
    const remote = await testRegistries({ clock }).open(app(fake), { signal });
    const state = { ended: false };
    const failure = failureOf(remote.manifest("1", signal)).finally(() => (state.ended = true));
    while (!state.ended) {
      await Bun.sleep(1);
      await manual.advance(10_000);
    }
    expect((await failure).code).toBe("registry.timeout");
  });

  test("nobody there: said at once, and remembered for a moment", async () => {
    const fake = await fakeRegistry();
    const { host } = fake;
    await fake[Symbol.asyncDispose]();
    const { clock, pauses } = pausingClock();
    const registries = testRegistries({ clock });
    const ask = () => registries.open({ domain: host, path: "a" }, { signal });
    const failure = await failureOf(ask());
    expect(failure.code).toBe("registry.unreachable");
    expect(failure.message).toBe(`${host} can't be reached: it refuses connections`);
    expect(pauses).toEqual([]);
    expect(await failureOf(ask())).toBe(failure);
  });

  test("who wants HTTPS, and that in another way, is not taken for a registry without it", async () => {
    await using fake = await fakeRegistry();
    fake.answer = () => ({ status: 400, body: "Client sent an HTTP request to an HTTPS server.\n" });
    const registries = testRegistries();
    for (let turn = 0; turn < 2; turn++) {
      const failure = await failureOf(registries.open(app(fake), { signal }));
      expect(["registry.tls", "registry.connection-lost"]).toContain(failure.code);
    }
  });

  test("what is sent and can't be read is told as that, not as a lost connection", async () => {
    await using fake = await fakeRegistry();
    const remote = await testRegistries().open(app(fake), { signal });
    const broken = new Error("the disk has it no more");
    const open = async function* () {
      yield Buffer.from("some");
      throw broken;
    };
    const digest = `sha256:${"0".repeat(64)}` as const;
    const failure = await remote
      .pushBlob({ digest, size: 1000, open }, () => {}, signal)
      .catch((error: unknown) => error);
    expect(failure).toBe(broken);
  });

  test("a manifest that is not what its digest says, too large, or nested too deep", async () => {
    await using fake = await fakeRegistry();
    const digest = fake.addManifest("team/app", "1", manifest);
    fake.addManifest("team/app", "deep", `{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`);
    fake.addManifest("team/app", "large", `{"a":"${"x".repeat(5 << 20)}"}`);
    fake.answer = (seen) =>
      seen.path.endsWith(digest) ? { body: JSON.stringify({ ...manifest, a: 1 }) } : undefined;
    const remote = await testRegistries().open(app(fake), { signal });
    expect((await failureOf(remote.manifest(digest, signal))).code).toBe("registry.digest-mismatch");
    expect((await failureOf(remote.manifest("large", signal))).code).toBe("registry.too-large");
    expect((await failureOf(remote.manifest("deep", signal))).message).toContain("nested more than 64 deep");
    expect((await failureOf(remote.manifest("none", signal))).message).toBe(
      `manifest for ${fake.host}/team/app:none not found: manifest unknown`,
    );
  });

  test("a cancelled request ends with the caller's reason", async () => {
    await using fake = await fakeRegistry();
    fake.answer = (seen) => (seen.path === "/v2/" ? undefined : { hang: true, body: "x" });
    const remote = await testRegistries().open(app(fake), { signal });
    const stop = new AbortController();
    const reason = new Error("enough");
    const work = remote.manifest("1", stop.signal).catch((error: unknown) => error);
    while (fake.requests.length === 0) await Bun.sleep(1);
    stop.abort(reason);
    expect(await work).toBe(reason);
  });
});

describe("mirrors", () => {
  const read = (registries: ReturnType<typeof testRegistries>, domain: string, credentials?: Credentials) =>
    registries.pulling({ domain, path: "team/app" }, { signal, credentials }, async (remote) => {
      await remote.manifest("1", signal);
      return remote.host;
    });

  test("are asked first, without the registry's credentials, and passed over when they fail", async () => {
    await using mirror = await fakeRegistry();
    await using fake = await fakeRegistry();
    mirror.addManifest("cache/team/app", "1", manifest);
    fake.addManifest("team/app", "1", manifest);
    const challenge = { status: 401, headers: { "www-authenticate": "Basic realm=r" } };
    mirror.answer = (seen) => (seen.path === "/v2/" ? challenge : undefined);
    const registries = testRegistries({
      settings: { mirrorsOf: { [fake.host]: [`http://${mirror.host}/cache`] } },
    });
    expect(await read(registries, fake.host, me)).toBe(mirror.host);
    expect(mirror.seen.some((seen) => seen.headers["authorization"] !== undefined)).toBe(false);
    expect(fake.seen).toEqual([]);
    mirror.manifests.clear();
    expect(await read(registries, fake.host, me)).toBe(fake.host);
    mirror.answer = () => ({ status: 500 });
    expect(await read(registries, fake.host, me)).toBe(fake.host);
  });
});

describe("tags", () => {
  test("all pages, and no page of another host", async () => {
    await using fake = await fakeRegistry();
    fake.answer = (seen) => {
      if (seen.path.endsWith("/tags/list"))
        return { body: '{"tags":["a"]}', headers: { link: '</v2/team/app/tags/list?last=a>; rel="next"' } };
      if (seen.path.endsWith("last=a"))
        return { body: '{"tags":["b"]}', headers: { link: '<http://elsewhere.example/v2/>; rel="next"' } };
      return undefined;
    };
    const remote = await testRegistries().open(app(fake), { signal });
    expect(await remote.tags(signal)).toEqual(["a", "b"]);
  });
});
