# SPDX-License-Identifier: Apache-2.0
"""Small PyTorch modules through both of its exporters into an engine, against PyTorch itself.

Modules that name dynamic dimensions are exported once and run at three sizes. The ideal result is PyTorch's in double
precision; Ingot may be off by eight times what PyTorch itself is in the module's precision, or by a few roundings.
"""
import dataclasses
import io
import os
import secrets
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the package torch is not installed")
pytest.importorskip("onnxscript", reason="the package onnxscript is not installed")
ingot = pytest.importorskip("ingot", reason="the Python module is not installed")

import onnx
from torch import nn
from torch.nn import functional as F

SEED = int(os.environ.get("INGOT_TEST_SEED", secrets.randbits(32)))
SIZES = (1, 2, 3)  # a dynamic dimension is its size in the example times these
TINY = 16 * 2.0**-23


class Function(nn.Module):
    def __init__(self, function, *modules):
        super().__init__()
        self.function = function
        self.modules_ = nn.ModuleList(modules)

    def forward(self, *arguments):
        return self.function(*self.modules_, *arguments)


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down1, self.down2 = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 32, 3, 2, 1)
        self.up, self.head = nn.ConvTranspose2d(32, 16, 2, 2), nn.Conv2d(32, 5, 1)
        self.norm1, self.norm2 = nn.InstanceNorm2d(16, affine=True), nn.GroupNorm(4, 16)

    def forward(self, x):
        skip = F.relu(self.norm1(self.down1(x)))
        return self.head(torch.cat([skip, self.norm2(self.up(F.silu(self.down2(skip))))], 1)).softmax(1)


class Recurrent(nn.Module):
    def __init__(self, kind, bidirectional):
        super().__init__()
        self.cells = kind(8, 12, 2, batch_first=True, bidirectional=bidirectional)

    def forward(self, x):
        y, state = self.cells(x)
        return (y, *state) if isinstance(state, tuple) else (y, state)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(50, 32)
        layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, activation="gelu")
        self.layers = nn.TransformerEncoder(layer, 2)

    def forward(self, tokens):
        return self.layers(self.embedding(tokens))


class CrossAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(32, 4, batch_first=True)

    def forward(self, query, memory, padding):
        return self.attention(query, memory, memory, key_padding_mask=padding)


class CachedAttention(nn.Module):
    """One step of a decoder, with the keys and values of earlier steps as inputs."""

    def __init__(self):
        super().__init__()
        self.project = nn.Linear(32, 96)

    def forward(self, x, past_key, past_value):
        batch, length, _ = x.shape
        q, k, v = self.project(x).reshape(batch, length, 3, 4, 8).permute(2, 0, 3, 1, 4).unbind(0)
        k, v = torch.cat([past_key, k], 2), torch.cat([past_value, v], 2)
        y = F.scaled_dot_product_attention(q, k, v)
        return y.transpose(1, 2).reshape(batch, length, 32), k, v


class DetectionHead(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 21, 3, 2, 1)

    def forward(self, x):
        y = self.conv(x)
        batch, _, height, width = y.shape
        y = y.view(batch, 3, 7, height, width).permute(0, 1, 3, 4, 2).contiguous().sigmoid()
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        centre = (y[..., :2] * 2 - 0.5 + torch.stack([columns, rows], -1).to(y.dtype)) * 8
        size = (y[..., 2:4] * 2) ** 2 * torch.tensor([10.0, 13.0], dtype=y.dtype)
        boxes = torch.cat([centre, size, y[..., 4:]], -1).view(batch, -1, 7)
        score, index = boxes[..., 4].topk(5, dim=1)
        return torch.gather(boxes, 1, index[..., None].expand(-1, -1, 7)), score


@dataclasses.dataclass
class Case:
    name: str
    make: callable  # the module
    inputs: callable  # its example inputs
    dynamic: dict = dataclasses.field(default_factory=dict)  # input number: {dimension: name}
    exporters: tuple = ("torchscript", "dynamo")


def function(name, body, inputs, *modules, **more):
    return Case(name, lambda: Function(body, *[module() for module in modules]), inputs, **more)


def normal(*shape):
    return torch.randn(shape)


def uniform(*shape):
    return torch.rand(shape)


def whole(low, high, *shape):
    return torch.randint(low, high, shape)


