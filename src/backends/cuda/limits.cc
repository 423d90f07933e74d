// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/limits.h"

#include "backends/cuda/source.h"

namespace ingot::cuda {

std::string define_limits(DType type) {
  if (is_float(type)) return define("LOWEST", "-double(kInfinity)") + define("HIGHEST", "double(kInfinity)");
  const int bits = bits_of(type);
  if (type == DType::boolean) return define("LOWEST", "0.0") + define("HIGHEST", "1.0");
  const bool is_signed = kind_of(type) == 'i';
  const std::string high = fmt::format(
      "{}.0", (bits == 64 && !is_signed) ? ~std::uint64_t{0} : (std::uint64_t{1} << (is_signed ? bits - 1 : bits)) - 1);
  const std::string low =
      is_signed ? fmt::format("(-{}.0 - 1.0)", (std::uint64_t{1} << (bits - 1)) - 1) : std::string("0.0");
  return define("LOWEST", low) + define("HIGHEST", high);
}

}  // namespace ingot::cuda
