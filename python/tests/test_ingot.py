# SPDX-License-Identifier: Apache-2.0
"""The Python package: numbers against ONNX Runtime, tensors of other libraries, errors, threads."""
import pathlib
import threading
import time

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

import ingot

DIGITS = pathlib.Path(__file__).resolve().parents[2] / "examples/digits"


def make_model(nodes, inputs, outputs, constants=()) -> bytes:
    """inputs, outputs: {name: (type, shape)}; constants: {name: array}."""
    def values(described):
        return [helper.make_tensor_value_info(name, *info) for name, info in described.items()]

    graph = helper.make_graph(nodes, "test", values(inputs), values(outputs),
                              [onnx.numpy_helper.from_array(a, n) for n, a in dict(constants).items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def elementwise(op: str, kind: int, shape=("n", 3)) -> bytes:
    return make_model([helper.make_node(op, ["x"], ["y"])], {"x": (kind, shape)}, {"y": (kind, shape)})


def quick(model, **options) -> ingot.Engine:
    return ingot.build(model, time_budget=0, **options)


@pytest.fixture(scope="session")
def digits() -> ingot.Engine:
    return ingot.build(DIGITS / "digits.onnx", shapes={"batch": (1, 1, 64)}, time_budget=5)


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    return np.load(DIGITS / "test_images.npz")["images"].astype(np.float32)


def expected_scores(images: np.ndarray) -> np.ndarray:
    return onnxruntime.InferenceSession(DIGITS / "digits.onnx").run(["scores"], {"image": images})[0]


def test_describes_the_engine(digits):
    (image,), (scores,) = digits.inputs, digits.outputs
    assert (image.name, image.dtype, image.shape[0]) == ("image", "float32", "batch")
    assert [shape[0] for shape in image.range] == [1, 1, 64]
    assert (scores.name, scores.shape) == ("scores", ("batch", 10)) and scores.range is None
    assert digits.weight_bytes > 0 and all(step.tactic and step.problem for step in digits.steps)
    assert "image: float32[batch" in repr(digits)
    assert ingot.__version__.count(".") == 2 and digits.device == "cpu"


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_agrees_with_onnx_runtime(digits, images, batch):
    scores = digits.create_context(threads=2).run({"image": images[:batch]})["scores"]
    assert type(scores) is np.ndarray and scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected_scores(images[:batch]), rtol=1e-4, atol=1e-4)


def test_saves_and_loads(digits, images, tmp_path):
    digits.save(tmp_path / "digits.plan")
    assert [path.name for path in tmp_path.iterdir()] == ["digits.plan"]
    expected = digits(image=images[:2])["scores"]
    for engine in (ingot.load(tmp_path / "digits.plan"), ingot.load(str(tmp_path / "digits.plan"), verify_weights=False),
                   ingot.load_bytes(digits.serialise())):
        np.testing.assert_array_equal(engine({"image": images[:2]})["scores"], expected)
        assert engine.inputs == digits.inputs and engine.steps == digits.steps


@pytest.mark.parametrize("shapes, first", [({"image": None}, 2), ({"batch": 2}, 2), ({"batch": (2, 2, 2)}, 2),
                                           ({"batch": (1, 2, 4)}, "batch"), (None, "batch")])
def test_shapes(images, shapes, first):
    if shapes and "image" in shapes:
        shapes = {"image": images[:2].shape}
    engine = quick(DIGITS / "digits.onnx", shapes=shapes)
    assert engine.inputs[0].shape[0] == first
    np.testing.assert_allclose(engine(image=images[:2])["scores"], expected_scores(images[:2]), rtol=1e-4, atol=1e-4)


def test_shapes_min_opt_max(images):
    rest = images.shape[1:]
    engine = quick((DIGITS / "digits.onnx").read_bytes(), shapes={"image": ((1, *rest), (2, *rest), (4, *rest))})
    assert engine.inputs[0].range[2] == (4, *rest)
    with pytest.raises(ingot.InvalidArgument, match="range"):
        engine(image=images[:5])


def test_build_options(tmp_path):
    calls, cache = [], tmp_path / "times.txt"
    quick(DIGITS / "digits.onnx", timing_cache=cache, threads=1, progress=lambda *call: calls.append(call))
    assert cache.exists() and calls[-1][0] == calls[-1][1]
    with pytest.raises(ZeroDivisionError):
        quick(DIGITS / "digits.onnx", progress=lambda *_: 1 / 0)
    with pytest.raises(ingot.Cancelled):
        quick(DIGITS / "digits.onnx", progress=lambda *_: False)


@pytest.mark.parametrize("kind, dtype", [(TensorProto.FLOAT, "float32"), (TensorProto.DOUBLE, "float64"),
                                         (TensorProto.FLOAT16, "float16"), (TensorProto.INT64, "int64"),
                                         (TensorProto.INT32, "int32"), (TensorProto.INT8, "int8"),
                                         (TensorProto.UINT8, "uint8"), (TensorProto.BOOL, "bool")])
def test_element_types(kind, dtype):
    x = np.arange(6).reshape(2, 3).astype(dtype)
    engine = quick(make_model([helper.make_node("Concat", ["x", "x"], ["y"], axis=0)], {"x": (kind, ("n", 3))},
                              {"y": (kind, ("m", 3))}))
    assert engine.inputs[0].dtype == dtype
    y = engine(x=x)["y"]
    assert y.dtype == x.dtype
    np.testing.assert_array_equal(y, np.concatenate([x, x]))


def test_outputs_that_are_inputs_or_constants():
    constant = np.arange(4, dtype=np.float32)
    engine = quick(make_model([helper.make_node("Identity", ["x"], ["y"]), helper.make_node("Identity", ["c"], ["z"])],
                              {"x": (TensorProto.FLOAT, (2,))}, {"y": (TensorProto.FLOAT, (2,)), "z": (TensorProto.FLOAT, (4,))},
                              {"c": constant}))
    x = np.array([1, 2], np.float32)
    outputs = engine(x=x)
    np.testing.assert_array_equal(outputs["y"], x)
    np.testing.assert_array_equal(outputs["z"], constant)
    assert not np.shares_memory(outputs["y"], x)


def test_shapes_that_the_data_decide():
    engine = quick(make_model([helper.make_node("NonZero", ["x"], ["y"])], {"x": (TensorProto.FLOAT, ("n",))},
                              {"y": (TensorProto.INT64, (1, "k"))}))
    context = engine.create_context(threads=1)
    for x in ([0, 1, 0, 1], [0, 0], [5]):
        y = context.run({"x": np.array(x, np.float32)})["y"]
        np.testing.assert_array_equal(y, np.nonzero(x))
    out = np.zeros((1, 2), np.int64)
    assert context.run({"x": np.array([3, 0, 4], np.float32)}, out={"y": out})["y"] is out
    assert out.tolist() == [[0, 2]]
    with pytest.raises(ingot.InvalidArgument, match="shape"):
        context.run({"x": np.array([3, 1, 4], np.float32)}, out={"y": out})


def test_torch_tensors(digits, images):
    torch = pytest.importorskip("torch")
    context = digits.create_context(threads=1)
    expected = context.run({"image": images[:2]})["scores"]
    given = torch.from_numpy(images[:2].copy())
    out = torch.zeros(2, 10)
    result = context.run({"image": given}, out={"scores": out})
    assert result["scores"] is out
    np.testing.assert_array_equal(out.numpy(), expected)
    np.testing.assert_array_equal(torch.from_dlpack(context.run({"image": given})["scores"]).numpy(), expected)
    with pytest.raises(ingot.InvalidArgument, match="contiguous"):
        context.run({"image": torch.zeros(*images[:2].shape).transpose(2, 3)})
    bf16 = quick(elementwise("Relu", TensorProto.BFLOAT16))
    y = torch.zeros(1, 3, dtype=torch.bfloat16)
    bf16.create_context(threads=1).run({"x": torch.tensor([[-1, 0, 1.5]], dtype=torch.bfloat16)}, out={"y": y})
    assert y.tolist() == [[0, 0, 1.5]]


def test_outputs_do_not_change_later(digits, images):
    context = digits.create_context(threads=1)
    first = context.run({"image": images[:1]})["scores"]
    kept = first.copy()
    context.run({"image": images[1:2]})
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize("change, message", [
    (lambda x: x.astype(np.float64), "float32.*float64"), (lambda x: x.tolist(), "list"), (lambda x: None, "NoneType"),
    (lambda x: np.asfortranarray(np.concatenate([x, x])), "contiguous"), (lambda x: x[..., ::2], "contiguous"),
    (lambda x: x[0], "rank"), (lambda x: np.repeat(x, 65, 0), "range"),
])
def test_wrong_inputs(digits, images, change, message):
    context = digits.create_context(threads=1)
    with pytest.raises(ingot.InvalidArgument, match=message) as caught:
        context.run({"image": change(images[:1])})
    assert "image" in str(caught.value) and isinstance(caught.value, ValueError) and caught.value.code == 2
    context.run({"image": images[:1]})  # the context is as good as before


def test_wrong_names_and_outputs(digits, images):
    context = digits.create_context(threads=1)
    with pytest.raises(ingot.InvalidArgument, match="'image' is not given"):
        context.run({})
    with pytest.raises(ingot.InvalidArgument, match="no input 'picture'; the engine has 'image'"):
        context.run({"image": images[:1], "picture": images[:1]})
    read_only = np.zeros((1, 10), np.float32)
    read_only.flags.writeable = False
    for out, message in [({"other": read_only}, "no output 'other'"), ({"scores": read_only}, "writable"),
                         ({"scores": np.zeros((1, 10))}, "float64"), ({"scores": np.zeros((2, 10), np.float32)}, "shape")]:
        with pytest.raises(ingot.InvalidArgument, match=message):
            context.run({"image": images[:1]}, out=out)
    images = images[:1].copy()
    images.flags.writeable = False
    context.run({"image": images})  # inputs are only read


def test_errors_of_files(tmp_path, digits):
    with pytest.raises(FileNotFoundError) as caught:
        ingot.load(tmp_path / "none.plan")
    assert isinstance(caught.value, ingot.NotFound) and isinstance(caught.value, ingot.Error)
    with pytest.raises(ingot.NotFound):
        ingot.build(tmp_path / "none.onnx")
    with pytest.raises(ingot.Corrupt):
        ingot.load_bytes(b"nonsense" * 99)
    damaged = bytearray(digits.serialise())
    damaged[len(damaged) // 2] ^= 1
    with pytest.raises(ingot.Corrupt):
        ingot.load_bytes(bytes(damaged))
    with pytest.raises(ingot.Corrupt):
        ingot.build(b"nonsense" * 99)
    with pytest.raises(ingot.Unsupported, match="NoSuchOperator"):
        node = helper.make_node("NoSuchOperator", ["x"], ["y"], domain="example.org")
        graph = helper.make_graph([node], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1,))],
                                  [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1,))])
        ingot.build(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("example.org", 1)],
                                      ir_version=8).SerializeToString())
    with pytest.raises(ingot.InvalidArgument, match="shapes of 'image'"):
        ingot.build(DIGITS / "digits.onnx", shapes={"image": "large"})


