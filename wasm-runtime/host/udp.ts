/** wasi:sockets/udp 0.2: datagrams to and from where the grant says. */
import { bindAddress } from "./bind-address.ts";
import { Failure, Pollable } from "./io.ts";
import type { Peer, Word } from "./net-messages.ts";
import { plainAddress } from "./endpoints.ts";
import { isAny, isMapped, Network, networkCode, peerOf, socketAddress } from "./socket-addresses.ts";
import type { Family, IpSocketAddress } from "./socket-addresses.ts";
import type { Granted } from "./sockets.ts";
import { lookAround, waitFor } from "./waiting.ts";

interface Incoming {
  readonly data: Uint8Array;
  readonly remoteAddress: IpSocketAddress;
}

interface Outgoing {
  readonly data: Uint8Array;
  readonly remoteAddress: IpSocketAddress | undefined;
}

/** RFC 768; with the header it is 65,535 */
const MAX_DATAGRAM_BYTES = 65_507;
/** On their way at the same time; the guest waits for a permit beyond it. */
const MAX_UNSENT = 64;
const MAX_HOPS = 255;
const DEFAULT_HOPS = 64;
const BUFFER_BYTES = 256n << 10n;
/** How long the system may take to bind a port: no packet is involved. */
const BIND_NS = 5_000_000_000n;

export class UdpSocket {
  #granted: Granted | undefined;
  #family: Family = "ipv4";
  #state: "unbound" | "binding" | "bound" = "unbound";
  #local: Peer | undefined;
  #remote: Peer | undefined;
  #id: number | undefined;
  #opened = false;
  /** the moment by which an implicit bind must be done */
  #boundBy: bigint | undefined;
  #failed: Failure<string> | undefined;
  #unsent = 0;
  #received: { readonly bytes: Uint8Array; readonly from: Peer }[] = [];
  #streams = 0;
  #hops = DEFAULT_HOPS;
  #receiveBuffer = BUFFER_BYTES;
  #sendBuffer = BUFFER_BYTES;

  static of(granted: Granted, family: Family): UdpSocket {
    const socket = new UdpSocket();
    socket.#granted = granted;
    socket.#family = family;
    return socket;
  }

  get #grant(): Granted {
    if (this.#granted === undefined) throw new Failure("access-denied");
    return this.#granted;
  }

