# SPDX-License-Identifier: Apache-2.0
"""The networks of bench/gpu_peers.py, in PyTorch with random weights: name -> (module in fp32, its input)."""
import torch
import torchvision
from torch import nn

IMAGES = {"resnet50": 224, "mobilenet_v2": 224, "mobilenet_v3_large": 224, "efficientnet_b0": 224,
          "convnext_tiny": 224, "vit_b_16": 224, "swin_t": 224}
NETS = [*IMAGES, "bert_base_128", "bert_base_384", "deeplabv3_resnet50", "dcn_centernet_r18"]


class BertLayer(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.norm_attention, self.norm_out = nn.LayerNorm(width, 1e-12), nn.LayerNorm(width, 1e-12)

    def split(self, x):
        return x.unflatten(-1, (self.heads, x.shape[-1] // self.heads)).transpose(1, 2)

    def forward(self, x, mask):
        mixed = nn.functional.scaled_dot_product_attention(self.split(self.query(x)), self.split(self.key(x)),
                                                           self.split(self.value(x)), attn_mask=mask)
        x = self.norm_attention(x + self.out(mixed.transpose(1, 2).flatten(2)))
        return self.norm_out(x + self.narrow(nn.functional.gelu(self.wide(x))))


class Bert(nn.Module):
    """BERT base as an encoder: embeddings, 12 layers, the pooled first position."""

    def __init__(self, width=768, layers=12, heads=12, words=30522, positions=512):
        super().__init__()
        self.words, self.positions = nn.Embedding(words, width), nn.Embedding(positions, width)
        self.types, self.norm = nn.Embedding(2, width), nn.LayerNorm(width, 1e-12)
        self.layers = nn.ModuleList(BertLayer(width, heads) for _ in range(layers))
        self.pool = nn.Linear(width, width)

    def forward(self, ids, mask):
        x = self.words(ids) + self.positions.weight[:ids.shape[1]] + self.types.weight[0]
        x = self.norm(x)
        bias = (1.0 - mask[:, None, None, :].to(x.dtype)) * -10000.0
        for layer in self.layers:
            x = layer(x, bias)
        return x, torch.tanh(self.pool(x[:, 0]))


class DeformBlock(nn.Module):
    """Modulated deformable convolution, batch norm, ReLU; offsets and mask from one convolution."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.offset = nn.Conv2d(inputs, 27, 3, padding=1)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3) * (2.0 / (9 * inputs)) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x):
        y, x_offset, mask = self.offset(x).chunk(3, 1)
        sampled = torchvision.ops.deform_conv2d(x, torch.cat((y, x_offset), 1), self.weight, self.bias, padding=1,
                                                mask=mask.sigmoid())
        return self.norm(sampled).relu()


class CenterNet(nn.Module):
    """CenterNet with a ResNet-18 trunk: three times deformable convolution and doubling, then three heads."""

    def __init__(self):
        super().__init__()
        trunk = torchvision.models.resnet18()
        self.trunk = nn.Sequential(*list(trunk.children())[:-2])
        steps, inputs = [], 512
        for outputs in (256, 128, 64):
            steps += [DeformBlock(inputs, outputs), nn.ConvTranspose2d(outputs, outputs, 4, 2, 1, bias=False),
                      nn.BatchNorm2d(outputs), nn.ReLU()]
            inputs = outputs
        self.up = nn.Sequential(*steps)
        self.heads = nn.ModuleList(nn.Sequential(nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, n, 1))
                                   for n in (80, 2, 2))

    def forward(self, x):
        x = self.up(self.trunk(x))
        return [head(x) for head in self.heads]


class Segmentation(nn.Module):
    """torchvision returns a dictionary; exporters and graphs want tensors."""

    def __init__(self):
        super().__init__()
        self.net = torchvision.models.segmentation.deeplabv3_resnet50(weights=None, weights_backbone=None)

    def forward(self, x):
        return self.net(x)["out"]


def settle(module: nn.Module) -> nn.Module:
    """Random batch statistics, so that folding them is not a no-op; and random numbers where an untrained network has
    zeros or next to nothing (the head of a vision transformer, factors of residual branches), so that errors show."""
    for one in module.modules():
        if isinstance(one, nn.BatchNorm2d):
            nn.init.uniform_(one.running_var, 0.5, 1.5)
            nn.init.normal_(one.running_mean, 0, 0.1)
    for name, parameter in module.named_parameters():
        if name.endswith("layer_scale"):
            nn.init.uniform_(parameter, 0.1, 1)
        elif parameter.dim() > 1 and not parameter.any():
            nn.init.normal_(parameter, 0, parameter.shape[-1] ** -0.5)
    return module.eval().requires_grad_(False)


def make(name: str, batch: int):
    torch.manual_seed(hash_of(name))
    if name.startswith("bert"):
        length = int(name.rsplit("_", 1)[1])
        ids = torch.randint(0, 30522, (batch, length))
        mask = torch.ones(batch, length)
        mask[:, length * 3 // 4:] = 0
        return settle(Bert()), (ids, mask)
    if name == "deeplabv3_resnet50":
        return settle(Segmentation()), (torch.randn(batch, 3, 513, 513),)
    if name == "dcn_centernet_r18":
        return settle(CenterNet()), (torch.randn(batch, 3, 512, 512),)
    size = IMAGES[name]
    return settle(getattr(torchvision.models, name)(weights=None)), (torch.randn(batch, 3, size, size),)


def hash_of(name: str) -> int:
    return sum(ord(c) * (i + 1) for i, c in enumerate(name))


def export(module: nn.Module, inputs: tuple, path: str) -> None:
    """ONNX in fp32, opset 19, deformable convolution as the operator of that name."""

    def deform(g, x, weight, offset, mask, bias, stride_h, stride_w, pad_h, pad_w, dil_h, dil_w, groups, offset_groups,
               use_mask):
        def number(value):
            return torch.onnx.symbolic_helper._maybe_get_const(value, "i")

        pads = [number(pad_h), number(pad_w)]
        operands = [x, weight, offset, bias] + ([mask] if number(use_mask) else [])
        out = g.op("DeformConv", *operands, strides_i=[number(stride_h), number(stride_w)], pads_i=pads + pads,
                   dilations_i=[number(dil_h), number(dil_w)], group_i=number(groups),
                   offset_group_i=number(offset_groups))
        batch, _, height, width = offset.type().sizes()
        return out.setType(x.type().with_sizes([batch, weight.type().sizes()[0], height, width]))

    torch.backends.mha.set_fastpath_enabled(False)  # exporters do not know its operator
    torch.onnx.register_custom_op_symbolic("torchvision::deform_conv2d", deform, 19)
    names = ["input"] if len(inputs) == 1 else [f"input{i}" for i in range(len(inputs))]
    if torch.cuda.is_available():  # exporters run the network
        module, inputs = module.cuda(), tuple(x.cuda() for x in inputs)
    torch.onnx.export(module, inputs, path, opset_version=19, input_names=names, dynamo=False)
