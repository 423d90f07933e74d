#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds an engine from digits.onnx and runs it on the held-out scans, with the same commands that a user types.

Exits with 1 when the engine disagrees with the outputs that PyTorch recorded. Needs: NumPy and the `ingot` command.
"""
import argparse
import os
import pathlib
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from shell import Cli, relative_error  # noqa: E402

TOLERANCE = 1e-4  # largest error, relative to the outputs' root mean square
SHADES = " .:-=+*#%@"


def draw(image: np.ndarray) -> str:
    return "\n".join("".join(2 * SHADES[round(float(p) * (len(SHADES) - 1))] for p in row) for row in image)


def show_latency(report: dict) -> None:
    latency = report["latency_ms"]
    print(f"latency of one image: {1000 * latency['median']:.1f} us median, {1000 * latency['p99']:.1f} us at the "
          f"99th percentile; loading the plan took {report['load_ms']:.2f} ms")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ingot", type=pathlib.Path, default=pathlib.Path("build/release/bin/ingot"))
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("build/demo"), help="folder to write to")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    ingot = Cli(options.ingot.resolve())
    data = np.load(HERE / "test_images.npz")
    images, labels, expected = data["images"], data["labels"], data["pytorch_scores"]
    plan, output = options.work / "digits.plan", options.work / "scores.npz"
    np.save(options.work / "images.npy", images)

    print("1. Build an engine for this machine: batches of 1 to 512 images, tuned for one.")
    ingot("build", HERE / "digits.onnx", "-o", plan, "--shapes", "batch:1x1x512",
          "--timing-cache", options.work / "timing.cache")

    print("\n2. See what the builder chose.")
    ingot("inspect", plan, "--stage", "plan")

    print(f"\n3. Run it on {len(images)} scans that the training never saw.")
    ingot("run", plan, "--input", f"image={os.path.relpath(options.work / 'images.npy')}", "--output", output)
    scores = np.load(output)["scores"]

    print("\n4. Run it on one picture.")
    picture = HERE / "digit_7.png"
    ingot("run", plan, "--input", f"image={os.path.relpath(picture)}", "--output", options.work / "picture.npz")
    picture_digit = int(np.load(options.work / "picture.npz")["scores"][0].argmax())
    print(draw(images[np.flatnonzero(labels == 7)[0], 0]))
    print(f"the engine reads: {picture_digit}")

    print("\n5. Measure it.")
    show_latency(ingot.bench(plan))

    relative = relative_error(scores, expected)
    error = np.abs(scores - expected).max()
    same = int((scores.argmax(1) == expected.argmax(1)).sum())
    print(f"\naccuracy               {100 * (scores.argmax(1) == labels).mean():.2f} %"
          f"  (PyTorch: {100 * (expected.argmax(1) == labels).mean():.2f} %)")
    print(f"agreement with PyTorch {same} of {len(labels)} answers the same")
    print(f"largest error          {error:.2e}  ({relative:.1e} of the outputs' root mean square)")

    agrees = relative <= TOLERANCE and same == len(labels) and picture_digit == 7
    print("\nThe engine agrees with PyTorch." if agrees else "\nerror: the engine disagrees with PyTorch.")
    return 0 if agrees else 1


if __name__ == "__main__":
    sys.exit(main())
