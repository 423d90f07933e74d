# SPDX-License-Identifier: Apache-2.0
"""If, Loop, Scan, sequences, optionals and strings: small models against ONNX Runtime, made by hand and at random."""
import pathlib
import random
import threading

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the package onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="the package onnxruntime is not installed")
pytest.importorskip("ingot", reason="the Python module is not installed")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

import ingot_cli  # noqa: E402

FLOAT, INT64, BOOL, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL, TensorProto.STRING
X = np.array([[-2, -1, 0.5], [1, 2, 3]], np.float32)


def value(name, element=FLOAT, shape=None):
    return helper.make_tensor_value_info(name, element, shape)


def sequence(name, element=FLOAT, shape=None):
    return helper.make_tensor_sequence_value_info(name, element, shape)


def optional(name, of):
    return helper.make_value_info(name, helper.make_optional_type_proto(of.type))


def constant(name, array):
    return numpy_helper.from_array(np.asarray(array), name)


def graph(nodes, inputs, outputs, constants=()):
    """nodes: (operator, inputs, outputs, attributes) with names in one text each."""
    made = []
    for op, ins, outs, *attributes in nodes:
        made.append(helper.make_node(op, [name if name != "-" else "" for name in ins.split()], outs.split(),
                                     name=f"{op}_{outs.split()[0]}", **(attributes[0] if attributes else {})))
    return helper.make_graph(made, "body", inputs, outputs, list(constants))


def model(*parts, opset=18):
    return helper.make_model(graph(*parts), opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def compare(ours, theirs, where=""):
    if isinstance(theirs, list):
        assert isinstance(ours, list) and len(ours) == len(theirs), where
        for i, (mine, other) in enumerate(zip(ours, theirs)):
            compare(mine, other, f"{where}[{i}]")
    elif theirs is None:
        assert ours is None, where
    elif theirs.dtype.kind in "OU":
        assert ours.shape == theirs.shape and (ours == theirs).all(), where
    else:
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape, (where, ours, theirs)
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6, err_msg=where)


def check(proto, feed):
    import ingot.onnx_backend

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    theirs = session.run(None, feed)
    ours = ingot.onnx_backend.prepare(proto).run(feed)
    for output, mine, other in zip(session.get_outputs(), ours, theirs):
        compare(mine, other, output.name)
    return ours


def branch(op, result, **attributes):
    return graph([(op, "x" if op != "Concat" else "x x", result, attributes)], [], [value(result)])


@pytest.mark.parametrize("taken", [True, False])
@pytest.mark.parametrize("other", ["Concat", "ReduceSum"], ids=["sizes differ", "ranks differ"])
def test_if_captures(taken, other):
    attributes = {"axis": 0} if other == "Concat" else {"keepdims": 0}
    proto = model([("If", "c", "r", dict(then_branch=branch("Relu", "t"), else_branch=branch(other, "e", **attributes))),
                   ("Abs", "r", "y")], [value("c", BOOL, []), value("x", FLOAT, ["N", 3])], [value("y")])
    check(proto, {"c": np.array(taken), "x": X})


def test_branch_that_is_not_taken_may_make_no_sense():
    """The condition follows from the sizes; the other branch could not even be inferred for them."""
    other = graph([("Split", "x", "e f g", dict(num_outputs=3, axis=0))], [], [value("e")])
    proto = model([("Shape", "x", "shape"), ("Size", "shape", "rank"), ("Equal", "rank two", "c"),
                   ("If", "c", "y", dict(then_branch=branch("Relu", "t"), else_branch=other))],
                  [value("x", FLOAT, [1, 3])], [value("y")], [constant("two", 2)])
    import ingot.onnx_backend

    np.testing.assert_array_equal(ingot.onnx_backend.prepare(proto).run({"x": X[:1]})[0], np.maximum(X[:1], 0))


def counting_body(dims=(3,)):
    return graph([("Add", "s step", "next"), ("Identity", "go", "go_on"), ("Mul", "next next", "square")],
                 [value("i", INT64, []), value("go", BOOL, []), value("s", FLOAT, dims)],
                 [value("go_on", BOOL, []), value("next", FLOAT, dims), value("square", FLOAT, dims)])


