import { dockerfileError, type SourcePlace } from "../dockerfile/dockerfile-error.ts";
import { ExpansionError, expandWord, expandWords } from "../dockerfile/expansion.ts";
import type { ArgInstruction } from "../dockerfile/instructions/stage.ts";

/** Build arguments that every RUN gets when they are passed; a cache key looks at those that are declared. */
const proxyArgs = new Set(
  ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"].flatMap((name) => [
    name,
    name.toLowerCase(),
  ]),
);

/** What the whole build was given: passed build arguments, and the ARGs before the first FROM. */
export interface GlobalArguments {
  readonly passed: ReadonlyMap<string, string>;
  /** Values that `ARG NAME` in a stage takes over. */
  readonly values: ReadonlyMap<string, string>;
  /** Marks a passed argument as used; at the end the others are warned about. */
  readonly used: Set<string>;
  readonly escape: string;
}

export function globalArguments(
  declared: readonly ArgInstruction[],
  passed: ReadonlyMap<string, string>,
  automatic: Readonly<Record<string, string>>,
  escape: string,
): GlobalArguments {
  const values = new Map(Object.entries(automatic));
  const used = new Set<string>();
  for (const [name, value] of passed) {
    if (name in automatic) values.set(name, value);
  }
  for (const instruction of declared) {
    for (const { name, value } of instruction.args) {
      const given = passed.get(name);
      if (given !== undefined) used.add(name);
      const result = given ?? (value === undefined ? undefined : expand(instruction, value, values, escape));
      if (result !== undefined) values.set(name, result);
    }
  }
  return { passed, values, used, escape };
}

/** A word with its variables replaced. Throws `dockerfile.variable` with the instruction's place. */
export function expand(
  place: SourcePlace,
  word: string,
  values: ReadonlyMap<string, string>,
  escape: string,
): string {
  return placed(place, () => expandWord(word, { escape, lookup: (name) => values.get(name) }));
}

/** As `expand`; spaces out of a variable part words (EXPOSE). */
export function expandToWords(
  place: SourcePlace,
  word: string,
  values: ReadonlyMap<string, string>,
  escape: string,
): string[] {
  return placed(place, () => expandWords(word, { escape, lookup: (name) => values.get(name) }));
}

function placed<T>(place: SourcePlace, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof ExpansionError) throw dockerfileError("dockerfile.variable", place, error.message);
    throw error;
  }
}

/** The ARGs and the ENV of one stage, as they are at one instruction. */
export class StageVariables {
  readonly #global: GlobalArguments;
  readonly #args: Map<string, string | undefined>;
  readonly #env: Map<string, string>;

  /** `inherited`: the ARGs of the stage that this one is built from. */
  constructor(global: GlobalArguments, env: readonly string[], inherited?: StageVariables) {
    this.#global = global;
    this.#args = new Map(inherited === undefined ? [] : inherited.#args);
    this.#env = new Map(env.map(splitPair));
  }

  get escape(): string {
    return this.#global.escape;
  }

  /** What `$NAME` stands for: ENV wins over ARG. */
  values(): Map<string, string> {
    return new Map([...this.#setArgs(), ...this.#env]);
  }

  declare(name: string, fallback: string | undefined): string | undefined {
    const passed = this.#global.passed.get(name);
    if (passed !== undefined) this.#global.used.add(name);
    const value = passed ?? fallback ?? this.#args.get(name) ?? this.#global.values.get(name);
    this.#args.set(name, value);
    return value;
  }

  setEnv(name: string, value: string): void {
    this.#env.set(name, value);
  }

  /** `NAME=value` lines in the order in which the names first came. */
  env(): string[] {
    return [...this.#env].map(([name, value]) => `${name}=${value}`);
  }

  /** ARGs that a RUN gets and that its cache key depends on, by name. */
  runArgs(): string[] {
    return this.#setArgs()
      .filter(([name]) => !this.#env.has(name))
      .map(([name, value]) => `${name}=${value}`)
      .sort(); // prettier-ignore
  }

  /** The environment of a RUN step. */
  runEnv(): string[] {
    const proxies = [...this.#global.passed].filter(([name]) => proxyArgs.has(name));
    return [...new Map([...proxies, ...this.values()])].map(([name, value]) => `${name}=${value}`);
  }

  #setArgs(): [string, string][] {
    const set: [string, string][] = [];
    for (const [name, value] of this.#args) if (value !== undefined) set.push([name, value]);
    return set;
  }
}

/** Names of passed arguments that no ARG asked for. */
export function unusedArguments(global: GlobalArguments): string[] {
  return [...global.passed.keys()].filter(
    (name) =>
      !global.used.has(name) &&
      !proxyArgs.has(name) &&
      name !== "SOURCE_DATE_EPOCH" &&
      !name.startsWith("BUILDKIT_"),
  );
}

function splitPair(pair: string): [string, string] {
  const equals = pair.indexOf("=");
  return equals < 0 ? [pair, ""] : [pair.slice(0, equals), pair.slice(equals + 1)];
}
