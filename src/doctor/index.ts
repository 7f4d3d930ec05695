export { type CheckResult } from "./check.ts";
export { examine } from "./checks.ts";
export {
  findProgram,
  installPackages,
  missingPackages,
  requiredPackages,
  type RequiredPackage,
} from "./packages.ts";
