import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { MnasError } from "../../errors.ts";
import { makeFolder, readFile, writeFileAtomically } from "../../util/files.ts";
import { stateFolder } from "../../util/home.ts";
import { digestOf, matches, randomSecret } from "./secrets.ts";

/** A device that joined keeps its place for so long after it was last seen, whatever becomes of the search. */
export const sessionMs = 12 * 3_600_000;
/** The oldest give way to newer ones. */
const mostSessions = 64;

const schema = z.array(
  z.strictObject({ digest: z.string().regex(/^[0-9a-f]{64}$/), name: z.string(), expires: z.number() }),
);
type Session = z.infer<typeof schema>[number];

/** Where sessions are kept between commands; null for a user without a home folder. */
export function sessionFile(): string | null {
  const folder = stateFolder();
  return folder === null ? null : join(folder, "sessions.json");
}

/**
 * Devices that may come back without a token: digests of their secrets and their names, in a file that other commands
 * of this user read and write too. A file that is damaged counts as empty: devices then join anew.
 *
 * @param onProblem told once when the file cannot be written; devices can then come back to this command alone.
 */
export function createSessions(
  file: string | null,
  onProblem: (message: string) => void,
  now: () => number = Date.now,
) {
  let ours: readonly Session[] = [];
  let hasProblem = false;

  const inFile = (): Session[] => {
    try {
      return file !== null && existsSync(file) ? schema.parse(JSON.parse(readFile(file).toString())) : [];
    } catch {
      return [];
    }
  };
  const read = (): Session[] => {
    const others = inFile().filter(({ digest }) => ours.every((each) => each.digest !== digest));
    return [...others, ...ours].filter(({ expires }) => expires > now() && expires <= now() + sessionMs);
  };
  const put = (digest: string, name: string): void => {
    ours = [...ours.filter((each) => each.digest !== digest), { digest, name, expires: now() + sessionMs }];
    try {
      if (file === null) throw new MnasError("FILE_NOT_FOUND", "Cannot keep sessions: this user has no home folder");
      makeFolder(dirname(file));
      writeFileAtomically(file, JSON.stringify(read().slice(-mostSessions)), { mode: 0o600 });
    } catch (error) {
      if (!(error instanceof MnasError)) throw error;
      if (!hasProblem) onProblem(`${error.message}; devices will have to join anew after this command`);
      hasProblem = true;
    }
  };

  return {
    /** The secret of a new session. */
    create: (name: string): string => {
      const secret = randomSecret();
      put(digestOf(secret), name);
      return secret;
    },
    /** The name of the device whose secret this is. */
    find: (secret: string): string | null => read().find(({ digest }) => matches(secret, digest))?.name ?? null,
    /** Begins its time anew, perhaps under another name. */
    renew: (secret: string, name: string): void => put(digestOf(secret), name),
  };
}

export type Sessions = ReturnType<typeof createSessions>;
