import { expect, test } from "bun:test";
import type { ContainerDetail } from "../../../api/client/docker/index.ts";
import { parseInvocation } from "../../invocation.ts";
import { update } from "./update.ts";
import { changeOf } from "./update-change.ts";

const now = {
  HostConfig: { PortBindings: { "80/tcp": [{}], "53/udp": [{}] } },
} as unknown as ContainerDetail;

test.each([
  ["-e A=1 --env-rm B", { env: { set: ["A=1"], remove: ["B"] } }],
  ["-l a=1 --label-rm b", { labels: { set: { a: "1" }, remove: ["b"] } }],
  ["--restart-unhealthy", { labels: { set: { "virga.restart-unhealthy": "true" } } }],
  ["--restart-unhealthy=false", { labels: { remove: ["virga.restart-unhealthy"] } }],
  [
    "-p 9090:80",
    {
      ports: {
        add: [{ protocol: "tcp", containerPort: 80, hostIp: "", hostPort: 9090 }],
        remove: ["80/tcp"],
      },
    },
  ],
  [
    "-p 127.0.0.1::81",
    { ports: { add: [{ protocol: "tcp", containerPort: 81, hostIp: "127.0.0.1", hostPort: 0 }] } },
  ],
  ["--publish-rm 80 --publish-rm 53/udp", { ports: { remove: ["80/tcp", "53/udp"] } }],
  ["-P", { publishAll: true }],
  [
    "-v data:/data:ro",
    { mounts: { add: [{ type: "volume", name: "data", target: "/data", readOnly: true }] } },
  ],
  ["-v /a:/b", { mounts: { add: [{ type: "bind", source: "/a", target: "/b", createSource: true }] } }],
  [
    "--mount type=tmpfs,target=/t,tmpfs-size=1m --mount-rm /x",
    { mounts: { add: [{ type: "tmpfs", target: "/t", size: 2 ** 20 }], remove: ["/x"] } },
  ],
  [
    "--image box:2 -u 5 -w /srv --entrypoint /x",
    { image: "box:2", user: "5", workingDir: "/srv", entrypoint: ["/x"] },
  ],
  ["--stop-signal SIGINT --stop-timeout 3 --init", { stopSignal: "SIGINT", stopTimeout: 3, init: true }],
  ["--restart on-failure:2", { restart: { name: "on-failure", maximumRetryCount: 2 } }],
  [
    "-m 64m --cpus 1.5 --cpuset-cpus 0 --pids-limit -1",
    { resources: { memory: 2 ** 26, nanoCpus: 1.5e9, cpusetCpus: "0", pidsLimit: -1 } },
  ],
])("virga update %s", (text, change) => {
  expect<object>(changeOf(parseInvocation(update, [...text.split(" "), "web"], "/r"), now)).toEqual(change);
});
