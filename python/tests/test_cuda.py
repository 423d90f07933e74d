# SPDX-License-Identifier: Apache-2.0
"""Engines on a GPU through the Python package: PyTorch's tensors in and out in place, its streams, threads, errors."""
import os
import secrets
import threading

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import ingot

torch = pytest.importorskip("torch", reason="the package torch is not installed")
SEED = int(os.environ.get("INGOT_TEST_SEED", secrets.randbits(32)))
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU, or a PyTorch that knows none")
CHANNELS, SIZE = 8, 17


@pytest.fixture(scope="module")
def weights():
    print("seed", SEED)
    rng = np.random.default_rng(SEED)
    return {"w": rng.standard_normal((CHANNELS, 3, 3, 3), np.float32),
            "dense": rng.standard_normal((CHANNELS, 5), np.float32)}


def model(weights) -> bytes:
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]), helper.make_node("Relu", ["c"], ["r"]),
             helper.make_node("ReduceMean", ["r"], ["m"], axes=[2, 3], keepdims=0),
             helper.make_node("MatMul", ["m", "dense"], ["y"])]
    graph = helper.make_graph(nodes, "net", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, SIZE, SIZE])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 5])],
                              [onnx.numpy_helper.from_array(value, name) for name, value in weights.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def expected(weights, x):
    """In double precision on the CPU."""
    x = torch.as_tensor(x).double().cpu()
    y = torch.relu(torch.nn.functional.conv2d(x, torch.from_numpy(weights["w"]).double(), padding=1))
    return (y.mean((2, 3)) @ torch.from_numpy(weights["dense"]).double()).numpy()


def close(found, wanted):
    # Sums of 27, SIZE * SIZE and CHANNELS terms in fp32, of values near 1.
    found = found.cpu().numpy() if torch.is_tensor(found) else found
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.fixture(scope="module")
def engine(weights):
    return ingot.build(model(weights), shapes={"n": (1, 2, 6)}, time_budget=0, device="cuda")


def image(batch, device="cuda"):
    return torch.randn(batch, 3, SIZE, SIZE, device=device)


@needs_gpu
def test_arrays_of_the_host(engine, weights):
    assert engine.device == "cuda:0"
    context = engine.create_context()
    for batch in (2, 2, 5, 1, 2):  # launched, captured, and anew for every shape
        x = image(batch, "cpu").numpy()
        close(context.run({"x": x})["y"], expected(weights, x))


@needs_gpu
def test_tensors_of_the_gpu_in_place(engine, weights):
    context = engine.create_context()
    x, y = image(3), torch.full((3, 5), float("nan"), device="cuda")
    torch.cuda.synchronize()  # the context has a stream of its own
    for _ in range(4):
        address = y.data_ptr()
        assert context.run({"x": x}, out={"y": y})["y"] is y and y.data_ptr() == address
        close(y, expected(weights, x))
        x.copy_(image(3))
        y.fill_(float("nan"))
        torch.cuda.synchronize()
    assert type(context.run({"x": x})["y"]) is np.ndarray  # in from the GPU, out to the host


@needs_gpu
def test_on_the_callers_stream(engine, weights):
    """No synchronisation: PyTorch's work ahead and behind lies on the same stream."""
    stream = torch.cuda.Stream()
    context = engine.create_context(cuda_stream=stream.cuda_stream)
    images = [image(2) for _ in range(6)]
    torch.cuda.synchronize()
    x, y, sums = torch.empty_like(images[0]), torch.empty(2, 5, device="cuda"), []
    with torch.cuda.stream(stream):
        for picture in images:
            torch.cuda._sleep(1_000_000)  # cycles: what is not ordered by the stream runs too early
            x.copy_(picture)
            context.run({"x": x}, out={"y": y})
            sums.append(y.clone())
    stream.synchronize()
    for picture, found in zip(images, sums):
        close(found, expected(weights, picture))


@needs_gpu
def test_threads_with_contexts_of_their_own(engine, weights):
    failures = []

    def work(number):
        try:
            context = engine.create_context()
            for repeat in range(20):
                x = image(1 + (number + repeat // 5) % 6, "cpu").numpy()
                close(context.run({"x": x})["y"], expected(weights, x))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]


@needs_gpu
def test_saved_and_loaded(engine, weights, tmp_path):
    engine.save(tmp_path / "net.plan")
    x = image(2, "cpu").numpy()
    close(ingot.load(tmp_path / "net.plan")({"x": x})["y"], expected(weights, x))


@needs_gpu
def test_the_second_gpu(engine, weights, tmp_path):
    if torch.cuda.device_count() < 2:
        pytest.skip("one GPU only")
    engine.save(tmp_path / "net.plan")
    other = ingot.load(tmp_path / "net.plan", cuda_device=1)
    assert other.device == "cuda:1"
    x, y = image(2, "cuda:1"), torch.empty(2, 5, device="cuda:1")
    torch.cuda.synchronize(1)
    other.create_context().run({"x": x}, out={"y": y})
    close(y, expected(weights, x))
    assert torch.cuda.current_device() == 0  # the caller's device is the caller's
    with pytest.raises(ingot.InvalidArgument, match="lies on cuda:0, the engine runs on cuda:1"):
        other.create_context().run({"x": image(2)})
    close(engine({"x": x.cpu().numpy()})["y"], expected(weights, x))
    built = ingot.build(model(weights), shapes={"n": (1, 2, 6)}, time_budget=0, device="cuda:1")
    assert built.device == "cuda:1"  # it stays on the GPU that it was tuned on
    close(built({"x": x.cpu().numpy()})["y"], expected(weights, x))


@needs_gpu
def test_shapes_that_the_data_decide(weights):
    graph = helper.make_graph([helper.make_node("NonZero", ["x"], ["y"])], "net",
                              [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4, 9])],
                              [helper.make_tensor_value_info("y", TensorProto.INT64, [2, "found"])])
    bytes_ = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    context = ingot.build(bytes_, time_budget=0, device="cuda").create_context()
    for density in (0.5, 0.0, 1.0, 0.1):
        x = (torch.rand(4, 9, device="cuda") < density).float()
        torch.cuda.synchronize()
        np.testing.assert_array_equal(context.run({"x": x})["y"], np.stack(np.nonzero(x.cpu().numpy())))


