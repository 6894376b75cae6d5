import { z } from "zod";
import { withoutToken } from "../device/remote/address.ts";
import { MnasError } from "../errors.ts";
import type { Reward, RewardConfig, RewardFunction } from "../reward/reward.ts";
import { checkSpace, type NetworkSpace } from "../space/arch.ts";
import { presetSpace } from "../space/presets.ts";
import { defineSpace } from "../space/space.ts";
import { recipeNames, recipes, type RecipeName } from "../train/presets.ts";
import { recipeSchema, type Recipe } from "../train/recipe.ts";
import { searcherNames } from "../search/searchers.ts";

/** As long as timers can wait. */
const milliseconds = z
  .int()
  .positive()
  .max(2 ** 31 - 1);
const exponent = z.number().max(0);

const rewardSchema = z.union([
  z.enum(["hard", "soft", "absolute"]),
  z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("hard"), alpha: exponent.optional(), beta: exponent.optional() }),
    z.strictObject({ kind: z.literal("soft"), alpha: exponent.optional(), beta: exponent.optional() }),
    z.strictObject({ kind: z.literal("absolute"), beta: exponent.optional() }),
  ]),
  z.custom<RewardFunction>((value) => typeof value === "function", "expected a kind of reward or a function"),
]);

const spaceSchema = z.union([
  z.string(),
  z.custom<NetworkSpace>(
    (value) => typeof value === "object" && value !== null && "template" in value && "decisions" in value,
    "expected the name of a preset or a space made with defineSpace()",
  ),
]);

/** A recipe as changes to one that has a name, `proxy` or `final` by default. */
const changesSchema = recipeSchema.partial().extend({ preset: z.enum(recipeNames).optional() });

/** docs/early-stopping.md has what other values cost. */
const stoppingDefaults = { rungs: [0.125, 0.25], keep: 1 / 3 };

const stoppingSchema = z
  .union([
    z.boolean(),
    z.strictObject({
      /** Shares of the steps after which a training is judged, rising. */
      rungs: z
        .array(z.number().gt(0).lt(1))
        .min(1)
        .refine((rungs) => rungs.every((rung, i) => i === 0 || rung > rungs[i - 1]!), "expected rising shares")
        .default(stoppingDefaults.rungs),
      /** Share of the networks at a rung that go on. */
      keep: z.number().gt(0).lt(1).default(stoppingDefaults.keep),
    }),
  ])
  .transform((given) => (given === false ? null : given === true ? stoppingDefaults : given));

const evaluateSchema = z.strictObject({
  /** The program and its arguments; no shell is in between. */
  command: z.array(z.string().min(1)).min(1),
  /** How long it may say nothing about a network before it is ended and the network taken again. */
  timeoutMs: milliseconds.default(600_000),
  /** How long it may take to start. */
  startupTimeoutMs: milliseconds.default(300_000),
});

