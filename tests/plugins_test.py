# SPDX-License-Identifier: Apache-2.0
"""Plugin libraries, built out of the engine's tree, through the command line: results against NumPy, and every way in
which a library can be missing or wrong."""
import ctypes
import importlib.util
import os
import re
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import ingot_cli
from plugin_models import error_of, model_of, normal, run

# ---- TensorRT's classes, release by release --------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 3, 1, 1), (3, 3)])
def test_v2(plugins, tmp_path, rng, shape):
    x, scale = normal(rng, *shape), normal(rng, 3)
    y = run(tmp_path, [plugins / "v7_scale.so"], "ChannelScale", {"x": x}, scale=scale.tolist(), shift=0.5)["y"]
    expected = x * scale.reshape(-1, *[1] * (len(shape) - 2)) + np.float32(0.5)
    np.testing.assert_allclose(y, expected, rtol=1e-6, atol=1e-6)


def test_v2_ext(plugins, tmp_path, rng):
    x = normal(rng, 2, 5, 7)
    y = run(tmp_path, [plugins / "v7_mish.so"], "Mish_TRT", {"x": x}, domain="some.domain")["y"]
    np.testing.assert_allclose(y, x * np.tanh(np.log1p(np.exp(x.astype(np.float64)))), rtol=1e-5, atol=1e-6)


def test_v2_batch_may_be_symbolic(plugins, tmp_path, rng):
    path = model_of(tmp_path / "m.onnx", "Mish_TRT", {"x": normal(rng, 1, 4)}, symbolic={"x": ["N", 4]})
    plan = tmp_path / "m.plan"
    done = ingot_cli.run("build", path, "-o", plan, "--shapes", "N:1x2x5", "--plugins", plugins / "v7_mish.so")
    assert done.ok, done.stderr
    for batch in (1, 5):
        x = normal(rng, batch, 4)
        np.savez(tmp_path / "in.npz", x=x)
        done = ingot_cli.run("run", plan, "--inputs", tmp_path / "in.npz", "--output", tmp_path / "o.npz", "--plugins",
                             plugins / "v7_mish.so")
        assert done.ok, done.stderr
        np.testing.assert_allclose(np.load(tmp_path / "o.npz")["y"], x * np.tanh(np.log1p(np.exp(x))), rtol=1e-5,
                                   atol=1e-6)


def test_v2_needs_fixed_sizes_besides_the_batch(plugins, tmp_path, rng):
    error = error_of(tmp_path, [plugins / "v7_mish.so"], "Mish_TRT", {"x": normal(rng, 1, 4)},
                     symbolic={"x": ["N", "M"]})
    assert "needs fixed sizes in all dimensions but the batch" in error and "the_node" in error


def test_v2_takes_the_sizes_of_the_command(plugins, tmp_path, rng):
    x = normal(rng, 2, 3, 4)
    library = plugins / "v7_mish.so"
    path = model_of(tmp_path / "m.onnx", "Mish_TRT", {"x": x}, symbolic={"x": ("n", 3, "w")})
    words = ["build", path, "-o", tmp_path / "m.plan", "--plugins", library, "--shapes", "n:1x2x8"]
    assert "input 'x' also has the symbolic dimension w" in ingot_cli.run(*words).stderr
    assert "needs fixed sizes in all dimensions but the batch" in ingot_cli.run(*words, "w:1x4x8").stderr
    done = ingot_cli.run(*words, "w:4")
    assert done.ok, done.stderr
    np.savez(tmp_path / "in.npz", x=x)
    done = ingot_cli.run("run", tmp_path / "m.plan", "--plugins", library, "--inputs", tmp_path / "in.npz", "--output",
                         tmp_path / "out.npz")
    assert done.ok, done.stderr
    expected = x * np.tanh(np.log1p(np.exp(x.astype(np.float64))))
    np.testing.assert_allclose(np.load(tmp_path / "out.npz")["y"], expected, atol=1e-5)


