#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains two small networks on handwritten digits that are turned, scaled and sheared at random: one of plain convolutions,
and one with three deformable ones and as many parameters. Exports both, and single deformable convolutions of every
geometry.

Writes beside this file what the demo needs, so that the demo itself needs no PyTorch:
  plain.onnx, deformable.onnx   the networks, batch size symbolic
  test_images.npz               held-out images under fixed deformations, labels, the scores that PyTorch computed
  cases/NAME.onnx, .npz         one DCNv2 each, its inputs, and what PyTorch computed in double precision

Needs: torch, scikit-learn, onnx (scripts/venv.sh test installs them).
"""
import argparse
import pathlib
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import dcn_v2  # noqa: E402
import training  # noqa: E402
from training import SEED  # noqa: E402

SIDE = 20  # of the deformed images
VIEWS = 3  # deformations of each test image

# Single operators: channels, outputs, kernel, the input's batch, height and width, and the rest of the window.
CASES = {
    "plain": (8, 6, (3, 3), (1, 9, 7), dict(padding=(1, 1))),
    "stride": (4, 8, (3, 3), (2, 10, 13), dict(stride=(2, 2), padding=(1, 1))),
    "dilation": (4, 5, (3, 3), (1, 11, 9), dict(padding=(2, 2), dilation=(2, 2))),
    "uneven": (6, 5, (2, 5), (2, 9, 12), dict(stride=(2, 1), padding=(0, 2), dilation=(1, 2))),
    "deformable_groups": (8, 6, (3, 3), (3, 6, 8), dict(padding=(1, 1), deformable_groups=4)),
    "groups": (12, 8, (3, 3), (2, 7, 6), dict(padding=(1, 1), groups=2, deformable_groups=3)),
    "pointwise": (7, 9, (1, 1), (2, 5, 6), {}),
}


class Network(nn.Module):
    """SIDE x SIDE grey pixels in [0, 1] -> ten class scores."""

    def __init__(self, conv, width: int, last: int):
        super().__init__()
        block = lambda make, *sizes, **window: nn.Sequential(
            make(*sizes, 3, padding=1, **window), nn.BatchNorm2d(sizes[1]), nn.ReLU())
        self.features = nn.Sequential(
            block(nn.Conv2d, 1, 12), block(nn.Conv2d, 12, width, stride=2), block(conv, width, width),
            block(conv, width, last, stride=2), block(conv, last, last), nn.AdaptiveAvgPool2d(1))
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(last, 10))

    def forward(self, x):
        return self.classifier(self.features(x))


NETWORKS = {"plain": (nn.Conv2d, 32, 45), "deformable": (dcn_v2.DCN, 24, 32)}


def deformed(images: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Each image under an affine map of its own: turned, scaled per axis, sheared and moved."""
    uniform = lambda low, high: torch.rand(len(images), generator=random) * (high - low) + low
    angle, shear = uniform(-1.0, 1.0), uniform(-0.5, 0.5)  # about 57 degrees each way
    wide, high = torch.exp(uniform(-0.1, 0.9)), torch.exp(uniform(-0.1, 0.9))
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], -1).reshape(-1, 2, 2)
    scale = torch.stack([wide, shear, torch.zeros_like(wide), high], -1).reshape(-1, 2, 2)
    move = torch.stack([uniform(-0.3, 0.3), uniform(-0.3, 0.3)], -1)[..., None]
    grid = functional.affine_grid(torch.cat([scale @ turn, move], -1), (len(images), 1, SIDE, SIDE), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)


class Operator(nn.Module):
    def __init__(self, weight, bias, window):
        super().__init__()
        self.weight, self.bias, self.window = nn.Parameter(weight), nn.Parameter(bias), window

    def forward(self, x, offset_mask):
        return dcn_v2._DCNv2.apply(x, offset_mask, self.weight, self.bias, *self.window)


def record_case(name: str, folder: pathlib.Path) -> None:
    channels, outputs, kernel, (batch, height, width), rest = CASES[name]
    torch.manual_seed(SEED)
    window = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "deformable_groups": 1, "groups": 1, **rest}
    out = [(size + 2 * window["padding"][i] - window["dilation"][i] * (kernel[i] - 1) - 1) // window["stride"][i] + 1
           for i, size in enumerate((height, width))]
    taps = window["deformable_groups"] * kernel[0] * kernel[1]
    operator = Operator(torch.randn(outputs, channels // window["groups"], *kernel), torch.randn(outputs),
                        tuple(window.values()))
    # Some taps leave the image.
    feeds = torch.randn(batch, channels, height, width), 2 * torch.randn(batch, 3 * taps, *out)
    with torch.no_grad():
        y = operator.double()(*(feed.double() for feed in feeds))
    axes = {"x": {0: "batch"}, "offset_mask": {0: "batch"}, "y": {0: "batch"}}
    dcn_v2.export(operator.float(), feeds, folder / f"{name}.onnx", ["x", "offset_mask"], ["y"], axes)
    np.savez_compressed(folder / f"{name}.npz", x=feeds[0], offset_mask=feeds[1], y=y.float())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--output", type=pathlib.Path, default=HERE, help="folder to write to")
    options = parser.parse_args()
    (options.output / "cases").mkdir(parents=True, exist_ok=True)
    for name in CASES:
        record_case(name, options.output / "cases")

    train_images, test_images, train_labels, test_labels = training.load_split()
    views = deformed(test_images.repeat(VIEWS, 1, 1, 1), torch.Generator().manual_seed(SEED))
    pixels = (views * 255).round().to(torch.uint8)
    views, labels = pixels.float() / 255, test_labels.repeat(VIEWS)
    recorded = {"images": pixels.numpy(), "labels": labels.numpy()}
    for name, sizes in NETWORKS.items():
        torch.manual_seed(options.seed)
        random = torch.Generator().manual_seed(options.seed)
        network = training.fit(Network(*sizes), train_images, train_labels, options.epochs,
                               lambda images: deformed(images, random))
        with torch.no_grad():
            scores = network(views)
        recorded[f"{name}_scores"] = scores.numpy()
        size = sum(parameter.numel() for parameter in network.parameters())
        print(f"{name}: {size} parameters, accuracy on {len(labels)} deformed images "
              f"{100 * (scores.argmax(1) == labels).float().mean():.2f} %", flush=True)
        dcn_v2.export(network, (views[:2],), options.output / f"{name}.onnx", ["image"], ["scores"],
                      {"image": {0: "batch"}, "scores": {0: "batch"}})
    np.savez_compressed(options.output / "test_images.npz", **recorded)


if __name__ == "__main__":
    main()
