// SPDX-License-Identifier: Apache-2.0
#include "plan/reader.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include <flatbuffers/flatbuffers.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "plan/format.h"
#include "plan_generated.h"

namespace ingot::plan {
namespace {

constexpr std::uint32_t kMaxTables = 4U << 20;  // bounds the verifier's work on hostile files

std::string text_of(const flatbuffers::String* text) { return text == nullptr ? std::string() : text->str(); }

template <typename T>
std::vector<T> list_of(const flatbuffers::Vector<T>* list) {
  return list == nullptr ? std::vector<T>() : std::vector<T>(list->begin(), list->end());
}

// Calls read(element) for every table of an optional vector.
template <typename Table, typename Read>
Status each(const flatbuffers::Vector<flatbuffers::Offset<Table>>* list, Read read) {
  if (list == nullptr) return Status::ok();
  for (const Table* element : *list) {
    if (element == nullptr) return corrupt("plan: a null table");
    INGOT_RETURN_IF_ERROR(read(*element));
  }
  return Status::ok();
}

Result<Header> read_header(std::span<const std::byte> file) {
  Header header{};
  if (file.size() < sizeof(Header)) {
    if (file.empty()) return corrupt("plan: the file is empty");
    return corrupt("plan: {} bytes, shorter than the header of {} bytes", file.size(), sizeof(Header));
  }
  std::memcpy(&header, file.data(), sizeof(header));
  if (std::memcmp(header.magic, kMagic, sizeof(kMagic)) != 0)
    return corrupt("plan: not a plan file (it does not begin with {})", std::string_view(kMagic, sizeof(kMagic)));
  if (header.header_hash != XXH3_64bits(&header, offsetof(Header, header_hash)))
    return corrupt("plan: the header is damaged (its checksum does not match)");
  if (header.version != kFormatVersion)
    return incompatible("plan: format version {}, this build reads version {}; build the plan again from its model",
                        header.version, kFormatVersion);
  if (header.file_size != file.size())
    return corrupt("plan: {} bytes long, should be {}: the file was cut short or extended", file.size(),
                   header.file_size);
  if (header.header_size != sizeof(Header) || header.metadata_offset != sizeof(Header) ||
      header.blobs_offset > file.size() || header.metadata_size > header.blobs_offset - sizeof(Header) ||
      header.blobs_offset % kBlobAreaAlignment != 0)
    return corrupt("plan: the header's offsets do not fit the file");
  return header;
}

Result<Tensor> read_tensor(const fb::Tensor& in) {
  Tensor out;
  out.name = text_of(in.name());
  const std::optional<DType> dtype = dtype_from_number(in.dtype());
  if (!dtype) return incompatible("plan: tensor '{}' has unknown element type {}", out.name, in.dtype());
  out.dtype = *dtype;
  const std::vector<std::int64_t> dims = list_of(in.dims());
  const auto* expressions = in.expressions();
  const bool has_expressions = expressions != nullptr && expressions->size() != 0;
  if (has_expressions && expressions->size() != dims.size())
    return corrupt("plan: tensor '{}' has {} dimension expressions for rank {}", out.name, expressions->size(),
                   dims.size());
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const std::string text =
        has_expressions ? text_of(expressions->GetAsString(static_cast<flatbuffers::uoffset_t>(i))) : std::string();
    if (text.empty()) {
      out.shape.emplace_back(dims[i]);
      continue;
    }
    Result<Dim> dim = Dim::parse(text);
    if (!dim.is_ok()) return corrupt("plan: tensor '{}': {}", out.name, dim.status().message());
    out.shape.push_back(std::move(dim).value());
  }
  if (in.storage() > fb::Storage::MAX) return incompatible("plan: tensor '{}' has an unknown storage kind", out.name);
  out.storage = static_cast<Storage>(in.storage());
  out.blob = in.blob();
  out.alias_of = in.alias_of();
  out.arena_offset = in.arena_offset();
  out.type = text_of(in.type());
  return out;
}

Step read_step(const fb::Step& in) {
  return {text_of(in.name()),    text_of(in.tactic()), in.tactic_version(),   text_of(in.config()),
          text_of(in.problem()), list_of(in.inputs()), list_of(in.outputs()), list_of(in.blobs()),
          in.data_dependent(),   in.microseconds(),    list_of(in.programs())};
}

// `Source` is fb::Plan, which holds the main program's fields itself, or fb::Program.
template <typename Source>
Status read_program(const Source& in, Program& out) {
  out.inputs = list_of(in.inputs());
  out.outputs = list_of(in.outputs());
  out.arena_bytes = in.arena_bytes();
  INGOT_RETURN_IF_ERROR(each(in.tensors(), [&](const fb::Tensor& tensor) -> Status {
    INGOT_ASSIGN_OR_RETURN(Tensor read, read_tensor(tensor));
    out.tensors.push_back(std::move(read));
    return Status::ok();
  }));
  return each(in.steps(), [&](const fb::Step& step) {
    out.steps.push_back(read_step(step));
    return Status::ok();
  });
}

Status check_chunks(std::span<const std::byte> area, const std::vector<std::uint64_t>& hashes, Parallel* parallel) {
  const std::uint64_t chunks = (area.size() + kChunkBytes - 1) / kChunkBytes;
  if (hashes.size() != chunks) return corrupt("plan: {} chunk checksums for {} chunks", hashes.size(), chunks);
  std::atomic<std::int64_t> damaged{-1};
  const auto check = [&](std::int64_t chunk, int) {
    const std::uint64_t begin = static_cast<std::uint64_t>(chunk) * kChunkBytes;
    const std::uint64_t size = std::min<std::uint64_t>(kChunkBytes, area.size() - begin);
    if (XXH3_64bits(area.data() + begin, size) != hashes[static_cast<std::size_t>(chunk)]) damaged.store(chunk);
  };
  Serial serial;
  (parallel != nullptr ? *parallel : serial).run(static_cast<std::int64_t>(chunks), check);
  if (damaged.load() >= 0)
    return corrupt("plan: the weights are damaged (checksum of 4 MiB chunk {} does not match)", damaged.load());
  return Status::ok();
}

}  // namespace

