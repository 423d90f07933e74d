#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs ONNX's backend suite and rewrites onnx_backend_expected.txt: one 'xfail' line per failing test.

usage: onnx_backend_update.py [--dry-run] [--jobs N] [PATTERN...]

Lines with 'skip' are kept as they are and their tests are not run; so are the lines of tests that no PATTERN matches.
A reason that begins with 'never:' is a person's and stays as long as the test fails.
Tests of CUDA ('*_cuda') are there where a GPU is: onnx_backend_update.py --dry-run '*_cuda' prints how many of them pass.
Tests run in other processes, so that a crash is one result and not the end.
"""
import argparse
import collections
import fnmatch
import multiprocessing
import os
import re
import signal
import sys
import threading
import time
import unittest

import onnx_backend_test as suite

LIMIT_SECONDS = 120
HEADER = """\
# What is expected of ONNX's backend suite, a line per test or pattern: kind (skip or xfail), name, reason.
# tests/onnx_backend_update.py rewrites the xfail lines.
"""


def reason_of(error: BaseException) -> str:
    """One line that is the same for failures of one cause: no sizes, no names of values."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    text = lines[0]
    if text.endswith(":") and len(lines) > 1:
        text = re.sub(r".*?: ", "", lines[1], count=1)
    if isinstance(error, AssertionError):
        wanted = [line for line in lines if re.match(r"Not equal|Output \d|Mismatched|nan location|x and y", line)]
        text = "; ".join(wanted[:2]) or text
    if problem := re.search(r"Problem: (\w+)\(", text):
        text = text.partition(" Problem: ")[0] + " " + problem[1]
    text = re.sub(r"\d+ / \d+ \(.*?\)", "some", text)
    text = re.sub(r"(node|input|output|value|tensor) '[^']*'", r"\1", text)
    return f"{type(error).__name__}: {text}"[:160]


def run_here(case: type[unittest.TestCase], name: str) -> str:
    try:
        getattr(case(name), name)()
        return "pass"
    except unittest.SkipTest as skipped:
        return f"skip {skipped}"
    except BaseException as error:  # pylint: disable=broad-except
        return f"fail {reason_of(error)}"


def work(pipe) -> None:
    """A process that runs one test after the other: (class name, test name) in, what run_here() says out."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    cases = suite.load_cases()
    while test := pipe.recv():
        signal.alarm(LIMIT_SECONDS)
        outcome = run_here(cases[test[0]], test[1])
        signal.alarm(0)
        pipe.send(outcome)


class Worker:
    """Another process after a crash. They are no forks of this one, which has the device open."""

    def __init__(self) -> None:
        self.process, self.pipe = None, None

    def start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=work, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()

    def run(self, test: tuple) -> tuple:
        """'pass', 'skip ...' or 'fail ...', and the seconds it took."""
        if self.process is None:
            self.start()
        start = time.monotonic()
        try:
            self.pipe.send(test)
            outcome = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            number = -self.process.exitcode
            outcome = f"fail ends by signal {number}" + (f" after {LIMIT_SECONDS} s" if number == signal.SIGALRM else "")
            self.process = None
        return outcome, time.monotonic() - start


def run_all(tests: list, jobs: int) -> list:
    """The outcomes in the order of the tests."""
    outcomes, left = [("", 0.0)] * len(tests), iter(range(len(tests)))
    lock = threading.Lock()

    def serve() -> None:
        worker = Worker()
        while True:
            with lock:
                index = next(left, None)
            if index is None:
                return
            outcomes[index] = worker.run(tests[index])

    threads = [threading.Thread(target=serve) for _ in range(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry-run", action="store_true", help="print, do not write")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="tests at a time")
    parser.add_argument("--slowest", type=int, default=0, metavar="N", help="print the N slowest tests")
    parser.add_argument("patterns", nargs="*", metavar="PATTERN")
    arguments = parser.parse_args()

    expected = suite.read_expected()
    kept = [line for line in expected if line[0] == "skip"]
    found, counts, times, tests = [], collections.Counter(), [], []
    for case_name, case in suite.load_cases().items():
        for name in suite.cases_of(case):
            kind, reason = suite.expectation(expected, name)
            if kind == "skip":
                counts["skip"] += 1
                continue
            if arguments.patterns and not any(fnmatch.fnmatchcase(name, p) for p in arguments.patterns):
                if kind == "xfail":
                    found.append((reason, name))
                continue
            tests.append((case_name, name))
    for (_, name), (outcome, seconds) in zip(tests, run_all(tests, arguments.jobs)):
        times.append((seconds, name))
        result, _, reason = outcome.partition(" ")
        counts[result] += 1
        if result == "fail":
            kept_reason = suite.expectation(expected, name)[1]
            found.append((kept_reason if kept_reason.startswith("never:") else reason, name))
    for reason, count in collections.Counter(reason for reason, _ in found).most_common():
        print(f"{count:5d}  {reason}")
    for seconds, name in sorted(times, reverse=True)[:arguments.slowest]:
        print(f"{seconds:8.2f} s  {name}")
    share = 100 * counts["pass"] / max(1, counts["pass"] + counts["fail"])
    print(f"{counts['pass']} passed, {counts['fail']} failed ({share:.1f} % passed), {counts['skip']} skipped "
          f"in {sum(seconds for seconds, _ in times):.0f} s")
    if not arguments.dry_run:
        lines = [f"{kind} {pattern} {reason}" for kind, pattern, reason in kept]
        lines += [f"xfail {name} {reason}" for reason, name in sorted(found)]
        suite.EXPECTED.write_text(HEADER + "".join(line + "\n" for line in lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
