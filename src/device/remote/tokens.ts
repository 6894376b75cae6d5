import { digestOf, matches, randomSecret } from "./secrets.ts";

/** Invites one device, once, for some time. */
interface Token {
  readonly digest: string;
  readonly expires: number;
  /** The name that the device gets; null for one of its own choice. */
  readonly name: string | null;
  readonly onUse: () => void;
}

export type TokenState = "good" | "used" | "expired" | "unknown";

/** Tokens that are no longer good are remembered, to say why; this many. */
const remembered = 64;

/** The one-time tokens of a server. Only digests are kept. */
export function createTokens(lifeMs: number, now: () => number = Date.now) {
  let open: readonly Token[] = [];
  let ended: readonly { readonly digest: string; readonly state: "used" | "expired" }[] = [];

  const end = (token: Token, state: "used" | "expired"): void => {
    open = open.filter((each) => each !== token);
    ended = [...ended, { digest: token.digest, state }].slice(-remembered);
  };
  const expire = (): void => {
    for (const token of open) if (token.expires <= now()) end(token, "expired");
  };

  return {
    /** A new token, as the user sees it. */
    issue: (name: string | null, onUse: () => void): string => {
      const token = randomSecret();
      open = [...open, { digest: digestOf(token), expires: now() + lifeMs, name, onUse }];
      return token;
    },
    /** Uses a token up; says what it was, and the name that goes with it. */
    use: (secret: string): { readonly state: TokenState; readonly name: string | null } => {
      expire();
      const token = open.find(({ digest }) => matches(secret, digest));
      if (token !== undefined) {
        end(token, "used");
        token.onUse();
        return { state: "good", name: token.name };
      }
      return { state: ended.find(({ digest }) => matches(secret, digest))?.state ?? "unknown", name: null };
    },
    /** Ends a token that nobody has used. */
    revoke: (secret: string): void => {
      const token = open.find(({ digest }) => matches(secret, digest));
      if (token !== undefined) end(token, "expired");
    },
  };
}

export type Tokens = ReturnType<typeof createTokens>;
