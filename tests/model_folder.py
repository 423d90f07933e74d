# SPDX-License-Identifier: Apache-2.0
"""The folder of exported graphs with emptied weights: fills them, makes feeds, knows which graphs must pass.

Files made from the folder are kept in a cache and made again when the graph or fill.py is newer.
"""
import collections
import os
import pathlib
import subprocess
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = pathlib.Path(os.environ.get("INGOT_MODELS", ROOT.parent / "shared/models"))
CACHE = ROOT / "build/models"

# Graphs that must build and agree with ONNX Runtime.
REQUIRED = """
tv_resnet18 tv_resnet50 tv_resnet50@dynamo tv_mobilenet_v2 tv_mobilenet_v3_large tv_efficientnet_b0 tv_squeezenet1_1
tv_shufflenet_v2_x1_0 tv_vgg16 tv_alexnet tv_convnext_tiny tv_vit_b_16@dynamo tv_swin_t tv_swin_t@dynamo
tv_deeplabv3_resnet50 timm_mobilenetv4_conv_small timm_dla34 timm_hrnet_w18 timm_repvgg_a0 timm_fastvit_t8
timm_poolformer_s12 timm_levit_128 timm_deit_small_patch16_224 hf_bert_base hf_distilbert hf_gpt2@dynamo
hf_segformer_b0 hf_dinov2_s dyn_resnet50 dyn_bert_4l dynamo_dyn_resnet18
""".split()
# Graphs that must build and agree with the engine's own reference: ONNX Runtime does not know their operators.
BUILTIN = ["dcn_centernet_r18_plugin", "dyn_dcn_plugin"]
REQUIRED += BUILTIN
# A few quick ones that touch every kind of layer.
SMALL = ["tv_squeezenet1_1", "tv_mobilenet_v3_large", "tv_shufflenet_v2_x1_0", "timm_levit_128", "dyn_bert_4l"]

# Symbolic dimensions: the shapes to run, in the order smallest, optimum, largest.
SHAPES = {
    "dyn_resnet50": [{"N": 1, "H": 160, "W": 192}, {"N": 1, "H": 224, "W": 224}, {"N": 3, "H": 256, "W": 224}],
    "dyn_bert_4l": [{"N": 1, "T": 8}, {"N": 1, "T": 128}, {"N": 4, "T": 160}],
    "dq_bert_4l": [{"N": 1, "T": 8}, {"N": 1, "T": 128}, {"N": 4, "T": 160}],
    "dynamo_dyn_resnet18": [{"N": 1}, {"N": 2}, {"N": 5}],
    "dyn_dcn_plugin": [{"N": 1}, {"N": 2}, {"N": 3}],
}

# Detections come in the order of their scores, which rounding may exchange where two are close. The outputs, row by row:
# boxes, scores, labels.
DETECTIONS = {
    "tv_fasterrcnn_mobilenet_v3_large_320_fpn": ("2033", "2002", "2003"),
    "tv_retinanet_resnet50_fpn": ("2627", "2596", "2597"),
    "tv_ssdlite320_mobilenet_v3_large": ("4208", "4177", "4178"),
}
# An overlap of two boxes at which one may suppress the other: the 0.5 or 0.55 of these networks, less what boxes are off.
SUPPRESSING = 0.45
# The part of all detections over which halves may decide. Of retinanet's 300, whose scores lie 1e-4 apart, they are 9.
MOST_UNDECIDED = 0.1
# Outputs that depend on a choice among scores which the filled weights make equal but for rounding: not compared.
UNDECIDED = {
    "hf_rtdetr_r50": ("5436", "5437", "onnx::MatMul_5365", "5409", "onnx::Gather_5435", "onnx::Gather_5422",
                      "reference_points_unact", "3140"),
}
# A value that is rounded to fp16 after each of `depth` operators: errors of up to half a unit each that add up like a
# random walk, four standard deviations of it.
ROUNDED = {"Conv", "Gemm", "MatMul", "Add"}
# Half of a unit in the last place, relative, of what --precision rounds to; eight deviations there, since the operators
# between (normalisations, divisions by a deviation) make errors larger before they are rounded again.
PRECISIONS = {"fp32": 0.0, "fp16": 2.0**-11, "bf16": 2.0**-8}
# Peaks of a heat map, where x equals the largest around it: rounding moves some.
PEAKS = {"dcn_centernet_r18_plugin": ("272",), "dyn_dcn_plugin": ("272",)}
# Integers all the way from input to output: the specification leaves nothing open.
EXACT = {"qop_resnet18"}
# Products of operands that are quantised as they come (8 standard deviations over 255 steps). A rounding error of fp32
# moves an element by a step, that changes elements of the next operand, and so on, until the two runs differ by the
# noise of quantisation itself: that of each operand, added up, three standard deviations of it.
DYNAMIC_NOISE = 3 * 8 / 255 / np.sqrt(12)


