/** The command line: what each command is called and which flags it has. The work is in cli/<command>.ts, loaded on use. */
import { Command, InvalidArgumentError, Option } from "commander";
import { accessOptions } from "./cli/access-options.ts";
import { DEFAULT_MQTT_PORT, DEFAULT_PORT, DEFAULT_TOLERATION_SECONDS, defaultDataDir } from "./config.ts";

const dataDir = () =>
  new Option("--data-dir <dir>", "where everything is kept").env("LICHEN_DATA_DIR").default(defaultDataDir(process.env, process.getuid?.()));
const kubeconfig = () => new Option("--kubeconfig <file>", "credentials (default: the one in the data directory)").env("KUBECONFIG");

function port(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 65535) throw new InvalidArgumentError("expected a port, 0 to 65535 (0: any free one).");
  return value;
}

function seconds(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError("expected a whole number of seconds.");
  return value;
}

const list = (text: string) => text.split(",").filter((one) => one !== "");

const collect = (one: string, before: readonly string[]) => [...before, one];

function serverOptions(command: Command): Command {
  command
    .addOption(dataDir())
    .addOption(new Option("--host <address>", "address to listen on").env("LICHEN_HOST").default("::"))
    .addOption(new Option("--port <port>", "port of the Kubernetes API").env("LICHEN_PORT").argParser(port).default(DEFAULT_PORT))
    .addOption(new Option("--mqtt-port <port>", "port of the embedded MQTT broker").env("LICHEN_MQTT_PORT").argParser(port).default(DEFAULT_MQTT_PORT))
    .addOption(new Option("--broker <url>", "use this MQTT broker instead of the embedded one (mqtts://host:port)").env("LICHEN_BROKER"))
    .addOption(new Option("--datastore-endpoint <endpoint>", "sqlite:PATH, or etcd URLs separated by commas").env("LICHEN_DATASTORE_ENDPOINT"))
    .addOption(new Option("--tls-san <names>", "more names and addresses of the server, separated by commas").argParser(list))
    .addOption(new Option("--cluster-cidr <cidr>", "range of pod addresses"))
    .addOption(new Option("--service-cidr <cidr>", "range of service addresses"))
    .addOption(
      new Option("--default-unreachable-toleration-seconds <seconds>", "how long pods stay bound to a device that is gone, unless they say otherwise")
        .argParser(seconds)
        .default(DEFAULT_TOLERATION_SECONDS),
    );
  return accessOptions(command);
}

const program = new Command("lichen")
  .description("A compact orchestrator for edge and IoT hardware that speaks the Kubernetes API.")
  .version("0.1.0")
  .showHelpAfterError("(see lichen --help)")
  .configureHelp({ showGlobalOptions: true })
  .enablePositionalOptions();

serverOptions(program.command("up"))
  .description("server and local devices in one go")
  .addOption(new Option("--devices <runtimes>", "local devices to start: wasi, containerd").argParser(list).default(["wasi"]))
  .action(async (flags) => (await import("./cli/up.ts")).up(flags));

serverOptions(program.command("start"))
  .description("up, with every runtime of this machine and the examples applied")
  .action(async (flags) => (await import("./cli/start.ts")).start(flags));

serverOptions(program.command("server"))
  .description("the control plane alone")
  .action(async (flags) => (await import("./cli/server.ts")).server(flags));

program
  .command("agent")
  .description("enroll this machine as a device (once) and run it")
  .addOption(new Option("--server <url>", "URL of the server").env("LICHEN_SERVER"))
  .addOption(new Option("--token <token>", "join token, needed until the device is enrolled").env("LICHEN_TOKEN"))
  .addOption(new Option("--name <name>", "name of the device (default: host name)").env("LICHEN_NAME"))
  .addOption(dataDir())
  .addOption(new Option("--runtimes <runtimes>", "wasi, containerd").env("LICHEN_RUNTIMES").argParser(list))
  .addOption(new Option("--profile <name>", "firmware profile (default: recognised from the board)").env("LICHEN_PROFILE"))
  .addOption(new Option("--site <site>", "site of the device").env("LICHEN_SITE"))
  .addOption(new Option("--containerd-socket <path>", "use this containerd instead of an own one").env("LICHEN_CONTAINERD_SOCKET"))
  .addOption(new Option("--drain-on-exit", "stop the workloads when the agent is told to stop").default(false))
  .action(async (flags) => (await import("./cli/agent.ts")).agent(flags));

const token = program.command("token").description("join tokens for devices");
token
  .command("create")
  .description("print a token with which devices can enroll")
  .addOption(new Option("--ttl <duration>", "how long it can be used, 30m, 24h, 0 for ever").default("24h"))
  .addOption(new Option("--site <site>", "site that devices enrolled with it belong to"))
  .addOption(dataDir())
  .addOption(kubeconfig())
  .action(async (flags) => (await import("./cli/token.ts")).createToken(flags));
token
  .command("list")
  .description("join tokens, without their secrets")
  .addOption(dataDir())
  .addOption(kubeconfig())
  .action(async (flags) => (await import("./cli/token.ts")).listTokens(flags));
token
  .command("revoke")
  .description("make a token unusable")
  .argument("<id>", "the first part of the token, as `token list` shows it")
  .addOption(dataDir())
  .addOption(kubeconfig())
  .action(async (id, flags) => (await import("./cli/token.ts")).revokeToken(id, flags));

program
  .command("kubeconfig")
  .description("print an admin kubeconfig")
  .addOption(dataDir())
  .action(async (flags) => (await import("./cli/kubeconfig.ts")).printKubeconfig(flags));

program
  .command("push")
  .description("store a component or a container image in the server's registry")
  .argument("<file>", "component (.wasm) or OCI image archive (.tar)")
  .argument("<name:tag>", "hello:1 becomes registry.lichen.internal/hello:1")
  .addOption(new Option("--add", "as one more form of the image that has this tag").default(false))
  .addOption(dataDir())
  .addOption(kubeconfig())
  .action(async (file, reference, flags) => (await import("./cli/push.ts")).push(file, reference, flags));

program
  .command("run")
  .description("run a component on this machine, as a device would")
  .argument("<file>", "component or core module (.wasm)")
  .argument("[args...]", "arguments of the program")
  .addOption(new Option("--env <name=value>", "variable of its environment").argParser(collect).default([]))
  .addOption(new Option("--dir <host[:guest][:ro]>", "directory that it may use").argParser(collect).default([]))
  .addOption(new Option("--allow-outbound <endpoints>", "where it may connect to, HOST:PORT separated by commas"))
  .addOption(new Option("--allow-listen <ports>", "ports that it may listen on, tcp:9000,udp:5353"))
  .addOption(new Option("--memory <quantity>", "limit of its memory").default("256Mi"))
  .addOption(new Option("--listen <address>", "where a service listens").default("127.0.0.1:8080"))
  .addOption(new Option("--call", "call the exported function that the first argument names").default(false))
  .passThroughOptions()
  .action(async (file, args, flags) => (await import("./cli/run.ts")).run(file, args, flags));

program
  .command("inspect")
  .description("what a component imports and exports, and what its pod must grant")
  .argument("<file>", "component or core module (.wasm)")
  .action(async (file) => (await import("./cli/inspect.ts")).inspect(file));

try {
  await program.parseAsync();
} catch (error) {
  if (process.env["LICHEN_DEBUG"] !== undefined) console.error(error);
  else console.error(`lichen: ${error instanceof Error ? error.message : String(error)}`);
  // what a failed start left open must not keep the program
  process.exit(1);
}
