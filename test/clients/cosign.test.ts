import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run, type RunResult } from "../../src/host/index.ts";
import { importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { unpackClients } from "../support/debian-clients.ts";
import { holdings } from "../support/holdings.ts";
import { freePort, startDockerRegistry, type Peer } from "../support/registries.ts";

/** Signatures between Virga, cosign 2 (Debian 13) and 3 (Debian sid), skopeo and podman, over two registries. */
const minute = 60_000;
let daemon: TestDaemon;
let peer: Peer;
let folder = "";
let own = "";
let image = "";
let env: Record<string, string> = {};

/**
 * Debian 12 has turned Sigstore off in its skopeo and podman; those of Debian 13 need its C library, and so they run with
 * their root changed to where they are unpacked.
 */
const packages = [
  "cosign", "skopeo", "podman", "conmon", "crun", "libc6", "libassuan9", "libgpg-error0", "libgpgme11t64", "libsubid5",
  "libaudit1", "libselinux1", "libpcre2-8-0", "libcap-ng0", "libcap2", "libacl1", "libattr1", "libsemanage2", "libsepol2",
  "libbz2-1.0", "libseccomp2", "libsystemd0", "libsqlite3-0", "libcrypt1", "libpam0g", "libbsd0", "libmd0",
  "libglib2.0-0t64", "libyajl2",
]; // prettier-ignore
const cosigns = { "cosign 2": "trixie", "cosign 3": "sid" } as const;
type Cosign = keyof typeof cosigns;

beforeAll(async () => {
  folder = mkdtempSync("/tmp/virga-cosign-");
  const port = freePort();
  own = `localhost:${port}`;
  [daemon, peer] = await Promise.all([
    startDaemon({ arguments: ["--registry", `127.0.0.1:${port}`] }),
    startDockerRegistry(),
    unpackClients(join(folder, "trixie"), "trixie", packages),
    unpackClients(join(folder, "sid"), "sid", ["cosign"]),
  ]);
  image = await importBusybox(daemon);
  makeRoot(join(folder, "trixie/root"));
  env = { PATH: process.env["PATH"]!, HOME: join(folder, "home"), COSIGN_PASSWORD: "a word" };
  writeFileSync(join(folder, "word"), "a word");
  for (const name of ["mine", "other"]) await virga("key", "generate", join(folder, name));
  await cosign("cosign 2", "generate-key-pair", "--output-key-prefix", join(folder, "theirs"));
  await cosign("cosign 3", "signing-config", "create", "--out", join(folder, "signing.json"));
}, 4 * minute);

afterAll(async () => {
  await peer[Symbol.asyncDispose]();
  await daemon.destroy();
  rmSync(folder, { recursive: true, force: true });
}, minute);

const key = (name: string) => join(folder, `${name}.key`);
const pub = (name: string) => join(folder, `${name}.pub`);

async function virga(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await daemon.virga(args, { env });
  if (exitCode !== 0) throw new Error(`virga ${args.join(" ")}: ${exitCode}\n${stdout}${stderr}`);
  return stdout;
}
const failing = async (...args: string[]) => await daemon.virga(args, { env });

async function cosign(which: Cosign, ...args: string[]): Promise<string> {
  const program = join(folder, cosigns[which], "root/usr/bin/cosign");
  const { exitCode, stdout, stderr } = await run([program, ...args], { env });
  if (exitCode !== 0) throw new Error(`cosign ${args.join(" ")}: ${exitCode}\n${stdout}${stderr}`);
  return stdout;
}
const signsWithCosign = (which: Cosign, by: string, name: string, ...more: string[]) =>
  which === "cosign 2"
    ? cosign(which, "sign", "--key", key(by), "--tlog-upload=false", "-y", ...more, name)
    : cosign(
        which,
        "sign",
        "--key",
        key(by),
        "--signing-config",
        join(folder, "signing.json"),
        "-y",
        ...more,
        name,
      );
const verifies = (which: Cosign, verb: string, by: string, name: string, ...more: string[]) =>
  cosign(which, verb, "--key", pub(by), "--insecure-ignore-tlog", "--private-infrastructure", ...more, name);

/** What a program from Debian 13 needs around itself. */
function makeRoot(root: string): void {
  for (const name of ["lib", "lib64"]) symlinkSync(`usr/${name}`, join(root, name));
  for (const name of [
    "proc",
    "dev",
    "sys",
    "tmp",
    "run",
    "var/tmp",
    "etc/containers/registries.d",
    "usr/lib/podman",
    folder,
  ])
    mkdirSync(join(root, name), { recursive: true });
  writeFileSync(
    join(root, "etc/containers/registries.d/all.yaml"),
    "default-docker:\n  use-sigstore-attachments: true\n",
  );
  writeFileSync(join(root, "etc/hosts"), "127.0.0.1 localhost\n");
  writeFileSync(
    join(root, "etc/containers/policy.json"),
    JSON.stringify({ default: [{ type: "insecureAcceptAnything" }] }),
  );
  // Looked for, and not needed for a pull.
  writeFileSync(join(root, "usr/lib/podman/netavark"), "", { mode: 0o755 });
}

/** A program from Debian 13. It sees the test's folder where it is, and nothing it mounts outlives it. */
async function newer(...command: string[]): Promise<RunResult> {
  const script = `set -e
    mount --bind "$1" "$1"; mount -t proc proc "$1/proc"; mount --rbind /dev "$1/dev"; mount --rbind /sys "$1/sys"
    mount --bind "$2" "$1$2"
    cd /; root=$1; shift 2; exec chroot "$root" "$@"`;
  const root = join(folder, "trixie/root");
  return await run(["unshare", "--mount", "sh", "-c", script, "sh", root, folder, ...command], { env });
}
const refuses = async (...asked: Parameters<typeof verifies>) =>
  await verifies(...asked).then(
    () => false,
    (error: Error) =>
      /no matching (signatures|attestations)|invalid signature|failed to verify/i.test(error.message),
  );
const skopeo = (...args: string[]) => newer("/usr/bin/skopeo", ...args);

/** An image that no other test has signed. */
async function makeImage(name: string): Promise<void> {
  await daemon.dockerOk(["build", "-q", "-t", name, "-"], { stdin: `FROM ${image}\nLABEL name="${name}"\n` });
}
const policyFor = (registry: string, by: string, more: object = {}) => {
  const file = join(folder, "skopeo-policy.json");
  const signed = [{ type: "sigstoreSigned", keyPath: pub(by), ...more }];
  const docker = { [registry]: signed };
  writeFileSync(file, JSON.stringify({ default: [{ type: "reject" }], transports: { docker } }));
  return file;
};
const copyUnder = (policy: string, name: string) => {
  rmSync(join(folder, "copied"), { recursive: true, force: true });
  return skopeo(
    "--policy",
    policy,
    "copy",
    "--src-tls-verify=false",
    `docker://${name}`,
    `dir:${join(folder, "copied")}`,
  );
};
const policy = (content: object | string) =>
  writeFileSync(
    daemon.identity.path("policy.json"),
    typeof content === "string" ? content : JSON.stringify(content),
  );
const noPolicy = () => rmSync(daemon.identity.path("policy.json"), { force: true });

describe.each(["own", "docker-registry"])("over the registry: %s", (which) => {
  const registry = () => (which === "own" ? own : peer.address);

  test(
    "what Virga signs here and pushes, cosign verifies and skopeo admits",
    async () => {
      const name = `${registry()}/team/app:1`;
      await makeImage(name);
      await virga("image", "sign", "--key", key("mine"), "-a", "env=prod", name);
      await daemon.dockerOk(["push", name]);
      for (const one of Object.keys(cosigns) as Cosign[]) {
        expect(await verifies(one, "verify", "mine", name, "-a", "env=prod")).toContain(`"env":"prod"`);
        expect(await refuses(one, "verify", "other", name)).toBe(true);
      }
      const { exitCode, stderr } = await copyUnder(policyFor(registry(), "mine"), name);
      expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
      expect((await copyUnder(policyFor(registry(), "other"), name)).exitCode).not.toBe(0);
      expect(await virga("image", "check-signature", "--registry", "--key", pub("mine"), name)).toContain(
        "good",
      );
      const wrong = await failing("image", "check-signature", "--registry", "--key", pub("other"), name);
      expect(wrong).toMatchObject({ exitCode: 1 });
      expect(wrong.stderr).toContain("it was made with another key");
    },
    minute,
  );

  test(
    "an image of several platforms is signed in its registry, all of it; cosign verifies each",
    async () => {
      const name = `${registry()}/team/many:1`;
      await makeImage(name);
      const pushed = await daemon.dockerOk(["push", name]);
      const [, digest = "", size = ""] = /digest: (\S+) size: (\d+)/.exec(pushed) ?? [];
      const index = JSON.stringify({
        schemaVersion: 2,
        mediaType: "application/vnd.oci.image.index.v1+json",
        manifests: [
          {
            mediaType: "application/vnd.oci.image.manifest.v1+json",
            digest,
            size: Number(size),
            platform: { os: "linux", architecture: "amd64" },
          },
        ],
      });
      const put = await fetch(`http://${registry()}/v2/team/many/manifests/1`, {
        method: "PUT",
        headers: { "content-type": "application/vnd.oci.image.index.v1+json" },
        body: index,
      });
      expect(put.status).toBe(201);
      const signed = await virga("image", "sign", "--registry", "--recursive", "--key", key("mine"), name);
      expect(signed.trim().split("\n")).toHaveLength(2);
      expect(signed).toContain(digest);
      await verifies("cosign 2", "verify", "mine", name);
      await verifies("cosign 3", "verify", "mine", `${registry()}/team/many@${digest}`);
    },
    minute,
  );

  test.each(Object.keys(cosigns) as Cosign[])(
    "what %s signs, Virga checks, and its policy admits",
    async (one) => {
      const name = `${registry()}/signed/by-${one.at(-1)}:1`;
      await makeImage(name);
      await daemon.dockerOk(["push", name]);
      await daemon.dockerOk(["rmi", name]);
      const unsigned = await failing("image", "check-signature", "--registry", "--key", pub("theirs"), name);
      expect(unsigned).toMatchObject({ exitCode: 1 });
      expect(unsigned.stderr).toContain("has no signatures in its registry");
      const type = one === "cosign 2" ? "matchRepository" : "matchDigest";
      const rule = [{ type: "sigstoreSigned", keyPath: pub("theirs"), signedIdentity: { type } }];
      policy({ default: [{ type: "reject" }], transports: { docker: { [`${registry()}/signed`]: rule } } });
      const refused = await daemon.docker(["pull", name]);
      expect(refused.exitCode).toBe(1);
      expect(refused.stderr).toContain(`the policy refuses ${name}: it has no signature`);
      await signsWithCosign(one, "theirs", name, "-a", "env=prod");
      const good = await virga("image", "check-signature", "--key", pub("theirs"), "-a", "env=prod", name);
      expect(good).toContain("env=prod");
      expect(
        await failing("image", "check-signature", "--key", pub("theirs"), "-a", "env=test", name),
      ).toMatchObject({ exitCode: 1 });
      expect(await virga("policy", "test", name)).toContain("may be pulled");
      await daemon.dockerOk(["pull", name]);
      expect(await daemon.dockerOk(["run", "--rm", name, "echo", "runs"])).toBe("runs");
      await daemon.dockerOk(["rmi", name]);
      noPolicy();
    },
    minute,
  );

  test(
    "attestations are what cosign verifies",
    async () => {
      const name = `${registry()}/team/attested:1`;
      const file = join(folder, "parts.json");
      writeFileSync(file, JSON.stringify({ spdxVersion: "SPDX-2.3", name: "box" }));
      await makeImage(name);
      await virga("image", "attest", "--key", key("mine"), "--type", "spdxjson", "--predicate", file, name);
      await daemon.dockerOk(["push", name]);
      const said = await verifies("cosign 2", "verify-attestation", "mine", name, "--type", "spdxjson");
      const payload = JSON.parse(said.trim().split("\n").at(-1)!) as { payload: string };
      expect(Buffer.from(payload.payload, "base64").toString()).toContain("SPDX-2.3");
      expect(
        verifies("cosign 2", "verify-attestation", "other", name, "--type", "spdxjson"),
      ).rejects.toThrow();
      const check = ["image", "check-attestation", "--registry", "--type", "spdxjson"];
      const predicate = await virga(...check, "--predicate", "--key", pub("mine"), name);
      expect(JSON.parse(predicate)).toEqual({ spdxVersion: "SPDX-2.3", name: "box" });
      const wrong = await failing(...check, "--key", pub("other"), name);
      expect(wrong).toMatchObject({ exitCode: 1 });
      expect(wrong.stderr).toContain("it was made with another key");
    },
    minute,
  );

  test.each(Object.keys(cosigns) as Cosign[])(
    "what %s attests, Virga checks",
    async (one) => {
      const name = `${registry()}/attested/by-${one.at(-1)}:1`;
      const file = join(folder, "vex.json");
      writeFileSync(file, JSON.stringify({ "@context": "https://openvex.dev/ns", author: "me" }));
      await makeImage(name);
      await daemon.dockerOk(["push", name]);
      const how = ["attest", "--key", key("theirs"), "--type", "openvex", "--predicate", file, "-y"];
      const log =
        one === "cosign 2" ? ["--tlog-upload=false"] : ["--signing-config", join(folder, "signing.json")];
      await cosign(one, ...how, ...log, name);
      const listed = await virga("image", "attestations", "--registry", name);
      expect(listed).toContain("https://openvex.dev/ns");
      const check = ["image", "check-attestation", "--registry", "--type", "openvex"];
      expect(await virga(...check, "--key", pub("theirs"), name)).toStartWith("good  https://openvex.dev/ns");
      expect(await failing(...check, "--key", pub("mine"), name)).toMatchObject({ exitCode: 1 });
      const none = await failing("image", "check-signature", "--registry", "--key", pub("theirs"), name);
      expect(none).toMatchObject({ exitCode: 1 }); // an attestation is no signature
    },
    minute,
  );

  test(
    "bundles that Virga writes are what cosign 3 verifies",
    async () => {
      const name = `${registry()}/team/bundled:1`;
      const file = join(folder, "parts.json");
      writeFileSync(file, JSON.stringify({ spdxVersion: "SPDX-2.3", name: "bundled" }));
      await makeImage(name);
      await virga("image", "sign", "--bundle", "--key", key("mine"), "-a", "env=prod", name);
      const attest = ["image", "attest", "--bundle", "--type", "spdxjson", "--predicate", file];
      await virga(...attest, "--key", key("mine"), name);
      await daemon.dockerOk(["push", name]);
      await verifies("cosign 3", "verify", "mine", name);
      expect(await refuses("cosign 3", "verify", "other", name)).toBe(true);
      await verifies("cosign 3", "verify-attestation", "mine", name, "--type", "spdxjson");
      expect(await refuses("cosign 3", "verify-attestation", "other", name, "--type", "spdxjson")).toBe(true);
      for (const place of [[], ["--registry"]]) {
        const signed = await virga("image", "check-signature", ...place, "--key", pub("mine"), name);
        expect(signed).toContain("env=prod");
        const check = ["image", "check-attestation", ...place, "--key", pub("mine"), name];
        expect(await virga(...check)).toContain("https://spdx.dev/Document");
      }
    },
    minute,
  );
});

describe("podman", () => {
  test(
    "pulls under its policy what Virga has signed, and signs what Virga's admits",
    async () => {
      const name = `${peer.address}/team/podman:1`;
      const places = ["--root", join(folder, "podman"), "--runroot", join(folder, "podman-run")];
      const podman = ["/usr/bin/podman", ...places, "--storage-driver", "vfs"];
      await makeImage(name);
      await virga("image", "sign", "--key", key("mine"), name);
      await daemon.dockerOk(["push", name]);
      const pull = ["pull", "-q", "--tls-verify=false"];
      const good = await newer(
        ...podman,
        ...pull,
        "--signature-policy",
        policyFor(peer.address, "mine"),
        name,
      );
      expect(good).toMatchObject({ exitCode: 0 });
      const bad = await newer(
        ...podman,
        ...pull,
        "--signature-policy",
        policyFor(peer.address, "other"),
        name,
      );
      expect(bad.exitCode).not.toBe(0);
      const copied = `${peer.address}/copied/app:1`;
      const copy = ["copy", "--src-tls-verify=false", "--dest-tls-verify=false", "--remove-signatures"];
      const how = [
        "--sign-by-sigstore-private-key",
        key("theirs"),
        "--sign-passphrase-file",
        join(folder, "word"),
      ];
      const signed = await skopeo(...copy, ...how, `docker://${name}`, `docker://${copied}`);
      expect({ signed }).toMatchObject({ signed: { exitCode: 0 } });
      const rule = [{ type: "sigstoreSigned", keyPath: pub("theirs") }];
      policy({ default: [{ type: "reject" }], transports: { docker: { [`${peer.address}/copied`]: rule } } });
      await daemon.dockerOk(["pull", copied]);
      // Passed on with its signature to another repository, it is not what its name says.
      const replayed = `${peer.address}/copied/replayed:1`;
      const again = await skopeo(
        "copy",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
        `docker://${copied}`,
        `docker://${replayed}`,
      );
      expect(again).toMatchObject({ exitCode: 0 });
      const refused = await daemon.docker(["pull", replayed]);
      expect(refused.stderr).toContain(`it is for the name '${copied}'`);
      noPolicy();
      await newer(...podman, "rmi", "-af");
    },
    minute,
  );
});

describe("the policy stops", () => {
  test(
    "pulls, runs, builds, stacks and loads of what is not signed, as Docker's clients see it",
    async () => {
      const name = `${own}/strict/app:1`;
      await makeImage(name);
      await daemon.dockerOk(["push", name]);
      const archive = join(folder, "strict.tar");
      await daemon.dockerOk(["save", "-o", archive, name]);
      const docker = { [`${own}/strict`]: [{ type: "sigstoreSigned", keyPath: pub("mine") }] };
      policy({ default: [{ type: "insecureAcceptAnything" }], transports: { docker } });
      const why = `the policy refuses ${name}: it has no signature`;
      const refused = async (args: readonly string[], input?: string) => {
        const { exitCode, stdout, stderr } = await daemon.docker(
          args,
          input === undefined ? {} : { stdin: input },
        );
        expect(exitCode).not.toBe(0);
        expect(stdout + stderr).toContain(why);
      };
      await refused(["run", "--rm", name, "true"]);
      await refused(["create", "--mount", `type=image,source=${name},target=/other`, image]);
      await refused(["build", "-"], `FROM ${name}\nRUN true\n`);
      await refused(["build", "-"], `FROM ${image}\nCOPY --from=${name} /bin /other\n`);
      const answer = await fetch(`http://docker/containers/create`, {
        unix: daemon.identity.path("run", "docker.sock"),
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ Image: name }),
      });
      expect(answer.status).toBe(403);
      writeFileSync(join(folder, "stack.yaml"), `services: {app: {image: "${name}"}}\n`);
      const up = await failing("up", join(folder, "stack.yaml"));
      expect(up.exitCode).not.toBe(0);
      expect(up.stderr).toContain(why);
      await daemon.dockerOk(["rmi", name]);
      await refused(["load", "-i", archive]);
      const pulled = await fetch(
        `http://docker/images/create?fromImage=${encodeURIComponent(`${own}/strict/app`)}&tag=1`,
        {
          unix: daemon.identity.path("run", "docker.sock"),
          method: "POST",
        },
      );
      expect(pulled.status).toBe(403);
      await virga("image", "sign", "--registry", "--key", key("mine"), name);
      expect(await daemon.dockerOk(["run", "--rm", name, "echo", "signed"])).toBe("signed");
      expect((await virga("policy", "show")).split("\n")[0]).toBe(daemon.identity.path("policy.json"));
      policy('{"default": [}');
      const broken = await daemon.docker(["run", "--rm", name, "true"]);
      expect(broken.stderr).toContain(`${daemon.identity.path("policy.json")}:1:`);
      expect(await failing("policy", "check")).toMatchObject({ exitCode: 2 });
      noPolicy();
      await virga("down", join(folder, "stack.yaml"));
    },
    2 * minute,
  );

  test("and nothing of it is left when the images are gone", async () => {
    const names = (await daemon.dockerOk(["images", "-q"])).split("\n").filter(Boolean);
    await daemon.dockerOk(["rmi", "-f", ...new Set(names)]);
    const left = (await holdings(daemon)).filter((line) => /^image|^layers\/sha256/.test(line));
    expect(left).toEqual([]);
  });
});