  startBind(_network: Network, address: IpSocketAddress): void {
    if (this.#state !== "unbound") throw new Failure("invalid-state");
    const at = bindAddress("udp", this.#grant, this.#family, address);
    this.#state = "binding";
    this.#id = this.#grant.net.begin({ op: "bind", at, family: this.#family }, (word) => this.#hear(word));
  }

  #hear(word: Word): void {
    switch (word.is) {
      case "open":
        this.#opened = true;
        this.#local = word.local;
        return;
      case "datagram":
        return this.#take(word.bytes, word.from);
      case "left":
        this.#unsent--;
        return;
      case "failed":
        this.#failed = new Failure(networkCode(word.code));
        return;
      default:
    }
  }

  /** Only from whom it may send to, or to a port that it was granted to listen on. */
  #take(bytes: Uint8Array, from: Peer): void {
    const { outbound, listening } = this.#grant;
    const connected = this.#remote;
    const wanted = connected === undefined || (connected.port === from.port && plainAddress(connected.host) === plainAddress(from.host));
    if (wanted && (listening.allows("udp", this.#local?.port ?? 0) || outbound.allowsAddress(from.host, from.port))) this.#received.push({ bytes, from });
    else this.#grant.net.tell({ id: this.#id ?? 0, op: "taken", bytes: 1 });
  }

  finishBind(): void {
    if (this.#state !== "binding") throw new Failure("not-in-progress");
    lookAround();
    if (this.#failed !== undefined) {
      this.#state = "unbound";
      throw this.#failed;
    }
    if (!this.#opened) throw new Failure("would-block");
    this.#state = "bound";
  }

  stream(remote: IpSocketAddress | undefined): [IncomingDatagramStream, OutgoingDatagramStream] {
    if (this.#state === "unbound") {
      // an implicit bind, as the interface allows
      this.startBind(new Network(), socketAddress({ host: this.#family === "ipv4" ? "0.0.0.0" : "::", port: 0 }));
      this.#boundBy = process.hrtime.bigint() + BIND_NS;
    }
    if (this.#boundBy !== undefined && this.#state === "binding") {
      waitFor(() => this.#opened || this.#failed !== undefined, this.#boundBy);
      this.finishBind();
    }
    if (this.#state !== "bound") throw new Failure("invalid-state");
    if (remote !== undefined) this.checkRemote(remote);
    this.#remote = remote === undefined ? undefined : peerOf(remote);
    // streams of an earlier call are out of use from here on
    const of = ++this.#streams;
    return [IncomingDatagramStream.of(this, of), OutgoingDatagramStream.of(this, of)];
  }

  checkRemote(address: IpSocketAddress): void {
    const to = peerOf(address);
    if (address.tag !== this.#family || isMapped(address) || isAny(address) || to.port === 0) throw new Failure("invalid-argument");
    if (this.#grant.outbound.allowsAddress(to.host, to.port)) return;
    this.#grant.refused(`a datagram to ${to.host}:${to.port}`);
    throw new Failure("access-denied");
  }

  isCurrent = (stream: number) => stream === this.#streams;
  readonly readable = () => this.#received.length > 0 || this.#failed !== undefined;
  readonly writable = () => this.#unsent < MAX_UNSENT || this.#failed !== undefined;

  receive(max: bigint): Incoming[] {
    lookAround();
    const count = max > BigInt(this.#received.length) ? this.#received.length : Number(max);
    if (count === 0 && this.#failed !== undefined && max > 0n) throw this.#failed;
    const taken = this.#received.splice(0, count);
    if (count > 0) this.#grant.net.tell({ id: this.#id ?? 0, op: "taken", bytes: count });
    return taken.map(({ bytes, from }) => ({ data: bytes, remoteAddress: socketAddress(from) }));
  }

  room(): number {
    lookAround();
    if (this.#failed !== undefined) throw this.#failed;
    return Math.max(0, MAX_UNSENT - this.#unsent);
  }

  send({ data, remoteAddress }: Outgoing): void {
    if (data.length > MAX_DATAGRAM_BYTES) throw new Failure("datagram-too-large");
    if (remoteAddress !== undefined) this.checkRemote(remoteAddress);
    const given = remoteAddress === undefined ? undefined : peerOf(remoteAddress);
    if (this.#remote !== undefined && given !== undefined && (given.host !== this.#remote.host || given.port !== this.#remote.port)) throw new Failure("invalid-argument");
    const to = given ?? this.#remote;
    if (to === undefined) throw new Failure("invalid-argument");
    this.#unsent++;
    this.#grant.net.tell({ id: this.#id ?? 0, op: "send", bytes: data.slice(), to });
  }

  localAddress(): IpSocketAddress {
    if (this.#state !== "bound" || this.#local === undefined) throw new Failure("invalid-state");
    return socketAddress(this.#local);
  }

  remoteAddress(): IpSocketAddress {
    if (this.#remote === undefined) throw new Failure("invalid-state");
    return socketAddress(this.#remote);
  }

  addressFamily = () => this.#family;
  unicastHopLimit = () => this.#hops;
  receiveBufferSize = () => this.#receiveBuffer;
  sendBufferSize = () => this.#sendBuffer;

  setUnicastHopLimit(hops: number): void {
    if (hops < 1 || hops > MAX_HOPS) throw new Failure("invalid-argument");
    this.#hops = hops;
  }

  setReceiveBufferSize(size: bigint): void {
    if (size === 0n) throw new Failure("invalid-argument");
    this.#receiveBuffer = size;
  }

  setSendBufferSize(size: bigint): void {
    if (size === 0n) throw new Failure("invalid-argument");
    this.#sendBuffer = size;
  }

  subscribe(): Pollable {
    return Pollable.when(this.#state === "binding" ? () => this.#opened || this.#failed !== undefined : undefined);
  }

  [Symbol.dispose](): void {
    if (this.#id !== undefined) this.#granted?.net.end(this.#id);
    this.#streams++;
  }
}

export class IncomingDatagramStream {
  #socket: UdpSocket | undefined;
  #number = 0;

  static of(socket: UdpSocket, number: number): IncomingDatagramStream {
    const stream = new IncomingDatagramStream();
    stream.#socket = socket;
    stream.#number = number;
    return stream;
  }

  receive(max: bigint): Incoming[] {
    return current(this.#socket, this.#number).receive(max);
  }

  subscribe(): Pollable {
    return Pollable.when(this.#socket?.readable);
  }
}

export class OutgoingDatagramStream {
  #socket: UdpSocket | undefined;
  #number = 0;
  #permit = 0;

  static of(socket: UdpSocket, number: number): OutgoingDatagramStream {
    const stream = new OutgoingDatagramStream();
    stream.#socket = socket;
    stream.#number = number;
    return stream;
  }

  checkSend(): bigint {
    this.#permit = current(this.#socket, this.#number).room();
    return BigInt(this.#permit);
  }

  /** @returns how many went out; what one of them makes impossible is told when it is the first */
  send(list: readonly Outgoing[]): bigint {
    const socket = current(this.#socket, this.#number);
    if (list.length > this.#permit) throw new Error(`${list.length} datagrams, ${this.#permit} were permitted`);
    this.#permit = 0;
    let sent = 0n;
    for (const datagram of list) {
      try {
        socket.send(datagram);
      } catch (error) {
        if (sent === 0n) throw error;
        return sent;
      }
      sent++;
    }
    return sent;
  }

  subscribe(): Pollable {
    return Pollable.when(this.#socket?.writable);
  }
}

function current(socket: UdpSocket | undefined, number: number): UdpSocket {
  if (socket === undefined || !socket.isCurrent(number)) throw new Failure("invalid-state");
  return socket;
}
