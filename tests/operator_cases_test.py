# SPDX-License-Identifier: Apache-2.0
"""Operators at the edges of their specification, against ONNX Runtime, and against onnx.reference where it has
no kernel: negative axes, dimensions of 0 and 1, broadcasting both ways, high ranks, NaN, infinities, extreme integers,
every type."""
import dataclasses
import itertools
import math

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="the package onnxruntime is not installed")
pytest.importorskip("ml_dtypes", reason="the package ml_dtypes is not installed")
pytest.importorskip("ingot", reason="the Python module is not installed")

import ml_dtypes
import onnx
from onnx import helper

from ort_cases import Case, check, make_model, op, random, run_ingot, run_onnxruntime

F16, F32, F64 = np.float16, np.float32, np.float64
INTS = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64]
FLOATS = [F16, F32, F64]


def values(r, dtype, *shape, special=True):
    """Values with the type's extremes, and with NaN, infinities and zeros of both signs where it has them."""
    dtype = np.dtype(dtype)
    if dtype == bool:
        return np.asarray(r.random(shape) < 0.5)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        x = r.integers(-9 if dtype.kind == "i" else 0, 10, shape).astype(dtype)
        edges = [info.min, info.max, 0, 1]
    else:
        x = r.standard_normal(shape).astype(dtype)
        edges = [np.nan, np.inf, -np.inf, 0.0, -0.0, np.finfo(dtype).max, np.finfo(dtype).tiny]
    x = np.asarray(x, dtype).reshape(shape)
    if special and x.size >= len(edges):
        x.flat[r.choice(x.size, len(edges), replace=False)] = np.array(edges, dtype)
    return x


def made(name, nodes, inputs, outputs="y", expected=None, **more):
    """`expected`: the output, where ONNX Runtime fails."""
    return pytest.param((Case(nodes, inputs, outputs.split(","), **more), expected), id=name)


def in_wider_types(case):
    """The outputs as ONNX Runtime computes them of wider operands: right where elements are moved and not computed."""
    wider = {np.dtype(bool): F32, np.dtype(np.int16): np.int32, np.dtype(np.uint16): np.int32}
    narrow = {np.dtype(wider[x.dtype]): x.dtype for x in case.inputs.values() if x.dtype in wider}
    wide = dataclasses.replace(case, inputs={name: x.astype(wider.get(x.dtype, x.dtype))
                                             for name, x in case.inputs.items()})
    outputs = run_onnxruntime(make_model(wide, False), wide.inputs)
    return [y.astype(narrow.get(y.dtype, y.dtype)) for y in outputs]


# Where onnx.reference fails as well: it takes no negative pads, and asks for None of a bool's depth.
MOVED_AS_WIDER = {"Pad", "OneHot"}


def check_somewhere(case_and_expected):
    """ONNX Runtime has no kernel for some types, for which onnx.reference has one that computes in the type itself."""
    import onnxruntime.capi.onnxruntime_pybind11_state as state
    from onnx.reference import ReferenceEvaluator
    case, expected = case_and_expected
    if expected is not None:
        return check(case, [expected])
    try:
        return check(case)
    except (state.NotImplemented, state.InvalidGraph):
        pass
    model = make_model(case, False)
    try:
        with np.errstate(all="ignore"):
            expected = ReferenceEvaluator(model).run(None, case.inputs)
    except (TypeError, ValueError):
        if model.graph.node[0].op_type not in MOVED_AS_WIDER:
            raise
        expected = in_wider_types(case)
    check(case, expected)


SHAPES = [((2, 3, 4), (2, 3, 4)), ((2, 3, 4), (4,)), ((3, 1), (2, 1, 5)), ((), (3, 3)), ((0, 3), (1, 3)), ((1,), (0,)),
          ((2, 1, 2, 1, 2, 1, 2, 1), (2, 1, 2, 1, 2, 1, 2)), ((1, 1), (5, 7, 3, 3))]


