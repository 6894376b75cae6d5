import { MnasError } from "../errors.ts";
import { pow } from "../util/math.ts";

/** What a reward weighs. Higher accuracy and lower latency are better. */
export interface Metrics {
  /** Share of validation images classified right, 0..1. */
  readonly accuracy: number;
  /** Positive. */
  readonly latencyMs: number;
}

/** All that is known of a finished trial. */
export interface TrialMetrics extends Metrics {
  readonly params: number;
  /** Multiply-adds of one inference. */
  readonly madds: number;
}

/** A reward of the user's own; the greatest wins. It must be finite. */
export type RewardFunction = (metrics: TrialMetrics & { readonly targetMs: number }) => number;

/** Exponents of `LAT / T`: `alpha` up to the target, `beta` above it. */
interface Exponents {
  readonly alpha: number;
  readonly beta: number;
}

/** The parameters of each kind of reward. */
interface RewardKinds {
  readonly soft: Exponents;
  readonly hard: Exponents;
  readonly absolute: { readonly beta: number };
}

type Kind = keyof RewardKinds;
type Optional<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** A kind of reward, and those of its parameters that differ from the defaults. */
export type RewardConfig = { [K in Kind]: { readonly kind: K } & Optional<RewardKinds[K]> }[Kind];

/** How trials are compared: one of the kinds, or a function of the user's own. */
export type Reward = RewardConfig | RewardFunction;

interface RewardRule<Parameters> {
  readonly defaults: Parameters;
  /** The reward of an accuracy, where `ratio` is latency / target. */
  readonly of: (accuracy: number, ratio: number, parameters: Parameters) => number;
  readonly ignoresTarget: (parameters: Parameters) => boolean;
}

/** `ACC × (LAT / T)^w` with w = alpha where LAT <= T, else beta: equations 2 and 3 of https://arxiv.org/abs/1807.11626. */
const weightedProduct = (defaults: Exponents): RewardRule<Exponents> => ({
  defaults,
  of: (accuracy, ratio, { alpha, beta }) => accuracy * pow(ratio, ratio <= 1 ? alpha : beta),
  // With one exponent T^-w is a factor common to all trials.
  ignoresTarget: ({ alpha, beta }) => alpha === beta,
});

const rules: { readonly [K in Kind]: RewardRule<RewardKinds[K]> } = {
  /** Twice the latency must be worth 5 % of the accuracy: 1.05 × 2^-0.07 = 1. */
  soft: weightedProduct({ alpha: -0.07, beta: -0.07 }),
  /** Speed is worth nothing up to the target; above it, twice the latency halves the reward. */
  hard: weightedProduct({ alpha: 0, beta: -1 }),
  /** `ACC + beta × |LAT / T - 1|`, which pulls the search to the target itself: https://arxiv.org/abs/2008.06120. */
  absolute: {
    defaults: { beta: -0.1 },
    of: (accuracy, ratio, { beta }) => accuracy + beta * Math.abs(ratio - 1),
    ignoresTarget: ({ beta }) => beta === 0,
  },
};

function withDefaults<T extends object>(defaults: T, given: Optional<T>): T {
  const result = { ...defaults };
  for (const key of Object.keys(defaults) as (keyof T)[]) {
    const value = given[key];
    if (value !== undefined) result[key] = value;
  }
  return result;
}

const ruleOf = <K extends Kind>(config: { readonly kind: K } & Optional<RewardKinds[K]>) => {
  const rule: RewardRule<RewardKinds[K]> = rules[config.kind];
  return { rule, parameters: withDefaults<RewardKinds[K]>(rule.defaults, config) };
};

/**
 * The reward of a trial, to be maximised; the same bits on every machine unless the user's own function decides it.
 *
 * @throws MnasError `CONFIG_INVALID` when the result is not a finite number, or the user's function throws.
 */
export function rewardOf(metrics: TrialMetrics, reward: Reward, targetMs: number): number {
  const refuse = (why: string, cause?: unknown): never => {
    const { accuracy, latencyMs, params, madds } = metrics;
    const values = JSON.stringify({ accuracy, latencyMs, params, madds, targetMs });
    throw new MnasError("CONFIG_INVALID", `Cannot reward ${values}: ${why}`, {
      hint: "Correct the reward function in the config, or use one of the kinds: hard, soft, absolute.",
      cause,
    });
  };
  let value: number;
  try {
    value = typeof reward === "function" ? reward({ ...metrics, targetMs }) : builtIn(metrics, reward, targetMs);
  } catch (error) {
    return refuse(`the reward function throws "${String(error)}"`, error);
  }
  return Number.isFinite(value) ? value : refuse(`the reward is ${String(value)}, must be a finite number`);
}

/**
 * Tries a reward on a fast and on a slow network, so that a mistake in a user's function shows before anything is
 * trained. Throws as `rewardOf` does.
 */
export function checkReward(reward: Reward, targetMs: number): void {
  for (const latencyMs of [targetMs / 2, targetMs * 2])
    rewardOf({ accuracy: 0.5, latencyMs, params: 1e5, madds: 1e7 }, reward, targetMs);
}

function builtIn({ accuracy, latencyMs }: Metrics, config: RewardConfig, targetMs: number): number {
  const { rule, parameters } = ruleOf(config);
  return rule.of(accuracy, latencyMs / targetMs, parameters);
}

/** Whether the same trial has the highest reward for every target. Of a user's own function this is not known: false. */
export function ignoresTarget(reward: Reward): boolean {
  if (typeof reward === "function") return false;
  const { rule, parameters } = ruleOf(reward);
  return rule.ignoresTarget(parameters);
}
