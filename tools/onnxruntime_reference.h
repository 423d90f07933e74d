// SPDX-License-Identifier: Apache-2.0
// Reference outputs from ONNX Runtime, run in a Python process of its own: the engine links nothing of it.
#pragma once

#include <string>

#include "base/status.h"
#include "tensor_files.h"

namespace ingot::tools {

// Uses the interpreter named by INGOT_PYTHON, else .venv/bin/python under the working directory, else python3; it needs
// the packages numpy and onnxruntime.
Result<NamedTensors> run_onnxruntime(const std::string& model, const NamedTensors& inputs);

}  // namespace ingot::tools
