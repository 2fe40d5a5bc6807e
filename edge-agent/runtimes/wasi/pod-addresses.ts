/** Where component pods get their addresses from. Nobody gives them back: an address is taken as long as a pod has it. */
export interface PodAddresses {
  /** one that is not taken and can be bound. @throws Error when there is none */
  take(taken: ReadonlySet<string>): Promise<string>;
  /** pods have these from before: after a reboot nobody else may know of them */
  keep?(taken: readonly string[]): Promise<void>;
}
