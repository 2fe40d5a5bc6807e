/** ComponentStatuses: what old clients ask for to see if the control plane is well. */
import type { KindHooks } from "../kinds.ts";
import type { ComponentStatus } from "../types.gen.ts";
import { wordTable } from "../word-table.ts";
import { columnsOf, nameColumn } from "./column.ts";

const column = columnsOf<ComponentStatus>();

const healthy = ({ conditions = [] }: ComponentStatus) => conditions.find(({ type }) => type === "Healthy");
const words = wordTable<string>({ True: "Healthy", False: "Unhealthy" });

export const componentStatusHooks: KindHooks = {
  columns: [
    nameColumn,
    column("Status", (status) => words[healthy(status)?.status ?? ""] ?? "Unknown"),
    column("Message", (status) => healthy(status)?.message ?? ""),
    column("Error", (status) => healthy(status)?.error ?? ""),
  ],
};
