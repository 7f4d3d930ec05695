export { finishChange, type UnfinishedChange } from "./recover.ts";
export { planChange, recreate } from "./recreate.ts";
export type { Changed, ChangeOptions, ChangePlan, ContainerChange, Difference } from "./request.ts";