@pytest.mark.parametrize("trips", [0, 1, 7])
def test_loop_counts_and_stacks(trips):
    proto = model([("Loop", "m - x", "last all", dict(body=counting_body()))],
                  [value("m", INT64, []), value("x", FLOAT, [3]), value("step", FLOAT, [3])],
                  [value("last", FLOAT, [3]), value("all", FLOAT, [None, 3])])
    check(proto, {"m": np.array(trips), "x": X[0], "step": X[1]})


def test_endless_loop_is_built_and_cancelled():
    """A trip count of 2^63 - 1 and a condition that stays true, all of it constant: no pass may run it."""
    import ingot

    body = graph([("Identity", "s", "next"), ("Identity", "go", "go_on")],
                 [value("i", INT64, []), value("go", BOOL, []), value("s", FLOAT, [3])],
                 [value("go_on", BOOL, []), value("next", FLOAT, [3])])
    proto = model([("Loop", "m go x", "last", dict(body=body))], [value("y", FLOAT, [3])], [value("last", FLOAT, [3])],
                  [constant("m", np.int64(2**63 - 1)), constant("go", True), constant("x", np.zeros(3, np.float32))])
    context = ingot.build(proto.SerializeToString(), threads=1).create_context(threads=1)
    context.cancel()  # of no run
    outcome = []

    def run():
        try:
            context.run({"y": X[0]})
        except ingot.Error as error:
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(0.3)
    assert thread.is_alive()
    context.cancel()
    thread.join(60)
    assert not thread.is_alive()
    assert isinstance(outcome[0], ingot.errors.Cancelled) and "Loop_last" in str(outcome[0])


@pytest.mark.parametrize("limit", [-100, 20, 300])
def test_loop_state_grows(limit):
    """The state's size differs in every iteration, the condition ends the loop, or keeps it from beginning."""
    body = graph([("Concat", "s add", "next", dict(axis=0)), ("ReduceSum", "next", "sum", dict(keepdims=0)),
                  ("Less", "sum limit", "go_on"), ("Size", "next", "n")],
                 [value("i", INT64, []), value("go", BOOL, []), value("s")],
                 [value("go_on", BOOL, []), value("next"), value("n", INT64, [])])
    proto = model([("Less", "zero limit", "begin"), ("Loop", "- begin x", "last ns", dict(body=body)),
                   ("Neg", "last", "y")],
                  [value("x", FLOAT, ["K"]), value("add", FLOAT, [2]), value("limit", FLOAT, [])],
                  [value("y", FLOAT, [None]), value("ns", INT64, [None])], [constant("zero", np.float32(0))])
    check(proto, {"x": np.array([1], np.float32), "add": np.array([1, 2], np.float32), "limit": np.array(limit, np.float32)})


@pytest.mark.parametrize("steps", [1, 4])
def test_scan_axes_and_directions(steps):
    body = graph([("Add", "s a", "next"), ("Mul", "next b", "o")],
                 [value("s", FLOAT, [2]), value("a", FLOAT, [2]), value("b", FLOAT, [2])],
                 [value("next", FLOAT, [2]), value("o", FLOAT, [2])])
    proto = model([("Scan", "s0 A B", "last O",
                    dict(body=body, num_scan_inputs=2, scan_input_axes=[1, 0], scan_input_directions=[1, 0],
                         scan_output_axes=[1], scan_output_directions=[1]))],
                  [value("s0", FLOAT, [2]), value("A", FLOAT, [2, "T"]), value("B", FLOAT, ["T", 2])],
                  [value("last", FLOAT, [2]), value("O", FLOAT, [2, None])])
    rng = np.random.default_rng(steps)
    check(proto, {"s0": np.zeros(2, np.float32), "A": rng.standard_normal((2, steps)).astype(np.float32),
                  "B": rng.standard_normal((steps, 2)).astype(np.float32)})


