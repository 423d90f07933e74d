# SPDX-License-Identifier: Apache-2.0
"""half_oracle.py permits what the roundings of halves cost, and nothing beside it."""
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import half_oracle
import model_folder
import models
from half_precision_test import SEED, run_both, tensor

LAYERS, WIDTH = 4, 128


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """(its model, its feed, what the engine computes in halves, what fp32 gives): products beside a residual, and
    normalisations that scale some channels up, as BERT's do; what is rounded there spreads to the others."""
    random = np.random.default_rng(SEED)
    constants, nodes, value = {}, [], "x"
    for i in range(LAYERS):
        constants[f"w{i}"] = (random.standard_normal((WIDTH, WIDTH)) / np.sqrt(WIDTH)).astype(np.float32)
        constants[f"s{i}"] = np.exp(0.7 * random.standard_normal(WIDTH)).astype(np.float32)
        constants[f"b{i}"] = random.standard_normal(WIDTH, np.float32)
        nodes += [helper.make_node("MatMul", [value, f"w{i}"], [f"p{i}"]), helper.make_node("Add", [value, f"p{i}"], [f"t{i}"]),
                  helper.make_node("LayerNormalization", [f"t{i}", f"s{i}", f"b{i}"], [f"y{i}"])]
        value = f"y{i}"
    feed = {"x": random.standard_normal((64, WIDTH), np.float32)}
    folder = tmp_path_factory.mktemp("network")
    got, want = run_both(folder, nodes, [tensor("x", [64, WIDTH])], [tensor(value, [64, WIDTH])], constants, feed)
    return onnx.load(folder / "model.onnx"), feed, got[value], want[value]


def oracle(network, precision="fp16"):
    model, feed, _, want = network
    (output,) = half_oracle.run(model, feed, precision).values()
    return output


def test_permits_what_the_engine_computes(network):
    _, _, got, want = network
    permitted, figures = half_oracle.permits(got, oracle(network), want)
    assert permitted, f"{figures}, seed {SEED}"
    assert half_oracle.errors(oracle(network), want)[0] > 2.0**-11, "nothing was rounded"


def test_refuses_as_much_again(network):
    """An error of the oracle's own size in the mean, on top of what the roundings cost."""
    _, _, got, want = network
    noise = np.random.default_rng(SEED).standard_normal(got.shape)
    noise *= np.sqrt(np.mean(np.square(oracle(network) - want)) / np.mean(np.square(noise)))
    assert not half_oracle.permits(got + noise, oracle(network), want)[0], f"seed {SEED}"


def test_refuses_one_wrong_element(network):
    _, _, got, want = network
    wrong = got.copy()
    wrong[3, 5] += 3 * np.abs(oracle(network) - want).max()
    assert not half_oracle.permits(wrong, oracle(network), want)[0], f"seed {SEED}"
    wrong[3, 5] = np.nan
    assert not half_oracle.permits(wrong, oracle(network), want)[0], f"seed {SEED}"


def test_refuses_a_wrong_kernel(network):
    """A normalisation that divides by the deviation of a sample, N - 1, and not by that of all: 0.4 % at 128 channels."""
    model, feed, _, want = network
    wrong = onnx.ModelProto()
    wrong.CopyFrom(model)
    for value in wrong.graph.initializer:
        if value.name.startswith("s"):
            scaled = numpy_helper.to_array(value) * np.float32(np.sqrt((WIDTH - 1) / WIDTH))
            value.CopyFrom(numpy_helper.from_array(scaled, value.name))
    (got,) = half_oracle.run(wrong, feed, "fp16").values()
    assert not half_oracle.permits(got, oracle(network), want)[0], f"seed {SEED}"


def test_refuses_a_narrower_type(network):
    assert not half_oracle.permits(oracle(network, "bf16"), oracle(network), network[3])[0], f"seed {SEED}"


@pytest.mark.parametrize("precision", ["fp16", "fp32"])
def test_row_of_the_table(network, tmp_path, precision):
    """Beyond the fixed bound the row passes with its figures, and in fp32 it fails."""
    model, feed, got, want = network
    onnx.save(model, tmp_path / "model.onnx")
    (name,) = (output.name for output in model.graph.output)
    row = models.Row("network", True, error=0.0, passed=True)
    models.judge(row, [(name, model_folder.relative_error(got, want), got, want)], 1e-6, "",
                 half_oracle.Oracle(tmp_path / "model.onnx", feed, precision))
    assert row.passed == (precision == "fp16"), row.why
    assert name in row.why and ("ONNX Runtime with these roundings" in row.why) == row.passed


def test_says_nothing_about_choices(tmp_path):
    """An engine keeps scores in fp32; a graph with them rounded would excuse every wrong choice."""
    nodes = [helper.make_node("Sigmoid", ["x"], ["score"]), helper.make_node("TopK", ["score", "k"], ["y", "at"])]
    graph = helper.make_graph(nodes, "choice", [tensor("x", [9])],
                              [tensor("y", [3]), tensor("at", [3], TensorProto.INT64)],
                              [numpy_helper.from_array(np.array([3]), "k")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), tmp_path / "m.onnx")
    x = np.arange(9, dtype=np.float32)
    permits = half_oracle.Oracle(tmp_path / "m.onnx", {"x": x}, "fp16").permits
    assert permits("y", x[:3], x[:3]) == (False, "")
