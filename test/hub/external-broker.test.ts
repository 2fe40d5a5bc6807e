/** An external broker as far as MQTT goes: plain aedes behind a socket, which knows nothing of this project's rules. */
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import test from "ava";
import { Aedes } from "aedes";
import { systemClock } from "../../core/api/clock.ts";
import { systemEntropy } from "../../core/api/entropy.ts";
import { silentLog } from "../../core/api/log.ts";
import { CHANNEL } from "../../core/api/streams.ts";
import { hubLinks } from "../../core/hub/links.ts";
import { hubStreams } from "../../core/hub/streams.ts";
import { acceptStreams } from "../../core/wire/accept-streams.ts";
import type { DeviceLinks, MqttDeviceOptions } from "../../core/wire/mqtt-device.ts";
import { mqttDevice, sharedMqttDevice } from "../../core/wire/mqtt-device.ts";

const until = <T>(register: (listener: (value: T) => void) => void): Promise<T> => new Promise((resolve) => register(resolve));

const devices: { readonly [name: string]: (options: MqttDeviceOptions) => DeviceLinks } = {
  "two connections": (options) => ({ control: mqttDevice(options), streams: mqttDevice({ ...options, channel: "streams" }) }),
  "one connection": sharedMqttDevice,
};

for (const [name, connect] of Object.entries(devices)) test(`hub and device with ${name} meet at an external broker, lose it, and meet again`, async (t) => {
  const aedes = await Aedes.createBroker();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    aedes.handle(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => {
    aedes.close();
    server.close();
  });
  const url = `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const parts = { tls: () => undefined, clock: systemClock, entropy: { ...systemEntropy, fraction: () => 0.01 }, log: silentLog };
  const links = await hubLinks({ external: { ...parts, url, clientId: "server" } });
  t.teardown(() => links.close());
  const reachable: boolean[] = [];
  links.control.onReachable?.((state) => reachable.push(state));
  await until<boolean>((resolve) => links.streams.onReachable?.((state) => state && resolve(true)));
  await until<boolean>((resolve) => links.control.onReachable?.((state) => state && resolve(true)));

  const present: [string, boolean][] = [];
  const arrived = until<void>((resolve) =>
    links.control.onPresence((node, state) => {
      present.push([node, state]);
      resolve();
    }),
  );
  const { control: device, streams: second } = connect({ ...parts, urls: [url], node: "dev1" });
  t.teardown(async () => {
    await device.close();
    await second.close();
  });
  acceptStreams(second, () => async (stream) => {
    for await (const frame of stream.frames) await stream.send({ channel: CHANNEL.stdout, data: frame.data });
    stream.close();
  });
  await Promise.all([device, second].map((link) => until<boolean>((resolve) => link.onConnected((connected) => connected && resolve(true)))));
  await arrived;
  t.deepEqual(present, [["dev1", true]]);

  const up = until<[string, Uint8Array]>((resolve) => links.control.onMessage((node, payload) => resolve([node, payload])));
  await device.publish(Buffer.from("up"));
  t.deepEqual(await up, ["dev1", Buffer.from("up")]);
  const down = until<Uint8Array>((resolve) => device.onMessage(resolve));
  await links.control.publish("dev1", Buffer.alloc(100_000, 1));
  t.is((await down).length, 100_000);

  const streams = hubStreams({ link: links.streams, ...parts });
  const exec = { type: "exec", namespace: "a", pod: "b", uid: "c", container: "d", command: ["sh"], stdin: true, stdout: true, stderr: true, tty: false } as const;
  const stream = await streams.open("dev1", exec, new AbortController().signal);
  await stream.send({ channel: CHANNEL.stdin, data: Buffer.alloc(300_000, 5) });
  let got = 0;
  const reader = stream.frames[Symbol.asyncIterator]();
  while (got < 300_000) got += (await reader.next()).value?.data.length ?? 0;
  t.is(got, 300_000);

  const again = Promise.all([device, second].map((link) => until<boolean>((resolve) => link.onConnected((connected) => !connected && link.onConnected((back) => back && resolve(true))))));
  const ended = t.throwsAsync(reader.next());
  for (const socket of sockets) socket.destroy();
  await again;
  await ended;
  await until<boolean>((resolve) => links.control.onReachable?.((state) => state && resolve(true)));
  t.deepEqual(reachable.slice(0, 3), [true, false, true]);
});