@needs_gpu
def test_a_cpu_engine_refuses_memory_of_the_gpu(weights):
    on_cpu = ingot.build(model(weights), shapes={"n": (1, 2, 6)}, time_budget=0)
    with pytest.raises(ingot.InvalidArgument, match="input 'x': the array lies on cuda:0, the engine runs on cpu"):
        on_cpu({"x": image(1)})
    with pytest.raises(ingot.InvalidArgument, match="output 'y': the array lies on cuda:0"):
        on_cpu.create_context().run({"x": image(1, "cpu")}, out={"y": torch.empty(1, 5, device="cuda")})


@needs_gpu
def test_wrong_tensors_are_named(engine):
    context = engine.create_context()
    for x, words in [(image(1).half(), "elements of type float32"), (image(7), "n"), (image(2)[:, :, ::2], "contiguous")]:
        with pytest.raises(ingot.Error, match=words):
            context.run({"x": x})
    with pytest.raises(ingot.InvalidArgument, match=r"output 'y' has shape \[2, 5\], given was \[3, 5\]"):
        context.run({"x": image(2)}, out={"y": torch.empty(3, 5, device="cuda")})


@needs_gpu
def test_nodes_without_a_kernel_need_leave():
    """Images are decoded by the host: refused by name, and done with leave."""
    graph = helper.make_graph([helper.make_node("ImageDecoder", ["file"], ["image"], name="decode", pixel_format="RGB")],
                              "net", [helper.make_tensor_value_info("file", TensorProto.UINT8, ["bytes"])],
                              [helper.make_tensor_value_info("image", TensorProto.UINT8, ["h", "w", 3])])
    bytes_ = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9).SerializeToString()
    with pytest.raises(ingot.Error, match="decode"):
        ingot.build(bytes_, time_budget=0, device="cuda")
    allowed = ingot.build(bytes_, time_budget=0, device="cuda", allow_cpu_fallback=True)
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    file = np.frombuffer(b"P6 3 2 255\n" + pixels.tobytes(), np.uint8)
    np.testing.assert_array_equal(allowed({"file": file})["image"], pixels)


def test_devices_that_do_not_exist(weights):
    for device in ("cuda:99", "cuda:-1", "gpu", "cuda:x"):
        with pytest.raises(ingot.Error, match="cuda|device"):
            ingot.build(model(weights), time_budget=0, device=device)
