"""An evaluator for mnas in plain PyTorch: mnas search --evaluator "python3 trainer.py"

Reads requests from standard input, one JSON document a line, builds the network from its graph, trains it on the images
that mnas wrote into the run, and answers on standard output. The protocol is in docs/evaluators.md.

    trainer.py --logits REQUEST.json    prints the logits of the weights and images that the request names, for checking
"""

import ctypes
import json
import math
import os
import queue
import struct
import sys
import threading

import torch
import torch.nn.functional as F
from torch import nn

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
# mnas starts one of these programs per core.
torch.set_num_threads(1)


# The network. Values are [batch, channels, height, width] here; shapes in the graph are height, width, channels.


class Window(nn.Module):
    """A convolution or pooling behind zero borders, which need not be the same on all sides."""

    def __init__(self, node, channels):
        super().__init__()
        top, bottom, left, right = node["padding"]
        self.pad = (left, right, top, bottom)
        attrs = node["attrs"]
        self.op, self.kernel, self.stride = node["op"], attrs["kernel"], attrs["stride"]
        if self.op in ("Conv", "DepthwiseConv"):
            groups = channels if self.op == "DepthwiseConv" else 1
            bias = attrs.get("bias", False)
            self.conv = nn.Conv2d(channels, node["shape"][2], self.kernel, self.stride, groups=groups, bias=bias)

    def forward(self, x):
        if self.op == "MaxPool":
            return F.max_pool2d(F.pad(x, self.pad, value=-math.inf), self.kernel, self.stride)
        padded = F.pad(x, self.pad)
        if self.op != "AvgPool":
            return self.conv(padded)
        # The mean is over the pixels inside the image.
        inside = F.pad(torch.ones_like(x[:1, :1]), self.pad)
        return F.avg_pool2d(padded, self.kernel, self.stride) / F.avg_pool2d(inside, self.kernel, self.stride)


