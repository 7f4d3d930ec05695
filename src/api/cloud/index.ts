export { createCloudApp, type CloudApiDependencies } from "./app.ts";
