/** A command is data: help text, argument parsing and shell completion follow from it. */
export interface Command extends CommandHelp {
  run(invocation: Invocation): Promise<number>;
}

/** A command line, read: what was given for each option. */
export interface Invocation {
  readonly root: string;
  readonly arguments: readonly string[];
  /** Whether the option is on the command line at all. */
  given(name: string): boolean;
  flag(name: string, otherwise?: boolean): boolean;
  text(name: string): string | undefined;
  texts(name: string): readonly string[];
  /** The value of a `number`, `decimal`, `size` (bytes) or `duration` (milliseconds). */
  number(name: string): number | undefined;
  numbers(name: string): readonly number[];
}

export interface CommandHelp {
  /** As typed: `up`, `system status`. */
  readonly name: string;
  readonly summary: string;
  /** What follows the name in the usage line: `[FOLDER | FILE] [SERVICE...]`. */
  readonly usage: string;
  readonly options: Readonly<Record<string, Option>>;
  /** At least and at most so many arguments; without a maximum any number. */
  readonly arguments?: { readonly min?: number; readonly max?: number };
  /** What follows the first so many arguments is taken as it is: the command of a container, with its options. */
  readonly restAfter?: number;
  /** Exit code for a wrong command line; else 2, which could be the code of a command that is run. */
  readonly usageErrorCode?: number;
  /** What the arguments name, for shell completion; the last is for all that follow. */
  readonly completes?: readonly Completion[];
  /** Longer help, after the options. */
  readonly details?: string;
}

export type Completion =
  | "container"
  | "running"
  | "stopped"
  | "image"
  | "network"
  | "volume"
  | "stack"
  | "service"
  | "file"
  | "folder"
  | "nothing";

export interface Option {
  /** `size` is `512m` in bytes, `duration` is `1m30s` in milliseconds; `number` is whole, `decimal` is `1.5`. */
  readonly type: "boolean" | "string" | "number" | "decimal" | "size" | "duration";
  readonly short?: string;
  readonly multiple?: boolean;
  /** Name of the value in the help text. */
  readonly value?: string;
  /** The only values there are. */
  readonly choices?: readonly string[];
  readonly completes?: Completion;
  readonly help: string;
  /** Heading that it stands below in the help; without one it stands in front. */
  readonly section?: string;
  /** Another spelling, which the help does not show. */
  readonly alias?: string;
}

export const commonOptions: Readonly<Record<string, Option>> = {
  root: {
    type: "string",
    value: "DIR",
    help: "the daemon's folder (or VIRGA_ROOT; default /var/lib/virga)",
    completes: "folder",
  },
  help: { type: "boolean", short: "h", help: "show this help" },
};

export const jsonOption = { json: { type: "boolean", help: "print JSON" } } as const satisfies Record<
  string,
  Option
>;
export const quietOption = {
  quiet: { type: "boolean", short: "q", help: "print names only" },
} as const satisfies Record<string, Option>;

/** The options of a command with those of every command; a command may take `-h` for itself. */
export function allOptions(command: CommandHelp): Readonly<Record<string, Option>> {
  const taken = Object.values(command.options).some((option) => option.short === "h");
  const { root, help } = commonOptions as { readonly root: Option; readonly help: Option };
  const { short: _, ...long } = help;
  return { ...command.options, root, help: taken ? long : help };
}
