#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ingot against PyTorch on one GPU, fp16: eager with cuDNN's benchmark mode and channels last, and torch.compile with
freezing, both captured as a CUDA graph.

The same rules for all: each engine has a process of its own for each network and batch; it builds, warms up, captures
one inference, and waits. Then one after the other replays its graph, timed by events around each replay, while the
others are idle; the figure is the fastest of --replays. Inputs and outputs stay on the device. A ratio is the better
peer's time / Ingot's: above 1, Ingot is faster. Ingot's output is compared with PyTorch's in fp32: the relative error
of the worst output, by its root mean square.

Needs: torch, torchvision, numpy, onnx, and a GPU; without one it says so and ends with code 77.
"""
import argparse
import concurrent.futures
import json
import math
import multiprocessing
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import gpu_torch

ROOT = pathlib.Path(__file__).resolve().parent.parent
ENGINES = ["ingot", "eager", "compile"]
CHECKED_BATCH = 8  # larger ones are the same kernels over more rows


class Torch:
    """Both ways of running PyTorch; the graph holds one inference."""

    def __init__(self, engine: str, net: str, batch: int, options: dict):
        import gpu_nets
        import torch

        torch.backends.cudnn.benchmark = True
        torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = True
        module, inputs = gpu_nets.make(net, batch)
        module = module.cuda().half()
        inputs = [x.cuda().half() if x.is_floating_point() else x.cuda() for x in inputs]
        if inputs[0].dim() == 4:
            module = module.to(memory_format=torch.channels_last)
            inputs = [x.to(memory_format=torch.channels_last) for x in inputs]
        if engine == "compile":
            os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "4")  # several are prepared at once
            import torch._inductor.config as inductor

            inductor.freezing = True
            module = torch.compile(module)
        stream = torch.cuda.Stream()
        with torch.no_grad(), torch.cuda.stream(stream):
            for _ in range(3):
                module(*inputs)
        torch.cuda.synchronize()
        self.graph, self.replays = torch.cuda.CUDAGraph(), options["replays"]
        with torch.no_grad(), torch.cuda.graph(self.graph):
            self.outputs = module(*inputs)
        torch.cuda.synchronize()

    def measure(self) -> dict:
        times = gpu_torch.replay_times(self.graph, self.replays)
        return {"us": min(times), "median_us": statistics.median(times)}


class Ingot:
    def __init__(self, _, net: str, batch: int, options: dict):
        import gpu_nets
        import numpy as np
        import torch

        folder = pathlib.Path(options["work"]) / f"{net}_{batch}"
        folder.mkdir(parents=True, exist_ok=True)
        module, inputs = gpu_nets.make(net, batch)
        gpu_nets.export(module, inputs, str(folder / "net.onnx"))
        names = ["input"] if len(inputs) == 1 else [f"input{i}" for i in range(len(inputs))]
        if batch <= CHECKED_BATCH:
            np.savez(folder / "in.npz", **{name: x.cpu().numpy() for name, x in zip(names, inputs)})
        self.program, self.folder, self.replays = options["ingot"], folder, options["replays"]
        known = ["--timing-cache", pathlib.Path(options["caches"]) / f"{net}_{batch}.txt"] if options["caches"] else []
        done = self.run("build", folder / "net.onnx", "-o", folder / "net.plan", "--device", "cuda", "--precision", "fp16",
                        "--time-budget", str(options["budget"]), *known, *options["build_option"])
        (folder / "build.txt").write_text(done)
        self.error = None
        if batch > CHECKED_BATCH:
            return
        self.run("run", folder / "net.plan", "--inputs", folder / "in.npz", "--output", folder / "out.npz")
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        with torch.no_grad():
            expected = module.cuda()(*(x.cuda() for x in inputs))
        expected = [expected] if torch.is_tensor(expected) else list(expected)
        self.error = 0.0
        found = np.load(folder / "out.npz")
        for name, want in zip(found.files, expected):
            want = want.cpu().numpy().astype(np.float64)
            difference = found[name].astype(np.float64).reshape(want.shape) - want
            error = np.sqrt((difference ** 2).mean()) / np.sqrt((want ** 2).mean())
            self.error = max(self.error, float(error)) if math.isfinite(error) else math.inf

    def run(self, *arguments) -> str:
        done = subprocess.run([self.program, *map(str, arguments)], capture_output=True, text=True, timeout=600)
        if done.returncode:
            raise RuntimeError(f"ingot {arguments[0]}: " + (done.stderr.strip().splitlines() or ["no message"])[-1])
        return done.stdout + done.stderr

    def measure(self) -> dict:
        report = json.loads(self.run("bench", self.folder / "net.plan", "--json"))
        (self.folder / "bench.json").write_text(json.dumps(report))
        return {"us": report["device_us"], "error": self.error, "load_ms": report["load_ms"],
                "steps": len(report["layers"])}


def worker(engine: str, net: str, batch: int, options: dict, pipe) -> None:
    try:
        sys.path.insert(0, str(ROOT / "bench"))
        made = (Ingot if engine == "ingot" else Torch)(engine, net, batch, options)
        pipe.send(None)
        if pipe.recv() == "go":
            pipe.send(made.measure())
    except Exception as error:  # whatever an engine raises is that engine's result
        pipe.send({"failure": f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}"})


class Worker:
    def __init__(self, engine: str, net: str, batch: int, options: dict):
        context = multiprocessing.get_context("spawn")
        self.key = (net, batch, engine)
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=worker, args=(engine, net, batch, options, theirs))
        self.process.start()
        theirs.close()

    def wait(self, seconds: float):
        try:
            return self.pipe.recv() if self.pipe.poll(seconds) else {"failure": "took too long"}
        except EOFError:
            return {"failure": "the process ended"}

    def stop(self) -> None:
        self.process.join(5)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def measure_group(jobs: list, options) -> dict:
    """Prepares all jobs at once, then measures one after the other."""
    settings = {"replays": options.replays, "ingot": str(options.ingot), "work": str(options.work),
                "budget": options.time_budget, "caches": str(options.timing_caches or ""),
                "build_option": options.build_option}
    workers = [Worker(engine, net, batch, settings) for net, batch, engine in jobs]
    with concurrent.futures.ThreadPoolExecutor(len(workers)) as pool:
        ready = list(pool.map(lambda one: one.wait(options.prepare_seconds), workers))
    results = {}
    for one, failure in zip(workers, ready):
        if failure is None:
            one.pipe.send("go")
            results[one.key] = one.wait(120)
        else:
            results[one.key] = failure
            one.process.kill()
        one.stop()
    return results


def geometric_mean(values: list) -> float:
    return math.exp(statistics.fmean(map(math.log, values))) if values else math.nan


def ratio_of(results: dict, net: str, batch: int):
    ours = results.get((net, batch, "ingot"), {}).get("us")
    peers = [results.get((net, batch, peer), {}).get("us") for peer in ENGINES[1:]]
    peers = [us for us in peers if us]
    return min(peers) / ours if ours and peers else None


def show(results: dict, net: str, batch: int) -> None:
    cells = []
    for engine in ENGINES:
        us = results.get((net, batch, engine), {}).get("us")
        cells.append(f"{us:10.1f}" if us else f"{'-':>10}")
    ratio = ratio_of(results, net, batch)
    error = results.get((net, batch, "ingot"), {}).get("error")
    reasons = [f"{engine}: {results[net, batch, engine]['failure']}" for engine in ENGINES
               if "failure" in results.get((net, batch, engine), {})]
    print(f"{net:20}{batch:6}" + "".join(cells) + (f"{ratio:9.2f}x" if ratio else f"{'-':>10}") +
          (f"{error:10.1e}" if error is not None else f"{'-':>10}") + "  " + "; ".join(reasons), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="names of networks, separated by commas")
    parser.add_argument("--batches", default="1,8,64")
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--replays", type=int, default=100)
    parser.add_argument("--at-once", type=int, default=1, help="networks that are prepared together")
    parser.add_argument("--prepare-seconds", type=float, default=240)
    parser.add_argument("--time-budget", type=float, default=60, help="of ingot build, in seconds")
    parser.add_argument("--timing-caches", type=pathlib.Path, metavar="FOLDER",
                        help="of measured times, one file a plan, read and extended")
    parser.add_argument("--ingot", type=pathlib.Path, default=ROOT / "build/release/bin/ingot")
    parser.add_argument("--work", type=pathlib.Path, help="where models and plans stay (default: nowhere)")
    parser.add_argument("--build-option", action="append", default=[], metavar="OPTION", help="passed to `ingot build`")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE")
    options = parser.parse_args()
    if reason := gpu_torch.why_not():
        print(f"skipped: {reason}")
        return gpu_torch.SKIPPED
    import torch

    sys.path.insert(0, str(ROOT / "bench"))
    import gpu_nets

    scratch = None
    if options.work is None:
        scratch = tempfile.TemporaryDirectory()
        options.work = pathlib.Path(scratch.name)
    options.ingot = options.ingot.resolve()
    if options.timing_caches is not None:
        options.timing_caches.mkdir(parents=True, exist_ok=True)
    engines = [engine for engine in ENGINES if engine in options.engines.split(",")]
    nets = options.only.split(",") if options.only else gpu_nets.NETS
    batches = [int(batch) for batch in options.batches.split(",")]
    print(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}, fp16, microseconds of one inference")
    print(f"{'network':20}{'batch':>6}" + "".join(f"{engine:>10}" for engine in ENGINES) + f"{'ratio':>10}{'error':>10}",
          flush=True)
    results = {}
    for first in range(0, len(nets), options.at_once):
        group = nets[first:first + options.at_once]
        results.update(measure_group([(net, batch, engine) for net in group for batch in batches for engine in engines],
                                     options))
        for net in group:
            for batch in batches:
                show(results, net, batch)
        if options.json:
            options.json.write_text(json.dumps([{"net": net, "batch": batch, "engine": engine, **result}
                                                for (net, batch, engine), result in results.items()], indent=1) + "\n")
    for batch in batches:
        ratios = [ratio for net in nets if (ratio := ratio_of(results, net, batch))]
        print(f"batch {batch}: geometric mean {geometric_mean(ratios):.2f}, lowest {min(ratios, default=math.nan):.2f}, "
              f"over {len(ratios)} of {len(nets)} networks")
    if scratch:
        scratch.cleanup()
    return 0


if __name__ == "__main__":
    sys.exit(main())
