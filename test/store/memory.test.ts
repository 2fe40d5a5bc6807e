import test from "ava";
import { memoryDriver } from "../../core/store/drivers/memory.ts";
import { openStore } from "../../core/store/open.ts";
import { storeSuite } from "../suites/store.ts";

storeSuite(test, { open: (options) => openStore(memoryDriver(), options) });
