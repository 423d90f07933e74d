// SPDX-License-Identifier: Apache-2.0
// Evaluates the cases of a folder with the reference evaluator and compares (see tests/onnx_node_cases.py).
//
// usage: reference_runner FOLDER [--unsupported]
// A case is a file NAME.case of lines: "op NAME", "attrs {...}", "tolerance RTOL ATOL", then "input" and "output" lines
// in order, each with a tensor's text or "-" for an absent one. Exits with 1 when a supported case fails.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/text_scanner.h"
#include "reference/evaluate.h"
#include "tensor/tensor_text.h"

namespace {

using ingot::Attrs;
using ingot::HostTensor;
using ingot::Result;
using ingot::Status;

struct Case {
  std::string op;
  Attrs attrs;
  double rtol = 0, atol = 0;
  std::vector<std::optional<HostTensor>> inputs, outputs;
};

Result<std::optional<HostTensor>> read_tensor(std::string_view text) {
  if (text == "-") return std::optional<HostTensor>{};
  ingot::TextScanner scanner(text);
  INGOT_ASSIGN_OR_RETURN(HostTensor tensor, ingot::parse_tensor(scanner));
  return std::optional<HostTensor>(std::move(tensor));
}

Result<Case> read_case(const std::filesystem::path& path) {
  Case result;
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    const std::size_t space = line.find(' ');
    const std::string key = line.substr(0, space);
    std::string_view value = std::string_view(line).substr(std::min(line.size(), space + 1));
    if (key == "op") {
      result.op = value;
    } else if (key == "attrs") {
      INGOT_ASSIGN_OR_RETURN(result.attrs, Attrs::parse(value));
    } else if (key == "tolerance") {
      std::istringstream(std::string(value)) >> result.rtol >> result.atol;
    } else if (key == "input" || key == "output") {
      INGOT_ASSIGN_OR_RETURN(auto tensor, read_tensor(value));
      (key == "input" ? result.inputs : result.outputs).push_back(std::move(tensor));
    } else {
      return ingot::invalid_argument("a line begins with \"{}\"", key);
    }
  }
  return result;
}

bool close(double got, double expected, const Case& test) {
  if (got == expected || (std::isnan(got) && std::isnan(expected))) return true;
  return std::abs(got - expected) <= test.atol + test.rtol * std::abs(expected);
}

Status compare(const HostTensor& got, const HostTensor& expected, const Case& test) {
  if (got.dtype() != expected.dtype() || got.shape() != expected.shape())
    return ingot::internal("got {}{}, expected {}{}", to_string(got.dtype()), ingot::to_string(got.shape()),
                           to_string(expected.dtype()), ingot::to_string(expected.shape()));
  if (got.strings() != expected.strings()) return ingot::internal("strings differ");
  const bool floats = ingot::is_float(got.dtype());
  for (std::int64_t i = 0; i < got.elements(); ++i) {
    const bool same =
        floats ? close(got.as_double(i), expected.as_double(i), test) : got.as_int(i) == expected.as_int(i);
    if (!same) return ingot::internal("element {} is {}, expected {}", i, got.as_double(i), expected.as_double(i));
  }
  return Status::ok();
}

Status run(const Case& test) {
  std::vector<const HostTensor*> inputs;
  for (const auto& input : test.inputs) inputs.push_back(input ? &*input : nullptr);
  std::vector<ingot::DType> types;
  for (const auto& output : test.outputs) types.push_back(output ? output->dtype() : ingot::DType::undefined);
  INGOT_ASSIGN_OR_RETURN(const auto outputs,
                         ingot::reference::evaluate({test.op, &test.attrs, inputs, types.size(), types}));
  for (std::size_t k = 0; k < outputs.size(); ++k)
    if (test.outputs[k])
      INGOT_RETURN_IF_ERROR(compare(outputs[k], *test.outputs[k], test).annotate(fmt::format("output {}", k)));
  return Status::ok();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: reference_runner FOLDER [--unsupported]\n", stderr);
    return 2;
  }
  const bool list_unsupported = argc > 2 && std::string_view(argv[2]) == "--unsupported";
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1]))
    if (entry.path().extension() == ".case") paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  int passed = 0;
  int failed = 0;
  int unsupported = 0;
  for (const auto& path : paths) {
    const auto test = read_case(path);
    if (test.is_ok() && !ingot::reference::supports(test.value().op)) {
      ++unsupported;
      if (list_unsupported) fmt::print("unsupported {}\n", test.value().op);
      continue;
    }
    const Status status = test.is_ok() ? run(test.value()) : test.status();
    const bool refused = status.code() == ingot::StatusCode::kUnsupported;
    ++(status.is_ok() ? passed : refused ? unsupported : failed);
    if (!status.is_ok() && (!refused || list_unsupported))
      fmt::print("{} {}: {}\n", refused ? "refused" : "FAILED", path.stem().string(), status.to_string());
  }
  fmt::print("{} passed, {} failed, {} not supported\n", passed, failed, unsupported);
  return failed == 0 && passed > 0 ? 0 : 1;
}
