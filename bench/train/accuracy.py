"""Trains a network on real data with PyTorch and prints its accuracy on the test images: accuracy.py FOLDER SEED

The folder is what accuracy.ts writes: problem.json, weights.f32, rates.f32 (the learning rate of each step), and images
(uint8) and labels of the train and the test part.
"""

import json
import sys

import torch
import torch.nn.functional as F
from torch import nn

from network import Network, load_weights, read

folder, seed = sys.argv[1:]
torch.manual_seed(int(seed))
torch.set_num_threads(1)
problem = json.load(open(f"{folder}/problem.json"))
recipe = problem["recipe"]
network = Network(problem["nodes"])
groups = load_weights(network, folder, problem["parameters"])
network = network.to(memory_format=torch.channels_last).train()
for module in network.modules():
    if isinstance(module, nn.BatchNorm2d):
        module.momentum = 1 - recipe["batchNormMomentum"]
optimizer = torch.optim.SGD(
    [{"params": groups[True], "weight_decay": recipe["weightDecay"]}, {"params": groups[False], "weight_decay": 0}],
    momentum=recipe["optimizer"]["momentum"],
    nesterov=recipe["optimizer"]["nesterov"],
)
mean, deviation = (torch.tensor(problem[name]).view(1, 1, 1, -1) for name in ("mean", "deviation"))


def part(name):
    images = read(folder, f"{name}.u8", torch.uint8).view(-1, *problem["nodes"][0]["shape"])
    return images, read(folder, f"{name}.i32", torch.int32).long()


def shown(images):
    values = (images.float() / 255 - mean) / deviation
    return values.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


images, labels = part("train")
batch = recipe["batch"]
steps_per_epoch = len(images) // batch
rates = read(folder, "rates.f32", torch.float32)
for step, rate in enumerate(rates.tolist()):
    at = step % steps_per_epoch * batch
    if at == 0:
        order = torch.randperm(len(images))
    chosen = order[at : at + batch]
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    loss = F.cross_entropy(network(shown(images[chosen])), labels[chosen], label_smoothing=recipe["labelSmoothing"])
    loss.backward()
    optimizer.step()
    if (step + 1) % steps_per_epoch == 0:
        print(f"epoch {(step + 1) // steps_per_epoch}  loss {loss.item():.3f}", file=sys.stderr, flush=True)

network.eval()
images, labels = part("test")
with torch.no_grad():
    answers = torch.cat([network(shown(some)).argmax(1) for some in images.split(500)])
print(json.dumps({"testAccuracy": (answers == labels).float().mean().item()}))
