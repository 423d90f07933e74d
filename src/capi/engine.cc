// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "capi/handles.h"
#include "plugin/registry.h"

namespace {

thread_local std::string last_error = "no error";

void fill(ingot_engine::Info& out, const ingot::plan::Tensor& tensor) {
  for (const ingot::Dim& dim : tensor.shape) {
    out.dims.push_back(dim.constant().value_or(-1));
    out.dim_names.push_back(dim.is_constant() ? "" : dim.to_string());
  }
  for (const std::string& name : out.dim_names) out.dim_name_pointers.push_back(name.c_str());
  out.info.name = tensor.name.c_str();
  out.info.dtype = static_cast<ingot_dtype>(tensor.dtype);
  out.info.rank = static_cast<std::int32_t>(out.dims.size());
  out.info.dims = out.dims.data();
  out.info.dim_names = out.dim_name_pointers.data();
  out.type = tensor.is_object() ? tensor.type
                                : fmt::format("{}{}", ingot::to_string(tensor.dtype), ingot::to_string(tensor.shape));
}

}  // namespace

ingot_engine::ingot_engine(std::shared_ptr<const ingot::Engine> loaded) : engine(std::move(loaded)) {
  const ingot::cuda::Device* gpu = engine->cuda_device();
  device = gpu != nullptr ? fmt::format("cuda:{}", gpu->ordinal()) : "cpu";
  const ingot::plan::Plan& plan = engine->plan();
  for (std::size_t i = 0; i < engine->input_count(); ++i) {
    Info& info = inputs.emplace_back();
    fill(info, engine->input(i));
    for (const ingot::plan::Profile& profile : plan.profiles)
      for (const ingot::plan::ProfileRange& range : profile) {
        if (range.input != plan.inputs[i] || info.info.has_range != 0) continue;
        info.min = range.min;
        info.opt = range.opt;
        info.max = range.max;
        info.info.has_range = 1;
        info.info.min_dims = info.min.data();
        info.info.opt_dims = info.opt.data();
        info.info.max_dims = info.max.data();
      }
  }
  for (std::size_t i = 0; i < engine->output_count(); ++i) fill(outputs.emplace_back(), engine->output(i));
}

namespace ingot::capi {

ingot_status report(const Status& status) {
  if (!status.is_ok()) last_error = status.message();
  return static_cast<ingot_status>(status.code());
}

Status make_handle(Result<std::shared_ptr<const Engine>> loaded, ingot_engine** engine) {
  if (!loaded.is_ok()) return std::move(loaded).status();
  *engine = new ingot_engine(std::move(loaded).value());
  return Status::ok();
}

namespace {

Result<LoadOptions> load_options(const ingot_load_options* given) {
  ingot_load_options options{};
  INGOT_RETURN_IF_ERROR(read_options(given, "ingot_load_options", options));
  LoadOptions out;
  out.verify_weights = options.skip_weight_verification == 0;
  if (options.cuda_device < 0) return invalid_argument("cuda_device {}", options.cuda_device);
  out.cuda_device = options.cuda_device;
  out.allow_embedded_plugins = options.allow_embedded_plugins != 0;
  return out;
}

Status tensor_info(const ingot_engine* engine, std::deque<ingot_engine::Info> ingot_engine::*list, std::size_t index,
                   ingot_tensor_info* info) {
  INGOT_RETURN_IF_ERROR(require("engine, info", engine, info));
  if (index >= (engine->*list).size()) return invalid_argument("index {} of {}", index, (engine->*list).size());
  *info = (engine->*list)[index].info;
  return Status::ok();
}

using Find = Result<std::size_t> (Engine::*)(std::string_view) const;
Status find_tensor(const ingot_engine* engine, Find find, const char* name, std::size_t* index) {
  INGOT_RETURN_IF_ERROR(require("engine, name, index", engine, name, index));
  INGOT_ASSIGN_OR_RETURN(*index, ((*engine->engine).*find)(name));
  return Status::ok();
}

}  // namespace
}  // namespace ingot::capi

using ingot::Status;
using ingot::capi::guard;
using ingot::capi::require;

extern "C" {

ingot_status ingot_plugin_load(const char* path) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(require("path", path));
    return ingot::plugin::Registry::global().load(path).status();
  });
}
ingot_status ingot_plugin_register(const void* library) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(require("library", static_cast<const std::byte*>(library)));
    return ingot::plugin::Registry::global().add(static_cast<const ingot_plugin_library*>(library)).status();
  });
}

