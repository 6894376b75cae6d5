import type { Pass } from "./connection.ts";

/*
 * What this device joins by. The token of the address works once; it is kept until then, as the page may be loaded again
 * before. The session is that of the browser: a second tab of it is the same device.
 */

/** Storage is refused in some private windows, where a reload forgets the device. */
function keep(storage: () => Storage, key: string) {
  let value: string | null = null;
  try {
    value = storage().getItem(key);
  } catch {}
  return {
    get: (): string | null => value,
    set: (now: string | null): void => {
      value = now;
      try {
        if (now === null) storage().removeItem(key);
        else storage().setItem(key, now);
      } catch {}
    },
  };
}

export const token = keep(() => sessionStorage, "mnas.token");
export const session = keep(() => localStorage, "mnas.session");
/** The name of this device: the last that the search gave it, or that its user wants. */
export const keptName = keep(() => localStorage, "mnas.name");

/** Takes the token out of the address, where it is in the way of bookmarks and of other people's eyes. */
export function takeToken(): void {
  const found = /^#(?:token=)?([\w-]+)$/.exec(location.hash)?.[1];
  if (found === undefined) return;
  token.set(found);
  history.replaceState(null, "", location.pathname);
}

export function currentPass(): Pass {
  const [one, other] = [token.get(), session.get()];
  return { ...(one === null ? {} : { token: one }), ...(other === null ? {} : { session: other }) };
}