@pytest.mark.parametrize("fixed", [True, False], ids=["fixed", "dynamic"])
@pytest.mark.parametrize("lengths", [None, [5, 5, 5], [1, 5, 3]], ids=["whole", "full", "short"])
@pytest.mark.parametrize("directions", [[0, 0], [1, 0]])
def test_scan_of_batches(fixed, lengths, directions):
    """Opset 8: a batch in front of everything, sequences of different lengths; the body captures."""
    body = graph([("Add", "s a", "t"), ("Mul", "t factor", "next"), ("Sub", "p t", "p_next"), ("MatMul", "next w", "o"),
                  ("Concat", "b t", "joined", dict(axis=0))],
                 [value("s", FLOAT, [2]), value("p", FLOAT, [2]), value("a", FLOAT, [2]), value("b", FLOAT, [3])],
                 [value("next", FLOAT, [2]), value("p_next", FLOAT, [2]), value("o", FLOAT, [4]),
                  value("joined", FLOAT, [5])])
    batch, steps = (3, 5) if fixed else ("B", "T")
    rng = np.random.default_rng(3)
    feed = {"s0": (batch, 2), "p0": (batch, 2), "A": (batch, steps, 2), "B": (batch, steps, 3), "factor": (2,)}
    inputs = [value(name, FLOAT, shape) for name, shape in feed.items()]
    feed = {name: rng.standard_normal([{"B": 3, "T": 5}.get(d, d) for d in shape]).astype(np.float32)
            for name, shape in feed.items()}
    if lengths is not None:
        inputs.append(value("lengths", INT64, [batch]))
        feed["lengths"] = np.array(lengths)
    scan = ("Scan", f"{'-' if lengths is None else 'lengths'} s0 p0 A B", "last p O J",
            dict(body=body, num_scan_inputs=2, directions=directions))
    check(model([scan], inputs, [value("last"), value("p"), value("O"), value("J")],
                [constant("w", rng.standard_normal((2, 4)).astype(np.float32))], opset=8), feed)


@pytest.mark.parametrize("threshold", [-10, 1])
def test_nested_with_data_dependent_shapes(threshold):
    loop = graph([("Add", "s s", "next"), ("Greater", "next limit", "g"), ("NonZero", "g", "found"),
                  ("Shape", "found", "size"), ("Identity", "go", "go_on")],
                 [value("i", INT64, []), value("go", BOOL, []), value("s", FLOAT, [2, 3])],
                 [value("go_on", BOOL, []), value("next", FLOAT, [2, 3]), value("size", INT64, [2])])
    then = graph([("Loop", "three - x", "l sizes", dict(body=loop))], [], [value("l"), value("sizes", INT64)])
    other = graph([("Neg", "x", "n"), ("Identity", "k", "k2")], [], [value("n"), value("k2", INT64)])
    proto = model([("ReduceSum", "x", "sum", dict(keepdims=0)), ("Greater", "sum limit", "c"), ("NonZero", "x", "nz"),
                   ("If", "c", "y sizes", dict(then_branch=then, else_branch=other))],
                  [value("x", FLOAT, [2, 3]), value("limit", FLOAT, [])],
                  [value("y", FLOAT, [2, 3]), value("sizes", INT64, [None, 2]), value("nz", INT64, [2, None])],
                  [constant("three", 3), constant("k", [[7, 7]])])
    check(proto, {"x": X, "limit": np.array(threshold, np.float32)})


def test_sequence_operators():
    proto = model([("SplitToSequence", "x one", "s", dict(axis=1)), ("SequenceInsert", "s column zero", "longer"),
                   ("SequenceErase", "longer", "shorter"), ("SequenceLength", "shorter", "n"),
                   ("ConcatFromSequence", "shorter", "y", dict(axis=1)), ("SequenceAt", "shorter minus", "last"),
                   ("Relu", "last", "f"), ("SequenceConstruct", "x column", "pair")],
                  [value("x", FLOAT, [2, 3]), value("column", FLOAT, [2, "W"])],
                  [value("n", INT64, []), value("y", FLOAT, [2, None]), value("f"), sequence("pair")],
                  [constant("one", 1), constant("zero", 0), constant("minus", -1)])
    check(proto, {"x": X, "column": X[:, :2] * 3})


@pytest.mark.parametrize("split,keepdims", [(None, 0), (None, 1), (2, 1), ([1, 0, 2], 1)])
def test_split_to_sequence(split, keepdims):
    names = "x" if split is None else "x split"
    proto = model([("SplitToSequence", names, "s", dict(axis=-1, keepdims=keepdims))], [value("x", FLOAT, [2, 3])],
                  [sequence("s")], [] if split is None else [constant("split", split)])
    check(proto, {"x": X})


