# SPDX-License-Identifier: Apache-2.0
"""What the Python tests share: the command line under test, the digits engine, the plugin libraries."""
import os
import pathlib
import shutil
import subprocess

import numpy as np
import pytest

import ingot_cli
from ingot_cli import DIGITS

PLUGIN_SOURCES = ingot_cli.ROOT / "tests/plugins"
PLUGINS = pathlib.Path(os.environ.get("INGOT_TEST_PLUGINS", ingot_cli.ROOT / "build/test_plugins"))
SEED = int(os.environ.get("INGOT_SEED", np.random.SeedSequence().entropy % 2**32))


@pytest.fixture(scope="session")
def ingot() -> pathlib.Path:
    assert ingot_cli.PROGRAM.exists(), f"{ingot_cli.PROGRAM} does not exist: run scripts/build.sh"
    return ingot_cli.PROGRAM


@pytest.fixture(scope="session")
def digits_plan(ingot, tmp_path_factory) -> pathlib.Path:
    """The digits network, built for batches of 1 to 512."""
    plan = tmp_path_factory.mktemp("digits") / "digits.plan"
    done = ingot_cli.run("build", DIGITS / "digits.onnx", "-o", plan, "--shapes", "batch:1x1x512", timeout=600)
    assert done.ok, done.stderr
    return plan


@pytest.fixture(scope="session")
def plugins() -> pathlib.Path:
    """The folder of the plugin libraries, built."""
    launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
    subprocess.run(["cmake", "-S", PLUGIN_SOURCES, "-B", PLUGINS, "-DCMAKE_BUILD_TYPE=Release", *launcher], check=True,
                   capture_output=True)
    subprocess.run(["cmake", "--build", PLUGINS, "--parallel", "2"], check=True, capture_output=True)
    return PLUGINS / "plugins"


@pytest.fixture
def rng() -> np.random.Generator:
    print("seed", SEED)
    return np.random.default_rng(SEED)
