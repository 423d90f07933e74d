# SPDX-License-Identifier: Apache-2.0
"""Quantised and half-precision models on the CPU against ONNX Runtime: integers to the last bit, halves to rounding."""
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import ingot_cli
from byte_range import SIGNED

RANDOM = np.random.default_rng()
SEED = int(RANDOM.integers(1 << 31))
TYPES = {"u8": (np.uint8, TensorProto.UINT8, 0, 255), "i8": (np.int8, TensorProto.INT8, *SIGNED)}


def bytes_of(kind: str, shape, random) -> np.ndarray:
    dtype, _, low, high = TYPES[kind]
    return random.integers(low, high + 1, shape).astype(dtype)


def model(nodes, inputs, outputs, constants, opset=21) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "quantized", inputs, outputs,
                              [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def run_both(made: onnx.ModelProto, feed: dict, folder) -> tuple:
    """What the engine and ONNX Runtime (without its own rewrites) give; also the tactics of the plan."""
    path, plan, out = folder / "model.onnx", folder / "model.plan", folder / "out.npz"
    onnx.save(made, path)
    np.savez(folder / "feed.npz", **feed)
    for command in (("build", path, "-o", plan, "--time-budget", "1"),
                    ("run", plan, "--inputs", folder / "feed.npz", "--output", out)):
        done = ingot_cli.run(*command)
        assert done.ok, f"seed {SEED}: {done.stderr}"
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    tactics = ingot_cli.run("inspect", plan).stdout
    with np.load(out) as results:
        return {name: results[name] for name in names}, dict(zip(names, session.run(None, feed))), tactics


def expect_same_integers(made, feed, folder, plain=False) -> None:
    got, want, tactics = run_both(made, feed, folder)
    for name, expected in want.items():
        np.testing.assert_array_equal(got[name], expected, f"{name}, seed {SEED}")
    assert plain or "cpu.plain" not in tactics, f"a plain kernel was chosen:\n{tactics}"


# Channels and window: the last two are too long for one exact sum, with and without a way to cut it.
CONVS = [(8, 16, 3, 1), (3, 8, 7, 1), (16, 16, 3, 16), (512, 8, 3, 1), (640, 4, 3, 1)]


@pytest.mark.parametrize("x_kind", TYPES)
@pytest.mark.parametrize("per_channel", [False, True], ids=["tensor", "channel"])
@pytest.mark.parametrize("channels, outputs, window, group", CONVS)
def test_qlinear_conv(tmp_path, x_kind, per_channel, channels, outputs, window, group):
    random = np.random.default_rng(SEED)
    scales = outputs if per_channel else 1
    scale = random.uniform(1e-3, 2e-2, scales).astype(np.float32)
    constants = {
        "xs": np.float32(0.02), "xz": bytes_of(x_kind, (), random),
        "w": bytes_of("i8", (outputs, channels // group, window, window), random),
        "ws": scale if per_channel else scale[0], "wz": np.zeros(scales if per_channel else (), np.int8),
        "ys": np.float32(0.11), "yz": bytes_of(x_kind, (), random),
        "b": random.integers(-5000, 5000, outputs).astype(np.int32),
    }
    node = helper.make_node("QLinearConv", ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz", "b"], ["y"], "conv",
                            group=group, pads=[1, 0, 1, 2], strides=[2, 1])
    x = bytes_of(x_kind, (2, channels, 9, 11), random)
    made = model([node], [helper.make_tensor_value_info("x", TYPES[x_kind][1], x.shape)],
                 [helper.make_tensor_value_info("y", TYPES[x_kind][1], None)], constants)
    expect_same_integers(made, {"x": x}, tmp_path)


@pytest.mark.parametrize("x_kind", TYPES)
@pytest.mark.parametrize("length", [1, 33, 768, 4096])
def test_matmul_integer(tmp_path, x_kind, length):
    random = np.random.default_rng(SEED)
    constants = {"az": bytes_of(x_kind, (), random), "b": bytes_of("i8", (length, 24), random),
                 "bz": np.int8(random.integers(-5, 5))}
    node = helper.make_node("MatMulInteger", ["a", "b", "az", "bz"], ["y"], "product")
    a = bytes_of(x_kind, (3, 5, length), random)
    made = model([node], [helper.make_tensor_value_info("a", TYPES[x_kind][1], a.shape)],
                 [helper.make_tensor_value_info("y", TensorProto.INT32, None)], constants)
    expect_same_integers(made, {"a": a}, tmp_path)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_quantize_dequantize(tmp_path, kind, axis):
    random = np.random.default_rng(SEED)
    shape = (5, 7, 11)
    scales = () if axis is None else (shape[axis],)
    constants = {"s": random.uniform(0.01, 0.1, scales).astype(np.float32), "z": bytes_of(kind, scales, random)}
    attributes = {} if axis is None else {"axis": axis}
    nodes = [helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"], "q", **attributes),
             helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"], "dq", **attributes)]
    x = random.normal(0, 6, shape).astype(np.float32)
    x.flat[:6] = [np.inf, -np.inf, 0, -0.0, 1e30, -1e30]
    made = model(nodes, [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
                 [helper.make_tensor_value_info("q", TYPES[kind][1], None),
                  helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], constants)
    expect_same_integers(made, {"x": x}, tmp_path)


@pytest.mark.parametrize("low, high", [(-3, 5), (0.5, 4), (-4, -0.5), (0, 0)])
def test_dynamic_quantize(tmp_path, low, high):
    random = np.random.default_rng(SEED)
    node = helper.make_node("DynamicQuantizeLinear", ["x"], ["y", "scale", "zero"], "dynamic")
    x = random.uniform(low, high, (4, 37)).astype(np.float32)
    made = model([node], [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
                 [helper.make_tensor_value_info("y", TensorProto.UINT8, None),
                  helper.make_tensor_value_info("scale", TensorProto.FLOAT, None),
                  helper.make_tensor_value_info("zero", TensorProto.UINT8, None)], {})
    expect_same_integers(made, {"x": x}, tmp_path)


def test_half_network(tmp_path):
    """Convolution, normalisation, pooling and a product: computed in f32, inputs and outputs stay f16."""
    random = np.random.default_rng(SEED)

    def half(*shape):
        return random.normal(0, 0.3, shape).astype(np.float16)

    constants = {"w": half(16, 8, 3, 3), "b": half(16), "scale": half(16), "bias": half(16), "mean": half(16),
                 "var": abs(half(16)) + np.float16(0.5), "m": half(16, 10)}
    nodes = [helper.make_node("Conv", ["x", "w", "b"], ["c"], "conv", pads=[1, 1, 1, 1]),
             helper.make_node("BatchNormalization", ["c", "scale", "bias", "mean", "var"], ["n"], "norm"),
             helper.make_node("Relu", ["n"], ["r"], "relu"),
             helper.make_node("Transpose", ["r"], ["t"], "transpose", perm=[0, 2, 3, 1]),
             helper.make_node("MatMul", ["t", "m"], ["p"], "product"),
             helper.make_node("Softmax", ["p"], ["y"], "softmax", axis=-1)]
    x = half(2, 8, 12, 13)
    made = model(nodes, [helper.make_tensor_value_info("x", TensorProto.FLOAT16, x.shape)],
                 [helper.make_tensor_value_info("y", TensorProto.FLOAT16, None)], constants)
    got, want, tactics = run_both(made, {"x": x}, tmp_path)
    assert got["y"].dtype == np.float16 and "cpu.plain" not in tactics, tactics
    error = abs(got["y"].astype(np.float64) - want["y"].astype(np.float64)).max()
    # Each of ONNX Runtime's six steps rounds to f16.
    assert error < 6 * 2 ** -11 * abs(want["y"]).max(), f"error {error}, seed {SEED}"
