# SPDX-License-Identifier: Apache-2.0
"""Deformable convolution in parts, as exporters without an operator for it write it: recognised, and left alone where
it is almost one."""
import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import ingot_cli
import model_folder
from deform_conv_test import expected, make


class Builder:
    """Nodes and constants of a graph, by calls."""

    def __init__(self):
        self.nodes, self.constants, self.count = [], [], 0

    def name(self):
        self.count += 1
        return f"v{self.count}"

    def const(self, value, dtype):
        name = self.name()
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def ints(self, *values):
        return self.const(values, np.int64)

    def __call__(self, op, *inputs, outputs=1, **attributes):
        names = [self.name() for _ in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def split_pair(self, value, axis):
        return [self("Slice", value, self.ints(i), self.ints(i + 1), self.ints(axis)) for i in (0, 1)]


def places(operands, attributes):
    """Where taps read without offsets: [taps, 2, Ho, Wo] as y, x."""
    kh, kw = operands["w"].shape[2:]
    ho, wo = operands["offset"].shape[2:]
    (sy, sx), (dy, dx) = attributes["stride"], attributes["dilation"]
    y = np.arange(ho)[None, :, None] * sy + np.repeat(np.arange(kh), kw)[:, None, None] * dy + np.zeros((1, 1, wo))
    x = np.arange(wo)[None, None, :] * sx + np.tile(np.arange(kw), kh)[:, None, None] * dx + np.zeros((1, ho, 1))
    return np.stack([y, x], 1)


def as_samples(b, value, n, c, kernel, out):
    """[N, C, taps, Ho, Wo] to [N, C, Ho * kh, Wo * kw], by way of the window's rows."""
    value = b("Reshape", b("Transpose", value, perm=[0, 1, 3, 4, 2]), b.ints(n, c, *out, kernel[0] * kernel[1]))
    if kernel[0] == 1:
        return b("Reshape", value, b.ints(n, c, out[0], out[1] * kernel[1]))
    rows = b("Split", value, b.ints(*[kernel[1]] * kernel[0]), outputs=kernel[0], axis=4)
    rows = [b("Reshape", row, b.ints(n, c, out[0], out[1] * kernel[1])) for row in rows]
    return b("Reshape", b("Concat", *rows, axis=3), b.ints(n, c, out[0] * kernel[0], out[1] * kernel[1]))


def gathered(b, operands, attributes, elements, border=1):
    """Four gathers of a padded map at clipped places; `elements`: GatherElements over whole planes, else GatherND."""
    n, c, h, w = operands["x"].shape
    kernel, out, g = operands["w"].shape[2:], operands["offset"].shape[2:], attributes["offset_group"]
    taps, pads = kernel[0] * kernel[1], [p + border for p in attributes["pads"]]
    ph, pw = h + pads[0] + pads[2], w + pads[1] + pads[3]
    image = b("Pad", "x", b.ints(0, 0, *pads[:2], 0, 0, *pads[2:])) if any(pads) else "x"
    origin = places(operands, attributes) + border
    place = b("Add", b.const(origin[None, None], np.float32), b("Reshape", "offset", b.ints(n, g, taps, 2, *out)))
    low = b("Floor", place)
    fractions = b.split_pair(b("Sub", place, low), 3)
    parts = {1: fractions, 0: [b("Sub", b.const(1, np.float32), f) for f in fractions]}
    first = b.split_pair(b("Cast", low, to=TensorProto.INT64), 3)
    limits = [[b("Clip", b("Add", f, b.const(step, np.int64)), b.const(0, np.int64), b.const(size - 1, np.int64))
               for f, size in zip(first, (ph, pw))] for step in (0, 1)]
    total = taps * out[0] * out[1]
    summands = []
    for dy, dx in ((0, 0), (1, 1), (1, 0), (0, 1)):
        weight = b("Reshape", b("Mul", parts[dx][1], parts[dy][0]), b.ints(n, g, 1, taps, *out))
        if elements:
            index = b("Add", b("Mul", limits[dy][0], b.const(pw, np.int64)), limits[dx][1])
            index = b("Expand", b("Reshape", index, b.ints(n, g, 1, total)), b.ints(n, g, c // g, total))
            value = b("GatherElements", b("Reshape", image, b.ints(n, g, c // g, ph * pw)), index, axis=3)
        else:
            index = b("Concat", *[b("Reshape", one, b.ints(n, g, total, 1)) for one in (limits[dy][0], limits[dx][1])],
                      axis=3)
            planes = b("Transpose", b("Reshape", image, b.ints(n, g, c // g, ph, pw)), perm=[0, 1, 3, 4, 2])
            value = b("Transpose", b("GatherND", planes, index, batch_dims=2), perm=[0, 1, 3, 2])
        summands.append(b("Mul", weight, b("Reshape", value, b.ints(n, g, c // g, taps, *out))))
    value = b("Sum", *summands)
    if "mask" in operands:
        value = b("Mul", value, b("Reshape", "mask", b.ints(n, g, 1, taps, *out)))
    return as_samples(b, b("Reshape", value, b.ints(n, c, taps, *out)), n, c, kernel, out)


def grid_sampled(b, operands, attributes, padding_mode="zeros"):
    """GridSample at all taps at once; places are counted from -1 to 1."""
    n, c, h, w = operands["x"].shape
    kernel, out, g = operands["w"].shape[2:], operands["offset"].shape[2:], attributes["offset_group"]
    taps = kernel[0] * kernel[1]
    assert g == 1
    origin = places(operands, attributes) - np.array(attributes["pads"][:2])[None, :, None, None]
    offset = b("Reshape", "offset", b.ints(n, taps, 2, *out))
    place = b("Add", offset, b.const(origin[None], np.float32))
    y, x = b.split_pair(place, 2)
    scaled = [b("Sub", b("Div", b("Add", b("Mul", v, b.const(2, np.float32)), b.const(1, np.float32)),
                                b.const(size, np.float32)), b.const(1, np.float32)) for v, size in ((x, w), (y, h))]
    grid = b("Transpose", b("Concat", *scaled, axis=2), perm=[0, 1, 3, 4, 2])
    grid = b("Reshape", grid, b.ints(n, taps * out[0], out[1], 2))
    value = b("Reshape", b("GridSample", "x", grid, mode="linear", align_corners=0, padding_mode=padding_mode),
              b.ints(n, c, taps, *out))
    if "mask" in operands:
        value = b("Mul", value, b("Reshape", "mask", b.ints(n, 1, taps, *out)))
    return as_samples(b, value, n, c, kernel, out)


FORMS = {"GatherND": lambda *a: gathered(*a, elements=False), "GatherElements": lambda *a: gathered(*a, elements=True),
         "GridSample": grid_sampled}
CASES = {
    "plain": dict(x=(1, 8, 7, 9), k=6),
    "batch": dict(x=(2, 6, 6, 7), k=4, mask=False),
    "groups": dict(x=(1, 12, 7, 6), k=8, group=2, offset_group=3),
    "uneven": dict(x=(2, 6, 9, 11), k=5, kernel=(2, 5), stride=(2, 1), pads=(1, 2, 1, 2), dilation=(1, 2)),
    "dilated": dict(x=(1, 4, 9, 8), k=5, stride=(2, 2), pads=(2, 2, 2, 2), dilation=(2, 2), bias=False),
    "no padding": dict(x=(1, 4, 6, 7), k=5, pads=(0, 0, 0, 0)),
    "pointwise": dict(x=(1, 5, 6, 7), k=3, kernel=(1, 1), pads=(0, 0, 0, 0)),
}


def build(folder, operands, attributes, form):
    b = Builder()
    samples = form(b, operands, attributes)
    names = [n for n in ("w", "b") if n in operands]
    b.nodes.append(helper.make_node("Conv", [samples, *names], ["y"], group=attributes["group"],
                                    kernel_shape=operands["w"].shape[2:], strides=operands["w"].shape[2:]))
    feeds = {n: v for n, v in operands.items() if n not in names}
    graph = helper.make_graph(
        b.nodes, "g", [helper.make_tensor_value_info(n, TensorProto.FLOAT, v.shape) for n, v in feeds.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * 4)],
        [numpy_helper.from_array(operands[n], n) for n in names] + b.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, folder / "m.onnx")
    np.savez(folder / "in.npz", **feeds)
    done = ingot_cli.run("build", folder / "m.onnx", "-o", folder / "m.plan", "--time-budget", 0)
    assert done.ok, done.stderr
    done = ingot_cli.run("run", folder / "m.plan", "--inputs", folder / "in.npz", "--output", folder / "out.npz")
    assert done.ok, done.stderr
    done = ingot_cli.run("inspect", folder / "m.plan", "--json")
    kinds = {step["problem"].partition("(")[0] for step in json.loads(done.stdout)["steps"]}
    return np.load(folder / "out.npz")["y"], kinds


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("form", FORMS)
def test_recognised(ingot, tmp_path, form, name):
    if form == "GridSample" and name == "groups":
        pytest.skip("one group of offsets")
    operands, attributes = make(**CASES[name])
    y, kinds = build(tmp_path, operands, attributes, FORMS[form])
    assert "DeformConv" in kinds and not kinds & {"GatherND", "GatherElements", "GridSample", "Conv"}
    assert model_folder.relative_error(y, expected(operands, attributes).astype(np.float32)) < 2e-5


NEAR = {
    # Without a border of zeros clipped places read the map's edge.
    "clipped": (lambda *a: gathered(*a, elements=False, border=0), dict(pads=(0, 0, 0, 0))),
    "border": (lambda *a: grid_sampled(*a, padding_mode="border"), {}),
}


@pytest.mark.parametrize("name", NEAR)
def test_almost_one_is_left_alone(ingot, tmp_path, name):
    form, window = NEAR[name]
    operands, attributes = make(x=(1, 8, 7, 9), k=6, **window)
    y, kinds = build(tmp_path, operands, attributes, form)
    assert "DeformConv" not in kinds
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    feeds = {n: v for n, v in operands.items() if n not in ("w", "b")}
    assert model_folder.relative_error(y, session.run(["y"], feeds)[0]) < 1e-4