def test_v2_io_ext(plugins, tmp_path, rng):
    classes, boxes, most = 3, 2, 7
    x = normal(rng, 2, boxes * (5 + classes), 4, 6) * 2
    anchors = [10.0, 13.0, 33.0, 23.0]
    y = run(tmp_path, [plugins / "v7_yolo.so"], "YoloLayer_TRT", {"x": x}, classes=classes, max_output=most,
            threshold=0.4, anchors=anchors)["y"]
    expected = np.zeros((2, most * 6 + 1), np.float32)
    p = 1 / (1 + np.exp(-x.reshape(2, boxes, 5 + classes, 24)))
    for n in range(2):
        found = 0
        for b in range(boxes):
            for i in range(24):
                best = int(np.argmax(p[n, b, 5:, i]))
                score = p[n, b, 4, i] * p[n, b, 5 + best, i]
                if score < 0.4 or found == most:
                    continue
                q = p[n, b, :, i]
                expected[n, 1 + 6 * found:7 + 6 * found] = [
                    (i % 6 - 0.5 + 2 * q[0]) / 6, (i // 6 - 0.5 + 2 * q[1]) / 4, 4 * q[2]**2 * anchors[2 * b],
                    4 * q[3]**2 * anchors[2 * b + 1], score, best]
                found += 1
        expected[n, 0] = found
    assert expected[:, 0].max() > 0
    np.testing.assert_allclose(y.reshape(2, -1), expected, rtol=1e-4, atol=1e-5)


def test_v2_dynamic_layer_norm(plugins, tmp_path, rng):
    x, gamma, beta = normal(rng, 2, 3, 9), normal(rng, 9), normal(rng, 9)
    y = run(tmp_path, [plugins / "v8_layernorm.so"], "LayerNormPlugin", {"x": x},
            constants={"gamma": gamma, "beta": beta}, epsilon=1e-3)["y"]
    d = x.astype(np.float64)
    expected = (d - d.mean(-1, keepdims=True)) / np.sqrt(d.var(-1, keepdims=True) + 1e-3) * gamma + beta
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("stride,padding,dilation", [([1, 1], [1, 1], [1, 1]), ([2, 1], [0, 2], [1, 2])])
def test_v2_dynamic_with_workspace_and_blas(plugins, tmp_path, rng, stride, padding, dilation):
    torch = pytest.importorskip("torch")
    x, w = normal(rng, 2, 3, 9, 8), normal(rng, 4, 3, 3, 2)
    y = run(tmp_path, [plugins / "v8_im2col_conv.so"], "Im2colConv", {"x": x}, constants={"w": w}, stride=stride,
            padding=padding, dilation=dilation)["y"]
    expected = torch.nn.functional.conv2d(torch.from_numpy(x), torch.from_numpy(w), None, stride, padding, dilation)
    np.testing.assert_allclose(y, expected.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("a,c", [(2, 3), (4, 4), (5, 2)])
def test_expression_builder(plugins, tmp_path, rng, a, c):
    path = model_of(tmp_path / "m.onnx", "Expressions", {"x": normal(rng, a, c)}, symbolic={"x": ["A", "C"]})
    np.savez(tmp_path / "in.npz", x=normal(rng, a, c))
    done = ingot_cli.run("run", path, "--inputs", tmp_path / "in.npz", "--output", tmp_path / "o.npz", "--shapes",
                         "A:1x2x8", "--shapes", "C:1x2x8", "--plugins", plugins / "v8_expressions.so")
    assert done.ok, done.stderr
    y = np.load(tmp_path / "o.npz")["y"]
    assert y.shape == (a + (a == c), max(a, c), min(a, c), -(-a * c // 4), (a + 7) // 3, 3 - (a < c))
    np.testing.assert_array_equal(y.ravel(), np.arange(y.size))


@pytest.mark.parametrize("channels", [1, 4, 35])
def test_blocked_layouts(plugins, tmp_path, rng, channels):
    x = normal(rng, 2, channels, 3, 2)
    y = run(tmp_path, [plugins / "v8_blocked.so"], "Blocked", {"x": x})["y"]
    np.testing.assert_array_equal(y, 2 * x + np.arange(channels, dtype=np.float32).reshape(-1, 1, 1))


def test_half_only(plugins, tmp_path, rng):
    x = normal(rng, 3, 5)
    y = run(tmp_path, [plugins / "v8_half.so"], "HalfNegate", {"x": x})["y"]
    assert y.dtype == np.float32  # the network's type, whatever the plugin says of its own
    np.testing.assert_array_equal(y, -x.astype(np.float16).astype(np.float32))
    y = run(tmp_path, [plugins / "v8_half.so"], "HalfNegate", {"x": x.astype(np.float16)})["y"]
    assert y.dtype == np.float16 and np.array_equal(y, -x.astype(np.float16))


@pytest.mark.parametrize("channels", [3, 40])
def test_int8_between_quantisation_steps(plugins, tmp_path, rng, channels):
    x, step = normal(rng, 2, channels, 3, 2), np.float32(0.05)
    nodes = [helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]), helper.make_node("Int8Floor", ["q"], ["f"]),
             helper.make_node("DequantizeLinear", ["f", "s", "z"], ["y"])]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
                              [helper.make_empty_tensor_value_info("y")],
                              [onnx.numpy_helper.from_array(np.array(step), "s"),
                               onnx.numpy_helper.from_array(np.array(0, np.int8), "z")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), tmp_path / "m.onnx")
    np.savez(tmp_path / "in.npz", x=x)
    done = ingot_cli.run("run", tmp_path / "m.onnx", "--inputs", tmp_path / "in.npz", "--output", tmp_path / "o.npz",
                         "--plugins", plugins / "v8_int8.so")
    assert done.ok, done.stderr
    bytes_ = np.clip(np.rint(x / step), -128, 127)
    expected = np.maximum(bytes_, np.arange(channels).reshape(-1, 1, 1)) * step
    np.testing.assert_array_equal(np.load(tmp_path / "o.npz")["y"], expected.astype(np.float32))


def test_int_dims_and_narrowed_indices(plugins, tmp_path, rng):
    x, rows = normal(rng, 6, 2, 3), np.array([5, 0, 0, 3], np.int64)
    y = run(tmp_path, [plugins / "v8_int_dims.so"], "GatherRows", {"x": x, "rows": rows})["y"]
    np.testing.assert_array_equal(y, x[rows])


@pytest.mark.parametrize("density", [0.0, 0.4, 1.0])
def test_v3_data_dependent(plugins, tmp_path, rng, density):
    x = np.where(rng.random((4, 5)) < density, 1, 0).astype(np.float32)
    out = run(tmp_path, [plugins / "v10_nonzero.so"], "NonZeroPlugin", {"x": x}, outputs=("indices", "count"))
    np.testing.assert_array_equal(out["indices"], np.argwhere(x))
    assert out["count"] == int(x.sum())


def test_v3_data_dependent_without_its_size_output(plugins, tmp_path, rng):
    x = np.array([[0, 2], [3, 0]], np.float32)
    out = run(tmp_path, [plugins / "v10_nonzero.so"], "NonZeroPlugin", {"x": x})
    np.testing.assert_array_equal(out["y"], [[0, 1], [1, 0]])


def test_v3_tactics(plugins, tmp_path, rng):
    x = normal(rng, 64, 1024)
    path = model_of(tmp_path / "m.onnx", "RunningSum", {"x": x})
    library = plugins / "v10_tactics.so"
    done = ingot_cli.run("build", path, "-o", tmp_path / "m.plan", "--plugins", library)
    assert done.ok, done.stderr
    shown = ingot_cli.run("inspect", tmp_path / "m.plan", "--candidates", "--plugins", library).stdout
    assert ingot_cli.run("inspect", tmp_path / "m.plan", "--candidates").stdout == shown, "without the library, too"
    assert all(f"tactic={tactic}" in shown for tactic in (10, 20, 30)), shown
    np.savez(tmp_path / "in.npz", x=x)
    done = ingot_cli.run("run", tmp_path / "m.plan", "--inputs", tmp_path / "in.npz", "--output", tmp_path / "o.npz",
                         "--plugins", library)
    assert done.ok, done.stderr
    exact = np.cumsum(x.astype(np.float64), -1)
    np.testing.assert_allclose(np.load(tmp_path / "o.npz")["y"], exact, atol=1024 * 2**-24 * np.abs(exact).max())


def test_v3_in_place_update(plugins, tmp_path, rng):
    cache, rows = normal(rng, 5, 3), normal(rng, 2, 3)
    y = run(tmp_path, [plugins / "v10_alias.so"], "CacheAdd", {"cache": cache, "rows": rows})["y"]
    expected = cache.copy()
    expected[:2] += rows
    np.testing.assert_array_equal(y, expected)


def test_v3_shape_input(plugins, tmp_path, rng):
    x = normal(rng, 2, 3)
    y = run(tmp_path, [plugins / "v10_shape_input.so"], "RepeatTo", {"x": x}, constants={"n": np.array([7], np.int64)},
            tensorrt_plugin_shape_input_indices=[1])["y"]
    np.testing.assert_array_equal(y, np.resize(x, (7, 3)))


@pytest.mark.parametrize("attributes,factor", [({}, 2), ({"plugin_version": "1"}, 2), ({"plugin_version": "2"}, 3),
                                               ({"plugin_namespace": "acme"}, 5)])
def test_exported_creators(plugins, tmp_path, rng, attributes, factor):
    x = normal(rng, 4)
    y = run(tmp_path, [plugins / "v10_exported.so"], "Times", {"x": x}, **attributes)["y"]
    np.testing.assert_array_equal(y, factor * x)


@pytest.mark.parametrize("dtype", [np.int64, np.int32])
def test_v3_shape_input_that_a_run_brings(plugins, tmp_path, rng, dtype):
    """One plan, sizes that are an input's values; what follows takes the result as any other."""
    x = normal(rng, 2, 3)
    nodes = [helper.make_node("RepeatTo", ["x", "n"], ["r"], tensorrt_plugin_shape_input_indices=[1]),
             helper.make_node("Neg", ["r"], ["y"])]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 3]),
              helper.make_tensor_value_info("n", helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), [1])]
    graph = helper.make_graph(nodes, "g", inputs, [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, None])])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), tmp_path / "m.onnx")
    library = ["--plugins", plugins / "v10_shape_input.so"]
    done = ingot_cli.run("build", tmp_path / "m.onnx", "-o", tmp_path / "m.plan", *library)
    assert done.ok, done.stderr
    for rows, wanted in [(2, 7), (2, 1), (1, 7), (2, 0)]:
        np.savez(tmp_path / "in.npz", x=x[:rows], n=np.array([wanted], dtype))
        done = ingot_cli.run("run", tmp_path / "m.plan", "--inputs", tmp_path / "in.npz", "--output",
                             tmp_path / "out.npz", *library)
        assert done.ok, done.stderr
        np.testing.assert_array_equal(np.load(tmp_path / "out.npz")["y"], -np.resize(x[:rows], (wanted, 3)))


