// SPDX-License-Identifier: Apache-2.0
#include "wire_tree.h"

#include <algorithm>

namespace ingot::fuzz {
namespace {

bool read_varint(std::string_view& in, std::uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 64 && !in.empty(); shift += 7) {
    const auto byte = static_cast<std::uint8_t>(in.front());
    in.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return true;
  }
  return false;
}

void write_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

bool read_bytes(std::string_view& in, std::uint64_t count, std::string& out) {
  if (count > in.size()) return false;
  out.assign(in.substr(0, count));
  in.remove_prefix(count);
  return true;
}

// Text is more likely a name than a message, though many short names read as both.
bool looks_like_text(std::string_view bytes) {
  return !bytes.empty() && std::all_of(bytes.begin(), bytes.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

void collect(WireTree& tree, std::vector<WireTree*>& lists) {
  lists.push_back(&tree);
  for (WireField& field : tree)
    if (field.is_message) collect(field.children, lists);
}

void mutate_leaf(WireField& field, const std::vector<WireTree*>& lists, Random& random) {
  if (field.type == 0) {
    if (pick(random, 2) == 0) {
      field.varint = static_cast<std::uint64_t>(interesting_integer(random));
    } else {
      field.varint += pick(random, 2) == 0 ? 1 : ~std::uint64_t{0};
    }
    return;
  }
  // Often the bytes of another field of the same kind: names then meet other names.
  if (field.type == 2 && pick(random, 3) != 0) {
    const WireTree& other = *lists[pick(random, lists.size())];
    if (!other.empty()) {
      const WireField& source = other[pick(random, other.size())];
      if (source.type == 2 && !source.is_message) {
        field.bytes = std::string(source.bytes);
        return;
      }
    }
  }
  if (field.bytes.empty()) {
    if (field.type == 2) field.bytes.push_back(static_cast<char>(pick(random, 256)));
    return;
  }
  const std::size_t at = pick(random, field.bytes.size());
  if (field.type == 2 && pick(random, 4) == 0)
    field.bytes.resize(at);
  else
    field.bytes[at] = static_cast<char>(pick(random, 256));
}

}  // namespace

std::optional<WireTree> parse_wire(std::string_view bytes, int depth) {
  WireTree tree;
  while (!bytes.empty()) {
    std::uint64_t key = 0;
    if (!read_varint(bytes, key) || key >> 3 == 0 || key >> 32 != 0) return std::nullopt;
    WireField field;
    field.number = static_cast<std::uint32_t>(key >> 3);
    field.type = static_cast<std::uint32_t>(key & 7);
    std::uint64_t length = field.type == 1 ? 8 : 4;
    switch (field.type) {
      case 0:
        if (!read_varint(bytes, field.varint)) return std::nullopt;
        break;
      case 2:
        if (!read_varint(bytes, length)) return std::nullopt;
        [[fallthrough]];
      case 1:
      case 5:
        if (!read_bytes(bytes, length, field.bytes)) return std::nullopt;
        break;
      default: return std::nullopt;
    }
    if (field.type == 2 && depth > 0 && !field.bytes.empty() && !looks_like_text(field.bytes))
      if (std::optional<WireTree> children = parse_wire(field.bytes, depth - 1)) {
        field.children = *std::move(children);
        field.is_message = true;
        field.bytes.clear();
      }
    tree.push_back(std::move(field));
  }
  return tree;
}

std::string print_wire(const WireTree& tree) {
  std::string out;
  for (const WireField& field : tree) {
    write_varint(out, static_cast<std::uint64_t>(field.number) << 3 | field.type);
    if (field.type == 0) {
      write_varint(out, field.varint);
      continue;
    }
    const std::string payload = field.is_message ? print_wire(field.children) : field.bytes;
    if (field.type == 2) write_varint(out, payload.size());
    out += payload;
  }
  return out;
}

void mutate_wire(WireTree& tree, Random& random) {
  std::vector<WireTree*> lists;
  collect(tree, lists);
  std::erase_if(lists, [](const WireTree* list) { return list->empty(); });
  if (lists.empty()) return;
  WireTree& list = *lists[pick(random, lists.size())];
  const std::size_t at = pick(random, list.size());
  WireField& field = list[at];
  const auto position = list.begin() + static_cast<std::ptrdiff_t>(at);
  switch (pick(random, 8)) {
    case 0: list.erase(position); break;
    case 1: list.insert(position, WireField(field)); break;
    case 2: std::swap(field, list[pick(random, list.size())]); break;
    case 3: {
      const WireTree& other = *lists[pick(random, lists.size())];
      WireField graft = other[pick(random, other.size())];
      if (pick(random, 2) == 0) graft.number = field.number;
      list.insert(position, std::move(graft));
      break;
    }
    default:
      if (!field.is_message) mutate_leaf(field, lists, random);
  }
}

}  // namespace ingot::fuzz
