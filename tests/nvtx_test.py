# SPDX-License-Identifier: Apache-2.0
"""A run under a profiler: its library, here one that writes down what it hears, is told of every step."""
import subprocess

import numpy as np
import onnx
from onnx import TensorProto, helper

import ingot_cli

# What NVTX's protocol asks of a profiler's library. CORE is module 1, nvtxRangePushA function 9, nvtxRangePop 11.
PROFILER = r"""
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
typedef void (*function)(void);
struct callbacks { size_t size; int (*module_table)(int, function***, unsigned*); };
static FILE* out;
static int push(const char* name) { fprintf(out, "push %s\n", name); fflush(out); return 0; }
static int pop(void) { fprintf(out, "pop\n"); fflush(out); return 0; }
int InitializeInjectionNvtx2(const void* (*get_table)(uint32_t)) {
  const struct callbacks* callbacks = get_table(1);
  function** table;
  unsigned size;
  if (!callbacks->module_table(1, &table, &size)) return 0;
  out = fopen(getenv("RANGES"), "w");
  *table[9] = (function)push;
  *table[11] = (function)pop;
  return out != NULL;
}
"""


def test_steps_are_ranges(tmp_path, monkeypatch):
    (tmp_path / "profiler.c").write_text(PROFILER)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "profiler.so", tmp_path / "profiler.c"], check=True)
    nodes = [helper.make_node("Softmax", ["x"], ["t"], name="first"),
             helper.make_node("CumSum", ["t", "axis"], ["y"], name="second")]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 8])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 8])],
                              [helper.make_tensor("axis", TensorProto.INT64, [], [1])])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), tmp_path / "m.onnx")
    done = ingot_cli.run("build", tmp_path / "m.onnx", "-o", tmp_path / "m.plan")
    assert done.ok, done.stderr
    np.savez(tmp_path / "in.npz", x=np.ones((2, 8), np.float32))
    monkeypatch.setenv("RANGES", str(tmp_path / "ranges.txt"))
    for library in ("profiler.so", "nowhere.so"):  # the second one is not there
        monkeypatch.setenv("NVTX_INJECTION64_PATH", str(tmp_path / library))
        done = ingot_cli.run("run", tmp_path / "m.plan", "--inputs", tmp_path / "in.npz")
        assert done.ok, done.stderr
    heard = (tmp_path / "ranges.txt").read_text().splitlines()
    assert heard == ["push first", "pop", "push second", "pop"]

