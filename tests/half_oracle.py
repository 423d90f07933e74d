# SPDX-License-Identifier: Apache-2.0
"""What a half costs in a network, found without the engine: ONNX Runtime runs the graph with every weight, every
input and every result of an operator rounded to fp16 or bf16, each operator computing in fp32 as kernels for halves do.

Where rounding the weights alone already moves an output far, no engine can do better. Engines that fuse operators round
less often than this, none should be worse.

Needs: ml_dtypes, numpy, onnx, onnxruntime.
"""
import ml_dtypes
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

TYPES = {"fp16": (TensorProto.FLOAT16, np.float16), "bf16": (TensorProto.BFLOAT16, ml_dtypes.bfloat16)}
# Operators that choose, count, sample or make bytes: engines keep what these decide on in fp32, so that a graph with it
# rounded says nothing. Bodies are not looked into.
DECIDING = {"ArgMax", "ArgMin", "GridSample", "NonMaxSuppression", "NonZero", "RoiAlign", "MaxRoiPool", "TopK", "Unique",
            "QuantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger",
            "Loop", "If", "Scan"}
# How much worse than the oracle an output may be: in its largest error, that of one element among many thousands, and
# in the mean square, which hardly depends on where roundings fall.
WORST, MEAN = 1.5, 1.1


def applies(graph: onnx.GraphProto) -> bool:
    return not any(node.op_type in DECIDING for node in graph.node)


def halved(array: np.ndarray, precision: str) -> np.ndarray:
    """The nearest halves, in fp32; "minus a lot" stays finite."""
    half = TYPES[precision][1]
    limit = float(ml_dtypes.finfo(half).max)
    return np.clip(array, -limit, limit).astype(half).astype(array.dtype)


def rounded(model: onnx.ModelProto, precision: str) -> onnx.ModelProto:
    """The same graph with the roundings written into it."""
    made = onnx.shape_inference.infer_shapes(model)
    graph = made.graph
    floats = {value.name for value in [*graph.value_info, *graph.output]
              if value.type.tensor_type.elem_type == TensorProto.FLOAT}
    exact = {name for node in graph.node if node.op_type == "Resize" for name in node.input[1:]}  # scales
    for value in graph.initializer:
        if value.data_type == TensorProto.FLOAT and value.name not in exact:
            value.CopyFrom(numpy_helper.from_array(halved(numpy_helper.to_array(value), precision), value.name))
    nodes = []
    for node in graph.node:
        nodes.append(node)
        if node.op_type == "Constant":  # scalars; those of masks are infinite in halves
            continue
        for i, result in enumerate(node.output):
            if result in floats and result not in exact:
                node.output[i] = f"{result}/single"
                nodes += [helper.make_node("Cast", [node.output[i]], [f"{result}/half"], to=TYPES[precision][0]),
                          helper.make_node("Cast", [f"{result}/half"], [result], to=TensorProto.FLOAT)]
    del graph.node[:]
    graph.node.extend(nodes)
    return made


def run(model: onnx.ModelProto, feeds: dict, precision: str) -> dict:
    """{output: what the graph gives with the roundings}, inputs being rounded too."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # As written: a rewrite could take two casts for none.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(rounded(model, precision).SerializeToString(), options,
                                           providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    feeds = {name: halved(value, precision) if value.dtype == np.float32 else value for name, value in feeds.items()}
    return dict(zip(names, session.run(None, feeds)))


class Oracle:
    """The outputs of a graph for a feed, computed when first asked for."""

    def __init__(self, path, feeds: dict, precision: str):
        self.path, self.feeds, self.precision, self.outputs = path, feeds, precision, None

    def permits(self, name: str, ours: np.ndarray, theirs: np.ndarray) -> tuple:
        if self.outputs is None:
            model = onnx.load(self.path)
            halves = self.precision in TYPES and applies(model.graph)
            self.outputs = run(model, self.feeds, self.precision) if halves else {}
        if name not in self.outputs or ours.shape != theirs.shape or theirs.dtype.kind != "f":
            return False, ""
        return permits(ours, self.outputs[name], theirs)


def errors(ours: np.ndarray, theirs: np.ndarray) -> tuple:
    """(largest error, root of the mean square error), both relative to the root mean square of `theirs`."""
    difference = ours.astype(np.float64) - theirs.astype(np.float64)
    rms = np.sqrt(np.mean(np.square(theirs.astype(np.float64)))) or 1.0
    return float(np.abs(difference).max(initial=0) / rms), float(np.sqrt(np.mean(np.square(difference))) / rms)


def permits(ours: np.ndarray, oracle: np.ndarray, theirs: np.ndarray) -> tuple:
    """(whether `ours` is about as near to fp32 as the oracle is, the figures in words)."""
    worst, mean = errors(ours, theirs)
    oracle_worst, oracle_mean = errors(oracle, theirs)
    allowed = worst <= WORST * oracle_worst and mean <= MEAN * oracle_mean  # false where anything is not a number
    return allowed, (f"ONNX Runtime with these roundings: {oracle_worst:.1e}, ours {worst / oracle_worst:.2f} times that "
                     f"({WORST} allowed); mean square {oracle_mean:.1e}, ours {mean / oracle_mean:.2f} times ({MEAN})")
