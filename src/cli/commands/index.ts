import type { Command, CommandHelp } from "../command.ts";
import { doctor } from "./doctor.ts";
import { systemLogs, systemStatus, systemStop, systemUnit } from "./system.ts";
import { serve } from "./serve.ts";
import { config, down, logs, plan, ps, up } from "./stack.ts";

/** Every command of the program, in the order in which the help shows them. */
export const commands: readonly Command[] = [
  up,
  down,
  ps,
  logs,
  plan,
  config,
  doctor,
  systemStatus,
  systemStop,
  systemLogs,
  systemUnit,
];

/** What the help and the reference tell of. */
export const documented: readonly CommandHelp[] = [...commands, serve];