def test_v3_shape_input_of_unknown_length(plugins, tmp_path, rng):
    error = error_of(tmp_path, [plugins / "v10_shape_input.so"], "RepeatTo",
                     {"x": normal(rng, 2, 3), "n": np.array([7], np.int64)}, command="build", symbolic={"n": ["k"]},
                     tensorrt_plugin_shape_input_indices=[1])
    assert "shape input 1 needs a known number of at most 8 elements" in error, error


@pytest.mark.parametrize("indices,part", [([5], "names input 5, the node has 2"), (-1, "names input -1")])
def test_shape_inputs_that_are_not_there(plugins, tmp_path, rng, indices, part):
    error = error_of(tmp_path, [plugins / "v10_shape_input.so"], "RepeatTo", {"x": normal(rng, 2, 3)}, command="build",
                     constants={"n": np.array([7], np.int64)}, tensorrt_plugin_shape_input_indices=indices)
    assert f"attribute tensorrt_plugin_shape_input_indices {part}" in error, error


def test_one_shape_input_as_a_number(plugins, tmp_path, rng):
    x = normal(rng, 2, 3)
    y = run(tmp_path, [plugins / "v10_shape_input.so"], "RepeatTo", {"x": x}, constants={"n": np.array([3], np.int64)},
            tensorrt_plugin_shape_input_indices=1)["y"]
    np.testing.assert_array_equal(y, np.resize(x, (3, 3)))


