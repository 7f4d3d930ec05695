/** testcontainers against the daemon at DOCKER_HOST: each area is run by its name; --list prints the names. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GenericContainer, Network, Wait } from "testcontainers";

const image = "box:1";
const server = ["httpd", "-f", "-p", "80", "-h", "/www"];
const web = () => new GenericContainer(image).withCommand(server).withExposedPorts(80);
const get = async (container, path) =>
  await (await fetch(`http://${container.getHost()}:${container.getMappedPort(80)}${path}`)).text();

const areas = {
  async ports() {
    const container = await web().withWaitStrategy(Wait.forHttp("/", 80).forStatusCode(200)).start();
    assert.equal(await get(container, "/"), "ok\n");
    assert.match(container.getId(), /^[0-9a-f]{64}$/);
    await container.restart();
    assert.equal(await get(container, "/"), "ok\n");
    await container.stop();
    const listening = await web().withWaitStrategy(Wait.forListeningPorts()).start();
    assert.equal(await get(listening, "/"), "ok\n");
    await listening.stop();
  },
  async waiting() {
    const slow = ["sh", "-c", "sleep 0.5; echo half; sleep 0.3; echo ready; touch /tmp/healthy; sleep 1000"];
    const logged = await new GenericContainer(image)
      .withCommand(slow)
      .withWaitStrategy(Wait.forLogMessage(/ready/))
      .start();
    await logged.stop({ timeout: 0 });
    const healthy = await new GenericContainer(image)
      .withCommand(slow)
      .withHealthCheck({
        test: ["CMD", "test", "-f", "/tmp/healthy"],
        interval: 300,
        timeout: 2000,
        retries: 20,
      })
      .withWaitStrategy(Wait.forHealthCheck())
      .start();
    await healthy.stop({ timeout: 0 });
    const once = await new GenericContainer(image)
      .withCommand(["true"])
      .withWaitStrategy(Wait.forOneShotStartup())
      .start();
    await once.stop();
    const shell = await new GenericContainer(image)
      .withCommand(slow)
      .withWaitStrategy(Wait.forSuccessfulCommand("test -f /tmp/healthy"))
      .start();
    await shell.stop({ timeout: 0 });
    await assert.rejects(
      new GenericContainer(image)
        .withCommand(slow)
        .withWaitStrategy(Wait.forLogMessage("never"))
        .withStartupTimeout(1500)
        .start(),
      /never.*not received|not received/,
    );
  },
  async files() {
    const folder = mkdtempSync("/tmp/virga-testcontainers-");
    writeFileSync(join(folder, "a"), "from a file");
    const container = await web()
      .withCopyContentToContainer([{ content: "from a text", target: "/www/text" }])
      .withCopyFilesToContainer([{ source: join(folder, "a"), target: "/www/file", mode: 0o644 }])
      .withCopyDirectoriesToContainer([{ source: folder, target: "/www/folder" }])
      .withTmpFs({ "/scratch": "rw" })
      .withBindMounts([{ source: folder, target: "/www/bound", mode: "ro" }])
      .start();
    for (const [path, text] of [
      ["/text", "from a text"],
      ["/file", "from a file"],
      ["/folder/a", "from a file"],
      ["/bound/a", "from a file"],
    ]) {
      assert.equal(await get(container, path), text);
    }
    const archive = await container.copyArchiveFromContainer("/www/text");
    const chunks = [];
    for await (const chunk of archive) chunks.push(chunk);
    assert.match(Buffer.concat(chunks).toString("latin1"), /from a text/);
    await container.stop();
    rmSync(folder, { recursive: true });
  },
  async executing() {
    const container = await new GenericContainer(image)
      .withCommand(["sh", "-c", "echo first; echo second; sleep 1000"])
      .withEnvironment({ A: "b" }).withUser("1000").withWorkingDir("/tmp").withLabels({ mine: "yes" }).withName("named-by-test")
      .start(); // prettier-ignore
    const result = await container.exec(["sh", "-c", "echo $A $B; id -u; pwd; echo bad >&2; exit 3"], {
      env: { B: "c" },
    });
    assert.deepEqual([result.stdout, result.stderr, result.exitCode], ["b c\n1000\n/tmp\n", "bad\n", 3]);
    assert.equal((await container.exec(["id", "-u"], { user: "0" })).output, "0\n");
    const logs = await container.logs();
    const first = await new Promise((resolve) => logs.once("data", resolve));
    assert.match(String(first), /first/);
    logs.destroy();
    assert.equal(container.getName().replace("/", ""), "named-by-test");
    await container.stop({ timeout: 0 });
  },
  async networks() {
    const network = await new Network().start();
    const one = await web().withNetwork(network).withNetworkAliases("site").start();
    const other = await new GenericContainer(image)
      .withCommand(["sleep", "1000"])
      .withNetwork(network)
      .start();
    assert.equal((await other.exec(["wget", "-qO-", "http://site/"])).output, "ok\n");
    assert.match(one.getIpAddress(network.getName()), /^\d+\.\d+\.\d+\.\d+$/);
    await other.stop({ timeout: 0 });
    await one.stop();
    await network.stop();
  },
  async building() {
    const folder = mkdtempSync("/tmp/virga-testcontainers-");
    writeFileSync(
      join(folder, "Dockerfile"),
      'FROM box:1\nARG TEXT\nRUN echo "$TEXT" >/www/built\nCMD ["httpd", "-f", "-p", "80", "-h", "/www"]\n',
    );
    const built = await GenericContainer.fromDockerfile(folder)
      .withBuildArgs({ TEXT: "by testcontainers" })
      .build();
    const container = await built.withExposedPorts(80).start();
    assert.equal(await get(container, "/built"), "by testcontainers\n");
    await container.stop();
    rmSync(folder, { recursive: true });
  },
  /** For the reaper: leaves a container and a network behind, and says so. */
  async leaving() {
    const network = await new Network().start();
    const container = await new GenericContainer(image)
      .withCommand(["sleep", "1000"])
      .withNetwork(network)
      .start();
    console.log(`${container.getId()} ${network.getId()}`);
  },
};

if (process.argv[2] === "--list") console.log(Object.keys(areas).join("\n"));
else await areas[process.argv[2]]();
process.exit(0);
