# SPDX-License-Identifier: Apache-2.0
"""Operators from plugin libraries, and operators written in Python."""
from __future__ import annotations

import dataclasses
import inspect
import os
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from . import _core
from ._core import Size
from .errors import InvalidArgument


def load_plugin(path: str | os.PathLike[str]) -> None:
    """Loads a plugin library (see ingot/plugin.h).

    Its operators are known to all models and plans that are read afterwards. A bare file name is looked up in the
    folders of the environment variable INGOT_PLUGIN_PATH. Loading a library again does nothing.
    """
    _core.load_plugin(os.fspath(path))


@dataclasses.dataclass(frozen=True)
class TensorSpec:
    """Type and shape of a tensor, for shape rules.

    shape: sizes are numbers or, while a model with symbolic dimensions is read, Size objects that can be added,
        subtracted, multiplied and divided (//, %). None in an output: a size that only the data decide. None for the
        whole shape: not even the rank is known.
    value: the elements of a small integer tensor, where they are known.
    """

    dtype: str
    shape: tuple[int | Size | None, ...] | None
    value: tuple[int | Size, ...] | None = None


@dataclasses.dataclass(frozen=True)
class Attribute:
    """An attribute of a Python plugin, where a type or a default value does not say enough.

    kind: int, float, str, list[int], list[float], list[str] or numpy.ndarray. default: None makes it required.
    """

    kind: Any
    default: Any = None
    range: tuple[float, float] | None = None
    choices: Sequence[str] = ()
    help: str = ""


_KINDS = {int: 1, float: 2, str: 3, list[int]: 4, list[float]: 5, list[str]: 6, np.ndarray: 7}


def _attribute(given: Any) -> Attribute:
    if isinstance(given, Attribute):
        return given
    if given in _KINDS if isinstance(given, type) or typing.get_origin(given) is list else False:
        return Attribute(given)
    if isinstance(given, bool | int):
        return Attribute(int, int(given))
    if isinstance(given, float | str):
        return Attribute(type(given), given)
    if isinstance(given, list | tuple) and given:
        for kind in (int, float, str):
            if all(isinstance(item, kind) for item in given):
                return Attribute(list[kind], list(given))
        if all(isinstance(item, int | float) for item in given):
            return Attribute(list[float], [float(item) for item in given])
    raise InvalidArgument(f"an attribute is a type, a default value or an ingot.Attribute, not {given!r}")


