# SPDX-License-Identifier: Apache-2.0
"""Ingot behind the interface onnx.backend, by which programs and ONNX's own test suite run any engine.

    import ingot.onnx_backend as backend
    outputs = backend.run_model(onnx.load("model.onnx"), [image])

Needs the package onnx. Nothing is timed at build unless `time_budget` asks for it.
"""
from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper
from onnx.backend.base import Backend, BackendRep, namedtupledict

from .build import build
from .engine import Engine
from .errors import Error, InvalidArgument, Unsupported


def _ours(device: str) -> str:
    """As build() calls it: 'cpu' for 'CPU' and 'CPU:0', 'cuda:1' for 'CUDA:1'."""
    name = device.lower()
    return "cpu" if name == "cpu:0" else name


@functools.lru_cache
def _can_run_on(device: str) -> bool:
    """Whether engines can be built for that GPU and run on it here."""
    node = helper.make_node("Neg", ["x"], ["y"])
    value = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "xy"]
    model = helper.make_model(helper.make_graph([node], "probe", value[:1], value[1:]),
                              opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    try:
        engine = build(model.SerializeToString(), device=device, time_budget=0.0)
        return bool(engine(x=np.ones(1, np.float32))["y"][0] == -1)
    except Error:
        return False


class IngotRep(BackendRep):
    """A model made ready to run."""

    def __init__(self, engine: Engine, inputs: Sequence[str], outputs: Sequence[str]):
        self.engine = engine
        self._inputs = tuple(inputs)
        self._outputs = tuple(outputs)
        self._result = namedtupledict("Outputs", self._outputs)

    def run(self, inputs: Any, **kwargs: Any) -> tuple[Any, ...]:
        """inputs: the values in the order of the graph's inputs, a mapping from their names, or the only value.
        The outputs come in the order of the graph's outputs and are found by name too."""
        if kwargs:
            raise InvalidArgument(f"run() takes no options, given were {', '.join(kwargs)}")
        if isinstance(inputs, Mapping):
            named = dict(inputs)
        else:
            values = inputs if isinstance(inputs, (list, tuple)) else [inputs]
            if len(values) > len(self._inputs):
                raise InvalidArgument(f"{len(values)} inputs were given, the model has {len(self._inputs)}: "
                                      f"{', '.join(self._inputs)}")
            named = dict(zip(self._inputs, values))
        known = {info.name for info in self.engine.inputs}
        results = self.engine({name: self._value(value) for name, value in named.items() if name in known})
        return self._result(*(results[name] for name in self._outputs))

    @staticmethod
    def _value(value: Any) -> Any:
        """Python numbers and NumPy's scalars become arrays; an array becomes contiguous."""
        if isinstance(value, (list, tuple)):
            return [IngotRep._value(element) for element in value]
        if isinstance(value, (np.ndarray, np.generic, bool, int, float)):
            return np.require(value, requirements="C")
        return value


class IngotBackend(Backend):
    @classmethod
    def supports_device(cls, device: str) -> bool:
        name = _ours(device)
        return name == "cpu" or (name.partition(":")[0] == "cuda" and _can_run_on(name))

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> IngotRep:
        """kwargs: the options of ingot.build()."""
        if not cls.supports_device(device):
            raise Unsupported(f"there is no device '{device}' here; known are CPU and CUDA")
        initialisers = {tensor.name for tensor in model.graph.initializer}
        initialisers.update(tensor.values.name for tensor in model.graph.sparse_initializer)
        inputs = [value.name for value in model.graph.input if value.name not in initialisers]
        engine = build(model.SerializeToString(), **{"time_budget": 0.0, "device": _ours(device), **kwargs})
        return IngotRep(engine, inputs, [value.name for value in model.graph.output])

    @classmethod
    def run_model(cls, model: onnx.ModelProto, inputs: Any, device: str = "CPU", **kwargs: Any) -> tuple[Any, ...]:
        return cls.prepare(model, device, **kwargs).run(inputs)

    @classmethod
    def run_node(cls, node: onnx.NodeProto, inputs: Any, device: str = "CPU", outputs_info: Any = None,
                 **kwargs: Any) -> tuple[Any, ...]:
        """Runs one node as a model of its own. kwargs: opset_version, and the options of ingot.build().

        outputs_info: pairs of NumPy dtype and shape, where ONNX cannot infer the outputs' types."""
        version = kwargs.pop("opset_version", onnx.defs.onnx_opset_version())
        names = [name for name in node.input if name]
        values = [np.asarray(value) for value in
                  ([inputs[name] for name in names] if isinstance(inputs, Mapping) else inputs)]
        outputs = [name for name in node.output if name]
        types = outputs_info if outputs_info is not None else [None] * len(outputs)
        graph = helper.make_graph(
            [node], "node", [_value_info(name, value.dtype, value.shape) for name, value in zip(names, values)],
            [_value_info(name, *info) if info is not None else onnx.ValueInfoProto(name=name)
             for name, info in zip(outputs, types)])
        opsets = [helper.make_opsetid(node.domain, version)]
        model = helper.make_model(graph, opset_imports=opsets)
        if outputs_info is None:
            inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
            del model.graph.output[:]
            model.graph.output.extend(inferred.graph.output)
        return cls.run_model(model, dict(zip(names, values)), device, **kwargs)


def _value_info(name: str, dtype: Any, shape: Sequence[int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)


is_compatible = IngotBackend.is_compatible
prepare = IngotBackend.prepare
run_model = IngotBackend.run_model
run_node = IngotBackend.run_node
supports_device = IngotBackend.supports_device
