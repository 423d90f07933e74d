# SPDX-License-Identifier: Apache-2.0
"""Generated models of one operator or a few, run by Ingot and by ONNX Runtime, and how their outputs must agree.

Every model is run twice: with the operands marked as weights being constants in the file, and with all of them being
inputs, as constants take other ways through the engine. The seed of the random operands is INGOT_TEST_SEED, or a fresh
one, and stands in the message of a failure.

Floating-point results may differ by a bound from the type and the length of the longest sum. Where that is not enough,
the operands may be ill-conditioned (a softmax of large scores, a difference of equals): then the bound grows by what
ONNX Runtime's own result changes when the operands do by a few roundings, and by no more.
"""
import dataclasses
import os
import secrets

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SEED = int(os.environ.get("INGOT_TEST_SEED", secrets.randbits(32)))
DOMAINS = {"": 21, "com.microsoft": 1, "ai.onnx.ml": 3}
IR_VERSION = 10
# The unit round-off of a type in which results are stored.
EPSILON = {np.dtype(np.float64): 2.0**-52, np.dtype(np.float32): 2.0**-23, np.dtype(np.float16): 2.0**-10,
           np.dtype(ml_dtypes.bfloat16): 2.0**-7}


@dataclasses.dataclass
class Case:
    """A model of nodes. `nodes`: (domain::Op or Op, inputs, outputs, attributes)."""
    nodes: list
    inputs: dict
    outputs: list
    weights: tuple = ()  # names of inputs that usually are constants
    constants: dict = dataclasses.field(default_factory=dict)  # values that are constants in both runs
    terms: int = 1  # how many terms the longest sum of a result has
    ulps: float = 0  # by how many steps integer results may differ where the arithmetic is not fixed
    share: float = 1.0  # of the integers, how many may differ at all (and always a few of a small tensor)
    rtol: float = 0.0  # where more than rounding is allowed, with the reason at the case
    atol: float = 0.0
    opset: int = DOMAINS[""]
    versions: dict = dataclasses.field(default_factory=dict)  # of other domains
    dims: dict = dataclasses.field(default_factory=dict)  # names of symbolic dimensions by input
    spelt_out: list | None = None  # nodes that ONNX Runtime takes for these, which it has no kernel for
    both: bool = True  # whether the weights may be inputs too (ONNX Runtime wants constants for some)


def random(salt: int = 0) -> np.random.Generator:
    return np.random.default_rng([SEED, salt + 100])


def op(name: str, inputs, outputs, **attributes) -> tuple:
    split = lambda names: names.split(",") if isinstance(names, str) else list(names)
    return name, split(inputs), split(outputs), attributes


def make_model(case: Case, constant: bool, written: list | None = None) -> onnx.ModelProto:
    nodes = []
    for name, inputs, outputs, attributes in written or case.nodes:
        domain, _, kind = name.rpartition("::")
        nodes.append(helper.make_node(kind, inputs, outputs, domain=domain, **attributes))
    fixed = dict(case.constants)
    if constant:
        fixed.update({name: case.inputs[name] for name in case.weights if name in case.inputs})
    graph = helper.make_graph(
        nodes, "case",
        [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype),
                                       case.dims.get(name, value.shape))
         for name, value in case.inputs.items() if name not in fixed],
        [onnx.ValueInfoProto(name=name) for name in case.outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in fixed.items()])
    used = {node.domain for node in nodes} | {""}
    versions = {**DOMAINS, **case.versions, "": case.opset}
    opsets = [helper.make_opsetid(domain, versions[domain]) for domain in sorted(used)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)


def run_onnxruntime(model: onnx.ModelProto, inputs: dict) -> list:
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    # What other operators it would make of the model is not the question.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, inputs)


def run_ingot(model: onnx.ModelProto, inputs: dict) -> list:
    import ingot
    # One thread: the models are small, and tests run beside others.
    engine = ingot.build(model.SerializeToString(), threads=1, time_budget=0.0)
    operands = {name: np.require(value, requirements="C") for name, value in inputs.items()}
    results = engine.create_context(threads=1).run(operands)
    return [results[output.name] for output in model.graph.output]


def typical_magnitude(values: np.ndarray) -> float:
    """The root mean square, leaving out what is far beyond most: one huge element excuses no other's error."""
    magnitudes = np.abs(values[np.isfinite(values) & (values != 0)])
    if not magnitudes.size:
        return 0.0
    ordinary = magnitudes[magnitudes <= 1e3 * np.median(magnitudes)]
    return float(np.sqrt(np.sum(np.square(ordinary)) / max(1, values.size - magnitudes.size + ordinary.size)))


