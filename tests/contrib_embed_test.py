# SPDX-License-Identifier: Apache-2.0
"""The sums of embeddings that ONNX Runtime's optimiser and quantiser write as one operator, against ONNX Runtime."""
import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="the package onnxruntime is not installed")
pytest.importorskip("ml_dtypes", reason="the package ml_dtypes is not installed")
pytest.importorskip("ingot", reason="the Python module is not installed")

from ort_cases import Case, check, op, random

MS = "com.microsoft::"
I32, F32 = np.int32, np.float32


def normal(r, *shape):
    return r.standard_normal(shape).astype(F32)


def embed_layer_norm():
    for i, (segments, mask, positions, outputs) in enumerate([
            (1, 1, 0, ["y", "m"]), (0, 0, 0, ["y", ""]), (1, 0, 1, ["y", "m", "sum"]), (0, 1, 0, ["y", "m", "sum"]),
            (1, 1, 1, ["y", "m"])]):
        r = random(i)
        batch, length, width = 2, 5, 16
        inputs = {"ids": r.integers(0, 20, (batch, length)).astype(I32)}
        if segments:
            inputs["seg"] = r.integers(0, 2, (batch, length)).astype(I32)
        inputs |= {"word": normal(r, 20, width), "pos": normal(r, 9, width)}
        if segments:
            inputs["segment"] = normal(r, 2, width)
        inputs |= {"g": normal(r, width), "b": normal(r, width)}
        if mask:
            inputs["mask"] = (np.arange(length) < np.array([[3], [5]])).astype(I32)
        if positions:
            inputs["at"] = r.integers(0, 9, (batch, length)).astype(I32)
        names = [name if name in inputs else "" for name in
                 ["ids", "seg", "word", "pos", "segment", "g", "b", "mask", "at"]]
        yield pytest.param(Case([op(MS + "EmbedLayerNormalization", names, outputs, epsilon=1e-6)], inputs,
                                 [name for name in outputs if name], ("word", "pos", "segment", "g", "b"), terms=width),
                           id=str(i))


def quantized_embed_layer_normalization():
    for i, (dtype, extra) in enumerate([(np.uint8, ""), (np.int8, "seg"), (np.uint8, "seg mask")]):
        r = random(i)
        batch, length, width = 2, 5, 24
        inputs = {"ids": r.integers(0, 30, (batch, length)).astype(I32)}
        if "seg" in extra:
            inputs["seg"] = r.integers(0, 2, (batch, length)).astype(I32)
        if "mask" in extra:
            inputs["mask"] = (np.arange(length) < r.integers(1, length + 1, (batch, 1))).astype(I32)
        limits = np.iinfo(dtype)
        tables = {"word": (30, width), "pos": (9, width), "segment": (2, width), "g": (width,), "b": (width,)}
        for name, shape in tables.items():
            inputs[name] = r.integers(limits.min, limits.max + 1, shape).astype(dtype)
            inputs[name + "_s"] = np.array(r.uniform(0.01, 0.05), F32)
            inputs[name + "_z"] = np.array(r.integers(limits.min // 2, limits.max // 2 + 1), dtype)
        if "seg" not in extra:
            for name in ("segment", "segment_s", "segment_z"):
                del inputs[name]
        names = ["ids", "seg", "word", "pos", "segment", "g", "b", "mask", *(name + "_s" for name in tables),
                 *(name + "_z" for name in tables)]
        constant = tuple(name for name in inputs if name.split("_")[0] in tables)
        yield pytest.param(Case([op(MS + "QEmbedLayerNormalization", [
            name if name in inputs else "" for name in names], "y,m", epsilon=1e-6)], inputs, ["y", "m"], constant, terms=width),
                           id=f"quantized-{i}")


@pytest.mark.parametrize("case", [*embed_layer_norm(), *quantized_embed_layer_normalization()])
def test_embed_layer_normalization(case):
    check(case)
