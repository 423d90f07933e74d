#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds and runs a folder of ONNX graphs with the `ingot` command and compares every output with ONNX Runtime.

The error of an output is max|a - b| / rms(b), b being ONNX Runtime's, or where that does not know an operator, the
engine's own reference's; detections are compared by label and nearness, not by place. Graphs with symbolic dimensions
run at three shapes from one plan. The exit code is the number of failures among the required graphs: the ones named by
--only, else those of the list in model_folder.py; the others are reported only. In half precision an output beyond the
fixed bound is judged by what the same roundings cost in ONNX Runtime (half_oracle.py), and the row tells the figures. On
a GPU: `models.py --device cuda --precision fp16`; on the CPU halves are only rehearsed.

Needs: numpy, onnx, onnxruntime.
"""
import argparse
import dataclasses
import json
import pathlib
import shutil
import sys
import time

import numpy as np

import half_oracle
import ingot_cli
import junit
import model_folder


@dataclasses.dataclass
class Row:
    model: str
    required: bool
    built: bool = False
    ran: bool = False
    error: float | None = None
    build_s: float | None = None
    ms: float | None = None  # one inference at the optimal shape, median
    why: str = ""
    passed: bool = False


def reference(model: pathlib.Path, feeds: list) -> list:
    """What ONNX Runtime computes: one {output name: array} per feed."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    outputs = [output.name for output in session.get_outputs()]
    return [dict(zip(outputs, session.run(None, dict(np.load(feed))))) for feed in feeds]


def compare(model: str, produced: pathlib.Path, expected: dict, rounding: float) -> list:
    """[(name of an output, its error, what was computed, what was expected)]; `rounding`: in half precision, how far off
    its roundings may take a number, over which close choices may fall the other way; else 0."""
    with np.load(produced) as file:
        ours = dict(file)
    missing = [name for name in expected if name not in ours]
    if missing:
        return [(f"{missing[0]} (missing)", float("inf"), None, None)]
    ours = model_folder.match_detections(model, ours, expected)
    if rounding > 0:
        ours, expected = model_folder.settled_detections(model, ours, expected, rounding)
    rows = []
    for name, theirs in expected.items():
        if name in model_folder.UNDECIDED.get(model, ()):
            continue
        if not isinstance(theirs, np.ndarray):
            return [(f"{name} (not a tensor)", float("inf"), None, None)]
        if ours[name].shape != theirs.shape:
            return [(f"{name} (shape {ours[name].shape}, not {theirs.shape})", float("inf"), None, None)]
        rows.append((name, model_folder.relative_error(ours[name], theirs), ours[name], theirs))
    return rows


def measure(plan: pathlib.Path, options) -> float | None:
    done = ingot_cli.run("bench", plan, "--json", program=options.ingot, timeout=options.timeout)
    try:
        return float(json.loads(done.stdout)["latency_ms"]["median"]) if done.ok else None
    except (ValueError, KeyError, TypeError):
        return None


def verify(row: Row, options) -> None:
    """The same against `ingot verify --reference builtin`."""
    shapes = model_folder.shapes_of(row.model)
    model = model_folder.filled(row.model, options.models, options.cache)
    allowed = np.nan_to_num(model_folder.tolerance(row.model, model, {}, options.precision))
    threshold = max(options.threshold, allowed)
    done = ingot_cli.run("verify", model, "--reference", "builtin", "--tolerance", threshold, "--json",
                         *ingot_cli.shape_options([s for s in shapes if s]), *options.build_option,
                         program=options.ingot, timeout=options.timeout)
    try:
        outputs = [output for output in json.loads(done.stdout)["outputs"]
                   if not allowed or output["name"] not in model_folder.PEAKS.get(row.model, ())]
    except (ValueError, KeyError):
        row.why = done.reason
        return
    row.built = row.ran = True
    row.error = max(output["relative_error"] for output in outputs)
    row.passed = (done.ok or bool(allowed)) and all(output["passed"] for output in outputs)
    row.why = "" if row.passed else done.reason


def judge(row: Row, outputs: list, threshold: float, at: str, oracle: half_oracle.Oracle) -> None:
    """Adds the outputs of one shape to the row."""
    for name, error, ours, theirs in outputs:
        row.error = max(row.error, error)
        if error <= threshold:
            continue
        permitted, figures = oracle.permits(name, ours, theirs) if ours is not None else (False, "")
        if row.passed or not permitted:  # a failure is not hidden by what was permitted
            row.why = ": ".join(filter(None, (f"output {name}{at}", figures)))
        row.passed = row.passed and permitted