def test_a_checker_of_engines_is_a_creator(plugins, tmp_path, rng):
    x = normal(rng, 2, 3)
    np.testing.assert_array_equal(run(tmp_path, [plugins / "v8_checked.so"], "Checked", {"x": x})["y"], x)
    path = model_of(tmp_path / "m.onnx", "Checked", {"x": x})
    done = ingot_cli.run("build", path, "-o", tmp_path / "m.plan", "--plugins", plugins / "v8_checked.so")
    assert done.ok and "Checked in brief" in done.stderr and "in detail" not in done.stderr, done.stderr
    error = error_of(tmp_path, [plugins / "v8_checked.so"], "Checked", {"x": x}, unset=1)
    assert "its rule for dimensions leaves dimension 1 of output 0 unset" in error, error


@pytest.mark.parametrize("where", ["create", "clone", "dimensions", "formats", "configure", "initialize", "enqueue",
                                   "number"])
def test_whatever_throws_is_named(plugins, tmp_path, rng, where):
    error = error_of(tmp_path, [plugins / "v7_throws.so"], "Throws", {"x": normal(rng, 2, 3)}, where=where)
    said = {"initialize": "initialize returned 3", "number": "it threw an exception"}.get(where, f"thrown at {where}")
    assert said in error and "Throws" in error and "v7_throws.so" in error, error


def test_exported_creators_of_version_2(plugins, tmp_path, rng):
    x = normal(rng, 4)
    np.testing.assert_array_equal(run(tmp_path, [plugins / "v10_exported.so"], "HalfOf", {"x": x})["y"], x / 2)


@pytest.mark.parametrize("space,factor", [("left", 2), ("right", 3)])
def test_a_namespace_of_registerCreator(plugins, tmp_path, rng, space, factor):
    x = normal(rng, 4)
    y = run(tmp_path, [plugins / "v10_registry.so"], "Multiply", {"x": x}, plugin_namespace=space)["y"]
    np.testing.assert_array_equal(y, factor * x)
    error = error_of(tmp_path, [plugins / "v10_registry.so"], "Multiply", {"x": x}, plugin_namespace="gone")
    assert 'have Multiply in domain "left", "right" only' in error, error


def test_registered_twice(plugins, tmp_path, rng):
    library, x = plugins / "v8_registered_twice.so", normal(rng, 4)
    assert ingot_cli.run("plugin", "list", library).stdout.count("::Add") == 2
    for op, summand in (("AddOne", 1), ("AddTwo", 2)):
        np.testing.assert_array_equal(run(tmp_path, [library], op, {"x": x})["y"], x + np.float32(summand))


def test_what_a_library_asks_of_its_registry(plugins):
    library = ctypes.CDLL(str(plugins / "v10_registry.so"))
    library.initLibNvInferPlugins.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    assert library.initLibNvInferPlugins(None, b"")
    library.registry.restype = ctypes.c_char_p
    assert library.registry() == b"good"


def test_a_collection_is_initialised(plugins, tmp_path, rng):
    y = run(tmp_path, [plugins / "v8_collection.so"], "GridAnchors", {"x": normal(rng, 2, 3, 4, 5)}, minSize=7.0)["y"]
    np.testing.assert_array_equal(y, np.tile(np.arange(7, 27, dtype=np.float32), 2).reshape(2, 4, 5))


