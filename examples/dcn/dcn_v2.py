# SPDX-License-Identifier: Apache-2.0
"""Modulated deformable convolution (DCNv2) for PyTorch, in plain PyTorch, and how it is written into an ONNX file.

The operator is an autograd function with a `symbolic`: in ONNX it becomes one node `Plugin` whose attribute `name` says
which operator it is and whose attribute `info` holds its parameters as JSON. Its second operand is the raw output of the
convolution that predicts offsets and mask: for each offset group and tap dy and dx, then for each a logit of the mask.
The sigmoid is part of the operator.
"""
import json

import torch
from torch import nn
from torch.nn import functional
from torch.nn.modules.utils import _pair


def deform_conv(x, offset_mask, weight, bias, stride, padding, dilation, deformable_groups, groups):
    """The definition: every tap reads the input by bilinear interpolation at its own place, outside of which is 0."""
    batch, channels, height, width = x.shape
    kh, kw = weight.shape[2:]
    taps = kh * kw
    out_h, out_w = offset_mask.shape[2:]
    offset, logits = offset_mask.split([2 * deformable_groups * taps, deformable_groups * taps], dim=1)
    offset = offset.reshape(batch * deformable_groups, taps, 2, out_h, out_w)
    # Where the taps are without offsets, in pixels.
    count = lambda n: torch.arange(n, dtype=x.dtype, device=x.device)
    rows = (count(out_h) * stride[0] - padding[0])[None, :, None] + (
        count(kh).repeat_interleave(kw) * dilation[0])[:, None, None]
    columns = (count(out_w) * stride[1] - padding[1])[None, None, :] + (
        count(kw).repeat(kh) * dilation[1])[:, None, None]
    y, z = offset[:, :, 0] + rows, offset[:, :, 1] + columns
    # grid_sample counts from -1 at one edge of the image to 1 at the other.
    grid = torch.stack([(2 * z + 1) / width - 1, (2 * y + 1) / height - 1], dim=-1)
    columns = functional.grid_sample(
        x.reshape(batch * deformable_groups, channels // deformable_groups, height, width),
        grid.reshape(batch * deformable_groups, taps * out_h, out_w, 2), align_corners=False)
    columns = columns.reshape(batch, deformable_groups, channels // deformable_groups, taps, out_h * out_w)
    columns = columns * torch.sigmoid(logits).reshape(batch, deformable_groups, 1, taps, out_h * out_w)
    columns = columns.reshape(batch, groups, channels // groups * taps, out_h * out_w)
    y = weight.reshape(groups, weight.shape[0] // groups, -1) @ columns
    return y.reshape(batch, weight.shape[0], out_h, out_w) + bias[None, :, None, None]


class _DCNv2(torch.autograd.Function):
    @staticmethod
    def forward(ctx, input, offset_mask, weight, bias, stride, padding, dilation, deformable_groups, groups):
        ctx.save_for_backward(input, offset_mask, weight, bias)
        ctx.window = stride, padding, dilation, deformable_groups, groups
        if torch.onnx.is_in_onnx_export():  # the exporter only needs an output; it would trace into the definition
            return input.new_zeros([int(n) for n in (len(input), len(weight), *offset_mask.shape[2:])])
        return deform_conv(input, offset_mask, weight, bias, *ctx.window)

    @staticmethod
    def backward(ctx, gradient):
        operands = [tensor.detach().requires_grad_() for tensor in ctx.saved_tensors]
        with torch.enable_grad():
            output = deform_conv(*operands, *ctx.window)
        return (*torch.autograd.grad(output, operands, gradient), None, None, None, None, None)

    @staticmethod
    def symbolic(g, input, offset_mask, weight, bias, stride, padding, dilation, deformable_groups, groups):
        info = {"dilation": dilation, "padding": padding, "stride": stride, "deformable_groups": deformable_groups,
                "groups": groups}
        output = g.op("Plugin", input, offset_mask, weight, bias, name_s="DCNv2", info_s=json.dumps(info))
        # The exporter knows no shape rule for the operator; that the rank and the channels are known suffices.
        return output.setType(input.type().with_sizes([None, weight.type().sizes()[0], None, None]))


class DCN(nn.Module):
    """A 2-d convolution whose taps move by offsets that a convolution of the same window predicts."""

    def __init__(self, inputs, outputs, kernel_size, stride=1, padding=0, dilation=1, deformable_groups=1, groups=1):
        super().__init__()
        self.window = _pair(stride), _pair(padding), _pair(dilation), deformable_groups, groups
        kernel = _pair(kernel_size)
        like = nn.Conv2d(inputs, outputs, kernel, groups=groups)
        self.weight, self.bias = like.weight, like.bias
        self.conv_offset_mask = nn.Conv2d(inputs, 3 * deformable_groups * kernel[0] * kernel[1], kernel, stride, padding,
                                          dilation)
        # It starts as a plain convolution whose mask is one half everywhere.
        nn.init.zeros_(self.conv_offset_mask.weight)
        nn.init.zeros_(self.conv_offset_mask.bias)

    def forward(self, x):
        return _DCNv2.apply(x, self.conv_offset_mask(x), self.weight, self.bias, *self.window)


def export(module: nn.Module, example, path, inputs: list, outputs: list, dynamic_axes: dict) -> None:
    """Writes an ONNX file in which every DCN is a node `Plugin`."""
    torch.onnx.export(module, example, path, input_names=inputs, output_names=outputs, dynamic_axes=dynamic_axes,
                      opset_version=17, dynamo=False)
