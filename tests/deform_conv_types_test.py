# SPDX-License-Identifier: Apache-2.0
"""Deformable convolution beyond fp32 and ordinary sizes: halves, quantised data, offsets that are no numbers, maps so
large that a column matrix would have more than 2^31 elements."""
import itertools

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import ingot_cli
from deform_conv_test import deform_conv, expected, is_close, make, onnx_nodes, run, save


def rounded(value, dtype):
    """To fp16 or bf16 and back."""
    if dtype == TensorProto.FLOAT16:
        return value.astype(np.float16).astype(np.float32)
    bits = value.view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).view(np.float32)


@pytest.mark.parametrize("dtype, bits", [(TensorProto.FLOAT16, 11), (TensorProto.BFLOAT16, 8)])
@pytest.mark.parametrize("case", [
    dict(x=(1, 16, 3, 260), k=8), dict(x=(2, 12, 7, 6), k=8, group=2, offset_group=3, pads=(0, 2, 1, 1)),
    dict(x=(1, 8, 6, 7), k=6, mask=False, bias=False),
])
def test_halves_are_stored_only(ingot, tmp_path, dtype, bits, case):
    """The result is that of the rounded operands, rounded once: coordinates in fp16 would be off by 1/8 at column 200, in
    bf16 by a pixel."""
    operands, attributes = make(**case)
    operands = {name: rounded(value, dtype) for name, value in operands.items()}
    constants = {n: v for n, v in operands.items() if n in ("w", "b")}
    feeds = {n: v for n, v in operands.items() if n not in constants}
    casts = [helper.make_node("Cast", [name], [f"{name}_half"], to=dtype) for name in operands]
    (node,) = onnx_nodes(operands, attributes)
    node.input[:] = [f"{name}_half" if name else "" for name in node.input]
    node.output[:] = ["y_half"]
    save(tmp_path / "m.onnx", [*casts, node, helper.make_node("Cast", ["y_half"], ["y"], to=TensorProto.FLOAT)], feeds,
         constants, opset=22)
    y, truth = run(tmp_path / "m.onnx", feeds, tmp_path), expected(operands, attributes)
    assert (np.abs(y - truth) <= 2.0**-bits * np.abs(truth) + 2e-5 * np.sqrt(np.mean(truth**2))).all()


def test_int8_data_and_weights_with_float_offsets(ingot, tmp_path):
    operands, attributes = make(x=(2, 16, 9, 8), k=12, stride=(2, 1), group=2, offset_group=2)
    random = np.random.default_rng(3)
    x = random.integers(-128, 128, operands["x"].shape, np.int8)
    w = random.integers(-127, 128, operands["w"].shape, np.int8)
    w_scale = random.uniform(0.002, 0.01, 12).astype(np.float32)
    constants = {"w_q": w, "w_scale": w_scale, "x_scale": np.float32(0.03), "x_zero": np.int8(-7), "b": operands["b"],
                 "w_zero": np.zeros(12, np.int8), "y_scale": np.float32(0.05), "y_zero": np.int8(3)}
    (node,) = onnx_nodes(operands, attributes)
    nodes = [helper.make_node("DequantizeLinear", ["x_q", "x_scale", "x_zero"], ["x"]),
             helper.make_node("DequantizeLinear", ["w_q", "w_scale", "w_zero"], ["w"], axis=0), node,
             helper.make_node("QuantizeLinear", ["y", "y_scale", "y_zero"], ["y_q"])]
    feeds = {"x_q": x, "offset": operands["offset"], "mask": operands["mask"]}
    values = [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape) for n, v in feeds.items()]
    graph = helper.make_graph(nodes, "g", values, [helper.make_tensor_value_info("y_q", TensorProto.INT8, [None] * 4)],
                              [numpy_helper.from_array(np.asarray(v), n) for n, v in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    np.savez(tmp_path / "in.npz", **feeds)
    done = ingot_cli.run("run", tmp_path / "m.onnx", "--inputs", tmp_path / "in.npz", "--output", tmp_path / "out.npz")
    assert done.ok, done.stderr
    y = np.load(tmp_path / "out.npz")["y_q"]
    operands["x"] = (x.astype(np.float64) + 7) * np.float32(0.03)
    operands["w"] = w * w_scale.astype(np.float64)[:, None, None, None]
    exact = expected(operands, attributes) / np.float32(0.05) + 3
    assert y.dtype == np.int8 and np.abs(np.clip(exact, -128, 127) - y).max() < 0.5 + 1e-3
    done = ingot_cli.run("build", tmp_path / "m.onnx", "-o", tmp_path / "m.plan")
    assert done.ok, done.stderr
    done = ingot_cli.run("inspect", tmp_path / "m.plan", "--json")
    assert "cpu.deform_conv.gather_gemm" in done.stdout


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, -3e38, 2.0**31, -(2.0**63)])
def test_offsets_that_are_no_places(ingot, tmp_path, value):
    operands, attributes = make(x=(2, 8, 6, 7), k=6, offset_group=2)
    random = np.random.default_rng(4)
    operands["offset"][random.uniform(size=operands["offset"].shape) < 0.2] = value
    constants = {n: v for n, v in operands.items() if n in ("w", "b")}
    feeds = {n: v for n, v in operands.items() if n not in constants}
    save(tmp_path / "m.onnx", onnx_nodes(operands, attributes), feeds, constants)
    operands["offset"] = np.where(np.isfinite(operands["offset"]), operands["offset"], 1e9)  # outside all the same
    assert is_close(run(tmp_path / "m.onnx", feeds, tmp_path), expected(operands, attributes))


