# SPDX-License-Identifier: Apache-2.0
"""The cores of DCNv3 and DCNv4: engines against the formula in NumPy (double), and the formula against grid_sample."""
import itertools
import os

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import ingot_cli
import model_folder

SEED = int(os.environ.get("INGOT_SEED", np.random.SeedSequence().entropy % 2**32))


def points_of(kernel, remove_center):
    """(column, row) of each point of the window: column by column."""
    every = list(itertools.product(range(kernel[1]), range(kernel[0])))
    return [p for p in every if not remove_center or p != (kernel[1] // 2, kernel[0] // 2)]


def places(x, out, kernel, stride, pads, dilation, scale, remove_center):
    """Where the points read without offsets: y and x of [Ho, Wo, P], and what an offset of 1 adds."""
    middle = [dilation[i] * (kernel[i] - 1) // 2 for i in (0, 1)]
    grid = np.array(points_of(kernel, remove_center))
    rows = np.arange(out[0])[:, None, None] * stride[0] - pads[0] + middle[0] * (1 - scale)
    columns = np.arange(out[1])[None, :, None] * stride[1] - pads[1] + middle[1] * (1 - scale)
    return rows + grid[:, 1] * dilation[0] * scale, columns + grid[:, 0] * dilation[1] * scale


def sum_of_points(x, offset, mask, group, scale=1.0, **window):
    """offset [N, Ho, Wo, G, P, 2] as dx, dy; mask [N, Ho, Wo, G, P]."""
    x, offset, mask = (np.asarray(a, np.float64) for a in (x, offset, mask))
    n, h, w, c = x.shape
    out = offset.shape[1:3]
    rows, columns = places(x, out, scale=scale, **window)
    y = np.zeros((n, *out, c))
    for b, i, j, g, p in itertools.product(range(n), *map(range, out), range(group), range(offset.shape[4])):
        at_x = np.broadcast_to(columns, (*out, offset.shape[4]))[i, j, p] + scale * offset[b, i, j, g, p, 0]
        at_y = np.broadcast_to(rows, (*out, offset.shape[4]))[i, j, p] + scale * offset[b, i, j, g, p, 1]
        if not (-1 < at_y < h and -1 < at_x < w):
            continue
        channels = slice(g * (c // group), (g + 1) * (c // group))
        for r, q in itertools.product((int(np.floor(at_y)), int(np.floor(at_y)) + 1),
                                      (int(np.floor(at_x)), int(np.floor(at_x)) + 1)):
            if 0 <= r < h and 0 <= q < w:
                y[b, i, j, channels] += (1 - abs(at_y - r)) * (1 - abs(at_x - q)) * mask[b, i, j, g, p] * x[b, r, q, channels]
    return y


CASES = {
    "plain": dict(x=(1, 7, 9, 32), group=2),
    "batch": dict(x=(3, 6, 5, 16), group=4),
    "scale": dict(x=(1, 8, 6, 24), group=1, scale=2.0),
    "no center": dict(x=(2, 6, 7, 48), group=3, remove_center=1, scale=0.5),
    "strides": dict(x=(1, 9, 12, 20), group=5, stride=(2, 3)),
    "uneven": dict(x=(2, 9, 8, 18), group=2, kernel=(5, 3), pads=(2, 0), dilation=(1, 2)),
    "even window": dict(x=(1, 7, 9, 8), group=2, kernel=(2, 4), pads=(1, 3), dilation=(1, 3), scale=1.5),
    "wide": dict(x=(1, 4, 5, 150), group=1),
    "large window": dict(x=(1, 9, 9, 4), group=1, kernel=(7, 7), pads=(3, 3)),
    "one pixel": dict(x=(1, 1, 1, 16), group=1),
    "far": dict(x=(2, 12, 14, 16), group=2, spread=15.0),
}


def make(x, group, kernel=(3, 3), stride=(1, 1), pads=(1, 1), dilation=(1, 1), scale=1.0, remove_center=0, spread=1.5):
    print("seed", SEED)
    random = np.random.default_rng(SEED)
    out = [(x[1 + i] + 2 * pads[i] - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1 for i in (0, 1)]
    points = kernel[0] * kernel[1] - remove_center
    offset = spread * random.normal(size=(x[0], *out, group, points, 2)).astype(np.float32)
    offset[..., ::4, :] = np.round(offset[..., ::4, :])  # on the grid and just outside the map
    operands = dict(x=random.normal(size=x).astype(np.float32), offset=offset,
                    mask=random.normal(size=(x[0], *out, group, points)).astype(np.float32))
    window = dict(kernel=kernel, stride=stride, pads=pads, dilation=dilation, remove_center=remove_center)
    return operands, dict(group=group, scale=scale, **window)


def attributes(numbers, channels, brief):
    """As the plugins call them."""
    names = (("kh", "kw"), ("sh", "sw"), ("ph", "pw"), ("dh", "dw")) if brief else tuple(
        (f"{name}_h", f"{name}_w") for name in ("kernel", "stride", "pad", "dilation"))
    pairs = (numbers["kernel"], numbers["stride"], numbers["pads"], numbers["dilation"])
    values = {name: int(value) for both, pair in zip(names, pairs) for name, value in zip(both, pair)}
    return values | {"group": numbers["group"], "group_channels": channels // numbers["group"],
                     "step" if brief else "im2col_step": 256, "remove_center": numbers["remove_center"],
                     "offscale" if brief else "offset_scale": float(numbers["scale"])}


def run(folder, op, domain, feeds, attrs, dtype=TensorProto.FLOAT):
    graph = helper.make_graph([helper.make_node(op, list(feeds), ["y"], domain=domain, **attrs)], "g",
                              [helper.make_tensor_value_info(n, dtype, v.shape) for n, v in feeds.items()],
                              [helper.make_tensor_value_info("y", dtype, [None] * 4)])
    imports = [helper.make_opsetid("", 17), helper.make_opsetid(domain, 1)]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=9), folder / "m.onnx")
    np.savez(folder / "in.npz", **feeds)
    done = ingot_cli.run("run", folder / "m.onnx", "--inputs", folder / "in.npz", "--output", folder / "out.npz")
    assert done.ok, done.stderr
    return np.load(folder / "out.npz")["y"]


def merged(operands, group):
    """DCNv4's second operand: for each group its offsets and then its factors; the last dimension a multiple of 8."""
    offset, mask = operands["offset"], operands["mask"]
    both = np.concatenate([offset.reshape(*offset.shape[:4], -1), mask], -1).reshape(*offset.shape[:3], -1)
    filler = np.full((*both.shape[:3], -both.shape[3] % 8), np.nan, np.float32)
    return np.concatenate([both, filler], -1)


@pytest.mark.parametrize("name", CASES)
def test_dcnv3(ingot, tmp_path, name):
    operands, numbers = make(**CASES[name])
    flat = lambda a: a.reshape(*a.shape[:3], -1)
    feeds = {"x": operands["x"], "offset": flat(operands["offset"]), "mask": flat(operands["mask"])}
    y = run(tmp_path, "TRTDCNv3", "mmdeploy", feeds, attributes(numbers, operands["x"].shape[3], brief=False))
    assert model_folder.relative_error(y, sum_of_points(**operands, **numbers).astype(np.float32)) < 2e-5


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_dcnv4(ingot, tmp_path, name, fused):
    operands, numbers = make(**CASES[name])
    points = merged(operands, numbers["group"])
    if fused and points.shape[1:3] != operands["x"].shape[1:3]:
        pytest.skip("one tensor has one size")
    feeds = {"both": np.concatenate([operands["x"], points], -1)} if fused else {"x": operands["x"], "points": points}
    y = run(tmp_path, "DCNv4FuseOffset_Plugin" if fused else "DCNv4_Plugin", "custom_op", feeds,
            attributes(numbers, operands["x"].shape[3], brief=True))
    assert model_folder.relative_error(y, sum_of_points(**operands, **numbers).astype(np.float32)) < 2e-5


def test_half_precision_keeps_fp32_coordinates(ingot, tmp_path):
    """In fp16 an offset of 200 pixels has steps of 1/8; taps that cancel it read where they should all the same."""
    operands, numbers = make(x=(1, 3, 260, 16), group=1)
    operands = {name: value.astype(np.float16) for name, value in operands.items()}
    feeds = {name: value.reshape(*value.shape[:3], -1) for name, value in operands.items()}
    y = run(tmp_path, "TRTDCNv3", "mmdeploy", feeds, attributes(numbers, 16, brief=False), TensorProto.FLOAT16)
    expected = sum_of_points(**operands, **numbers)
    assert np.abs(y - expected).max() < 2**-10 * np.abs(expected).max()  # the result's own rounding


def test_the_definition_agrees_with_grid_sample():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    for name in ("no center", "uneven", "even window"):
        operands, numbers = make(**CASES[name])
        n, h, w, c = operands["x"].shape
        group, scale = numbers["group"], numbers["scale"]
        out = operands["offset"].shape[1:3]
        window = {key: numbers[key] for key in ("kernel", "stride", "pads", "dilation", "remove_center")}
        rows, columns = places(operands["x"], out, scale=scale, **window)
        offset = operands["offset"].astype(np.float64) * scale
        at = np.stack([offset[..., 0] + columns[..., None, :], offset[..., 1] + rows[..., None, :]], -1)
        grid = (2 * at + 1) / np.array([w, h]) - 1  # [N, Ho, Wo, G, P, 2]
        grid = torch.from_numpy(grid.transpose(0, 3, 1, 2, 4, 5).reshape(n * group, out[0] * out[1], -1, 2))
        image = torch.from_numpy(operands["x"].astype(np.float64)).reshape(n, h, w, group, -1).permute(0, 3, 4, 1, 2)
        read = torch.nn.functional.grid_sample(image.reshape(n * group, -1, h, w), grid, align_corners=False)
        mask = operands["mask"].astype(np.float64).transpose(0, 3, 1, 2, 4).reshape(n * group, 1, out[0] * out[1], -1)
        y = (read * torch.from_numpy(mask)).sum(-1).reshape(n, group, -1, *out).permute(0, 3, 4, 1, 2).reshape(n, *out, c)
        np.testing.assert_allclose(sum_of_points(**operands, **numbers), y.numpy(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("change, says", [
    (dict(group=3), "group"), (dict(kernel_h=None), "kernel_h is missing"), (dict(padd_h=1), "padd_h means nothing"),
    (dict(remove_center=1), "offset"), (dict(group_channels=5), "group_channels"),
])
def test_what_does_not_fit_is_refused(ingot, tmp_path, change, says):
    operands, numbers = make(**CASES["plain"])
    feeds = {name: value.reshape(*value.shape[:3], -1) for name, value in operands.items()}
    attrs = {key: value for key, value in (attributes(numbers, 32, brief=False) | change).items() if value is not None}
    with pytest.raises(AssertionError, match=says):
        run(tmp_path, "TRTDCNv3", "mmdeploy", feeds, attrs)