def test_loop_carries_a_sequence():
    body = graph([("Cast", "i", "f", dict(to=FLOAT)), ("Mul", "x f", "p"), ("SequenceInsert", "s p", "next"),
                  ("Identity", "go", "go_on")],
                 [value("i", INT64, []), value("go", BOOL, []), sequence("s")], [value("go_on", BOOL, []), sequence("next")])
    proto = model([("SequenceEmpty", "", "e"), ("Loop", "m - e", "all", dict(body=body)),
                   ("ConcatFromSequence", "all", "y", dict(axis=0, new_axis=1))],
                  [value("x", FLOAT, [2, 3]), value("m", INT64, [])], [value("y"), sequence("all")])
    check(proto, {"x": X, "m": np.array(3)})


def test_sequence_map():
    body = graph([("Add", "a b", "t"), ("Mul", "t scale", "sum"), ("Shape", "a", "shape")],
                 [value("a", FLOAT, ["D"]), value("b", FLOAT, [1])], [value("sum", FLOAT, ["D"]), value("shape", INT64, [1])])
    proto = model([("SequenceMap", "s b", "out shapes", dict(body=body))],
                  [sequence("s", FLOAT, ["D"]), value("b", FLOAT, [1]), value("scale", FLOAT, [])],
                  [sequence("out", FLOAT, ["D"]), sequence("shapes", INT64, [1])])
    rng = np.random.default_rng(5)
    check(proto, {"s": [rng.standard_normal(n).astype(np.float32) for n in (3, 1, 8)], "b": np.ones(1, np.float32),
                  "scale": np.array(2, np.float32)})


@pytest.mark.parametrize("given", [None, X], ids=["empty", "full"])
def test_optional_input(given):
    then = graph([("OptionalGetElement", "o", "g")], [], [value("g", FLOAT, [2, 3])])
    other = graph([("Identity", "zero", "z")], [], [value("z", FLOAT, [2, 3])], [constant("zero", np.zeros_like(X))])
    proto = model([("OptionalHasElement", "o", "has"), ("If", "has", "y", dict(then_branch=then, else_branch=other))],
                  [optional("o", value("x", FLOAT, [2, 3]))], [value("has", BOOL, []), value("y", FLOAT, [2, 3])])
    import ingot.onnx_backend

    has, y = ingot.onnx_backend.prepare(proto).run({"o": given})
    assert has == (given is not None)
    np.testing.assert_array_equal(y, np.zeros_like(X) if given is None else X)


def test_optional_without_value():
    kind = helper.make_tensor_type_proto(FLOAT, [2])
    proto = model([("Optional", "", "o", dict(type=kind)), ("OptionalHasElement", "o", "has")], [], [value("has", BOOL, [])])
    import ingot.onnx_backend

    assert not ingot.onnx_backend.prepare(proto).run({})[0]


def test_strings():
    proto = model([("StringConcat", "a b", "joined"), ("Equal", "a b", "same"), ("Gather", "a index", "first"),
                   ("Shape", "joined", "size")],
                  [value("a", STRING, ["N"]), value("b", STRING, ["N"])],
                  [value("joined", STRING, ["N"]), value("same", BOOL, ["N"]), value("first", STRING, []),
                   value("size", INT64, [1])],
                  [constant("index", 0)], opset=20)
    check(proto, {"a": np.array(["straße", "", "x"], object), "b": np.array(["ß", "", "y"], object)})


def test_strings_in_a_loop():
    body = graph([("StringConcat", "s tail", "next"), ("Identity", "go", "go_on"), ("Identity", "next", "out")],
                 [value("i", INT64, []), value("go", BOOL, []), value("s", STRING, [1])],
                 [value("go_on", BOOL, []), value("next", STRING, [1]), value("out", STRING, [1])])
    proto = model([("Loop", "m - s0", "last all", dict(body=body))],
                  [value("m", INT64, []), value("s0", STRING, [1]), value("tail", STRING, [1])],
                  [value("last", STRING, [1]), value("all", STRING, [None, 1])], opset=20)
    import ingot.onnx_backend

    last, every = ingot.onnx_backend.prepare(proto).run(
        {"m": np.array(3), "s0": np.array(["a"], object), "tail": np.array(["b"], object)})
    assert last.tolist() == ["abbb"] and every.tolist() == [["ab"], ["abb"], ["abbb"]]


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_input_of_any_rank(rank):
    proto = model([("Relu", "x", "y"), ("Size", "x", "n")], [value("x")], [value("y"), value("n", INT64, [])])
    check(proto, {"x": np.random.default_rng(rank).standard_normal((2, 3, 4)[:rank]).astype(np.float32)})


