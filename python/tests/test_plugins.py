# SPDX-License-Identifier: Apache-2.0
"""Plugins that are Python functions: numbers against PyTorch, schemas, and every way to be wrong."""
import itertools
import os
import threading

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import ingot

SEED = int(os.environ.get("INGOT_SEED", np.random.SeedSequence().entropy % 2**32))
# A name is defined once in a process.
fresh = (f"Op{number}" for number in itertools.count())


@pytest.fixture
def rng():
    print("seed", SEED)
    return np.random.default_rng(SEED)


def model(op, inputs, outputs=("y",), domain="py", after=None, **attributes):
    """One node, on inputs of {name: (type, shape)}; `after`: an ONNX operator on its first output."""
    first = [f"{outputs[0]}_", *outputs[1:]] if after else list(outputs)
    nodes = [helper.make_node(op, list(inputs), first, domain=domain, name="the_node", **attributes)]
    if after:
        nodes.append(helper.make_node(after, [first[0]], [outputs[0]]))
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info(n, *info) for n, info in inputs.items()],
                              [helper.make_empty_tensor_value_info(name) for name in outputs])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(domain, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()


def build(*args, shapes=None, **kwargs):
    return ingot.build(model(*args, **kwargs), time_budget=0, shapes=shapes)


F32 = TensorProto.FLOAT


def test_torch_inside_and_symbolic_shapes(rng):
    torch = pytest.importorskip("torch")
    name = next(fresh)

    mode = ingot.Attribute(str, "max", choices=("max", "mean"))

    @ingot.plugin(name, "py", attributes={"kernel": int, "stride": 1, "mode": mode})
    def pool(x, *, kernel, stride, mode):
        function = torch.nn.functional.max_pool1d if mode == "max" else torch.nn.functional.avg_pool1d
        return function(torch.from_dlpack(x), kernel, stride)

    @pool.shape
    def _(x, *, kernel, stride, mode):
        batch, channels, length = x.shape
        return x.dtype, (batch, channels, (length - kernel) // stride + 1)

    engine = build(name, {"x": (F32, ["n", 3, "t"])}, after="Neg", kernel=4, stride=3)
    for shape in [(1, 3, 4), (2, 3, 17), (5, 3, 64)]:
        x = rng.standard_normal(shape).astype(np.float32)
        expected = -torch.nn.functional.max_pool1d(torch.from_numpy(x), 4, 3).numpy()
        np.testing.assert_array_equal(engine({"x": x})["y"], expected)
    assert pool(np.ones((1, 1, 4), np.float32), kernel=2, stride=2, mode="mean").shape == (1, 1, 2)
    with pytest.raises(ingot.Error, match="must be one of max|mean"):
        build(name, {"x": (F32, [1, 1, 8])}, kernel=2, mode="median")
    with pytest.raises(ingot.Error, match="attribute kernel is required"):
        build(name, {"x": (F32, [1, 1, 8])})
    with pytest.raises(ingot.Error, match="has no attribute strides.*did you mean.*stride"):
        build(name, {"x": (F32, [1, 1, 8])}, kernel=2, strides=2)


def test_attributes_of_every_kind():
    name = next(fresh)
    seen = {}

    @ingot.plugin(name, "py", attributes={"i": int, "f": 0.5, "s": "text", "ii": list[int], "ff": [0.5, 1.5],
                                          "ss": list[str], "t": np.ndarray, "flag": True})
    def keep(x, **attributes):
        seen.update(attributes)
        return x

    tensor = onnx.numpy_helper.from_array(np.arange(6, dtype=np.int64).reshape(2, 3), "t")
    engine = build(name, {"x": (F32, [1])}, i=3, ii=[1, 2], ss=["a", "b"], t=tensor, f=2)
    engine({"x": np.zeros(1, np.float32)})
    np.testing.assert_array_equal(seen.pop("t"), np.arange(6).reshape(2, 3))
    assert seen == {"i": 3, "f": 2.0, "s": "text", "ii": [1, 2], "ff": [0.5, 1.5], "ss": ["a", "b"], "flag": 1}


def test_several_outputs_optional_inputs_and_types(rng):
    name = next(fresh)

    @ingot.plugin(name, "py", outputs=2)
    def split(x, bias=None):
        return (x > 0), (x if bias is None else x + bias).astype(np.float16).sum(0, dtype=np.float16)

    @split.shape
    def _(x, bias):
        return ("bool", x.shape), ingot.TensorSpec("float16", x.shape[1:])

    x, bias = rng.standard_normal((3, 5)).astype(np.float32), np.ones(5, np.float32)
    out = build(name, {"x": (F32, [3, 5]), "bias": (F32, [5])}, outputs=("p", "q"))({"x": x, "bias": bias})
    np.testing.assert_array_equal(out["p"], x > 0)
    assert out["q"].dtype == np.float16
    np.testing.assert_array_equal(out["q"], (x + bias).astype(np.float16).sum(0, dtype=np.float16))
    np.testing.assert_array_equal(build(name, {"x": (F32, [3, 5])})({"x": x})["y"], x > 0)


def test_sizes_that_the_data_decide(rng):
    name = next(fresh)

    @ingot.plugin(name, "py")
    def positive(x):
        return x[x > 0]

    @positive.shape
    def _(x):
        return x.dtype, (None,)

    engine = build(name, {"x": (F32, [40])}, after="Sqrt")
    for x in (rng.standard_normal(40), -np.ones(40)):
        x = x.astype(np.float32)
        np.testing.assert_allclose(engine({"x": x})["y"], np.sqrt(x[x > 0]), rtol=1e-6)


@pytest.mark.parametrize("result,text", [
    (lambda x: x[:, :2], r"output 0 of plugin py::\w+ has shape \(2, 2\); by the shape rule it is \(2, 3\)"),
    (lambda x: x.astype(np.float64), "elements of type float64; by the shape rule they are float32"),
    (lambda x: (x, x), r"plugin py::\w+ returned 2 outputs, the plugin has 1"),
    (lambda x: 3.0, "is a float; it must be an array"),
    (lambda x: {}["missing"], r"(?s)Traceback.*test_plugins.py.*KeyError: 'missing'"),
])
def test_wrong_results(result, text):
    name = next(fresh)
    ingot.plugin(name, "py")(lambda x: result(x))
    engine = build(name, {"x": (F32, [2, 3])})
    with pytest.raises(ingot.Error, match=text) as raised:
        engine({"x": np.zeros((2, 3), np.float32)})
    assert f"py::{name}" in str(raised.value)


@pytest.mark.parametrize("rule,text", [
    (lambda x: ("float31", x.shape), "float31"),
    (lambda x: (x.dtype, x.shape[5:6] + (x.shape[7],)), r"(?s)Traceback.*IndexError"),
    (lambda x: (x.dtype, (x.shape[0] // 0,)), "has no result|ZeroDivisionError"),
    (lambda x: (x.dtype, None), "gives no shape"),
    (lambda x: (x.dtype, x.shape) if x.shape[0] > 3 else 1, "TypeError|no truth value|outputs"),
])
def test_wrong_rules(rule, text):
    name = next(fresh)
    defined = ingot.plugin(name, "py")(lambda x: x)
    defined.shape(rule)
    with pytest.raises(ingot.Error, match=text) as raised:
        build(name, {"x": (F32, ["n", 3])})
    assert "the_node" in str(raised.value) or f"py::{name}" in str(raised.value)


def test_the_last_definition_counts():
    name = next(fresh)
    ingot.plugin(name, "py")(lambda x: x)
    engine = build(name, {"x": (F32, [2])})
    ingot.plugin(name, "py")(lambda x: x + 1)
    np.testing.assert_array_equal(engine({"x": np.zeros(2, np.float32)})["y"], [1, 1])
    with pytest.raises(ingot.InvalidArgument, match="already defined with other"):
        ingot.plugin(name, "py", outputs=2)(lambda x: x)
    with pytest.raises(ingot.InvalidArgument, match="an attribute is"):
        ingot.plugin(next(fresh), "py", attributes={"a": object()})(lambda x: x)


def test_threads_share_a_plugin(rng):
    name = next(fresh)

    @ingot.plugin(name, "py")
    def twice(x):
        return 2 * x

    engine = build(name, {"x": (F32, ["n"])}, after="Neg")
    right = []

    def work(seed):
        context = engine.create_context()
        for size in range(1, 30):
            x = np.random.default_rng(seed).standard_normal(size).astype(np.float32)
            right.append(np.array_equal(context.run({"x": x})["y"], -2 * x))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(right) == 4 * 29 and all(right)


def test_a_plan_needs_the_definition(tmp_path):
    name = next(fresh)
    ingot.plugin(name, "py")(lambda x: x)
    engine = build(name, {"x": (F32, [2])})
    engine.save(tmp_path / "m.plan")
    np.testing.assert_array_equal(ingot.load(tmp_path / "m.plan")({"x": np.ones(2, np.float32)})["y"], [1, 1])
