import { bytes, choice, decimal, duration, integer, object, type Keys, type KeyNotes } from "./readers.ts";

const oneMachine = "it is for clusters, and this is one machine";

export const limitKeys = { cpus: decimal, memory: bytes(), pids: integer({ min: -1 }) } satisfies Keys;
export const reservationKeys = { cpus: decimal, memory: bytes() } satisfies Keys;
export const reservationNotes: KeyNotes = {
  refused: { devices: "device reservations (GPUs) are not there", generic_resources: oneMachine },
  notes: { cpus: "checked, without effect: there is no guaranteed share" },
};
export const restartPolicyKeys = {
  condition: choice("none", "on-failure", "any"),
  max_attempts: integer({ min: 0 }),
  delay: duration,
  window: duration,
} satisfies Keys;

export const deployKeys = {
  mode: choice("replicated", "global", "replicated-job", "global-job"),
  replicas: integer({ min: 0, max: 1000 }),
  resources: object({
    limits: object(limitKeys),
    reservations: object(reservationKeys, reservationNotes),
  }),
  restart_policy: object(restartPolicyKeys),
} satisfies Keys;

export const deployNotes: KeyNotes = {
  notes: {
    mode: "only `replicated`",
    restart_policy: "`condition` and `max_attempts`; `delay` and `window` have no effect (a warning says so)",
    "resources.reservations": "`memory`; `cpus` is checked, without effect",
  },
  hints: {
    endpoint_mode: oneMachine,
    labels: "they belong to the service of a cluster; container labels stand under 'labels' of the service",
    placement: oneMachine,
    rollback_config: oneMachine,
    update_config: oneMachine,
  },
};

const readDeploy = object(deployKeys, deployNotes);

export const deploy: typeof readDeploy = (node, path, problems) => {
  const read = readDeploy(node, path, problems);
  if (read?.mode !== undefined && read.mode !== "replicated") {
    problems.unimplemented(node.at, `${path}.mode`, `'${read.mode}' is not supported; 'replicated' is`);
  }
  for (const key of ["delay", "window"] as const) {
    if (read?.restart_policy?.[key] !== undefined) {
      problems.warn(
        node.at,
        `${path}.restart_policy.${key} has no effect here: restarts wait longer each time`,
      );
    }
  }
  return read;
};
