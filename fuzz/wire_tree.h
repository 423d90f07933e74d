// SPDX-License-Identifier: Apache-2.0
// A protobuf message as a tree of fields, read without a schema, and changes of such a tree that keep it a message:
// the mutator of the ONNX fuzzer. A changed file then gets past the parser and reaches the importer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz_target.h"

namespace ingot::fuzz {

struct WireField {
  std::uint32_t number = 0;
  std::uint32_t type = 0;  // 0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes
  std::uint64_t varint = 0;
  std::string bytes;                // types 1, 2 and 5, unless `children`
  std::vector<WireField> children;  // of a length-delimited field that reads as a message
  bool is_message = false;
};
using WireTree = std::vector<WireField>;

// nullopt when the bytes are no message. Deeper than `depth` levels, messages stay bytes.
std::optional<WireTree> parse_wire(std::string_view bytes, int depth = 12);
std::string print_wire(const WireTree& tree);
// One random change: an integer, a string taken from elsewhere in the file, a field dropped, doubled, moved, or grafted.
void mutate_wire(WireTree& tree, Random& random);

}  // namespace ingot::fuzz
