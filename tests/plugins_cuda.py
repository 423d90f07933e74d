#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plugins with CUDA kernels, on a GPU, against NumPy.

usage: plugins_cuda.py [--ingot PROGRAM] [--libraries FOLDER] [--only NAME]
Without --libraries they are built first, for which a CUDA toolkit is needed. The plugins that use cuBLAS and cuDNN find
them in the process: LD_PRELOAD=libcublas.so.13:libcudnn.so.9. Exits with 1 when a case fails, with 0 and a word about
it where there is no GPU.
"""
import argparse
import ctypes
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper

HERE = pathlib.Path(__file__).resolve().parent
SEED = int(os.environ.get("INGOT_SEED", np.random.SeedSequence().entropy % 2**32))


def has_gpu():
    """Whether there is a driver with a device."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int()
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0


def model(path, nodes, inputs, outputs, constants=None):
    values = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
              for name, value in inputs.items()]
    graph = helper.make_graph(nodes, "g", values, [helper.make_empty_tensor_value_info(name) for name in outputs],
                              [onnx.numpy_helper.from_array(value, name) for name, value in (constants or {}).items()])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("demo", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)


def convolution(x, w):
    patches = np.lib.stride_tricks.sliding_window_view(x.astype(np.float64), w.shape[2:], (2, 3))
    return np.einsum("nchwrs,kcrs->nkhw", patches, w.astype(np.float64))


def cases(rng):
    """Name, library, nodes, inputs, constants, the expected outputs, and by how much they may differ."""
    def normal(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    for shape in [(2, 3, 7, 5), (1, 1), (65, 1000)]:
        x = normal(*shape)
        yield (f"v7_leaky {shape}", "v7_leaky", [helper.make_node("LeakyCuda", ["x"], ["y"], slope=0.125)], {"x": x}, {},
               {"y": np.where(x > 0, x, np.float32(0.125) * x)}, 0)
    for shape, weights in [((1, 3, 9, 8), (4, 3, 3, 2)), ((3, 16, 33, 21), (8, 16, 1, 1)), ((2, 8, 20, 20), (5, 8, 5, 5))]:
        x, w = normal(*shape), normal(*weights)
        nodes = [helper.make_node("Im2colGemm", ["x", "w"], ["c"]), helper.make_node("Relu", ["c"], ["y"])]
        # TF32 is off: float sums of up to 200 products.
        yield (f"v8_im2col_gemm {shape} {weights}", "v8_im2col_gemm", nodes, {"x": x}, {"w": w},
               {"y": np.maximum(convolution(x, w), 0)}, 1e-4)
    for shape in [(6, 37), (1, 1000)]:
        x = normal(*shape)
        weights = np.exp(x.astype(np.float64))
        nodes = [helper.make_node("CudnnSoftmax", ["x"], ["s"]), helper.make_node("Neg", ["s"], ["y"])]
        yield (f"v8_cudnn_softmax {shape}", "v8_cudnn_softmax", nodes, {"x": x}, {},
               {"y": -weights / weights.sum(1, keepdims=True)}, 1e-6)
    for layout in (0, 1, 2, 4, 8):
        for shape in [(2, 3, 5, 4), (1, 19, 6, 3)]:
            x = normal(*shape)
            half = x.astype(np.float16).astype(np.float32) + np.arange(shape[1], dtype=np.float32).reshape(-1, 1, 1)
            yield (f"v8_half_layouts {layout} {shape}", "v8_half_layouts",
                   [helper.make_node("AddChannel", ["x"], ["y"], layout=layout)], {"x": x}, {},
                   {"y": half.astype(np.float16).astype(np.float32)}, 0)
    for density in (0.0, 0.3, 1.0):
        x = np.where(rng.random((9, 14)) < density, normal(9, 14), 0).astype(np.float32)
        nodes = [helper.make_node("NonZeroCuda", ["x"], ["indices", "count"]),
                 helper.make_node("Cast", ["indices"], ["y"], to=TensorProto.FLOAT)]
        yield (f"v10_nonzero {density}", "v10_nonzero", nodes, {"x": x}, {},
               {"y": np.argwhere(x).astype(np.float32), "count": np.array(np.count_nonzero(x))}, 0)
    for wanted in (7, 1, 0):
        x = normal(2, 300)
        nodes = [helper.make_node("RepeatToCuda", ["x", "n"], ["r"], tensorrt_plugin_shape_input_indices=[1]),
                 helper.make_node("Neg", ["r"], ["y"])]
        yield (f"v10_shape_input {wanted}", "v10_shape_input", nodes, {"x": x, "n": np.array([wanted])}, {},
               {"y": -np.resize(x, (wanted, 300))}, 0)
    x = normal(4, 1023)
    nodes = [helper.make_node("Exp", ["x"], ["e"]), helper.make_node("ScaleBoth", ["e"], ["s"], domain="demo", factor=2.5),
             helper.make_node("Neg", ["s"], ["y"])]
    yield ("native_scale", "native_scale", nodes, {"x": x}, {}, {"y": -2.5 * np.exp(x.astype(np.float64))}, 1e-6)


def run(arguments, folder, case, plan_options=()):
    """Builds, runs twice (the second run may replay a graph) and compares; the error as text, empty when all is well."""
    _, library, nodes, inputs, constants, expected, tolerance = case
    model(folder / "m.onnx", nodes, inputs, expected, constants)
    np.savez(folder / "in.npz", **inputs)
    plugins = ["--plugins", str(arguments.libraries / f"{library}.so"), "--device", "cuda"]
    for words in (["build", folder / "m.onnx", "-o", folder / "m.plan", *plan_options],
                  ["run", folder / "m.plan", "--inputs", folder / "in.npz", "--output", folder / "out.npz"],
                  ["bench", folder / "m.plan", "--json"]):
        done = subprocess.run([arguments.ingot, *words, *plugins], capture_output=True, text=True, timeout=100)
        if done.returncode != 0:
            return f"{words[0]}: {done.stderr.strip()}"
    results = np.load(folder / "out.npz")
    for name, value in expected.items():
        result = results[name]
        if result.shape != value.shape:
            return f"{name}: shape {result.shape}, expected {value.shape}"
        error = float(np.abs(result - value).max(initial=0) / max(1.0, float(np.abs(value).max(initial=0))))
        if not error <= tolerance:
            return f"{name}: error {error:.2e}, allowed {tolerance:.0e}"
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ingot", default=str(HERE.parent / "build/release/bin/ingot"))
    parser.add_argument("--libraries", type=pathlib.Path)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    if not has_gpu():
        print("no GPU: nothing was run")
        return 0
    with tempfile.TemporaryDirectory() as text:
        folder = pathlib.Path(text)
        if arguments.libraries is None:
            for words in (["-S", HERE / "plugins/cuda", "-B", folder / "build"], ["--build", folder / "build"]):
                subprocess.run(["cmake", *words], check=True, capture_output=True)
            arguments.libraries = folder / "build/plugins"
        print("seed", SEED)
        failed = 0
        for case in cases(np.random.default_rng(SEED)):
            if not case[0].startswith(arguments.only):
                continue
            error = run(arguments, folder, case)
            failed += bool(error)
            print(f"{'FAILED' if error else 'ok':6} {case[0]} {error}", flush=True)
    print(f"{failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
