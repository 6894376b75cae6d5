import { isOnlyLocal } from "../device/remote/access.ts";
import { openJoinServer } from "../device/remote/join-server.ts";
import { describePeer, namesOf } from "../device/remote/page.ts";
import type { Peer } from "../device/remote/peer.ts";
import { accessOf, joinLines, type ListenOptions } from "./notices.ts";
import { paint, print, say } from "./output.ts";
import { untilStopped } from "./until-stopped.ts";

export interface DevicesOptions extends Omit<ListenOptions, "listen"> {
  readonly host?: string;
  readonly port?: number;
  readonly json?: boolean;
}

/** A device and its runtimes, each with its name for `--device`. */
function deviceLines(peer: Peer): string[] {
  const { device, os, runtimes } = peer.hello;
  const names = namesOf(peer);
  const width = Math.max(...names.map((name) => name.length));
  return [
    `${paint("bold", `page:${peer.name}`)}  ${device}, ${os}`,
    ...runtimes.map(({ runtime, version, provider, threads }, i) => {
      const power = threads > 1 ? `, ${threads} threads` : "";
      return `  --device ${names[i]!.padEnd(width)}  ${runtime} ${version} ${provider}${power}`;
    }),
  ];
}

/** `mnas devices`: lets devices join and lists them, until Ctrl-C. */
export async function devices({ host, port, json = false, ...names }: DevicesOptions): Promise<void> {
  const stopped = untilStopped();
  const tell = (event: object, lines: readonly string[], to: (line: string) => void = say): void => {
    if (json) print(JSON.stringify(event));
    else lines.forEach((line) => to(line));
  };
  await using server = await openJoinServer({ address: accessOf({ ...names, listen: host }, port) });
  server.listen({
    onJoin: (peer) => {
      const { device, os, userAgent, runtimes } = peer.hello;
      const names = namesOf(peer);
      const what = { device, os, ...(userAgent === undefined ? {} : { userAgent }) };
      const offers = runtimes.map((offer, i) => ({ ...offer, device: names[i] }));
      const event = { event: "joined", name: peer.name, ...what, description: describePeer(peer), runtimes: offers };
      tell(event, deviceLines(peer), print);
    },
    onLeave: ({ name }, reason) =>
      tell({ event: "left", name, reason }, [`left     page:${name}${reason === "" ? "" : ` (${reason})`}`]),
    onWarning: (message) =>
      tell({ event: "warning", message }, [`${paint("yellow", "warning:", process.stderr)} ${message}`]),
  });
  const { address } = server;
  server.invite(null, (urls) => {
    const join = { event: "join", urls, port: address.port, isLocal: isOnlyLocal(address) } as const;
    tell(join, joinLines(join, "--host"));
  });
  if (!json)
    say("Waiting for devices; Ctrl-C ends. Those that joined come back to a search or measurement by themselves.");
  await stopped;
}