const char* ingot_version(void) { return INGOT_VERSION; }
const char* ingot_last_error(void) { return last_error.c_str(); }
const char* ingot_status_name(ingot_status status) {
  return ingot::to_string(static_cast<ingot::StatusCode>(status)).data();
}
const char* ingot_dtype_name(ingot_dtype dtype) {
  return ingot::to_string(ingot::dtype_from_number(dtype).value_or(ingot::DType::undefined)).data();
}

ingot_status ingot_engine_load(const char* path, const ingot_load_options* options, ingot_engine** engine) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(require("path, engine", path, engine));
    INGOT_ASSIGN_OR_RETURN(const ingot::LoadOptions load, ingot::capi::load_options(options));
    return ingot::capi::make_handle(ingot::Engine::load_file(path, load), engine);
  });
}

ingot_status ingot_engine_load_bytes(const void* bytes, size_t byte_count, const ingot_load_options* options,
                                     ingot_engine** engine) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(require("bytes, engine", static_cast<const std::byte*>(bytes), engine));
    INGOT_ASSIGN_OR_RETURN(const ingot::LoadOptions load, ingot::capi::load_options(options));
    const std::span<const std::byte> span(static_cast<const std::byte*>(bytes), byte_count);
    return ingot::capi::make_handle(ingot::Engine::load_bytes(span, load), engine);
  });
}

void ingot_engine_destroy(ingot_engine* engine) {
  const ingot::CallersContext callers;
  delete engine;
}

void ingot_engine_serialise(const ingot_engine* engine, const void** bytes, size_t* byte_count) {
  const std::span<const std::byte> plan = engine != nullptr ? engine->engine->bytes() : std::span<const std::byte>();
  if (bytes != nullptr) *bytes = plan.data();
  if (byte_count != nullptr) *byte_count = plan.size();
}

size_t ingot_engine_input_count(const ingot_engine* engine) { return engine != nullptr ? engine->inputs.size() : 0; }
size_t ingot_engine_output_count(const ingot_engine* engine) { return engine != nullptr ? engine->outputs.size() : 0; }

ingot_status ingot_engine_input(const ingot_engine* engine, size_t index, ingot_tensor_info* info) {
  return guard([&] { return ingot::capi::tensor_info(engine, &ingot_engine::inputs, index, info); });
}
ingot_status ingot_engine_output(const ingot_engine* engine, size_t index, ingot_tensor_info* info) {
  return guard([&] { return ingot::capi::tensor_info(engine, &ingot_engine::outputs, index, info); });
}

const char* ingot_engine_input_type(const ingot_engine* engine, size_t index) {
  return engine != nullptr && index < engine->inputs.size() ? engine->inputs[index].type.c_str() : nullptr;
}
const char* ingot_engine_output_type(const ingot_engine* engine, size_t index) {
  return engine != nullptr && index < engine->outputs.size() ? engine->outputs[index].type.c_str() : nullptr;
}

ingot_status ingot_engine_find_input(const ingot_engine* engine, const char* name, size_t* index) {
  return guard([&] { return ingot::capi::find_tensor(engine, &ingot::Engine::find_input, name, index); });
}
ingot_status ingot_engine_find_output(const ingot_engine* engine, const char* name, size_t* index) {
  return guard([&] { return ingot::capi::find_tensor(engine, &ingot::Engine::find_output, name, index); });
}

size_t ingot_engine_step_count(const ingot_engine* engine) {
  return engine != nullptr ? engine->engine->plan().steps.size() : 0;
}
ingot_status ingot_engine_step(const ingot_engine* engine, size_t index, ingot_step_info* info) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(require("engine, info", engine, info));
    const auto& steps = engine->engine->plan().steps;
    if (index >= steps.size()) return ingot::invalid_argument("step {} of {}", index, steps.size());
    const ingot::plan::Step& step = steps[index];
    *info = {step.name.c_str(), step.tactic.c_str(), step.config.c_str(), step.problem.c_str(), step.microseconds};
    return Status::ok();
  });
}
size_t ingot_engine_weight_bytes(const ingot_engine* engine) {
  return engine != nullptr ? engine->engine->weight_bytes() : 0;
}
const char* ingot_engine_device(const ingot_engine* engine) { return engine != nullptr ? engine->device.c_str() : ""; }

}  // extern "C"
