# SPDX-License-Identifier: Apache-2.0
"""Graphs that are sound protobuf and wrong all the same: refused when they are read, with the node's name and what is
wrong."""
import numpy as np
import pytest

pytest.importorskip("ml_dtypes", reason="the package ml_dtypes is not installed")
pytest.importorskip("ingot", reason="the Python module is not installed")

import ingot
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


def value(name, shape=(2, 3), element=FLOAT):
    return helper.make_tensor_value_info(name, element, shape)


def node(op, inputs, outputs="y", **attributes):
    return helper.make_node(op, inputs.split(), outputs.split(), name="the_node", **attributes)


def constant(name, array):
    return numpy_helper.from_array(np.asarray(array), name)


def build(nodes, constants=(), inputs=(), outputs="y", opset=21, functions=()):
    graph = helper.make_graph(nodes, "bad", [value("x"), *inputs],
                              [onnx.ValueInfoProto(name=name) for name in outputs.split()], list(constants))
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("own", 1), helper.make_opsetid("ai.onnx.ml", 3),
              helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10, functions=list(functions))
    return ingot.build(model.SerializeToString(), threads=1, time_budget=0.0)


def body(nodes, inputs, outputs, constants=()):
    return helper.make_graph([helper.make_node(op, ins.split(), outs.split(), name=f"inner_{op}") for op, ins, outs in nodes],
                             "body", inputs, [onnx.ValueInfoProto(name=name) for name in outputs.split()], constants)


LOOP_INPUTS = [value("i", [], INT64), value("go", [], BOOL), value("s")]