def ceil_div(a: int | Size, b: int | Size) -> int | Size:
    """a / b, rounded up."""
    return -(-a // b) if isinstance(a, int) else (a + b - 1) // b


def _dtype_name(dtype: Any) -> str:
    """"float32", for the type of NumPy, of PyTorch ("torch.float32") or its name."""
    text = str(dtype).removeprefix("torch.")
    return text if text in ("bfloat16", "bool") else np.dtype(text if isinstance(dtype, str) or "." in str(dtype) else
                                                              dtype).name


def _text(shape: Sequence[Any]) -> str:
    return "(" + ", ".join("?" if size in (None, -1) else str(size) for size in shape) + ")"


def _array(value: Any, what: str) -> Any:
    """A tensor of any library as a contiguous array."""
    if isinstance(value, np.ndarray | np.generic):
        return np.ascontiguousarray(value).reshape(np.shape(value))
    if hasattr(value, "detach"):
        value = value.detach()
    if hasattr(value, "contiguous"):
        value = value.contiguous()
    if hasattr(value, "__dlpack__"):
        return value
    if isinstance(value, int | float | bool | list | tuple):
        raise TypeError(f"{what} is a {type(value).__name__}; it must be an array or a tensor with an element type")
    return np.ascontiguousarray(value)


def _as_list(result: Any, count: int, what: str) -> list[Any]:
    results = list(result) if isinstance(result, tuple | list) else [result]
    if len(results) != count:
        raise ValueError(f"{what} returned {len(results)} outputs, the plugin has {count}")
    return results


class Plugin:
    """An operator that is a Python function; what the decorator `plugin` returns. Calling it calls the function."""

    def __init__(self, function: Callable[..., Any], name: str, domain: str, inputs: tuple[int, int], outputs: int,
                 attributes: Mapping[str, Attribute]):
        self.name, self.domain, self.outputs = name, domain, outputs
        self.__name__, self.__doc__, self.__wrapped__ = name, function.__doc__, function
        self._compute, self._shapes = function, None
        self._schema = (inputs, outputs, dict(attributes))
        known = _defined.get((domain, name))
        if known is not None:
            if known._schema != self._schema:
                raise InvalidArgument(f"plugin {self} is already defined with other inputs, outputs or attributes; "
                                      "they cannot change in a running process")
            # The engine keeps the first object of a name; it runs what was defined last.
            known._current = self
            self._current = self
            return
        self._current: Plugin = self
        rows = [(key, _KINDS[a.kind], a.default is None, a.default, a.range, "|".join(a.choices) or None, a.help)
                for key, a in attributes.items()]
        where = f"python:{function.__module__}.{function.__qualname__}"
        _core.register_plugin(where, domain, name, inspect.getdoc(function) or "", inputs[0], inputs[1], outputs, rows,
                              self._infer, self._launch)
        _defined[(domain, name)] = self

    def shape(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Decorator of the shape rule: called with TensorSpecs (None for an absent input) and the attributes.

        It returns for each output a TensorSpec, or a pair (dtype, shape). Without a rule outputs are like input 0.
        """
        self._shapes = function
        return function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._compute(*args, **kwargs)

    def __repr__(self) -> str:
        return f"{self.domain or 'ai.onnx'}::{self.name}"

    def _infer(self, inputs: list[Any], outputs: int, attributes: dict[str, Any]) -> list[Any]:
        plugin = self._current
        specs = [None if given is None else TensorSpec(*given) for given in inputs]
        if plugin._shapes is None:
            if not specs or specs[0] is None or specs[0].shape is None:
                raise ValueError(f"plugin {plugin} has no shape rule, and no input 0 whose shape is known")
            return [(specs[0].dtype, specs[0].shape)] * outputs
        # The rule sees all inputs that there may be.
        specs += [None] * (plugin._schema[0][1] - len(specs))
        result = plugin._shapes(*specs, **attributes)
        # One output: a spec or a pair; several: a sequence of them.
        is_one = isinstance(result, TensorSpec) or (isinstance(result, tuple) and len(result) == 2 and
                                                    not isinstance(result[0], tuple | TensorSpec))
        results = _as_list([result] if is_one else result, plugin.outputs, f"the shape rule of plugin {plugin}")
        out = []
        for index, spec in enumerate(results):
            dtype, shape = (spec.dtype, spec.shape) if isinstance(spec, TensorSpec) else spec
            if shape is None:
                raise ValueError(f"the shape rule of plugin {plugin} gives no shape for output {index}")
            out.append((_dtype_name(dtype), tuple(shape)))
        return out[:outputs]

    def _launch(self, inputs: list[Any], outputs: list[Any], attributes: dict[str, Any]) -> list[Any]:
        plugin = self._current
        results = _as_list(plugin._compute(*inputs, **attributes), plugin.outputs, f"plugin {plugin}")
        out = []
        for index, expected in enumerate(outputs):
            what = f"output {index} of plugin {plugin}"
            if expected is None:
                out.append(None)
                continue
            array = _array(results[index], what)
            dtype, shape = expected
            given = tuple(array.shape)
            if len(given) != len(shape) or any(want not in (-1, got) for want, got in zip(shape, given)):
                raise ValueError(f"{what} has shape {_text(given)}; by the shape rule it is {_text(shape)}")
            if _dtype_name(array.dtype) != dtype:
                raise TypeError(f"{what} has elements of type {_dtype_name(array.dtype)}; by the shape rule they are "
                                f"{dtype}")
            out.append(array)
        return out


_defined: dict[tuple[str, str], Plugin] = {}


def plugin(name: str, domain: str = "", *, inputs: int | tuple[int, int] | None = None, outputs: int = 1,
           attributes: Mapping[str, Any] | None = None) -> Callable[[Callable[..., Any]], Plugin]:
    """Decorator that makes a Python function an operator of models that are built and run in this process.

        @ingot.plugin("PowerScale", "demo", attributes={"factor": float, "exponent": 2})
        def power_scale(x, *, factor, exponent):
            return (factor * x**exponent).astype(x.dtype)

        @power_scale.shape
        def _(x, *, factor, exponent):
            return x.dtype, x.shape

    The function gets NumPy arrays (None for absent inputs) and the attributes by name, and returns an array or a tensor
    of any library that speaks DLPack, or a tuple of them. It runs on the CPU, for prototypes and references: it copies,
    and it holds Python's lock.

    name, domain: the ONNX node. inputs: how many, or (least, most) with -1 for any number; the function's positional
    parameters by default. outputs: how many. attributes: by name a type (required), a default value, or an Attribute.
    """
    schema = {key: _attribute(given) for key, given in (attributes or {}).items()}

    def define(function: Callable[..., Any]) -> Plugin:
        return Plugin(function, name, domain, _input_range(function, inputs), outputs, schema)

    return define


def _input_range(function: Callable[..., Any], given: int | tuple[int, int] | None) -> tuple[int, int]:
    if isinstance(given, int):
        return given, given
    if given is not None:
        return given
    least = most = 0
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind == parameter.VAR_POSITIONAL:
            return least, -1
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            most += 1
            least += parameter.default is parameter.empty
    return least, most
