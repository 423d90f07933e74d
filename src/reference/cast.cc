// SPDX-License-Identifier: Apache-2.0
#include "reference/cast.h"

#include <cmath>
#include <cstdlib>

#include "reference/families.h"
#include "tensor/convert.h"

namespace ingot::reference {

namespace {

bool is_float8(DType dtype) { return is_float(dtype) && bits_of(dtype) == 8 && !is_float6(dtype); }

// A power of two with an exponent of 8 bits, biased by 127; 255 is NaN.
std::uint8_t to_exponent(double value, const CastRules& rules) {
  constexpr std::uint8_t kNan = 255;
  constexpr std::uint8_t kGreatest = 254;
  if (std::isnan(value)) return kNan;
  value = std::abs(value);
  if (std::isinf(value)) return rules.saturate ? kGreatest : kNan;
  if (value == 0) return rules.saturate ? 0 : kNan;
  int exponent = 0;
  const double fraction = std::frexp(value, &exponent) * 2;  // in [1, 2)
  const bool up = rules.round_mode == "up" ? fraction > 1 : rules.round_mode == "nearest" && fraction >= 1.5;
  const int biased = exponent - 1 + 127 + (up ? 1 : 0);
  if (biased > kGreatest) return rules.saturate ? kGreatest : kNan;
  if (biased < 0) return rules.saturate ? 0 : kNan;
  return static_cast<std::uint8_t>(biased);
}

// The least magnitude that rounds to something beyond the greatest value of the type: half a unit further, except that
// a tie goes to the greatest value when its last bit is even, as in f8e4m3fn alone.
bool overflows(DType dtype, double magnitude) {
  switch (dtype) {
    case DType::f8e4m3fn: return magnitude > 464;
    case DType::f8e4m3fnuz: return magnitude >= 248;
    default: return magnitude >= 61440;
  }
}

std::uint8_t beyond_range(DType dtype, bool negative) {
  switch (dtype) {
    case DType::f8e4m3fn: return negative ? 0xFF : 0x7F;
    case DType::f8e5m2: return negative ? 0xFC : 0x7C;
    default: return 0x80;
  }
}

double parse_number(const std::string& text) { return std::strtod(text.c_str(), nullptr); }

std::string print_number(const HostTensor& tensor, std::int64_t i) {
  if (tensor.dtype() == DType::boolean) return tensor.as_int(i) != 0 ? "True" : "False";
  if (tensor.dtype() == DType::u64) return fmt::format("{}", static_cast<std::uint64_t>(tensor.as_int(i)));
  if (!is_float(tensor.dtype())) return fmt::format("{}", tensor.as_int(i));
  const double value = tensor.as_double(i);
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-INF" : "INF";
  return tensor.dtype() == DType::f64 ? fmt::format("{}", value) : fmt::format("{}", static_cast<float>(value));
}

Result<Outputs> evaluate_cast(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* in, required_operand(call, 0, "input"));
  DType to = DType::undefined;
  if (call.op == "CastLike") {
    INGOT_ASSIGN_OR_RETURN(const HostTensor* like, required_operand(call, 1, "target_type"));
    to = like->dtype();
  } else {
    to = call.attrs->get_dtype("to", output_type(call, 0, DType::undefined));
  }
  if (to == DType::undefined || kind_of(to) == 'c' || kind_of(in->dtype()) == 'c')
    return unsupported("a cast from {} to {}", to_string(in->dtype()), to_string(to));
  const std::string round_mode = call.attrs->get_string("round_mode", "up");
  const CastRules rules{call.attrs->get_int("saturate", 1) != 0, round_mode};
  INGOT_ASSIGN_OR_RETURN(HostTensor out, cast(*in, to, rules));
  return outputs_of(std::move(out));
}

constexpr Row kRows[] = {{"Cast", evaluate_cast}, {"CastLike", evaluate_cast}};

}  // namespace

std::uint8_t to_float8(DType dtype, double value, const CastRules& rules) {
  if (dtype == DType::f8e8m0) return to_exponent(value, rules);
  if (!rules.saturate && overflows(dtype, std::abs(value))) return beyond_range(dtype, value < 0);
  return float_to_small_float(dtype, static_cast<float>(value));
}

Result<HostTensor> cast(const HostTensor& in, DType to, const CastRules& rules) {
  if (to == DType::string) {
    INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(to, in.shape()));
    for (std::int64_t i = 0; i < in.elements(); ++i)
      out.strings()[to_size(i)] = in.dtype() == DType::string ? in.strings()[to_size(i)] : print_number(in, i);
    return out;
  }
  if (in.dtype() == DType::string) {
    std::vector<double> values;
    for (const std::string& text : in.strings()) values.push_back(parse_number(text));
    return from_numbers(to, in.shape(), values);
  }
  if (is_float8(to)) {
    const std::vector<double> values = to_numbers<double>(in);
    INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(to, in.shape()));
    for (std::size_t i = 0; i < values.size(); ++i)
      out.mutable_data<std::uint8_t>()[i] = to_float8(to, values[i], rules);
    return out;
  }
  if (to == DType::f4e2m1) {
    // A type without NaN: it becomes a negative zero, as ONNX's own conversion does.
    std::vector<double> values = to_numbers<double>(in);
    for (double& value : values)
      if (std::isnan(value)) value = -0.0;
    return from_numbers(to, in.shape(), values);
  }
  return with_number_type(in.dtype(),
                          [&](auto zero) { return from_numbers(to, in.shape(), to_numbers<decltype(zero)>(in)); });
}

std::span<const Row> cast_rows() { return kRows; }

}  // namespace ingot::reference
