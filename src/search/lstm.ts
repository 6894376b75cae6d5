import { sigmoid, tanh } from "../util/math.ts";

/*
 * One LSTM cell, for a batch of sequences at one time step. Row b of `gates` holds the four gates of sequence b, one after
 * the other: input, forget, candidate, output, each of `hidden` values. The caller adds up what flows into the gates
 * (input, recurrence and bias are products and table look-ups) and takes their gradients apart again.
 */

/** What a step keeps for its backward pass; every array is [batch × hidden] from `at`, `gates` four times that. */
export interface Cell {
  readonly gates: Float64Array;
  /** Cell states, and their tanh. */
  readonly states: Float64Array;
  readonly squashed: Float64Array;
  readonly outputs: Float64Array;
}

/**
 * Step `step` forward: replaces the sums in `gates` by the activations, and writes state and output.
 *
 * States and outputs are stored one step ahead, [steps + 1 × batch × hidden], so that those of step 0 start from zeros.
 */
export function forwardCell(cell: Cell, step: number, batch: number, hidden: number): void {
  const { gates, states, squashed, outputs } = cell;
  const size = batch * hidden;
  for (let b = 0; b < batch; b++) {
    const i = (step * batch + b) * 4 * hidden;
    const f = i + hidden;
    const g = f + hidden;
    const o = g + hidden;
    const before = step * size + b * hidden;
    for (let u = 0; u < hidden; u++) {
      const input = sigmoid(gates[i + u]!);
      const forget = sigmoid(gates[f + u]!);
      const candidate = tanh(gates[g + u]!);
      const output = sigmoid(gates[o + u]!);
      const state = forget * states[before + u]! + input * candidate;
      const squash = tanh(state);
      gates[i + u] = input;
      gates[f + u] = forget;
      gates[g + u] = candidate;
      gates[o + u] = output;
      states[before + size + u] = state;
      squashed[before + u] = squash;
      outputs[before + size + u] = output * squash;
    }
  }
}

/**
 * Step `step` backward: replaces the activations in `gates` by the gradients of the sums.
 *
 * `dOutput` [batch × hidden] is the gradient of the step's output. `dState`, of the same shape, comes in as the gradient
 * of the step's state by way of later steps, and goes out as that of the state before.
 */
export function backwardCell(
  cell: Cell,
  step: number,
  batch: number,
  hidden: number,
  dOutput: Float64Array,
  dState: Float64Array,
): void {
  const { gates, states, squashed } = cell;
  for (let b = 0; b < batch; b++) {
    const i = (step * batch + b) * 4 * hidden;
    const f = i + hidden;
    const g = f + hidden;
    const o = g + hidden;
    const before = (step * batch + b) * hidden;
    for (let u = 0; u < hidden; u++) {
      const input = gates[i + u]!;
      const forget = gates[f + u]!;
      const candidate = gates[g + u]!;
      const output = gates[o + u]!;
      const squash = squashed[before + u]!;
      const dOut = dOutput[b * hidden + u]!;
      const d = dState[b * hidden + u]! + dOut * output * (1 - squash * squash);
      gates[i + u] = d * candidate * input * (1 - input);
      gates[f + u] = d * states[before + u]! * forget * (1 - forget);
      gates[g + u] = d * input * (1 - candidate * candidate);
      gates[o + u] = dOut * squash * output * (1 - output);
      dState[b * hidden + u] = d * forget;
    }
  }
}
