# SPDX-License-Identifier: Apache-2.0
"""What plugins are told of sizes that may change, while a plan is built and when it runs."""
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import ingot_cli
from plugin_models import build, normal, run, run_plan

LIMITS = [("v8_limits.so", "LimitsV2"), ("v10_limits.so", "LimitsV3")]
OPEN_SIZES = {"dims": [-1, 3, -1, 5], "least": [1, 3, 4, 5], "typical": [2, 3, 6, 5], "most": [3, 3, 8, 5]}


@pytest.mark.parametrize("library,op", LIMITS)
def test_open_sizes_and_their_limits(plugins, tmp_path, rng, library, op):
    done = build(tmp_path, plugins / library, op, {"x": normal(rng, 1, 3, 4, 5)}, "n:1x2x3", "h:4x6x8",
                 symbolic={"x": ["n", 3, "h", 5]}, **OPEN_SIZES)
    assert done.ok, done.stderr
    for n, h in [(1, 4), (2, 7), (3, 8)]:
        x = normal(rng, n, 3, h, 5)
        np.testing.assert_array_equal(run_plan(tmp_path, plugins / library, x=x)["y"], np.repeat(x, 2, axis=2))


@pytest.mark.parametrize("library,op", LIMITS)
def test_limits_behind_other_operators(plugins, tmp_path, rng, library, op):
    """What is known of an input holds of what is computed from it: [n, 3, h, 5] of an input [n, 15, h + 1]."""
    nodes = [helper.make_node("Slice", ["x", "starts", "ends", "axes"], ["s"]),
             helper.make_node("Reshape", ["s", "shape"], ["r"]), helper.make_node("Transpose", ["r"], ["t"],
                                                                                 perm=[0, 1, 3, 2]),
             helper.make_node(op, ["t"], ["y"], "the_node", **OPEN_SIZES)]
    constants = {"starts": [1], "ends": [2**40], "axes": [2], "shape": [0, 3, 5, -1]}
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 15, "h"])],
                              [helper.make_empty_tensor_value_info("y")],
                              [onnx.numpy_helper.from_array(np.array(v, np.int64), k) for k, v in constants.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), tmp_path / "m.onnx")
    done = ingot_cli.run("build", tmp_path / "m.onnx", "-o", tmp_path / "m.plan", "--plugins", plugins / library,
                         "--shapes", "n:1x2x3", "--shapes", "h:5x7x9")
    assert done.ok, done.stderr
    for n, h in [(1, 4), (2, 7), (3, 8)]:
        x = normal(rng, n, 15, h + 1)
        t = x[:, :, 1:].reshape(n, 3, 5, h).transpose(0, 1, 3, 2)
        np.testing.assert_array_equal(run_plan(tmp_path, plugins / library, x=x)["y"], np.repeat(t, 2, axis=2))


@pytest.mark.parametrize("library,op,part", [(*LIMITS[0], "initialize returned 1"),
                                             (*LIMITS[1], "configurePlugin returned 7")])
@pytest.mark.parametrize("field", ["least", "most"])
def test_other_limits_are_refused_by_the_build(plugins, tmp_path, rng, library, op, part, field):
    wrong = {**OPEN_SIZES, field: [2, 3, 5, 5]}
    done = build(tmp_path, plugins / library, op, {"x": normal(rng, 1, 3, 4, 5)}, "n:1x2x3", "h:4x6x8",
                 symbolic={"x": ["n", 3, "h", 5]}, **wrong)
    assert not done.ok and part in done.stderr and "the_node" in done.stderr and library in done.stderr, done.stderr


@pytest.mark.parametrize("library,op", LIMITS)
def test_open_sizes_without_limits(plugins, tmp_path, rng, library, op):
    done = build(tmp_path, plugins / library, op, {"x": normal(rng, 1, 3, 4, 5)}, symbolic={"x": ["n", 3, "h", 5]},
                 dims=[-1, 3, -1, 5])
    assert done.ok, done.stderr
    for n, h in [(1, 4), (5, 2)]:
        x = normal(rng, n, 3, h, 5)
        np.testing.assert_array_equal(run_plan(tmp_path, plugins / library, x=x)["y"], np.repeat(x, 2, axis=2))


@pytest.mark.parametrize("library,op", LIMITS)
def test_fixed_sizes_are_their_own_limits(plugins, tmp_path, rng, library, op):
    x, sizes = normal(rng, 2, 3, 4, 5), [2, 3, 4, 5]
    y = run(tmp_path, [plugins / library], op, {"x": x}, dims=sizes, least=sizes, typical=sizes, most=sizes)["y"]
    np.testing.assert_array_equal(y, np.repeat(x, 2, axis=2))


def test_v3_tactics_of_the_type_that_it_was_configured_for(plugins, tmp_path, rng):
    library, x = plugins / "v10_limits.so", normal(rng, 2, 3, 4, 5).astype(np.float16)
    sizes = dict.fromkeys(("dims", "least", "typical", "most"), [2, 3, 4, 5])
    assert build(tmp_path, library, "LimitsV3", {"x": x}, **sizes).ok
    shown = ingot_cli.run("inspect", tmp_path / "m.plan", "--candidates", "--plugins", library).stdout
    assert "f16->f16 tactic=16" in shown and "f32->f32 tactic=32" in shown, shown
    np.testing.assert_array_equal(run_plan(tmp_path, library, x=x)["y"], np.repeat(x, 2, axis=2))


def test_v3_data_dependent_of_open_sizes(plugins, tmp_path, rng):
    library = plugins / "v10_nonzero.so"
    done = build(tmp_path, library, "NonZeroPlugin", {"x": normal(rng, 2, 5)}, "n:1x3x9", symbolic={"x": ["n", 5]},
                 outputs=("indices", "count"))
    assert done.ok, done.stderr
    for n in (1, 4, 9):
        x = np.where(rng.random((n, 5)) < 0.4, 1, 0).astype(np.float32)
        out = run_plan(tmp_path, library, x=x)
        np.testing.assert_array_equal(out["indices"], np.argwhere(x))
        assert out["count"] == int(x.sum())


def test_native_ranges(plugins, tmp_path, rng):
    library, fields = plugins / "native_ranges.so", {"dims": [-1, 4], "least": [1, 4], "typical": [2, 4], "most": [8, 4]}
    model = {"domain": "demo", "symbolic": {"x": ["n", 4]}}
    done = build(tmp_path, library, "Ranges", {"x": normal(rng, 1, 4)}, "n:1x2x8", **model, **fields)
    assert done.ok, done.stderr
    for n in (1, 5, 8):
        x = normal(rng, n, 4)
        np.testing.assert_array_equal(run_plan(tmp_path, library, x=x)["y"], x)
    done = build(tmp_path, library, "Ranges", {"x": normal(rng, 1, 4)}, "n:1x2x9", **model, **fields)
    assert not done.ok and "other ranges of x" in done.stderr and "the_node" in done.stderr, done.stderr