def test_an_embedded_library_keeps_its_name(plugins, tmp_path, rng):
    x = normal(rng, 2, 3)
    path = model_of(tmp_path / "m.onnx", "HalfOf", {"x": x})
    done = ingot_cli.run("build", path, "-o", tmp_path / "m.plan", "--embed-plugins", "--plugins",
                         plugins / "v10_exported.so")
    assert done.ok, done.stderr
    np.savez(tmp_path / "in.npz", x=x)
    done = ingot_cli.run("run", tmp_path / "m.plan", "--inputs", tmp_path / "in.npz", "--allow-embedded-plugins")
    assert done.ok and "was built with" not in done.stderr, done.stderr


def test_what_tensorrt_forgives(plugins, tmp_path, rng):
    x = normal(rng, 1, 8, 3, 2)
    path = model_of(tmp_path / "m.onnx", "Careless", {"x": x}, factor=3)
    done = ingot_cli.run("build", path, "-o", tmp_path / "m.plan", "--plugins", plugins / "v8_careless.so")
    # Said once, though the plugin is created many times.
    assert done.ok and done.stderr.count("handed over as kINT32, which the node has; the plugin declares kFLOAT32") == 1
    shown = ingot_cli.run("inspect", tmp_path / "m.plan", "--candidates", "--plugins", plugins / "v8_careless.so")
    assert shown.ok and set(re.findall(r"\S+->\S+(?= tactic)", shown.stdout)) == {"f32->f32"}, shown.stdout
    y = run(tmp_path, [plugins / "v8_careless.so"], "Careless", {"x": x}, factor=3)["y"]
    np.testing.assert_array_equal(y, 3 * x)


@pytest.mark.parametrize("dtype,symbolic,part", [
    (np.float32, {"x": ("n", 4)}, "its rule for dimensions takes getConstantValue of a symbolic dimension"),
    (np.int32, {}, "Careless: the plugin takes input 0 in none of the formats tried for kINT32"),
    (np.int32, {}, "takes these operands in no type and layout")])
def test_what_it_does_not(plugins, tmp_path, rng, dtype, symbolic, part):
    x = np.ones((3, 4), dtype)
    assert part in error_of(tmp_path, [plugins / "v8_careless.so"], "Careless", {"x": x}, command="build", factor=3,
                            symbolic=symbolic)


def test_a_status_may_be_one_of_cuda(plugins, tmp_path, rng):
    error = error_of(tmp_path, [plugins / "v8_careless.so"], "Careless", {"x": normal(rng, 3)}, factor=0)
    assert "Careless" in error and "enqueue returned 209 (as a CUDA error: no kernel for this GPU" in error, error


def test_a_plugin_in_one_file_with_its_program(plugins, tmp_path, rng):
    x = normal(rng, 2, 5)
    y = run(tmp_path, [plugins / "v8_with_program.so"], "ProgramNegate", {"x": x})["y"]
    np.testing.assert_array_equal(y, -x)
    program = ctypes.CDLL(str(plugins / "v8_with_program.so")).program
    program.restype = ctypes.c_char_p
    assert b"plans are built by `ingot build`" in program(b"model.onnx")


def test_the_namespace_is_named(plugins, tmp_path, rng):
    error = error_of(tmp_path, [plugins / "native_scale.so"], "PowerScale", {"x": normal(rng, 4)}, domain="dem")
    assert 'the loaded plugins have PowerScale in domain "demo" only' in error


def test_fields_of_every_kind(plugins, tmp_path):
    kinds = {"float32": 1, "float64": 2, "int8": 3, "int16": 4, "int32": 5, "char": 6, "dims": 7, "int64": 10}
    tensor = onnx.numpy_helper.from_array(np.array([1.5, -2], np.float32), "t")
    y = run(tmp_path, [plugins / "fields_of_every_kind.so"], "EveryField", {"x": np.zeros(1, np.float32)}, an_int=7,
            ints=[1, -2, 3], a_float=0.25, floats=[0.5, -1.5], a_double=2.5, a_byte=-3, a_short=300, a_long=2**40,
            a_text="hey", some_dims=[2, 3, 4], a_tensor=tensor)["y"]
    expected = []
    for kind, values in [("int32", [7]), ("int32", [1, -2, 3]), ("float32", [0.25]), ("float32", [0.5, -1.5]),
                         ("float64", [2.5]), ("int8", [-3]), ("int16", [300]), ("int64", [2**40]),
                         ("char", [*b"hey"]), ("dims", [24]), ("float32", [1.5, -2])]:
        expected += [kinds[kind], len(values), *values]
    np.testing.assert_array_equal(y, np.array(expected, np.float32))


def test_a_misspelt_field_is_an_error(plugins, tmp_path, rng):
    error = error_of(tmp_path, [plugins / "v8_im2col_conv.so"], "Im2colConv", {"x": normal(rng, 1, 1, 4, 4)},
                     constants={"w": normal(rng, 1, 1, 3, 3)}, strides=[1, 1], padding=[1, 1], dilation=[1, 1])
    assert "has no attribute strides" in error and "did you mean" in error and "stride" in error


