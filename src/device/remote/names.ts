/** A name for `--device page:NAME` that looks like what a device calls itself: lower-case letters, digits, hyphens. */
export const slugOf = (text: string): string => {
  const slug = text
    .normalize("NFKD")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, 40)
    .replaceAll(/^-+|-+$/g, "");
  return slug === "" ? "device" : slug;
};

/** The name, or with the first number behind it that nobody else has. */
export function freeName(name: string, isTaken: (name: string) => boolean): string {
  if (!isTaken(name)) return name;
  for (let i = 2; ; i++) if (!isTaken(`${name}-${i}`)) return `${name}-${i}`;
}