DYNAMO, TORCHSCRIPT = ("dynamo",), ("torchscript",)
CASES = [
    Case("unet", UNet, lambda: [normal(2, 3, 32, 32)], {0: {0: "batch", 2: "height", 3: "width"}}),
    Case("lstm", lambda: Recurrent(nn.LSTM, False), lambda: [normal(2, 7, 8)]),
    Case("lstm_bidirectional", lambda: Recurrent(nn.LSTM, True), lambda: [normal(2, 7, 8)]),
    Case("gru", lambda: Recurrent(nn.GRU, True), lambda: [normal(3, 5, 8)]),
    Case("rnn", lambda: Recurrent(nn.RNN, False), lambda: [normal(1, 5, 8)]),
    Case("encoder", Encoder, lambda: [whole(0, 50, 2, 9)], {0: {0: "batch", 1: "length"}}, DYNAMO),
    # The tracing exporter writes the example's length into the graph.
    Case("encoder_batch", Encoder, lambda: [whole(0, 50, 2, 9)], {0: {0: "batch"}}, TORCHSCRIPT),
    Case("cross_attention", CrossAttention,
         lambda: [normal(2, 5, 32), normal(2, 6, 32), torch.tensor([[False] * 6, [False] * 4 + [True] * 2])]),
    Case("cached_attention", CachedAttention, lambda: [normal(1, 2, 32), normal(1, 4, 5, 8), normal(1, 4, 5, 8)],
         {1: {2: "past"}, 2: {2: "past"}}),
    Case("detection_head", DetectionHead, lambda: [normal(1, 3, 32, 32)]),
    function("interpolate", lambda x: (F.interpolate(x, scale_factor=2, mode="bilinear"),
                                       F.interpolate(x, size=(7, 9), mode="nearest"),
                                       F.interpolate(x, size=(20, 21), mode="bicubic", align_corners=True)),
             lambda: [normal(1, 3, 10, 10)]),
    function("interpolate_dynamic", lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"),
             lambda: [normal(1, 3, 10, 12)], dynamic={0: {2: "height", 3: "width"}}),
    function("grid_sample", lambda x, grid: (F.grid_sample(x, grid, align_corners=False, padding_mode="border"),
                                             F.grid_sample(x, grid, align_corners=True)),
             lambda: [normal(1, 3, 8, 8), uniform(1, 6, 5, 2) * 2.2 - 1.1]),
    function("pixel_shuffle", lambda x: F.pixel_unshuffle(F.pixel_shuffle(x, 2), 2), lambda: [normal(1, 8, 5, 5)]),
    function("pad", lambda x: (F.pad(x, (1, 2, 3, 4), mode="reflect"), F.pad(x, (1, 2), value=3.0),
                               F.pad(x, (2, 1, 1, 1), mode="replicate"), F.pad(x, (2, 1, 1, 1), mode="circular")),
             lambda: [normal(1, 2, 6, 6)]),
    function("einsum", lambda a, b: (torch.einsum("bhid,bhjd->bhij", a, b), torch.einsum("bhid,bhjd->bid", a, b)),
             lambda: [normal(2, 3, 4, 5), normal(2, 3, 4, 5)]),
    function("convolution_1d", lambda conv, up, x: up(F.glu(conv(x), 1)), lambda: [normal(2, 4, 17)],
             lambda: nn.Conv1d(4, 8, 5, padding=2), lambda: nn.ConvTranspose1d(4, 3, 4, 2, 1)),
    function("convolution_3d", lambda conv, x: F.max_pool3d(conv(x), 2), lambda: [normal(1, 2, 6, 6, 6)],
             lambda: nn.Conv3d(2, 4, 3, padding=1)),
    function("index", lambda x, i: (x[i], x[:, i], x[x > 0], x[..., -1:], x[::2], x.flip(1)),
             lambda: [normal(6, 5), torch.tensor([0, 2, 4])]),
    function("scatter", lambda x, i, s: (x.scatter(1, i, s), x.scatter_add(1, i, s), x.masked_fill(x > 0, -1.0)),
             lambda: [normal(3, 5), torch.tensor([[0, 1, 2], [2, 3, 4], [0, 2, 1]]), normal(3, 3)]),
    function("reduce", lambda x: (x.cumsum(1), x.sort(1, descending=True)[0], x.argsort(0), x.var(1),
                                  x.std(0, unbiased=False), x.norm(dim=1), x.logsumexp(1)), lambda: [normal(4, 6)]),
    function("elementwise", lambda x: (x.atan(), torch.atan2(x, x + 1), x.erf(), x.sign(), x.floor(), x.round(),
                                       torch.remainder(x, 0.7), torch.fmod(x, 0.7), x.clamp(-0.5), x.log1p()),
             lambda: [uniform(3, 4)]),
    function("activations", lambda x: (F.mish(x), F.hardswish(x), F.selu(x), F.celu(x), F.elu(x), F.softplus(x),
                                       F.gelu(x, approximate="tanh"), F.leaky_relu(x), F.hardtanh(x), F.logsigmoid(x),
                                       F.softsign(x), F.tanhshrink(x), F.hardshrink(x)), lambda: [normal(3, 7)]),
    function("prelu", lambda prelu, x: prelu(x), lambda: [normal(2, 4, 3, 3)], lambda: nn.PReLU(4)),
    function("pool", lambda x: (F.adaptive_avg_pool2d(x, 1), F.max_pool2d(x, 3, 2, 1, dilation=1, ceil_mode=True),
                                F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False)),
             lambda: [normal(1, 3, 9, 9)]),
    function("max_pool_indices", lambda x: F.max_pool2d(x, 2, return_indices=True), lambda: [normal(1, 2, 6, 6)]),
    function("unfold", lambda x: F.unfold(x, 3, padding=1), lambda: [normal(1, 2, 6, 6)]),
    function("fold", lambda x: F.fold(F.unfold(x, 2, stride=2), (6, 6), 2, stride=2), lambda: [normal(1, 2, 6, 6)],
             exporters=DYNAMO),
    function("select", lambda x, y: (torch.where(x > y, x, y), torch.maximum(x, y), (x > 0) & (y < 0), x.isnan(),
                                     torch.nan_to_num(x / y.clamp(min=0), posinf=9.0, neginf=-9.0)), lambda: [normal(3, 4), normal(3, 4)]),
    function("triangles", lambda x: (x.tril(), x.triu(1), torch.diagonal(x)), lambda: [normal(5, 5)]),
    function("rotary", lambda x: torch.stack([x[..., 0::2] * x[..., 0::2].cos() - x[..., 1::2].sin(), x[..., 1::2]],
                                             -1).flatten(-2), lambda: [normal(1, 4, 6, 8)]),
    Case("weight_norm", lambda: nn.utils.parametrizations.weight_norm(nn.Linear(5, 6)), lambda: [normal(2, 5)]),
    function("layer_norm", lambda norm, x: norm(x), lambda: [normal(2, 4, 6)], lambda: nn.LayerNorm((4, 6))),
    function("rms_norm", lambda norm, x: norm(x), lambda: [normal(2, 4, 6)], lambda: nn.RMSNorm(6), exporters=DYNAMO),
    function("batch_norm", lambda norm, x: norm(x), lambda: [normal(3, 4)], lambda: nn.BatchNorm1d(4),
             dynamic={0: {0: "batch"}}),
    function("embedding_bag", lambda bag, x: bag(x), lambda: [whole(0, 10, 3, 4)],
             lambda: nn.EmbeddingBag(10, 4, mode="mean")),
    function("integers", lambda x: (x.abs() // 3, x % 3, x << 1, x.float() / 2, x.sum(), x.max(1)[0], x.argmax(1),
                                    x.bool().any(1)), lambda: [whole(-9, 9, 3, 4)]),
    function("bits", lambda x: (x & 3, x | 8, x ^ 5, ~x), lambda: [whole(-9, 9, 3, 4)], exporters=DYNAMO),
    function("fourier", lambda x: torch.fft.rfft(x).abs(), lambda: [normal(2, 16)], exporters=DYNAMO),
    function("short_fourier", lambda x: torch.view_as_real(
        torch.stft(x, 16, 8, window=torch.hann_window(16, dtype=x.dtype), return_complex=True)),
             lambda: [normal(1, 64)], exporters=DYNAMO),
    function("short_fourier_real", lambda x: torch.stft(
        x, 16, 8, window=torch.hann_window(16, dtype=x.dtype), return_complex=False),
             lambda: [normal(1, 64)], exporters=TORCHSCRIPT),
    function("one_hot", lambda x: F.one_hot((x > 0).long().flatten(), 3), lambda: [normal(3, 4)]),
    function("cdist", lambda x: torch.cdist(x, x), lambda: [normal(3, 4)], exporters=TORCHSCRIPT),
    function("distances", lambda x, y: (F.cosine_similarity(x, y), F.normalize(x), F.pairwise_distance(x, y)),
             lambda: [normal(3, 4), normal(3, 4)]),
    function("repeat", lambda x: (x.repeat(2, 3), x.repeat_interleave(2, 0), x.roll(1, 1), x.unfold(1, 3, 1),
                                  torch.stack(x.chunk(3, 0)), x.expand(2, 3, 4)), lambda: [normal(3, 4)]),
    function("data_dependent", lambda x: ((x > 0).nonzero(), torch.unique(x.round(), sorted=True)),
             lambda: [normal(3, 4)]),
]


