import { readdirSync } from "node:fs";
import type { BuildRun } from "../build-run.ts";
import { layerEpoch, timeOf } from "../epoch.ts";
import { processOf, shellOf, type StageState } from "../evaluation/stage-state.ts";

/**
 * Makes the image that `virga build --debug` opens a shell in: the files as they were when a RUN failed, with the
 * variables that it had, but for secrets.
 */
export async function keepFailed(
  run: BuildRun,
  state: StageState,
  upper: string,
  reference: string,
): Promise<void> {
  const { images, layers } = run.services;
  const stack = [...state.layers];
  if (readdirSync(upper).length > 0) {
    const { layer, descriptor } = await run.inUse.making(async () => {
      const options = { move: true, signal: run.signal, sourceDateEpoch: layerEpoch(run, state) };
      const made = await layers.commit(upper, options);
      run.undo.use(run.inUse.hold({ diffId: made.layer.diffId, descriptor: made.descriptor }));
      return made;
    });
    stack.push({ diffId: layer.diffId, descriptor });
  }
  const { Entrypoint: _, Healthcheck: _check, ...process } = processOf(state);
  const [shell = "/bin/sh"] = shellOf(state);
  const config = {
    ...process,
    Env: state.variables.runEnv(),
    Cmd: [shell],
  };
  const created = timeOf(state.epoch);
  // What its history would say of the layers does not matter; that it has one line for each does.
  const history = stack.map(() => ({ created, created_by: "virga build --debug" }));
  await images.create({ config: { ...state.platform, created, config, history }, layers: stack }, reference);
}
