import type { DeclaredInput } from "../axes.ts";
import type { DeviceModel } from "../device.ts";

/** A model file that a user has. */
export interface ModelFile {
  readonly model: DeviceModel;
  /** Names of the sizes that fill axes of it. */
  readonly used: ReadonlySet<string>;
  /** Its inputs as the file declares them. */
  readonly declared: readonly DeclaredInput[];
}