def flat(results):
    if isinstance(results, (tuple, list)):
        return [tensor for item in results for tensor in flat(item)]
    return [results]


def export(case: Case, exporter: str, module, inputs) -> bytes:
    names = [f"in{i}" for i in range(len(inputs))]
    dims = [case.dynamic.get(i, {}) for i in range(len(inputs))]
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if exporter == "torchscript":
            torch.onnx.export(module, tuple(inputs), file, dynamo=False, opset_version=17, input_names=names,
                              dynamic_axes={name: d for name, d in zip(names, dims) if d})
        else:
            dynamic = {name: torch.export.Dim(name) for d in dims for name in d.values()}
            shapes = tuple({k: dynamic[name] for k, name in d.items()} for d in dims)
            # The arguments of Function.forward are one variadic one.
            packed = (shapes,) if isinstance(module, Function) else shapes
            program = torch.onnx.export(module, tuple(inputs), dynamo=True, input_names=names, verbose=False,
                                        dynamic_shapes=packed if dynamic else None)
            program.save(file)
    return file.getvalue()


def stretched(case: Case, inputs, times: int):
    """The inputs with each dynamic dimension so many times as long."""
    result = []
    for i, tensor in enumerate(inputs):
        repeats = [1] * tensor.dim()
        for dim in case.dynamic.get(i, {}):
            repeats[dim] = times
        result.append(tensor.repeat(repeats) if times > 1 else tensor)
    return result