def check(row: Row, options, work: pathlib.Path) -> None:
    """Fills in the row; returns at the first thing that goes wrong, with `why` set."""
    if row.model in model_folder.BUILTIN:
        verify(row, options)
        return
    shapes = model_folder.shapes_of(row.model)
    model = model_folder.filled(row.model, options.models, options.cache)
    feeds = [model_folder.feed(row.model, shape, options.models, options.cache) for shape in shapes]
    plan, output = work / f"{row.model}.plan", work / f"{row.model}.out.npz"

    start = time.perf_counter()
    done = ingot_cli.run("build", model, "-o", plan, *ingot_cli.shape_options([s for s in shapes if s]),
                         "--timing-cache", options.cache / "timing.cache", *options.build_option,
                         program=options.ingot, timeout=options.timeout)
    row.build_s = time.perf_counter() - start
    if not done.ok:
        row.why = "build: " + done.reason
        return
    row.built = True

    try:
        expected = reference(model, feeds)
    except Exception as error:  # ONNX Runtime raises classes of its own for each kind of failure
        expected = None
        row.why = f"ONNX Runtime: {str(error).splitlines()[0]}"
    row.error = 0.0 if expected else None
    row.passed = expected is not None
    threshold = options.threshold
    for index, (feed, shape) in enumerate(zip(feeds, shapes)):
        output.unlink(missing_ok=True)
        done = ingot_cli.run("run", plan, "--inputs", feed, "--output", output, program=options.ingot,
                             timeout=options.timeout)
        at = f" at {shape}" if shape else ""
        if not done.ok or not output.exists():
            row.why, row.error, row.passed = f"run{at}: " + done.reason, None, False
            return
        if expected:
            allowed = model_folder.tolerance(row.model, model, expected[index], options.precision)
            threshold = options.threshold if np.isnan(allowed) else max(allowed, threshold if index else 0.0)
            rounding = 0.0 if options.precision == "fp32" else threshold
            judge(row, compare(row.model, output, expected[index], rounding), threshold, at,
                  half_oracle.Oracle(model, dict(np.load(feed)), options.precision))
            if not np.isfinite(row.error):
                break
    row.ran = True
    if options.bench:
        row.ms = measure(plan, options)


def show(row: Row) -> str:
    def number(value, form: str) -> str:
        return "-" if value is None else format(value, form)

    mark = "pass" if row.passed else "FAIL" if row.required else "no"
    return (f"{row.model:42} {mark:5} {'yes' if row.built else 'no':5} {'yes' if row.ran else 'no':3} "
            f"{number(row.error, '.1e'):>8} {number(row.build_s, '.1f'):>7} {number(row.ms, '.2f'):>9}  {row.why}").rstrip()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=pathlib.Path, default=model_folder.FOLDER, help="folder of graphs, with fill.py")
    parser.add_argument("--cache", type=pathlib.Path, default=model_folder.CACHE, help="where filled graphs are kept")
    parser.add_argument("--ingot", type=pathlib.Path, default=ingot_cli.PROGRAM)
    parser.add_argument("--only", help="names of graphs, separated by commas")
    parser.add_argument("--issue-list", action="store_true", help="only the graphs that must pass")
    parser.add_argument("--small", action="store_true", help="only a few quick graphs that must pass")
    parser.add_argument("--threshold", type=float, default=1e-4)
    parser.add_argument("--timeout", type=float, default=900, help="seconds for each command")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument("--precision", default="fp32", choices=model_folder.PRECISIONS,
                        help="fp16 and bf16 are judged by what their roundings may add up to")
    parser.add_argument("--build-option", action="append", default=[], metavar="OPTION", help="passed to `ingot build`")
    parser.add_argument("--no-bench", dest="bench", action="store_false", help="do not measure the latency")
    parser.add_argument("--keep", action="store_true", help="keep plans and outputs in the cache folder")
    parser.add_argument("--discard", action="store_true", help="delete the filled graphs as they are done with")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write the table as JSON too")
    parser.add_argument("--junit", type=pathlib.Path, metavar="FILE", help="write the required graphs' results")
    return parser.parse_args()


def main() -> int:
    options = parse()
    options.build_option = ["--device", options.device, "--precision", options.precision, *options.build_option]
    present = model_folder.names(options.models)
    if not present:
        sys.exit(f"error: no ONNX files in {options.models}")
    wanted = options.only.split(",") if options.only else \
        model_folder.SMALL if options.small else model_folder.REQUIRED if options.issue_list else present
    required = set(wanted if options.only else model_folder.REQUIRED)
    work = options.cache / "work"
    work.mkdir(parents=True, exist_ok=True)

    rows = []
    print(f"{'model':42} {'':5} {'built':5} {'ran':3} {'error':>8} {'build s':>7} {'ms':>9}  why", flush=True)
    for name in wanted:
        row = Row(name, name in required)
        if name not in present:
            row.why = f"not in {options.models}"
        else:
            try:
                check(row, options, work)
            except Exception as error:  # one graph's trouble must not hide the others' results
                row.why = f"{type(error).__name__}: {error}"
        rows.append(row)
        print(show(row), flush=True)
        if options.discard:
            (options.cache / f"{name}.onnx").unlink(missing_ok=True)
        if not options.keep:
            shutil.rmtree(work)
            work.mkdir()

    failures = sum(row.required and not row.passed for row in rows)
    print(f"{sum(row.passed for row in rows)} of {len(rows)} agree with ONNX Runtime; "
          f"{failures} failures among the {sum(row.required for row in rows)} required ones")
    if options.json:
        # JSON has no infinity; an error without a number is null with its reason in `why`.
        table = [{**dataclasses.asdict(row), "error": row.error if np.isfinite(row.error or 0) else None} for row in rows]
        options.json.write_text(json.dumps(table, indent=1) + "\n")
    if options.junit:
        junit.write(options.junit, "models", [(row.model, "passed" if row.passed else "failed",
                                               row.why or f"error {row.error}") for row in rows if row.required])
    return min(failures, 100)


if __name__ == "__main__":
    sys.exit(main())
