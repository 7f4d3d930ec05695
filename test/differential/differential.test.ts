import { configCases } from "./cases/config.ts";
import { filesCases } from "./cases/files.ts";
import { imagesCases } from "./cases/images.ts";
import { lifecycleCases } from "./cases/lifecycle.ts";
import { networksCases } from "./cases/networks.ts";
import { streamsCases } from "./cases/streams.ts";
import { systemCases } from "./cases/system.ts";
import { differential } from "./suite.ts";

differential([
  ...systemCases,
  ...lifecycleCases,
  ...configCases,
  ...streamsCases,
  ...filesCases,
  ...imagesCases,
  ...networksCases,
]);