class FitChannels(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.channels = channels

    def forward(self, x):
        return F.pad(x, (0, 0, 0, 0, 0, max(0, self.channels - x.shape[1])))[:, : self.channels]


class Apply(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *inputs):
        return self.function(*inputs)


ACTIVATIONS = {"relu": F.relu, "relu6": F.relu6, "hswish": F.hardswish, "sigmoid": torch.sigmoid}
OPS = {
    "Conv": Window,
    "DepthwiseConv": Window,
    "AvgPool": Window,
    "MaxPool": Window,
    # PyTorch's momentum is the share of the new statistics, ours that of the old.
    "BatchNorm": lambda node, c: nn.BatchNorm2d(c, node["attrs"]["epsilon"], 1 - node["attrs"]["momentum"]),
    "Activation": lambda node, c: Apply(ACTIVATIONS[node["attrs"]["function"]]),
    "Scale": lambda node, c: Apply(torch.mul),
    "Add": lambda node, c: Apply(torch.add),
    "FitChannels": lambda node, c: FitChannels(node["attrs"]["channels"]),
    "GlobalAvgPool": lambda node, c: Apply(lambda x: x.mean((2, 3), keepdim=True)),
    "Dropout": lambda node, c: nn.Dropout(node["attrs"]["rate"]),
    "Dense": lambda node, c: nn.Conv2d(c, node["attrs"]["units"], 1),
}
PARTS = {"gamma": "weight", "beta": "bias", "mean": "running_mean", "variance": "running_var"}


class Network(nn.Module):
    """A graph of mnas; every module is kept under the name of its node."""

    def __init__(self, graph):
        super().__init__()
        if graph["graphVersion"] != 1:
            raise ValueError(f"graphVersion is {graph['graphVersion']}, must be 1")
        self.graph = graph
        self.modules_by_name = {}
        channels = {node["name"]: node["shape"][2] for node in graph["nodes"]}
        for node in graph["nodes"]:
            if node["op"] == "Input":
                continue
            module = OPS[node["op"]](node, channels[node["inputs"][0]])
            self.modules_by_name[node["name"]] = module
            self.add_module(node["name"].replace(".", "_"), module)
        for parameter, tensor in self.named_arrays():
            init = parameter["init"]
            with torch.no_grad():
                if init["kind"] == "constant":
                    tensor.fill_(init["value"])
                elif init["kind"] == "normal":
                    tensor.normal_(0, init["deviation"])
                else:
                    tensor.uniform_(-init["bound"], init["bound"])

    def forward(self, images):
        values = {self.graph["input"]: images}
        for node in self.graph["nodes"]:
            if node["op"] != "Input":
                values[node["name"]] = self.modules_by_name[node["name"]](*[values[name] for name in node["inputs"]])
        return values[self.graph["output"]].flatten(1)

    def named_arrays(self):
        """Each parameter of the graph with the tensor that holds it."""
        for node in self.graph["nodes"]:
            for parameter in node["parameters"]:
                module = self.modules_by_name[node["name"]]
                module = module.conv if isinstance(module, Window) else module
                part = parameter["name"].rsplit(".", 1)[1]
                yield parameter, getattr(module, PARTS.get(part, part))


# Weights: [out, in, k, k] here; in files [k, k, in, out], depthwise [k, k, channels], dense [in, out].


def to_file(tensor, shape):
    order = {4: (2, 3, 1, 0), 3: (2, 3, 1, 0), 2: (2, 3, 1, 0)}.get(len(shape))
    return (tensor.permute(order) if order else tensor).reshape(shape)


def from_file(values, shape, like):
    if len(shape) == 3:  # one input channel for each output
        shape = [shape[0], shape[1], 1, shape[2]]
    elif len(shape) == 2:
        shape = [1, 1, *shape]
    values = values.reshape(shape)
    return (values.permute(3, 2, 0, 1) if len(shape) == 4 else values).reshape(like.shape)


def save_weights(network, file):
    header, bodies, end = {}, [], 0
    for parameter, tensor in network.named_arrays():
        values = to_file(tensor.detach().cpu().float(), parameter["shape"]).contiguous()
        body = ctypes.string_at(values.data_ptr(), 4 * values.numel())
        header[parameter["name"]] = {"dtype": "F32", "shape": parameter["shape"], "data_offsets": [end, end + len(body)]}
        bodies.append(body)
        end += len(body)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(file, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text + b"".join(bodies))


def load_weights(network, file):
    with open(file, "rb") as source:
        (size,) = struct.unpack("<Q", source.read(8))
        header, data = json.loads(source.read(size)), bytearray(source.read())
    with torch.no_grad():
        for parameter, tensor in network.named_arrays():
            start, end = header[parameter["name"]]["data_offsets"]
            values = torch.frombuffer(data, dtype=torch.float32, count=(end - start) // 4, offset=start)
            tensor.copy_(from_file(values, parameter["shape"], tensor))


# The images.


def read_npy(file):
    """An array of bytes or 32-bit integers as numpy writes it, version 1.0."""
    with open(file, "rb") as source:
        begin = source.read(10)
        header = source.read(struct.unpack("<H", begin[8:10])[0]).decode()
        data = bytearray(source.read())
    shape = [int(n) for n in header.split("'shape': (")[1].split(")")[0].split(",") if n.strip()]
    return torch.frombuffer(data, dtype=torch.uint8 if "|u1" in header else torch.int32).reshape(shape)


class Data:
    """The images of a run, normalised; each part is read once."""

    def __init__(self):
        self.parts = {}

    def part(self, data, name):
        key = (data["dir"], name)
        if key not in self.parts:
            with open(os.path.join(data["dir"], "data.json")) as file:
                facts = json.load(file)["parts"][name]
            if not facts["images"].endswith(".npy"):
                raise ValueError("these images are too many to be an array: this trainer does not read lists of files")
            images = read_npy(os.path.join(data["dir"], facts["images"])).permute(0, 3, 1, 2).contiguous()
            labels = read_npy(os.path.join(data["dir"], facts["labels"])).long()
            self.parts[key] = (images, labels)
        return self.parts[key]


def normalised(images, data):
    mean, deviation = (torch.tensor(data[key]).view(1, -1, 1, 1) for key in ("mean", "deviation"))
    return ((images / 255 - mean) / deviation).to(DEVICE)


# Training.


def learning_rate(step, recipe):
    peak, schedule = recipe["learningRate"], recipe["schedule"]
    warmup = recipe["warmupEpochs"] * recipe["stepsPerEpoch"]
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    if schedule["kind"] == "exponential":
        return peak * schedule["factor"] ** (step // (recipe["stepsPerEpoch"] * schedule["everyEpochs"]))
    progress = (step - warmup) / max(1, recipe["steps"] - warmup)
    return peak * 0.5 * (1 + math.cos(math.pi * min(1, progress)))


def optimizer_of(network, recipe):
    decayed = [t for p, t in network.named_arrays() if p["isTrainable"] and p["hasDecay"]]
    spared = [t for p, t in network.named_arrays() if p["isTrainable"] and not p["hasDecay"]]
    groups = [{"params": decayed, "weight_decay": recipe["weightDecay"]}, {"params": spared, "weight_decay": 0}]
    how = recipe["optimizer"]
    if how["kind"] == "rmsprop":
        return torch.optim.RMSprop(groups, lr=0.1, alpha=how["decay"], momentum=how["momentum"], eps=how["epsilon"])
    return torch.optim.SGD(groups, lr=0.1, momentum=how["momentum"], nesterov=how["nesterov"] and how["momentum"] > 0)


@torch.no_grad()
def accuracy_of(network, data, images, labels, batch=256):
    network.eval()
    correct = 0
    for i in range(0, len(labels), batch):
        answers = network(normalised(images[i : i + batch], data)).argmax(1).cpu()
        correct += (answers == labels[i : i + batch]).sum().item()
    return correct / len(labels)


def evaluate(request, store, say):
    """Trains and judges one network; crops, flips and averages of weights are left out."""
    torch.manual_seed(request["seed"])
    recipe, data = request["recipe"], request["data"]
    network = Network(request["graph"]).to(DEVICE)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and recipe["batchNormMomentum"] is not None:
            module.momentum = 1 - recipe["batchNormMomentum"]
    optimizer = optimizer_of(network, recipe)
    images, labels = store.part(data, "train")
    batch, steps = recipe["batch"], recipe["steps"]
    network.train()
    for step in range(steps):
        if step % recipe["stepsPerEpoch"] == 0:
            order = torch.randperm(len(labels))
        at = step % recipe["stepsPerEpoch"] * batch
        chosen = order[at : at + batch]
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, recipe)
        logits = network(normalised(images[chosen], data))
        loss = F.cross_entropy(logits, labels[chosen].to(DEVICE), label_smoothing=recipe["labelSmoothing"])
        if not torch.isfinite(loss):
            return {"error": f"loss is {loss.item()} at step {step + 1}"}
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if step % 10 == 9:
            say({"progress": {"step": step + 1, "steps": steps}})
    answer = {"accuracy": accuracy_of(network, data, *store.part(data, "validation"))}
    if request["withTest"]:
        answer["testAccuracy"] = accuracy_of(network, data, *store.part(data, "test"))
    save_weights(network, request["weightsFile"])
    return answer


def read_lines(lines):
    for line in sys.stdin:
        lines.put(line)
    # mnas is gone, and nobody wants what is being trained.
    os._exit(0)


def main():
    store, lines = Data(), queue.Queue()
    threading.Thread(target=read_lines, args=(lines,), daemon=True).start()
    print(json.dumps({"ready": True}), flush=True)
    while True:
        request = json.loads(lines.get())
        say = lambda answer: print(json.dumps({"id": request["id"], **answer}), flush=True)
        try:
            say(evaluate(request, store, say))
        except (RuntimeError, ValueError) as error:
            say({"error": str(error)})


@torch.no_grad()
def logits(file):
    with open(file) as source:
        request = json.load(source)
    network = Network(request["graph"]).eval()
    load_weights(network, request["weightsFile"])
    rows = network(torch.tensor(request["images"]).permute(0, 3, 1, 2))
    save_weights(network, request["savedFile"])
    count = sum(tensor.numel() for parameter, tensor in network.named_arrays() if parameter["isTrainable"])
    print(json.dumps({"params": count, "logits": rows.tolist()}))


if __name__ == "__main__":
    logits(sys.argv[2]) if sys.argv[1:2] == ["--logits"] else main()
