"""
Searches of Optuna in a table of known results.

Reads from standard input {"sampler", "objectives": 1 or 2, "choices": choices of each decision, "samples", "seeds",
"networks": {"0,2,1,...": {"accuracies", "cost"}}}; writes [[[network, accuracy], ...], ...], the samples of each seed.
A network is trained once: one of its accuracies, drawn at random, is its result ever after.
"""

import json
import random
import sys

import optuna

SAMPLERS = {
    # Left to itself, Optuna 5 takes the multivariate one for one objective and the other for two.
    "tpe-independent": lambda seed: optuna.samplers.TPESampler(seed=seed, multivariate=False),
    "tpe-multivariate": lambda seed: optuna.samplers.TPESampler(seed=seed, multivariate=True),
    "nsga2": lambda seed: optuna.samplers.NSGAIISampler(seed=seed),
}


def search(order, seed):
    rng = random.Random(seed)
    directions = ["maximize", "minimize"][: order["objectives"]]
    study = optuna.create_study(directions=directions, sampler=SAMPLERS[order["sampler"]](seed))
    seen = {}
    samples = []
    for _ in range(order["samples"]):
        trial = study.ask()
        decisions = [
            trial.suggest_categorical(f"decision {i}", list(range(count))) for i, count in enumerate(order["choices"])
        ]
        network = ",".join(map(str, decisions))
        entry = order["networks"].get(network)
        if entry is None:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            samples.append([network, None])
            continue
        accuracy = seen.setdefault(network, rng.choice(entry["accuracies"]))
        study.tell(trial, [accuracy, entry["cost"]][: order["objectives"]])
        samples.append([network, accuracy])
    return samples


optuna.logging.set_verbosity(optuna.logging.ERROR)
order = json.load(sys.stdin)
json.dump([search(order, seed) for seed in order["seeds"]], sys.stdout)
