# SPDX-License-Identifier: Apache-2.0
"""The pages of docs/ that come from tables in the program are current."""
import json

import pytest

import ingot_cli


@pytest.fixture(autouse=True)
def built():
    if not ingot_cli.PROGRAM.exists():
        pytest.skip(f"{ingot_cli.PROGRAM} does not exist")


def test_operators_page_is_current():
    page = ingot_cli.ROOT / "docs/operators.md"
    assert page.read_text(encoding="utf-8") == ingot_cli.run("ops", "--markdown").stdout, "run scripts/generate_docs.sh"


def test_operators_as_text_and_json():
    entries = json.loads(ingot_cli.run("ops", "--json").stdout)
    names = [entry["operator"] for entry in entries]
    assert {"Conv", "Add", "If"} <= set(names)
    (conv,) = [entry for entry in entries if entry["operator"] == "Conv"]
    assert conv["domain"] == "ai.onnx" and "cpu.conv.implicit_gemm" in conv["cpu"]["tactics"] and conv["cpu"]["plain"]
    assert not any("pool" in tactic for tactic in conv["cpu"]["tactics"])
    some = ingot_cli.run("ops", "Pool").stdout.splitlines()
    assert 0 < len(some) < len(names) and all("Pool" in line.split()[0] for line in some)


def test_unknown_operators_are_an_error():
    outcome = ingot_cli.run("ops", "NoSuchOperator")
    assert outcome.code == ingot_cli.status_codes()["kNotFound"] and "NoSuchOperator" in outcome.stderr
