# SPDX-License-Identifier: Apache-2.0
"""What the demos share: commands are shown as a user would type them, then run."""
import json
import os
import pathlib
import shlex
import subprocess
import sys

import numpy as np


class Cli:
    """Runs `ingot`, showing each command before its output."""

    def __init__(self, program: pathlib.Path):
        self.program = program

    def __call__(self, *arguments, capture: bool = False) -> str:
        shown = [os.path.relpath(a) if isinstance(a, pathlib.Path) else str(a) for a in arguments]
        print(f"\n$ ingot {shlex.join(shown)}", flush=True)
        done = subprocess.run([self.program, *shown], stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE if capture else None)
        if done.returncode != 0:
            sys.exit(f"error: 'ingot {shown[0]}' ended with exit code {done.returncode}")
        return done.stdout or ""

    def bench(self, plan: pathlib.Path, *options) -> dict:
        return json.loads(self("bench", plan, "--json", *options, capture=True))


def relative_error(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest error, relative to the root mean square of what is expected."""
    if ours.shape != theirs.shape:
        sys.exit(f"error: the engine's output has shape {ours.shape}, PyTorch's {theirs.shape}")
    return float(np.abs(ours - theirs).max() / np.sqrt(np.mean(np.square(theirs, dtype=np.float64))))
