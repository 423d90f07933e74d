// SPDX-License-Identifier: Apache-2.0
#include "ingot/builder.h"

#include <algorithm>
#include <filesystem>
#include <string>

#include "builder/build.h"
#include "builder/shape_options.h"
#include "capi/handles.h"
#include "onnx/import.h"
#include "plan/writer.h"

namespace ingot::capi {
namespace {

struct Model {
  std::shared_ptr<ir::Graph> graph;
  onnx::ModelInfo info;
  std::string name;  // for the plan's provenance
};

Result<Model> import_model(const char* path) {
  Model model;
  model.name = std::filesystem::path(path).filename().string();
  INGOT_ASSIGN_OR_RETURN(model.graph, onnx::import_file(path, {}, &model.info));
  return model;
}

Result<Model> import_model(std::span<const std::byte> bytes) {
  Model model;
  model.name = "(memory)";
  INGOT_ASSIGN_OR_RETURN(model.graph, onnx::import_bytes(bytes, "", {}, &model.info));
  return model;
}

Result<std::vector<std::string>> read_texts(std::string_view name, const char* const* texts, std::size_t count) {
  if (count > 0) INGOT_RETURN_IF_ERROR(require(name, texts));
  for (std::size_t i = 0; i < count; ++i) INGOT_RETURN_IF_ERROR(require(name, texts[i]));
  return std::vector<std::string>(texts, texts + count);
}

std::string sizes_text(const std::int64_t* dims, std::int32_t rank) {
  std::string text;
  for (std::int32_t i = 0; i < rank; ++i) text += fmt::format("{}{}", i == 0 ? "" : "x", dims[i]);
  return text;
}

// The same resolution as the command line's --shapes, so that both mean the same by a name.
Result<std::vector<builder::ShapeRange>> shape_ranges(const ir::Graph& graph, const ingot_build_options& options) {
  if (options.shape_count > 0) INGOT_RETURN_IF_ERROR(require("shapes", options.shapes));
  INGOT_ASSIGN_OR_RETURN(std::vector<std::string> texts,
                         read_texts("shape_texts", options.shape_texts, options.shape_text_count));
  for (std::size_t i = 0; i < options.shape_count; ++i) {
    const ingot_shape_range& range = options.shapes[i];
    INGOT_RETURN_IF_ERROR(require("the fields of shapes", range.input, range.min_dims, range.opt_dims, range.max_dims));
    if (range.rank < 1) return invalid_argument("shapes of '{}': rank {}", range.input, range.rank);
    const ir::ValueId value = graph.find_value(range.input);
    const bool is_input = value != ir::kNoValue && graph.producer(value) == nullptr && graph.constant(value) == nullptr;
    texts.push_back(fmt::format("{}:{}{separator}{}{separator}{}", range.input, sizes_text(range.min_dims, range.rank),
                                sizes_text(range.opt_dims, range.rank), sizes_text(range.max_dims, range.rank),
                                fmt::arg("separator", is_input ? ":" : "x")));
  }
  return builder::parse_shapes(graph, texts);
}

std::vector<std::pair<std::string, std::string>> provenance_of(const Model& model,
                                                               const builder::BuildOptions& options) {
  std::vector<std::pair<std::string, std::string>> out = {
      {"model", model.name},
      {"producer", fmt::format("{} {}", model.info.producer_name, model.info.producer_version)},
      {"threads", std::to_string(options.threads)},
      {"time budget", fmt::format("{} s", options.time_budget_seconds)}};
  for (const auto& [domain, version] : model.info.opsets)
    out.emplace_back(fmt::format("opset {}", domain.empty() ? "ai.onnx" : domain), std::to_string(version));
  return out;
}

Result<builder::BuiltPlan> build_model(const Model& model, const ingot_build_options* given) {
  ingot_build_options options{};
  INGOT_RETURN_IF_ERROR(read_options(given, "ingot_build_options", options));
  if (options.threads > kMaxThreads) return invalid_argument("{} threads: at most {}", options.threads, kMaxThreads);
  builder::BuildOptions build_options;
  build_options.threads = options.threads;
  INGOT_RETURN_IF_ERROR(builder::set_device(options.device == nullptr ? "" : options.device,
                                            options.precision == nullptr ? "" : options.precision, build_options));
  build_options.allow_cpu_fallback = options.allow_cpu_fallback != 0;
  INGOT_ASSIGN_OR_RETURN(build_options.shapes, shape_ranges(*model.graph, options));
  if (options.timing_cache != nullptr) build_options.timing_cache = options.timing_cache;
  if (options.workspace_bytes != 0) build_options.workspace_limit = options.workspace_bytes;
  if (options.time_budget_seconds != 0) build_options.time_budget_seconds = std::max(0.0, options.time_budget_seconds);
  INGOT_ASSIGN_OR_RETURN(build_options.disabled_tactics,
                         read_texts("disabled_tactics", options.disabled_tactics, options.disabled_tactic_count));
  if (options.progress != nullptr)
    build_options.progress = [&options](std::size_t done, std::size_t total, const std::string& what) {
      return options.progress(options.progress_user, done, total, what.c_str()) == 0;
    };
  build_options.provenance = provenance_of(model, build_options);
  return builder::build(*model.graph, build_options);
}

// Builds and loads what was built, to the GPU that it was built on.
Status build_engine(const Model& model, const ingot_build_options* given, ingot_engine** engine) {
  INGOT_ASSIGN_OR_RETURN(const builder::BuiltPlan built, build_model(model, given));
  INGOT_ASSIGN_OR_RETURN(const std::vector<std::byte> bytes, plan::write(built.plan));
  ingot_build_options options{};
  INGOT_RETURN_IF_ERROR(read_options(given, "ingot_build_options", options));
  INGOT_ASSIGN_OR_RETURN(const int ordinal, builder::cuda_ordinal(options.device == nullptr ? "" : options.device));
  return make_handle(Engine::load_bytes(bytes, {.verify_weights = false, .cuda_device = std::max(0, ordinal)}), engine);
}

}  // namespace
}  // namespace ingot::capi

using ingot::Status;
using ingot::capi::guard;
using ingot::capi::Model;
using ingot::capi::require;

extern "C" {

ingot_status ingot_build_file(const char* onnx_path, const ingot_build_options* options, ingot_engine** engine) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(require("onnx_path, engine", onnx_path, engine));
    INGOT_ASSIGN_OR_RETURN(const Model model, ingot::capi::import_model(onnx_path));
    return ingot::capi::build_engine(model, options, engine);
  });
}

ingot_status ingot_build_bytes(const void* onnx, size_t byte_count, const ingot_build_options* options,
                               ingot_engine** engine) {
  return guard([&]() -> Status {
    const auto* bytes = static_cast<const std::byte*>(onnx);
    INGOT_RETURN_IF_ERROR(require("onnx, engine", bytes, engine));
    INGOT_ASSIGN_OR_RETURN(const Model model, ingot::capi::import_model(std::span(bytes, byte_count)));
    return ingot::capi::build_engine(model, options, engine);
  });
}

ingot_status ingot_build_to_file(const char* onnx_path, const ingot_build_options* options, const char* plan_path) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(require("onnx_path, plan_path", onnx_path, plan_path));
    INGOT_ASSIGN_OR_RETURN(const Model model, ingot::capi::import_model(onnx_path));
    INGOT_ASSIGN_OR_RETURN(const ingot::builder::BuiltPlan built, ingot::capi::build_model(model, options));
    return ingot::plan::write_file(built.plan, plan_path);
  });
}

}  // extern "C"
