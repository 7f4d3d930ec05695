export type { Operation, OperationContext, Operations, OperationState } from "./operation.ts";
export { createOperations } from "./operations.ts";
