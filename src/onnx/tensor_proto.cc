// SPDX-License-Identifier: Apache-2.0
#include "onnx/tensor_proto.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>

namespace ingot::onnx {
namespace {

// Raw data below this size are copied, so that a few small constants do not keep a whole model file in memory.
constexpr std::size_t kShareThreshold = 64 * 1024;

static_assert(std::endian::native == std::endian::little, "raw tensor data in ONNX files are little-endian");

Status wrong_count(std::int64_t elements, std::int64_t found, std::string_view field) {
  return invalid_argument("the shape holds {} elements, {} holds {}", elements, field, found);
}

// Elements stored one per list entry, narrowed to the element type's size.
template <typename Target, typename List>
Status copy_list(const List& list, HostTensor& tensor, std::string_view field) {
  const auto count = static_cast<std::int64_t>(tensor.bytes().size() / sizeof(Target));
  if (list.size() != count) return wrong_count(count, list.size(), field);
  auto* out = tensor.mutable_data<Target>();
  for (const auto value : list) *out++ = static_cast<Target>(value);
  return Status::ok();
}

// ONNX writes sub-byte elements packed, one byte per list entry; some writers put one element in each entry.
Status copy_packed(const TensorProto& proto, HostTensor& tensor) {
  const auto packed = static_cast<std::int64_t>(tensor.bytes().size());
  if (proto.int32_data_size() == packed) return copy_list<std::uint8_t>(proto.int32_data(), tensor, "int32_data");
  if (proto.int32_data_size() != tensor.elements()) return wrong_count(packed, proto.int32_data_size(), "int32_data");
  const int bits = bits_of(tensor.dtype());
  const auto mask = (1U << static_cast<unsigned>(bits)) - 1U;
  for (std::int64_t i = 0; i < tensor.elements(); ++i) {
    const std::int64_t bit = i * bits;
    auto& byte = tensor.mutable_data<std::uint8_t>()[bit / 8];
    const unsigned element = static_cast<unsigned>(proto.int32_data(static_cast<int>(i))) & mask;
    byte = static_cast<std::uint8_t>(byte | (element << static_cast<unsigned>(bit % 8)));
  }
  return Status::ok();
}

Status copy_typed(const TensorProto& proto, HostTensor& tensor) {
  switch (tensor.dtype()) {
    case DType::f32:
    case DType::c64: return copy_list<float>(proto.float_data(), tensor, "float_data");
    case DType::f64:
    case DType::c128: return copy_list<double>(proto.double_data(), tensor, "double_data");
    case DType::i64: return copy_list<std::int64_t>(proto.int64_data(), tensor, "int64_data");
    case DType::u64: return copy_list<std::uint64_t>(proto.uint64_data(), tensor, "uint64_data");
    case DType::u32: return copy_list<std::uint32_t>(proto.uint64_data(), tensor, "uint64_data");
    default: break;
  }
  switch (bits_of(tensor.dtype())) {
    case 32: return copy_list<std::int32_t>(proto.int32_data(), tensor, "int32_data");
    case 16: return copy_list<std::uint16_t>(proto.int32_data(), tensor, "int32_data");
    case 8: return copy_list<std::uint8_t>(proto.int32_data(), tensor, "int32_data");
    default: return copy_packed(proto, tensor);
  }
}

// How many bytes a tensor's elements take in raw or external data, where those of 6 bits are packed.
std::int64_t raw_size(DType dtype, std::int64_t elements, std::int64_t size) {
  return is_float6(dtype) ? size - elements / 4 : size;
}

// Elements of 6 bits, packed from the low bits up.
Result<TensorPtr> unpack_float6(DType dtype, Shape shape, std::span<const std::byte> raw) {
  INGOT_ASSIGN_OR_RETURN(HostTensor tensor, HostTensor::create(dtype, std::move(shape)));
  auto* out = tensor.mutable_data<std::uint8_t>();
  const auto byte = [&](std::size_t i) { return i < raw.size() ? std::to_integer<unsigned>(raw[i]) : 0U; };
  for (std::int64_t i = 0; i < tensor.elements(); ++i) {
    const auto bit = static_cast<std::size_t>(i) * 6;
    out[i] = static_cast<std::uint8_t>(((byte(bit / 8) | byte(bit / 8 + 1) << 8U) >> bit % 8) & 0x3fU);
  }
  return share(std::move(tensor));
}

Result<std::int64_t> parse_number(std::string_view key, std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0)
    return invalid_argument("external data: '{}' is no {}", text, key);
  return number;
}

Result<TensorPtr> to_external_tensor(const TensorProto& proto, DType dtype, Shape shape, std::int64_t size,
                                     const ExternalData& external) {
  std::string location;
  std::int64_t offset = 0;
  std::int64_t length = size;
  for (const auto& entry : proto.external_data()) {
    if (entry.key() == "location") location = entry.value();
    if (entry.key() == "offset") {
      INGOT_ASSIGN_OR_RETURN(offset, parse_number("offset", entry.value()));
    }
    if (entry.key() == "length") {
      INGOT_ASSIGN_OR_RETURN(length, parse_number("length", entry.value()));
    }
  }
  if (length != size)
    return invalid_argument("external data '{}': length {} for a tensor of {} bytes", location, length, size);
  if (is_float6(dtype)) {
    INGOT_ASSIGN_OR_RETURN(const HostTensor packed, external.read(location, offset, DType::u8, {size}));
    return unpack_float6(dtype, std::move(shape), packed.bytes());
  }
  INGOT_ASSIGN_OR_RETURN(HostTensor tensor, external.read(location, offset, dtype, std::move(shape)));
  return share(std::move(tensor));
}

Result<TensorPtr> to_string_tensor(const TensorProto& proto, Shape shape, std::int64_t elements) {
  if (proto.data_location() != 0 || proto.has_raw_data())
    return invalid_argument("a string tensor must hold its elements in string_data");
  if (proto.string_data_size() != elements) return wrong_count(elements, proto.string_data_size(), "string_data");
  INGOT_ASSIGN_OR_RETURN(HostTensor tensor, HostTensor::create(DType::string, std::move(shape)));
  tensor.strings().assign(proto.string_data().begin(), proto.string_data().end());
  return share(std::move(tensor));
}

Result<TensorPtr> to_raw_tensor(const TensorProto& proto, DType dtype, Shape shape, std::size_t size,
                                const std::shared_ptr<const void>& keep_alive) {
  const std::string& raw = proto.raw_data();
  if (raw.size() != size)
    return invalid_argument("{}{} takes {} bytes, raw_data holds {}", to_string(dtype), to_string(shape), size,
                            raw.size());
  if (is_float6(dtype)) return unpack_float6(dtype, std::move(shape), std::as_bytes(std::span(raw)));
  if (keep_alive && size >= kShareThreshold) {
    INGOT_ASSIGN_OR_RETURN(HostTensor tensor,
                           HostTensor::view(dtype, std::move(shape), std::as_bytes(std::span(raw)), keep_alive));
    return share(std::move(tensor));
  }
  INGOT_ASSIGN_OR_RETURN(HostTensor tensor, HostTensor::create(dtype, std::move(shape)));
  if (size > 0) std::memcpy(tensor.mutable_bytes().data(), raw.data(), size);
  return share(std::move(tensor));
}

}  // namespace

