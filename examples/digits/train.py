#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains a small convolutional network on scikit-learn's 1,797 scans of handwritten digits and exports it to ONNX.

Writes beside this file what the demo needs, so that the demo itself needs no PyTorch:
  digits.onnx        the network, batch size symbolic
  test_images.npz    the held-out images, their labels, and the outputs that PyTorch computed for them
  digit_*.png        one test image of each class

Needs: torch, scikit-learn, onnx, onnxscript (scripts/venv.sh test installs them).
"""
import argparse
import pathlib
import struct
import sys
import zlib

import numpy as np
import onnx
import torch
from torch import nn
from torch.nn import functional

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import training  # noqa: E402


class ConvBlock(nn.Sequential):
    def __init__(self, inputs: int, outputs: int, activation: bool = True):
        layers = [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs)]
        super().__init__(*layers, *([nn.ReLU()] if activation else []))


class Residual(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(ConvBlock(channels, channels), ConvBlock(channels, channels, activation=False))

    def forward(self, x):
        return functional.relu(x + self.body(x))


class DigitNet(nn.Module):
    """8x8 grey pixels in [0, 1] -> ten class scores."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            ConvBlock(1, 24), Residual(24), nn.MaxPool2d(2), ConvBlock(24, 48), Residual(48), nn.AdaptiveAvgPool2d(1))
        self.classifier = nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(48, 10))

    def forward(self, x):
        return self.classifier(self.features(x))


def shifted(images: torch.Tensor) -> torch.Tensor:
    """Every image moved by at most one pixel in each direction."""
    padded = functional.pad(images, (1, 1, 1, 1))
    rows = torch.randint(0, 3, (len(images), 1, 1)) + torch.arange(8)[None, :, None]
    columns = torch.randint(0, 3, (len(images), 1, 1)) + torch.arange(8)[None, None, :]
    return padded[torch.arange(len(images))[:, None, None], 0, rows, columns][:, None]


def export(network: DigitNet, path: pathlib.Path) -> None:
    program = torch.onnx.export(
        network, (torch.zeros(2, 1, 8, 8),), input_names=["image"], output_names=["scores"],
        dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=1024)},), dynamo=True, verbose=False)
    model = program.model_proto
    for node in model.graph.node:  # the exporter records source lines of the machine that it ran on
        del node.metadata_props[:]
        node.doc_string = ""
    del model.graph.metadata_props[:]
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def write_png(path: pathlib.Path, pixels: np.ndarray) -> None:
    """An 8-bit grey image; `pixels` is a 2-d uint8 array."""
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
                     + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--output", type=pathlib.Path, default=HERE, help="folder to write to")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)

    train_images, test_images, train_labels, test_labels = training.load_split()
    torch.manual_seed(training.SEED)
    network = training.fit(DigitNet(), train_images, train_labels, options.epochs, shifted, label_smoothing=0.05)
    with torch.no_grad():
        scores = network(test_images).numpy()
    test_images, test_labels = test_images.numpy(), test_labels.numpy()
    accuracy = (scores.argmax(1) == test_labels).mean()
    print(f"accuracy on {len(test_labels)} held-out images: {100 * accuracy:.2f} %")

    export(network, options.output / "digits.onnx")
    np.savez_compressed(options.output / "test_images.npz", images=test_images, labels=test_labels, pytorch_scores=scores)
    for digit in range(10):
        pixels = test_images[np.flatnonzero(test_labels == digit)[0], 0]
        write_png(options.output / f"digit_{digit}.png", np.rint(pixels * 255).astype(np.uint8))


if __name__ == "__main__":
    main()
