# SPDX-License-Identifier: Apache-2.0
"""Every element type that the installed onnx package gives an operator: ONNX's node tests with the operands of one type
parameter in another type build and run, or the importer refuses them in the words of docs/operators.md. Then values of
types that the node tests do not come by, against NumPy or ONNX Runtime."""
import re
import warnings

import numpy as np
import pytest

ml_dtypes = pytest.importorskip("ml_dtypes", reason="the package ml_dtypes is not installed")
ingot = pytest.importorskip("ingot", reason="the Python module is not installed")
pytest.importorskip("onnxruntime", reason="the package onnxruntime is not installed")

import onnx
from onnx import TensorProto, defs, helper

from ort_cases import Case, check, make_model, op, random, run_ingot, run_onnxruntime

# Whose operands of one type the case ties to others: attributes, bodies, or the type that bits become.
TIED = {"BitCast", "LabelEncoder", "Loop", "Scan", "TfIdfVectorizer"}
NAMES = {"float": "FLOAT", "double": "DOUBLE"}


def element_type(constraint):
    """tensor(float) -> (FLOAT, its NumPy type); None for sequences, optionals and maps."""
    name = re.fullmatch(r"tensor\((\w+)\)", constraint)
    if not name:
        return None
    number = TensorProto.DataType.Value(NAMES.get(name[1], name[1].upper()))
    return number, np.dtype(object) if number == TensorProto.STRING else helper.tensor_dtype_to_np_dtype(number)


def turned(array, dtype):
    """The values in another type, nearest to what it holds."""
    array = np.asarray(array)
    if dtype == object:
        return np.array([str(x) for x in array.flat], object).reshape(array.shape)
    if array.dtype.kind in "OUS":
        return np.arange(array.size).reshape(array.shape).astype(dtype)
    real = array.real if array.dtype.kind == "c" and dtype.kind != "c" else array
    if dtype.kind in "iu" or dtype.name in ("int4", "uint4", "int2", "uint2"):
        info = ml_dtypes.iinfo(dtype)
        bounds = max(int(info.min), -2**62), min(int(info.max), 2**62)
        return np.clip(np.nan_to_num(real.astype(np.float64)), *bounds).astype(np.int64).astype(dtype)
    return real.astype(dtype) if dtype.kind in "bcd" else real.astype(np.float32).astype(dtype)


def spread():
    """One case for each operator, version, type parameter and type."""
    from onnx.backend.test.case.node import collect_testcases
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = collect_testcases(None)
    found = {}
    for case in cases:
        opsets = {opset.domain: opset.version for opset in case.model.opset_import}
        node = case.model.graph.node[0]
        if len(case.model.graph.node) != 1 or node.domain not in opsets or node.op_type in TIED or not case.data_sets:
            continue
        if not defs.has(node.op_type, opsets[node.domain], node.domain) or "training" in node.domain:
            continue
        schema = defs.get_schema(node.op_type, opsets[node.domain], node.domain)
        values = dict(zip((value.name for value in case.model.graph.input), case.data_sets[0][0]))
        if not all(isinstance(value, (np.ndarray, np.generic)) for value in values.values()):
            continue
        parameters = {name: schema.inputs[min(i, len(schema.inputs) - 1)].type_str
                      for i, name in enumerate(node.input) if name in values}
        for constraint in schema.type_constraints:
            names = [name for name, parameter in parameters.items() if parameter == constraint.type_param_str]
            for text in constraint.allowed_type_strs if names else []:
                key = f"{node.op_type}-{schema.since_version}-{constraint.type_param_str}-{text}"
                if (element := element_type(text)) and key not in found:
                    found[key] = (case.model, values, names, element)
    return found


CASES = spread()


@pytest.mark.parametrize("name", CASES)
def test_every_type(name):
    origin, values, names, (number, dtype) = CASES[name]
    model = onnx.ModelProto()
    model.CopyFrom(origin)
    for value in model.graph.input:
        if value.name in names:
            value.type.tensor_type.elem_type = number
    for value in model.graph.output:
        value.ClearField("type")  # inferred
    with np.errstate(all="ignore"):
        inputs = {key: turned(value, dtype) if key in names else np.asarray(value) for key, value in values.items()}
        try:
            run_ingot(model, inputs)
        except ingot.Unsupported as error:
            assert re.search(r"\): not supported: ", str(error)), error