def tolerance(name: str, model: pathlib.Path, expected: dict, precision: str = "fp32") -> float:
    """What the arithmetic of the graph allows beyond fp32's: max|difference| / rms(expected); nan: as for fp32."""
    if name in EXACT:
        return 0.0
    if precision != "fp32":
        import onnx

        nodes = onnx.load(model, load_external_data=False).graph.node
        rounded = 8 * PRECISIONS[precision] / np.sqrt(3) * np.sqrt(sum(node.op_type in ROUNDED for node in nodes) + 1)
        return max(rounded, np.nan_to_num(tolerance(name, model, expected)))
    if not name.startswith(("half_", "dq_", "qdq_")):
        return float("nan")
    import onnx

    graph = onnx.load(model, load_external_data=False).graph
    counts = collections.Counter(node.op_type for node in graph.node)
    if any(value.data_type == onnx.TensorProto.FLOAT16 for value in graph.initializer):
        return 4 * 2.0**-11 / np.sqrt(3) * np.sqrt(sum(counts[op] for op in ROUNDED))
    if counts["DynamicQuantizeLinear"]:
        return DYNAMIC_NOISE * np.sqrt(counts["DynamicQuantizeLinear"])
    # An output in steps: rounding on the way may end one step further, and so may the other engine's, to the other side
    # from what the network gives exactly.
    scales = {value.name: onnx.numpy_helper.to_array(value) for value in graph.initializer if not value.dims}
    steps = {node.output[0]: float(scales[node.input[1]]) for node in graph.node
             if node.op_type == "DequantizeLinear" and node.input[1] in scales}
    allowed = [2.002 * steps[output] / np.sqrt(np.mean(np.square(expected[output].astype(np.float64))))
               for output in expected if output in steps]
    return max(allowed, default=float("nan"))


def match_detections(name: str, ours: dict, theirs: dict) -> dict:
    """`ours` with the detections in the order of `theirs`: pairs of one label, the nearest first."""
    if name not in DETECTIONS or any(ours[key].shape != theirs[key].shape for key in DETECTIONS[name]):
        return ours
    boxes, scores, labels = DETECTIONS[name]
    scale = max(1.0, float(np.abs(theirs[boxes]).max(initial=0)))
    distance = np.maximum(np.abs(theirs[boxes][:, None] - ours[boxes]).max(axis=2) / scale,
                          np.abs(theirs[scores][:, None] - ours[scores]))
    distance[theirs[labels][:, None] != ours[labels]] += 1e3
    count = len(theirs[scores])
    order, free = np.full(count, -1), np.ones(count, bool)
    for pair in np.argsort(distance, axis=None, kind="stable"):
        row, place = divmod(int(pair), count)
        if order[row] < 0 and free[place]:
            order[row], free[place] = place, False
    return {**ours, **{key: ours[key][order] for key in DETECTIONS[name]}}


