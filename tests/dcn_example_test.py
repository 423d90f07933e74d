# SPDX-License-Identifier: Apache-2.0
"""The example of a PyTorch operator that ONNX does not know: the plugin library built out of the tree, the demo, what the
training script exports, and what the plugin says to operands that do not fit."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import ingot_cli
import model_folder

EXAMPLE = ingot_cli.ROOT / "examples/dcn"
FOLDER = pathlib.Path(os.environ.get("INGOT_DCN_PLUGIN", ingot_cli.ROOT / "build/dcn/plugin"))


@pytest.fixture(scope="session")
def library() -> pathlib.Path:
    launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
    subprocess.run(["cmake", "-S", EXAMPLE / "plugin", "-B", FOLDER, *launcher], check=True, capture_output=True)
    subprocess.run(["cmake", "--build", FOLDER], check=True, capture_output=True)
    return FOLDER / "libdcnv2_plugin.so"


def test_the_demo_agrees_with_pytorch(ingot, library, tmp_path):
    done = subprocess.run([sys.executable, EXAMPLE / "demo.py", "--ingot", ingot, "--plugin", library, "--work", tmp_path],
                          cwd=ingot_cli.ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    accuracy = {route: float(number) for route, number in
                re.findall(r"^deformable +(plugin|built in) +[\d.]+% +([\d.]+)%", done.stdout, re.MULTILINE)}
    plain = float(re.search(r"^plain +built in +[\d.]+% +([\d.]+)%", done.stdout, re.MULTILINE)[1])
    assert accuracy["plugin"] == accuracy["built in"] > plain + 1  # the deformation matters


def test_either_route_passes_verify(ingot, library):
    model = EXAMPLE / "cases/groups.onnx"
    for options in ([], ["--plugins", library]):
        done = ingot_cli.run("verify", model, "--shapes", "batch:3", *options)
        assert done.ok, done.stderr


def test_the_plan_says_which_library_it_needs(ingot, library, tmp_path):
    plan = tmp_path / "m.plan"
    done = ingot_cli.run("build", EXAMPLE / "cases/plain.onnx", "-o", plan, "--shapes", "batch:1", "--plugins", library)
    assert done.ok, done.stderr
    with np.load(EXAMPLE / "cases/plain.npz") as data:
        np.savez(tmp_path / "in.npz", x=data["x"], offset_mask=data["offset_mask"])
    done = ingot_cli.run("run", plan, "--inputs", tmp_path / "in.npz")
    assert not done.ok and "DCNv2" in done.stderr and "libdcnv2_plugin.so" in done.stderr


@pytest.mark.parametrize("offset_mask, bias, says", [
    ((1, 18, 6, 7), 5, "offset_mask must have 3 * deformable_groups * taps channels"),
    ((1, 27, 6, 6), 5, "offset_mask must have the batch of x and the height and width of the output"),
    ((1, 27, 6, 7), 4, "bias must have one value per output channel"),
])
def test_operands_that_do_not_fit(ingot, library, tmp_path, offset_mask, bias, says):
    feeds = {"x": np.zeros((1, 4, 6, 7), np.float32), "offset_mask": np.zeros(offset_mask, np.float32)}
    constants = {"w": np.zeros((5, 4, 3, 3), np.float32), "b": np.zeros(bias, np.float32)}
    node = helper.make_node("Plugin", [*feeds, *constants], ["y"], info='{"padding": 1, "deformable_groups": 1}')
    node.attribute.append(helper.make_attribute("name", "DCNv2"))
    value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph([node], "g", [value(n, v.shape) for n, v in feeds.items()], [value("y", [None] * 4)],
                              [numpy_helper.from_array(v, n) for n, v in constants.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), tmp_path / "m.onnx")
    np.savez(tmp_path / "in.npz", **feeds)
    done = ingot_cli.run("run", tmp_path / "m.onnx", "--inputs", tmp_path / "in.npz", "--plugins", library)
    assert not done.ok and says in done.stderr


def test_a_fresh_export_agrees_with_pytorch(ingot, library, tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    sys.path.insert(0, str(EXAMPLE))
    import dcn_v2

    torch.manual_seed(1)
    network = torch.nn.Sequential(dcn_v2.DCN(3, 8, (3, 1), stride=(1, 2), padding=(1, 0), deformable_groups=3), torch.nn.ReLU(),
                                  dcn_v2.DCN(8, 4, 3, padding=2, dilation=2, groups=2)).eval()
    for module in network:
        if isinstance(module, dcn_v2.DCN):
            torch.nn.init.normal_(module.conv_offset_mask.weight)
    x = torch.randn(2, 3, 9, 12)
    dcn_v2.export(network, (x,), str(tmp_path / "m.onnx"), ["x"], ["y"], {"x": {0: "batch"}, "y": {0: "batch"}})
    with torch.no_grad():
        expected = network.double()(x.double()).numpy()
    np.savez(tmp_path / "in.npz", x=x.numpy())
    for options in ([], ["--plugins", library]):
        done = ingot_cli.run("run", tmp_path / "m.onnx", "--inputs", tmp_path / "in.npz", "--output", tmp_path / "y.npz",
                             *options)
        assert done.ok, done.stderr
        assert model_folder.relative_error(np.load(tmp_path / "y.npz")["y"], expected.astype(np.float32)) < 1e-4


def test_gradients_are_those_of_the_definition():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    sys.path.insert(0, str(EXAMPLE))
    import dcn_v2

    torch.manual_seed(2)
    draw = lambda *shape: torch.randn(*shape, dtype=torch.float64, requires_grad=True)
    operands = draw(1, 4, 4, 5), draw(1, 54, 4, 5), draw(4, 2, 3, 3), draw(4)
    window = (1, 1), (1, 1), (1, 1), 2, 2
    assert torch.autograd.gradcheck(lambda *tensors: dcn_v2._DCNv2.apply(*tensors, *window), operands, fast_mode=True)
