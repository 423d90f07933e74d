# SPDX-License-Identifier: Apache-2.0
"""Runs the `ingot` command line from Python scripts: the program's place, time limits, options that need spelling."""
import dataclasses
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = pathlib.Path(os.environ.get("INGOT", ROOT / "build/release/bin/ingot"))
DIGITS = ROOT / "examples/digits"


@dataclasses.dataclass
class Outcome:
    code: int  # the exit code; negative: the signal that ended the process
    stdout: str
    stderr: str
    timed_out: bool = False

    @property
    def ok(self) -> bool:
        return self.code == 0 and not self.timed_out

    @property
    def reason(self) -> str:
        """Why it failed, in one line."""
        if self.timed_out:
            return "timed out"
        if self.code < 0:
            return f"ended by signal {-self.code}"
        errors = [line for line in self.stderr.splitlines() if line.startswith("error: ")]
        lines = errors or self.stderr.strip().splitlines()
        return f"exit code {self.code}: {lines[-1].removeprefix('error: ') if lines else 'no message'}"


def run(*arguments, program: pathlib.Path = PROGRAM, timeout: float = 120) -> Outcome:
    """`ingot ARGUMENTS...`; never raises for what the program does."""
    try:
        done = subprocess.run([program, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=timeout)
    except subprocess.TimeoutExpired as expired:
        return Outcome(1, "", (expired.stderr or b"").decode(errors="replace"), timed_out=True)
    return Outcome(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def shape_options(shapes: list) -> list:
    """The --shapes options for symbolic dimensions; `shapes` holds one {dimension: value} per shape to be run.

    The optimum is the middle one of the values, in the order of `shapes`.
    """
    options = []
    for name in shapes[0] if shapes else {}:
        values = [shape[name] for shape in shapes]
        options += ["--shapes", f"{name}:{min(values)}x{values[len(values) // 2]}x{max(values)}"]
    return options


def status_codes() -> dict:
    """{"kCorrupt": 8, ...}, read from the header that defines them."""
    text = (ROOT / "src/base/status.h").read_text()
    body = re.search(r"enum class StatusCode[^{]*\{(.*?)\};", text, re.DOTALL)[1]
    return {name: int(value) for name, value in re.findall(r"(k\w+) = (\d+)", body)}
