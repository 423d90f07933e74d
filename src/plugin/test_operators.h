// SPDX-License-Identifier: Apache-2.0
// Operators that a test describes in its own process.
#pragma once

#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "ingot/plugin.h"

namespace ingot::plugin {

// A library of one operator: y = x for any type, or what the test puts in place of its functions. Lives as long as the
// test program, as libraries do.
struct TestLibrary {
  explicit TestLibrary(const char* name, const char* domain = "test") {
    op.size = sizeof(op);
    op.domain = domain;
    op.name = name;
    op.devices = INGOT_PLUGIN_CPU;
    op.least_inputs = op.most_inputs = op.least_outputs = op.most_outputs = 1;
    op.infer = [](void*, const ingot_plugin_infer* call, ingot_plugin_error*) -> std::int32_t {
      std::vector<ingot_plugin_dim> dims(static_cast<std::size_t>(call->input_rank(call->host, 0)));
      for (std::size_t i = 0; i < dims.size(); ++i)
        dims[i] = call->input_dim(call->host, 0, static_cast<std::int32_t>(i));
      call->set_output(call->host, 0, call->input_type(call->host, 0), static_cast<std::int32_t>(dims.size()),
                       dims.data());
      return 0;
    };
    op.launch = [](void*, const void*, void*, const ingot_plugin_launch* call, ingot_plugin_error*) -> std::int32_t {
      std::memcpy(call->outputs[0].data, call->inputs[0].data, sizeof(float) * elements(call->inputs[0]));
      return 0;
    };
    library.size = sizeof(library);
    library.major = INGOT_PLUGIN_MAJOR;
    library.minor = INGOT_PLUGIN_MINOR;
    library.name = "tests";
    library.version = "1.0.0";
    library.operators = operators;
    library.operator_count = 1;
  }
  TestLibrary(const TestLibrary&) = delete;
  TestLibrary& operator=(const TestLibrary&) = delete;

  ingot_plugin_attribute& attribute(const char* name, std::int32_t type, bool required = false) {
    ingot_plugin_attribute added{};
    added.size = sizeof(added);
    added.name = name;
    added.type = type;
    added.required = required ? 1 : 0;
    attributes.push_back(added);
    op.attributes = attributes.data();
    op.attribute_count = attributes.size();
    return attributes.back();
  }
  static std::size_t elements(const ingot_plugin_tensor& tensor) {
    std::size_t count = 1;
    for (std::int32_t i = 0; i < tensor.rank; ++i) count *= static_cast<std::size_t>(tensor.dims[i]);
    return count;
  }

  std::vector<ingot_plugin_attribute> attributes;
  ingot_plugin_operator op{};
  const ingot_plugin_operator* operators[1] = {&op};
  ingot_plugin_library library{};
};

}  // namespace ingot::plugin
