# SPDX-License-Identifier: Apache-2.0
"""Whole files as ONNX Runtime's quantiser and optimiser write them, from small networks made here."""
import pathlib

import numpy as np
import onnx
import pytest

pytest.importorskip("onnxruntime", reason="the package onnxruntime is not installed")
pytest.importorskip("ingot", reason="the Python module is not installed")
quantization = pytest.importorskip("onnxruntime.quantization", reason="ONNX Runtime's quantiser does not load")

import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from byte_range import exact
from ort_cases import SEED, random, run_ingot, run_onnxruntime

F32 = np.float32


class Network:
    """Collects nodes and weights."""

    def __init__(self, salt):
        self.random, self.nodes, self.weights, self.count = random(salt), [], [], 0

    def weight(self, *shape, scale=1.0):
        name = f"w{len(self.weights)}"
        value = (scale * self.random.standard_normal(shape)).astype(F32)
        self.weights.append(numpy_helper.from_array(value, name))
        return name

    def fixed(self, value):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def add(self, op, *inputs, **attributes):
        self.count += 1
        self.nodes.append(helper.make_node(op, list(inputs), [f"v{self.count}"], name=f"n{self.count}", **attributes))
        return f"v{self.count}"

    def model(self, inputs, output):
        self.nodes.append(helper.make_node("Identity", [output], ["y"], name="last"))
        graph = helper.make_graph(
            self.nodes, "network",
            [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
             for name, value in inputs.items()],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], self.weights)
        return onnx.shape_inference.infer_shapes(
            helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))


