// SPDX-License-Identifier: Apache-2.0
// Everything that a plugin can do wrong, one operator each; the engine must catch and name it.
#include <cstdlib>

#include <ingot/plugin.hpp>

namespace ip = ingot::plugins;

struct Wrong {
  explicit Wrong(const ip::Attributes&) {}
  static void infer(ip::Infer& call) { call.like(0, 0); }
  // What it does wrong, it does to floats.
  static std::vector<ip::Formats> formats(const ip::Operands&) {
    const ingot_plugin_format f32{INGOT_PLUGIN_F32, INGOT_PLUGIN_LINEAR};
    return {{f32, f32}};
  }
  static void copy(const ip::Launch& call) {
    for (std::int64_t i = 0; i < call.input(0).elements(); ++i)
      call.output(0).data<float>()[i] = call.input(0).data<float>()[i];
  }
  void run(const ip::Launch& call) const { copy(call); }
  static ip::Schema named(const char* name) { return ip::Schema("wrong", name).inputs(1).outputs(1); }
};

#define OPERATOR(name)                                \
  struct name : Wrong {                               \
    using Wrong::Wrong;                               \
    static ip::Schema schema() { return named(#name); }

OPERATOR(CrashInShapeRule)
  static void infer(ip::Infer&) { *reinterpret_cast<volatile int*>(16) = 1; }
};
OPERATOR(AbortInShapeRule)
  static void infer(ip::Infer&) { std::abort(); }
};
OPERATOR(ThrowInShapeRule)
  static void infer(ip::Infer& call) { call.expect_rank(0, 17); }
};
OPERATOR(NoOutput)
  static void infer(ip::Infer&) {}
};
OPERATOR(BadAxis)
  static void infer(ip::Infer& call) { call.set(0, call.dtype(0), {call.dim(0, 11)}); }
};
// Says one thing of symbols and another of numbers.
OPERATOR(LyingShapeRule)
  static void infer(ip::Infer& call) {
    auto shape = call.shape(0);
    if (shape[0].value_or(-1) >= 0) shape[0] = shape[0] + 1;
    call.set(0, call.dtype(0), shape);
  }
};
OPERATOR(WriteBehind)
  void run(const ip::Launch& call) const {
    copy(call);
    call.output(0).data<float>()[call.output(0).elements()] = 1;
  }
};
OPERATOR(WriteBefore)
  void run(const ip::Launch& call) const {
    copy(call);
    call.output(0).data<float>()[-1] = 1;
  }
};
OPERATOR(WriteIntoInput)
  void run(const ip::Launch& call) const {
    copy(call);
    call.input(0).data<float>()[0] += 1;
  }
};
OPERATOR(WorkspaceOverrun)
  std::size_t workspace(const ip::Operands&) const { return 64; }
  void run(const ip::Launch& call) const {
    copy(call);
    call.workspace<char>()[64] = 0;
  }
};
OPERATOR(CrashInLaunch)
  void run(const ip::Launch&) const { *reinterpret_cast<volatile int*>(16) = 1; }
};
OPERATOR(FailInLaunch)
  void run(const ip::Launch&) const { ip::fail("the kernel does not feel like it"); }
};

INGOT_PLUGIN_LIBRARY("wrong", "6.6.6", CrashInShapeRule, AbortInShapeRule, ThrowInShapeRule, NoOutput, BadAxis,
                     LyingShapeRule, WriteBehind, WriteBefore, WriteIntoInput, WorkspaceOverrun, CrashInLaunch,
                     FailInLaunch)
