// SPDX-License-Identifier: Apache-2.0
#include "plugin_skeleton.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string_view>

namespace ingot::tools {
namespace {

struct File {
  std::string_view path, text;
};

// @Name@ is the operator, @name@ its lower-case form, of which the files and the domain are made.
constexpr File kFiles[] = {
    {"CMakeLists.txt", R"(cmake_minimum_required(VERSION 3.22)
project(@name@ LANGUAGES CXX)

# A plugin needs Ingot's headers alone. They lie beside the program, installed or in the checkout where it was built.
find_program(INGOT_PROGRAM ingot REQUIRED)  # -DINGOT_PROGRAM=/path/to/ingot where it is not in PATH
get_filename_component(INGOT_BIN "${INGOT_PROGRAM}" REALPATH)
get_filename_component(INGOT_BIN "${INGOT_BIN}" DIRECTORY)
find_path(INGOT_INCLUDE_DIR ingot/plugin.hpp REQUIRED HINTS "${INGOT_BIN}/../include" "${INGOT_BIN}/../../../include")

add_library(@name@ MODULE @name@.cc)
target_include_directories(@name@ PRIVATE ${INGOT_INCLUDE_DIR})
set_target_properties(@name@ PROPERTIES CXX_STANDARD 17 CXX_VISIBILITY_PRESET hidden)

# The CUDA kernel, where there is a compiler for it.
include(CheckLanguage)
check_language(CUDA)
if(CMAKE_CUDA_COMPILER)
  enable_language(CUDA)
  set_target_properties(@name@ PROPERTIES CUDA_ARCHITECTURES 80)  # Ampere; newer ones compile its PTX
  find_package(CUDAToolkit REQUIRED)
  target_sources(@name@ PRIVATE @name@.cu)
  target_compile_definitions(@name@ PRIVATE WITH_CUDA)
  target_link_libraries(@name@ PRIVATE CUDA::cudart_static)
endif()

enable_testing()
add_test(NAME check COMMAND ${INGOT_PROGRAM} plugin check $<TARGET_FILE:@name@>)
)"},
    {"@name@.cc",
     R"(// @Name@(x) {factor: float = 1}: factor * x. Replace the formula; `ingot plugin check` compares run() with reference().
#include <cstdint>

#include <ingot/plugin.hpp>

namespace ip = ingot::plugins;

#ifdef WITH_CUDA
void @name@_cuda(const float* x, float* y, std::int64_t count, float factor, void* stream);
#endif

struct @Name@ {
  explicit @Name@(const ip::Attributes& attributes) : factor(static_cast<float>(attributes.number("factor"))) {}

  static ip::Schema schema() {
    std::uint32_t devices = INGOT_PLUGIN_CPU;
#ifdef WITH_CUDA
    devices |= INGOT_PLUGIN_CUDA;
#endif
    return ip::Schema("@name@", "@Name@").help("factor * x").devices(devices).inputs(1).outputs(1).number("factor", 1.0);
  }

  // Types and shapes of the outputs; sizes may be symbols.
  static void infer(ip::Infer& call) { call.like(0, 0); }

  // What the kernels take; the engine converts where a model has something else.
  static std::vector<ip::Formats> formats(const ip::Operands&) {
    const ingot_plugin_format f32{INGOT_PLUGIN_F32, INGOT_PLUGIN_LINEAR};
    return {{f32, f32}};
  }

  void run(const ip::Launch& call) const {
    const auto* x = call.input(0).data<float>();
    auto* y = call.output(0).data<float>();
    const std::int64_t count = call.input(0).elements();
#ifdef WITH_CUDA
    if (call.on_cuda()) return @name@_cuda(x, y, count, factor, call.stream());
#endif
    constexpr std::int64_t kBlock = 1 << 14;
    call.parallel((count + kBlock - 1) / kBlock, [&](std::int64_t task, std::int32_t) {
      const std::int64_t end = (task + 1) * kBlock < count ? (task + 1) * kBlock : count;
      for (std::int64_t i = task * kBlock; i < end; ++i) y[i] = factor * x[i];
    });
  }

  // The same, as plain as can be.
  void reference(const ip::Launch& call) const {
    for (std::int64_t i = 0; i < call.input(0).elements(); ++i)
      call.output(0).data<float>()[i] =
          static_cast<float>(static_cast<double>(factor) * static_cast<double>(call.input(0).data<float>()[i]));
  }

  float factor;
};

INGOT_PLUGIN_LIBRARY("@name@", "0.1.0", @Name@)
)"},
    {"@name@.cu", R"(#include <cstdint>
#include <stdexcept>

namespace {
__global__ void kernel(const float* x, float* y, std::int64_t count, float factor) {
  const std::int64_t i = blockIdx.x * static_cast<std::int64_t>(blockDim.x) + threadIdx.x;
  if (i < count) y[i] = factor * x[i];
}
}  // namespace

void @name@_cuda(const float* x, float* y, std::int64_t count, float factor, void* stream) {
  if (count == 0) return;
  kernel<<<static_cast<unsigned>((count + 255) / 256), 256, 0, static_cast<cudaStream_t>(stream)>>>(x, y, count, factor);
  if (cudaError_t error = cudaGetLastError(); error != cudaSuccess) throw std::runtime_error(cudaGetErrorString(error));
}
)"},
    {"@name@.py", R"("""@Name@ in PyTorch, and its export to ONNX by both exporters."""
import torch

try:
    import onnxscript  # the dynamo exporter alone needs it
except ImportError:
    onnxscript = None


@torch.library.custom_op("@name@::@name@", mutates_args=())
def @name@(x: torch.Tensor, factor: float = 1.0) -> torch.Tensor:
    return x * factor


@@name@.register_fake
def _(x, factor=1.0):
    return torch.empty_like(x)


class @Name@Function(torch.autograd.Function):
    """For torch.onnx.export(..., dynamo=False)."""

    @staticmethod
    def forward(ctx, x, factor):
        return x * factor

    @staticmethod
    def symbolic(g, x, factor):
        return g.op("@name@::@Name@", x, factor_f=factor).setType(x.type())


class @Name@(torch.nn.Module):

    def __init__(self, factor: float = 1.0):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        if torch.compiler.is_exporting():
            return @name@(x, self.factor)
        return @Name@Function.apply(x, self.factor)


def translation_table():
    """For torch.onnx.export(..., dynamo=True, custom_translation_table=translation_table())."""
    opset = onnxscript.values.Opset("@name@", 1)

    # The annotations are read: without one on the result the exporter takes it that there is none.
    @onnxscript.script(opset, default_opset=onnxscript.opset18)
    def translation(x: onnxscript.FLOAT, factor: float = 1.0) -> onnxscript.FLOAT:
        return opset.@Name@(x, factor=factor)

    return {torch.ops.@name@.@name@.default: translation}
)"},
    {"test_@name@.py",
     R"("""The plugin in an engine against PyTorch. Needs torch, numpy and the ingot package; LIBRARY names the built library."""
import os

import numpy as np
import pytest
import torch

import ingot
import @name@

ingot.load_plugin(os.environ.get("LIBRARY", "build/lib@name@.so"))


@pytest.mark.parametrize("dynamo", [False, True])
def test_against_pytorch(tmp_path, dynamo):
    if dynamo and @name@.onnxscript is None:
        pytest.skip("the dynamo exporter needs the package onnxscript")
    model = torch.nn.Sequential(torch.nn.Linear(5, 7), @name@.@Name@(2.5), torch.nn.ReLU()).eval()
    x = torch.randn(3, 5)
    path = str(tmp_path / "model.onnx")
    how = {"custom_translation_table": @name@.translation_table()} if dynamo else {"custom_opsets": {"@name@": 1}}
    torch.onnx.export(model, (x, ), path, input_names=["x"], output_names=["y"], dynamo=dynamo, **how)
    engine = ingot.build(path)
    with torch.no_grad():
        np.testing.assert_allclose(engine({"x": x.numpy()})["y"], model(x).numpy(), rtol=1e-5, atol=1e-6)
)"},
    {"README.md", R"(# @Name@, a plugin for Ingot

```sh
cmake -S . -B build               # -DINGOT_PROGRAM=/path/to/ingot where it is not in PATH
cmake --build build
ctest --test-dir build             # ingot plugin check: run() against reference()
python -m pytest test_@name@.py    # in an engine, against PyTorch
ingot build model.onnx -o model.plan --plugins build/lib@name@.so
```

`@name@.cc` holds the schema, the shape rule and the CPU kernel, `@name@.cu` the CUDA kernel, `@name@.py` the PyTorch operator
and its export.
)"},
};

std::string filled(std::string_view text, const std::string& name, const std::string& lower) {
  std::string out;
  while (!text.empty()) {
    const bool upper = text.starts_with("@Name@");
    if (upper || text.starts_with("@name@")) {
      out += upper ? name : lower;
      text.remove_prefix(6);
    } else {
      out += text.front();
      text.remove_prefix(1);
    }
  }
  return out;
}

// "DeformAttention" -> "deform_attention"
std::string lower_of(const std::string& name) {
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const auto c = static_cast<unsigned char>(name[i]);
    if (std::isupper(c) != 0 && i > 0 && std::islower(static_cast<unsigned char>(name[i - 1])) != 0) out += '_';
    out += static_cast<char>(std::tolower(c));
  }
  return out;
}

// Names that a build system's targets, C++, Python or the modules that the test imports have already.
bool is_taken(std::string_view lower) {
  static constexpr std::string_view kTaken[] = {
      "all",   "clean",  "edit_cache", "help",   "install", "package", "rebuild_cache", "test",  "bool",
      "char",  "double", "float",      "int",    "long",    "short",   "class",         "def",   "del",
      "for",   "if",     "import",     "lambda", "pass",    "return",  "while",         "abs",   "map",
      "max",   "min",    "pow",        "range",  "round",   "sum",     "copy",          "ingot", "math",
      "numpy", "onnx",   "onnxscript", "os",     "pytest",  "random",  "sys",           "time",  "torch"};
  return std::ranges::find(kTaken, lower) != std::end(kTaken);
}

}  // namespace

Status write_skeleton(const std::string& name, const std::string& folder) {
  const auto plain = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  if (name.empty() || std::isupper(static_cast<unsigned char>(name[0])) == 0 || !std::ranges::all_of(name, plain))
    return invalid_argument("'{}' is no name for an operator: letters and digits, beginning with a capital", name);
  const std::string lower = lower_of(name);
  if (is_taken(lower))
    return invalid_argument("'{}' would be called '{}' in CMake and Python, which is taken; say 'My{}'", name, lower,
                            name);
  std::error_code error;
  if (std::filesystem::exists(folder, error)) return invalid_argument("'{}' exists already", folder);
  std::filesystem::create_directories(folder, error);
  if (error) return invalid_argument("'{}' cannot be created: {}", folder, error.message());
  for (const File& file : kFiles) {
    const std::string path = folder + "/" + filled(file.path, name, lower);
    std::ofstream stream(path);
    stream << filled(file.text, name, lower);
    if (!stream.flush()) return resource_exhausted("'{}' cannot be written", path);
    std::printf("%s\n", path.c_str());
  }
  return Status::ok();
}

}  // namespace ingot::tools
