import test from "ava";
import { mendGlue } from "../../wasm-runtime/mend-glue.ts";

const lowering = (table: number, used: number) => `_lowerFlatOwn({
  componentIdx: 3,
  tableIdx: ${table},
  lowerFn:
  function lowerImportedOwnedHost_Descriptor(obj) {
    let handle = obj[symbolRscHandle];
    if (!handle) {
      handle = rscTableCreateOwn(handleTable${used}, rep);
    }
    return handle;
  }
});`;

test("a returned resource goes into the component's table", (t) => {
  t.is(mendGlue(lowering(15, 7) + lowering(3, 3)), lowering(15, 15) + lowering(3, 3));
});

test("what is not recognised stays as it is", (t) => {
  const others = ["handle = rscTableCreateOwn(handleTable4, rep);", "tableIdx: 4, lowerFn: undefined, tableIdx: 5", ""];
  for (const source of others) t.is(mendGlue(source), source);
});