def run_one(node, inputs, opset=21, outputs="y"):
    case = Case([node], inputs, outputs.split(","), opset=opset)
    model = make_model(case, False)
    model.ir_version = 14
    return run_ingot(model, inputs)


@pytest.mark.parametrize("name", ["float6_e2m3fn", "float6_e3m2fn"])
def test_float6(name):
    dtype = np.dtype(getattr(ml_dtypes, name))
    number = helper.np_dtype_to_tensor_dtype(dtype)
    r = random(1)
    x = np.concatenate([r.standard_normal(50) * 4, [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30]]).astype(np.float32)
    (narrow,) = run_one(op("Cast", "x", "y", to=number), {"x": x}, 28)
    np.testing.assert_array_equal(narrow.view(np.uint8), x.astype(dtype).view(np.uint8))
    codes = np.arange(64, dtype=np.uint8).view(dtype)
    (wide,) = run_one(op("Cast", "x", "y", to=TensorProto.FLOAT), {"x": codes}, 28)
    np.testing.assert_array_equal(wide, codes.astype(np.float32))
    scale = np.float32(0.37)
    (q,) = run_one(op("QuantizeLinear", "x,s", "y", output_dtype=number), {"x": x[:50], "s": scale}, 28)
    np.testing.assert_array_equal(q.view(np.uint8), (x[:50] / scale).astype(dtype).view(np.uint8))
    (y,) = run_one(op("DequantizeLinear", "q,s", "y"), {"q": q, "s": scale}, 28)
    np.testing.assert_array_equal(y, q.astype(np.float32) * scale)


@pytest.mark.parametrize("dtype", [np.int32, ml_dtypes.float8_e8m0fnu])
def test_quantised_by_a_scale_that_holds_no_fractions(dtype):
    x = random(2).integers(-999, 999, 60).astype(np.float32)
    (y,) = run_one(op("QuantizeLinear", "x,s,z", "y"), {"x": x, "s": np.asarray(8).astype(dtype), "z": np.int8(3)}, 28)
    np.testing.assert_array_equal(y, np.clip(np.rint(x / 8) + 3, -128, 127).astype(np.int8))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.int32, np.uint32, np.int64, np.uint64])
def test_shrink_of_integers(dtype):
    x = random(3).integers(0 if np.dtype(dtype).kind == "u" else -9, 10, 40).astype(dtype)
    check(Case([op("Shrink", "x", "y", lambd=1.5, bias=0.75)], {"x": x}, ["y"]))


