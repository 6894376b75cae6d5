import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

/** Where what is learnt of this machine and its data is kept between runs: `$XDG_STATE_HOME/mnas` or `~/.local/state/mnas`. */
export function stateFolder(): string {
  const given = process.env["XDG_STATE_HOME"] ?? "";
  return join(isAbsolute(given) ? given : join(homedir(), ".local", "state"), "mnas");
}
