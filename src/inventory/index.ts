export { createInventories, inventoryMigrations, type Inventories } from "./inventories.ts";
export {
  systemTypes,
  type Distribution,
  type Finding,
  type ImageInventory,
  type Package,
  type PackageType,
  type TreeInventory,
} from "./package.ts";
