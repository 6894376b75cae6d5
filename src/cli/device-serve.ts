import { openHost } from "../device/host.ts";
import { isLoopback, parseAddress, reachableHosts, servePort, withPort } from "../device/remote/address.ts";
import { randomSecret } from "../device/remote/secrets.ts";
import { serveDevice } from "../device/remote/serve.ts";
import { MnasError } from "../errors.ts";
import { print, say } from "./output.ts";
import { untilStopped } from "./until-stopped.ts";

export interface DeviceServeOptions {
  readonly host?: string;
  readonly port?: number;
  readonly token?: string;
  readonly json?: boolean;
}

/** A token that can be guessed is none. */
const leastChars = 16;

function checkToken(token: string): string {
  if (token.length >= leastChars && /^[\w.~-]+$/.test(token)) return token;
  throw new MnasError("USAGE", `Cannot serve: the token must be ${leastChars} or more letters, digits and . ~ _ -`, {
    hint: "Leave it out to get a random one.",
  });
}

/** `mnas device serve`: measures for searches elsewhere, until Ctrl-C. */
export async function deviceServe(options: DeviceServeOptions): Promise<void> {
  const { host = "127.0.0.1", port = servePort, json = false } = options;
  const stopped = untilStopped();
  const token = checkToken(options.token ?? process.env["MNAS_TOKEN"] ?? randomSecret());
  const address = parseAddress(host, port);
  await using device = await openHost();
  await using serving = await serveDevice(device, {
    address,
    token,
    say: (line) => say(json ? JSON.stringify({ event: "log", message: line }) : line),
  });
  const urls = reachableHosts(serving.address.host).map((each) => {
    const name = each === "localhost" ? "127.0.0.1" : each;
    return `tcp://${token}@${withPort(name, serving.address.port)}`;
  });
  if (json) print(JSON.stringify({ event: "serving", urls, token, ...serving.address, device: device.description }));
  else {
    say(`device   ${device.description}`);
    urls.forEach((url) => print(url));
    say("Use that as --device of a search or measurement, or without TOKEN@ and the token in MNAS_TOKEN.");
    if (isLoopback(serving.address.host)) say("Only this machine can reach it; others need --host 0.0.0.0.");
    say("Ctrl-C ends.");
  }
  await stopped;
}
