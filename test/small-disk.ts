import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A disk of its own that can be filled without harm to others. */
export interface SmallDisk extends Disposable {
  readonly dir: string;
  /** Leaves so many bytes free, rounded down to whole pages. */
  readonly fill: (free: number) => void;
  /** Makes room again. */
  readonly empty: () => void;
}

const mostBytes = 256 * 2 ** 20;

function diskAt(dir: string, dispose: () => void): SmallDisk {
  const filler = join(dir, "filler");
  const empty = (): void => rmSync(filler, { force: true });
  return {
    dir,
    empty,
    fill: (free) => {
      empty();
      const { bavail, bsize } = statfsSync(dir);
      const size = Math.max(0, bavail * bsize - Math.ceil(free / bsize) * bsize);
      writeFileSync(filler, Buffer.alloc(size));
    },
    [Symbol.dispose]: dispose,
  };
}

/** A file system in memory, mounted for the test where that is allowed; else a folder in a small `/dev/shm`; null without. */
export function smallDisk(): SmallDisk | null {
  if (process.platform !== "linux") return null;
  const mounted = mkdtempSync(join(tmpdir(), "mnas-disk-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m", "mnas", mounted], { stdio: "ignore" });
    return diskAt(mounted, () => {
      execFileSync("umount", ["-l", mounted], { stdio: "ignore" });
      rmSync(mounted, { recursive: true, force: true });
    });
  } catch {
    rmSync(mounted, { recursive: true, force: true });
  }
  try {
    // A container has one of 64 MB; that of a whole machine is not for tests to fill.
    const { blocks, bsize } = statfsSync("/dev/shm");
    if (blocks * bsize > mostBytes) return null;
    const dir = mkdtempSync("/dev/shm/mnas-disk-");
    return diskAt(dir, () => rmSync(dir, { recursive: true, force: true }));
  } catch {
    return null;
  }
}
