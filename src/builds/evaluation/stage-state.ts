import type { Descriptor, Platform } from "../../content/index.ts";
import type { Image, ImageHistory, ImageProcess } from "../../images/index.ts";
import type { DiffId } from "../../layers/index.ts";
import { epochOfImage, fixedEpoch } from "../epoch.ts";
import { StageVariables, type GlobalArguments } from "./variables.ts";

export interface LayerReference {
  readonly diffId: DiffId;
  readonly descriptor: Descriptor;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A stage as far as its instructions have been carried out. */
export interface StageState {
  readonly platform: Platform;
  readonly layers: LayerReference[];
  readonly history: ImageHistory[];
  /** The execution parameters; `Env` stands in `variables` until the end. */
  readonly process: Mutable<ImageProcess>;
  readonly variables: StageVariables;
  author: string | undefined;
  /** Names everything done so far to the files: the same key means the same files. */
  key: string;
  /** A CMD stands in this stage itself, so ENTRYPOINT leaves it alone. */
  cmdSet: boolean;
  created: string | undefined;
  /** Seconds: no file of a layer that this stage makes is later (epoch.ts). */
  readonly epoch: number;
}

const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export function stateOfScratch(platform: Platform, global: GlobalArguments): StageState {
  return {
    platform,
    layers: [],
    history: [],
    process: { WorkingDir: "/" },
    variables: new StageVariables(global, [defaultPath]),
    author: undefined,
    key: `scratch ${platform.os}/${platform.architecture}`,
    cmdSet: false,
    created: undefined,
    epoch: fixedEpoch,
  };
}

export function stateOfImage(image: Image, global: GlobalArguments): StageState {
  const { Env, ...process } = image.config.config ?? {};
  const { architecture, os, variant } = image.config;
  return {
    platform: variant === undefined ? { architecture, os } : { architecture, os, variant },
    layers: image.config.rootfs.diff_ids.map((diffId, i) => ({ diffId, descriptor: image.layers[i]! })),
    history: [...(image.config.history ?? [])],
    process: structuredClone(process),
    variables: new StageVariables(global, Env ?? []),
    author: image.config.author,
    key: `image ${image.id}`,
    cmdSet: false,
    created: image.config.created,
    epoch: epochOfImage(image.config.created),
  };
}

/** A stage that begins where another one ended. */
export function stateOfStage(base: StageState, global: GlobalArguments): StageState {
  return {
    ...base,
    layers: [...base.layers],
    history: [...base.history],
    process: structuredClone(base.process),
    variables: new StageVariables(global, base.variables.env(), base.variables),
    cmdSet: false,
  };
}

/** The execution parameters with the environment. */
export function processOf(state: StageState): ImageProcess {
  const env = state.variables.env();
  return env.length === 0 ? state.process : { ...state.process, Env: env };
}

export function shellOf(state: StageState): readonly string[] {
  return state.process.Shell ?? ["/bin/sh", "-c"];
}
