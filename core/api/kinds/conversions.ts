/** Kinds that are served in more than one form. The rows that are not the stored form convert to and from it. */
import { eventConversion } from "./convert-event.ts";
import { horizontalPodAutoscalerConversion } from "./convert-horizontal-pod-autoscaler.ts";
import type { HooksByKind } from "./built-in.ts";

export const conversions: HooksByKind = {
  "events.k8s.io/v1/Event": eventConversion,
  "autoscaling/v1/HorizontalPodAutoscaler": horizontalPodAutoscalerConversion,
};
