#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs ONNX's backend suite and rewrites onnx_backend_expected.txt: one 'xfail' line per failing test.

usage: onnx_backend_update.py [--dry-run] [PATTERN...]

Lines with 'skip' are kept as they are and their tests are not run; so are the lines of tests that no PATTERN matches.
A reason that begins with 'never:' is a person's and stays as long as the test fails.
Tests of CUDA ('*_cuda') are there where a GPU is: onnx_backend_update.py --dry-run '*_cuda' prints how many of them pass.
Each test runs in a process of its own, so that a crash is one result and not the end.
"""
import argparse
import collections
import concurrent.futures
import fnmatch
import multiprocessing
import os
import re
import signal
import sys
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


def run_apart(case: type[unittest.TestCase], name: str) -> str:
    """'pass', 'skip ...' or 'fail ...', found in a child process."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        signal.alarm(LIMIT_SECONDS)
        os.write(writer, run_here(case, name).encode(errors="replace"))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        outcome = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return f"fail ends by signal {number}" + (f" after {LIMIT_SECONDS} s" if number == signal.SIGALRM else "")
    return outcome


TESTS = []  # (class, name) of every test to run


def outcome_of(index: int) -> tuple:
    """What run_apart() says of a test, and the seconds it took."""
    start = time.monotonic()
    return run_apart(*TESTS[index]), time.monotonic() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry-run", action="store_true", help="print, do not write")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="tests at a time")
    parser.add_argument("--slowest", type=int, default=0, metavar="N", help="print the N slowest tests")
    parser.add_argument("patterns", nargs="*", metavar="PATTERN")
    arguments = parser.parse_args()

    expected = suite.read_expected()
    kept = [line for line in expected if line[0] == "skip"]
    found, counts, times = [], collections.Counter(), []
    for case in suite.load_cases().values():
        for name in suite.cases_of(case):
            kind, reason = suite.expectation(expected, name)
            if kind == "skip":
                counts["skip"] += 1
                continue
            if arguments.patterns and not any(fnmatch.fnmatchcase(name, p) for p in arguments.patterns):
                if kind == "xfail":
                    found.append((reason, name))
                continue
            TESTS.append((case, name))
    with concurrent.futures.ProcessPoolExecutor(arguments.jobs, multiprocessing.get_context("fork")) as pool:
        outcomes = list(pool.map(outcome_of, range(len(TESTS))))
    for (_, name), (outcome, seconds) in zip(TESTS, outcomes):
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