# ---- the plugin interface --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (0, 3), (1, ), (5, 333)])
def test_native(plugins, tmp_path, rng, shape):
    x = normal(rng, *shape) if shape else np.float32(1.5).reshape(())
    y = run(tmp_path, [plugins / "native_scale.so"], "PowerScale", {"x": x}, domain="demo", factor=1.5, exponent=3,
            mode="negate")["y"]
    np.testing.assert_allclose(y, np.float32(-1.5) * x**3, rtol=1e-5)


def test_native_data_dependent_then_more(plugins, tmp_path, rng):
    x = normal(rng, 33)
    nodes = [helper.make_node("Positive", ["x"], ["p"], domain="demo"), helper.make_node("Exp", ["p"], ["y"])]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [33])],
                              [helper.make_empty_tensor_value_info("y")])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("demo", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), tmp_path / "m.onnx")
    np.savez(tmp_path / "in.npz", x=x)
    done = ingot_cli.run("run", tmp_path / "m.onnx", "--inputs", tmp_path / "in.npz", "--output", tmp_path / "o.npz",
                         "--plugins", plugins / "native_scale.so")
    assert done.ok, done.stderr
    np.testing.assert_allclose(np.load(tmp_path / "o.npz")["y"], np.exp(x[x > 0]), rtol=1e-6)


def test_plugin_node_by_name_with_info(plugins, tmp_path, rng):
    x = normal(rng, 4)
    y = run(tmp_path, [plugins / "native_scale.so"], "Plugin", {"x": x}, name="PowerScale", plugin_namespace="demo",
            info='{"factor": 2.5, "exponent": 2}')["y"]
    np.testing.assert_allclose(y, np.float32(2.5) * x * x, rtol=1e-6)


def test_verify_uses_the_declared_reference(plugins, tmp_path, rng):
    path = model_of(tmp_path / "m.onnx", "PowerScale", {"x": normal(rng, 9)}, domain="demo", factor=1.5, exponent=3)
    done = ingot_cli.run("verify", path, "--plugins", plugins / "native_scale.so")
    assert done.ok, done.stdout + done.stderr


@pytest.mark.parametrize("minor,library", [(0, "native_old"), (1, "native_old_1_1")])
def test_a_frozen_interface_loads(plugins, tmp_path, rng, minor, library):
    frozen = (ingot_cli.ROOT / f"tests/plugins/frozen/plugin_1_{minor}.h").read_text()
    assert "INGOT_PLUGIN_MAJOR 1" in frozen and f"INGOT_PLUGIN_MINOR {minor}" in frozen
    x = normal(rng, 2, 3)
    y = run(tmp_path, [plugins / f"{library}.so"], "AddBias", {"x": x}, domain="old",
            constants={"b": np.array([2], np.float32)})["y"]
    np.testing.assert_array_equal(y, x + 2)


def test_a_library_that_crashes_when_asked_is_refused(plugins):
    done = ingot_cli.run("plugin", "list", plugins / "native_crash.so")
    assert not done.ok and "native_crash.so': ingot_plugin_query crashed with an abort" in done.stderr, done.stderr
    for name, crash in (("native_throws_loading", "threw an exception (no such device)"),
                        ("native_fault_loading", "crashed with a segmentation fault")):
        done = ingot_cli.run("plugin", "list", plugins / f"{name}.so")
        assert done.code == ingot_cli.status_codes()["kInvalidArgument"], done.stderr
        assert f"{name}.so' {crash} while it was loaded" in done.stderr, done.stderr


def test_a_newer_major_version_is_refused(plugins, tmp_path):
    error = error_of(tmp_path, [plugins / "native_newer.so"], "X", {"x": np.zeros(1, np.float32)})
    assert "version 2.3 of the plugin interface" in error and "supports version 1." in error


@pytest.mark.parametrize("attributes,parts", [
    ({}, ["factor is required"]),
    ({"factor": 1.0, "exponnet": 2}, ["has no attribute exponnet", "did you mean 'exponent'"]),
    ({"factor": "one"}, ["attribute factor must be a number"]),
    ({"factor": 1.0, "exponent": 9}, ["exponent is 9, must lie in [0, 4]"]),
    ({"factor": 1.0, "mode": "negated"}, ["must be one of plain|negate", "did you mean 'negate'"]),
])
def test_wrong_attributes(plugins, tmp_path, rng, attributes, parts):
    error = error_of(tmp_path, [plugins / "native_scale.so"], "PowerScale", {"x": normal(rng, 3)}, domain="demo",
                     **attributes)
    for part in ["the_node", "demo::PowerScale", "native_scale.so", *parts]:
        assert part in error, error


def test_wrong_number_of_inputs(plugins, tmp_path, rng):
    error = error_of(tmp_path, [plugins / "native_scale.so"], "PowerScale", {"x": normal(rng, 3), "z": normal(rng, 3)},
                     domain="demo", factor=1.0)
    assert "takes 1 inputs, the node has 2" in error