# name: (what the message says, nodes, constants, further inputs)
CASES = {
    # --- numbers of operands ---
    "too few inputs": ("input", [node("Add", "x")], [], []),
    "too many inputs": ("input", [node("Relu", "x x")], [], []),
    "no inputs": ("input", [node("Concat", "", axis=0)], [], []),
    "required input left out": ("input|missing", [helper.make_node("Conv", ["x", ""], ["y"], name="the_node")], [], []),
    "too many outputs": ("output", [node("Relu", "x", "y z")], [], []),
    "too many outputs of what another operator computes":
        ("output 1", [node("LabelEncoder", "x", "y z", domain="ai.onnx.ml", keys_floats=[1.0], values_floats=[2.0])], [], []),
    "no outputs": ("output", [node("Relu", "x", "")], [], []),
    # --- attributes ---
    "attribute of a wrong type": ("axis", [node("Softmax", "x", axis=1.5)], [], []),
    "list for a number": ("axis", [node("Concat", "x x", axis=[0, 1])], [], []),
    "text for numbers": ("perm", [node("Transpose", "x", perm="10")], [], []),
    "number for a graph": ("then_branch|graph|bodies", [node("If", "c", then_branch=1, else_branch=2)], [],
                           [value("c", [], BOOL)]),
    "graph for a number": ("axis", [node("Softmax", "x", axis=body([("Relu", "x", "r")], [], "r"))], [], []),
    "unknown attribute": ("alhpa", [node("LeakyRelu", "x", alhpa=0.5)], [], []),
    "missing attribute": ("axis", [node("Concat", "x x")], [], []),
    "unknown choice": ("mode", [helper.make_node("Resize", ["x", "", "s"], ["y"], name="the_node", mode="quadratic")],
                       [constant("s", np.float32([2, 2]))], []),
    # --- axes ---
    "axis out of range": ("axis", [node("Softmax", "x", axis=2)], [], []),
    "negative axis out of range": ("axis", [node("Concat", "x x", axis=-3)], [], []),
    "axes twice": ("axes", [node("Squeeze", "x a")], [constant("a", [0, 0])], []),
    "perm is none": ("perm", [node("Transpose", "x", perm=[0, 0])], [], []),
    "perm too short": ("perm", [node("Transpose", "x", perm=[0])], [], []),
    "split that does not add up": ("split", [node("Split", "x s", "y z", axis=1)], [constant("s", [1, 1])], []),
    "squeeze of 3": ("squeeze|1", [node("Squeeze", "x a")], [constant("a", [1])], []),
    # --- shapes and types ---
    "shapes that do not broadcast": ("broadcast|2, 3", [node("Add", "x b")], [], [value("b", (2, 4))]),
    "products that do not fit": ("3", [node("MatMul", "x b")], [], [value("b", (4, 2))]),
    "channels that do not fit": ("channel|group", [node("Conv", "i w")], [constant("w", np.zeros((4, 5, 1, 1), np.float32))],
                                 [value("i", (1, 3, 8, 8))]),
    "window larger than the image": ("window|negative|kernel|size|small", [node("MaxPool", "i", kernel_shape=[12, 12])], [],
                                     [value("i", (1, 3, 8, 8))]),
    "an output beyond all memory": ("output_shape", [node("ConvTranspose", "i w", output_shape=[10, 2**63 - 1])],
                                    [constant("w", np.zeros((3, 2, 3, 3), np.float32))], [value("i", (1, 3, 8, 8))]),
    "rows that do not fit": ("dimension|concat|axis", [node("Concat", "x b", axis=0)], [], [value("b", (2, 4))]),
    "reshape to another size": ("reshape|element", [node("Reshape", "x s")], [constant("s", [4, 2])], []),
    "reshape with two open sizes": ("-1", [node("Reshape", "x s")], [constant("s", [-1, -1])], []),
    "another type": ("f32|i64|type", [node("Add", "x b")], [], [value("b", (2, 3), INT64)]),
    "complex numbers to cast": ("number type, boolean or string", [node("Cast", "c", to=FLOAT)], [],
                                [value("c", (2,), TensorProto.COMPLEX64)]),
    "a cast to complex numbers": ("c64", [node("Cast", "x", to=TensorProto.COMPLEX64)], [], []),
    "maximum of strings": ("number type", [node("ReduceMax", "s", keepdims=0)], [], [value("s", (2,), TensorProto.STRING)]),
    "strings added up": ("not supported: a reduction of strings", [node("ScatterND", "s i s", reduction="add")],
                         [constant("i", [[0], [0]])], [value("s", (2,), TensorProto.STRING)]),
    "strings interpolated": ("not supported: strings", [node("GridSample", "s g")], [constant("g", np.zeros((1, 1, 1, 2), np.float32))],
                             [value("s", (1, 1, 2, 2), TensorProto.STRING)]),
    "floats as indices": ("i64|i32|integer|f32", [node("Gather", "x x")], [], []),
    # --- bodies ---
    "branch without its output": ("then_branch", [node("If", "c", then_branch=body([], [], ""), else_branch=body(
        [("Relu", "x", "r")], [], "r"))], [], [value("c", [], BOOL)]),
    "branches of different types": ("f32.*i64|i64.*f32", [node("If", "c", then_branch=body([("Shape", "x", "r")], [], "r"),
                                                              else_branch=body([("Relu", "x", "r")], [], "r"))], [],
                                    [value("c", [], BOOL)]),
    "cycle in a body": ("cycle", [node("If", "c", then_branch=body([("Add", "x b", "a"), ("Relu", "a", "b")], [], "b"),
                                       else_branch=body([("Relu", "x", "r")], [], "r"))], [], [value("c", [], BOOL)]),
    "body that uses its node's output": ("y|cycle", [node("If", "c", then_branch=body([("Relu", "y", "r")], [], "r"),
                                                          else_branch=body([("Relu", "x", "r")], [], "r"))], [],
                                         [value("c", [], BOOL)]),
    "loop body of too few inputs": ("body", [node("Loop", "m c x", body=body([("Identity", "go", "g")], LOOP_INPUTS[:2], "g"))],
                                    [constant("m", 3), constant("c", True)], []),
    "loop body of too few outputs": ("body", [node("Loop", "m c x", body=body([("Identity", "go", "g")], LOOP_INPUTS, "g"))],
                                     [constant("m", 3), constant("c", True)], []),
    "loop state of another type": ("body|f32|i64", [node("Loop", "m c x", body=body(
        [("Identity", "go", "g"), ("Shape", "s", "n")], LOOP_INPUTS, "g n"))], [constant("m", 3), constant("c", True)], []),
    "scan over a scalar": ("axis|rank", [node("Scan", "n", num_scan_inputs=1, body=body(
        [("Relu", "e", "r")], [value("e", [])], "r"))], [], [value("n", [])]),
    "scan over another type than the body's": ("is i64, but what goes in is f32", [node("Scan", "x", num_scan_inputs=1, body=body(
        [("Neg", "e", "r")], [value("e", [3], INT64)], "r"))], [], []),
    "an operator of ONNX Runtime's for one device": ("not supported: operators that are not in the table", [
        node("PackedAttention", "x", domain="com.microsoft")], [], []),
    "scan of more inputs than there are": ("num_scan_inputs", [node("Scan", "x", num_scan_inputs=2, body=body(
        [("Relu", "e", "r")], [value("e", [3])], "r"))], [], []),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_graph(name):
    words, nodes, constants, inputs = CASES[name]
    with pytest.raises(ingot.Error, match=f"(?is)the_node.*({words})|({words}).*the_node") as caught:
        build(nodes, constants, inputs)
    assert not isinstance(caught.value, ingot.errors.Internal)


def test_cycle_names_a_node():
    nodes = [helper.make_node("Add", ["x", "b"], ["a"], "first"), helper.make_node("Relu", ["a"], ["b"], "second")]
    with pytest.raises(ingot.Error, match="(first|second)"):
        build(nodes, outputs="b")


def test_functions_that_call_each_other():
    call = lambda name: helper.make_node(name, ["a"], ["b"], domain="own", name=f"call_{name}")
    functions = [helper.make_function("own", name, ["a"], ["b"], [call(other)], [helper.make_opsetid("own", 1), helper.make_opsetid("ai.onnx.ml", 3)])
                 for name, other in (("One", "Two"), ("Two", "One"))]
    with pytest.raises(ingot.Error, match="own::(One|Two) calls itself"):
        build([helper.make_node("One", ["x"], ["y"], domain="own", name="the_node")], functions=functions)
