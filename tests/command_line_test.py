# SPDX-License-Identifier: Apache-2.0
"""The command line as a user meets it: what it prints, what it writes, that it repeats itself."""
import json
import subprocess

import numpy as np
import pytest

import ingot_cli

MODEL = ingot_cli.DIGITS / "digits.onnx"
FIXED = ("--shapes", "batch:1")


def build(ingot, plan, *options):
    done = ingot("build", MODEL, "-o", plan, *options)
    assert done.ok, done.reason
    return plan.read_bytes()


@pytest.fixture
def ingot():
    if not ingot_cli.PROGRAM.exists():
        pytest.skip(f"{ingot_cli.PROGRAM} is not built")
    return ingot_cli.run


def test_same_cache_same_plan(ingot, tmp_path):
    cache = tmp_path / "times"
    first = build(ingot, tmp_path / "a.plan", *FIXED, "--timing-cache", cache)
    times = cache.read_bytes()
    second = build(ingot, tmp_path / "b.plan", *FIXED, "--timing-cache", cache)
    assert first == second
    assert cache.read_bytes() == times, "nothing was left to time"


def test_no_time_for_tuning_still_builds(ingot, tmp_path):
    cache = tmp_path / "times"
    hasty = ["--time-budget", 0, "--timing-cache", cache]
    first = build(ingot, tmp_path / "a.plan", *FIXED, *hasty)
    left = cache.read_text()
    assert "not timed in 0" in left
    assert first == build(ingot, tmp_path / "b.plan", *FIXED, *hasty), "the cache remembers the choice"
    assert cache.read_text() == left


def test_more_time_measures_what_was_left(ingot, tmp_path):
    cache = tmp_path / "times"
    build(ingot, tmp_path / "hasty.plan", *FIXED, "--time-budget", 0, "--timing-cache", cache)
    first = build(ingot, tmp_path / "a.plan", *FIXED, "--timing-cache", cache)
    times = cache.read_text()
    assert "not timed" not in times and "no code" not in times
    assert first == build(ingot, tmp_path / "b.plan", *FIXED, "--timing-cache", cache)
    assert cache.read_text() == times, "nothing was left to time"


def test_fixed_and_dynamic_plans_agree(ingot, tmp_path):
    build(ingot, tmp_path / "fixed.plan", *FIXED)
    build(ingot, tmp_path / "dynamic.plan", "--shapes", "batch:1x4x8")
    build(ingot, tmp_path / "unlimited.plan")
    outputs = []
    for name in ("fixed", "dynamic", "unlimited"):
        done = ingot("run", tmp_path / f"{name}.plan", "--input", ingot_cli.DIGITS / "digit_5.png", "--output", tmp_path / "o.npz")
        assert done.ok, done.reason
        outputs.append(np.load(tmp_path / "o.npz")["scores"])
    assert all(np.allclose(outputs[0], other, atol=1e-4) for other in outputs[1:])
    np.save(tmp_path / "nine.npy", np.zeros((9, 1, 8, 8), np.float32))
    done = ingot("run", tmp_path / "dynamic.plan", "--input", tmp_path / "nine.npy")
    assert done.code == ingot_cli.status_codes()["kInvalidArgument"] and "range 1 to 8" in done.stderr


def test_verify_agrees_layer_by_layer(ingot):
    done = ingot("verify", MODEL, "--per-layer", "--json", "--seed", 3)
    assert done.ok, done.reason
    report = json.loads(done.stdout)
    assert report["outputs"][0]["passed"] and len(report["layers"]) > 5
    assert all(layer["relative_error"] < 1e-5 and not layer["error"] for layer in report["layers"])


def test_verify_finds_a_difference(ingot, tmp_path):
    np.savez(tmp_path / "wrong.npz", scores=np.full((1, 10), 5, np.float32))
    done = ingot("verify", MODEL, "--reference", tmp_path / "wrong.npz")
    assert done.code == ingot_cli.status_codes()["kFailedPrecondition"]
    assert "output 'scores' differs" in done.stderr


@pytest.mark.parametrize("stage", ["import", "canonical", "lowered", "plan"])
@pytest.mark.parametrize("form", [(), ("--json",), ("--dot",)])
def test_every_stage_can_be_inspected(ingot, stage, form):
    done = ingot("inspect", MODEL, "--stage", stage, *form)
    assert done.ok, done.reason
    if form == ("--json",):
        json.loads(done.stdout)
    assert "Conv" in done.stdout


def test_candidates_have_times_or_reasons(ingot, tmp_path):
    build(ingot, tmp_path / "a.plan", *FIXED)
    steps = json.loads(ingot("inspect", tmp_path / "a.plan", "--json").stdout)["steps"]
    for step in steps:
        assert any(c["tactic"] == step["tactic"] and not c["refusal"] for c in step["candidates"])
    assert any(c["refusal"] for step in steps for c in step["candidates"])


def test_disabled_tactic_is_not_chosen(ingot, tmp_path):
    build(ingot, tmp_path / "a.plan", *FIXED, "--disable-tactic", "cpu.conv.*", "--disable-tactic", "onednn.*")
    steps = json.loads(ingot("inspect", tmp_path / "a.plan", "--json").stdout)["steps"]
    assert {s["tactic"] for s in steps if s["problem"].startswith("Conv")} == {"cpu.plain"}


def test_bisection_by_patch(ingot, tmp_path):
    done = ingot("inspect", MODEL, "--stage", "canonical", "--stop-after-patch", 0)
    assert done.ok and "Relu" in done.stdout, "nothing was rewritten"
    trace = ingot("inspect", MODEL, "--stage", "canonical", "--trace-passes").stderr.splitlines()
    numbers = [int(line.split()[0]) for line in trace]
    assert numbers == list(range(1, len(numbers) + 1)) and numbers


def test_bench_reports_what_machines_read(ingot):
    report = json.loads(ingot("bench", MODEL, "--json", "--seconds", 0.1, "--threads", 1, *FIXED).stdout)
    latency = report["latency_ms"]
    assert 0 < latency["min"] <= latency["median"] <= latency["p99"] and report["threads"] == 1
    assert report["load_ms"] > 0 and report["memory_bytes"]["weights"] > 0 and report["layers"]


def test_help_version_doctor_completion(ingot):
    for words in [("--help",), ("--version",), ("build", "--help"), ("doctor",), ("completion", "bash")]:
        done = ingot(*words)
        assert done.ok and done.stdout and not done.stderr, words
    json.loads(ingot("doctor", "--json").stdout)
    script = ingot("completion", "bash").stdout
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0


def test_misspelt_command_gets_a_hint(ingot):
    done = ingot("biuld", MODEL)
    assert done.code == 2 and "did you mean 'build'" in done.stderr


def test_options_that_a_plan_leaves_no_use_for(ingot, tmp_path):
    build(ingot, tmp_path / "a.plan", *FIXED)
    done = ingot("bench", tmp_path / "a.plan", "--precision", "fp16", "--seconds", 0.05)
    assert done.ok and "warning: --precision has no effect" in done.stderr
    done = ingot("bench", tmp_path / "a.plan", "--device", "cuda:1", "--seconds", 0.05)
    assert done.ok and "warning: --device cuda:1 has no effect" in done.stderr
    done = ingot("bench", tmp_path / "a.plan", "--shapes", "x:1x1x1x1", "--seconds", 0.05)
    assert not done.ok and "the engine's sizes are fixed" in done.stderr