bool looks_like_plan(std::span<const std::byte> file) {
  return file.size() >= sizeof(kMagic) && std::memcmp(file.data(), kMagic, sizeof(kMagic)) == 0;
}

Result<Plan> read(std::span<const std::byte> file, const ReadOptions& options) {
  INGOT_ASSIGN_OR_RETURN(const Header header, read_header(file));
  const auto* metadata = reinterpret_cast<const std::uint8_t*>(file.data() + header.metadata_offset);
  if (XXH3_64bits(metadata, header.metadata_size) != header.metadata_hash)
    return corrupt("plan: the metadata is damaged (its checksum does not match)");
  for (std::uint64_t i = header.metadata_offset + header.metadata_size; i < header.blobs_offset; ++i)
    if (file[i] != std::byte{0}) return corrupt("plan: the padding before the weights is damaged");
  flatbuffers::Verifier verifier(metadata, header.metadata_size, 64, kMaxTables);
  if (!verifier.VerifyBuffer<fb::Plan>(nullptr)) return corrupt("plan: the metadata is malformed");
  const fb::Plan& in = *flatbuffers::GetRoot<fb::Plan>(metadata);

  Plan plan;
  plan.engine_version = text_of(in.engine_version());
  plan.device_kind = text_of(in.device_kind());
  plan.device_name = text_of(in.device_name());
  plan.device_fingerprint = text_of(in.device_fingerprint());
  plan.graph = text_of(in.graph());
  INGOT_RETURN_IF_ERROR(read_program(in, plan));
  INGOT_RETURN_IF_ERROR(each(in.programs(), [&](const fb::Program& program) {
    plan.programs.emplace_back();
    return read_program(program, plan.programs.back());
  }));
  INGOT_RETURN_IF_ERROR(each(in.profiles(), [&](const fb::Profile& profile) {
    plan.profiles.emplace_back();
    return each(profile.ranges(), [&](const fb::ProfileRange& range) {
      plan.profiles.back().push_back({range.input(), list_of(range.min()), list_of(range.opt()), list_of(range.max())});
      return Status::ok();
    });
  }));
  INGOT_RETURN_IF_ERROR(each(in.candidates(), [&](const fb::Candidate& candidate) {
    plan.candidates.push_back({candidate.step(), text_of(candidate.tactic()), text_of(candidate.config()),
                               candidate.microseconds(), text_of(candidate.refusal()), candidate.program()});
    return Status::ok();
  }));
  INGOT_RETURN_IF_ERROR(each(in.provenance(), [&](const fb::KeyValue& entry) {
    plan.provenance.emplace_back(text_of(entry.key()), text_of(entry.value()));
    return Status::ok();
  }));

  INGOT_RETURN_IF_ERROR(each(in.plugins(), [&](const fb::PluginLibrary& library) {
    plan.plugins.push_back({text_of(library.name()),
                            text_of(library.version()),
                            library.interface_major(),
                            library.interface_minor(),
                            text_of(library.hash()),
                            text_of(library.file()),
                            {},
                            library.blob()});
    if (library.operators() == nullptr) return Status::ok();
    for (const flatbuffers::String* op : *library.operators()) plan.plugins.back().operators.push_back(text_of(op));
    return Status::ok();
  }));

  const std::span<const std::byte> area = file.subspan(header.blobs_offset);
  if (in.blobs() != nullptr) {
    for (const fb::BlobRef* blob : *in.blobs()) {
      if (blob->offset() > area.size() || blob->size() > area.size() - blob->offset() ||
          blob->offset() % kBlobAlignment != 0)
        return corrupt("plan: blob {} lies outside the file", plan.blobs.size());
      plan.blobs.push_back(area.subspan(blob->offset(), blob->size()));
    }
  }
  INGOT_RETURN_IF_ERROR(validate(plan));
  if (options.verify_blobs) INGOT_RETURN_IF_ERROR(check_chunks(area, list_of(in.chunk_hashes()), options.parallel));
  return plan;
}

}  // namespace ingot::plan
