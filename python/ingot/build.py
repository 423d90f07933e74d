# SPDX-License-Identifier: Apache-2.0
"""Building and loading engines."""
from __future__ import annotations

import operator
import os
from collections.abc import Callable, Mapping, Sequence
from typing import SupportsIndex, Union

from . import _core
from .engine import Engine
from .errors import InvalidArgument

Sizes = Sequence[SupportsIndex]
# An input: its shape, or (min, opt, max) shapes. A symbolic dimension: its size, or (min, opt, max) sizes.
ShapeRange = Union[SupportsIndex, Sizes, tuple[Sizes, Sizes, Sizes]]


def _shape_text(name: str, given: ShapeRange) -> str:
    """The text form that the builder takes; which names are inputs and which are symbols only the model tells."""
    def sizes(part: Sizes) -> str:
        return "x".join(str(operator.index(size)) for size in part)

    try:
        if hasattr(given, "__index__"):
            return f"{name}:{operator.index(given)}"
        parts = list(given)
        if len(parts) == 3 and all(hasattr(part, "__len__") for part in parts):
            return f"{name}:{':'.join(map(sizes, parts))}"
        return f"{name}:{sizes(parts)}"
    except TypeError:
        raise InvalidArgument(f"shapes of '{name}': expected a shape, a size, or (min, opt, max) of either; "
                              f"got {given!r}") from None


def build(model: str | os.PathLike[str] | bytes, *, shapes: Mapping[str, ShapeRange] | None = None,
          timing_cache: str | os.PathLike[str] | None = None, threads: int = 0, time_budget: float | None = None,
          workspace: int = 0, disabled_tactics: Sequence[str] = (),
          progress: Callable[[int, int, str], object] | None = None, device: str = "cpu", precision: str = "fp32",
          allow_cpu_fallback: bool = False) -> Engine:
    """Tunes an ONNX model for this machine.

    model: the path of an ONNX file, or its bytes.
    shapes: by input name, a shape or three shapes (min, opt, max); by symbolic dimension, a size or (min, opt, max).
        Unnamed symbolic sizes stay free and are tuned for usual ones.
    timing_cache: a file of measured times, read and extended.
    threads: to tune for; 0: all processors that the process may use.
    time_budget: seconds to spend on timing candidates; 0 takes the first guess everywhere.
    workspace: bytes of scratch memory that one step may use; 0: no limit.
    disabled_tactics: tactic ids, or prefixes that end in '*', to leave out.
    progress: called as progress(done, total, what); False stops the build (Cancelled).
    device: "cpu", "cuda" or "cuda:N".
    precision: of the arithmetic: "fp32", "fp16" or "bf16"; on the CPU halves are only rehearsed, in fp32.
    allow_cpu_fallback: nodes that CUDA has no kernel for run on the CPU; otherwise the build fails and names them all.
    """
    if not isinstance(model, bytes):
        model = os.fspath(model)
    texts = [_shape_text(name, given) for name, given in (shapes or {}).items()]
    cache = "" if timing_cache is None else os.fspath(timing_cache)
    seconds = None if time_budget is None else float(time_budget)
    return Engine(_core.build(model, texts, cache, threads, seconds, workspace, list(disabled_tactics), progress,
                              device, precision, allow_cpu_fallback))


def load(path: str | os.PathLike[str], *, verify_weights: bool = True, allow_embedded_plugins: bool = False,
         cuda_device: int = 0) -> Engine:
    """Maps a plan file. verify_weights=False skips the check of the weights' hashes (the file is trusted).

    allow_embedded_plugins=True runs the plugin libraries that the plan holds: it must be trusted as a program is.
    cuda_device: which GPU a plan for CUDA goes to.
    """
    return Engine(_core.load(os.fspath(path), verify_weights, allow_embedded_plugins, cuda_device))


def load_bytes(plan: bytes, *, verify_weights: bool = True, allow_embedded_plugins: bool = False,
               cuda_device: int = 0) -> Engine:
    """From the bytes of a plan file, which are copied."""
    return Engine(_core.load_bytes(plan, verify_weights, allow_embedded_plugins, cuda_device))
