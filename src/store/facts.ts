import type { RecordedConfig } from "../config/config.ts";
import type { DataOrder, KnownData } from "../data/known.ts";
import type { LatencyRecord, Origin } from "../latency.ts";

/** The target latency of a run. */
export interface Target {
  readonly targetMs: number;
  /** Where the number comes from, for people. */
  readonly source: string;
}

/** The time of the canary when the study began; later batches are held against it. */
export interface CanaryReference {
  readonly network: string;
  readonly ms: number;
}

/** What a search says of its proxy, and keeps. */
export interface ProxyNote {
  readonly kendall: number;
  readonly low: number;
  readonly high: number;
  readonly networks: number;
  readonly seedNoise: number;
  readonly epochs: number;
  readonly recommended: number;
  readonly time: string;
}

/** The config file of a run, as it was when the run was last begun or continued. */
export interface FileRecord {
  /** Absolute; null when there was none. */
  readonly path: string | null;
  /** Everything that it says, with the defaults; files and folders as it names them. */
  readonly settings: RecordedConfig;
}

/** The data of a run: their place, their identity, and their facts that decide how networks work. */
export interface WorkOrder {
  readonly data: DataOrder;
  readonly known: KnownData;
}

/** As versions before facts were kept wrote it. */
export interface OldOrder {
  readonly data: { readonly source: string; readonly seed: number; readonly size: number | null };
  readonly dataKey: string;
}

/** How a network that was trained without mirrored images does on those. */
export interface MirrorFinding {
  /** The trial of this network. */
  readonly trial: number;
  /** Share of the validation images that it classifies right. */
  readonly accuracy: number;
  /** The same of their mirror images. */
  readonly mirrored: number;
  /** Names of the classes that a mirror changes; empty where it changes none. */
  readonly classes: readonly string[];
}

/** Values of a study itself, by name. A value is null before it is set, and in runs of versions that did not have it. */
export interface StudyFacts {
  readonly config: RecordedConfig;
  readonly configFile: FileRecord;
  /** Names of the settings that options of the command line gave. */
  readonly flags: readonly string[];
  readonly mirror: MirrorFinding;
  readonly work: WorkOrder | OldOrder;
  /** The data set, for people. */
  readonly dataset: string;
  readonly testCount: number;
  readonly validationCount: number;
  /** Versions and hardware, for people. */
  readonly environment: object;
  /** ISO 8601 time of the beginning. */
  readonly created: string;
  readonly device: { readonly description: string; readonly origin: Origin };
  readonly target: Target;
  readonly targetIsOutOfReach: boolean;
  readonly rewardIsOpen: boolean;
  readonly canary: CanaryReference;
  readonly proxy: ProxyNote | null;
  /** Latencies of reference networks by notation. */
  readonly references: Readonly<Record<string, LatencyRecord>>;
  /** Latencies of finalists on the device of the finals, in milliseconds, by notation. */
  readonly finalistMs: Readonly<Record<string, number>>;
}
