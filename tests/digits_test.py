# SPDX-License-Identifier: Apache-2.0
"""The way from PyTorch to an engine: training, export, building and running, and the committed example."""
import re
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest

import ingot_cli
import model_folder
from ingot_cli import DIGITS


def run_engine(model, images, folder) -> np.ndarray:
    np.save(folder / "images.npy", images)
    done = ingot_cli.run("build", model, "-o", folder / "digits.plan", "--shapes", "batch:1x1x512", timeout=600)
    assert done.ok, done.stderr
    done = ingot_cli.run("run", folder / "digits.plan", "--input", f"image={folder / 'images.npy'}",
                         "--output", folder / "scores.npz")
    assert done.ok, done.stderr
    return np.load(folder / "scores.npz")["scores"]


def test_the_committed_model_is_the_recorded_one():
    data = np.load(DIGITS / "test_images.npz")
    session = onnxruntime.InferenceSession(DIGITS / "digits.onnx", providers=["CPUExecutionProvider"])
    (scores,) = session.run(["scores"], {"image": data["images"]})
    assert model_folder.relative_error(scores, data["pytorch_scores"]) < 1e-5
    assert (scores.argmax(1) == data["labels"]).mean() > 0.985


def test_the_demo_agrees_with_pytorch(ingot, tmp_path):
    done = subprocess.run([sys.executable, DIGITS / "demo.py", "--ingot", ingot, "--work", tmp_path],
                          cwd=ingot_cli.ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert float(re.search(r"accuracy +([\d.]+) %", done.stdout)[1]) > 98.5


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder written by the training script after a short training."""
    pytest.importorskip("torch", reason="PyTorch is not installed")
    folder = tmp_path_factory.mktemp("trained")
    done = subprocess.run([sys.executable, DIGITS / "train.py", "--epochs", "3", "--output", folder],
                          capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_a_fresh_export_agrees_with_pytorch(ingot, trained, tmp_path):
    data = np.load(trained / "test_images.npz")
    scores = run_engine(trained / "digits.onnx", data["images"], tmp_path)
    assert model_folder.relative_error(scores, data["pytorch_scores"]) < 1e-4


@pytest.mark.parametrize("batch", [1, 2, 7, 64])
def test_every_batch_gives_the_same_rows(digits_plan, tmp_path, batch):
    data = np.load(DIGITS / "test_images.npz")
    np.save(tmp_path / "images.npy", data["images"][:batch])
    done = ingot_cli.run("run", digits_plan, "--input", f"image={tmp_path / 'images.npy'}",
                         "--output", tmp_path / "scores.npz")
    assert done.ok, done.stderr
    scores = np.load(tmp_path / "scores.npz")["scores"]
    assert model_folder.relative_error(scores, data["pytorch_scores"][:batch]) < 1e-4
