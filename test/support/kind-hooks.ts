/** The behaviour of the built-in kinds, under the name that tests ask for it. */
export { builtInHooks as hooksForTests } from "../../core/api/kinds/hooks.ts";