def test_log_softmax_beside_a_large_maximum():
    x = (random(4).standard_normal((3, 37)) + np.array([[0], [1e4], [-1e6]])).astype(np.float32)
    for axis, turn in [(1, x), (0, np.ascontiguousarray(x.T))]:
        (y,) = run_one(op("LogSoftmax", "x", "y", axis=axis), {"x": turn})
        wide = turn.astype(np.float64) - turn.max(axis, keepdims=True)
        np.testing.assert_allclose(y, wide - np.log(np.exp(wide).sum(axis, keepdims=True)), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_complex_numbers(dtype):
    r = random(5)
    x = (r.integers(-1, 2, (3, 8)) + 1j * r.integers(-1, 2, (3, 8))).astype(dtype)
    np.testing.assert_array_equal(run_one(op("NonZero", "x", "y"), {"x": x})[0], np.stack(np.nonzero(x)))
    values, first, inverse, counts = run_one(op("Unique", "x", "y,i,v,c"), {"x": x}, outputs="y,i,v,c")
    for mine, theirs in zip((values, first, inverse, counts), np.unique(x, True, True, True)):
        np.testing.assert_array_equal(mine, theirs.reshape(-1))


def test_strings():
    x = np.array([["a", "", "bc"], ["", "", "d"]], object)
    np.testing.assert_array_equal(run_one(op("NonZero", "x", "y"), {"x": x})[0], np.stack(np.nonzero(x != "")))
    x = np.array([f"{i}" for i in range(96)], object).reshape(2, 8, 3, 2)
    (y,) = run_one(op("DepthToSpace", "x", "y", blocksize=2), {"x": x})
    blocks = x.reshape(2, 2, 2, 2, 3, 2).transpose(0, 3, 4, 1, 5, 2).reshape(2, 2, 6, 4)
    assert y.tolist() == blocks.tolist()


@pytest.mark.parametrize("scales", [[1, 1, 0.6, 0.7], [1, 1, 0.5, 2.3], [1, 1, 1.5, 2], [1, 1, 0.4, 1]])
def test_first_resize(scales):
    """Opset 10 takes the element above where an axis shrinks, the one below where it grows."""
    x = random(6).standard_normal((2, 3, 5, 7)).astype(np.float32)
    check(Case([op("Resize", "x,s", "y", mode="nearest")], {"x": x, "s": np.float32(scales)}, ["y"], weights=("s",),
               opset=10))


@pytest.mark.parametrize("mode,antialias", [("linear", 0), ("linear", 1), ("cubic", 0)])
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32])
@pytest.mark.parametrize("sizes", [(1, 2, 9, 4), (1, 2, 3, 12), (1, 2, 11, 15)])
def test_resize_of_integers(dtype, mode, antialias, sizes):
    """ONNX Runtime's answer in float32, cut off by plain linear interpolation and rounded otherwise, to the type's range."""
    info = np.iinfo(np.int8 if dtype == np.int8 else np.uint8)
    x = random(12).integers(info.min, int(info.max) + 1, (1, 2, 6, 7)).astype(dtype)
    node = op("Resize", ["x", "", "", "s"], "y", mode=mode, antialias=antialias)
    real = {"x": x.astype(np.float32), "s": np.array(sizes, np.int64)}
    (exact,) = run_onnxruntime(make_model(Case([node], real, ["y"], opset=18), False), real)
    (y,) = run_one(node, {"x": x, "s": real["s"]}, opset=18)
    assert y.dtype == dtype and y.shape == sizes
    edge = 0.0 if mode == "linear" and not antialias else 0.5  # where one integer ends and the next begins
    near_edge = np.abs(exact - edge - np.rint(exact - edge)) < 1e-3
    want = np.clip(np.rint(exact) if edge else np.trunc(exact), np.iinfo(dtype).min, np.iinfo(dtype).max)
    assert near_edge.mean() < 0.5
    np.testing.assert_array_equal(y[~near_edge], want[~near_edge].astype(dtype))
    assert np.abs(y[near_edge] - want[near_edge]).max(initial=0) <= 1


@pytest.mark.parametrize("mode", ["linear", "nearest", "cubic"])
def test_grid_sample_of_bytes(mode):
    """What overshoots a type's range stays at its end: ONNX Runtime's answer in float32, cut off."""
    r = random(13)
    x = np.where(r.random((2, 3, 6, 5)) < 0.5, 0, 255).astype(np.uint8)
    grid = r.uniform(-1.1, 1.1, (2, 7, 8, 2)).astype(np.float32)
    node = op("GridSample", "x,g", "y", mode=mode, padding_mode="border")
    real = {"x": x.astype(np.float32), "g": grid}
    (exact,) = run_onnxruntime(make_model(Case([node], real, ["y"], opset=20), False), real)
    (y,) = run_one(node, {"x": x, "g": grid}, opset=20)
    assert y.dtype == np.uint8
    if mode == "cubic":
        assert exact.max() > 256 and exact.min() < -1, "nothing overshoots"
    # Fractions are cut off; ONNX Runtime's own rounding is beside that.
    assert np.abs(y.astype(float) - np.clip(exact, 0, 255)).max() < 1 + 1e-3


