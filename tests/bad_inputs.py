# SPDX-License-Identifier: Apache-2.0
"""Every kind of bad input gets a clear error: an exit code of its kind and one line `error: ...`; never a signal."""
import importlib.util
import random
import re
import struct
import subprocess
import sys

import numpy as np
import onnx
import pytest
import xxhash
from onnx import TensorProto, helper

import ingot_cli
from ingot_cli import DIGITS

CODES = ingot_cli.status_codes()
# A bad input is never the program's own bug.
FAILURES = {name: value for name, value in CODES.items() if name not in ("kOk", "kInternal")}
HEADER_BYTES = 4096


def expect_error(outcome, mentions: str = "", codes: tuple = ()) -> str:
    """The outcome is an error of one of `codes` whose line contains one of the words of `mentions`."""
    assert not outcome.timed_out, "timed out"
    assert outcome.code in FAILURES.values(), f"exit code {outcome.code}\n{outcome.stderr}"
    errors = [line for line in outcome.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, f"one line 'error: ...' expected on stderr:\n{outcome.stderr}"
    assert len(errors[0]) > len("error: ") + 10, errors[0]
    if codes:
        assert outcome.code in [CODES[code] for code in codes], f"exit code {outcome.code}: {errors[0]}"
    if mentions:
        assert any(word in errors[0].lower() for word in mentions.split()), errors[0]
    return errors[0]


def tensor(name: str, shape, dtype=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


def model(nodes, inputs, outputs, initializers=()) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "bad", inputs, outputs, initializer=list(initializers))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def cycle() -> onnx.ModelProto:
    return model([helper.make_node("Add", ["x", "b"], ["a"], "first"), helper.make_node("Relu", ["a"], ["b"], "second")],
                 [tensor("x", [4])], [tensor("b", [4])])


def wrong_dtype() -> onnx.ModelProto:
    return model([helper.make_node("Add", ["x", "y"], ["z"], "sum")],
                 [tensor("x", [4]), tensor("y", [4], TensorProto.INT64)], [tensor("z", [4])])


def unknown_dtype() -> onnx.ModelProto:
    return model([helper.make_node("Relu", ["x"], ["y"], "relu")], [tensor("x", [4], 12345)], [tensor("y", [4], 12345)])


def huge_dimension() -> onnx.ModelProto:
    return model([helper.make_node("Relu", ["x"], ["y"], "relu")], [tensor("x", [2**62, 4])],
                 [tensor("y", [2**62, 4])])


def huge_initializer() -> onnx.ModelProto:
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2**62, 4], raw_data=b"\0" * 64)
    return model([helper.make_node("Add", ["x", "w"], ["y"], "sum")], [tensor("x", [4])], [tensor("y", [2**62, 4])],
                 [weight])


def negative_dimension() -> onnx.ModelProto:
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[-4], raw_data=b"\0" * 16)
    return model([helper.make_node("Add", ["x", "w"], ["y"], "sum")], [tensor("x", [4])], [tensor("y", [4])], [weight])


def short_initializer() -> onnx.ModelProto:
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], raw_data=b"\0" * 15)
    return model([helper.make_node("Add", ["x", "w"], ["y"], "sum")], [tensor("x", [4])], [tensor("y", [4])], [weight])


def unknown_value() -> onnx.ModelProto:
    return model([helper.make_node("Relu", ["nowhere"], ["y"], "relu")], [tensor("x", [4])], [tensor("y", [4])])


def mismatched_shapes() -> onnx.ModelProto:
    return model([helper.make_node("MatMul", ["x", "y"], ["z"], "product")], [tensor("x", [2, 3]), tensor("y", [4, 5])],
                 [tensor("z", [2, 5])])


BAD_MODELS = {
    # name: (bytes, words of which the error has one)
    "empty": (lambda: b"", "empty"),
    "text": (lambda: b"This is a shopping list, not a model.\n" * 40, "onnx"),
    "truncated": (lambda: (DIGITS / "digits.onnx").read_bytes()[:100_000], "onnx truncated cut"),
    "random bytes": (lambda: random.Random(1).randbytes(5000), "onnx"),
    "cycle": (cycle, "cycle cyclic"),
    "wrong dtype": (wrong_dtype, "type"),
    "unknown dtype": (unknown_dtype, "type"),
    "dimension of 2^62": (huge_dimension, "dimension large overflow size"),
    "initializer of 2^62": (huge_initializer, "dimension large overflow size bytes"),
    "negative dimension": (negative_dimension, "negative dimension"),
    "initializer too short": (short_initializer, "bytes size data"),
    "unknown value": (unknown_value, "nowhere"),
    "mismatched shapes": (mismatched_shapes, "product"),
}


@pytest.mark.parametrize("name", BAD_MODELS)
def test_bad_model(ingot, tmp_path, name):
    content, mentions = BAD_MODELS[name]
    made = content()
    path = tmp_path / "model.onnx"
    path.write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
    expect_error(ingot_cli.run("build", path, "-o", tmp_path / "out.plan"), mentions)
    assert not (tmp_path / "out.plan").exists(), "a failed build leaves no plan"


