# SPDX-License-Identifier: Apache-2.0
"""Models of one node of a plugin, and what the command line makes of them."""
import os
import subprocess

import numpy as np
import onnx
from onnx import helper

import ingot_cli


def model_of(path, op, inputs, outputs=("y",), domain="", constants=None, symbolic=None, **attributes):
    """A model of one node. `inputs` are NumPy arrays by name; `constants` become initialisers, `symbolic` shapes."""
    constants, symbolic = constants or {}, symbolic or {}
    values = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype),
                                            symbolic.get(name, array.shape)) for name, array in inputs.items()]
    node = helper.make_node(op, [*inputs, *constants], list(outputs), domain=domain)
    node.name = "the_node"
    node.attribute.extend(helper.make_attribute(key, value) for key, value in attributes.items())
    graph = helper.make_graph([node], "g", values, [helper.make_empty_tensor_value_info(name) for name in outputs],
                              [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()])
    opsets = [helper.make_opsetid("", 17)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    return path


def options_of(libraries):
    return [word for library in libraries for word in ("--plugins", library)]


def run(tmp_path, libraries, op, inputs, **model):
    """The outputs of a model of one node; the engine runs it in checking mode."""
    path = model_of(tmp_path / "m.onnx", op, inputs, **model)
    np.savez(tmp_path / "in.npz", **inputs)
    done = ingot_cli.run("run", path, "--inputs", tmp_path / "in.npz", "--output", tmp_path / "out.npz",
                         *options_of(libraries))
    assert done.ok, done.stderr
    return np.load(tmp_path / "out.npz")


def error_of(tmp_path, libraries, op, inputs, checking=False, command="run", **model):
    path = model_of(tmp_path / "m.onnx", op, inputs, **model)
    np.savez(tmp_path / "in.npz", **inputs)
    rest = ["-o", tmp_path / "m.plan"] if command == "build" else ["--inputs", tmp_path / "in.npz"]
    done = subprocess.run([ingot_cli.PROGRAM, command, path, *rest, *options_of(libraries)], capture_output=True,
                          text=True, timeout=120, env={**os.environ, "INGOT_PLUGIN_CHECK": "1" if checking else "0"})
    assert done.returncode > 0, (done.returncode, done.stdout, done.stderr)
    return done.stderr


def normal(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


def build(tmp_path, library, op, inputs, *words, **model):
    path = model_of(tmp_path / "m.onnx", op, inputs, **model)
    return ingot_cli.run("build", path, "-o", tmp_path / "m.plan", "--plugins", library,
                         *[part for word in words for part in ("--shapes", word)])


def run_plan(tmp_path, library, **inputs):
    """The outputs of the plan that build() made, in checking mode."""
    np.savez(tmp_path / "in.npz", **inputs)
    done = subprocess.run([ingot_cli.PROGRAM, "run", tmp_path / "m.plan", "--inputs", tmp_path / "in.npz", "--output",
                           tmp_path / "o.npz", "--plugins", library], capture_output=True, text=True, timeout=120,
                          env={**os.environ, "INGOT_PLUGIN_CHECK": "1"})
    assert done.returncode == 0, done.stderr
    return np.load(tmp_path / "o.npz")
