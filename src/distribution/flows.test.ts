import { describe, expect, test } from "bun:test";
import { isVirgaError } from "../base/index.ts";
import type { Credentials } from "./credentials.ts";
import { fakeRegistry, testRegistries, type FakeRegistry, type Seen, type Told } from "./testing.ts";

/** How the registries that people use ask who we are, each as it does: what it wants, gives and refuses. */
const { signal } = new AbortController();
const manifest = { schemaVersion: 2, config: {}, layers: [] };
const layer = Buffer.from("layer");

interface Flow {
  /** As it says it: the scheme and what is in it; HOST is the fake's. */
  readonly challenge: (path: string) => string;
  /** The token server at `/token` and below; undefined: none. */
  readonly token?: (query: URLSearchParams, seen: Seen) => Told;
  /** Whether a request to the registry has what it wants. */
  readonly accepts: (seen: Seen) => boolean;
  readonly refusal?: string;
}

/** A registry that goes by a flow, with its blobs in another store that wants no Authorization at all. */
async function start(flow: Flow) {
  const fake = await fakeRegistry();
  const store = await fakeRegistry();
  const blob = fake.addBlob(layer);
  store.answer = ({ headers }) =>
    headers["authorization"] === undefined
      ? { body: layer }
      : { status: 400, body: "<Error><Code>InvalidArgument</Code></Error>" };
  fake.answer = (seen) => {
    const [path, query] = seen.path.split("?") as [string, string | undefined];
    if (!path.startsWith("/v2/") || path === "/v2/auth") return flow.token!(new URLSearchParams(query), seen);
    if (!flow.accepts(seen)) {
      const header = flow.challenge(path).replaceAll("HOST", fake.host);
      return { status: 401, headers: { "www-authenticate": header }, body: flow.refusal ?? "" };
    }
    const isBlob = seen.method === "GET" && path.includes("/blobs/");
    return isBlob ? { status: 307, headers: { location: `http://${store.host}/signed?X-Amz=1` } } : undefined;
  };
  return {
    ...{ fake, store, blob },
    async [Symbol.asyncDispose]() {
      await fake[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

async function pull(
  { fake, blob }: Awaited<ReturnType<typeof start>>,
  path: string,
  credentials?: Credentials,
): Promise<void> {
  fake.addManifest(path, "1", manifest);
  const remote = await testRegistries().open({ domain: fake.host, path }, { signal, credentials });
  await remote.manifest("1", signal);
  expect(Buffer.from(await remote.smallBlob(blob, signal))).toEqual(layer);
}
async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return isVirgaError(error) ? error.code : String(error);
}
const password = (username: string, secret = "secret"): Credentials => ({
  kind: "password",
  username,
  password: secret,
});
const basic = (username: string, secret = "secret") =>
  `Basic ${Buffer.from(`${username}:${secret}`).toString("base64")}`;
const bearer = (token: string) => (seen: Seen) => seen.headers["authorization"] === `Bearer ${token}`;
const tokens = (fake: FakeRegistry) => fake.seen.filter((seen) => !seen.path.startsWith("/v2/"));
const json = (body: object, status = 200): Told => ({ status, body: JSON.stringify(body) });

describe("Docker Hub", () => {
  const flow: Flow = {
    challenge: (path) => {
      const scope = path === "/v2/" ? "" : `,scope="repository:library/debian:pull",error="invalid_token"`;
      return `Bearer realm="http://HOST/token",service="registry.docker.io"${scope}`;
    },
    token: (query, { headers }) => {
      const who = headers["authorization"];
      if (who !== undefined && who !== basic("me"))
        return json({ details: "incorrect username or password" }, 401);
      const right = query.get("service") === "registry.docker.io";
      const access = query.getAll("scope").join();
      if (!right || access !== "repository:library/debian:pull") return json({ token: "for nothing" });
      return json({ token: "hub", access_token: "hub", expires_in: 300, issued_at: "2026-01-01T00:00:00Z" });
    },
    accepts: bearer("hub"),
    refusal: '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}',
  };
  test("anonymous and with a password; layers from another host; one token for all", async () => {
    for (const credentials of [undefined, password("me")]) {
      await using kit = await start(flow);
      await pull(kit, "library/debian", credentials);
      expect(tokens(kit.fake).length).toBe(1);
      const { searchParams } = new URL(tokens(kit.fake)[0]!.path, "http://x");
      expect(searchParams.get("account")).toBe(credentials ? "me" : null);
    }
  });
  test("a repository that is not there, or for others: the token is for nothing, and the 401 stays", async () => {
    await using kit = await start(flow);
    expect(await codeOf(pull(kit, "else/private"))).toBe("registry.unauthorized");
    expect(kit.fake.seen.length).toBeLessThan(8);
  });
  test("a wrong password is refused by the token server", async () => {
    await using kit = await start(flow);
    expect(await codeOf(pull(kit, "library/debian", password("me", "wrong")))).toBe("registry.unauthorized");
  });
});

describe("GitHub", () => {
  const flow: Flow = {
    challenge: () => `Bearer realm="http://HOST/token",service="ghcr.io",scope="repository:user/image:pull"`,
    token: (query, { headers }) => {
      if (query.get("scope") === "repository:me/private:pull" && headers["authorization"] !== basic("me"))
        return json(
          { errors: [{ code: "DENIED", message: "requested access to the resource is denied" }] },
          403,
        );
      // Neither expires_in nor access_token.
      return json({ token: `ghcr ${query.get("scope")}`.replaceAll(/[^a-z]/g, "") });
    },
    accepts: ({ path, headers }) =>
      path !== "/v2/" && headers["authorization"]?.toString().endsWith(path.split("/")[3]! + "pull") === true,
  };
  test("the scope of the challenge to /v2/ is an example, and not asked for", async () => {
    await using kit = await start(flow);
    await pull(kit, "me/public");
    expect(
      tokens(kit.fake).map((seen) => new URL(seen.path, "http://x").searchParams.getAll("scope")),
    ).toEqual([["repository:me/public:pull"]]);
  });
  test("a private image: 403 from the token server without, and a token with a personal access token", async () => {
    await using kit = await start(flow);
    expect(await codeOf(pull(kit, "me/private"))).toBe("registry.denied");
    await pull(kit, "me/private", password("me"));
  });
});

describe("Amazon ECR", () => {
  const flow: Flow = {
    challenge: () => `Basic realm="https://1.dkr.ecr.eu-west-1.amazonaws.com/",service="ecr.amazonaws.com"`,
    accepts: ({ headers }) => headers["authorization"] === basic("AWS", "long token"),
  };
  test("Basic with the user AWS; the store refuses what has an Authorization besides its signature", async () => {
    await using kit = await start(flow);
    await pull(kit, "app", password("AWS", "long token"));
    expect(kit.store.seen.length).toBe(1);
    expect(await codeOf(pull(kit, "app"))).toBe("registry.unauthorized");
  });
  test("a repository has to be made before a push: its 404 comes through", async () => {
    await using kit = await start(flow);
    const before = kit.fake.answer;
    const body = '{"errors":[{"code":"NAME_UNKNOWN","message":"The repository does not exist"}]}';
    kit.fake.answer = (seen, n) =>
      before(seen, n) ?? (seen.method === "POST" ? { status: 404, body } : undefined);
    const options = { signal, credentials: password("AWS", "long token"), push: true };
    const remote = await testRegistries().open({ domain: kit.fake.host, path: "none" }, options);
    const blob = { ...kit.blob, open: () => layer };
    expect(await codeOf(remote.pushBlob(blob, () => {}, signal))).toBe("registry.not-found");
  });
  test("the public one wants the scope aws", async () => {
    await using kit = await start({
      challenge: () => `Bearer realm="http://HOST/token/",service="public.ecr.aws",scope="aws"`,
      token: (query) => json({ token: query.getAll("scope").includes("aws") ? "public" : "useless" }),
      accepts: bearer("public"),
    });
    await pull(kit, "docker/library/debian");
  });
});

describe("GitLab", () => {
  test("its token server is elsewhere on the host, and a deploy token has a plus in its name", async () => {
    await using kit = await start({
      challenge: (path) =>
        `Bearer realm="http://HOST/jwt/auth?client=docker",service="container_registry"` +
        (path === "/v2/" ? "" : `,scope="repository:group/project/app:pull"`),
      token: (query, { path, headers }) => {
        const right =
          path.startsWith("/jwt/auth?client=docker&") &&
          query.get("account") === "gitlab+deploy-token-1" &&
          headers["authorization"] === basic("gitlab+deploy-token-1");
        return right
          ? json({ token: "gitlab" })
          : json({ errors: [{ code: "DENIED", message: "access forbidden" }] }, 403);
      },
      accepts: bearer("gitlab"),
    });
    await pull(kit, "group/project/app", password("gitlab+deploy-token-1"));
    expect(await codeOf(pull(kit, "group/project/app"))).toBe("registry.denied");
  });
  test("a mount asks for both repositories, each in a scope of its own", async () => {
    await using kit = await start({
      challenge: () => `Bearer realm="http://HOST/jwt/auth",service="container_registry"`,
      token: (query) => json({ token: query.getAll("scope").length === 2 ? "both" : "one" }),
      accepts: ({ path, headers }) =>
        headers["authorization"] === (path.includes("mount=") ? "Bearer both" : "Bearer one"),
    });
    const options = { signal, credentials: password("me"), push: true };
    const remote = await testRegistries().open({ domain: kit.fake.host, path: "group/one" }, options);
    expect(await remote.mountBlob(kit.blob.digest, "group/two", signal)).toBe(true);
    expect(new URL(tokens(kit.fake).at(-1)!.path, "http://x").searchParams.getAll("scope")).toEqual([
      "repository:group/one:pull,push",
      "repository:group/two:pull",
    ]);
  });
});

describe("Harbor", () => {
  const flow: Flow = {
    challenge: (path) =>
      path === "/v2/"
        ? `Bearer realm="http://HOST/service/token",service="harbor-registry"`
        : `Bearer realm="http://HOST/service/token",service="harbor-registry",scope="repository:p/app:pull"`,
    token: (_, { headers }) =>
      headers["authorization"] === basic("robot$p+ci")
        ? json({ token: "harbor", access_token: "", expires_in: 1800 })
        : json({ errors: [{ code: "UNAUTHORIZED", message: "unauthorized" }] }, 401),
    accepts: bearer("harbor"),
    refusal: '{"errors":[{"code":"UNAUTHORIZED","message":"unauthorized to access repository: p/app"}]}',
  };
  test("robots, layers by a redirect to its storage, an access_token that is empty", async () => {
    await using kit = await start(flow);
    await pull(kit, "p/app", password("robot$p+ci"));
    expect(kit.store.seen[0]!.headers["authorization"]).toBeUndefined();
    expect(await codeOf(pull(kit, "p/app"))).toBe("registry.unauthorized");
  });
  test("a redirect to its storage that ran out is asked for anew", async () => {
    await using kit = await start(flow);
    kit.store.answer = (_, before) =>
      before === 0 ? { status: 403, body: "<Code>AccessDenied</Code>" } : { body: layer };
    await pull(kit, "p/app", password("robot$p+ci"));
    expect(kit.store.seen.length).toBe(2);
  });
});

describe("Quay", () => {
  test("gives everybody a token, and says at the registry that it is for nothing", async () => {
    await using kit = await start({
      challenge: (path) => {
        const more = path === "/v2/" ? "" : `,scope="repository:org/app:pull",error="insufficient_scope"`;
        return `Bearer realm="http://HOST/v2/auth",service="quay.io"${more}`;
      },
      token: (_, { headers }) =>
        headers["authorization"] === basic("org+robot") ? json({ token: "quay" }) : json({ token: "nobody" }),
      accepts: bearer("quay"),
      refusal:
        '{"errors":[{"code":"UNAUTHORIZED","detail":{},"message":"access to the requested resource is not authorized"}]}',
    });
    await pull(kit, "org/app", password("org+robot"));
    expect(await codeOf(pull(kit, "org/app"))).toBe("registry.unauthorized");
  });
});

describe("a login that left a refresh token (Azure, Docker's helpers)", () => {
  test("POST as OAuth2 has it, without a password anywhere", async () => {
    await using kit = await start({
      challenge: () => `Bearer realm="http://HOST/oauth2/token",service="me.azurecr.io"`,
      token: (_, { method, body, headers }) => {
        const form = new URLSearchParams(body.toString());
        const right =
          method === "POST" &&
          form.get("grant_type") === "refresh_token" &&
          form.get("refresh_token") === "refresh";
        expect(headers["authorization"]).toBeUndefined();
        return right && form.get("service") === "me.azurecr.io"
          ? json({ access_token: `azure ${form.get("scope")}` })
          : json({}, 401);
      },
      accepts: bearer("azure repository:app:pull"),
    });
    await pull(kit, "app", { kind: "identity", token: "refresh" });
    expect(await codeOf(pull(kit, "app", { kind: "identity", token: "old" }))).toBe("registry.unauthorized");
  });
});

test.each([
  [401, "registry.unauthorized"],
  [403, "registry.denied"],
  [404, "registry.not-found"],
])("a plain %d of a registry without authentication", async (status, code) => {
  await using fake = await fakeRegistry();
  fake.answer = (seen) => (seen.path === "/v2/" ? undefined : { status });
  const remote = await testRegistries().open({ domain: fake.host, path: "app" }, { signal });
  expect(await codeOf(remote.manifest("1", signal))).toBe(code);
});

test("two challenges: the token, not the password, goes to the registry", async () => {
  await using kit = await start({
    challenge: () => `Basic realm="x", Bearer realm="http://HOST/token",service="two"`,
    token: (_, { headers }) => json({ token: headers["authorization"] === basic("me") ? "two" : "none" }),
    accepts: bearer("two"),
  });
  await pull(kit, "app", password("me"));
});
