import { exp, log } from "../util/math.ts";
import type { Rng } from "../util/rng.ts";
import { backwardCell, forwardCell, type Cell } from "./lstm.ts";
import { addProduct, matrix, transposed } from "./matmul.ts";

export interface ControllerSize {
  readonly hidden: number;
  readonly embedding: number;
}

/** What the controller thinks of a batch of sequences; arrays are [decisions × batch], decision by decision. */
export interface Evaluation {
  readonly sequences: readonly (readonly number[])[];
  /** Logarithm of the probability of the choice that was taken. */
  readonly logProbs: Float64Array;
  /** Entropy of the softmax, in nats. */
  readonly entropies: Float64Array;
}

/**
 * The policy: an LSTM that takes the decisions one after the other. It sees the previous choice as an embedding, one for
 * each choice of each decision, and each decision has a softmax of its own.
 */
export interface Controller {
  /** Every parameter in one array, for the optimizer. */
  readonly weights: Float64Array;
  /** One sequence for each random stream. */
  sample(rngs: readonly Rng[]): number[][];
  /** Runs the sequences through the network. What it returns, and the state for `gradient`, hold until the next call. */
  evaluate(sequences: readonly (readonly number[])[]): Evaluation;
  /**
   * Gradient, by the weights, of `Σ dLogProbs × logProbs + dEntropy × Σ entropies` of the last evaluation, for which it
   * may be taken once.
   */
  gradient(dLogProbs: Float64Array, dEntropy: number): Float64Array;
}

