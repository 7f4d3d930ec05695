import type { Command, CommandHelp } from "../command.ts";

type Load = () => Promise<CommandHelp | Command>;

/** Commands by what a person wants to do, in the order of the help. Each is loaded when it is asked for. */
const table: readonly { readonly title: string; readonly commands: Readonly<Record<string, Load>> }[] = [
  {
    title: "Applications from Compose files:",
    commands: {
      up: async () => (await import("./stack.ts")).up,
      down: async () => (await import("./stack.ts")).down,
      plan: async () => (await import("./stack.ts")).plan,
      config: async () => (await import("./stack.ts")).config,
      stacks: async () => (await import("./stack.ts")).stacks,
    },
  },
  {
    title: "Run containers:",
    commands: {
      run: async () => (await import("./containers/run.ts")).run,
      exec: async () => (await import("./containers/exec.ts")).exec,
      ps: async () => (await import("./containers/ps.ts")).ps,
      logs: async () => (await import("./containers/logs.ts")).logs,
      create: async () => (await import("./containers/run.ts")).create,
      start: async () => (await import("./containers/start.ts")).start,
      attach: async () => (await import("./containers/start.ts")).attach,
      stop: async () => (await import("./containers/life.ts")).stop,
      restart: async () => (await import("./containers/life.ts")).restart,
      kill: async () => (await import("./containers/life.ts")).kill,
      rm: async () => (await import("./containers/life.ts")).rm,
      pause: async () => (await import("./containers/life.ts")).pause,
      unpause: async () => (await import("./containers/life.ts")).unpause,
      wait: async () => (await import("./containers/life.ts")).wait,
      update: async () => (await import("./containers/update.ts")).update,
      rename: async () => (await import("./containers/life.ts")).rename,
    },
  },
  {
    title: "Look into containers:",
    commands: {
      inspect: async () => (await import("./inspect.ts")).inspect,
      stats: async () => (await import("./containers/stats.ts")).stats,
      top: async () => (await import("./containers/look.ts")).top,
      port: async () => (await import("./containers/look.ts")).port,
      diff: async () => (await import("./containers/look.ts")).diff,
      cp: async () => (await import("./containers/cp.ts")).cp,
      export: async () => (await import("./containers/files.ts")).exportContainer,
      commit: async () => (await import("./containers/files.ts")).commit,
      events: async () => (await import("./events.ts")).events,
    },
  },
  {
    title: "Images:",
    commands: {
      images: async () => (await import("./images/images.ts")).images,
      build: async () => (await import("./images/build.ts")).build,
      pull: async () => (await import("./images/transfer.ts")).pull,
      push: async () => (await import("./images/transfer.ts")).push,
      tag: async () => (await import("./images/images.ts")).tag,
      rmi: async () => (await import("./images/images.ts")).rmi,
      history: async () => (await import("./images/images.ts")).history,
      "image sbom": async () => (await import("./images/attestations.ts")).sbom,
      "image verify": async () => (await import("./images/verify.ts")).verify,
      "image provenance": async () => (await import("./images/attestations.ts")).provenance,
      save: async () => (await import("./images/archives.ts")).save,
      load: async () => (await import("./images/archives.ts")).load,
      import: async () => (await import("./images/archives.ts")).importImage,
      "image sign": async () => (await import("./images/sign.ts")).sign,
      "image attest": async () => (await import("./images/sign.ts")).attest,
      "image attestations": async () => (await import("./images/statements.ts")).attestations,
      "image check-attestation": async () => (await import("./images/statements.ts")).checkAttestation,
      "image signatures": async () => (await import("./images/signatures.ts")).signatures,
      "image check-signature": async () => (await import("./images/signatures.ts")).checkSignature,
      login: async () => (await import("./images/login.ts")).login,
      logout: async () => (await import("./images/login.ts")).logout,
    },
  },
  {
    title: "Which images may run here:",
    commands: {
      "key generate": async () => (await import("./keys.ts")).generate,
      "key import": async () => (await import("./keys.ts")).importKey,
      "key public": async () => (await import("./keys.ts")).publicKey,
      "policy show": async () => (await import("./policy.ts")).show,
      "policy check": async () => (await import("./policy.ts")).check,
      "policy test": async () => (await import("./policy.ts")).test,
    },
  },
  {
    title: "Networks and volumes:",
    commands: {
      "network ls": async () => (await import("./networks.ts")).list,
      "network create": async () => (await import("./networks.ts")).create,
      "network inspect": async () => (await import("./networks.ts")).inspect,
      "network connect": async () => (await import("./networks.ts")).connect,
      "network disconnect": async () => (await import("./networks.ts")).disconnect,
      "network rm": async () => (await import("./networks.ts")).remove,
      "network prune": async () => (await import("./networks.ts")).prune,
      "volume ls": async () => (await import("./volumes.ts")).list,
      "volume create": async () => (await import("./volumes.ts")).create,
      "volume inspect": async () => (await import("./volumes.ts")).inspect,
      "volume rm": async () => (await import("./volumes.ts")).remove,
      "volume prune": async () => (await import("./volumes.ts")).prune,
    },
  },
  {
    title: "The registry of this machine:",
    commands: {
      "registry info": async () => (await import("./registry.ts")).info,
      "registry ls": async () => (await import("./registry-images.ts")).list,
      "registry rm": async () => (await import("./registry-images.ts")).remove,
      "registry protect": async () => (await import("./registry-images.ts")).protect,
      "registry unprotect": async () => (await import("./registry-images.ts")).unprotect,
      "registry user add": async () => (await import("./registry.ts")).userAdd,
      "registry user rm": async () => (await import("./registry.ts")).userRemove,
      "registry grant": async () => (await import("./registry.ts")).grant,
      "registry quota": async () => (await import("./registry.ts")).quota,
      "registry keep": async () => (await import("./registry.ts")).keep,
      "registry unkeep": async () => (await import("./registry.ts")).unkeep,
      "registry webhook add": async () => (await import("./registry.ts")).webhookAdd,
      "registry webhook rm": async () => (await import("./registry.ts")).webhookRemove,
      "registry gc": async () => (await import("./registry.ts")).collect,
      "registry check": async () => (await import("./registry.ts")).check,
      "registry trust": async () => (await import("./registry.ts")).trust,
    },
  },
  {
    title: "This machine and the daemon:",
    commands: {
      doctor: async () => (await import("./doctor.ts")).doctor,
      "system status": async () => (await import("./system.ts")).systemStatus,
      "system info": async () => (await import("./usage.ts")).info,
      "system df": async () => (await import("./usage.ts")).diskUsage,
      prune: async () => (await import("./usage.ts")).prune,
      "system stop": async () => (await import("./system.ts")).systemStop,
      "system logs": async () => (await import("./system.ts")).systemLogs,
      "system unit": async () => (await import("./system.ts")).systemUnit,
      serve: async () => (await import("./serve.ts")).serve,
      completion: async () => (await import("./completion.ts")).completion,
    },
  },
];

