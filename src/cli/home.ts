/** The checkout: of `src/cli`, and as far from the bundle that tools/bundle.ts makes in `node_modules/.virga-cli`. */
export const home = import.meta.dir.replace(/\/[^/]+\/[^/]+$/, "");
