/** wasi:sockets/ip-name-lookup 0.2: names that a grant covers, and nothing that a name should not lead to. */
import { isIP } from "node:net";
import { Failure, Pollable } from "./io.ts";
import type { Net } from "./net.ts";
import { ipAddress, networkCode } from "./socket-addresses.ts";
import type { IpAddress } from "./socket-addresses.ts";
import type { Granted } from "./sockets.ts";
import { lookAround } from "./waiting.ts";

export class ResolveAddressStream {
  #addresses: string[] | undefined;
  #failed: Failure<string> | undefined;
  #end: (() => void) | undefined;

  static of(granted: Granted, name: string): ResolveAddressStream {
    const stream = new ResolveAddressStream();
    if (isIP(name) !== 0) {
      stream.#addresses = [name];
      return stream;
    }
    if (!/^[\x21-\x7e]{1,253}$/.test(name)) throw new Failure("invalid-argument");
    if (!granted.outbound.allowsName(name)) {
      granted.refused(`looking up ${name}`);
      throw new Failure("access-denied");
    }
    stream.#begin(granted.net, name, granted);
    return stream;
  }

  #begin(net: Net, name: string, { outbound }: Granted): void {
    const id = net.begin({ op: "resolve", name }, (word) => {
      if (word.is === "addresses") {
        this.#addresses = outbound.resolved(name, word.list);
        if (this.#addresses.length === 0) this.#failed = new Failure("access-denied");
      } else if (word.is === "failed") this.#failed = new Failure(networkCode(word.code));
      this.#end?.();
    });
    this.#end = () => net.end(id);
  }

  readonly #ready = () => this.#addresses !== undefined || this.#failed !== undefined;

  resolveNextAddress(): IpAddress | undefined {
    lookAround();
    if (this.#failed !== undefined) throw this.#failed;
    if (this.#addresses === undefined) throw new Failure("would-block");
    const next = this.#addresses.shift();
    return next === undefined ? undefined : ipAddress(next);
  }

  subscribe(): Pollable {
    return Pollable.when(this.#ready);
  }

  [Symbol.dispose](): void {
    this.#end?.();
  }
}