def sensitivity(model: onnx.ModelProto, inputs: dict, want: list) -> list:
    """By how much each element of ONNX Runtime's outputs changes when every floating-point operand does by up to four
    roundings: the most over a few draws; None for outputs that are no floats."""
    r = random(7)
    most = [np.zeros(value.shape) if getattr(value, "dtype", None) in EPSILON else None for value in want]

    def moved(value):
        value = np.asarray(value)
        if value.dtype not in EPSILON:
            return value
        # Into the type by np.where, not by clipping: infinities stay, and no finite value becomes one.
        near = (value.astype(np.float64) * (1 + 4 * EPSILON[value.dtype] * r.uniform(-1, 1, value.shape)))
        with np.errstate(over="ignore"):
            near = near.astype(value.dtype)
        return np.where(np.isfinite(near), near, value).astype(value.dtype)

    for _ in range(4):
        near = onnx.ModelProto()
        near.CopyFrom(model)
        for tensor in near.graph.initializer:
            tensor.CopyFrom(numpy_helper.from_array(moved(numpy_helper.to_array(tensor)), tensor.name))
        outputs = run_onnxruntime(near, {name: moved(value) for name, value in inputs.items()})
        for bound, value, center in zip(most, outputs, want):
            if bound is not None and np.shape(value) == np.shape(center):
                with np.errstate(invalid="ignore"):
                    change = np.abs(np.asarray(value, np.float64) - np.asarray(center, np.float64))
                np.maximum(bound, np.where(np.isfinite(change), change, 0), out=bound)
    return most


def compare_output(name: str, got, want, case: Case, margin=0.0) -> None:
    """`margin`: what floating-point results may differ by besides, per element."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.dtype == want.dtype, f"{name}: the type is {got.dtype}, but must be {want.dtype}"
    assert got.shape == want.shape, f"{name}: the shape is {got.shape}, but must be {want.shape}"
    if want.dtype.kind in "OUS":
        assert got.tolist() == want.tolist(), f"{name}: {got.tolist()} is not {want.tolist()}"
    elif want.dtype.kind in "iub" or want.dtype not in EPSILON:
        distance = np.abs(got.astype(np.float64) - want.astype(np.float64))
        worst = distance.max(initial=0)
        differing = np.count_nonzero(distance)
        assert differing <= max(2, case.share * got.size), f"{name}: {differing} of {got.size} integers differ"
        assert worst <= case.ulps, (f"{name}: {np.count_nonzero(distance > case.ulps)} of {got.size} integers differ by "
                                    f"more than {case.ulps:g}, at most by {worst:g}: {got.flat[distance.argmax()]} is "
                                    f"not {want.flat[distance.argmax()]}")
    else:
        wide, ideal = got.astype(np.float64), want.astype(np.float64)
        finite = np.isfinite(ideal)
        np.testing.assert_array_equal(np.where(finite, 0, wide), np.where(finite, 0, ideal),
                                      err_msg=f"{name}: infinities and NaN")
        # Both sides round every one of the terms at worst; usually errors add up like a random walk.
        epsilon = EPSILON[want.dtype]
        inner = min(epsilon, EPSILON[np.dtype(np.float32)])  # halves are added up in single precision
        rounding = 4 * epsilon + 2 * inner * np.sqrt(case.terms)
        allowed = (case.atol + rounding * typical_magnitude(ideal) + 1e-30 + margin +
                   (case.rtol + 4 * epsilon) * np.abs(np.where(finite, ideal, 0)))
        error = np.abs(np.where(finite, wide, 0) - np.where(finite, ideal, 0))
        beyond = error > allowed
        if beyond.any():
            worst = np.unravel_index(np.argmax(error / allowed), error.shape)
            raise AssertionError(f"{name}: {np.count_nonzero(beyond)} of {error.size} elements are further off than "
                                 f"rounding allows; at {[int(i) for i in worst]}: {wide[worst]!r} is not "
                                 f"{ideal[worst]!r}, off by {error[worst]:.3g} where "
                                 f"{np.broadcast_to(allowed, error.shape)[worst]:.3g} is allowed")


def check(case: Case, expected: list | None = None) -> None:
    """`expected`: the outputs, where ONNX Runtime is not the oracle."""
    weights = [name for name in case.weights if name in case.inputs]
    for constant in ([True, False] if weights and case.both else [True]):
        model = make_model(case, constant)
        given = {info.name for info in model.graph.input}
        inputs = {name: value for name, value in case.inputs.items() if name in given}
        want = expected if expected is not None else run_onnxruntime(make_model(case, constant, case.spelt_out), inputs)
        got = run_ingot(model, inputs)
        assert len(got) == len(want)
        margins = None
        for i, (name, mine, theirs) in enumerate(zip(case.outputs, got, want)):
            try:
                try:
                    compare_output(name, mine, theirs, case)
                except AssertionError:
                    if expected is not None or getattr(theirs, "dtype", None) not in EPSILON:
                        raise
                    oracle = make_model(case, constant, case.spelt_out)
                    margins = margins or sensitivity(oracle, inputs, want)
                    compare_output(name, mine, theirs, case, margin=margins[i])
            except AssertionError as error:
                kind = "constant" if constant else "input"
                raise AssertionError(f"INGOT_TEST_SEED={SEED}, weights as {kind}s: {error}") from None