Result<DType> to_dtype(std::int64_t number) {
  const std::optional<DType> dtype = dtype_from_number(number);
  if (!dtype || *dtype == DType::undefined)
    return invalid_argument("{} is not the number of a known element type", number);
  return *dtype;
}

Result<TensorPtr> to_tensor(const TensorProto& proto, const ExternalData& external,
                            const std::shared_ptr<const void>& keep_alive) {
  INGOT_ASSIGN_OR_RETURN(const DType dtype, to_dtype(proto.data_type()));
  Shape shape(proto.dims().begin(), proto.dims().end());
  const std::optional<std::int64_t> elements = element_count(shape);
  const std::optional<std::int64_t> size = elements ? bytes_of(dtype, *elements) : std::nullopt;
  if (!size) return invalid_argument("the shape {} is negative or too large", to_string(shape));
  if (dtype == DType::string) return to_string_tensor(proto, std::move(shape), *elements);
  if (proto.data_location() != 0 && proto.data_location() != 1)
    return invalid_argument("data_location {} is unknown", proto.data_location());
  const std::int64_t stored = raw_size(dtype, *elements, *size);
  if (proto.data_location() == 1) return to_external_tensor(proto, dtype, std::move(shape), stored, external);
  if (proto.has_raw_data())
    return to_raw_tensor(proto, dtype, std::move(shape), static_cast<std::size_t>(stored), keep_alive);
  // The lists bound what the tensor can hold: nothing is allocated for a shape that they cannot fill.
  const std::int64_t listed =
      std::int64_t{8} * (proto.float_data_size() + proto.int32_data_size() + proto.int64_data_size() +
                         proto.double_data_size() + proto.uint64_data_size());
  if (listed < *size)
    return invalid_argument("{}{} takes {} bytes, but the tensor holds fewer data", to_string(dtype), to_string(shape),
                            *size);
  INGOT_ASSIGN_OR_RETURN(HostTensor tensor, HostTensor::create(dtype, std::move(shape)));
  INGOT_RETURN_IF_ERROR(copy_typed(proto, tensor));
  return share(std::move(tensor));
}

}  // namespace ingot::onnx
