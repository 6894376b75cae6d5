import { kendallTau, mape, spearman } from "../../util/correlation.ts";
import { fitModel, predict, usableKinds, type Model, type ModelKind, type Prices, type Sample } from "./models.ts";

/** How predictions compare with measurements of networks that had no part in fitting. */
export interface HeldOut {
  /** Mean absolute error as a share of what was measured. */
  readonly mape: number;
  /** Rank correlations; null when all networks are predicted alike. */
  readonly kendall: number | null;
  readonly spearman: number | null;
  readonly networks: number;
}

/** Below this rank correlation a search would look in the wrong places. */
export const leastSpearman = 0.9;

const folds = 10;

/** Mean absolute error of each sample predicted by a model of the others, tenth by tenth. */
function crossValidated(kind: ModelKind, samples: readonly Sample[], priorPrices: Prices | null): number {
  const predicted = samples.map(() => 0);
  for (let fold = 0; fold < Math.min(folds, samples.length); fold++) {
    const isIn = (i: number): boolean => i % folds === fold;
    const model = fitModel(
      kind,
      samples.filter((_, i) => !isIn(i)),
      priorPrices,
    );
    for (const [i, sample] of samples.entries()) if (isIn(i)) predicted[i] = predict(model, sample);
  }
  return mape(
    predicted,
    samples.map(({ ms }) => ms),
  );
}

/**
 * Fits the kind of model that predicts samples best which it was not fitted to. Kinds are in the order of that.
 *
 * @param priorPrices as {@link fitModel} takes them.
 */
export function fitBest(
  samples: readonly Sample[],
  priorPrices: Prices | null = null,
): {
  readonly model: Model;
  readonly kinds: readonly { readonly kind: ModelKind; readonly mape: number }[];
} {
  const kinds = usableKinds(samples)
    .map((kind) => ({ kind, mape: crossValidated(kind, samples, priorPrices) }))
    .sort((a, b) => a.mape - b.mape);
  return { model: fitModel(kinds[0]!.kind, samples, priorPrices), kinds };
}

/** How predictions compare with measurements of the same networks. */
export function agreement(predicted: readonly number[], measured: readonly number[]): HeldOut {
  const known = (r: number): number | null => (Number.isNaN(r) ? null : r);
  return {
    mape: mape(predicted, measured),
    kendall: known(kendallTau(predicted, measured)),
    spearman: known(spearman(predicted, measured)),
    networks: measured.length,
  };
}

/** The error of a model on networks that it was not fitted to. */
export const compare = (model: Model, samples: readonly Sample[]): HeldOut =>
  agreement(
    samples.map((sample) => predict(model, sample)),
    samples.map(({ ms }) => ms),
  );