@pytest.mark.parametrize("location", ["../outside.bin", "link.bin", "link/outside.bin", "folder/../../outside.bin",
                                      "ABSOLUTE", "missing.bin"])
def test_external_data_stays_in_the_folder(ingot, tmp_path, location):
    folder = tmp_path / "model"
    (folder / "folder").mkdir(parents=True)
    outside = tmp_path / "outside.bin"
    outside.write_bytes(bytes(16))
    (folder / "link.bin").symlink_to(outside)
    (folder / "link").symlink_to(tmp_path)
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    weight.external_data.add(key="location", value=str(outside) if location == "ABSOLUTE" else location)
    bad = model([helper.make_node("Add", ["x", "w"], ["y"], "sum")], [tensor("x", [4])], [tensor("y", [4])], [weight])
    (folder / "model.onnx").write_bytes(bad.SerializeToString())
    outcome = ingot_cli.run("build", folder / "model.onnx", "-o", tmp_path / "out.plan")
    expect_error(outcome, "external outside link missing.bin")


@pytest.mark.parametrize("offset, length", [("-1", "16"), ("8", "16"), ("18446744073709551615", "16"), ("0", "17"),
                                            ("0", "1000000000000"), ("zero", "16")])
def test_external_data_stays_in_the_file(ingot, tmp_path, offset, length):
    (tmp_path / "weights.bin").write_bytes(bytes(16))
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", "weights.bin"), ("offset", offset), ("length", length)):
        weight.external_data.add(key=key, value=value)
    bad = model([helper.make_node("Add", ["x", "w"], ["y"], "sum")], [tensor("x", [4])], [tensor("y", [4])], [weight])
    (tmp_path / "model.onnx").write_bytes(bad.SerializeToString())
    expect_error(ingot_cli.run("build", tmp_path / "model.onnx", "-o", tmp_path / "out.plan"), "external weights.bin")


def test_missing_file(ingot, tmp_path):
    outcome = ingot_cli.run("build", tmp_path / "nonesuch.onnx", "-o", tmp_path / "out.plan")
    expect_error(outcome, "nonesuch.onnx", ("kNotFound",))


@pytest.fixture(scope="module")
def feed(tmp_path_factory):
    path = tmp_path_factory.mktemp("feed") / "image.npz"
    np.savez(path, image=np.zeros((1, 1, 8, 8), np.float32))
    return path


@pytest.fixture
def run_plan(ingot, tmp_path, feed):
    def run(plan, *arguments):
        return ingot_cli.run("run", plan, *(arguments or ("--inputs", feed)), "--output", tmp_path / "out.npz")
    return run


def test_missing_binding(digits_plan, run_plan, tmp_path):
    np.savez(tmp_path / "none.npz")
    expect_error(run_plan(digits_plan, "--inputs", tmp_path / "none.npz"), "image")


BAD_FEEDS = {
    "unknown name": ({"picture": np.zeros((1, 1, 8, 8), np.float32)}, "picture image"),
    "wrong shape": ({"image": np.zeros((1, 1, 8, 9), np.float32)}, "shape"),
    "wrong rank": ({"image": np.zeros((8, 8), np.float32)}, "shape rank"),
    "outside the profile": ({"image": np.zeros((513, 1, 8, 8), np.float32)}, "profile 512"),
    "empty batch": ({"image": np.zeros((0, 1, 8, 8), np.float32)}, "profile shape"),
    "wrong dtype": ({"image": np.zeros((1, 1, 8, 8), np.int64)}, "type"),
}


@pytest.mark.parametrize("name", BAD_FEEDS)
def test_bad_feed(digits_plan, run_plan, tmp_path, name):
    arrays, mentions = BAD_FEEDS[name]
    np.savez(tmp_path / "feed.npz", **arrays)
    expect_error(run_plan(digits_plan, "--inputs", tmp_path / "feed.npz"), mentions)


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04" + bytes(40)], ids=["empty", "text", "broken"])
@pytest.mark.parametrize("suffix", ["npz", "npy", "png"])
def test_bad_feed_file(digits_plan, run_plan, tmp_path, suffix, content):
    path = tmp_path / f"feed.{suffix}"
    path.write_bytes(content)
    option = ("--inputs", path) if suffix == "npz" else ("--input", f"image={path}")
    expect_error(run_plan(digits_plan, *option), f"feed.{suffix}")


def test_plan_cut_short(digits_plan, run_plan, tmp_path):
    whole, cut = digits_plan.read_bytes(), tmp_path / "cut.plan"
    for length in [*range(0, len(whole), 1024), len(whole) - 1]:
        cut.write_bytes(whole[:length])
        try:
            expect_error(run_plan(cut))
        except AssertionError as error:
            pytest.fail(f"cut to {length} of {len(whole)} bytes: {error}")


