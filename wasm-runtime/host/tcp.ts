/**
 * wasi:sockets/tcp 0.2 as the state machine that the interface describes: unbound → bound → listening | connecting →
 * connected. Each step is checked against the grant where the guest names an address.
 */
import { bindAddress } from "./bind-address.ts";
import { Failure, Pollable } from "./io.ts";
import type { InputStream, OutputStream } from "./io.ts";
import type { Peer, Word } from "./net-messages.ts";
import { Connection } from "./net-stream.ts";
import { isAny, isMapped, networkCode, peerOf, socketAddress } from "./socket-addresses.ts";
import type { Family, IpSocketAddress, Network } from "./socket-addresses.ts";
import type { Granted } from "./sockets.ts";
import { lookAround } from "./waiting.ts";

type State = "unbound" | "binding" | "bound" | "connecting" | "connected" | "listening-soon" | "listening" | "closed";
interface Accepted {
  readonly connection: Connection;
  readonly local: Peer;
  readonly remote: Peer;
}

/** As most systems; connections beyond it are refused. */
const DEFAULT_BACKLOG = 128;
const MAX_BACKLOG = 1024;
const NANOSECONDS_PER_MS = 1_000_000n;
/** Linux' defaults (tcp(7)): what a guest reads back before it sets something else */
const KEEP_ALIVE = { enabled: false, idleTime: 7200n * 1_000_000_000n, interval: 75n * 1_000_000_000n, count: 9 };
const DEFAULT_HOPS = 64;
const BUFFER_BYTES = 256n << 10n;

export class TcpSocket {
  #granted: Granted | undefined;
  #family: Family = "ipv4";
  #state: State = "unbound";
  #local: Peer | undefined;
  #remote: Peer | undefined;
  /** bound to nothing in particular: the system chooses when it connects */
  #anywhere = false;
  #backlog = DEFAULT_BACKLOG;
  #id: number | undefined;
  #connection: Connection | undefined;
  #opened = false;
  #failed: Failure<string> | undefined;
  readonly #accepted: Accepted[] = [];
  readonly #keepAlive = { ...KEEP_ALIVE };
  #hops = DEFAULT_HOPS;
  #receiveBuffer = BUFFER_BYTES;
  #sendBuffer = BUFFER_BYTES;

  static of(granted: Granted, family: Family): TcpSocket {
    const socket = new TcpSocket();
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
    this.#local = bindAddress("tcp", this.#grant, this.#family, address);
    this.#anywhere = isAny(address) && this.#local.port === 0;
    this.#state = "binding";
  }