@pytest.mark.parametrize("kind", [TensorProto.INT4, TensorProto.UINT4])
def test_scan_of_packed_elements(kind):
    """Three elements of half a byte per slice: slices begin in the middle of bytes."""
    rng = np.random.default_rng(kind)
    low, high = (-8, 8) if kind == TensorProto.INT4 else (0, 16)
    x = rng.integers(low, high, (5, 3)).astype(np.int8)
    body = graph([("Identity", "a", "b")], [value("a", kind, [3])], [value("b", kind, [3])])
    proto = model([("Cast", "x", "packed", dict(to=kind)),
                   ("Scan", "packed", "out", dict(body=body, num_scan_inputs=1, scan_input_directions=[1])),
                   ("Cast", "out", "y", dict(to=TensorProto.INT8))],
                  [value("x", TensorProto.INT8, [5, 3])], [value("y", TensorProto.INT8, [5, 3])], opset=21)
    import ingot.onnx_backend

    np.testing.assert_array_equal(ingot.onnx_backend.prepare(proto).run({"x": x})[0], x[::-1])


class RandomProgram:
    """A graph of elementwise operators and nested control flow over tensors [2, 3], all of bounded size."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.count = 0

    def name(self):
        self.count += 1
        return f"v{self.count}"

    def block(self, known, depth, length):
        """Nodes, and the names known after them; what is outside is captured."""
        nodes, known = [], list(known)
        for _ in range(length):
            kind = self.rng.choice(["op"] * 3 + (["if", "loop", "scan"] if depth > 0 else []))
            nodes += getattr(self, "make_" + kind)(known, depth)
        return nodes, known

    def make_op(self, known, _depth):
        out, op = self.name(), self.rng.choice(["Add", "Sub", "Mul", "Tanh", "Abs", "Relu", "MatMul"])
        if op == "MatMul":
            product = self.name()
            nodes = [helper.make_node(op, [self.rng.choice(known), "square"], [product]),
                     helper.make_node("Tanh", [product], [out])]
        else:
            operands = [self.rng.choice(known) for _ in range(2 if op in ("Add", "Sub", "Mul") else 1)]
            clipped = self.name()
            nodes = [helper.make_node(op, operands, [clipped]), helper.make_node("Clip", [clipped, "low", "high"], [out])]
        known.append(out)
        return nodes

    def condition(self, known):
        total, out = self.name(), self.name()
        return [helper.make_node("ReduceSum", [self.rng.choice(known)], [total], keepdims=0),
                helper.make_node("Less", [total, "half"], [out])], out

    def make_if(self, known, depth):
        nodes, condition = self.condition(known)
        branches = []
        for _ in range(2):
            inner, names = self.block(known, depth - 1, self.rng.randint(1, 3))
            branches.append(helper.make_graph(inner, self.name(), [], [value(names[-1], FLOAT, [2, 3])]))
        out = self.name()
        known.append(out)
        return nodes + [helper.make_node("If", [condition], [out], then_branch=branches[0], else_branch=branches[1])]

    def make_loop(self, known, depth):
        i, go, state, out, stacked, last = (self.name() for _ in range(6))
        inner, names = self.block(known + [state], depth - 1, self.rng.randint(1, 3))
        tests, go_on = self.condition(names) if self.rng.random() < 0.5 else ([], None)
        if go_on is None:
            go_on = self.name()
            tests = [helper.make_node("Identity", [go], [go_on])]
        final = self.name()
        body = helper.make_graph(inner + tests + [helper.make_node("Identity", [names[-1]], [final])], self.name(),
                                 [value(i, INT64, []), value(go, BOOL, []), value(state, FLOAT, [2, 3])],
                                 [value(go_on, BOOL, []), value(names[-1], FLOAT, [2, 3]), value(final, FLOAT, [2, 3])])
        trips = self.rng.choice(["zero", "one", "three", "m"])
        known += [out, last]
        return [helper.make_node("Loop", [trips, "", self.rng.choice(known[:-2])], [out, stacked], body=body),
                helper.make_node("ReduceSum", [stacked, "axis"], [last], keepdims=0)]

    def make_scan(self, known, depth):
        state, row, out, stacked, wide, final = (self.name() for _ in range(6))
        inner, names = self.block(known + [state], depth - 1, self.rng.randint(1, 2))
        nodes = inner + [helper.make_node("Add", [names[-1], row], [wide]), helper.make_node("Identity", [row], [final])]
        body = helper.make_graph(nodes, self.name(), [value(state, FLOAT, [2, 3]), value(row, FLOAT, [3])],
                                 [value(wide, FLOAT, [2, 3]), value(final, FLOAT, [3])])
        known += [out, stacked]
        return [helper.make_node("Scan", [self.rng.choice(known[:-2]), self.rng.choice(known[:-2])], [out, stacked],
                                 body=body, num_scan_inputs=1, scan_input_directions=[self.rng.randint(0, 1)],
                                 scan_output_directions=[self.rng.randint(0, 1)])]

    def model(self):
        nodes, names = self.block(["x", "y"], 3, 5)
        constants = [constant("low", np.float32(-3)), constant("high", np.float32(3)), constant("half", np.float32(0.5)),
                     constant("zero", 0), constant("one", 1), constant("three", 3), constant("axis", [0]),
                     constant("square", np.linspace(-1, 1, 9, dtype=np.float32).reshape(3, 3))]
        outputs = [value(name, FLOAT, [2, 3]) for name in names[-3:] if name not in ("x", "y")]
        inputs = [value("x", FLOAT, [2, 3]), value("y", FLOAT, [2, 3]), value("m", INT64, [])]
        return helper.make_model(helper.make_graph(nodes, "random", inputs, outputs, constants),
                                 opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


@pytest.mark.parametrize("seed", range(40))
def test_random_programs(seed):
    proto = RandomProgram(seed).model()
    rng = np.random.default_rng(seed)
    feed = {name: rng.standard_normal((2, 3)).astype(np.float32) for name in "xy"}
    check(proto, {**feed, "m": np.array(rng.integers(0, 4))})


@pytest.mark.parametrize("seed", [3, 11])
def test_verify_knows_control_flow(seed, ingot, tmp_path: pathlib.Path):
    path = tmp_path / "random.onnx"
    onnx.save(RandomProgram(seed).model(), path)
    done = ingot_cli.run("verify", path, "--per-layer", "--time-budget", 0)
    assert done.ok, done.stderr


def test_bad_body_names_the_node():
    import ingot

    body = graph([("MatMul", "s wrong", "next"), ("Identity", "go", "go_on")],
                 [value("i", INT64, []), value("go", BOOL, []), value("s", FLOAT, [2, 3])],
                 [value("go_on", BOOL, []), value("next", FLOAT, [2, 3])])
    proto = model([("Loop", "m - x", "y", dict(body=body))], [value("m", INT64, []), value("x", FLOAT, [2, 3])],
                  [value("y")], [constant("wrong", np.zeros((5, 5), np.float32))])
    with pytest.raises(ingot.InvalidArgument, match="MatMul_next"):
        ingot.build(proto.SerializeToString(), time_budget=0)


def test_failing_step_names_the_node():
    import ingot
    import ingot.onnx_backend

    body = graph([("SequenceAt", "all i", "element"), ("Identity", "go", "go_on"), ("Identity", "element", "out")],
                 [value("i", INT64, []), value("go", BOOL, [])], [value("go_on", BOOL, []), value("out", FLOAT, [2, 1])])
    proto = model([("SplitToSequence", "x", "all", dict(axis=1)), ("Loop", "m", "y", dict(body=body))],
                  [value("m", INT64, []), value("x", FLOAT, [2, 3])], [value("y")])
    with pytest.raises(ingot.InvalidArgument, match="Loop_y.*iteration 3.*SequenceAt_element"):
        ingot.onnx_backend.prepare(proto).run({"m": np.array(4), "x": X})
