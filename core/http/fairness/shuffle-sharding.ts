/**
 * Shuffle sharding: a flow is dealt a small hand of the queues, always the same one, and uses the shortest of them. A flow
 * that floods its hand leaves almost every other flow at least one queue of its own (KEP-1040).
 */
import { createHash } from "node:crypto";

/** `size` different numbers below `deck`, decided by the flow alone. */
export function dealHand(flow: string, deck: number, size: number): readonly number[] {
  // each card takes the remainder of a fresh part of the hash: the parts are independent, the modulo bias is below 2^-20
  const bytes = createHash("sha512").update(flow).digest();
  const hand: number[] = [];
  for (let card = 0; card < Math.min(size, deck, bytes.length / 4); card++) {
    let pick = bytes.readUInt32LE(card * 4) % (deck - card);
    // the pick-th of the queues that are not in the hand yet
    for (const taken of hand.toSorted((a, b) => a - b)) if (taken <= pick) pick++;
    hand.push(pick);
  }
  return hand;
}
