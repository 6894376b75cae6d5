import { exports } from "./exports.ts";
import type { Golden } from "./golden.ts";
import { programs } from "./programs.ts";
import { study } from "./study.ts";
import { weights } from "./weights.ts";

/** Every golden by its name in `goldens.json`. */
export const goldens: Readonly<Record<string, Golden>> = { programs, weights, exports, study };
