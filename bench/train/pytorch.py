"""Trains one network with PyTorch: pytorch.py FOLDER THREADS LAYOUT PADDING, commands as in ours.ts, and one more:

    nudge SIZE    changes each weight at random, by so much of it

LAYOUT is "nchw" or "channels_last". PADDING is "exact" (TensorFlow's rule, for equal losses) or "symmetric" (the same
shapes and work, but PyTorch need not copy values to pad them, so it is faster).
"""

import json
import sys
import time

import torch
import torch.nn.functional as F

from network import Network, load_weights, read

folder, threads, layout, padding = sys.argv[1:]
torch.set_num_threads(int(threads))
torch.manual_seed(0)
memory_format = torch.channels_last if layout == "channels_last" else torch.contiguous_format
problem = json.load(open(f"{folder}/problem.json"))


network = Network(problem["nodes"], padding)
groups = load_weights(network, folder, problem["parameters"])
network = network.to(memory_format=memory_format).train()
optimizer = torch.optim.SGD(
    [{"params": groups[True], "weight_decay": problem["weightDecay"]}, {"params": groups[False], "weight_decay": 0}],
    lr=problem["learningRate"],
    momentum=problem["momentum"],
    nesterov=True,
    foreach=True,
)
batch = problem["batch"]
images = read(folder, "images.f32", torch.float32).view(-1, batch, *problem["nodes"][0]["shape"]).permute(0, 1, 4, 2, 3)
images = [x.contiguous(memory_format=memory_format) for x in images]
labels = read(folder, "labels.i32", torch.int32).long().view(-1, batch)
steps = 0


def step():
    global steps
    n = steps % len(images)
    steps += 1
    optimizer.zero_grad(set_to_none=True)
    loss = F.cross_entropy(network(images[n]), labels[n])
    loss.backward()
    optimizer.step()
    return loss.item()


def repeat(seconds, run):
    start = time.perf_counter()
    runs = 0
    while True:
        run()
        runs += 1
        passed = time.perf_counter() - start
        if passed >= seconds:
            return runs, passed


def train(seconds):
    runs, passed = repeat(seconds, step)
    return {"images": runs * batch, "seconds": passed}


def gemm(seconds):
    a, b, c = torch.randn(3, 1024, 1024)
    repeat(seconds / 2, lambda: torch.mm(a, b, out=c))
    runs, passed = repeat(seconds / 2, lambda: torch.mm(a, b, out=c))
    return 2 * 1024**3 * runs / passed / 1e9


@torch.no_grad()
def nudge(size):
    for parameter in network.parameters():
        parameter.mul_(1 + size * torch.randn_like(parameter))


commands = {
    "train": train,
    "losses": lambda count: [step() for _ in range(int(count))],
    "gemm": gemm,
    "nudge": nudge,
}
for line in sys.stdin:
    command, n = line.split()
    print(json.dumps(commands[command](float(n))), flush=True)
