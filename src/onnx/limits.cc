// SPDX-License-Identifier: Apache-2.0
#include "onnx/limits.h"

namespace ingot::onnx {
namespace {

#define X(id, domain, operators, text) {domain, operators, text},
constexpr LimitRow kRows[] = {INGOT_ONNX_LIMITS(X)};
#undef X

}  // namespace

std::span<const LimitRow> limit_rows() { return kRows; }

Status beyond(Limit limit, const std::string& detail) {
  const std::string_view text = kRows[static_cast<std::size_t>(limit)].text;
  return detail.empty() ? unsupported("not supported: {}", text) : unsupported("{}: not supported: {}", detail, text);
}

}  // namespace ingot::onnx