const hidden: Readonly<Record<string, Load>> = {
  __complete: async () =>
    (await import("./completion.ts")).completeAmong({ names: commandNames, load: loadCommand }),
};

const shown = Object.assign({}, ...table.map((section) => section.commands)) as Record<string, Load>;
const loaders: Readonly<Record<string, Load>> = { ...shown, ...hidden };

/** Names of the commands that the help shows. */
export const commandNames: readonly string[] = Object.keys(shown);

export function isCommand(name: string): boolean {
  return Object.hasOwn(loaders, name);
}

/** What people type who come from docker. */
export const aliases: Readonly<Record<string, string>> = {
  "container ls": "ps",
  "container list": "ps",
  "system prune": "prune",
  "image ls": "images",
  "image list": "images",
  "image rm": "rmi",
  "image build": "build",
  "image pull": "pull",
  "image push": "push",
  "image tag": "tag",
  "image history": "history",
  "image save": "save",
  "image load": "load",
  "image import": "import",
  "image inspect": "inspect",
  "network list": "network ls",
  "network remove": "network rm",
  "volume list": "volume ls",
  "volume remove": "volume rm",
  "system events": "events",
  info: "system info",
};

/** Whether `word` begins the names of several commands: `network`, `volume`, `system`. */
export function isGroup(word: string): boolean {
  return commandNames.some((name) => name.startsWith(`${word} `));
}

export function loadCommand(name: string): Promise<CommandHelp | Command> {
  return loaders[name]!();
}

/** Everything, for the help. */
export async function sections() {
  return await Promise.all(
    table.map(async ({ title, commands }) => ({
      title,
      commands: await Promise.all(Object.values(commands).map((load) => load())),
    })),
  );
}

/** The help of every command, for the reference. */
export async function helpTexts(): Promise<readonly { readonly name: string; readonly text: string }[]> {
  const { helpOf } = await import("../help.ts");
  const all = (await sections()).flatMap((section) => section.commands);
  return all.map((one) => ({ name: one.name, text: helpOf(one) }));
}
