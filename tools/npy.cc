// SPDX-License-Identifier: Apache-2.0
#include "npy.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <fmt/ranges.h>

namespace ingot::tools {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMaxRank = 64;

struct TypeRow {
  std::string_view code;
  DType dtype;
};
constexpr TypeRow kTypes[] = {{"f4", DType::f32}, {"f8", DType::f64},  {"f2", DType::f16}, {"i1", DType::i8},
                              {"i2", DType::i16}, {"i4", DType::i32},  {"i8", DType::i64}, {"u1", DType::u8},
                              {"u2", DType::u16}, {"u4", DType::u32},  {"u8", DType::u64}, {"b1", DType::boolean},
                              {"c8", DType::c64}, {"c16", DType::c128}};

struct Header {
  std::string descr;
  bool fortran_order = false;
  Shape shape;
};

// The value after 'key': in the header's Python dictionary.
std::string_view value_of(std::string_view text, std::string_view key) {
  const std::size_t at = text.find(fmt::format("'{}'", key));
  if (at == std::string_view::npos) return {};
  const std::size_t colon = text.find(':', at);
  if (colon == std::string_view::npos) return {};
  std::string_view value = text.substr(colon + 1);
  while (value.starts_with(' ')) value.remove_prefix(1);
  return value;
}

Result<Header> parse_header(std::string_view text, const std::string& name) {
  Header header;
  const std::string_view descr = value_of(text, "descr");
  const std::string_view shape = value_of(text, "shape");
  if (!descr.starts_with('\'') || !shape.starts_with('(') || shape.find(')') == std::string_view::npos)
    return corrupt("'{}': the .npy header is malformed", name);
  header.descr = std::string(descr.substr(1, descr.find('\'', 1) - 1));
  header.fortran_order = value_of(text, "fortran_order").starts_with("True");
  std::string_view list = shape.substr(1, shape.find(')') - 1);
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    std::string_view item = list.substr(0, comma);
    while (item.starts_with(' ')) item.remove_prefix(1);
    list.remove_prefix(std::min(comma + 1, list.size()));
    if (item.empty()) continue;
    std::int64_t size = 0;
    const auto [end, error] = std::from_chars(item.data(), item.data() + item.size(), size);
    if (error != std::errc() || size < 0 || header.shape.size() >= kMaxRank)
      return corrupt("'{}': the .npy header has shape ({})", name, shape.substr(0, 80));
    header.shape.push_back(size);
  }
  return header;
}

void copy_from_fortran(const std::byte* from, HostTensor& to, std::size_t item) {
  const Shape& shape = to.shape();
  Shape index(shape.size(), 0);
  for (std::int64_t linear = 0; linear < to.elements(); ++linear) {
    std::int64_t source = 0;
    for (std::size_t axis = shape.size(); axis-- > 0;) source = source * shape[axis] + index[axis];
    std::memcpy(to.mutable_bytes().data() + static_cast<std::size_t>(linear) * item,
                from + static_cast<std::size_t>(source) * item, item);
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      if (++index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
}

}  // namespace

Result<HostTensor> decode_npy(std::span<const std::byte> bytes, const std::string& name) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!text.starts_with(kMagic) || text.size() < 12) return corrupt("'{}' is not a .npy file", name);
  const bool long_header = static_cast<unsigned char>(text[6]) >= 2;
  std::size_t length =
      static_cast<unsigned char>(text[8]) | static_cast<std::size_t>(static_cast<unsigned char>(text[9])) << 8;
  if (long_header)
    length |= static_cast<std::size_t>(static_cast<unsigned char>(text[10])) << 16 |
              static_cast<std::size_t>(static_cast<unsigned char>(text[11])) << 24;
  const std::size_t begin = long_header ? 12 : 10;
  if (length > text.size() - begin) return corrupt("'{}': the .npy file was cut short", name);
  INGOT_ASSIGN_OR_RETURN(const Header header, parse_header(text.substr(begin, length), name));

  std::string_view code = header.descr;
  if (!code.empty() && code[0] == '>') return unsupported("'{}': big-endian data", name);
  if (!code.empty() && (code[0] == '<' || code[0] == '|' || code[0] == '=')) code.remove_prefix(1);
  const auto* row =
      std::find_if(std::begin(kTypes), std::end(kTypes), [&](const TypeRow& r) { return r.code == code; });
  if (row == std::end(kTypes)) return unsupported("'{}': arrays of type '{}'", name, header.descr);

  const std::optional<std::int64_t> count = element_count(header.shape);
  const std::optional<std::int64_t> size = count ? bytes_of(row->dtype, *count) : std::nullopt;
  const std::span<const std::byte> data = bytes.subspan(begin + length);
  if (!size || static_cast<std::uint64_t>(*size) > data.size())
    return corrupt("'{}': {} bytes of data for an array of shape {}", name, data.size(), to_string(header.shape));
  INGOT_ASSIGN_OR_RETURN(HostTensor tensor, HostTensor::create(row->dtype, header.shape));
  if (header.fortran_order && header.shape.size() > 1) {
    copy_from_fortran(data.data(), tensor, static_cast<std::size_t>(bits_of(row->dtype) / 8));
  } else if (*size > 0) {
    std::memcpy(tensor.mutable_bytes().data(), data.data(), static_cast<std::size_t>(*size));
  }
  return tensor;
}

Result<std::vector<std::byte>> encode_npy(const HostTensor& tensor) {
  const auto* row =
      std::find_if(std::begin(kTypes), std::end(kTypes), [&](const TypeRow& r) { return r.dtype == tensor.dtype(); });
  if (row == std::end(kTypes)) {
    INGOT_ASSIGN_OR_RETURN(HostTensor wide, HostTensor::create(DType::f32, tensor.shape()));
    for (std::int64_t i = 0; i < tensor.elements(); ++i) wide.set_double(i, tensor.as_double(i));
    return encode_npy(wide);
  }
  std::string shape = fmt::format("{}", fmt::join(tensor.shape(), ", "));
  if (tensor.shape().size() == 1) shape += ",";
  std::string header = fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}), }}",
                                   bits_of(row->dtype) == 8 ? "|" : "<", row->code, shape);
  // Data begin at a multiple of 64, after a newline.
  const std::size_t unpadded = kMagic.size() + 4 + header.size() + 1;
  header.append((64 - unpadded % 64) % 64, ' ');
  header += '\n';
  std::string out(kMagic);
  out += '\x01';
  out += '\x00';
  out += static_cast<char>(header.size() & 0xff);
  out += static_cast<char>(header.size() >> 8);
  out += header;
  std::vector<std::byte> bytes(out.size() + tensor.bytes().size());
  std::memcpy(bytes.data(), out.data(), out.size());
  if (!tensor.bytes().empty()) std::memcpy(bytes.data() + out.size(), tensor.bytes().data(), tensor.bytes().size());
  return bytes;
}

}  // namespace ingot::tools
