#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Takes networks with an operator that ONNX does not know, DCNv2, through Ingot by both routes: a plugin library that is
loaded at run time, and the operator that is built in. Compares everything with what PyTorch recorded.

Exits with 1 when something disagrees. Needs: NumPy, the `ingot` command, the plugin library (run.sh builds both).
"""
import argparse
import pathlib
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from shell import Cli, relative_error  # noqa: E402

TOLERANCE = 1e-4  # largest error, relative to the outputs' root mean square


class Demo:
    def __init__(self, ingot: Cli, plugin: pathlib.Path, work: pathlib.Path, device: str):
        self.ingot, self.work, self.device = ingot, work, device
        self.routes = {"plugin": ["--plugins", plugin], "built in": []}

    def run(self, model: pathlib.Path, route: str, feeds: dict, shapes: str) -> tuple:
        """(the outputs by name, the plan), by one of the routes."""
        name = f"{model.stem}-{route.replace(' ', '-')}"
        plan, inputs, outputs = (self.work / f"{name}{suffix}" for suffix in (".plan", "-in.npz", "-out.npz"))
        np.savez(inputs, **feeds)
        self.ingot("build", model, "-o", plan, "--shapes", shapes, "--timing-cache", self.work / "timing.cache",
                   "--quiet", "--device", self.device, *self.routes[route])
        self.ingot("run", plan, "--inputs", inputs, "--output", outputs, *self.routes[route])
        with np.load(outputs) as data:
            return dict(data), plan


def digits(demo: Demo) -> list:
    """The trained networks: rows of name, route, accuracy, error, answers that differ from PyTorch's, latency."""
    data = np.load(HERE / "test_images.npz")
    feeds = {"image": data["images"].astype(np.float32) / 255}
    rows = []
    for network, route in (("plain", "built in"), ("deformable", "plugin"), ("deformable", "built in")):
        expected = data[f"{network}_scores"]
        outputs, plan = demo.run(HERE / f"{network}.onnx", route, feeds, f"batch:1x1x{len(expected)}")
        scores = outputs["scores"]
        latency = demo.ingot.bench(plan, *demo.routes[route])
        accuracy, theirs = (100 * (s.argmax(1) == data["labels"]).mean() for s in (scores, expected))
        rows.append((network, route, theirs, accuracy, relative_error(scores, expected),
                     int((scores.argmax(1) != expected.argmax(1)).sum()), 1000 * latency["latency_ms"]["median"]))
    return rows


def geometries(demo: Demo) -> list:
    """One operator each: rows of name and the error by either route."""
    rows = []
    for model in sorted((HERE / "cases").glob("*.onnx")):
        with np.load(model.with_suffix(".npz")) as data:
            feeds = {name: data[name] for name in ("x", "offset_mask")}
            expected = data["y"]
        errors = [relative_error(demo.run(model, route, feeds, "batch:1x2x4")[0]["y"], expected)
                  for route in demo.routes]
        rows.append((model.stem, *errors))
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ingot", type=pathlib.Path, default=pathlib.Path("build/release/bin/ingot"))
    parser.add_argument("--plugin", type=pathlib.Path, default=pathlib.Path("build/dcn/plugin/libdcnv2_plugin.so"))
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("build/dcn"), help="folder to write to")
    parser.add_argument("--device", default="cpu", help="cuda: with a plugin that was built with -DINGOT_DCN_CUDA=ON")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    ingot = Cli(options.ingot.resolve())
    demo = Demo(ingot, options.plugin.resolve(), options.work, options.device)

    print("1. What the library brings.")
    ingot("plugin", "list", options.plugin.resolve())
    print("\n2. A single DCNv2 of every geometry, by either route, against PyTorch in double precision.")
    cases = geometries(demo)
    print("\n3. Digits that are turned, scaled and sheared: the plain network, and the deformable one by either route.")
    networks = digits(demo)

    print(f"\n{'one operator':24}{'error, plugin':>16}{'built in':>16}")
    for name, *errors in cases:
        print(f"{name:24}{errors[0]:16.1e}{errors[1]:16.1e}")
    print(f"\n{'network':14}{'route':12}{'PyTorch':>10}{'engine':>10}{'error':>10}{'other answers':>15}{'latency us':>12}")
    for network, route, theirs, accuracy, error, others, latency in networks:
        print(f"{network:14}{route:12}{theirs:9.2f}%{accuracy:9.2f}%{error:10.1e}{others:15}{latency:12.1f}")

    agrees = max(max(errors) for _, *errors in cases) <= TOLERANCE and all(
        row[4] <= TOLERANCE and row[5] == 0 for row in networks)
    print("\nBoth routes agree with PyTorch." if agrees else "\nerror: something disagrees with PyTorch.")
    return 0 if agrees else 1


if __name__ == "__main__":
    sys.exit(main())