def convolutional():
    n = Network(1)
    inputs = {"x": n.random.standard_normal((2, 3, 16, 16)).astype(F32)}

    def conv(x, ins, outs, kernel=3, stride=1, group=1):
        scale = 1 / np.sqrt(ins // group * kernel * kernel)
        return n.add("Conv", x, n.weight(outs, ins // group, kernel, kernel, scale=scale), n.weight(outs, scale=0.1),
                     kernel_shape=[kernel, kernel], strides=[stride, stride], pads=[kernel // 2] * 4, group=group)

    x = n.add("Relu", conv("x", 3, 16, stride=2))
    y = n.add("Clip", conv(x, 16, 16, group=16), n.fixed(F32(0)), n.fixed(F32(6)))
    x = n.add("Add", conv(y, 16, 16, kernel=1), x)
    x = n.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    a = n.add("LeakyRelu", conv(x, 16, 8, kernel=1), alpha=0.1)
    b = n.add("Mul", conv(x, 16, 8), n.add("Sigmoid", conv(x, 16, 8)))
    x = n.add("Concat", a, b, axis=1)
    x = n.add("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = n.add("Flatten", n.add("GlobalAveragePool", x))
    return n.model(inputs, n.add("Gemm", x, n.weight(10, 16, scale=0.25), n.weight(10), transB=1)), inputs


def transformer():
    n = Network(2)
    batch, length, width, heads = 2, 6, 32, 4
    inputs = {"ids": n.random.integers(0, 50, (batch, length))}
    x = n.add("Gather", n.weight(50, width), "ids")
    norm = lambda v: n.add("LayerNormalization", v, n.weight(width, scale=0.5), n.weight(width, scale=0.1), axis=-1)
    dense = lambda v, outs, ins=width: n.add("Add", n.add("MatMul", v, n.weight(ins, outs, scale=ins**-0.5)),
                                             n.weight(outs, scale=0.1))
    for _ in range(2):
        parts = [n.add("Transpose", n.add("Reshape", dense(x, width), n.fixed(np.array([0, 0, heads, -1]))),
                       perm=[0, 2, 1, 3] if i != 1 else [0, 2, 3, 1]) for i in range(3)]
        scores = n.add("Div", n.add("MatMul", parts[0], parts[1]), n.fixed(F32(np.sqrt(width // heads))))
        seen = n.add("MatMul", n.add("Softmax", scores, axis=-1), parts[2])
        seen = n.add("Reshape", n.add("Transpose", seen, perm=[0, 2, 1, 3]), n.fixed(np.array([0, 0, width])))
        x = norm(n.add("Add", x, dense(seen, width)))
        h = dense(x, 64)
        gelu = n.add("Mul", n.add("Mul", h, n.add("Add", n.add("Erf", n.add("Div", h, n.fixed(F32(np.sqrt(2))))),
                                                  n.fixed(F32(1)))), n.fixed(F32(0.5)))
        x = norm(n.add("Add", x, dense(gelu, width, 64)))
    return n.model(inputs, x), inputs


class Calibration(quantization.CalibrationDataReader):
    def __init__(self, inputs):
        self.left = iter([inputs])

    def get_next(self):
        return next(self.left, None)


NETWORKS = {"convolutional": convolutional, "transformer": transformer}


def run_both(path):
    model = onnx.load(path)
    return model, lambda inputs: (run_ingot(model, inputs)[0], run_onnxruntime(model, inputs)[0])


def check_error(got, want, steps, message):
    """Quantised results differ by a few steps of quantisation where a rounding falls the other way."""
    rms = np.sqrt(np.mean(np.square(want, dtype=np.float64)))
    error = np.sqrt(np.mean(np.square(got.astype(np.float64) - want)))
    assert got.shape == want.shape and error <= steps * rms, f"INGOT_TEST_SEED={SEED}, {message}: {error / rms:g} of the RMS"


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
@pytest.mark.parametrize("activations, weights, channel", [("QUInt8", "QUInt8", 0), ("QUInt8", "QInt8", 1),
                                                           ("QInt8", "QInt8", 0)])
def test_static(network, form, activations, weights, channel, tmp_path):
    model, inputs = NETWORKS[network]()
    source, target = tmp_path / "float.onnx", tmp_path / "quantized.onnx"
    onnx.save(model, source)
    types = quantization.QuantType
    quantization.quantize_static(
        str(source), str(target), Calibration(inputs), quant_format=quantization.QuantFormat[form],
        activation_type=types[activations], weight_type=types[weights], per_channel=bool(channel),
        reduce_range=not exact())
    quantized, run = run_both(target)
    assert any("Linear" in node.op_type for node in quantized.graph.node)
    got, want = run(inputs)
    check_error(got, want, 0.05, f"{network} {form}")


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("weights", ["QUInt8", "QInt8"])
def test_dynamic(network, weights, tmp_path):
    model, inputs = NETWORKS[network]()
    source, target = tmp_path / "float.onnx", tmp_path / "quantized.onnx"
    onnx.save(model, source)
    quantization.quantize_dynamic(str(source), str(target), weight_type=quantization.QuantType[weights],
                                  reduce_range=not exact())
    quantized, run = run_both(target)
    assert any("Integer" in node.op_type for node in quantized.graph.node)
    got, want = run(inputs)
    check_error(got, want, 0.02, network)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("level", ["BASIC", "EXTENDED", "ALL"])
@pytest.mark.parametrize("quantise", [0, 1])
def test_optimised(network, level, quantise, tmp_path):
    """What the optimiser writes, of the network itself and of its dynamically quantised form."""
    model, inputs = NETWORKS[network]()
    source, target = tmp_path / "float.onnx", tmp_path / "optimised.onnx"
    onnx.save(model, source)
    if quantise:
        quantization.quantize_dynamic(str(source), str(source), weight_type=quantization.QuantType.QUInt8)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, f"ORT_ENABLE_{level}")
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    optimised = onnx.load(target)
    private = {node.op_type for node in optimised.graph.node if node.domain == "com.microsoft.nchwc"}
    if private:
        pytest.skip(f"the layout of {', '.join(sorted(private))} is ONNX Runtime's own business")
    got, want = run_ingot(optimised, inputs)[0], session.run(None, inputs)[0]
    check_error(got, want, 0.02 if quantise else 1e-5, f"{network} {level}")