/** One description of the config: it validates, fills in defaults, and gives both types below. */
const configSchema = z.strictObject({
  /** A preset's name, or a space made with `defineSpace`. */
  space: spaceSchema.default("mnasnet-tiny"),
  /** `fashion-mnist`, or a folder of IDX files, CIFAR batches or images. */
  data: z.string().min(1).default("fashion-mnist"),
  /** Side of the images in pixels, for folders of images. */
  size: z.int().min(8).max(1024).nullable().default(null),
  /** Share of damaged images up to which the others are used; a single one never stops, but for 0. */
  mostDamaged: z.number().min(0).max(1).default(0.1),
  /** Refuse data with anything unusual: damaged images, other files, classes that a part lacks. */
  strictData: z.boolean().default(false),
  device: z.string().min(1).default("host"),
  /** Measure a device that has been under load for a minute: what it does for long, not what it can do once. */
  sustained: z.boolean().default(false),
  /** Target latency in ms; null for half the median of random networks of the space. */
  target: z.number().positive().nullable().default(null),
  /** Several target latencies in ms, searched at once for a front that serves them all, with a finalist for each. */
  targets: z.array(z.number().positive()).min(1).nullable().default(null),
  searcher: z.enum(searcherNames).default("bayesian"),
  /** The network of the highest reward, or the whole front of accuracy against latency. */
  objective: z.enum(["reward", "front"]).default("reward"),
  reward: rewardSchema.default("hard"),
  /** Networks to propose in all. */
  trials: z.int().positive().default(32),
  /** Networks proposed, measured, trained and learnt from together. */
  batch: z.int().positive().max(1024).default(8),
  /** Training processes; null for one per core. */
  workers: z.int().positive().max(256).nullable().default(null),
  seed: z.int().default(0),
  /** Networks slower than this many times the target are not trained. */
  gate: z.number().min(1).default(1.5),
  /** Networks of the front that are trained long and compared; 0 for none. */
  finalists: z.int().min(0).default(1),
  /** How often each of these and each baseline is trained, from different seeds, to know how much trainings differ. */
  finalSeeds: z.int().positive().max(100).default(3),
  /** Widths of MobileNetV2 per finalist: one as fast as it, then each 1.4 times as slow until one is as accurate; 0 for none. */
  baselines: z.int().min(0).max(39).default(2),
  /** Whether trainings that vary images mirror them too, whatever their recipes say; null where the data decide. */
  flip: z.boolean().nullable().default(null),
  /** Changes to the short training of each trial; `epochs` without `minSteps` means just so many. */
  proxy: changesSchema.default({}),
  /** Changes to the long training of finalists. */
  final: changesSchema.default({}),
  /** Whether trainings of trials end early that promise less than earlier ones; see docs/early-stopping.md. */
  stopping: stoppingSchema.default(null),
  /** A program that trains instead of mnas; see docs/evaluators.md. */
  evaluate: evaluateSchema.nullable().default(null),
});

/** What a user writes in `mnas.config.ts`; everything is optional. */
export type UserConfig = z.input<typeof configSchema>;

/** The same with every default filled in and names looked up. */
export interface Config extends Omit<z.output<typeof configSchema>, "space" | "reward" | "proxy" | "final"> {
  readonly space: NetworkSpace;
  readonly reward: Reward;
  readonly proxy: Recipe;
  readonly final: Recipe;
}

/** Types the config file; does nothing at run time. */
export const defineConfig = (config: UserConfig): UserConfig => config;

/**
 * Checks a user's config and fills in the defaults.
 *
 * @throws MnasError `CONFIG_INVALID` listing everything that is wrong with `source`, or `SPACE_INVALID`.
 */
export function resolveConfig(input: unknown, source: string): Config {
  const result = configSchema.safeParse(input);
  if (!result.success) {
    throw new MnasError("CONFIG_INVALID", `Cannot use ${source}:\n${z.prettifyError(result.error)}`, {
      cause: result.error,
    });
  }
  const { space, reward, proxy, final, ...rest } = result.data;
  if (rest.target !== null && rest.targets !== null)
    throw new MnasError("CONFIG_INVALID", `Cannot use ${source}: both target and targets are set`, {
      hint: "Give one target, or several as targets.",
    });
  if (rest.stopping !== null && rest.evaluate !== null) {
    throw new MnasError("CONFIG_INVALID", `Cannot use ${source}: stopping needs a trainer that is judged on the way`, {
      hint: "Leave out stopping, or evaluate: programs outside mnas are only asked for how a training ends.",
    });
  }
  return {
    ...rest,
    ...(rest.targets === null ? {} : { objective: "front" as const, target: Math.max(...rest.targets) }),
    space: typeof space === "string" ? presetSpace(space) : checkSpace(defineSpace(space.name, space.template)),
    reward: typeof reward === "string" ? { kind: reward } : reward,
    proxy: recipeOf("proxy", proxy, rest.flip),
    final: recipeOf("final", final, rest.flip),
  };
}