def in_double(module, inputs):
    wide = [x.double() if x.is_floating_point() else x for x in inputs]
    return flat(module.double()(*wide))


@pytest.mark.parametrize("case, exporter", [pytest.param(case, exporter, id=f"{case.name}-{exporter}")
                                            for case in CASES for exporter in case.exporters])
@torch.no_grad()
def test_exported_module(case, exporter):
    torch.manual_seed(SEED)
    torch.backends.mha.set_fastpath_enabled(False)  # an operator of PyTorch's own that no exporter takes
    module = case.make().eval()
    example = case.inputs()
    model = export(case, exporter, module, example)
    graph = onnx.load_from_string(model).graph
    context = ingot.build(model, threads=1, time_budget=0.0).create_context(threads=1)
    for times in SIZES if case.dynamic else (1,):
        inputs = stretched(case, example, times)
        own = flat(module.float()(*inputs))
        ideal = in_double(module, inputs)
        feed = {f"in{i}": np.ascontiguousarray(x.numpy()) for i, x in enumerate(inputs)}
        given = context.run({info.name: feed[info.name] for info in graph.input})
        for output, mine, best in zip(graph.output, own, ideal, strict=True):
            agree(f"INGOT_TEST_SEED={SEED}, sizes times {times}: {output.name}", given[output.name], mine.numpy(),
                  best.numpy())


def agree(what, got, own, ideal):
    assert got.dtype == own.dtype, what
    assert got.shape == own.shape, what
    if own.dtype.kind != "f":
        np.testing.assert_array_equal(got, own, err_msg=what)
        return
    finite = np.isfinite(ideal)
    np.testing.assert_array_equal(np.where(finite, 0, got), np.where(finite, 0, own), err_msg=what)
    scale = np.sqrt(np.mean(np.square(ideal[finite]))) if finite.any() else 0.0
    theirs = np.abs(own - ideal)[finite].max(initial=0)
    assert np.abs(got - ideal)[finite].max(initial=0) <= 8 * theirs + TINY * scale, what