def overlap(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of every box with every other."""
    low, high = np.maximum(boxes[:, None, :2], others[:, :2]), np.minimum(boxes[:, None, 2:], others[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    area, other_area = (np.prod(box[:, 2:] - box[:, :2], axis=1) for box in (boxes, others))
    return shared / np.maximum(area[:, None] + other_area - shared, 1e-9)


def settled_detections(name: str, ours: dict, theirs: dict, allowed: float) -> tuple:
    """(ours, theirs) without the detections over which roundings of up to `allowed` decide, both being matched: those
    with a rival on the other side, of their label, as high a score, and an overlap at which one suppresses the other,
    or with a score at which the list ends. Where these are more than a few, nothing is left out."""
    if name not in DETECTIONS or any(ours[key].shape != theirs[key].shape for key in DETECTIONS[name]):
        return ours, theirs
    boxes, scores, labels = DETECTIONS[name]
    near = {key: allowed * np.sqrt(np.square(theirs[key]).sum() / max(theirs[key].size, 1)) for key in (boxes, scores)}
    apart = (np.abs(ours[boxes] - theirs[boxes]).max(axis=1) > near[boxes]) | (ours[labels] != theirs[labels]) | \
        (np.abs(ours[scores] - theirs[scores]) > near[scores])

    def undecided(side: dict, other: dict) -> np.ndarray:
        rival = (overlap(side[boxes], other[boxes]) >= SUPPRESSING) & (side[labels][:, None] == other[labels]) & \
            (other[scores] >= side[scores][:, None] - near[scores])
        return rival.any(axis=1) | (side[scores] <= other[scores].min(initial=np.inf) + near[scores])

    left_out = apart & undecided(ours, theirs) & undecided(theirs, ours)
    if left_out.sum() > MOST_UNDECIDED * len(apart):
        return ours, theirs
    return tuple({**side, **{key: side[key][~left_out] for key in DETECTIONS[name]}} for side in (ours, theirs))


def names(folder: pathlib.Path = FOLDER) -> list:
    return sorted(path.stem for path in folder.glob("*.onnx"))


def shapes_of(name: str) -> list:
    """The shapes to run; one empty one where all dimensions are fixed."""
    return SHAPES.get(name, [{}])


def _made(target: pathlib.Path, folder: pathlib.Path, source: pathlib.Path, *options: str) -> pathlib.Path:
    script = folder / "fill.py"
    newest = max(script.stat().st_mtime, source.stat().st_mtime)
    if not target.exists() or target.stat().st_mtime < newest:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name("partial-" + target.name)  # an interrupted run leaves no half file under the name
        subprocess.run([sys.executable, script, *options, source, partial], check=True, stdin=subprocess.DEVNULL)
        partial.rename(target)
    return target


def filled(name: str, folder: pathlib.Path = FOLDER, cache: pathlib.Path = CACHE) -> pathlib.Path:
    """The graph with its weights."""
    return _made(cache / f"{name}.onnx", folder, folder / f"{name}.onnx")


def feed(name: str, shape: dict, folder: pathlib.Path = FOLDER, cache: pathlib.Path = CACHE) -> pathlib.Path:
    """A seeded random feed (.npz) for the inputs, with the symbolic dimensions of `shape`."""
    suffix = "".join(f"-{key}{value}" for key, value in shape.items())
    options = [part for key, value in shape.items() for part in ("--dim", f"{key}={value}")]
    return _made(cache / f"{name}{suffix}.npz", folder, folder / f"{name}.onnx", "--inputs", *options)


def relative_error(ours: np.ndarray, theirs: np.ndarray) -> float:
    """max|ours - theirs| / rms(theirs); infinite for a wrong shape, a differing integer, or a NaN on one side only."""
    if ours.shape != theirs.shape or ours.dtype.kind != theirs.dtype.kind:
        return float("inf")
    if theirs.size == 0:
        return 0.0
    if theirs.dtype.kind not in "fc":
        return 0.0 if np.array_equal(ours, theirs) else float("inf")
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    if same.all():
        return 0.0
    difference = np.where(same, 0.0, np.abs(ours - theirs)).max()
    finite = theirs[np.isfinite(theirs)]
    rms = float(np.sqrt(np.mean(np.square(finite)))) if finite.size else 0.0
    if not np.isfinite(difference):
        return float("inf")
    return float(difference / rms) if rms > 0 else float(difference)
