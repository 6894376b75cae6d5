import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/** 128 random bits, in 22 characters that need no escape in an address. */
export const randomSecret = (): string => randomBytes(16).toString("base64url");

/** What is kept of a secret: from it the secret cannot be found. */
export const digestOf = (secret: string): string => createHash("sha256").update(secret).digest("hex");

/** Whether a secret has a digest; takes as long wherever the two differ. */
export const matches = (secret: string, digest: string): boolean =>
  timingSafeEqual(Buffer.from(digestOf(secret)), Buffer.from(digest));
