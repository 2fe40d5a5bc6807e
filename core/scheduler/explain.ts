/** The sentence that says why a pod waits, as `kubectl describe` shows it and users search for it. */
export function explain(nodes: number, reasons: ReadonlyMap<string, number>, preemption: string | undefined): string {
  if (nodes === 0) return "no nodes available to schedule pods";
  const parts = [...reasons].map(([reason, count]) => `${count} ${reason}`).toSorted();
  const head = `0/${nodes} nodes are available: ${parts.join(", ")}.`;
  return preemption === undefined ? head : `${head} ${preemption}`;
}

export function preemptionNote(nodes: number, helps: boolean): string {
  return helps ? "preemption: victims are being removed." : `preemption: 0/${nodes} nodes are available: ${nodes} No preemption victims found for incoming pod.`;
}