def test_batch_normalization_per_element():
    r = random(7)
    x = r.standard_normal((3, 4, 5)).astype(np.float32)
    s, b, m = (r.standard_normal((4, 5)).astype(np.float32) for _ in range(3))
    v = np.abs(r.standard_normal((4, 5))).astype(np.float32) + np.float32(0.1)
    (y,) = run_one(op("BatchNormalization", "x,s,b,m,v", "y", spatial=0, epsilon=1e-3),
                   {"x": x, "s": s, "b": b, "m": m, "v": v}, 7)
    np.testing.assert_allclose(y, (x - m) / np.sqrt(v + 1e-3) * s + b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_batch_statistics_of_halves(dtype):
    r = random(8)
    x = (r.standard_normal((4, 3, 9)) * 2 + 30).astype(dtype)
    one, zero = np.ones(3, np.float32), np.zeros(3, np.float32)
    _, mean, variance = run_one(op("BatchNormalization", "x,s,b,m,v", "y,mm,vv", training_mode=1, momentum=0.0),
                                {"x": x, "s": one, "b": zero, "m": zero, "v": one}, outputs="y,mm,vv")
    wide = x.astype(np.float64)
    np.testing.assert_allclose(mean, wide.mean((0, 2)), rtol=1e-6)
    np.testing.assert_allclose(variance, wide.var((0, 2)), rtol=1e-5)


@pytest.mark.parametrize("x", [0.0, 3.0])
def test_non_zero_scalar(x):
    """As the specification says, and unlike NumPy."""
    assert run_one(op("NonZero", "x", "y"), {"x": np.array(x, np.float32)})[0].shape == (0, int(x != 0))


@pytest.mark.parametrize("begin, end, step", [(0, 7, -2**63 + 1), (4, -99, -2**63 + 1), (1, 2**63 - 1, 2**63 - 1), (-1, -2, 2**62),
                                              (2, -2**63, -2**62)])
def test_slices_of_huge_steps(begin, end, step):
    x = random(10).standard_normal((3, 6)).astype(np.float32)
    operands = {"b": np.array([begin]), "e": np.array([end]), "a": np.array([1]), "s": np.array([step])}
    want = x[:, slice(begin, end, step)]
    check(Case([op("Slice", "x,b,e,a,s", "y")], {"x": x} | operands, ["y"], weights=("b", "e", "a", "s")), [want])


@pytest.mark.parametrize("size", [0, 1, 4])
def test_slices_backwards_from_before_the_first(size):
    """A start is clamped to the first element, where NumPy finds nothing to begin with."""
    x = random(11).standard_normal((2, size)).astype(np.float32)
    operands = {"b": np.array([-7]), "e": np.array([-99]), "a": np.array([1]), "s": np.array([-2])}
    check(Case([op("Slice", "x,b,e,a,s", "y")], {"x": x} | operands, ["y"], weights=("b", "e", "a", "s")), [x[:, :1]])


@pytest.mark.parametrize("policy", ["not_larger", "not_smaller"])
def test_resize_of_an_empty_image(policy):
    node = op("Resize", ["x", "", "", "s"], "y", mode="nearest", keep_aspect_ratio_policy=policy, axes=[2, 3])
    x = np.zeros((1, 3, 4, 0), np.float32)
    check(Case([node], {"x": x, "s": np.array([6, 8])}, ["y"], weights=("s",)), [np.zeros((1, 3, 6, 0), np.float32)])


@pytest.mark.parametrize("scale", [1e12, 3e38])
def test_resize_beyond_all_memory(scale):
    node = op("Resize", "x,,s", "y", mode="nearest")
    with pytest.raises(ingot.Error, match="axis 3|scales are positive|possible"):
        run_one(node, {"x": np.zeros((1, 1, 2, 2), np.float32), "s": np.array([1, 1, 1, scale], np.float32)})


@pytest.mark.parametrize("rank", [9, 12])
def test_sizes_of_many_dimensions_at_run_time(rank):
    shape = [2 if i % 4 == 0 else 1 for i in range(rank)]
    x = random(9).standard_normal(shape).astype(np.float32)
    target = np.array([2 if i % 5 == 1 else size for i, size in enumerate(shape)])
    check(Case([op("Expand", "x,t", "e"), op("ReduceSum", "e,a", "y", keepdims=0)], {"x": x, "t": target, "a": np.array([0, -1])},
               ["y"], weights=("t", "a"), terms=4, dims={"x": [f"d{i}" for i in range(rank)]}))