const recipeOf = (
  name: RecipeName,
  { preset = name, ...changes }: z.output<typeof changesSchema>,
  flip: boolean | null,
): Recipe => changed(recipes[preset], { ...changes, ...(flip === null ? {} : { flip }) });

type Changes = { readonly [K in keyof Recipe]?: Recipe[K] | undefined };

/** A recipe with changes. Who says how many epochs gets as many: the floor of steps goes with the default epochs. */
export function changed(recipe: Recipe, changes: Changes): Recipe {
  const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
  return { ...recipe, ...("epochs" in given ? { minSteps: 0 } : {}), ...given };
}

/** A config as a study records it: plain JSON, a reward function by its source text. */
export interface RecordedConfig extends Omit<Config, "space" | "reward"> {
  readonly space: { readonly name: string; readonly template: unknown };
  readonly reward: RewardConfig | CustomReward;
}

/** A reward function, as far as it can be recorded. */
interface CustomReward {
  readonly kind: "custom";
  readonly source: string;
  /** What it gives for a few fixed trials, since its source does not show what it refers to; null where it fails. */
  readonly values: readonly (number | null)[];
}

const fixedTrials = [0.2, 0.9].flatMap((accuracy) => [0.5, 2].map((latencyMs) => ({ accuracy, latencyMs })));

const recordReward = (reward: RewardFunction): CustomReward => ({
  kind: "custom",
  source: reward.toString(),
  values: fixedTrials.map((trial) => {
    try {
      // Another platform's last digits are no difference.
      const value = Number(reward({ ...trial, params: 1e5, madds: 1e7, targetMs: 1 }).toPrecision(9));
      return Number.isFinite(value) ? value : null;
    } catch {
      return null;
    }
  }),
});

export const recordConfig = (config: Config): RecordedConfig => ({
  ...config,
  device: withoutToken(config.device),
  space: { name: config.space.name, template: config.space.template },
  reward: typeof config.reward === "function" ? recordReward(config.reward) : config.reward,
});

/** The space of a recorded config. */
export const spaceOf = ({ space }: RecordedConfig): NetworkSpace =>
  defineSpace(space.name, space.template as NetworkSpace["template"]);

/** What may differ between a run and its continuation: how much is done and by whom, not what it means. */
export const budget: ReadonlySet<string> = new Set([
  "trials",
  "workers",
  "finalists",
  "finalSeeds",
  "baselines",
  "mostDamaged",
  "strictData",
]);

/** The settings that two configs do not share and that a continued run must keep, as `key: was → is`. */
export function differences(was: RecordedConfig, is: RecordedConfig): string[] {
  const short = (value: unknown): string => {
    const text = JSON.stringify(value ?? null);
    return text.length > 60 ? `${text.slice(0, 57)}…` : text;
  };
  return Object.keys({ ...was, ...is }).flatMap((name) => {
    const key = name as keyof RecordedConfig;
    // Images are told apart by their key, wherever they are.
    if (key === "data") return [];
    // How long it may take says nothing of what it does.
    if (key === "evaluate") {
      const [before, now] = [was, is].map(({ evaluate }) => JSON.stringify(evaluate?.command ?? null));
      return before === now ? [] : [`evaluate: ${before} → ${now}`];
    }
    if (key === "reward" && was.reward.kind === "custom" && is.reward.kind === "custom") {
      if (was.reward.source !== is.reward.source) return [`reward: ${was.reward.source} → ${is.reward.source}`];
      const isEqual = JSON.stringify(was.reward.values) === JSON.stringify(is.reward.values);
      return isEqual ? [] : ["reward: the same function gives other values, so something that it uses has changed"];
    }
    const isSame = budget.has(key) || JSON.stringify(was[key]) === JSON.stringify(is[key]);
    return isSame ? [] : [`${key}: ${short(was[key])} → ${short(is[key])}`];
  });
}