/** A controller for decisions of `choices[t]` choices each, with weights of U(-0.1, 0.1) and biases of zero. */
export function createController(
  choices: readonly number[],
  { hidden, embedding }: ControllerSize,
  rng: Rng,
): Controller {
  const steps = choices.length;
  const wide = 4 * hidden;
  // Row 0 is what the first decision sees; choice c of decision t has row rowOf[t] + c.
  const rowOf = choices.map((_, t) => 1 + choices.slice(0, t).reduce((sum, n) => sum + n, 0));
  const total = choices.reduce((sum, n) => sum + n, 0);
  const rows = 1 + total;

  const embeddings = 0;
  const input = embeddings + rows * embedding;
  const recurrent = input + embedding * wide;
  const heads = recurrent + hidden * wide;
  const biases = heads + total * hidden;
  const headBiases = biases + wide;
  const size = headBiases + total;
  const weights = new Float64Array(size);
  for (let i = 0; i < biases; i++) weights[i] = 0.2 * rng.next() - 0.1;

  const headOf = choices.map((_, t) => heads + (rowOf[t]! - 1) * hidden);
  const probabilities = new Float64Array(Math.max(0, ...choices));
  /** Softmax of decision `t` after an output of the LSTM, into `probabilities`. */
  const softmax = (t: number, outputs: Float64Array, at: number): void => {
    const n = choices[t]!;
    let top = -Infinity;
    for (let c = 0; c < n; c++) {
      let logit = weights[headBiases + rowOf[t]! - 1 + c]!;
      const row = headOf[t]! + c * hidden;
      for (let u = 0; u < hidden; u++) logit += weights[row + u]! * outputs[at + u]!;
      probabilities[c] = logit;
      top = Math.max(top, logit);
    }
    let sum = 0;
    for (let c = 0; c < n; c++) sum += probabilities[c] = exp(probabilities[c]! - top);
    for (let c = 0; c < n; c++) probabilities[c]! /= sum;
  };

  /** What each embedding adds to the gates, bias included: the same for every sequence. */
  const table = new Float64Array(rows * wide);
  const fillTable = (): void => {
    for (let r = 0; r < rows; r++) table.set(weights.subarray(biases, biases + wide), r * wide);
    addProduct(
      rows,
      wide,
      embedding,
      matrix(weights, embedding, embeddings),
      matrix(weights, wide, input),
      matrix(table, wide),
    );
  };
  const rowSeen = (sequence: readonly number[], t: number): number => (t === 0 ? 0 : rowOf[t - 1]! + sequence[t - 1]!);

  const createCell = (count: number): Cell => ({
    gates: new Float64Array(steps * count * wide),
    states: new Float64Array((steps + 1) * count * hidden),
    squashed: new Float64Array(steps * count * hidden),
    outputs: new Float64Array((steps + 1) * count * hidden),
  });
  /** Step `t` of the LSTM, whose input is the choices before it. */
  const stepForward = (cell: Cell, t: number, sequences: readonly (readonly number[])[]): void => {
    const count = sequences.length;
    const gates = t * count * wide;
    sequences.forEach((sequence, b) => {
      const row = rowSeen(sequence, t) * wide;
      cell.gates.set(table.subarray(row, row + wide), gates + b * wide);
    });
    const before = matrix(cell.outputs, hidden, t * count * hidden);
    addProduct(count, wide, hidden, before, matrix(weights, wide, recurrent), matrix(cell.gates, wide, gates));
    forwardCell(cell, t, count, hidden);
  };

  let cell = createCell(0);
  let last: Evaluation & { readonly softmaxes: readonly Float64Array[] } = {
    sequences: [],
    logProbs: new Float64Array(0),
    entropies: new Float64Array(0),
    softmaxes: [],
  };

  return {
    weights,

    sample(rngs) {
      const count = rngs.length;
      const drawn = createCell(count);
      const sequences = rngs.map((): number[] => []);
      fillTable();
      for (let t = 0; t < steps; t++) {
        stepForward(drawn, t, sequences);
        sequences.forEach((sequence, b) => {
          softmax(t, drawn.outputs, ((t + 1) * count + b) * hidden);
          let rest = rngs[b]!.next();
          let choice = 0;
          while (choice < choices[t]! - 1 && rest >= probabilities[choice]!) rest -= probabilities[choice++]!;
          sequence.push(choice);
        });
      }
      return sequences;
    },

    evaluate(sequences) {
      const count = sequences.length;
      if (last.sequences.length !== count) cell = createCell(count);
      const logProbs = new Float64Array(steps * count);
      const entropies = new Float64Array(steps * count);
      const softmaxes = choices.map((n) => new Float64Array(count * n));
      fillTable();
      for (let t = 0; t < steps; t++) {
        stepForward(cell, t, sequences);
        const n = choices[t]!;
        for (let b = 0; b < count; b++) {
          softmax(t, cell.outputs, ((t + 1) * count + b) * hidden);
          logProbs[t * count + b] = log(probabilities[sequences[b]![t]!]!);
          for (let c = 0; c < n; c++) {
            const p = probabilities[c]!;
            softmaxes[t]![b * n + c] = p;
            if (p > 0) entropies[t * count + b]! -= p * log(p);
          }
        }
      }
      last = { sequences, logProbs, entropies, softmaxes };
      return last;
    },

    gradient(dLogProbs, dEntropy) {
      const { sequences, entropies, softmaxes } = last;
      const count = sequences.length;
      const result = new Float64Array(size);
      const dTable = new Float64Array(rows * wide);
      const dOutput = new Float64Array(count * hidden);
      const dState = new Float64Array(count * hidden);
      for (let t = steps - 1; t >= 0; t--) {
        // What is in dOutput came through the recurrence of the step after; the softmax of this one adds its share.
        const n = choices[t]!;
        for (let b = 0; b < count; b++) {
          const at = ((t + 1) * count + b) * hidden;
          for (let c = 0; c < n; c++) {
            const p = softmaxes[t]![b * n + c]!;
            const taken = sequences[b]![t] === c ? 1 : 0;
            const spread = p > 0 ? -p * (log(p) + entropies[t * count + b]!) : 0;
            const dLogit = dLogProbs[t * count + b]! * (taken - p) + dEntropy * spread;
            result[headBiases + rowOf[t]! - 1 + c]! += dLogit;
            const row = headOf[t]! + c * hidden;
            for (let u = 0; u < hidden; u++) {
              result[row + u]! += dLogit * cell.outputs[at + u]!;
              dOutput[b * hidden + u]! += dLogit * weights[row + u]!;
            }
          }
        }
        backwardCell(cell, t, count, hidden, dOutput, dState);
        const gates = t * count * wide;
        dOutput.fill(0);
        addProduct(
          count,
          hidden,
          wide,
          matrix(cell.gates, wide, gates),
          transposed(matrix(weights, wide, recurrent)),
          matrix(dOutput, hidden),
        );
        for (let b = 0; b < count; b++) {
          const row = rowSeen(sequences[b]!, t) * wide;
          for (let v = 0; v < wide; v++) dTable[row + v]! += cell.gates[gates + b * wide + v]!;
        }
      }
      addProduct(
        hidden,
        wide,
        steps * count,
        transposed(matrix(cell.outputs, hidden)),
        matrix(cell.gates, wide),
        matrix(result, wide, recurrent),
      );
      addProduct(
        rows,
        embedding,
        wide,
        matrix(dTable, wide),
        transposed(matrix(weights, wide, input)),
        matrix(result, embedding, embeddings),
      );
      addProduct(
        embedding,
        wide,
        rows,
        transposed(matrix(weights, embedding, embeddings)),
        matrix(dTable, wide),
        matrix(result, wide, input),
      );
      for (let r = 0; r < rows; r++) for (let v = 0; v < wide; v++) result[biases + v]! += dTable[r * wide + v]!;
      return result;
    },
  };
}