def binary():
    arithmetic = [*INTS, *FLOATS]
    groups = [("Add", arithmetic), ("Sub", arithmetic), ("Mul", arithmetic), ("Min", arithmetic), ("Max", arithmetic),
              ("Div", FLOATS), ("Equal", [bool, *arithmetic]), ("Less", arithmetic), ("GreaterOrEqual", arithmetic),
              ("And", [bool]), ("Or", [bool]), ("Xor", [bool]), ("BitwiseAnd", INTS), ("BitwiseXor", INTS),
              ("PRelu", [F32, F64])]
    for (kind, types), dtype in ((group, t) for group in groups for t in group[1]):
        for i, (a, b) in enumerate(SHAPES):
            if i > 2 and np.dtype(dtype).itemsize < 4:
                continue
            r = random(i)
            if kind == "PRelu" and (len(b) > len(a) or i in (2, 5, 6)):
                continue  # the slope broadcasts to X only
            operands = {"a": values(r, dtype, *a), "b": values(r, dtype, *b)}
            expected = None
            if kind == "PRelu" and dtype == F64:  # onnx.reference multiplies zeros by an infinite slope
                with np.errstate(all="ignore"):
                    expected = np.where(operands["a"] < 0, operands["a"] * operands["b"], operands["a"])
            yield made(f"{kind}-{np.dtype(dtype).name}-{i}", [op(kind, "a,b", "y")], operands, expected=expected,
                       weights=("b",))
    for dtype, fmod in itertools.product(INTS, [0, 1]):
        r = random(7)
        b = values(r, dtype, 40, special=False)
        b[b == 0] = 3
        yield made(f"Mod-{np.dtype(dtype).name}-{fmod}", [op("Mod", "a,b", "y", fmod=fmod)],
                   {"a": values(r, dtype, 40, special=False), "b": b})
        if not fmod:
            a = values(r, dtype, 40)
            b = b.copy()
            b[b == np.array(-1).astype(dtype)] = 2  # the least integer by -1 has no quotient
            yield made(f"Div-{np.dtype(dtype).name}", [op("Div", "a,b", "y")], {"a": a, "b": b})
    for dtype, direction in itertools.product(INTS[1::2], ["LEFT", "RIGHT"]):
        r = random(8)
        bits = 8 * np.dtype(dtype).itemsize
        yield made(f"BitShift-{np.dtype(dtype).name}-{direction}", [op("BitShift", "a,b", "y", direction=direction)],
                   {"a": values(r, dtype, 20), "b": r.integers(0, bits, 20).astype(dtype)})
    for base, exponent in [(F32, F32), (F64, F32), (F32, np.int32), (np.int32, np.int32), (np.int64, np.int64)]:
        r = random(9)
        a = np.abs(values(r, base, 24, special=False)) + np.array(1, base)
        b = r.integers(0, 6, 24).astype(exponent)
        yield made(f"Pow-{np.dtype(base).name}-{np.dtype(exponent).name}", [op("Pow", "a,b", "y")], {"a": a, "b": b},
                   rtol=1e-6)


