# SPDX-License-Identifier: Apache-2.0
"""`--precision fp16` where halves would ruin a network: on the CPU, which rehearses what a GPU computes, against ONNX
Runtime in fp32."""
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import ingot_cli
from byte_range import SIGNED

SEED = int(np.random.default_rng().integers(1 << 31))


def tensor(name: str, shape, dtype=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


def run_both(folder, nodes, inputs, outputs, constants, feed) -> tuple:
    """({output: what fp16 gives}, {output: what ONNX Runtime gives})."""
    graph = helper.make_graph(nodes, "half", inputs, outputs,
                              [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    path, plan, out = folder / "model.onnx", folder / "model.plan", folder / "out.npz"
    onnx.save(made, path)
    np.savez(folder / "feed.npz", **feed)
    for command in (("build", path, "-o", plan, "--precision", "fp16", "--time-budget", "0"),
                    ("run", plan, "--inputs", folder / "feed.npz", "--output", out)):
        done = ingot_cli.run(*command)
        assert done.ok, f"seed {SEED}: {done.stderr}"
    options = onnxruntime.SessionOptions()  # without rewrites, some of which quantise what the graph leaves in fp32
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    with np.load(out) as results:
        return {name: results[name] for name in names}, dict(zip(names, session.run(None, feed)))


def expect_close(got, want, roundings) -> None:
    """Each rounding to a half is off by up to 2^-11 of its result, like a random walk; five deviations of it."""
    for name, expected in want.items():
        scale = np.sqrt(np.mean(np.square(expected.astype(np.float64))))
        np.testing.assert_allclose(got[name], expected, rtol=0, atol=5 * np.sqrt(roundings / 3) * 2.0**-11 * scale,
                                   err_msg=f"{name}, seed {SEED}")


@pytest.fixture
def random():
    return np.random.default_rng(SEED)


def test_numbers_are_rounded_at_all(tmp_path, random):
    """Or the other tests would prove nothing."""
    weights = random.standard_normal((64, 32)).astype(np.float32)
    got, want = run_both(tmp_path, [helper.make_node("MatMul", ["x", "w"], ["y"])], [tensor("x", [5, 64])],
                         [tensor("y", [5, 32])], {"w": weights}, {"x": random.standard_normal((5, 64), np.float32)})
    expect_close(got, want, 3)
    assert np.abs(got["y"] - want["y"]).max() > 2.0**-16 * np.abs(want["y"]).max()


def test_integer_convolution_stays_exact(tmp_path, random):
    """Sums of products of bytes leave the range of halves, and their last bit decides the output's byte."""
    constants = {"xs": np.float32(0.02), "xz": np.uint8(120), "ws": np.float32(0.01), "wz": np.int8(0),
                 "ys": np.float32(0.2), "yz": np.uint8(128), "b": random.integers(-9999, 9999, 24).astype(np.int32),
                 "w": random.integers(SIGNED[0], SIGNED[1] + 1, (24, 64, 3, 3)).astype(np.int8)}
    node = helper.make_node("QLinearConv", ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz", "b"], ["y"])
    feed = {"x": random.integers(0, 256, (1, 64, 9, 9)).astype(np.uint8)}
    got, want = run_both(tmp_path, [node], [tensor("x", [1, 64, 9, 9], TensorProto.UINT8)],
                         [tensor("y", [1, 24, 7, 7], TensorProto.UINT8)], constants, feed)
    np.testing.assert_array_equal(got["y"], want["y"], f"seed {SEED}")


def test_dynamic_quantisation(tmp_path, random):
    """The sums of the product are scaled in fp32 before they become halves."""
    nodes = [helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
             helper.make_node("MatMulInteger", ["q", "w", "z", "wz"], ["sum"]),
             helper.make_node("Cast", ["sum"], ["wide"], to=TensorProto.FLOAT),
             helper.make_node("Mul", ["s", "ws"], ["scale"]), helper.make_node("Mul", ["wide", "scale"], ["scaled"]),
             helper.make_node("Add", ["scaled", "b"], ["y"])]
    constants = {"w": random.integers(SIGNED[0], SIGNED[1] + 1, (768, 48)).astype(np.int8), "wz": np.int8(0), "ws": np.float32(2e-5),
                 "b": random.standard_normal(48, np.float32)}
    got, want = run_both(tmp_path, nodes, [tensor("x", [7, 768])], [tensor("y", [7, 48])], constants,
                         {"x": random.standard_normal((7, 768), np.float32)})
    expect_close(got, want, 2)


@pytest.mark.parametrize("scale", [1e-2, 1e-6, 1e-10])
def test_quantised_network_of_any_scale(tmp_path, random, scale):
    """Bytes times a tiny scale vanish in halves, and the weights that make bytes of them again overflow."""
    weights = {"w": (0.05 * random.standard_normal((16, 16, 3, 3))).astype(np.float32), "s": np.float32(scale),
               "t": np.float32(0.4 * scale), "z": np.int8(3)}
    nodes = [helper.make_node("DequantizeLinear", ["x", "s", "z"], ["a"]),
             helper.make_node("Conv", ["a", "w"], ["b"], pads=[1, 1, 1, 1]),
             helper.make_node("QuantizeLinear", ["b", "t", "z"], ["q"]),
             helper.make_node("DequantizeLinear", ["q", "t", "z"], ["y"])]
    feed = {"x": random.integers(-128, 128, (1, 16, 8, 8)).astype(np.int8)}
    got, want = run_both(tmp_path, nodes, [tensor("x", [1, 16, 8, 8], TensorProto.INT8)],
                         [tensor("y", [1, 16, 8, 8])], weights, feed)
    steps = (got["y"] - want["y"]) / weights["t"]
    assert np.abs(steps).max() < 1.5, f"seed {SEED}"  # a rounding may end one step further
    assert np.mean(np.abs(steps) > 0.5) < 0.1, f"seed {SEED}"


def test_masks_of_minus_a_lot(tmp_path, random):
    """(1 - mask) * -3.4e38, as exporters write it; a row that may see nothing at all stays finite."""
    nodes = [helper.make_node("Cast", ["mask"], ["m"], to=TensorProto.FLOAT),
             helper.make_node("Sub", ["one", "m"], ["n"]), helper.make_node("Mul", ["n", "lot"], ["bias"]),
             helper.make_node("MatMul", ["x", "w"], ["score"]), helper.make_node("Add", ["score", "bias"], ["masked"]),
             helper.make_node("Softmax", ["masked"], ["y"])]
    mask = random.integers(0, 2, (1, 6, 20)).astype(np.int64)
    mask[0, 3] = 0
    mask[0, 4] = 1
    got, want = run_both(tmp_path, nodes, [tensor("x", [1, 6, 16]), tensor("mask", [1, 6, 20], TensorProto.INT64)],
                         [tensor("y", [1, 6, 20])],
                         {"w": random.standard_normal((16, 20), np.float32), "one": np.float32(1),
                          "lot": np.float32(np.finfo(np.float32).min)},
                         {"x": random.standard_normal((1, 6, 16), np.float32), "mask": mask})
    seen = [row for row in range(6) if mask[0, row].any()]
    assert np.isfinite(got["y"]).all(), f"seed {SEED}"
    # exp() makes absolute errors of the scores, of up to some 2^-11 * 16, relative ones.
    np.testing.assert_allclose(got["y"][0, seen], want["y"][0, seen], rtol=0.05, atol=1e-3, err_msg=f"seed {SEED}")


def test_coordinates_stay_fp32(tmp_path, random):
    """An inverse sigmoid, whose clamp a half would make 0, and sampling positions on a large image."""
    image = np.cumsum(random.standard_normal((1, 2, 8, 2000)), axis=-1).astype(np.float32)
    nodes = [helper.make_node("Sub", ["one", "p"], ["r"]), helper.make_node("Clip", ["p", "least"], ["a"]),
             helper.make_node("Clip", ["r", "least"], ["b"]), helper.make_node("Div", ["a", "b"], ["odds"]),
             helper.make_node("Log", ["odds"], ["logit"]), helper.make_node("Tanh", ["logit"], ["grid"]),
             helper.make_node("GridSample", ["image", "grid"], ["y"], align_corners=1)]
    places = random.random((1, 4, 50, 2)).astype(np.float32)
    places[0, 0, :2] = [[0, 1], [1, 0]]
    got, want = run_both(tmp_path, nodes, [tensor("p", [1, 4, 50, 2]), tensor("image", [1, 2, 8, 2000])],
                         [tensor("y", [1, 2, 4, 50])], {"one": np.float32(1), "least": np.float32(1e-8)},
                         {"p": places, "image": image})
    expect_close(got, want, 1)


def test_peaks_are_those_of_fp32(tmp_path, random):
    """x where it is the largest around it, else 0, of values that halves do not tell apart."""
    nodes = [helper.make_node("Conv", ["x", "w"], ["logits"]), helper.make_node("Sigmoid", ["logits"], ["heat"]),
             helper.make_node("MaxPool", ["heat"], ["most"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
             helper.make_node("Equal", ["most", "heat"], ["same"]),
             helper.make_node("Cast", ["same"], ["keep"], to=TensorProto.FLOAT),
             helper.make_node("Mul", ["heat", "keep"], ["y"])]
    # Small integers and powers of two: the convolution is exact in halves, its sums are not halves.
    x = random.integers(-8, 9, (1, 8, 32, 32)).astype(np.float32)
    weights = (random.integers(-8, 9, (4, 8, 1, 1)) * 2.0**np.arange(-17, -9)[:, None, None]).astype(np.float32)
    got, want = run_both(tmp_path, nodes, [tensor("x", [1, 8, 32, 32])], [tensor("y", [1, 4, 32, 32])],
                         {"w": weights}, {"x": x})
    np.testing.assert_array_equal(got["y"] != 0, want["y"] != 0, f"seed {SEED}")
    np.testing.assert_allclose(got["y"], want["y"], atol=2.0**-11, err_msg=f"seed {SEED}")
