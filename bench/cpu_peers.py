#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ingot against ONNX Runtime and OpenVINO on this machine's CPU: batch 1, fp32, interleaved.

Each engine lives in a process of its own and is idle while another is measured. Rounds go over the engines in turn, in
an order that rotates, so that a change of clock speed or a noisy neighbour meets all of them alike. The figure of an
engine is the median over the rounds of the round's fastest inference. A ratio is peer / Ingot: above 1, Ingot is
faster. Loading is opening a plan against creating the peer's session or compiled model, in the same process state.

Needs: numpy, onnx, onnxruntime; openvino if it is to be compared (scripts/venv.sh bench installs all).
"""
import argparse
import importlib.util
import json
import math
import multiprocessing
import pathlib
import statistics
import sys
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
import ingot_cli  # noqa: E402
import model_folder  # noqa: E402

NETS = ["tv_resnet50", "tv_mobilenet_v2", "tv_mobilenet_v3_large", "tv_efficientnet_b0", "tv_vit_b_16@dynamo",
        "hf_bert_base", "tv_convnext_tiny", "tv_swin_t"]
LOADS = 3  # the fastest of so many loadings counts


class OnnxRuntime:
    name = "onnxruntime"

    def __init__(self, job: dict):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = job["threads"]
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.create = lambda: onnxruntime.InferenceSession(job["model"], options, providers=["CPUExecutionProvider"])
        self.load_ms, self.session = fastest_load(self.create)
        self.binding = self.session.io_binding()
        for name, value in np.load(job["feed"]).items():
            self.binding.bind_cpu_input(name, value)
        for output in self.session.get_outputs():
            self.binding.bind_output(output.name)

    def infer(self) -> None:
        self.session.run_with_iobinding(self.binding)


class OpenVino:
    name = "openvino"

    def __init__(self, job: dict):
        import openvino

        core = openvino.Core()
        settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": job["threads"], "NUM_STREAMS": 1,
                    "INFERENCE_PRECISION_HINT": "f32"}
        self.load_ms, compiled = fastest_load(lambda: core.compile_model(core.read_model(job["model"]), "CPU", settings))
        self.request = compiled.create_infer_request()
        feed = np.load(job["feed"])
        for port in compiled.inputs:
            name = next(name for name in port.get_names() if name in feed.files)
            self.request.set_tensor(port, openvino.Tensor(np.ascontiguousarray(feed[name])))

    def infer(self) -> None:
        self.request.infer()


class Ingot:
    """`ingot bench` in a process of its own each round: it measures inside, so that starting it costs nothing here."""
    name = "ingot"

    def __init__(self, job: dict):
        self.job, self.load_ms = job, math.inf

    def round(self, seconds: float) -> list:
        done = ingot_cli.run("bench", self.job["plan"], "--threads", self.job["threads"], "--json",
                             program=pathlib.Path(self.job["ingot"]), timeout=600)
        if not done.ok:
            raise RuntimeError(done.reason)
        report = json.loads(done.stdout)
        self.load_ms = min(self.load_ms, report["reload_ms"])  # as the peers: the fastest of several in one process
        return [report["latency_ms"]["min"]]


def fastest_load(load):
    best, loaded = math.inf, None
    for _ in range(LOADS):
        loaded = None  # the earlier one is freed outside the measurement
        start = time.perf_counter()
        loaded = load()
        best = min(best, 1000 * (time.perf_counter() - start))
    return best, loaded


def timed_round(engine, seconds: float) -> list:
    """Milliseconds of each inference within `seconds`, at least three."""
    if hasattr(engine, "round"):
        return engine.round(seconds)
    engine.infer()  # wakes the threads
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        engine.infer()
        times.append(1000 * (time.perf_counter() - start))
    return times


def worker(kind, job: dict, pipe) -> None:
    """Answers every "go" with (fastest ms, load ms) until told to stop; an exception is sent back as its text."""
    try:
        engine = kind(job)
        pipe.send(None)
        while pipe.recv() == "go":
            fastest = min(timed_round(engine, job["seconds"]))
            pipe.send((fastest, engine.load_ms))
    except Exception as error:  # whatever an engine raises is that engine's result
        pipe.send(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")


class Worker:
    def __init__(self, kind, job: dict):
        context = multiprocessing.get_context("spawn")
        self.name, self.fastest, self.load_ms = kind.name, [], None
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=worker, args=(kind, job, theirs), daemon=True)
        self.process.start()
        theirs.close()
        self.failure = self.receive()

    def receive(self):
        try:
            return self.pipe.recv()
        except EOFError:
            return "the process ended"

    def round(self) -> None:
        if self.failure:
            return
        self.pipe.send("go")
        answer = self.receive()
        if isinstance(answer, tuple):
            self.fastest.append(answer[0])
            self.load_ms = answer[1]
        else:
            self.failure = answer

    def stop(self) -> None:
        if not self.failure:
            self.pipe.send("stop")
        self.process.join(10)
        if self.process.is_alive():
            self.process.kill()

    def result(self) -> dict:
        if self.failure or not self.fastest:
            return {"failure": self.failure or "no rounds"}
        return {"ms": statistics.median(self.fastest), "spread": max(self.fastest) / min(self.fastest),
                "load_ms": self.load_ms}


def measure(workers: list, rounds: int) -> dict:
    for number in range(rounds):
        turn = number % len(workers) if workers else 0
        for one in workers[turn:] + workers[:turn]:
            time.sleep(0.1)  # the threads of the one before spin for a while after their last task
            one.round()
    for one in workers:
        one.stop()
    return {one.name: one.result() for one in workers}


def add_options(parser: argparse.ArgumentParser, rounds: int, seconds: float) -> None:
    """What every comparison on the CPU can be told."""
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--seconds", type=float, default=seconds, help="of measuring, for each peer in each round")
    parser.add_argument("--ingot", type=pathlib.Path, default=ingot_cli.PROGRAM)
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build/bench", help="where plans are kept")


def plan_of(net: str, model: pathlib.Path, options) -> pathlib.Path:
    """The plan, built again when the program or the graph is newer."""
    plan = options.work / f"{net}.plan"
    newest = max(options.ingot.stat().st_mtime, model.stat().st_mtime)
    if not plan.exists() or plan.stat().st_mtime < newest:
        done = ingot_cli.run("build", model, "-o", plan, "--timing-cache", options.work / "timing.cache",
                             *options.build_option, program=options.ingot, timeout=3600)
        if not done.ok:
            raise RuntimeError("build: " + done.reason)
    return plan


def compare(net: str, kinds: list, options) -> dict:
    model = model_folder.filled(net, options.models, options.cache)
    job = {"model": str(model), "feed": str(model_folder.feed(net, {}, options.models, options.cache)),
           "threads": options.threads, "seconds": options.seconds, "ingot": str(options.ingot)}
    results, workers = {}, []
    for kind in kinds:
        if kind is Ingot:
            try:
                job["plan"] = str(plan_of(net, model, options))
            except (RuntimeError, OSError) as error:
                results[kind.name] = {"failure": str(error)}
                continue
        workers.append(Worker(kind, dict(job)))
    return results | measure(workers, options.rounds)


def ratios(table: dict, peer: str, key: str) -> dict:
    out = {}
    for net, results in table.items():
        ours, theirs = results.get("ingot", {}).get(key), results.get(peer, {}).get(key)
        if ours and theirs:
            out[net] = theirs / ours
    return out


def geometric_mean(values) -> float | None:
    values = list(values)
    return math.exp(statistics.fmean(map(math.log, values))) if values else None


def show(net: str, results: dict, peers: list) -> str:
    def cell(engine: str, key: str) -> str:
        value = results.get(engine, {}).get(key)
        return f"{value:10.2f}" if value else f"{'-':>10}"

    line = f"{net:24}" + "".join(cell(name, "ms") for name in ["ingot", *peers])
    for peer in peers:
        for key in ("ms", "load_ms"):
            ratio = ratios({net: results}, peer, key).get(net)
            line += f"{ratio:9.2f}x" if ratio else f"{'-':>10}"
    reasons = [f"{name}: {result['failure']}" for name, result in results.items() if "failure" in result]
    return line + ("  " + "; ".join(reasons) if reasons else "")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="names of networks, separated by commas")
    parser.add_argument("--engines", default="ingot,onnxruntime,openvino", help="which to run, separated by commas")
    add_options(parser, rounds=7, seconds=2.0)
    parser.add_argument("--models", type=pathlib.Path, default=model_folder.FOLDER)
    parser.add_argument("--cache", type=pathlib.Path, default=model_folder.CACHE)
    parser.add_argument("--build-option", action="append", default=[], metavar="OPTION", help="passed to `ingot build`")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)

    kinds = [kind for kind in (Ingot, OnnxRuntime, OpenVino) if kind.name in options.engines.split(",")]
    for kind in list(kinds):
        if kind is not Ingot and importlib.util.find_spec(kind.name) is None:
            print(f"{kind.name} is not installed: not compared")
            kinds.remove(kind)
    peers = [kind.name for kind in kinds if kind is not Ingot]

    heads = [f"{'ms ' + name[:6]:>10}" for name in ["ingot", *peers]]
    heads += [f"{head:>10}" for peer in peers for head in ("/" + peer[:8], "load")]
    print(f"{'network':24}" + "".join(heads), flush=True)
    table = {}
    for net in options.only.split(",") if options.only else NETS:
        table[net] = compare(net, kinds, options)
        print(show(net, table[net], peers), flush=True)

    means = {peer: {"latency": geometric_mean(ratios(table, peer, "ms").values()),
                    "load": geometric_mean(ratios(table, peer, "load_ms").values())} for peer in peers}
    for peer, mean in means.items():
        if mean["latency"]:
            print(f"geometric mean against {peer}: {mean['latency']:.2f}x the speed, {mean['load']:.1f}x in loading "
                  f"(over {len(ratios(table, peer, 'ms'))} of {len(table)} networks)")
    if options.json:
        options.json.write_text(json.dumps({"threads": options.threads, "rounds": options.rounds, "networks": table,
                                            "geometric_mean": means}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
