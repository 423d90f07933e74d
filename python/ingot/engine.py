# SPDX-License-Identifier: Apache-2.0
"""Engines and contexts."""
from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from . import _core


class TensorInfo(NamedTuple):
    """An input or output of an engine."""

    name: str
    dtype: str  # NumPy's name: "float32"
    shape: tuple[int | str, ...]  # a text where the size is not fixed: the symbol or expression
    range: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] | None  # min, opt, max of an input
    type: str  # "f32[N, 3]", "f32[?]" (any rank), "seq<i64[?]>", "optional<f32[2]>", "seq<map<string, f32[]>>"


class Step(NamedTuple):
    """One kernel launch of an engine."""

    name: str  # ONNX node name(s)
    tactic: str
    config: str
    problem: str  # one line of text, reproduces the step
    microseconds: float  # as timed at build; 0 when there was nothing to choose


class Context:
    """One stream of inference over an engine; belongs to one thread at a time. Made by Engine.create_context()."""

    def __init__(self, core: _core.Context):
        self._core = core

    def run(self, inputs: Mapping[str, Any], out: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Runs the network and returns its outputs by ONNX name.

        Inputs are C-contiguous arrays of the right type from any library that speaks DLPack (NumPy, PyTorch, ...);
        they are read in place. Outputs are new NumPy arrays, or the arrays given in `out`, written in place. For an
        engine on a GPU both may be tensors of that GPU.
        Strings are arrays of objects, sequences lists of arrays, maps dicts, an optional that holds nothing is None.
        Other threads run meanwhile.
        """
        return self._core.run(dict(inputs), None if out is None else dict(out))

    def cancel(self) -> None:
        """From another thread: the run in progress raises Cancelled before the next iteration of a loop in the model.
        Without one it has no effect, nor on later runs."""
        self._core.cancel()

    def set_profiler(self, callback: Callable[[int, str, str, float], object] | None) -> None:
        """Calls callback(step, name, tactic, microseconds) after each step; None detaches."""
        self._core.set_profiler(callback)

    @property
    def threads(self) -> int:
        return self._core.threads()

    @property
    def memory_bytes(self) -> int:
        """Bytes of activations and workspace that the context holds."""
        return self._core.memory_bytes()


class Engine:
    """A tuned network. Immutable; threads may share it. Made by build() and load()."""

    def __init__(self, core: _core.Engine):
        self._core = core
        self._idle: list[Context] = []

    @cached_property
    def inputs(self) -> tuple[TensorInfo, ...]:
        return tuple(TensorInfo(*info) for info in self._core.inputs())

    @cached_property
    def outputs(self) -> tuple[TensorInfo, ...]:
        return tuple(TensorInfo(*info) for info in self._core.outputs())

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        return tuple(Step(*step) for step in self._core.steps())

    @property
    def weight_bytes(self) -> int:
        return self._core.weight_bytes()

    @property
    def device(self) -> str:
        """Where it runs: "cpu", "cuda:0", ..."""
        return self._core.device()

    def create_context(self, threads: int = 0, cuda_stream: int = 0) -> Context:
        """`threads` <= 0: all processors that the process may use. cuda_stream: the address of a stream that an engine
        on a GPU works on (of PyTorch: torch.cuda.current_stream().cuda_stream); a run whose inputs and outputs all lie
        on the GPU then returns once its work is enqueued. 0: a stream of its own."""
        return Context(_core.Context(self._core, threads, cuda_stream))

    def __call__(self, inputs: Mapping[str, Any] | None = None, /, **named: Any) -> dict[str, np.ndarray]:
        """Runs once in a context of the engine's own: engine({"image": x}) or engine(image=x). Threads may call it at
        once; each call in flight has its own context."""
        try:
            context = self._idle.pop()
        except IndexError:
            context = self.create_context()
        try:
            return context.run({**(inputs or {}), **named})
        finally:
            self._idle.append(context)

    def serialise(self) -> bytes:
        """The bytes of the plan file."""
        return self._core.serialise()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the plan file. A failure leaves what was there before."""
        partial = os.fspath(path) + ".partial"
        with open(partial, "wb") as file:
            file.write(self.serialise())
        os.replace(partial, path)

    def __repr__(self) -> str:
        def text(tensors: tuple[TensorInfo, ...]) -> str:
            return ", ".join(f"{t.name}: {t.dtype}[{', '.join(map(str, t.shape))}]" for t in tensors)

        return f"<ingot.Engine ({text(self.inputs)}) -> ({text(self.outputs)}), {len(self.steps)} steps>"
