/** How often a property is tried in the default run. */
export const RUNS = 2000;