@pytest.mark.parametrize("op,parts", [
    ("CrashInShapeRule", ["its infer function crashed with a segmentation fault"]),
    ("AbortInShapeRule", ["its infer function crashed with an abort"]),
    ("ThrowInShapeRule", ["input 0 has rank 1, needs 17"]),
    ("NoOutput", ["says nothing about output 0"]),
    ("BadAxis", ["looks at dimension 11 of input 0, which has rank 1"]),
    ("FailInLaunch", ["the kernel does not feel like it"]),
])
def test_a_plugin_that_fails_is_named(plugins, tmp_path, rng, op, parts):
    error = error_of(tmp_path, [plugins / "native_wrong.so"], op, {"x": normal(rng, 100)}, domain="wrong")
    for part in [f"wrong::{op}", "'wrong' 6.6.6", *parts]:
        assert part in error, error


@pytest.mark.parametrize("op,part", [
    ("WriteBehind", "wrote outside of output 0 of shape [100]: 0 bytes behind its end"),
    ("WriteBefore", "wrote outside of output 0 of shape [100]: 4 bytes before its start"),
    ("WriteIntoInput", "wrote into its input 0"),
    ("WorkspaceOverrun", "wrote outside of its workspace of 64 bytes"),
    ("CrashInLaunch", "its launch function crashed with a segmentation fault"),
])
def test_checking_mode_catches(plugins, tmp_path, rng, op, part):
    error = error_of(tmp_path, [plugins / "native_wrong.so"], op, {"x": normal(rng, 100)}, domain="wrong",
                     checking=True)
    assert f"wrong::{op}" in error and part in error, error


def test_a_lying_shape_rule(plugins, tmp_path, rng):
    path = model_of(tmp_path / "m.onnx", "LyingShapeRule", {"x": normal(rng, 3)}, domain="wrong", symbolic={"x": ["N"]})
    np.savez(tmp_path / "in.npz", x=normal(rng, 3))
    done = ingot_cli.run("run", path, "--inputs", tmp_path / "in.npz", "--shapes", "N:1x3x5", "--plugins",
                         plugins / "native_wrong.so")
    assert not done.ok and "output 0 is [3] by the rule over symbols, [4] by the rule over the sizes" in done.stderr


# ---- libraries that are not there ------------------------------------------------------------------------------------


def test_no_library_loaded(tmp_path, rng):
    error = error_of(tmp_path, [], "PowerScale", {"x": normal(rng, 3)}, domain="demo")
    assert 'no plugin library that serves domain "demo" is loaded' in error and "--plugins LIB.so" in error


def test_library_loaded_but_no_such_operator(plugins, tmp_path, rng):
    error = error_of(tmp_path, [plugins / "native_scale.so"], "PowrScale", {"x": normal(rng, 3)}, domain="demo")
    assert 'domain "demo" have no operator PowrScale; did you mean \'PowerScale\'?' in error
    assert "native_scale.so" in error


def test_other_library_loaded(plugins, tmp_path, rng):
    error = error_of(tmp_path, [plugins / "native_scale.so"], "X", {"x": normal(rng, 3)}, domain="other")
    assert 'no plugin library that serves domain "other" is loaded' in error and "demo::PowerScale" in error


def test_not_a_library(tmp_path, rng):
    (tmp_path / "text.so").write_text("no")
    assert "cannot be loaded" in error_of(tmp_path, [tmp_path / "text.so"], "X", {"x": normal(rng, 1)})
    (tmp_path / "a.c").write_text("int cublasHgemm(void); int query(void) { return cublasHgemm(); }")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "a.so", tmp_path / "a.c"], check=True)
    assert "cublasHgemm; link it with -lcublas" in error_of(tmp_path, [tmp_path / "a.so"], "X", {"x": normal(rng, 1)})
    missing = error_of(tmp_path, ["libnowhere.so"], "X", {"x": normal(rng, 1)})
    assert "'libnowhere.so' does not exist; searched: " in missing


def test_search_path(plugins, tmp_path, rng, monkeypatch):
    monkeypatch.setenv("INGOT_PLUGIN_PATH", f"{tmp_path}:{plugins}")
    x = normal(rng, 3)
    y = run(tmp_path, ["native_scale.so"], "PowerScale", {"x": x}, domain="demo", factor=2.0)["y"]
    np.testing.assert_array_equal(y, 2 * x)
    monkeypatch.setenv("INGOT_PLUGINS", "native_scale.so")
    assert run(tmp_path, [], "PowerScale", {"x": x}, domain="demo", factor=2.0)["y"].shape == (3, )


def test_a_plan_without_its_library(plugins, tmp_path, rng):
    path = model_of(tmp_path / "m.onnx", "PowerScale", {"x": normal(rng, 3)}, domain="demo", factor=2.0)
    done = ingot_cli.run("build", path, "-o", tmp_path / "m.plan", "--plugins", plugins / "native_scale.so")
    assert done.ok, done.stderr
    np.savez(tmp_path / "in.npz", x=normal(rng, 3))
    done = ingot_cli.run("run", tmp_path / "m.plan", "--inputs", tmp_path / "in.npz")
    assert not done.ok
    for part in ["demo::PowerScale", "'demo' 1.0.0", "interface 1.2", "native_scale.so", "(step 'the_node",
                 "no plugin library is loaded"]:
        assert part in done.stderr, done.stderr