def test_plan_with_a_flipped_byte(digits_plan, run_plan, tmp_path):
    """Samples the whole file; the header area is gone through exhaustively below."""
    whole, flipped = digits_plan.read_bytes(), tmp_path / "flipped.plan"
    chosen = random.Random(7)
    offsets = list(range(64)) + sorted(chosen.sample(range(len(whole)), 150)) + [len(whole) - 1]
    for offset in offsets:
        damaged = bytearray(whole)
        damaged[offset] ^= chosen.randrange(1, 256)
        flipped.write_bytes(damaged)
        try:
            expect_error(run_plan(flipped))
        except AssertionError as error:
            pytest.fail(f"byte {offset} of {len(whole)} flipped: {error}")


FLIP_EVERY_BYTE = """
import ingot, sys
path, count, scratch = sys.argv[1], int(sys.argv[2]), sys.argv[3]
whole = open(path, "rb").read()
ingot.load(path)
for offset in range(min(count, len(whole))):
    for bits in (0x01, 0x80, 0xff):
        damaged = bytearray(whole)
        damaged[offset] ^= bits
        with open(scratch, "wb") as file:
            file.write(damaged)
        try:
            ingot.load(scratch)
        except ingot.Error as error:
            continue
        print(f"byte {offset} ^ {bits:#x} was not noticed")
print("done")
"""


@pytest.mark.skipif(importlib.util.find_spec("ingot") is None, reason="the Python module is not installed")
def test_plan_header_with_every_byte_flipped(digits_plan, tmp_path):
    """In one process of its own, through the Python module: 4096 processes would take minutes."""
    done = subprocess.run([sys.executable, "-c", FLIP_EVERY_BYTE, digits_plan, str(HEADER_BYTES), tmp_path / "x.plan"],
                          capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stderr[-2000:]}"
    assert done.stdout == "done\n"


def resealed(plan: bytearray) -> bytes:
    """The plan with the hashes of its metadata and header made right again (src/plan/format.h), as an attacker would."""
    offset, size = struct.unpack_from("<QQ", plan, 16)
    struct.pack_into("<Q", plan, 32, xxhash.xxh3_64_intdigest(bytes(plan[offset:offset + size])))
    struct.pack_into("<Q", plan, 56, xxhash.xxh3_64_intdigest(bytes(plan[:56])))
    return bytes(plan)


def test_plan_of_another_machine(digits_plan, run_plan, tmp_path):
    plan = bytearray(digits_plan.read_bytes())
    feature = re.search(rb"\0cpu ([a-z0-9_]+)[, ]", plan)  # the fingerprint begins "cpu FEATURE,FEATURE "
    assert feature, "no fingerprint found in the plan"
    plan[feature.start(1):feature.end(1)] = b"z" * len(feature[1])
    (tmp_path / "foreign.plan").write_bytes(resealed(plan))
    expect_error(run_plan(tmp_path / "foreign.plan"), "zz", ("kIncompatible",))


def test_plan_of_another_version(digits_plan, run_plan, tmp_path):
    plan = bytearray(digits_plan.read_bytes())
    struct.pack_into("<I", plan, 8, 1_000_000)
    (tmp_path / "future.plan").write_bytes(resealed(plan))
    expect_error(run_plan(tmp_path / "future.plan"), "version", ("kIncompatible",))


def test_plan_forged(digits_plan, run_plan, tmp_path):
    """A changed byte under a right hash: what the plan says may still make sense, but nothing may crash or hang."""
    whole, chosen = digits_plan.read_bytes(), random.Random(11)
    offset, size = struct.unpack_from("<QQ", whole, 16)
    for position in chosen.sample(range(offset, offset + size), min(300, size)):
        plan = bytearray(whole)
        plan[position] ^= chosen.randrange(1, 256)
        (tmp_path / "forged.plan").write_bytes(resealed(plan))
        outcome = run_plan(tmp_path / "forged.plan")
        try:
            assert outcome.ok or expect_error(outcome)
        except AssertionError as error:
            pytest.fail(f"byte {position} of the metadata at {offset} forged: {error}")


@pytest.mark.parametrize("content", [b"", b"not a plan\n" * 400], ids=["empty", "text"])
@pytest.mark.parametrize("command", ["run", "bench", "inspect"])
def test_not_a_plan(ingot, tmp_path, feed, command, content):
    path = tmp_path / "not.plan"
    path.write_bytes(content)
    extra = ("--inputs", feed, "--output", tmp_path / "out.npz") if command == "run" else ()
    expect_error(ingot_cli.run(command, path, *extra), "not.plan")


@pytest.mark.parametrize("arguments", [("nonesuch",), ("build",), ("build", "--nonesuch"), ("run",)],
                         ids=" ".join)
def test_wrong_usage(ingot, arguments):
    expect_error(ingot_cli.run(*arguments), codes=("kInvalidArgument",))
