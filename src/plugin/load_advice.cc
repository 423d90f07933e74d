// SPDX-License-Identifier: Apache-2.0
#include "plugin/load_advice.h"

#include <cxxabi.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>

#include <fmt/format.h>

namespace ingot::plugin {
namespace {

constexpr std::string_view kTensorRt =
    "; it was built for TensorRT itself: compile its sources with the headers in ingot/tensorrt and without -lnvinfer";

// The word behind `mark`, up to a space, colon or the end.
std::string_view word_after(std::string_view text, std::string_view mark) {
  const std::size_t at = text.find(mark);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + mark.size());
  return text.substr(0, text.find_first_of(" ,:\n"));
}

std::string demangled(const std::string& symbol) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status),
                                                         &std::free);
  return status == 0 && text != nullptr ? text.get() : symbol;
}

std::string symbol_advice(const std::string& symbol) {
  const std::string name = demangled(symbol);
  constexpr std::array kOfTensorRt = {"createInfer",       "getPluginRegistry",     "getBuilderPluginRegistry",
                                      "createNvOnnx",      "initLibNvInferPlugins", "getLogger",
                                      "getInferLibVersion"};
  const bool plain = name == symbol;
  if (plain && std::ranges::any_of(kOfTensorRt, [&](std::string_view begin) { return name.starts_with(begin); }))
    return std::string(kTensorRt);
  constexpr std::array kLibraries = {"cublasLt", "cublas", "cudnn", "cufft", "curand", "cusparse", "cusolver", "nccl"};
  for (const std::string_view library : kLibraries)
    if (plain && name.starts_with(library)) return fmt::format("; link it with -l{}", library);
  if (plain && (name.starts_with("cuda") || name.starts_with("__cuda"))) return "; link it with -lcudart";
  if (plain && name.starts_with("cu") && name.size() > 2 && name[2] >= 'A' && name[2] <= 'Z')
    return "; link it with -lcuda";
  return fmt::format("; {} is in none of the files that it was linked from: name all of its sources and libraries",
                     plain ? "this function" : name);
}

}  // namespace

std::string load_advice(std::string_view error) {
  if (const std::string_view symbol = word_after(error, "undefined symbol: "); !symbol.empty())
    return symbol_advice(std::string(symbol));
  const std::size_t missing = error.find(": cannot open shared object file");
  if (missing == std::string_view::npos) return {};
  const std::string_view library = error.substr(0, missing);
  if (library.starts_with("libnvinfer") || library.starts_with("libnvonnxparser")) return std::string(kTensorRt);
  return fmt::format("; install {}, or name its folder in LD_LIBRARY_PATH", library);
}

}  // namespace ingot::plugin
