import type { Weights } from "../graph/weights.ts";
import type { Phase } from "../store/store.ts";
import type { Recipe } from "../train/recipe.ts";
import type { Progress } from "../train/trainer.ts";

/** A network that is to be trained and judged. */
export interface Order {
  readonly phase: Phase;
  readonly notation: string;
  readonly recipe: Recipe;
  /** Decides everything that is random. */
  readonly seed: string;
  /** Judge it on the test images as well. */
  readonly withTest: boolean;
  /** Shares of the training after which it tells how accurate it is so far; only `builtin.ts` does. */
  readonly rungs?: readonly number[];
  /** A file that may be used on the way; nothing is left there. */
  readonly scratchFile: string;
}

/** What became of it. */
export interface Evaluation {
  /** Share of correct answers on the validation images, 0..1. */
  readonly accuracy: number;
  /** The same on the test images; null unless asked for and known. */
  readonly testAccuracy: number | null;
  readonly seconds: number;
  /** Null where the evaluator keeps them to itself; such a network cannot be exported. */
  readonly weights: Weights | null;
}

/** How far an evaluation is; also a sign of life. */
export type Step = Pick<Progress, "step" | "steps"> & Partial<Pick<Progress, "accuracy">>;

/** What trains the networks of a search and says how good they are. */
export interface Evaluator extends Disposable {
  /**
   * Trains and judges a network. One at a time.
   *
   * @throws EvaluationFailed about this network alone. @throws EvaluatorDied when whatever trained it is gone.
   * @throws MnasError when the evaluator is of no use. @throws the signal's reason when aborted.
   */
  evaluate(order: Order, signal: AbortSignal): AsyncGenerator<Step, Evaluation>;
}

/** This network cannot be trained; the next one may. */
export class EvaluationFailed extends Error {
  override readonly name = "EvaluationFailed";
}

/** A program that trained a network ended before it had; another try may do better. */
export class EvaluatorDied extends Error {
  override readonly name = "EvaluatorDied";
  /** `SIGKILL`, `exit code 1`, or that it was silent. */
  readonly how: string;

  constructor(how: string, message = how) {
    super(message);
    this.how = how;
  }
}
