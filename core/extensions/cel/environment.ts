/**
 * CEL as Kubernetes offers it (documentation, "Common Expression Language in Kubernetes"): one environment with the
 * libraries, made once; each kind of expression clones it and adds its variables and types.
 */
import { Environment, type Optional } from "@marcbachmann/cel-js";
import { boundBacktracking } from "../go-regexp.ts";
import { addresses } from "./library/addresses.ts";
import { authorizers } from "./library/authorizer.ts";
import { lists } from "./library/lists.ts";
import { namedFormats } from "./library/named-formats.ts";
import { quantities } from "./library/quantities.ts";
import { texts } from "./library/texts.ts";
import { urls } from "./library/urls.ts";
import { versions } from "./library/versions.ts";
import { celEqual } from "./values.ts";

export type { Environment } from "@marcbachmann/cel-js";

let base: Environment | undefined;

/** A fresh environment; registering in it changes no other. */
export function celEnvironment(): Environment {
  if (base === undefined) {
    boundBacktracking();
    base = new Environment({ enableOptionalTypes: true });
    // allowed by cel-go, and never true
    base.registerOperator("optional == null", () => false);
    base.registerOperator("optional<A> == optional<A>", (a: Optional, b: Optional) => a.hasValue() === b.hasValue() && (!a.hasValue() || celEqual(a.value(), b.value())));
    for (const library of [addresses, authorizers, lists, namedFormats, quantities, texts, urls, versions]) library(base);
  }
  return base.clone();
}
