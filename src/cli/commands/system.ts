import { existsSync } from "node:fs";
import { join } from "node:path";
import { fail, isVirgaError, systemClock } from "../../base/index.ts";
import type { Command } from "../command.ts";
import { defaultRoot, runningDaemon } from "../connection.ts";
import { home } from "../home.ts";
import { print } from "../terminal.ts";

export const systemStatus: Command = {
  name: "system status",
  summary: "Say whether the daemon runs, and what it holds",
  usage: "",
  options: { json: { type: "boolean", help: "print JSON" } },
  arguments: { max: 0 },
  async run(invocation) {
    const client = await runningDaemon(invocation.root);
    if (!client) {
      print(invocation.flag("json") ? '{"running":false}' : `stopped (root ${invocation.root})`);
      return 3;
    }
    const system = await client.system();
    if (invocation.flag("json")) print(JSON.stringify({ running: true, ...system }, null, 2));
    else {
      print(`running     virga ${system.version}, pid ${system.pid}, since ${system.startedAt}`);
      print(`root        ${system.root}`);
      print(`containers  ${system.containers.running} running of ${system.containers.total}`);
      print(`images      ${system.images}`);
      print(`docker      export DOCKER_HOST=unix://${system.dockerSocket}`);
    }
    return 0;
  },
};

export const systemStop: Command = {
  name: "system stop",
  summary: "Stop the daemon; running containers go on, and it finds them again when it comes back",
  usage: "",
  options: {},
  arguments: { max: 0 },
  async run(invocation) {
    const client = await runningDaemon(invocation.root);
    if (!client) {
      print("stopped");
      return 0;
    }
    const { pid, containers } = await client.system();
    // A daemon with nothing left to do may be gone before it has answered; its pid tells.
    await client.stop().catch((error: unknown) => {
      if (!isVirgaError(error, "unavailable")) throw error;
    });
    for (let turn = 0; turn < 1200; turn++) {
      if (!isAlive(pid)) {
        const many = containers.running === 1 ? "1 container goes" : `${containers.running} containers go`;
        const rest = containers.running > 0 ? `; ${many} on running` : "";
        print(`stopped${rest}`);
        return 0;
      }
      await systemClock.sleep(25);
    }
    throw fail("timeout", "daemon.stop-timeout", `the daemon (pid ${pid}) has not stopped after 30 s`, {
      hint: "virga system logs",
    });
  },
};

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

export const systemLogs: Command = {
  name: "system logs",
  summary: "Show the daemon's own log",
  usage: "",
  options: {
    follow: { type: "boolean", short: "f", help: "go on with what comes" },
    tail: { type: "number", short: "n", value: "LINES", help: "so many lines from the end (default 100)" },
  },
  arguments: { max: 0 },
  async run(invocation) {
    const client = await runningDaemon(invocation.root);
    const file = client ? (await client.system()).logFile : join(invocation.root, "log", "daemon.log");
    if (!existsSync(file)) {
      throw fail("not-found", "daemon.no-log", `there is no log ${file}: no daemon has run for this root`, {
        hint: "virga up FOLDER starts one; another root: --root DIR",
      });
    }
    const lines = String(invocation.number("tail") ?? 100);
    const follow = invocation.flag("follow") ? ["-F"] : [];
    return await Bun.spawn(["tail", "-n", lines, ...follow, "--", file], {
      stdio: ["ignore", "inherit", "inherit"],
    }).exited;
  },
};

export const systemUnit: Command = {
  name: "system unit",
  summary: "Print a systemd unit for this daemon",
  usage: "",
  options: {},
  arguments: { max: 0 },
  details:
    "Install it with: virga system unit > /etc/systemd/system/virga.service && systemctl enable --now virga",
  run(invocation) {
    print(unitText(join(home, "virga"), invocation.root));
    return Promise.resolve(0);
  },
};

/** KillMode=process: containers live in the unit's control group and must survive its stop. */
function unitText(program: string, root: string): string {
  const place = root === defaultRoot ? "" : ` --root ${root}`;
  return `[Unit]
Description=Virga: this machine as a cloud
Documentation=file://${join(program, "../README.md")}
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
NotifyAccess=all
TimeoutStartSec=infinity
ExecStart=${program} serve${place}
KillMode=process
Delegate=yes
TasksMax=infinity
LimitNOFILE=1048576
Restart=on-failure

[Install]
WantedBy=multi-user.target`;
}
