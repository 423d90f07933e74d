# SPDX-License-Identifier: Apache-2.0
"""`ingot verify` where rounding decides: a peak filter over scores so near to 1 that many neighbours are equal in fp32
and not in the reference, and engines that filter wrongly."""
import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import ingot_cli


def save_filter(path, window=3, comparison="Equal", factor=1.0):
    """y = h * (comparison(h, the maximum of h over a window)) with h = sigmoid(factor * x)."""
    pool = {"kernel_shape": [window] * 2, "pads": [window // 2] * 4, "strides": [1, 1]}
    nodes = [helper.make_node("Mul", ["x", "f"], ["s"]), helper.make_node("Sigmoid", ["s"], ["h"]),
             helper.make_node("MaxPool", ["h"], ["m"], **pool), helper.make_node(comparison, ["h", "m"], ["e"]),
             helper.make_node("Cast", ["e"], ["k"], to=TensorProto.FLOAT), helper.make_node("Mul", ["h", "k"], ["y"])]
    value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4, 64, 64])
    graph = helper.make_graph(nodes, "g", [value("x")], [value("y")],
                              [helper.make_tensor("f", TensorProto.FLOAT, [], [factor])])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def verify(folder, **built):
    """Verifies an engine of the filter `built` as one of the right filter."""
    model = save_filter(folder / "m.onnx")
    done = ingot_cli.run("build", save_filter(folder / "built.onnx", **built), "-o", folder / "m.plan", "--time-budget", 0)
    assert done.ok, done.stderr
    x = np.random.default_rng(4).normal(12, 1, size=(1, 4, 64, 64)).astype(np.float32)
    np.savez(folder / "in.npz", x=x)
    return ingot_cli.run("verify", model, "--plan", folder / "m.plan", "--inputs", folder / "in.npz", "--json")


def test_ties_that_rounding_made_are_excused(ingot, tmp_path):
    done = verify(tmp_path)
    assert done.ok, done.stderr
    (report,) = json.loads(done.stdout)["outputs"]
    assert report["passed"] and report["relative_error"] <= 1e-4


@pytest.mark.parametrize("wrong", [dict(window=5), dict(window=1), dict(comparison="Less"), dict(factor=0.5)])
def test_wrong_engines_are_found(ingot, tmp_path, wrong):
    done = verify(tmp_path, **wrong)
    assert not done.ok and "differs from the reference" in done.stderr
    assert not json.loads(done.stdout)["outputs"][0]["passed"]
