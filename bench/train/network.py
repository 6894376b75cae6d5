"""Networks of mnas in PyTorch, from what problem.ts writes."""

import os

import torch
import torch.nn.functional as F
from torch import nn


def read(folder, name, dtype):
    data = bytearray(os.path.getsize(f"{folder}/{name}"))
    with open(f"{folder}/{name}", "rb") as file:
        file.readinto(data)
    return torch.frombuffer(data, dtype=dtype)


class AveragePool(nn.Module):
    """Mean over the pixels inside the image where the padding is not the same on all sides."""

    def __init__(self, pad, kernel, stride):
        super().__init__()
        self.pad, self.kernel, self.stride = pad, kernel, stride

    def sums(self, x):
        return F.avg_pool2d(F.pad(x, self.pad), self.kernel, self.stride)

    def forward(self, x):
        return self.sums(x) / self.sums(torch.ones_like(x[:1, :1]))


def windowed(node, channels, padding):
    """A convolution or pooling with its padding."""
    attrs, kernel, stride = node["attrs"], node["attrs"]["kernel"], node["attrs"]["stride"]
    top, bottom, left, right = node["padding"]
    is_symmetric = padding == "symmetric" or (top == bottom == left == right)
    inside = kernel // 2 if is_symmetric else 0
    outside = (left, right, top, bottom)
    if node["op"] == "AvgPool":
        if not is_symmetric:
            return AveragePool(outside, kernel, stride)
        return nn.AvgPool2d(kernel, stride, inside, count_include_pad=False)
    filters = node["shape"][2]
    groups = channels if node["op"] == "DepthwiseConv" else 1
    conv = nn.Conv2d(channels, filters, kernel, stride, inside, groups=groups, bias=attrs.get("bias", False))
    return conv if is_symmetric else nn.Sequential(nn.ZeroPad2d(outside), conv)


def fit(channels):
    return lambda x: F.pad(x, (0, 0, 0, 0, 0, max(0, channels - x.shape[1])))[:, :channels]


# In place where nothing else reads the value, as here behind batch-norm.
activations = {"relu": nn.ReLU(True), "relu6": nn.ReLU6(True), "hswish": nn.Hardswish(), "sigmoid": nn.Sigmoid()}
ops = {
    "Conv": windowed,
    "DepthwiseConv": windowed,
    "AvgPool": windowed,
    "BatchNorm": lambda node, c, _: nn.BatchNorm2d(c, node["attrs"]["epsilon"], 1 - node["attrs"]["momentum"]),
    "Activation": lambda node, c, _: activations[node["attrs"]["function"]],
    "Scale": lambda node, c, _: torch.mul,
    "Add": lambda node, c, _: torch.add,
    "FitChannels": lambda node, c, _: fit(node["attrs"]["channels"]),
    "GlobalAvgPool": lambda node, c, _: nn.AdaptiveAvgPool2d(1),
    "Dense": lambda node, c, _: nn.Sequential(nn.Flatten(), nn.Linear(c, node["attrs"]["units"])),
}


class Network(nn.Module):
    """A graph of mnas. `padding` is "exact" or "symmetric", as in pytorch.py."""

    def __init__(self, nodes, padding="exact"):
        super().__init__()
        shapes = {node["name"]: node["shape"] for node in nodes}
        last = {name: i for i, node in enumerate(nodes) for name in node["inputs"]}
        self.image = nodes[0]["name"]
        self.owned = nn.ModuleList()
        self.by_name = {}
        self.steps = []
        for i, node in enumerate(nodes[1:], 1):
            module = ops[node["op"]](node, shapes[node["inputs"][0]][2], padding)
            if isinstance(module, nn.Module):
                self.owned.append(module)
                # The padding comes first in a sequence.
                self.by_name[node["name"]] = module[-1] if isinstance(module, nn.Sequential) else module
            dead = [name for name in set(node["inputs"]) if last[name] == i]
            self.steps.append((node["name"], module, node["inputs"], dead))

    def forward(self, image):
        values = {self.image: image}
        for name, module, inputs, dead in self.steps:
            values[name] = module(*[values[i] for i in inputs])
            # As in a network written by hand, nothing stays in memory but what the way back needs.
            for i in dead:
                del values[i]
        return values[name]


def load_weights(network, folder, parameters):
    """Copies the initial weights in; returns the parameters with and those without weight decay."""
    flat, at, groups = read(folder, "weights.f32", torch.float32), 0, {True: [], False: []}
    parts = {"gamma": "weight", "beta": "bias", "mean": "running_mean", "variance": "running_var"}
    for entry in parameters:
        node, part = entry["name"].rsplit(".", 1)
        target = getattr(network.by_name[node], parts.get(part, part))
        values = flat[at : at + target.numel()].view(entry["shape"])
        at += target.numel()
        if values.dim() == 4:  # [k, k, in, out]
            values = values.permute(3, 2, 0, 1)
        elif values.dim() == 3:  # depthwise, [k, k, channels]
            values = values.permute(2, 0, 1).unsqueeze(1)
        elif values.dim() == 2:
            values = values.t()
        target.data.copy_(values)
        if isinstance(target, nn.Parameter):
            groups[entry["hasDecay"]].append(target)
    return groups
