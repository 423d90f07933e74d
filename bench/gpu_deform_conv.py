#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Deformable convolution on one GPU, Ingot against torchvision's deform_conv2d: fp16, 3x3, modulated.

Each engine runs a chain of --calls layers as one CUDA graph; the figure is the fastest replay over the number of calls,
the engines interleaved. Input and result of the chain are in NCHW, which is torchvision's layout: Ingot changes it once
each. Where a layer has half as many outputs as inputs, two with weights of their own make the next input, side by side;
both engines pay for that.
Errors are those of one layer against torchvision's in fp64: root mean square over that of the result.

Needs: torch, torchvision, numpy, onnx, and a GPU; without one it says so and ends with code 77.
"""
import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile

import gpu_torch

ROOT = pathlib.Path(__file__).resolve().parent.parent
# (images, channels, height, width, output channels)
LAYERS = {
    "64x64 c256": (1, 256, 64, 64, 256),
    "128x128 c64": (1, 64, 128, 128, 64),
    "16x16 c512": (1, 512, 16, 16, 256),
    "batch 8 64x64 c256": (8, 256, 64, 64, 256),
}


def draw(layer: tuple) -> dict:
    """fp16 operands; weights keep the deviation of a chain's values about 1."""
    import numpy as np

    n, c, h, w, k = layer
    random = np.random.default_rng(1)
    normal = lambda *shape: random.standard_normal(shape, np.float32)
    values = {"x": normal(n, c, h, w), "offset": 2 * normal(n, 18, h, w),
              "mask": random.random((n, 9, h, w), np.float32), "b": normal(k) / 10}
    values.update({f"w{i}": normal(k, c, 3, 3) * (2.8 / math.sqrt(9 * c)) for i in range(c // k)})
    return {name: value.astype(np.float16) for name, value in values.items()}


class Torchvision:
    def __init__(self, values: dict, beside: int, calls: int):
        import torch

        self.torch = torch
        self.values = {name: torch.from_numpy(value).cuda() for name, value in values.items()}
        self.beside = beside
        stream = torch.cuda.Stream()
        with torch.no_grad(), torch.cuda.stream(stream):
            self.chain(2 * beside)
        torch.cuda.synchronize()
        self.graph = torch.cuda.CUDAGraph()
        with torch.no_grad(), torch.cuda.graph(self.graph):
            self.result = self.chain(calls)

    def chain(self, calls: int):
        x = self.values["x"]
        for _ in range(calls // self.beside):
            parts = [self.layer(x, self.values, i) for i in range(self.beside)]
            x = self.torch.cat(parts, 1) if self.beside > 1 else parts[0]
        return x

    @staticmethod
    def layer(x, values: dict, weights: int = 0):
        import torchvision

        return torchvision.ops.deform_conv2d(x, values["offset"], values[f"w{weights}"], values["b"], padding=1,
                                             mask=values["mask"])

    def exact(self):
        exact = {name: value.double() for name, value in self.values.items()}
        return self.layer(exact["x"], exact).cpu().numpy()

    def one(self):
        return self.layer(self.values["x"], self.values).cpu().numpy()

    def measure(self, replays: int) -> float:
        return min(gpu_torch.replay_times(self.graph, replays))


class Ingot:
    def __init__(self, values: dict, beside: int, calls: int, stem: pathlib.Path, options):
        import numpy as np

        self.program, self.feed, self.plans = options.ingot, stem.with_suffix(".npz"), {}
        np.savez(self.feed, **{name: values[name] for name in ("x", "offset", "mask")})
        for count in {1, calls}:
            model, self.plans[count] = stem.with_suffix(f".{count}.onnx"), stem.with_suffix(f".{count}.plan")
            self.export(values, beside if count > 1 else 1, count, model)
            self.run("build", model, "-o", self.plans[count], "--device", "cuda", "--precision", "fp16",
                     "--time-budget", options.time_budget, "--timing-cache", stem.parent / "times.txt")

    @staticmethod
    def export(values: dict, beside: int, calls: int, path: pathlib.Path) -> None:
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        info = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT16, shape)
        rounds, nodes, x = calls // beside, [], "x"
        for turn in range(rounds):
            y = "y" if turn == rounds - 1 else f"y{turn}"
            parts = [f"{y}_{i}" for i in range(beside)] if beside > 1 else [y]
            nodes += [helper.make_node("DeformConv", [x, f"w{i}", "offset", "b", "mask"], [part], pads=[1, 1, 1, 1])
                      for i, part in enumerate(parts)]
            if beside > 1:
                nodes.append(helper.make_node("Concat", parts, [y], axis=1))
            x = y
        n, _, h, w = values["x"].shape
        weights = [f"w{i}" for i in range(beside)]
        graph = helper.make_graph(nodes, "chain", [info(name, values[name].shape) for name in ("x", "offset", "mask")],
                                  [info("y", [n, beside * values["w0"].shape[0], h, w])],
                                  [numpy_helper.from_array(values[name], name) for name in [*weights, "b"]])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9), path)

    def run(self, *arguments) -> str:
        done = subprocess.run([self.program, *map(str, arguments)], capture_output=True, text=True, timeout=600)
        if done.returncode:
            raise RuntimeError(f"ingot {arguments[0]}: {done.stderr.strip()}")
        return done.stdout

    def one(self):
        import numpy as np

        out = self.feed.with_suffix(".out.npz")
        self.run("run", self.plans[1], "--inputs", self.feed, "--output", out)
        return np.load(out)["y"]

    def measure(self, calls: int) -> float:
        return json.loads(self.run("bench", self.plans[calls], "--json"))["device_us"]


def error_of(found, exact) -> float:
    difference = found.astype(exact.dtype).reshape(exact.shape) - exact
    return float(math.sqrt((difference ** 2).mean() / (exact ** 2).mean()))


def compare(name: str, work: pathlib.Path, options) -> dict:
    layer = LAYERS[name]
    beside, values = layer[1] // layer[4], draw(layer)
    peer = Torchvision(values, beside, options.calls)
    ours = Ingot(values, beside, options.calls, work / name.replace(" ", "_"), options)
    exact = peer.exact()
    times = [(ours.measure(options.calls) / options.calls, peer.measure(options.replays) / options.calls)
             for _ in range(options.rounds)]
    return {"ingot_us": min(t[0] for t in times), "torchvision_us": min(t[1] for t in times),
            "ingot_error": error_of(ours.one(), exact), "torchvision_error": error_of(peer.one(), exact)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="names of layers, separated by commas")
    parser.add_argument("--calls", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--replays", type=int, default=50)
    parser.add_argument("--time-budget", type=float, default=60, help="of ingot build, in seconds")
    parser.add_argument("--ingot", type=pathlib.Path, default=ROOT / "build/release/bin/ingot")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE")
    options = parser.parse_args()
    if reason := gpu_torch.why_not():
        print(f"skipped: {reason}")
        return gpu_torch.SKIPPED
    import torch

    options.ingot = options.ingot.resolve()
    print(f"{torch.cuda.get_device_name()}, fp16, microseconds of one layer in a chain of {options.calls}")
    print(f"{'layer':20}{'ingot':>9}{'torchv.':>9}{'ratio':>8}{'error':>10}{'torchv.':>10}", flush=True)
    results = {}
    with tempfile.TemporaryDirectory() as work:
        for name in options.only.split(",") if options.only else LAYERS:
            results[name] = r = compare(name, pathlib.Path(work), options)
            print(f"{name:20}{r['ingot_us']:9.2f}{r['torchvision_us']:9.2f}{r['torchvision_us'] / r['ingot_us']:7.2f}x"
                  f"{r['ingot_error']:10.1e}{r['torchvision_error']:10.1e}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
