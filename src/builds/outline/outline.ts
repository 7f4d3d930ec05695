import type { SourceLine } from "../dockerfile/source-lines.ts";
import type { StageInstruction } from "../dockerfile/instruction.ts";
import type { RunInstruction } from "../dockerfile/instructions/run.ts";
import type { ArgInstruction } from "../dockerfile/instructions/stage.ts";
import { resolveMount } from "../dockerfile/instructions/run-mount.ts";
import { sourceStages, type PlannedStage } from "../evaluation/plan.ts";
import { expand, StageVariables } from "../evaluation/variables.ts";
import type { ReadBuild } from "../read-build.ts";

/** Lines of the Dockerfile, from 1. */
interface Place {
  readonly start: number;
  readonly end: number;
}

/** A build argument that a target looks at. */
export interface OutlinedArgument extends Place {
  readonly name: string;
  readonly value: string | undefined;
  /** Of the comment above it that begins with its name. */
  readonly description: string;
}

/** A secret or an SSH agent that a target asks for. */
export interface OutlinedMount extends Place {
  readonly name: string;
  readonly required: boolean;
}

export interface Target extends Place {
  readonly name: string;
  readonly description: string;
  readonly isDefault: boolean;
  /** As it is written. */
  readonly base: string;
  readonly platform: string;
}

/** What a Dockerfile offers and asks for, without a build. */
export interface Outline {
  readonly targets: readonly Target[];
  /** Of the target that was asked for. */
  readonly name: string;
  readonly description: string;
  readonly args: readonly OutlinedArgument[];
  readonly secrets: readonly OutlinedMount[];
  readonly ssh: readonly OutlinedMount[];
}

export function outlineOf(read: ReadBuild): Outline {
  const { dockerfile, plan } = read;
  const targets = dockerfile.stages.map(({ from, index }): Target => ({
    name: from.stageName ?? "",
    description: describe(from, from.stageName ?? ""),
    isDefault: index === dockerfile.stages.length - 1,
    base: from.base,
    platform: from.platform ?? "",
    ...placeOf(from),
  }));
  const found = { args: new Map(), secrets: new Map(), ssh: new Map() };
  const stages = new StageOutlines(read, found);
  stages.visit(plan.target);
  const { name, description } = targets[plan.target]!;
  const inOrder = <T extends Place>(values: Iterable<T>) => [...values].toSorted((a, b) => a.start - b.start);
  return {
    targets,
    name,
    description,
    args: inOrder(found.args.values()),
    secrets: inOrder(found.secrets.values()),
    ssh: inOrder(found.ssh.values()),
  };
}

interface Found {
  readonly args: Map<string, OutlinedArgument>;
  readonly secrets: Map<string, OutlinedMount>;
  readonly ssh: Map<string, OutlinedMount>;
}

class StageOutlines {
  readonly #read: ReadBuild;
  readonly #found: Found;
  /** The stages that arguments were found in. */
  readonly #owners = new Map<string, number>();
  readonly #visited = new Map<number, StageVariables>();

  constructor(read: ReadBuild, found: Found) {
    this.#read = read;
    this.#found = found;
  }

  /** A stage, and those it needs. What several stages have is told of the first that comes. */
  visit(index: number): StageVariables {
    const known = this.#visited.get(index);
    if (known) return known;
    const { plan, global } = this.#read;
    const { stage, base } = plan.stages[index]!;
    const inherited = base.kind === "stage" ? this.visit(base.index) : undefined;
    const variables = new StageVariables(global, inherited?.env() ?? [], inherited);
    this.#visited.set(index, variables);
    this.#uses([stage.from.base, stage.from.platform ?? ""]);
    for (const one of stage.instructions) this.#instruction(variables, one, plan.stages, index);
    return variables;
  }

  #instruction(
    variables: StageVariables,
    one: StageInstruction,
    stages: readonly PlannedStage[],
    index: number,
  ): void {
    const replace = (word: string) => expand(one, word, variables.values(), variables.escape);
    if (one.kind === "ARG") this.#argument(variables, one, index, replace);
    if (one.kind === "ENV") {
      const pairs = one.pairs.map(({ name, value }) => [replace(name), replace(value)] as const);
      for (const [name, value] of pairs) variables.setEnv(name, value);
    }
    if (one.kind === "RUN") this.#mounts(one, replace);
    for (const source of sourceStages(stages, one)) this.visit(source);
  }

  #argument(
    variables: StageVariables,
    line: ArgInstruction,
    index: number,
    replace: (word: string) => string,
  ): void {
    const { passed } = this.#read.global;
    for (const { name, value } of line.args) {
      const result = variables.declare(name, value === undefined ? undefined : replace(value));
      const isGlobal = value === undefined && !passed.has(name) && this.#globalOf(name) !== undefined;
      if (isGlobal) this.#uses([`$${name}`]);
      else this.#add(name, index, argument(name, line, result));
      this.#uses([value ?? ""]);
    }
  }

  #mounts(line: RunInstruction, replace: (word: string) => string): void {
    for (const written of line.mounts) {
      const mount = resolveMount(line, written, replace);
      if (mount.type !== "secret" && mount.type !== "ssh") continue;
      const kind = mount.type === "secret" ? this.#found.secrets : this.#found.ssh;
      const { id, required } = mount;
      if (!kind.has(id)) kind.set(id, { name: id, required, ...placeOf(line) });
    }
  }

  /** ARGs before the first FROM count where somebody takes their value. */
  #uses(words: readonly string[]): void {
    for (const name of words.flatMap(variablesIn)) {
      const line = this.#globalOf(name);
      if (line === undefined || this.#found.args.has(name)) continue;
      this.#found.args.set(name, argument(name, line, this.#read.global.values.get(name)));
      const all = this.#read.dockerfile.args.flatMap((one) => one.args);
      this.#uses(all.flatMap((one) => (one.name === name ? (one.value ?? "") : [])));
    }
  }

  #globalOf(name: string): ArgInstruction | undefined {
    return this.#read.dockerfile.args.findLast((line) => line.args.some((one) => one.name === name));
  }

  /** The last of one stage counts. */
  #add(name: string, index: number, found: OutlinedArgument): void {
    if (this.#found.args.has(name) && this.#owners.get(name) !== index) return;
    this.#owners.set(name, index);
    this.#found.args.set(name, found);
  }
}

function argument(name: string, line: SourceLine, value: string | undefined): OutlinedArgument {
  return { name, value, description: describe(line, name), ...placeOf(line) };
}

function placeOf({ line, end }: SourceLine): Place {
  return { start: line, end };
}

function describe({ comments }: SourceLine, name: string): string {
  if (name === "") return "";
  const own = comments.find((comment) => comment.trim().startsWith(`${name} `));
  return own === undefined ? "" : own.trim().slice(name.length + 1);
}

/** Names of variables that a word takes: `$A`, `${B}`, `${C:-d}`. */
function variablesIn(word: string): string[] {
  return [...word.matchAll(/\$\{?([A-Za-z_][A-Za-z0-9_]*)/g)].map(([, name = ""]) => name);
}
