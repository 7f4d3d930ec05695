/** dockerode against the daemon at DOCKER_HOST: each area is run by its name; --list prints the names. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import Docker from "dockerode";

const Image = "box:1";
const docker = new Docker({ socketPath: (process.env.DOCKER_HOST ?? "").replace("unix://", "") });

/** Standard output and error of a stream of both. */
async function demultiplexed(stream) {
  const [out, err] = [new PassThrough(), new PassThrough()];
  docker.modem.demuxStream(stream, out, err);
  stream.on("end", () => [out, err].forEach((one) => one.end()));
  return { out: await text(out), err: await text(err) };
}

const finished = (stream) =>
  new Promise((resolve, reject) =>
    docker.modem.followProgress(stream, (error, lines) => (error ? reject(error) : resolve(lines))),
  );

async function running(options, work) {
  const container = await docker.createContainer({ Image, Cmd: ["sleep", "1000"], ...options });
  try {
    await container.start();
    return await work(container);
  } finally {
    await container.remove({ force: true, v: true });
  }
}

const areas = {
  async system() {
    assert.equal((await docker.ping()).toString(), "OK");
    assert.equal((await docker.version()).Os, "linux");
    assert.equal((await docker.info()).Images, 1);
    assert.equal((await docker.df()).Images[0].RepoTags[0], Image);
    await assert.rejects(docker.listServices(), { statusCode: 503 });
    await assert.rejects(docker.getContainer("none").inspect(), {
      statusCode: 404,
      reason: "no such container",
    });
  },
  async run() {
    const texts = ["", ""];
    const sinks = texts.map((_, index) => new PassThrough().on("data", (data) => (texts[index] += data)));
    const [result, container] = await docker.run(
      Image,
      ["sh", "-c", "echo out; echo err >&2; exit 5"],
      sinks,
      { Tty: false },
    );
    assert.equal(result.StatusCode, 5);
    for (let turn = 0; turn < 100 && texts.includes(""); turn++) await sleep(50); // dockerode waits for the end alone
    assert.deepEqual(texts, ["out\n", "err\n"]);
    await container.remove();
    const tty = new PassThrough();
    const shown = text(tty);
    await docker.run(Image, ["tty"], tty, { Tty: true, HostConfig: { AutoRemove: true } });
    assert.match(await shown, /^\/dev\/(pts\/0|console)\r\n$/);
  },
  async attach() {
    const options = {
      OpenStdin: true,
      StdinOnce: true,
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
    };
    const container = await docker.createContainer({
      Image,
      Cmd: ["sh", "-c", "cat; echo end >&2"],
      ...options,
    });
    const stream = await container.attach({
      stream: true,
      stdin: true,
      stdout: true,
      stderr: true,
      hijack: true,
    });
    const told = demultiplexed(stream);
    await container.start();
    const sent = "x".repeat(1_000_000);
    stream.write(sent);
    stream.end("\n");
    const { out, err } = await told;
    assert.equal(out, `${sent}\n`);
    assert.equal(err, "end\n");
    assert.equal((await container.wait()).StatusCode, 0);
    await container.remove();
  },
  async exec() {
    await running({ Env: ["A=container"] }, async (container) => {
      const run = async (options, start = {}) => {
        const exec = await container.exec({ AttachStdout: true, AttachStderr: true, ...options });
        const said = await demultiplexed(await exec.start(start));
        return { ...said, code: (await exec.inspect()).ExitCode };
      };
      assert.deepEqual(await run({ Cmd: ["sh", "-c", "echo $A $B; id -u; pwd; echo bad >&2; exit 3"], Env: ["B=own"], User: "web", WorkingDir: "/tmp" }), {
        out: "container own\n1000\n/tmp\n", err: "bad\n", code: 3,
      }); // prettier-ignore
      const exec = await container.exec({ Cmd: ["cat"], AttachStdin: true, AttachStdout: true });
      const stream = await exec.start({ hijack: true, stdin: true });
      const told = demultiplexed(stream);
      stream.end("typed\n");
      assert.equal((await told).out, "typed\n");
      const terminal = await container.exec({
        Cmd: ["sh", "-c", "sleep 0.3; stty size"],
        AttachStdout: true,
        Tty: true,
      });
      const shown = await terminal.start({ Tty: true });
      await terminal.resize({ h: 31, w: 97 });
      assert.equal(await text(shown), "31 97\r\n");
      const unseen = await container.exec({ Cmd: ["sh", "-c", "tty >/made"], Tty: true });
      (await unseen.start({ Detach: true, Tty: true })).resume();
      while ((await unseen.inspect()).Running) await sleep(50);
      assert.match((await run({ Cmd: ["cat", "/made"] })).out, /^\/dev\/pts\/\d+\n$/);
      assert.equal((await run({ Cmd: ["nonsense"] })).code, 127);
    });
  },
  async logs() {
    const container = await docker.createContainer({
      Image,
      Cmd: ["sh", "-c", "for i in 1 2 3; do echo line $i; sleep 0.1; done; echo last >&2"],
    });
    await container.start();
    const followed = await demultiplexed(await container.logs({ stdout: true, stderr: true, follow: true }));
    assert.deepEqual(followed, { out: "line 1\nline 2\nline 3\n", err: "last\n" });
    const tail = await container.logs({ stdout: true, tail: 1 });
    assert.equal(tail.subarray(8).toString(), "line 3\n");
    assert.match(
      (await container.logs({ stdout: true, timestamps: true })).toString(),
      /\d{4}-\d\d-\d\dT[\d:]+\.\d{9}Z line 1/,
    );
    await container.remove();
  },
  async lifecycle() {
    await running(
      { name: "life", Labels: { a: "b" }, HostConfig: { Memory: 32 * 1024 * 1024 } },
      async (container) => {
        const info = await container.inspect();
        assert.equal(info.State.Running, true);
        assert.equal(info.HostConfig.Memory, 32 * 1024 * 1024);
        assert.deepEqual(
          (await docker.listContainers({ filters: { label: ["a=b"] } })).map((one) => one.Names[0]),
          ["/life"],
        );
        await container.pause();
        await container.unpause();
        await container.rename({ name: "living" });
        await container.update({ Memory: 64 * 1024 * 1024, MemorySwap: 64 * 1024 * 1024 });
        assert.equal((await container.top()).Processes.length, 1);
        await assert.rejects(container.start(), { statusCode: 304 });
        await container.restart({ t: 0 });
        const waiting = container.wait();
        await container.stop({ t: 0 });
        assert.equal((await waiting).StatusCode, 137);
        await assert.rejects(container.stop(), { statusCode: 304 });
        await assert.rejects(container.kill(), { statusCode: 409 });
        const stats = await container.stats({ stream: false });
        assert.equal(stats.name, "/living");
      },
    );
  },
  async files() {
    const container = await docker.createContainer({ Image });
    const folder = mkdtempSync("/tmp/virga-dockerode-");
    writeFileSync(join(folder, "file"), "text");
    const { default: tar } = await import("tar-fs");
    await container.putArchive(tar.pack(folder), { path: "/tmp" });
    const archive = await container.getArchive({ path: "/tmp/file" });
    assert.match((await buffer(archive)).toString("latin1"), /^file\0.*text/s);
    const stat = await container.infoArchive({ path: "/tmp/file" });
    stat.resume();
    assert.equal(
      JSON.parse(Buffer.from(stat.headers["x-docker-container-path-stat"], "base64").toString()).size,
      4,
    );
    assert.ok((await container.changes()).some((one) => one.Path === "/tmp/file" && one.Kind === 1));
    await assert.rejects(container.getArchive({ path: "/none" }), { statusCode: 404 });
    assert.ok((await buffer(await container.export())).length > 1_000_000);
    await container.remove();
    rmSync(folder, { recursive: true });
  },
  async images() {
    const folder = mkdtempSync("/tmp/virga-dockerode-");
    writeFileSync(
      join(folder, "Dockerfile"),
      'FROM box:1\nARG WHO\nLABEL made=yes\nRUN echo "built for $WHO" >/built\nCMD ["cat", "/built"]\n',
    );
    const stream = await docker.buildImage(
      { context: folder, src: ["Dockerfile"] },
      { t: "built:1", buildargs: { WHO: "you" } },
    );
    const lines = await finished(stream);
    assert.ok(
      lines.some((one) => /^Successfully built/.test(one.stream ?? "")),
      JSON.stringify(lines),
    );
    const image = docker.getImage("built:1");
    assert.equal((await image.inspect()).Config.Labels.made, "yes");
    assert.ok((await image.history()).length >= 3);
    await image.tag({ repo: "again", tag: "2" });
    const saved = await buffer(await image.get());
    await docker.getImage("again:2").remove();
    await image.remove();
    await finished(await docker.loadImage(new PassThrough().end(saved)));
    const output = new PassThrough();
    const said = text(output);
    await docker.run("built:1", [], output, { Tty: true, HostConfig: { AutoRemove: true } });
    assert.equal(await said, "built for you\r\n");
    writeFileSync(join(folder, "Dockerfile"), "FROM box:1\nRUN exit 9\n");
    const failed = await finished(await docker.buildImage({ context: folder, src: ["Dockerfile"] }, {}));
    assert.match(failed.at(-1).error, /returned a non-zero code: 9/);
    await assert.rejects(docker.getImage("none").inspect(), { statusCode: 404 });
    await docker.getImage("built:1").remove();
    await docker.pruneImages({ filters: { dangling: { true: true } } });
    rmSync(folder, { recursive: true });
  },
  async networks() {
    const network = await docker.createNetwork({
      Name: "rode",
      Internal: true,
      IPAM: { Config: [{ Subnet: "10.97.5.0/24" }] },
      Labels: { a: "b" },
    });
    const Cmd = ["httpd", "-f", "-p", "80", "-h", "/www"];
    await running(
      {
        Cmd,
        NetworkingConfig: {
          EndpointsConfig: { rode: { Aliases: ["site"], IPAMConfig: { IPv4Address: "10.97.5.7" } } },
        },
      },
      async (web) => {
        assert.equal((await web.inspect()).NetworkSettings.Networks.rode.IPAddress, "10.97.5.7");
        await running({}, async (other) => {
          await network.connect({ Container: other.id });
          const exec = await other.exec({ Cmd: ["wget", "-qO-", "http://site/"], AttachStdout: true });
          assert.equal((await demultiplexed(await exec.start({}))).out, "ok\n");
          assert.equal(Object.keys((await network.inspect()).Containers).length, 2);
          await network.disconnect({ Container: other.id });
        });
        await assert.rejects(network.remove(), { statusCode: 403 });
      },
    );
    await network.remove();
  },
  async volumes() {
    const volume = await docker.createVolume({ Name: "rode", Labels: { a: "b" } });
    await running(
      { HostConfig: { Mounts: [{ Type: "volume", Source: "rode", Target: "/v" }] } },
      async () => {
        assert.deepEqual(
          (await docker.listVolumes({ filters: { label: ["a=b"] } })).Volumes.map((one) => one.Name),
          ["rode"],
        );
        await assert.rejects(docker.getVolume("rode").remove(), { statusCode: 409 });
      },
    );
    assert.equal((await docker.getVolume("rode").inspect()).Labels.a, "b");
    await docker.getVolume(volume.Name ?? volume.name).remove();
    assert.ok("SpaceReclaimed" in (await docker.pruneVolumes({ filters: { all: { true: true } } })));
  },
  async events() {
    const stream = await docker.getEvents({ filters: { type: ["container"] } });
    const seen = [];
    let rest = "";
    const ended = new Promise((resolve) => {
      stream.on("data", (data) => {
        const lines = (rest + data).split("\n");
        rest = lines.pop();
        seen.push(...lines.filter(Boolean).map((line) => JSON.parse(line).Action));
        if (seen.includes("destroy")) resolve();
      });
    });
    await running({ Cmd: ["true"] }, (container) => container.wait());
    await Promise.race([
      ended,
      sleep(10_000, undefined, { ref: false }).then(() => assert.fail(`events: ${seen.join(" ")}`)),
    ]);
    stream.destroy();
    assert.deepEqual(seen, ["create", "start", "die", "destroy"]);
  },
  async statistics() {
    await running({}, async (container) => {
      const stream = await container.stats({ stream: true });
      const first = await new Promise((resolve) => stream.once("data", resolve));
      stream.destroy();
      assert.ok(JSON.parse(first).memory_stats.usage > 0);
    });
  },
};

if (process.argv[2] === "--list") console.log(Object.keys(areas).join("\n"));
else await areas[process.argv[2]]();
