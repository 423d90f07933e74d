// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "capi/handles.h"

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
}

}  // namespace

ingot_engine::ingot_engine(std::shared_ptr<const ingot::Engine> loaded) : engine(std::move(loaded)) {
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

namespace {

LoadOptions load_options(const ingot_load_options* options) {
  LoadOptions out;
  if (options != nullptr && options->size >= sizeof(ingot_load_options)) out.verify_weights = options->skip_weight_verification == 0;
  return out;
}

Status finish_load(Result<std::shared_ptr<const Engine>> loaded, ingot_engine** engine) {
  if (!loaded.is_ok()) return std::move(loaded).status();
  *engine = new ingot_engine(std::move(loaded).value());
  return Status::ok();
}

Status tensor_info(const std::deque<ingot_engine::Info>& list, std::size_t index, ingot_tensor_info* info) {
  if (info == nullptr) return invalid_argument("info is NULL");
  if (index >= list.size()) return invalid_argument("index {} of {}", index, list.size());
  *info = list[index].info;
  return Status::ok();
}

}  // namespace
}  // namespace ingot::capi

using ingot::Status;
using ingot::capi::guard;

extern "C" {

const char* ingot_version(void) { return INGOT_VERSION; }
const char* ingot_last_error(void) { return last_error.c_str(); }
const char* ingot_status_name(ingot_status status) { return ingot::to_string(static_cast<ingot::StatusCode>(status)).data(); }
const char* ingot_dtype_name(ingot_dtype dtype) {
  return ingot::to_string(ingot::dtype_from_number(dtype).value_or(ingot::DType::undefined)).data();
}

ingot_status ingot_engine_load(const char* path, const ingot_load_options* options, ingot_engine** engine) {
  return guard([&]() -> Status {
    if (path == nullptr || engine == nullptr) return ingot::invalid_argument("path or engine is NULL");
    return ingot::capi::finish_load(ingot::Engine::load_file(path, ingot::capi::load_options(options)), engine);
  });
}

ingot_status ingot_engine_load_bytes(const void* bytes, size_t byte_count, const ingot_load_options* options, ingot_engine** engine) {
  return guard([&]() -> Status {
    if (bytes == nullptr || engine == nullptr) return ingot::invalid_argument("bytes or engine is NULL");
    const std::span<const std::byte> span(static_cast<const std::byte*>(bytes), byte_count);
    return ingot::capi::finish_load(ingot::Engine::load_bytes(span, ingot::capi::load_options(options)), engine);
  });
}

void ingot_engine_destroy(ingot_engine* engine) { delete engine; }

void ingot_engine_serialise(const ingot_engine* engine, const void** bytes, size_t* byte_count) {
  *bytes = engine->engine->bytes().data();
  *byte_count = engine->engine->bytes().size();
}

size_t ingot_engine_input_count(const ingot_engine* engine) { return engine->inputs.size(); }
size_t ingot_engine_output_count(const ingot_engine* engine) { return engine->outputs.size(); }

ingot_status ingot_engine_input(const ingot_engine* engine, size_t index, ingot_tensor_info* info) {
  return guard([&] { return ingot::capi::tensor_info(engine->inputs, index, info); });
}
ingot_status ingot_engine_output(const ingot_engine* engine, size_t index, ingot_tensor_info* info) {
  return guard([&] { return ingot::capi::tensor_info(engine->outputs, index, info); });
}

ingot_status ingot_engine_find_input(const ingot_engine* engine, const char* name, size_t* index) {
  return guard([&]() -> Status {
    INGOT_ASSIGN_OR_RETURN(*index, engine->engine->find_input(name));
    return Status::ok();
  });
}
ingot_status ingot_engine_find_output(const ingot_engine* engine, const char* name, size_t* index) {
  return guard([&]() -> Status {
    INGOT_ASSIGN_OR_RETURN(*index, engine->engine->find_output(name));
    return Status::ok();
  });
}

size_t ingot_engine_step_count(const ingot_engine* engine) { return engine->engine->plan().steps.size(); }
ingot_status ingot_engine_step(const ingot_engine* engine, size_t index, ingot_step_info* info) {
  return guard([&]() -> Status {
    const auto& steps = engine->engine->plan().steps;
    if (index >= steps.size()) return ingot::invalid_argument("step {} of {}", index, steps.size());
    const ingot::plan::Step& step = steps[index];
    *info = {step.name.c_str(), step.tactic.c_str(), step.config.c_str(), step.problem.c_str(), step.microseconds};
    return Status::ok();
  });
}
size_t ingot_engine_weight_bytes(const ingot_engine* engine) { return engine->engine->weight_bytes(); }

}  // extern "C"
