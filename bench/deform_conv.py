#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Deformable convolution, Ingot against ONNX Runtime on this machine's CPU: fp32, interleaved as in cpu_peers.py.

Each layer is a graph of one DeformConv whose input, offsets and mask arrive in ONNX's layout, so that Ingot's figure
holds its layout changes too. Offsets are normal with a deviation of 2 pixels.

Needs: numpy, onnx, onnxruntime.
"""
import argparse
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from cpu_peers import Ingot, OnnxRuntime, Worker, add_options, geometric_mean, measure, ratios, show
import ingot_cli

# (images, channels, height, width, output channels), all 3x3 with stride 1 and padding 1
LAYERS = {
    "64x64 c256": (1, 256, 64, 64, 256),
    "dla 128x128 c64": (1, 64, 128, 128, 64),
    "64x64 c128": (1, 128, 64, 64, 128),
    "16x16 c512": (1, 512, 16, 16, 256),
    "r50 c3 100x168 c128": (1, 128, 100, 168, 128),
    "r50 c4 50x84 c256": (1, 256, 50, 84, 256),
    "r50 c5 25x42 c512": (1, 512, 25, 42, 512),
    "128x128 c256": (1, 256, 128, 128, 256),
    "batch 8 64x64 c256": (8, 256, 64, 64, 256),
}
DEFAULT = list(LAYERS)[:7]  # the others take long


def make(layer: tuple, model: pathlib.Path, feed: pathlib.Path) -> None:
    n, c, h, w, k = layer
    random = np.random.default_rng(1)
    draw = lambda *shape: random.standard_normal(shape, np.float32)
    feeds = {"x": draw(n, c, h, w), "offset": 2 * draw(n, 18, h, w), "mask": random.random((n, 9, h, w), np.float32)}
    node = helper.make_node("DeformConv", ["x", "w", "offset", "b", "mask"], ["y"], pads=[1, 1, 1, 1])
    constants = [numpy_helper.from_array(draw(k, c, 3, 3) / 50, "w"), numpy_helper.from_array(draw(k), "b")]
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape) for name, value in feeds.items()]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [n, k, h, w])
    graph = helper.make_graph([node], "layer", inputs, [output], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9), model)
    np.savez(feed, **feeds)


def compare(name: str, options) -> dict:
    stem = options.work / ("deform_" + name.replace(" ", "_"))
    model, feed, plan = (stem.with_suffix(suffix) for suffix in (".onnx", ".npz", ".plan"))
    if not feed.exists():
        make(LAYERS[name], model, feed)
    if not plan.exists() or plan.stat().st_mtime < options.ingot.stat().st_mtime:
        done = ingot_cli.run("build", model, "-o", plan, "--timing-cache", options.work / "timing.cache",
                             program=options.ingot, timeout=600)
        if not done.ok:
            return {"ingot": {"failure": done.reason}}
    if options.prepare:
        return {}
    job = {"model": str(model), "feed": str(feed), "plan": str(plan), "threads": options.threads,
           "seconds": options.seconds, "ingot": str(options.ingot)}
    workers = [Worker(kind, dict(job)) for kind in (Ingot, OnnxRuntime)]
    return measure(workers, options.rounds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="names of layers, separated by commas")
    parser.add_argument("--all", action="store_true", help="also the layers that take long")
    add_options(parser, rounds=5, seconds=1.0)
    parser.add_argument("--prepare", action="store_true", help="only make graphs and plans")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    names = options.only.split(",") if options.only else list(LAYERS) if options.all else DEFAULT
    table = {}
    print(f"{'layer':24}{'ms ingot':>10}{'ms onnxru':>10}{'/onnxrunt':>10}{'load':>10}", flush=True)
    for name in names:
        table[name] = compare(name, options)
        print(show(name, table[name], ["onnxruntime"]), flush=True)
    if mean := geometric_mean(ratios(table, "onnxruntime", "ms").values()):
        print(f"geometric mean: {mean:.2f}x the speed of ONNX Runtime")
    return 0


if __name__ == "__main__":
    sys.exit(main())
