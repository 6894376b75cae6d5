import { homedir, tmpdir, userInfo } from "node:os";
import { isAbsolute, join } from "node:path";

/** Asks the system for a fact about the user that it may not know: containers give numbers that belong to nobody. */
function ask(question: () => string): string | null {
  try {
    return question();
  } catch {
    return null;
  }
}

/** The user's home folder; null where the user has none. */
function homeFolder(): string | null {
  const places = [ask(homedir), ask(() => userInfo().homedir)];
  return places.find((place) => place !== null && isAbsolute(place)) ?? null;
}

/** The folder of a kind as the XDG base directories say, which ignore a path that is not absolute; null without a home. */
function folderOf(variable: string, ...below: string[]): string | null {
  const given = process.env[variable] ?? "";
  if (isAbsolute(given)) return join(given, "mnas");
  const home = homeFolder();
  return home === null ? null : join(home, ...below, "mnas");
}

/** Where knowledge of this machine and its data is kept between runs: `$XDG_STATE_HOME/mnas` or `~/.local/state/mnas`. */
export const stateFolder = (): string | null => folderOf("XDG_STATE_HOME", ".local", "state");

/** Where decoded images are kept: `$MNAS_CACHE_DIR`, `$XDG_CACHE_HOME/mnas` or `~/.cache/mnas`. */
export function cacheFolder(): string | null {
  const given = process.env["MNAS_CACHE_DIR"] ?? "";
  return given === "" ? folderOf("XDG_CACHE_HOME", ".cache") : given;
}

/** A file for all commands of this user on this machine; users may not write each other's. */
export function userFile(kind: string): string {
  const user = process.getuid?.() ?? ask(() => userInfo().username) ?? "user";
  return join(tmpdir(), `mnas-${kind}-${user}.db`);
}
