import { isAbsolute, relative, resolve } from "node:path";
import { fail, version } from "../base/index.ts";
import {
  isForeignCache,
  parseCacheSource,
  parseCacheTarget,
  parseContext,
  parseNamedContext,
  type BuildRequest,
} from "../builds/index.ts";
import type { PullPolicy } from "../images/index.ts";
import type { Service, StackModel } from "./compose/model.ts";
import { defined } from "./defined.ts";
import { stackLabels } from "./labels.ts";

export type ImageSource =
  | { readonly kind: "pull"; readonly policy: PullPolicy; readonly platform?: string }
  | {
      readonly kind: "build";
      readonly always: boolean;
      readonly request: BuildRequest;
      readonly dockerfile?: string;
    };

/** Where the image of a service comes from. `secrets`: of its build, by id. */
export function imageSource(
  model: StackModel,
  name: string,
  service: Service,
  image: string,
  secrets: ReadonlyMap<string, Uint8Array>,
): ImageSource {
  const policy = service.pull_policy;
  if (!service.build) {
    const pull = policy === "always" || policy === "never" ? policy : "missing";
    return defined({ kind: "pull", policy: pull, platform: service.platform });
  }
  const { context, dockerfile, tags = [], ...build } = service.build;
  const isFolder = isAbsolute(context);
  const inside =
    dockerfile === undefined || !isFolder ? dockerfile : relative(context, resolve(context, dockerfile));
  const isOutside = isFolder && inside !== undefined && (inside.startsWith("..") || isAbsolute(inside));
  const epoch = model.variable("SOURCE_DATE_EPOCH");
  const arguments_ = Object.entries({
    ...(epoch === undefined ? {} : { SOURCE_DATE_EPOCH: epoch }),
    ...build.args,
  }).flatMap(([key, value]): [string, string][] => {
    const known = value ?? model.variable(key);
    return known === undefined ? [] : [[key, known]];
  });
  const request: BuildRequest = defined({
    context: parseContext(context),
    contexts: some(mapValues(build.additional_contexts ?? {}, parseNamedContext)),
    secrets: build.secrets && ((id: string) => Promise.resolve(secrets.get(id))),
    ssh: build.ssh && ((id: string) => Promise.resolve(agentOf(model, name, build.ssh ?? {}, id))),
    entitlements: build.privileged
      ? (["security.insecure", ...(build.entitlements ?? [])] as const)
      : build.entitlements,
    dockerfile: isOutside ? undefined : inside,
    dockerfileText: build.dockerfile_inline,
    tags: [image, ...tags],
    target: build.target,
    buildArgs: Object.fromEntries(arguments_),
    labels: {
      ...build.labels,
      [stackLabels.project]: model.name,
      [stackLabels.service]: name,
      [stackLabels.version]: version,
    },
    noCache: build.no_cache,
    pull: build.pull,
    networkMode: build.network,
    extraHosts: build.extra_hosts,
    shmSize: build.shm_size,
    cacheFrom: caches(build.cache_from, (text) => parseCacheSource(text, model.directory)),
    cacheTo: caches(build.cache_to, (text) => parseCacheTarget(text, model.directory)),
    platform: service.platform ?? build.platforms?.[0],
  });
  return defined({
    kind: "build",
    always: policy === "build",
    request,
    dockerfile: isOutside ? resolve(context, dockerfile!) : undefined,
  });
}

/** Caches of other builders are left to those, as the Compose specification has it. */
function caches<T>(written: readonly string[] | undefined, parse: (text: string) => T): T[] | undefined {
  return written?.filter((text) => !isForeignCache(text)).map(parse);
}

function mapValues<T, U>(record: Readonly<Record<string, T>>, map: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}

function some<T extends object>(record: T): T | undefined {
  return Object.keys(record).length === 0 ? undefined : record;
}

/** The socket of an SSH agent that the file names; without one, that of whoever calls. */
function agentOf(
  model: StackModel,
  service: string,
  agents: Readonly<Record<string, string>>,
  id: string,
): string | undefined {
  if (!Object.hasOwn(agents, id)) return undefined;
  const socket = agents[id] || model.variable("SSH_AUTH_SOCK");
  if (socket) return socket;
  throw fail(
    "invalid",
    "stack.no-ssh-agent",
    `service '${service}': there is no SSH agent: SSH_AUTH_SOCK is not set`,
    {
      hint: "eval $(ssh-agent) && ssh-add, then try again",
    },
  );
}
