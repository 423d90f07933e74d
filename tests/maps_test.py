# SPDX-License-Identifier: Apache-2.0
"""Maps as inputs and outputs, and the operators of ai.onnx.ml that make and read them, against ONNX Runtime."""
import numpy as np
import pytest

onnxruntime = pytest.importorskip("onnxruntime", reason="the package onnxruntime is not installed")
pytest.importorskip("ml_dtypes", reason="the package ml_dtypes is not installed")
pytest.importorskip("ingot", reason="the Python module is not installed")

import ingot
import onnx
from onnx import TensorProto, helper

from ort_cases import SEED, random

FLOAT, DOUBLE, INT64, STRING = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64, TensorProto.STRING
LABELS = {"strings": ["cat", "", "dög"], "int64s": [7, -3, 1 << 40]}


def map_info(name, key, element) -> onnx.ValueInfoProto:
    info = onnx.ValueInfoProto(name=name)
    info.type.map_type.key_type = key
    info.type.map_type.value_type.tensor_type.elem_type = element
    return info


def model(nodes, inputs, outputs) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "maps", inputs, outputs)
    opsets = [helper.make_opsetid("", 15), helper.make_opsetid("ai.onnx.ml", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def ml(kind, inputs, outputs, **attributes):
    return helper.make_node(kind, inputs, outputs, domain="ai.onnx.ml", name=f"the_{kind}", **attributes)


def run(proto, feed) -> dict:
    return ingot.build(proto.SerializeToString(), threads=1).create_context(threads=1).run(feed)


def run_onnxruntime(proto, feed) -> dict:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return dict(zip([output.name for output in session.get_outputs()], session.run(None, feed)))


@pytest.mark.parametrize("rows", [0, 1, 5])
@pytest.mark.parametrize("kind", LABELS)
def test_classifier_that_ends_in_maps(kind, rows):
    """What converters write for a scikit-learn classifier: the label, and a dict of the probabilities of each row."""
    r = random(rows)
    attributes = {f"classlabels_{'ints' if kind == 'int64s' else kind}": LABELS[kind]}
    nodes = [ml("LinearClassifier", ["x"], ["label", "scores"], coefficients=r.standard_normal(12).tolist(),
                intercepts=[0.1, 0.2, -0.3], post_transform="SOFTMAX", **attributes),
             ml("ZipMap", ["scores"], ["probabilities"], **{f"classlabels_{kind}": LABELS[kind]})]
    key = STRING if kind == "strings" else INT64
    maps = onnx.ValueInfoProto(name="probabilities")
    maps.type.sequence_type.elem_type.CopyFrom(map_info("", key, FLOAT).type)
    proto = model(nodes, [helper.make_tensor_value_info("x", FLOAT, ["n", 4])],
                  [helper.make_tensor_value_info("label", key, ["n"]), maps])
    feed = {"x": r.standard_normal((rows, 4)).astype(np.float32)}
    got = run(proto, feed)
    assert len(got["probabilities"]) == rows
    if rows == 0:  # ONNX Runtime refuses it
        return
    want = run_onnxruntime(proto, feed)
    assert got["label"].tolist() == np.asarray(want["label"]).tolist()
    for mine, theirs in zip(got["probabilities"], want["probabilities"]):
        assert isinstance(mine, dict) and sorted(mine) == sorted(theirs)
        for label, share in theirs.items():
            assert mine[label] == pytest.approx(share, rel=1e-5, abs=1e-6), f"INGOT_TEST_SEED={SEED}"


@pytest.mark.parametrize("form", ["DENSE", "SPARSE"])
@pytest.mark.parametrize("to,output", [("TO_FLOAT", FLOAT), ("TO_INT64", INT64), ("TO_STRING", STRING)])
@pytest.mark.parametrize("given", [{3: 1.5, 1: -2.75, 0: 1e10, 6: 0.125}, {2: 7.0}], ids=["four", "one"])
def test_cast_map(form, to, output, given):
    proto = model([ml("CastMap", ["m"], ["y"], cast_to=to, map_form=form, max_map=5)], [map_info("m", INT64, FLOAT)],
                  [helper.make_tensor_value_info("y", output, [1, None])])
    got, want = run(proto, {"m": given})["y"], run_onnxruntime(proto, {"m": given})["y"]
    assert got.shape == want.shape and got.tolist() == want.tolist()


def test_cast_map_of_texts():
    """ONNX Runtime's Python cannot give it such a map."""
    proto = model([ml("CastMap", ["m"], ["y"])], [map_info("m", INT64, STRING)],
                  [helper.make_tensor_value_info("y", FLOAT, [1, None])])
    np.testing.assert_array_equal(run(proto, {"m": {5: "2.5", -1: "-1e3"}})["y"], np.float32([[-1000, 2.5]]))
    with pytest.raises(ingot.Error, match="'2.5x' is no number"):
        run(proto, {"m": {5: "2.5x"}})
    assert run(proto, {"m": {}})["y"].shape == (1, 0)


@pytest.mark.parametrize("key,element,given,vocabulary,want", [
    (STRING, FLOAT, {"a": 4.0, "c": 8.0, "elsewhere": 1.0}, ["a", "c", "b", "z"], [4.0, 8.0, 0.0, 0.0]),
    (INT64, FLOAT, {1: 4.0, 2: 8.0}, [2, 3, 1], [8.0, 0.0, 4.0]),
    (STRING, INT64, {"a": (1 << 62) + 1}, ["b", "a"], [0, (1 << 62) + 1]),
    (INT64, DOUBLE, {1: 0.1}, [1], [0.1]),
    (INT64, STRING, {1: "x"}, [2, 1], ["", "x"]),
])
def test_dict_vectorizer(key, element, given, vocabulary, want):
    attribute = {"string_vocabulary" if key == STRING else "int64_vocabulary": vocabulary}
    proto = model([ml("DictVectorizer", ["m"], ["y"], **attribute)], [map_info("m", key, element)],
                  [helper.make_tensor_value_info("y", element, [1, len(want)])])
    assert run(proto, {"m": given})["y"].tolist() == [want]
    if element == FLOAT:  # others cannot be given to ONNX Runtime from Python
        assert run_onnxruntime(proto, {"m": given})["y"].tolist() == [want]


def test_maps_as_they_are():
    """Through the engine without a step, alone and in a branch."""
    branch = lambda name: helper.make_graph([helper.make_node("Identity", ["m"], [name])], name, [],
                                            [map_info(name, STRING, FLOAT)])
    proto = model([helper.make_node("Identity", ["m"], ["same"]),
                   helper.make_node("If", ["c"], ["either"], then_branch=branch("t"), else_branch=branch("e"))],
                  [map_info("m", STRING, FLOAT), helper.make_tensor_value_info("c", TensorProto.BOOL, [])],
                  [map_info("same", STRING, FLOAT), map_info("either", STRING, FLOAT)])
    given = {"one": 1.0, "two": 2.5}
    assert run(proto, {"m": given, "c": np.array(True)}) == {"same": given, "either": given}


def test_wrong_maps_are_refused():
    vectorizer = ml("DictVectorizer", ["m"], ["y"], string_vocabulary=["a"])
    output = helper.make_tensor_value_info("y", FLOAT, None)
    proto = model([vectorizer], [map_info("m", STRING, FLOAT)], [output])
    for wrong in (np.zeros(2, np.float32), [{"a": 1.0}], {1: 1.0}):
        with pytest.raises(ingot.Error, match="m"):
            run(proto, {"m": wrong})
    with pytest.raises(ingot.Error, match="the_DictVectorizer.*keys.*i64.*vocabulary"):
        run(model([vectorizer], [map_info("m", INT64, FLOAT)], [output]), {})
    with pytest.raises(ingot.Error, match="the_ZipMap.*classlabels_strings and classlabels_int64s"):
        run(model([ml("ZipMap", ["x"], ["y"])], [helper.make_tensor_value_info("x", FLOAT, [2, 2])], [output]), {})
    with pytest.raises(ingot.Error, match="the_ZipMap.*one column for each label"):
        run(model([ml("ZipMap", ["x"], ["y"], classlabels_int64s=[1, 2, 3])],
                  [helper.make_tensor_value_info("x", FLOAT, [2, 2])], [output]), {})
    with pytest.raises(ingot.Error, match="the_DictVectorizer.*no map"):
        run(model([vectorizer], [helper.make_tensor_value_info("m", FLOAT, [2])], [output]), {})
