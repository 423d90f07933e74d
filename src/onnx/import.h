// SPDX-License-Identifier: Apache-2.0
// ONNX files -> ir::Graph. The only door to ONNX: no other folder sees protobuf.
//
// What comes out is canonical: every operator is one of ops/ with the attributes of the newest opset, model functions
// are inlined, bodies of If, Loop and Scan take what they use from outside as trailing inputs (constants are copied
// into them), types are our own inference's. Declared types of intermediate values are ignored. Errors: kNotFound
// (file), kCorrupt (not an ONNX model), kInvalidArgument (a malformed graph, wrong options), kUnsupported (versions and
// operators; all unsupported nodes of the model are reported at once).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "ir/graph.h"
#include "tensor/dim.h"

namespace ingot::onnx {

// The versions that are understood, both ends included.
inline constexpr std::int64_t kOldestOpset = 1;
inline constexpr std::int64_t kNewestOpset = 28;
inline constexpr std::int64_t kOldestIrVersion = 3;
inline constexpr std::int64_t kNewestIrVersion = 14;

struct ImportOptions {
  // Shapes in place of the declared ones, by input name. A symbol replaced in one input is replaced in all.
  std::vector<std::pair<std::string, SymShape>> input_shapes;
};

struct ModelInfo {
  std::int64_t ir_version = 0;
  std::string producer_name, producer_version, domain, graph_name;
  std::int64_t model_version = 0;
  std::map<std::string, std::int64_t> opsets;  // by domain; "" is ONNX's own
  std::vector<std::pair<std::string, std::string>> metadata;
  std::vector<std::string> warnings;
  std::vector<std::pair<std::string, ir::Type>> inputs;  // as they were imported; there when a node is refused, too
};

// `info`, when given, is filled as far as the import came.
Result<std::shared_ptr<ir::Graph>> import_file(const std::string& path, const ImportOptions& options = {},
                                               ModelInfo* info = nullptr);
// External data are looked up in model_directory; when it is empty, a model that refers to any is refused.
Result<std::shared_ptr<ir::Graph>> import_bytes(std::span<const std::byte> bytes, const std::string& model_directory,
                                                const ImportOptions& options = {}, ModelInfo* info = nullptr);

}  // namespace ingot::onnx
