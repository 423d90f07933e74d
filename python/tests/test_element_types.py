# SPDX-License-Identifier: Apache-2.0
"""Arrays of every element type through an engine and back."""
import numpy as np
import onnx
import pytest
from onnx import helper

import ingot

ml_dtypes = pytest.importorskip("ml_dtypes")

NAMES = ["float32", "float64", "float16", "bfloat16", "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16",
         "int32", "int64", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "uint4", "int4",
         "float4_e2m1fn", "uint2", "int2", "float8_e8m0fnu", "float6_e2m3fn", "float6_e3m2fn"]


def engine_of(dtype: np.dtype, shape) -> ingot.Engine:
    """Turns rows."""
    kind = helper.np_dtype_to_tensor_dtype(dtype)
    graph = helper.make_graph([helper.make_node("Transpose", ["x"], ["y"], perm=[1, 0])], "test",
                              [helper.make_tensor_value_info("x", kind, shape)],
                              [helper.make_tensor_value_info("y", kind, shape[::-1])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 28)], ir_version=14)
    return ingot.build(model.SerializeToString(), time_budget=0)


@pytest.mark.parametrize("name", NAMES)
def test_goes_in_and_comes_out(name):
    dtype = np.dtype(getattr(ml_dtypes, name, name))
    x = np.array([[0, 1, 1], [1, 0, 1], [0, 0, 1], [1, 1, 1], [0, 1, 0]]).astype(dtype)  # an odd number of elements
    engine = engine_of(dtype, x.shape)
    assert engine.inputs[0].dtype == name
    y = engine(x=x)["y"]
    assert y.dtype == dtype
    np.testing.assert_array_equal(y.astype(np.float32), x.T.astype(np.float32))
    out = np.zeros(x.shape[::-1], dtype)
    assert engine({"x": x}) and engine.create_context(1).run({"x": x}, out={"y": out})["y"] is out
    np.testing.assert_array_equal(out.astype(np.float32), x.T.astype(np.float32))


def test_signs_of_small_types():
    x = np.array([[-8, 7, -1]]).astype(ml_dtypes.int4)
    np.testing.assert_array_equal(engine_of(x.dtype, x.shape)(x=x)["y"].astype(int), [[-8], [7], [-1]])


def test_another_type_is_refused():
    engine = engine_of(np.dtype(ml_dtypes.bfloat16), (1, 2))
    with pytest.raises(ingot.InvalidArgument, match="needs elements of type bfloat16, given were uint16"):
        engine(x=np.zeros((1, 2), np.uint16))


def test_backend_runs_nodes_and_models():
    from ingot import onnx_backend
    assert onnx_backend.supports_device("CPU") and not onnx_backend.supports_device("CUDA")
    with pytest.raises(ingot.Unsupported, match="CUDA"):
        onnx_backend.prepare(onnx.ModelProto(), "CUDA")
    a, b = np.float32([[1, 2]]), np.float32(3)
    for device in ("CPU", "CPU:0"):
        assert onnx_backend.supports_device(device)
        (total,) = onnx_backend.run_node(helper.make_node("Add", ["a", "b"], ["total"]), [a, b], device)
        np.testing.assert_array_equal(total, [[4, 5]])
    assert not any(onnx_backend.supports_device(device) for device in ("CPU:1", "CUDA:99", "CUDA:", "TPU"))
    values, where = onnx_backend.run_node(helper.make_node("TopK", ["x", "k"], ["values", "where"]),
                                          [np.float32([3, 1, 2]), np.int64([2])])
    np.testing.assert_array_equal(values, [3, 2])
    np.testing.assert_array_equal(where, [0, 2])
    graph = helper.make_graph([helper.make_node("Sub", ["a", "b"], ["c"])], "test",
                              [helper.make_tensor_value_info("a", 1, [2]), helper.make_tensor_value_info("b", 1, [2])],
                              [helper.make_tensor_value_info("c", 1, [2])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    ready = onnx_backend.prepare(model)
    for inputs in ([np.float32([3, 4]), np.float32([1, 1])], {"b": np.float32([1, 1]), "a": np.float32([3, 4])}):
        result = ready.run(inputs)
        np.testing.assert_array_equal(result[0], [2, 3])
        assert result["c"] is result[0]
    with pytest.raises(ingot.InvalidArgument, match="3 inputs were given, the model has 2: a, b"):
        ready.run([a, a, a])