def test_contexts_on_threads(digits, images):
    expected = digits(image=images[:4])["scores"]
    wrong = []

    def work(run):
        for _ in range(30):
            if not np.array_equal(run({"image": images[:4]})["scores"], expected):
                wrong.append(1)

    # A context each, and the engine's own ones.
    runs = [digits.create_context().run for _ in range(3)] + [digits] * 3
    threads = [threading.Thread(target=work, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.fixture(scope="session")
def slow() -> tuple:
    """A context whose run takes a good while, and its input."""
    size = 1536
    engine = quick(make_model([helper.make_node("MatMul", ["x", "x"], ["a"]), helper.make_node("MatMul", ["a", "x"], ["y"])],
                              {"x": (TensorProto.FLOAT, (size, size))}, {"y": (TensorProto.FLOAT, (size, size))}))
    return engine.create_context(threads=1), {"x": np.ones((size, size), np.float32)}


def test_other_threads_run_meanwhile(slow):
    context, inputs = slow
    start = time.perf_counter()
    context.run(inputs)
    alone = time.perf_counter() - start
    runner = threading.Thread(target=context.run, args=(inputs,))
    runner.start()
    longest, before = 0.0, time.perf_counter()
    while runner.is_alive():
        now = time.perf_counter()
        longest, before = max(longest, now - before), now
        time.sleep(0)
    runner.join()
    assert longest < max(0.5 * alone, 0.1), f"this thread stood still for {longest:.3f} s of {alone:.3f} s"


def test_a_context_is_for_one_thread_at_a_time(slow):
    context, inputs = slow
    refused = []

    def work():
        try:
            context.run(inputs)
        except ingot.FailedPrecondition as error:
            refused.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused and all("another thread" in message for message in refused)
    context.run(inputs)


def test_profiler(digits, images):
    context, seen = digits.create_context(threads=1), []
    context.set_profiler(lambda *step: seen.append(step))
    context.run({"image": images[:1]})
    assert [step[0] for step in seen] == list(range(len(digits.steps)))
    assert all(tactic == digits.steps[i].tactic and us >= 0 for i, _, tactic, us in seen)
    context.set_profiler(None)
    context.run({"image": images[:1]})
    assert len(seen) == len(digits.steps) and context.memory_bytes > 0 and context.threads == 1
