export { openState, type Migration, type State } from "./state.ts";
