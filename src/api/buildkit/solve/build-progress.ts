import { messageOf } from "../../../base/index.ts";
import type { BuildEvent } from "../../../builds/index.ts";
import type { ProgressVertex, SolveProgress } from "./progress.ts";

/** Shows a build's steps as vertices. */
export function showBuild(progress: SolveProgress) {
  let current: ProgressVertex | undefined;
  let cached = false;
  const end = (error?: unknown) => {
    current?.complete({ cached, ...(error === undefined ? {} : { error: messageOf(error) }) });
    current = undefined;
    cached = false;
  };
  const onEvent = (event: BuildEvent): void => {
    switch (event.kind) {
      case "step":
        end();
        current = progress.vertex({ name: `[${event.stage ? `${event.stage} ` : ""}${event.number}/${event.total}] ${event.text}` });
        break;
      case "output":
        current?.log(event.stream, event.text);
        break;
      case "layer":
        cached ||= event.cached;
        break;
      case "warning":
        current?.log("stderr", `${event.text}\n`);
        break;
      case "container":
        break;
    }
  };
  return { onEvent, end };
}
