// SPDX-License-Identifier: Apache-2.0
// The C++ layer over ingot/builder.h: ONNX in, an Engine out. Needs libingot; rules as in ingot/ingot.hpp.
#pragma once

#include "ingot/builder.h"
#include "ingot/ingot.hpp"

namespace ingot {
inline namespace api {

// The sizes that an input may take; or, with rank 1, a symbolic dimension wherever it occurs. All equal: fixed.
struct ShapeRange {
  std::string name;
  std::vector<std::int64_t> min, opt, max;
};

struct BuildOptions {
  int threads = 0;  // to tune for; <= 0: all
  std::vector<ShapeRange> shapes;
  std::vector<std::string> shape_texts;  // the same in the text forms of the command line: "batch:1x8x64"
  // Tactic ids, or prefixes that end in '*'. Without "onednn.*" a run of fixed shapes neither allocates nor locks.
  std::vector<std::string> disabled_tactics;
  std::string timing_cache;                   // file; empty: none
  std::uint64_t workspace_bytes = 0;          // per step; 0: no limit
  std::string device;                         // "cpu", "cuda", "cuda:N"; empty: the CPU
  std::string precision;                      // "fp32", "fp16", "bf16" (on the CPU a rehearsal); empty: fp32
  bool allow_cpu_fallback = false;            // nodes that CUDA has no kernel for run on the CPU
  std::optional<double> time_budget_seconds;  // for tuning; 0: take the first guess everywhere
  // Called on the building thread; must not throw.
  std::function<bool(std::size_t done, std::size_t total, std::string_view what)> progress;  // false: stop
};

namespace detail {

// Runs a C build function with the options in C form, which live during the call.
template <typename Build>
Status with_options(const BuildOptions& options, Build&& build) {
  std::vector<ingot_shape_range> shapes;
  for (const ShapeRange& range : options.shapes) {
    if (range.min.size() != range.opt.size() || range.min.size() != range.max.size())
      return Status(INGOT_INVALID_ARGUMENT, "shapes of '" + range.name + "': min, opt and max differ in rank");
    shapes.push_back({range.name.c_str(), static_cast<std::int32_t>(range.min.size()), range.min.data(),
                      range.opt.data(), range.max.data()});
  }
  ingot_build_options raw{};
  raw.size = sizeof(raw);
  raw.threads = options.threads;
  raw.device = options.device.empty() ? nullptr : options.device.c_str();
  raw.precision = options.precision.empty() ? nullptr : options.precision.c_str();
  raw.allow_cpu_fallback = options.allow_cpu_fallback ? 1 : 0;
  raw.shapes = shapes.data();
  raw.shape_count = shapes.size();
  const auto pointers = [](const std::vector<std::string>& texts) {
    std::vector<const char*> out;
    for (const std::string& text : texts) out.push_back(text.c_str());
    return out;
  };
  const std::vector<const char*> texts = pointers(options.shape_texts);
  raw.shape_texts = texts.data();
  raw.shape_text_count = texts.size();
  const std::vector<const char*> disabled = pointers(options.disabled_tactics);
  raw.disabled_tactics = disabled.data();
  raw.disabled_tactic_count = disabled.size();
  raw.timing_cache = options.timing_cache.empty() ? nullptr : options.timing_cache.c_str();
  raw.workspace_bytes = options.workspace_bytes;
  if (options.time_budget_seconds)
    raw.time_budget_seconds = *options.time_budget_seconds > 0 ? *options.time_budget_seconds : -1;
  if (options.progress) {
    raw.progress = [](void* user, std::size_t done, std::size_t total, const char* what) {
      return static_cast<const BuildOptions*>(user)->progress(done, total, what) ? 0 : 1;
    };
    raw.progress_user = const_cast<BuildOptions*>(&options);
  }
  return Status::of(build(&raw));
}

template <typename Build>
Result<Engine> build_engine(const BuildOptions& options, Build&& build) {
  ingot_engine* handle = nullptr;
  Status status = with_options(options, [&](const ingot_build_options* raw) { return build(raw, &handle); });
  if (!status.is_ok()) return status;
  return Engine(handle);
}

}  // namespace detail

inline Result<Engine> build(const std::string& onnx_path, const BuildOptions& options = {}) {
  return detail::build_engine(options, [&](const ingot_build_options* raw, ingot_engine** engine) {
    return ingot_build_file(onnx_path.c_str(), raw, engine);
  });
}

// The model must hold its weights itself.
inline Result<Engine> build_bytes(std::span<const std::byte> onnx, const BuildOptions& options = {}) {
  return detail::build_engine(options, [&](const ingot_build_options* raw, ingot_engine** engine) {
    return ingot_build_bytes(onnx.data(), onnx.size(), raw, engine);
  });
}

inline Status build_to_file(const std::string& onnx_path, const std::string& plan_path,
                            const BuildOptions& options = {}) {
  return detail::with_options(options, [&](const ingot_build_options* raw) {
    return ingot_build_to_file(onnx_path.c_str(), raw, plan_path.c_str());
  });
}

}  // namespace api
}  // namespace ingot
