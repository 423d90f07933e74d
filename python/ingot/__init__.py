# SPDX-License-Identifier: Apache-2.0
"""Ingot: builds an engine from an ONNX model and runs it.

    import ingot
    engine = ingot.build("model.onnx", shapes={"batch": (1, 1, 16)})
    engine.save("model.plan")
    scores = engine({"image": image})["scores"]
"""
from . import _core
from .build import build, load, load_bytes
from .engine import Context, Engine, Step, TensorInfo
from .plugins import Attribute, Plugin, TensorSpec, load_plugin, plugin
from .errors import (Cancelled, Corrupt, Error, FailedPrecondition, Incompatible, Internal, InvalidArgument, NotFound,
                     ResourceExhausted, Unsupported)

__version__: str = _core.version()
__all__ = [
    "build", "load", "load_bytes", "load_plugin", "plugin", "Attribute", "Plugin", "TensorSpec", "Context", "Engine",
    "Step", "TensorInfo",
    "Error", "InvalidArgument", "Unsupported", "NotFound", "FailedPrecondition", "ResourceExhausted", "Incompatible",
    "Corrupt", "Cancelled", "Internal",
]