  finishBind(): void {
    if (this.#state !== "binding") throw new Failure("not-in-progress");
    this.#state = "bound";
  }

  startConnect(_network: Network, address: IpSocketAddress): void {
    if (this.#state !== "unbound" && this.#state !== "bound") throw new Failure("invalid-state");
    const to = peerOf(address);
    if (address.tag !== this.#family || isMapped(address) || isAny(address) || to.port === 0) throw new Failure("invalid-argument");
    if (!this.#grant.outbound.allowsAddress(to.host, to.port)) {
      this.#grant.refused(`a connection to ${to.host}:${to.port}`);
      throw new Failure("access-denied");
    }
    this.#remote = to;
    this.#state = "connecting";
    const id = this.#grant.net.begin({ op: "connect", to, from: this.#anywhere ? undefined : this.#local }, (word) => this.#hear(word));
    this.#id = id;
    this.#connection = new Connection(this.#grant.net, id, networkCode);
  }

  #hear(word: Word): void {
    if (word.is === "open") {
      this.#opened = true;
      this.#local = word.local;
      this.#remote = word.remote ?? this.#remote;
    } else if (word.is === "accepted") {
      const { net } = this.#grant;
      const connection = new Connection(net, word.as, networkCode);
      net.adopt(word.as, (next) => connection.hear(next));
      this.#accepted.push({ connection, local: word.local, remote: word.remote });
    } else {
      if (word.is === "failed" && !this.#opened) this.#failed = new Failure(networkCode(word.code));
      this.#connection?.hear(word);
    }
  }

  finishConnect(): [InputStream, OutputStream] {
    if (this.#state !== "connecting") throw new Failure("not-in-progress");
    lookAround();
    if (this.#failed !== undefined) {
      this.#state = "closed";
      throw this.#failed;
    }
    const connection = this.#connection;
    if (!this.#opened || connection === undefined) throw new Failure("would-block");
    this.#state = "connected";
    return [connection.input(), connection.output()];
  }

  setListenBacklogSize(size: bigint): void {
    if (size === 0n) throw new Failure("invalid-argument");
    if (this.#state === "connected" || this.#state === "connecting" || this.#state === "closed") throw new Failure("invalid-state");
    this.#backlog = Number(size > BigInt(MAX_BACKLOG) ? MAX_BACKLOG : size);
  }

  startListen(): void {
    if (this.#state !== "bound" || this.#local === undefined) throw new Failure("invalid-state");
    if (this.#local.port === 0) {
      // an ephemeral port cannot be in a grant, and nobody could know it
      this.#grant.refused("listening on a port of the system's choice");
      throw new Failure("access-denied");
    }
    this.#state = "listening-soon";
    this.#id = this.#grant.net.begin({ op: "listen", at: this.#local, backlog: this.#backlog }, (word) => this.#hear(word));
  }

  finishListen(): void {
    if (this.#state !== "listening-soon") throw new Failure("not-in-progress");
    lookAround();
    if (this.#failed !== undefined) {
      this.#state = "closed";
      throw this.#failed;
    }
    if (!this.#opened) throw new Failure("would-block");
    this.#state = "listening";
  }

  accept(): [TcpSocket, InputStream, OutputStream] {
    if (this.#state !== "listening") throw new Failure("invalid-state");
    lookAround();
    const next = this.#accepted.shift();
    if (next === undefined) throw new Failure("would-block");
    const socket = TcpSocket.of(this.#grant, this.#family);
    socket.#state = "connected";
    socket.#opened = true;
    socket.#local = next.local;
    socket.#remote = next.remote;
    socket.#id = next.connection.id;
    socket.#connection = next.connection;
    return [socket, next.connection.input(), next.connection.output()];
  }

  localAddress(): IpSocketAddress {
    if (this.#local === undefined || this.#state === "binding") throw new Failure("invalid-state");
    return socketAddress(this.#local);
  }

  remoteAddress(): IpSocketAddress {
    if (this.#state !== "connected" || this.#remote === undefined) throw new Failure("invalid-state");
    return socketAddress(this.#remote);
  }

  isListening = () => this.#state === "listening";
  addressFamily = () => this.#family;

  keepAliveEnabled = () => this.#keepAlive.enabled;
  keepAliveIdleTime = () => this.#keepAlive.idleTime;
  keepAliveInterval = () => this.#keepAlive.interval;
  keepAliveCount = () => this.#keepAlive.count;
  hopLimit = () => this.#hops;
  receiveBufferSize = () => this.#receiveBuffer;
  sendBufferSize = () => this.#sendBuffer;

  setKeepAliveEnabled(enabled: boolean): void {
    this.#keepAlive.enabled = enabled;
    this.#applyKeepAlive();
  }

  setKeepAliveIdleTime(duration: bigint): void {
    this.#keepAlive.idleTime = positive(duration);
    this.#applyKeepAlive();
  }

  setKeepAliveInterval(duration: bigint): void {
    this.#keepAlive.interval = positive(duration);
  }

  setKeepAliveCount(count: number): void {
    this.#keepAlive.count = positive(count);
  }

  // Node sets neither hop limits nor buffer sizes; what was set is remembered, as a hint may be
  setHopLimit(hops: number): void {
    this.#hops = positive(hops);
  }

  setReceiveBufferSize(size: bigint): void {
    this.#receiveBuffer = positive(size);
  }

  setSendBufferSize(size: bigint): void {
    this.#sendBuffer = positive(size);
  }

  #applyKeepAlive(): void {
    if (this.#id === undefined || this.#connection === undefined) return;
    this.#grant.net.tell({ id: this.#id, op: "keep-alive", enabled: this.#keepAlive.enabled, idleMs: Number(this.#keepAlive.idleTime / NANOSECONDS_PER_MS) });
  }

  subscribe(): Pollable {
    switch (this.#state) {
      case "connecting":
      case "listening-soon":
        return Pollable.when(() => this.#opened || this.#failed !== undefined);
      case "listening":
        return Pollable.when(() => this.#accepted.length > 0);
      default:
        return new Pollable();
    }
  }

  shutdown(type: "receive" | "send" | "both"): void {
    if (this.#state !== "connected") throw new Failure("invalid-state");
    if (type !== "send") this.#connection?.shutInput();
    if (type !== "receive") this.#connection?.shutOutput();
  }

  [Symbol.dispose](): void {
    const net = this.#granted?.net;
    if (net === undefined) return;
    for (const { connection } of this.#accepted) net.end(connection.id);
    if (this.#id !== undefined) net.end(this.#id);
    this.#state = "closed";
  }
}

function positive<T extends number | bigint>(value: T): T {
  if (value <= 0) throw new Failure("invalid-argument");
  return value;
}
