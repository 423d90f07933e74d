# SPDX-License-Identifier: Apache-2.0
"""Deformable convolution: engines against the formula in NumPy (double), ONNX Runtime, and PyTorch where they have it."""
import itertools
import json

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import ingot_cli
import model_folder


def deform_conv(x, w, offset, bias=None, mask=None, stride=(1, 1), pads=(0, 0, 0, 0), dilation=(1, 1), group=1):
    """The definition, one sample at a time over channels and images."""
    x, w, offset = (np.asarray(a, np.float64) for a in (x, w, offset))
    n, c, h, width = x.shape
    k, _, kh, kw = w.shape
    oh, ow = offset.shape[2:]
    taps = kh * kw
    groups = offset.shape[1] // (2 * taps)
    columns = np.zeros((n, c, taps, oh, ow))
    for b, g, t, i, j in itertools.product(range(n), range(groups), range(taps), range(oh), range(ow)):
        y = i * stride[0] - pads[0] + t // kw * dilation[0] + offset[b, 2 * (g * taps + t), i, j]
        z = j * stride[1] - pads[1] + t % kw * dilation[1] + offset[b, 2 * (g * taps + t) + 1, i, j]
        if not (-1 < y < h and -1 < z < width):
            continue
        top, left = int(np.floor(y)), int(np.floor(z))
        channels = slice(g * (c // groups), (g + 1) * (c // groups))
        value = np.zeros(c // groups)
        for dy, dx in itertools.product((0, 1), (0, 1)):
            if 0 <= top + dy < h and 0 <= left + dx < width:
                weight = (y - top if dy else 1 - y + top) * (z - left if dx else 1 - z + left)
                value += weight * x[b, channels, top + dy, left + dx]
        columns[b, channels, t, i, j] = value * (1 if mask is None else mask[b, g * taps + t, i, j])
    split = columns.reshape(n, group, c // group, taps, oh, ow)
    y = np.einsum("ngctij,gkct->ngkij", split, w.reshape(group, k // group, c // group, taps)).reshape(n, k, oh, ow)
    return y if bias is None else y + np.asarray(bias, np.float64)[None, :, None, None]


CASES = {
    "plain": dict(x=(1, 8, 7, 9), k=6),
    "batch": dict(x=(3, 8, 6, 7), k=10),
    "groups": dict(x=(1, 12, 7, 6), k=8, group=2, offset_group=3),
    "depthwise": dict(x=(1, 6, 7, 6), k=6, group=6, offset_group=6),
    "uneven": dict(x=(2, 6, 9, 11), k=5, kernel=(2, 5), stride=(2, 1), pads=(0, 2, 1, 3), dilation=(1, 2)),
    "dilated": dict(x=(1, 16, 9, 8), k=20, stride=(2, 2), pads=(2, 2, 2, 2), dilation=(2, 2), offset_group=4),
    "version 1": dict(x=(2, 8, 6, 7), k=6, mask=False),
    "no bias": dict(x=(1, 8, 6, 7), k=6, bias=False),
    "bare": dict(x=(1, 8, 6, 7), k=6, bias=False, mask=False),
    "far": dict(x=(1, 8, 6, 7), k=6, spread=50.0),
    "one pixel": dict(x=(2, 8, 1, 1), k=6),
    "pointwise": dict(x=(1, 17, 5, 6), k=33, kernel=(1, 1), pads=(0, 0, 0, 0)),
    "wide": dict(x=(1, 400, 4, 5), k=40),
}


def make(x, k, kernel=(3, 3), stride=(1, 1), pads=(1, 1, 1, 1), dilation=(1, 1), group=1, offset_group=1, mask=True,
         bias=True, spread=1.5):
    """(operands, attributes) with random values."""
    random = np.random.default_rng(7)
    out = [(x[2 + i] + pads[i] + pads[i + 2] - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1 for i in (0, 1)]
    taps = offset_group * kernel[0] * kernel[1]
    draw = lambda *shape: random.normal(size=shape).astype(np.float32)
    operands = {"x": draw(*x), "w": draw(k, x[1] // group, *kernel) / 8, "offset": spread * draw(x[0], 2 * taps, *out)}
    operands["offset"][:, ::5] = np.round(operands["offset"][:, ::5])  # on the grid and just outside the map
    if bias:
        operands["b"] = draw(k)
    if mask:
        operands["mask"] = random.uniform(size=(x[0], taps, *out)).astype(np.float32)
    return operands, dict(stride=stride, pads=pads, dilation=dilation, group=group, offset_group=offset_group)


def expected(operands, attributes):
    numbers = {name: value for name, value in attributes.items() if name != "offset_group"}
    return deform_conv(operands["x"], operands["w"], operands["offset"], operands.get("b"), operands.get("mask"), **numbers)


def save(path, nodes, feeds, constants, opset=19, domains=()):
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info(n, TensorProto.FLOAT, v.shape) for n, v in feeds.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * 4)],
        [numpy_helper.from_array(v, n) for n, v in constants.items()])
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=9), path)


def run(model, feeds, folder):
    np.savez(folder / "in.npz", **feeds)
    done = ingot_cli.run("build", model, "-o", folder / "m.plan", timeout=300)
    assert done.ok, done.stderr
    done = ingot_cli.run("run", folder / "m.plan", "--inputs", folder / "in.npz", "--output", folder / "out.npz")
    assert done.ok, done.stderr
    with np.load(folder / "out.npz") as out:
        return out["y"]


def onnx_nodes(operands, attributes):
    stride, pads, dilation = attributes["stride"], attributes["pads"], attributes["dilation"]
    inputs = [name if name in operands else "" for name in ("x", "w", "offset", "b", "mask")]
    return [helper.make_node("DeformConv", inputs, ["y"], strides=stride, pads=pads, dilations=dilation,
                             group=attributes["group"], offset_group=attributes["offset_group"])]


def is_close(ours, theirs):
    # Coordinates are fp32: an error of 1e-6 in a sample's place is what the largest maps here allow.
    return model_folder.relative_error(ours, theirs.astype(np.float32)) < 2e-5


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("opset", [19, 22])
def test_engines_agree_with_the_definition(ingot, tmp_path, name, opset):
    operands, attributes = make(**CASES[name])
    constants = {n: v for n, v in operands.items() if n in ("w", "b")}
    feeds = {n: v for n, v in operands.items() if n not in constants}
    save(tmp_path / "m.onnx", onnx_nodes(operands, attributes), feeds, constants, opset)
    assert is_close(run(tmp_path / "m.onnx", feeds, tmp_path), expected(operands, attributes))


@pytest.mark.parametrize("name", CASES)
def test_the_definition_agrees_with_onnxruntime(tmp_path, name):
    operands, attributes = make(**CASES[name])
    save(tmp_path / "m.onnx", onnx_nodes(operands, attributes), operands, {})
    try:
        session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    except onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented:
        pytest.skip("this ONNX Runtime has no DeformConv")
    (theirs,) = session.run(["y"], operands)
    assert is_close(theirs, expected(operands, attributes))


def test_an_empty_map(ingot, tmp_path):
    operands, attributes = make(x=(2, 4, 1, 5), k=3, pads=(2, 1, 1, 1))
    operands = {name: value for name, value in operands.items() if name in ("w", "b")}
    operands |= {"x": np.zeros((2, 4, 0, 5), np.float32), "offset": np.zeros((2, 18, 1, 5), np.float32),
                 "mask": np.ones((2, 9, 1, 5), np.float32)}
    constants = {n: operands[n] for n in ("w", "b")}
    feeds = {n: operands[n] for n in ("x", "offset", "mask")}
    save(tmp_path / "m.onnx", onnx_nodes(operands, attributes), feeds, constants)
    y = run(tmp_path / "m.onnx", feeds, tmp_path)
    assert np.array_equal(y, np.broadcast_to(operands["b"][None, :, None, None], y.shape))


def window(attributes, *names, as_text=False):
    """stride, padding, dilation, groups and offset groups under those names."""
    values = [list(attributes["stride"]), list(attributes["pads"][:2]), list(attributes["dilation"]),
              attributes["group"], attributes["offset_group"]]
    return {name: str(value) if as_text else value for name, value in zip(names, values)}


PLUGIN = ("stride", "padding", "dilation", "groups", "deform_groups")
NVIDIA = ("stride", "padding", "dilation", "group", "deformable_group")
SPELLINGS = {
    ("MMCVModulatedDeformConv2d", "mmdeploy"): (("x", "offset", "mask", "w", "b"), PLUGIN),
    ("MMCVDeformConv2d", "mmcv"): (("x", "offset", "w"), PLUGIN),
    ("DeformableConv2D", "org.openvinotoolkit"): (("x", "offset", "w"), ("strides", "pads", *NVIDIA[2:])),
    ("DCNv2", ""): (("x", "offset", "mask", "w", "b"), NVIDIA),
    ("DCN", ""): (("x", "offset", "mask", "w", "b"), NVIDIA),
    ("ModulatedDeformConv2d", ""): (("x", "offset", "mask", "w", "b"), NVIDIA),
    ("deformable_conv", "paddle"): (("x", "offset", "mask", "w"), ("strides", "paddings", *PLUGIN[2:])),
    ("DCNv2_TRT", ""): (("x", "merged", "w", "b"), PLUGIN),
    ("Plugin", ""): (("x", "merged", "w", "b"), PLUGIN),
}


@pytest.mark.parametrize("op, domain", SPELLINGS)
def test_spellings_agree_with_the_definition(ingot, tmp_path, op, domain):
    names, words = SPELLINGS[op, domain]
    operands, attributes = make(x=(2, 8, 6, 9), k=6, stride=(1, 2), pads=(1, 0, 1, 0), dilation=(2, 1), group=2,
                                offset_group=2, mask="mask" in names or "merged" in names, bias="b" in names)
    truth = expected(operands, attributes)
    if "merged" in names:
        logits = np.random.default_rng(8).normal(size=operands["mask"].shape).astype(np.float32)
        operands["mask"] = 1 / (1 + np.exp(-logits.astype(np.float64)))
        truth = expected(operands, attributes)
        operands["merged"] = np.concatenate([operands["offset"], logits], 1)
    numbers = window(attributes, *words, as_text=op == "DCN")
    if op == "DeformableConv2D":  # its pads pair begin and end of each dimension
        numbers["pads"] = [1, 1, 0, 0]
    if op == "Plugin":
        numbers = {"info": json.dumps(numbers)}
    constants = {n: operands[n] for n in names if n in ("w", "b")}
    feeds = {n: operands[n] for n in names if n not in constants}
    node = helper.make_node(op, names, ["y"], domain=domain, **numbers)
    save(tmp_path / "m.onnx", [named_dcnv2(node) if op == "Plugin" else node], feeds, constants,
         opset=13, domains=[domain] if domain else [])
    assert is_close(run(tmp_path / "m.onnx", feeds, tmp_path), truth)


def test_an_older_order_with_symbolic_sizes(ingot, tmp_path):
    """x, offset, weights under ONNX's name: neither the sizes of the maps nor the batch are known while it is read."""
    operands, attributes = make(x=(2, 6, 7, 5), k=4, kernel=(2, 3), stride=(1, 2), pads=(1, 0, 1, 0), group=2,
                                offset_group=3, mask=False, bias=False)
    node = helper.make_node("DeformConv", ["x", "offset", "w"], ["y"], domain="custom", out_channels=4,
                            kernel_size=[2, 3], pad=[1, 0], stride=[1, 2], dilations=[1, 1], groups=2,
                            deformable_groups=3)
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", operands[name].shape[1], name + "h", name + "w"])
              for name in ("x", "offset")]
    graph = helper.make_graph([node], "g", inputs, [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * 4)],
                              [numpy_helper.from_array(operands["w"], "w")])
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("custom", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), tmp_path / "m.onnx")
    y = run(tmp_path / "m.onnx", {name: operands[name] for name in ("x", "offset")}, tmp_path)
    assert is_close(y, expected(operands, attributes))


def named_dcnv2(node):
    """The attribute `name` of Plugin nodes; make_node's own `name` is the node's."""
    node.attribute.append(helper.make_attribute("name", "DCNv2"))
    return node


def test_batch_norm_and_activation_are_fused(ingot, tmp_path):
    """The offsets come from a convolution, and what follows the operator becomes part of it."""
    random = np.random.default_rng(9)
    draw = lambda *shape: random.normal(size=shape).astype(np.float32)
    constants = {"wo": draw(27, 8, 3, 3) / 12, "bo": draw(27) / 4, "w": draw(6, 8, 3, 3) / 8, "b": draw(6),
                 "scale": 1 + draw(6) / 4, "shift": draw(6), "mean": draw(6), "var": 1 + draw(6) ** 2}
    x = draw(2, 8, 7, 9)
    nodes = [helper.make_node("Conv", ["x", "wo", "bo"], ["merged"], pads=[1, 1, 1, 1]),
             named_dcnv2(helper.make_node("Plugin", ["x", "merged", "w", "b"], ["d"], info=json.dumps(
                 {"dilation": [1, 1], "padding": [1, 1], "stride": [1, 1], "deformable_groups": 1}))),
             helper.make_node("BatchNormalization", ["d", "scale", "shift", "mean", "var"], ["n"]),
             helper.make_node("Relu", ["n"], ["y"])]
    save(tmp_path / "m.onnx", nodes, {"x": x}, constants, opset=17)
    merged = deform_conv(x, constants["wo"], np.zeros((2, 18, 7, 9)), constants["bo"], pads=(1, 1, 1, 1))
    y = deform_conv(x, constants["w"], merged[:, :18], constants["b"], 1 / (1 + np.exp(-merged[:, 18:])), pads=(1, 1, 1, 1))
    scale = constants["scale"] / np.sqrt(constants["var"].astype(np.float64) + 1e-5)
    y = (y - constants["mean"][:, None, None]) * scale[:, None, None] + constants["shift"][:, None, None]
    assert is_close(run(tmp_path / "m.onnx", {"x": x}, tmp_path), np.maximum(y, 0))
    done = ingot_cli.run("inspect", tmp_path / "m.plan", "--json")
    assert done.ok, done.stderr
    steps = json.loads(done.stdout)["steps"]
    assert "cpu.deform_conv.gather_gemm" in {step["tactic"] for step in steps}
    # Step names keep the names of all that was fused; the problems say what is left.
    kinds = {step["problem"].partition("(")[0] for step in steps}
    assert not kinds & {"BatchNormalization", "Relu"}
    pointwise = [step["problem"] for step in steps if step["problem"].startswith("Pointwise(")]
    assert len(pointwise) <= 1 and all("sigmoid" in problem for problem in pointwise), "only the mask's sigmoid may be left"