def test_an_embedded_library(plugins, tmp_path, rng):
    x = normal(rng, 3)
    path = model_of(tmp_path / "m.onnx", "PowerScale", {"x": x}, domain="demo", factor=2.0)
    done = ingot_cli.run("build", path, "-o", tmp_path / "m.plan", "--embed-plugins", "--plugins",
                         plugins / "native_scale.so")
    assert done.ok, done.stderr
    np.savez(tmp_path / "in.npz", x=x)
    rest = ["--inputs", tmp_path / "in.npz", "--output", tmp_path / "o.npz"]
    done = ingot_cli.run("run", tmp_path / "m.plan", *rest)
    assert not done.ok and "--allow-embedded-plugins" in done.stderr, done.stderr
    done = ingot_cli.run("run", tmp_path / "m.plan", *rest, "--allow-embedded-plugins")
    assert done.ok, done.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "o.npz")["y"], 2 * x)
    for command in (["bench", tmp_path / "m.plan"], ["verify", path, "--plan", tmp_path / "m.plan", "--per-layer"]):
        done = ingot_cli.run(*command, "--allow-embedded-plugins")
        assert done.ok, done.stderr


# ---- ingot plugin ----------------------------------------------------------------------------------------------------


def test_check_and_list(plugins):
    done = ingot_cli.run("plugin", "check", plugins / "native_scale.so")
    assert done.ok and "demo::PowerScale" in done.stdout and "good" in done.stdout, done.stdout + done.stderr
    done = ingot_cli.run("plugin", "list", plugins / "native_scale.so", plugins / "v10_exported.so")
    assert done.ok and "factor: float, required" in done.stdout and "acme::Times.1" in done.stdout, done.stdout


def test_a_broken_library_does_not_hide_the_others(plugins, tmp_path):
    broken = tmp_path / "broken.so"
    broken.write_text("no library")
    done = ingot_cli.run("plugin", "list", broken, plugins / "native_scale.so")
    assert not done.ok and "broken.so" in done.stderr and "demo::PowerScale" in done.stdout, done.stdout + done.stderr


def test_check_with_given_operands(plugins):
    words = ["plugin", "check", plugins / "v8_layernorm.so", "--inputs"]
    done = ingot_cli.run(*words, "f32[n, t, c], f32[c], f32[c]", "--cases", 10)
    assert done.ok and "10 cases" in done.stdout, done.stdout + done.stderr
    assert "--inputs says so" in ingot_cli.run(*words[:-1], "--cases", 200).stdout
    assert "random operands of type string" in ingot_cli.run(*words, "string[n]").stderr


def test_check_finds_what_is_wrong(plugins):
    done = ingot_cli.run("plugin", "check", plugins / "native_wrong.so", "--op", "WriteBehind", "--cases", 8)
    assert not done.ok and "0 bytes behind its end" in done.stdout and "smallest case: wrong::WriteBehind" in done.stdout


def test_new_builds_and_passes(tmp_path):
    done = ingot_cli.run("plugin", "new", "SwirlNet", "--folder", tmp_path / "swirl")
    assert done.ok, done.stderr
    build = tmp_path / "build"
    subprocess.run(["cmake", "-S", tmp_path / "swirl", "-B", build, f"-DINGOT_PROGRAM={ingot_cli.PROGRAM}",
                    "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror", "-DCMAKE_CUDA_COMPILER="], check=True)
    subprocess.run(["cmake", "--build", build], check=True)
    tested = subprocess.run(["ctest", "--test-dir", build, "-V"], capture_output=True, text=True)
    assert tested.returncode == 0 and "good" in tested.stdout, tested.stdout
    if all(importlib.util.find_spec(module) for module in ("torch", "onnxscript", "ingot")):
        done = subprocess.run([sys.executable, "-m", "pytest", "-q", "test_swirl_net.py"], cwd=tmp_path / "swirl",
                              env={**os.environ, "LIBRARY": str(build / "libswirl_net.so")}, capture_output=True,
                              text=True)
        assert done.returncode == 0 and "2 passed" in done.stdout, done.stdout
    assert not ingot_cli.run("plugin", "new", "swirl", "--folder", tmp_path / "other").ok
    assert "exists already" in ingot_cli.run("plugin", "new", "SwirlNet", "--folder", tmp_path / "swirl").stderr


@pytest.mark.parametrize("name", ["Test", "Torch", "Float", "Install"])
def test_new_refuses_names_that_would_not_build(tmp_path, name):
    done = ingot_cli.run("plugin", "new", name, "--folder", tmp_path / "it")
    assert not done.ok and f"which is taken; say 'My{name}'" in done.stderr, done.stderr
    assert not (tmp_path / "it").exists()