@pytest.mark.parametrize("x, pads", [((2, 4, 0, 5), (2, 1, 1, 1)), ((1, 4, 3, 0), (1, 2, 1, 2)), ((0, 4, 5, 6), (1, 1, 1, 1)),
                                     ((1, 4, 1, 1), (1, 1, 1, 1)), ((3, 4, 1, 9), (2, 0, 0, 1))])
def test_empty_and_thin_maps(ingot, tmp_path, x, pads):
    operands, attributes = make(x=x, k=3, pads=pads)
    constants = {n: v for n, v in operands.items() if n in ("w", "b")}
    feeds = {n: v for n, v in operands.items() if n not in constants}
    save(tmp_path / "m.onnx", onnx_nodes(operands, attributes), feeds, constants)
    y, truth = run(tmp_path / "m.onnx", feeds, tmp_path), expected(operands, attributes)
    assert y.shape == truth.shape and (y.size == 0 or is_close(y, truth))


def test_more_than_2_to_the_31_column_elements(ingot, tmp_path):
    """1024 channels x 81 taps x 161 x 161 pixels; compared at a few pixels, the last among them."""
    channels, size, kernel = 1024, 161, 9
    assert channels * kernel**2 * size**2 > 2**31
    random = np.random.default_rng(5)
    x = random.standard_normal((1, channels, size, size), np.float32)
    w = random.standard_normal((2, channels, kernel, kernel), np.float32) / 288
    offset = 2 * random.standard_normal((1, 2 * kernel**2, size, size), np.float32)
    attributes = dict(stride=(1, 1), pads=(4, 4, 4, 4), dilation=(1, 1), group=1, offset_group=1)
    save(tmp_path / "m.onnx", onnx_nodes({"x": x, "w": w, "offset": offset}, attributes), {"x": x, "offset": offset},
         {"w": w})
    y = run(tmp_path / "m.onnx", {"x": x, "offset": offset}, tmp_path)
    for row, column in itertools.product((0, 97, 160), (0, 53, 160)):
        at = offset[:, :, row:row + 1, column:column + 1].copy()
        at[:, ::2] += row
        at[:, 1::2] += column
        (truth,) = deform_conv(x, w, at, pads=(4, 4, 4, 4))[0, :, 0, 0][None]
        np.testing.assert_allclose(y[0, :, row, column], truth, atol=2e-4)