# Where onnx.reference computes in single precision, rounds 1/6 to it, or fails on scalars.
TRUTHS = {"Erf": lambda x: erf(x), "Gelu": lambda x: x * (1 + erf(x / np.sqrt(2))) / 2,
          "HardSwish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1), "Softsign": lambda x: x / (1 + np.abs(x))}


def erf(x):
    return np.asarray(np.vectorize(math.erf, otypes=[F64])(x), F64)


def unary():
    names = ["Abs", "Neg", "Ceil", "Floor", "Round", "Sign", "Sqrt", "Exp", "Sigmoid", "Tanh", "Erf", "Softplus",
             "Softsign", "Relu", "Elu", "Selu", "LeakyRelu", "HardSigmoid", "HardSwish", "Celu", "ThresholdedRelu",
             "Reciprocal", "IsNaN", "IsInf", "Cos", "Sin", "Tan", "Atan", "Asinh", "Gelu", "Mish", "Not"]
    # Functions that their libraries approximate: a few units in the last place, more near overflow.
    loose = {"Exp", "Sigmoid", "Tanh", "Erf", "Softplus", "Elu", "Selu", "Cos", "Sin", "Tan", "Atan", "Asinh", "Gelu",
             "Mish", "Celu", "HardSwish"}
    for kind, dtype in itertools.product(names, [*FLOATS, np.int8, np.int32, np.int64, bool]):
        if (kind == "Not") != (dtype == bool) or (np.dtype(dtype).kind == "i" and kind not in
                                                  ("Abs", "Neg", "Sign", "Relu")):
            continue
        for i, shape in enumerate([(3, 5, 7), (), (0, 4), (1,), (2, 1, 3, 1, 2, 1, 2, 2)]):
            r = random(i)
            x = values(r, dtype, *shape)
            if kind == "Sign":
                x = np.where(np.isnan(x), 0, x).astype(dtype)  # the sign of NaN is not defined
            if kind in ("Cos", "Sin", "Tan", "Gelu", "Mish", "Asinh") and x.size:
                x = np.asarray(np.where(np.isfinite(x), x, 0.5).clip(-50, 50), dtype)
            yield made(f"{kind}-{np.dtype(dtype).name}-{i}", [op(kind, "x", "y")], {"x": x}, opset=22 if kind == "Mish" else 21,
                       expected=TRUTHS[kind](x) if dtype == F64 and kind in TRUTHS else None,
                       rtol={F16: 2e-3, F32: 2e-6, F64: 1e-14}[dtype] if kind in loose else 0,
                       atol={F16: 1e-6, F32: 1e-6, F64: 1e-15}[dtype] if kind in loose else 0)


def casts():
    types = [bool, *INTS, *FLOATS]
    for source, target in itertools.product(types, types):
        r = random(3)
        x = values(r, source, 5, 9, special=np.dtype(target).kind == "f" or np.dtype(source).kind != "f")
        if np.dtype(source).kind == "f" and np.dtype(target).kind in "iu":
            x = np.abs(x * 20)  # what is outside the target has no defined result
        yield made(f"Cast-{np.dtype(source).name}-{np.dtype(target).name}",
                   [op("Cast", "x", "y", to=int(helper.np_dtype_to_tensor_dtype(np.dtype(target))))],
                   {"x": x})


def cancelled(terms):
    """How far a sum may be off whose terms have this sum of magnitudes: they may cancel, and their roundings do not."""
    return float(2 * np.finfo(terms.dtype).eps * terms)


def reductions():
    kinds = ["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSum",
             "ReduceLogSumExp", "ReduceSumSquare"]
    variants = [((2, 3, 4), [-1], 1), ((2, 3, 4), [0, -2], 0), ((2, 3, 4), None, 1), ((4, 1, 5), [1], 0),
                ((2, 1, 3, 1, 2, 1, 2, 2), [-1, 2, 4], 1), ((3, 3), [], 1)]
    for kind, dtype, (i, (shape, axes, keep)) in itertools.product(kinds, [F32, F64, np.int32, np.int64],
                                                                   enumerate(variants)):
        r = random(i)
        if np.dtype(dtype).kind == "i" and kind in ("ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMean"):
            continue  # fractions of integers
        x = values(r, dtype, *shape, special=False)
        if kind == "ReduceProd" and np.dtype(dtype).kind == "i":
            x = np.clip(x, -2, 2)  # ONNX Runtime's results of products beyond the type vary with the axes
        if kind == "ReduceLogSum":
            x = np.abs(x) + np.array(0.5, dtype)
        inputs = {"x": x} | ({} if axes is None else {"axes": np.array(axes, np.int64)})
        yield made(f"{kind}-{np.dtype(dtype).name}-{i}", [op(kind, list(inputs), "y", keepdims=keep,
                                                            noop_with_empty_axes=int(axes == []))], inputs,
                   weights=("axes",), terms=64, rtol=1e-6,
                   atol=cancelled(np.abs(x).sum()) if np.dtype(dtype).kind == "f" else 0.0)
    for kind, dtype, (i, (shape, axis, keep, last)) in itertools.product(
            ["ArgMax", "ArgMin"], [F32, F64, np.int32, np.int8], enumerate(
                [((2, 3, 4), -1, 1, 0), ((2, 3, 4), 1, 0, 1), ((3, 1, 2), 1, 1, 0), ((2, 1, 3, 1, 2, 1, 2, 2), -2, 0, 0)])):
        yield made(f"{kind}-{np.dtype(dtype).name}-{i}", [op(kind, "x", "y", axis=axis, keepdims=keep,
                                                            select_last_index=last)],
                   {"x": np.round(values(random(i), dtype, *shape, special=False))})
    for dtype, (i, (shape, axis, exclusive, reverse)) in itertools.product(
            [F32, F64, np.int32, np.int64], enumerate([((2, 3, 4), -1, 0, 0), ((2, 3, 4), 1, 1, 1), ((0, 3), 0, 0, 0),
                                                       ((5,), 0, 1, 0)])):
        yield made(f"CumSum-{np.dtype(dtype).name}-{i}", [op("CumSum", "x,a", "y", exclusive=exclusive, reverse=reverse)],
                   {"x": values(random(i), dtype, *shape, special=False), "a": np.array(axis, np.int64)}, weights=("a",),
                   terms=8)


def movement():
    types = [bool, *INTS, *FLOATS]
    for dtype in types:
        r = random(4)
        name = np.dtype(dtype).name
        x = values(r, dtype, 2, 3, 4)
        i64 = lambda *v: np.array(v, np.int64)
        yield made(f"Transpose-{name}", [op("Transpose", "x", "y", perm=[2, 0, 1])], {"x": x})
        yield made(f"Slice-{name}", [op("Slice", "x,b,e,a,s", "y")],
                   {"x": x, "b": i64(-1, 100), "e": i64(-100, -100), "a": i64(-1, 0), "s": i64(-2, -1)},
                   weights=("b", "e", "a", "s"))
        yield made(f"Gather-{name}", [op("Gather", "x,i", "y", axis=-2)], {"x": x, "i": i64(-1, 0, 2, -3).reshape(2, 2)},
                   weights=("i",))
        yield made(f"GatherElements-{name}", [op("GatherElements", "x,i", "y", axis=1)],
                   {"x": x, "i": r.integers(-3, 3, (2, 5, 4))}, weights=("i",))
        yield made(f"GatherND-{name}", [op("GatherND", "x,i", "y", batch_dims=1)], {"x": x, "i": r.integers(-3, 3, (2, 2, 1))},
                   weights=("i",))
        yield made(f"ScatterElements-{name}", [op("ScatterElements", "x,i,u", "y", axis=-1)],
                   {"x": x, "i": np.array([[[0, -1]], [[2, 1]]]), "u": values(r, dtype, 2, 1, 2)}, weights=("i",))
        yield made(f"ScatterND-{name}", [op("ScatterND", "x,i,u", "y")],
                   {"x": x, "i": np.array([[0, 1], [1, -1]]), "u": values(r, dtype, 2, 4)}, weights=("i",))
        yield made(f"Concat-{name}", [op("Concat", "x,e,x", "y", axis=-2)], {"x": x, "e": values(r, dtype, 2, 0, 4)})
        yield made(f"Tile-{name}", [op("Tile", "x,t", "y")], {"x": x, "t": i64(2, 1, 3)}, weights=("t",))
        yield made(f"Expand-{name}", [op("Expand", "x,t", "y")], {"x": values(r, dtype, 3, 1), "t": i64(2, 1, 6)},
                   weights=("t",))
        yield made(f"Where-{name}", [op("Where", "c,x,z", "y")],
                   {"c": r.random((3, 1)) < 0.5, "x": x, "z": values(r, dtype, 4)})
        yield made(f"Split-{name}", [op("Split", "x", "y,z,w", axis=-1, num_outputs=3)], {"x": values(r, dtype, 2, 7)},
                   "y,z,w")
        for mode in ("constant", "reflect", "edge", "wrap"):
            yield made(f"Pad-{mode}-{name}", [op("Pad", "x,p", "y", mode=mode)],
                       {"x": x, "p": i64(0, 2, 1, 1, -1, 2) if mode in ("constant", "edge") else i64(0, 2, 1, 1, 1, 2)},
                       weights=("p",))
        yield made(f"Trilu-{name}", [op("Trilu", "x,k", "y", upper=0)], {"x": x, "k": np.array(-1, np.int64)}, weights=("k",))
        yield made(f"NonZero-{name}", [op("NonZero", "x", "y")], {"x": x})
        yield made(f"Unique-{name}", [op("Unique", "x", "y,i,v,n", axis=-1)],
                   {"x": values(r, dtype, 2, 9, special=False)}, "y,i,v,n")
        yield made(f"Compress-{name}", [op("Compress", "x,c", "y", axis=-1)], {"x": x, "c": np.array([1, 0, 1], bool)})
        yield made(f"Compress-{name}-0", [op("Compress", "x,c", "y", axis=0)], {"x": x, "c": np.array([0, 1], bool)})
        yield made(f"Compress-{name}-none", [op("Compress", "x,c", "y", axis=1)], {"x": x, "c": np.zeros(2, bool)})
        yield made(f"Compress-{name}-flat", [op("Compress", "x,c", "y")], {"x": x, "c": r.random(x.size - 1) < 0.5})
        yield made(f"OneHot-{name}", [op("OneHot", "i,d,v", "y", axis=0)],
                   {"i": i64(0, -1, 3, 9), "d": np.array(4, np.int64), "v": values(r, dtype, 2)}, weights=("d",))
        yield made(f"ReverseSequence-{name}", [op("ReverseSequence", "x,l", "y", batch_axis=0, time_axis=1)],
                   {"x": x, "l": i64(3, 2)}, weights=("l",))
        yield made(f"SpaceToDepth-{name}", [op("SpaceToDepth", "x", "y", blocksize=2)], {"x": values(r, dtype, 1, 2, 4, 6)})
        yield made(f"DepthToSpace-{name}", [op("DepthToSpace", "x", "y", blocksize=2, mode="CRD")],
                   {"x": values(r, dtype, 1, 8, 2, 3)})
    for dtype, (i, (shape, axis, k, largest)) in itertools.product(
            [F32, F64, np.int32, np.int64], enumerate([((2, 5), -1, 3, 1), ((5, 3), 0, 5, 0), ((4, 1, 3), 1, 1, 1),
                                                       ((3, 4), 1, 0, 1)])):
        yield made(f"TopK-{np.dtype(dtype).name}-{i}", [op("TopK", "x,k", "y,i", axis=axis, largest=largest)],
                   {"x": values(random(i), dtype, *shape, special=False), "k": np.array([k], np.int64)}, "y,i",
                   weights=("k",))


def products():
    for dtype, (i, (a, b)) in itertools.product([F32, F64, np.int32, np.int64, np.uint32], enumerate(
            [((3, 4), (4, 5)), ((4,), (4,)), ((4,), (2, 4, 3)), ((2, 3, 4), (4,)), ((2, 1, 3, 4), (5, 4, 2)),
             ((0, 4), (4, 3)), ((3, 0), (0, 2)), ((1, 1), (1, 1)), ((2, 1, 1, 2, 1, 2, 3), (2, 1, 1, 1, 3, 2))])):
        r = random(i)
        yield made(f"MatMul-{np.dtype(dtype).name}-{i}", [op("MatMul", "a,b", "y")],
                   {"a": values(r, dtype, *a, special=False), "b": values(r, dtype, *b, special=False)}, weights=("b",),
                   terms=8, expected=np.zeros((3, 2), dtype) if 0 in b else None)
    for (a, b), (i, (x, w, zeros)) in itertools.product(
            itertools.product([np.uint8, np.int8], [np.uint8, np.int8]), enumerate(
                [((3, 65), (65, 7), "none"), ((2, 3, 8), (8, 5), "one"), ((3, 9), (9, 4), "column"), ((0, 3), (3, 2), "one")])):
        r = random(i)
        inputs = {"a": values(r, a, *x), "b": values(r, b, *w)}
        if zeros != "none":
            inputs |= {"az": np.array(7, a), "bz": np.arange(w[-1]).astype(b) if zeros == "column" else np.array(3, b)}
        yield made(f"MatMulInteger-{np.dtype(a).name}-{np.dtype(b).name}-{i}", [op("MatMulInteger", list(inputs), "y")],
                   inputs, weights=("b", "az", "bz"))
    for equation, shapes in [("ij,jk->ik", [(3, 4), (4, 5)]), ("bij,bjk", [(2, 3, 4), (2, 4, 5)]), ("...ij->...ji", [(2, 3, 4)]),
                             ("ii->i", [(4, 4)]), ("ij->", [(3, 4)]), ("i,j->ij", [(3,), (4,)]),
                             ("bhqd,bhkd->bhqk", [(1, 2, 3, 4), (1, 2, 5, 4)]), ("ij,ij->j", [(0, 3), (0, 3)])]:
        r = random(len(equation))
        inputs = {f"x{i}": values(r, F32, *shape, special=False) for i, shape in enumerate(shapes)}
        yield made(f"Einsum-{equation}", [op("Einsum", list(inputs), "y", equation=equation)], inputs, terms=12,
                   atol=cancelled(np.einsum(equation, *map(np.abs, inputs.values())).max(initial=0)))


def windows():
    for i, attributes in enumerate([
            dict(kernel_shape=[3, 3]), dict(kernel_shape=[2, 3], strides=[2, 1], pads=[1, 0, 0, 2]),
            dict(kernel_shape=[3, 3], dilations=[2, 2]), dict(kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_LOWER"),
            dict(kernel_shape=[3, 2], strides=[2, 2], ceil_mode=1), dict(kernel_shape=[1, 1])]):
        for dtype in (F32, F64):
            r = random(i)
            x = values(r, dtype, 2, 3, 8, 7, special=False)
            yield made(f"MaxPool-{np.dtype(dtype).name}-{i}", [op("MaxPool", "x", "y,i", **attributes)], {"x": x}, "y,i")
            if i in (0, 4):  # the second has a place where sizes are rounded up
                yield made(f"MaxPool-too-large-{np.dtype(dtype).name}-{i}", [op("MaxPool", "x", "y", **{
                    **attributes, "kernel_shape": [2, 8]})], {"x": x})
            if "dilations" not in attributes:
                for include in (0, 1):
                    yield made(f"AveragePool-{np.dtype(dtype).name}-{i}-{include}",
                               [op("AveragePool", "x", "y", count_include_pad=include, **attributes)], {"x": x}, terms=9)
        if "ceil_mode" not in attributes:
            for group in (1, 3):
                w = values(random(i), F32, 6, 3 // group, *attributes["kernel_shape"], special=False)
                # Winograd's transforms cost some bits.
                yield made(f"Conv-{i}-{group}", [op("Conv", "x,w", "y", group=group, **attributes)],
                           {"x": x.astype(F32), "w": w}, weights=("w",), terms=27, atol=2e-5)
    for i, (x, w, attributes) in enumerate([
            ((1, 2, 9), (4, 2, 3), {}), ((2, 2, 4, 5, 6), (3, 2, 2, 2, 2), dict(strides=[2, 1, 2])),
            ((0, 2, 5), (4, 2, 3), {}), ((1, 2, 3), (1, 2, 3), {})]):
        r = random(i)
        yield made(f"Conv-{len(x) - 2}d-{i}", [op("Conv", "x,w", "y", **attributes)],
                   {"x": values(r, F32, *x, special=False), "w": values(r, F32, *w, special=False)}, weights=("w",),
                   terms=16)
    for i, attributes in enumerate([{}, dict(strides=[2, 2]), dict(strides=[2, 3], output_padding=[1, 2]),
                                    dict(pads=[1, 0, 1, 2], dilations=[2, 1]), dict(group=2)]):
        r = random(i)
        yield made(f"ConvTranspose-{i}", [op("ConvTranspose", "x,w,b", "y", **attributes)],
                   {"x": values(r, F32, 2, 4, 5, 4, special=False),
                    "w": values(r, F32, 4, 3, 3, 3, special=False),
                    "b": values(r, F32, 3 * attributes.get("group", 1), special=False)}, weights=("w", "b"), terms=36,
                   atol=2e-5)  # with constant weights it may become a convolution, and that Winograd's


def normalizations():
    for dtype, (i, (shape, axis)) in itertools.product([F32, F64, F16], enumerate(
            [((2, 3, 4), -1), ((2, 3, 4), 1), ((5, 1), 1), ((3, 7), 0), ((2, 1, 2, 1, 2, 1, 3), -3)])):
        x = values(random(i), dtype, *shape, special=False)
        loose = dict(rtol=2e-3, atol=1e-3) if dtype == F16 else dict(rtol=2e-6, atol=1e-6)
        for kind in ("Softmax", "LogSoftmax", "Hardmax"):
            yield made(f"{kind}-{np.dtype(dtype).name}-{i}", [op(kind, "x", "y", axis=axis)], {"x": x}, **loose)
        if dtype != F16:
            for p in (1, 2):
                yield made(f"LpNormalization-{p}-{np.dtype(dtype).name}-{i}", [op("LpNormalization", "x", "y", axis=axis, p=p)],
                           {"x": x}, **loose)
    hidden = values(random(1), F32, 2, 6, special=False)
    big = np.concatenate([hidden * 100, np.full((1, 6), -np.inf, F32), np.full((1, 6), 1e30, F32)])
    yield made("Softmax-far", [op("Softmax", "x", "y", axis=-1)], {"x": big[:2]}, rtol=1e-5, atol=1e-7)
    for i, axis in enumerate([-1, 1, 2]):
        r = random(i)
        shape = (2, 3, 4)
        yield made(f"LayerNormalization-{axis}", [op("LayerNormalization", "x,g,b", "y,m,s", axis=axis)],
                   {"x": values(r, F32, *shape, special=False), "g": values(r, F32, *shape[axis:], special=False),
                    "b": values(r, F32, *shape[axis:], special=False)}, "y,m,s", weights=("g", "b"), terms=12, atol=1e-6)
    for i, shape in enumerate([(2, 4, 5), (1, 4, 1, 3), (2, 4, 2, 3, 2)]):
        r = random(i)
        c = {name: values(r, F32, 4, special=False) for name in "gbm"}
        c["v"] = np.abs(values(r, F32, 4, special=False)) + 0.1
        x = values(r, F32, *shape, special=False)
        yield made(f"BatchNormalization-{i}", [op("BatchNormalization", "x,g,b,m,v", "y")], {"x": x} | c,
                   weights=tuple("gbmv"), terms=4, atol=1e-6)
        yield made(f"BatchNormalization-training-{i}", [op("BatchNormalization", "x,g,b,m,v", "y,mm,vv", training_mode=1,
                                                           momentum=0.7)], {"x": x} | c, "y,mm,vv", weights=tuple("gbmv"),
                   terms=32, atol=5e-5)
        yield made(f"InstanceNormalization-{i}", [op("InstanceNormalization", "x,g,b", "y")],
                   {"x": x, "g": c["g"], "b": c["b"]}, weights=("g", "b"), terms=16, atol=5e-5)
        yield made(f"GroupNormalization-{i}", [op("GroupNormalization", "x,g,b", "y", num_groups=2)],
                   {"x": x, "g": c["g"], "b": c["b"]}, weights=("g", "b"), terms=16, atol=5e-5)


def recurrent():
    counts = {"RNN": 1, "GRU": 3, "LSTM": 4}
    for kind, direction, layout, (i, (lengths, initial, more)) in itertools.product(
            counts, ["forward", "reverse", "bidirectional"], [0, 1],
            enumerate([(0, 0, {}), (1, 1, {}), (0, 1, dict(clip=0.5)), (0, 0, "own"), (1, 0, "special")])):
        if kind == "LSTM" and "clip" in more:
            continue  # ONNX Runtime does not clip the cell on its way into the last activation, as the text asks
        r = random(i)
        steps, batch, width, hidden = 5, 3, 4, 6
        ways = 2 if direction == "bidirectional" else 1
        gates = counts[kind]
        inputs = {"x": values(r, F32, *((batch, steps, width) if layout else (steps, batch, width)), special=False),
                  "w": values(r, F32, ways, gates * hidden, width, special=False),
                  "r": values(r, F32, ways, gates * hidden, hidden, special=False) / 2,
                  "b": values(r, F32, ways, 2 * gates * hidden, special=False)}
        names = ["x", "w", "r", "b", "l" if lengths else ""]
        if lengths:
            inputs["l"] = np.array([5, 2, 3], np.int32)
        state = (batch, ways, hidden) if layout else (ways, batch, hidden)
        attributes = dict(hidden_size=hidden, direction=direction, layout=layout)
        if initial:
            for name in ["h", "c"][:2 if kind == "LSTM" else 1]:
                inputs[name] = values(r, F32, *state, special=False)
                names.append(name)
        if more == "own":
            own = {"RNN": ["Relu"], "GRU": ["HardSigmoid", "Softsign"], "LSTM": ["HardSigmoid", "Softsign", "Tanh"]}[kind]
            attributes["activations"] = own * ways
        elif more == "special":
            if kind == "GRU":
                attributes["linear_before_reset"] = 1
            if kind == "LSTM":
                attributes["input_forget"] = 1
        else:
            attributes |= more
        outputs = "y,h_n,c_n" if kind == "LSTM" else "y,h_n"
        if layout:  # ONNX Runtime has no kernel for it: the same between transposes
            turned = ["xt", *names[1:]]
            spelt = [op("Transpose", "x", "xt", perm=[1, 0, 2])]
            for name in ("h", "c"):
                if name in names:
                    spelt.append(op("Transpose", name, name + "t", perm=[1, 0, 2]))
                    turned[turned.index(name)] = name + "t"
            raw = [name + "_raw" for name in outputs.split(",")]
            spelt.append(op(kind, turned, raw, **{**attributes, "layout": 0}))
            spelt.append(op("Transpose", "y_raw", "y", perm=[2, 0, 1, 3]))
            spelt += [op("Transpose", name + "_raw", name, perm=[1, 0, 2]) for name in outputs.split(",")[1:]]
        yield made(f"{kind}-{direction}-{layout}-{i}", [op(kind, names, outputs, **attributes)], inputs, outputs,
                   weights=("w", "r", "b"), terms=40, atol=1e-5, spelt_out=spelt if layout else None)


def quantisation():
    for dtype, (i, (shape, axis, block)) in itertools.product(
            [np.uint8, np.int8, np.uint16, np.int16, ml_dtypes.uint4, ml_dtypes.int4], enumerate(
                [((3, 4), None, 0), ((2, 3, 4), 1, 0), ((2, 6), -1, 0), ((2, 8), 1, 4), ((0, 3), None, 0)])):
        r = random(i)
        info = ml_dtypes.iinfo(dtype)
        scale_shape = () if axis is None else (shape[axis],) if not block else (2, 2)
        scale = r.uniform(0.02, 0.3, scale_shape).astype(F32)
        zero = np.full(scale_shape, 3).astype(dtype)
        attributes = {} if axis is None else {"axis": axis}
        if block:
            attributes["block_size"] = block
        x = (20 * r.standard_normal(shape)).astype(F32)
        if x.size:
            x.flat[:2] = [np.inf, -np.inf]
        name = np.dtype(dtype).name
        # 4 bits do not leave NumPy: through 8
        after = [op("Cast", "q", "y", to=onnx.TensorProto.INT8)]
        yield made(f"QuantizeLinear-{name}-{i}", [op("QuantizeLinear", "x,s,z", "q", **attributes), *after],
                   {"x": x, "s": scale}, constants={"z": zero})
        q = r.integers(info.min, int(info.max) + 1, shape).astype(dtype)
        yield made(f"DequantizeLinear-{name}-{i}", [op("DequantizeLinear", "q,s,z", "y", **attributes)], {"s": scale},
                   constants={"q": q, "z": zero})
    for i, x in enumerate([np.array([0.0, 2, -3, -2.5, 1.34, 0.5], F32), np.array([-1.0, -2.1], F32), np.zeros(3, F32),
                           (3 * random(2).standard_normal((4, 7))).astype(F32)]):
        yield made(f"DynamicQuantizeLinear-{i}", [op("DynamicQuantizeLinear", "x", "y,s,z")], {"x": x}, "y,s,z")


def resizing():
    for mode, transform, (i, sizes) in itertools.product(
            ["nearest", "linear", "cubic"], ["half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"],
            enumerate([(1, 2, 7, 9), (1, 2, 3, 2), (1, 2, 5, 5), (1, 2, 1, 10)])):
        yield made(f"Resize-{mode}-{transform}-{i}",
                   [op("Resize", ["x", "", "", "s"], "y", mode=mode, coordinate_transformation_mode=transform)],
                   {"x": values(random(i), F32, 1, 2, 5, 5, special=False), "s": np.array(sizes, np.int64)}, weights=("s",),
                   terms=16, atol=2e-5)
    for mode, padding, corners in itertools.product(["linear", "nearest", "cubic"], ["zeros", "border", "reflection"], [0, 1]):
        r = random(corners)
        yield made(f"GridSample-{mode}-{padding}-{corners}",
                   [op("GridSample", "x,g", "y", mode=mode, padding_mode=padding, align_corners=corners)],
                   {"x": values(r, F32, 2, 3, 5, 6, special=False), "g": r.uniform(-1.4, 1.4, (2, 4, 3, 2)).astype(F32)},
                   terms=16, atol=5e-5)


def cases_of(*families):
    return [case for family in families for case in family()]


@pytest.mark.parametrize("case", cases_of(binary))
def test_binary(case):
    check_somewhere(case)


@pytest.mark.parametrize("case", cases_of(unary))
def test_unary(case):
    check_somewhere(case)


@pytest.mark.parametrize("case", cases_of(casts, movement))
def test_movement(case):
    check_somewhere(case)


@pytest.mark.parametrize("case", cases_of(reductions, products, normalizations))
def test_sums(case):
    check_somewhere(case)


@pytest.mark.parametrize("case", cases_of(windows, resizing))
def test_windows(case):
    check_somewhere(case)


@pytest.mark.parametrize("case", cases_of(quantisation))
def test_quantisation(case):
    check_somewhere(case)


@pytest.mark.parametrize("case", cases_of(recurrent))
def test_recurrent(case):
    check_somewhere(case)


@pytest.mark.parametrize("kind, attributes", [
    ("Bernoulli", {}), ("RandomUniformLike", dict(low=2.0, high=5.0)), ("RandomNormalLike", dict(mean=1.0, scale=2.0)),
    ("Dropout", {})])
def test_random(kind, attributes):
    """Moments within five standard errors, another seed other draws, the same seed the same."""
    count = 40000
    x = np.full((200, 200), 0.3, F32)

    def draw(seed):
        inputs, constants = {"x": x}, {}
        names = "x"
        if kind == "Dropout":
            constants = {"ratio": np.array(0.25, F32), "training": np.array(True)}
            names = "x,ratio,training"
        case = Case([op(kind, names, "y", seed=seed, **attributes)], inputs, ["y"], constants=constants)
        return run_ingot(make_model(case, True), inputs)[0].astype(np.float64)

    first = draw(3 if kind == "Dropout" else 3.0)
    mean, deviation = {"Bernoulli": (0.3, np.sqrt(0.21)), "RandomUniformLike": (3.5, 3 / np.sqrt(12)),
                       "RandomNormalLike": (1.0, 2.0), "Dropout": (0.3, 0.4 * np.sqrt(0.1875))}[kind]
    assert abs(first.mean() - mean) < 5 * deviation / np.sqrt(count)
    assert abs(first.std() - deviation) < 5 * deviation / np.sqrt(count)
    np.testing.assert_array_equal(first, draw(3 if kind == "Dropout" else 3.0))
    assert (first != draw(4 if kind == "Dropout" else 4.0)).any()
    if kind in ("Bernoulli", "Dropout"):
        assert len(np.unique(first)) == 2
