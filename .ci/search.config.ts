// A target that any machine meets, and trainings that are short: all steps of a search are taken.
export default {
  seed: 1,
  trials: 6,
  target: 1,
  proxy: { epochs: 0.5 },
  final: { epochs: 0.5 },
  finalSeeds: 1,
  baselines: 1,
};
