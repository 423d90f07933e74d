#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the node tests of the installed onnx package as case files for the program reference_runner.

usage: onnx_node_cases.py FOLDER

Only tests of a single node whose inputs and outputs are tensors. The attributes are written as the engine's importer
would give them to a canonical operator: element types as types, everything else as it is.
"""
import pathlib
import sys
import warnings

import onnx
from onnx import AttributeProto, helper, numpy_helper

DTYPES = {1: "f32", 2: "u8", 3: "i8", 4: "u16", 5: "i16", 6: "i32", 7: "i64", 8: "string", 9: "boolean", 10: "f16",
          11: "f64", 12: "u32", 13: "u64", 14: "c64", 15: "c128", 16: "bf16", 17: "f8e4m3fn", 18: "f8e4m3fnuz",
          19: "f8e5m2", 20: "f8e5m2fnuz", 21: "u4", 22: "i4", 23: "f4e2m1", 24: "f8e8m0", 25: "u2", 26: "i2", 27: "f6e2m3", 28: "f6e3m2"}
TYPE_ATTRIBUTES = {"to", "dtype", "output_dtype", "output_datatype", "precision", "softmax_precision"}
# Operators that the importer makes others without touching attributes or operands.
RENAMED = {"FlexAttention": "Attention", "Scatter": "ScatterElements"}
# What these should give is not determined.
RANDOM = {"Bernoulli"}
# Operators whose form in older opsets only the importer knows, and the first opset with the canonical one.
CANONICAL_SINCE = {"DFT": 20, "Upsample": 99}
# Values that cancel out leave noise in single precision.
LEAST_ATOL = {"DFT": 1e-6}


def quoted(text: str) -> str:
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return '"' + "".join(escapes.get(c, c) for c in text) + '"'


def float_text(value: float) -> str:
    text = repr(float(value))
    return text if any(c in text for c in ".ein") else text + ".0"


def tensor_text(tensor) -> str:
    """The text of a TensorProto or an array."""
    if not isinstance(tensor, onnx.TensorProto):
        tensor = numpy_helper.from_array(tensor)
    head = f"{DTYPES[tensor.data_type]}[{','.join(map(str, tensor.dims))}]"
    if tensor.data_type == onnx.TensorProto.STRING:
        return f"<{head} {', '.join(quoted(s.decode()) for s in tensor.string_data)}>"
    if not tensor.HasField("raw_data"):
        tensor = numpy_helper.from_array(numpy_helper.to_array(tensor))
    return f"<{head} 0x{tensor.raw_data.hex()}>"


def attribute_text(attribute: AttributeProto):
    """The value's text, or None for an attribute that says nothing."""
    value = helper.get_attribute_value(attribute)
    if attribute.name in TYPE_ATTRIBUTES:
        return f":{DTYPES[value]}" if value else None
    kind = attribute.type
    if kind == AttributeProto.INT:
        return str(value)
    if kind == AttributeProto.FLOAT:
        return float_text(value)
    if kind == AttributeProto.STRING:
        return quoted(value.decode())
    if kind == AttributeProto.TENSOR:
        return tensor_text(value)
    if kind == AttributeProto.INTS:
        return f"[{', '.join(map(str, value))}]"
    if kind == AttributeProto.FLOATS:
        return f"[{', '.join(map(float_text, value))}]" if value else "[]f"
    if kind == AttributeProto.STRINGS:
        return f"[{', '.join(quoted(s.decode()) for s in value)}]" if value else "[]s"
    raise TypeError(f"attribute {attribute.name} is of kind {kind}")


def operand_lines(kind: str, names, graph_values, values) -> list:
    by_name = dict(zip((value.name for value in graph_values), values, strict=True))
    return [f"{kind} {tensor_text(by_name[name]) if name else '-'}" for name in names]


def case_text(test) -> str:
    """The case of a test; raises for one that has no such form."""
    graph = test.model.graph
    (node,) = graph.node
    if node.domain not in ("", "ai.onnx.preview"):
        raise ValueError(f"only the importer knows {node.domain}")
    if node.op_type in RANDOM:
        raise ValueError(f"{node.op_type} is random")
    if test.model.opset_import[0].version < CANONICAL_SINCE.get(node.op_type, 0):
        raise ValueError(f"{node.op_type} has an old form")
    inputs, outputs = test.data_sets[0]
    # Results in bf16 are computed there with every step rounded, here with the last one alone.
    coarse = any(value.type.tensor_type.elem_type == onnx.TensorProto.BFLOAT16 for value in graph.output)
    attributes = [(a.name, attribute_text(a)) for a in sorted(node.attribute, key=lambda a: a.name)]
    return "\n".join([
        f"op {RENAMED.get(node.op_type, node.op_type)}",
        f"attrs {{{', '.join(f'{name}={text}' for name, text in attributes if text is not None)}}}",
        f"tolerance {max(test.rtol, 2**-6 if coarse else 0)} {max(test.atol, LEAST_ATOL.get(node.op_type, 0))}",
        *operand_lines("input", node.input, graph.input, inputs),
        *operand_lines("output", node.output, graph.output, outputs),
    ]) + "\n"


def write_cases(folder: pathlib.Path) -> tuple:
    """Returns how many cases were written and how many tests have no such form."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.loader import load_model_tests
        tests = load_model_tests(kind="node")
    folder.mkdir(parents=True, exist_ok=True)
    written = skipped = 0
    for test in tests:
        try:
            text = case_text(test)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            skipped += 1
            continue
        (folder / f"{test.name}.case").write_text(text, encoding="utf-8")
        written += 1
    return written, skipped


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    written, skipped = write_cases(pathlib.Path(sys.argv[1]))
    print(f"{written} cases written, {skipped} tests are not of one node with tensors")
    return 0 if written else 1


if __name__ == "__main__":
    sys.exit(main())
