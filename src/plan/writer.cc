// SPDX-License-Identifier: Apache-2.0
#include "plan/writer.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <flatbuffers/flatbuffers.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "plan/format.h"
#include "plan/reader.h"
#include "plan_generated.h"

namespace ingot::plan {
namespace {

std::uint64_t align(std::uint64_t value, std::uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

flatbuffers::Offset<fb::Tensor> build_tensor(flatbuffers::FlatBufferBuilder& builder, const Tensor& tensor) {
  std::vector<std::int64_t> dims;
  std::vector<std::string> expressions;
  bool symbolic_shape = false;
  for (const Dim& dim : tensor.shape) {
    dims.push_back(dim.constant().value_or(-1));
    expressions.push_back(dim.is_constant() ? "" : dim.to_string());
    symbolic_shape = symbolic_shape || !dim.is_constant();
  }
  if (!symbolic_shape) expressions.clear();
  const auto name = builder.CreateString(tensor.name);
  const auto dims_offset = builder.CreateVector(dims);
  const auto expressions_offset = builder.CreateVectorOfStrings(expressions);
  const auto type =
      tensor.type.empty() ? flatbuffers::Offset<flatbuffers::String>() : builder.CreateString(tensor.type);
  return fb::CreateTensor(builder, name, static_cast<std::uint8_t>(tensor.dtype), dims_offset, expressions_offset,
                          static_cast<fb::Storage>(tensor.storage), tensor.blob, tensor.alias_of, tensor.arena_offset,
                          type);
}

flatbuffers::Offset<fb::Step> build_step(flatbuffers::FlatBufferBuilder& builder, const Step& step) {
  const auto name = builder.CreateString(step.name);
  const auto tactic = builder.CreateString(step.tactic);
  const auto config = builder.CreateString(step.config);
  const auto problem = builder.CreateString(step.problem);
  const auto inputs = builder.CreateVector(step.inputs);
  const auto outputs = builder.CreateVector(step.outputs);
  const auto blobs = builder.CreateVector(step.blobs);
  const auto programs = step.programs.empty() ? flatbuffers::Offset<flatbuffers::Vector<std::int32_t>>()
                                              : builder.CreateVector(step.programs);
  return fb::CreateStep(builder, name, tactic, step.tactic_version, config, problem, inputs, outputs, blobs,
                        step.data_dependent, step.microseconds, programs);
}

struct ProgramParts {
  std::vector<flatbuffers::Offset<fb::Tensor>> tensors;
  std::vector<flatbuffers::Offset<fb::Step>> steps;
};

ProgramParts build_parts(flatbuffers::FlatBufferBuilder& builder, const Program& program) {
  ProgramParts parts;
  for (const Tensor& tensor : program.tensors) parts.tensors.push_back(build_tensor(builder, tensor));
  for (const Step& step : program.steps) parts.steps.push_back(build_step(builder, step));
  return parts;
}

flatbuffers::Offset<fb::Profile> build_profile(flatbuffers::FlatBufferBuilder& builder, const Profile& profile) {
  std::vector<flatbuffers::Offset<fb::ProfileRange>> ranges;
  for (const ProfileRange& range : profile) {
    const auto min = builder.CreateVector(range.min);
    const auto opt = builder.CreateVector(range.opt);
    const auto max = builder.CreateVector(range.max);
    ranges.push_back(fb::CreateProfileRange(builder, range.input, min, opt, max));
  }
  return fb::CreateProfile(builder, builder.CreateVector(ranges));
}

struct BlobArea {
  std::vector<fb::BlobRef> refs;
  std::vector<std::byte> bytes;
  std::vector<std::uint64_t> hashes;
};

BlobArea lay_out(const Plan& plan) {
  BlobArea area;
  std::uint64_t size = 0;
  for (const auto& blob : plan.blobs) {
    size = align(size, kBlobAlignment);
    area.refs.emplace_back(size, blob.size());
    size += blob.size();
  }
  area.bytes.resize(size);
  for (std::size_t i = 0; i < plan.blobs.size(); ++i)
    if (!plan.blobs[i].empty())
      std::memcpy(area.bytes.data() + area.refs[i].offset(), plan.blobs[i].data(), plan.blobs[i].size());
  for (std::uint64_t begin = 0; begin < size; begin += kChunkBytes)
    area.hashes.push_back(XXH3_64bits(area.bytes.data() + begin, std::min(kChunkBytes, size - begin)));
  return area;
}

flatbuffers::DetachedBuffer build_metadata(const Plan& plan, const BlobArea& area) {
  flatbuffers::FlatBufferBuilder builder(1 << 16);
  const ProgramParts main = build_parts(builder, plan);
  std::vector<flatbuffers::Offset<fb::Program>> programs;
  for (const Program& program : plan.programs) {
    const ProgramParts parts = build_parts(builder, program);
    programs.push_back(fb::CreateProgramDirect(builder, &parts.tensors, &parts.steps, &program.inputs, &program.outputs,
                                               program.arena_bytes));
  }
  std::vector<flatbuffers::Offset<fb::Profile>> profiles;
  for (const Profile& profile : plan.profiles) profiles.push_back(build_profile(builder, profile));
  std::vector<flatbuffers::Offset<fb::Candidate>> candidates;
  for (const Candidate& candidate : plan.candidates)
    candidates.push_back(fb::CreateCandidateDirect(builder, candidate.step, candidate.tactic.c_str(),
                                                   candidate.config.c_str(), candidate.microseconds,
                                                   candidate.refusal.c_str(), candidate.program));
  std::vector<flatbuffers::Offset<fb::KeyValue>> provenance;
  for (const auto& [key, value] : plan.provenance)
    provenance.push_back(fb::CreateKeyValueDirect(builder, key.c_str(), value.c_str()));
  std::vector<flatbuffers::Offset<fb::PluginLibrary>> plugins;
  for (const PluginLibrary& library : plan.plugins) {
    std::vector<flatbuffers::Offset<flatbuffers::String>> operators;
    for (const std::string& op : library.operators) operators.push_back(builder.CreateString(op));
    plugins.push_back(fb::CreatePluginLibraryDirect(
        builder, library.name.c_str(), library.version.c_str(), library.interface_major, library.interface_minor,
        library.hash.c_str(), library.file.c_str(), &operators, library.blob));
  }
  const auto root = fb::CreatePlanDirect(
      builder, plan.engine_version.c_str(), plan.device_kind.c_str(), plan.device_name.c_str(),
      plan.device_fingerprint.c_str(), &main.tensors, &main.steps, &plan.inputs, &plan.outputs, &profiles, &area.refs,
      &area.hashes, plan.arena_bytes, &candidates, &provenance, plan.graph.empty() ? nullptr : plan.graph.c_str(),
      programs.empty() ? nullptr : &programs, plugins.empty() ? nullptr : &plugins);
  builder.Finish(root);
  return builder.Release();
}

}  // namespace

Result<std::vector<std::byte>> write(const Plan& plan) {
  INGOT_RETURN_IF_ERROR(validate(plan));
  const BlobArea area = lay_out(plan);
  const flatbuffers::DetachedBuffer metadata = build_metadata(plan, area);
  Header header{};
  std::memcpy(header.magic, kMagic, sizeof(kMagic));
  header.version = kFormatVersion;
  header.header_size = sizeof(Header);
  header.metadata_offset = sizeof(Header);
  header.metadata_size = metadata.size();
  header.metadata_hash = XXH3_64bits(metadata.data(), metadata.size());
  header.blobs_offset = align(sizeof(Header) + metadata.size(), kBlobAreaAlignment);
  header.file_size = header.blobs_offset + area.bytes.size();
  header.header_hash = XXH3_64bits(&header, offsetof(Header, header_hash));
  std::vector<std::byte> file(header.file_size);
  std::memcpy(file.data(), &header, sizeof(header));
  std::memcpy(file.data() + header.metadata_offset, metadata.data(), metadata.size());
  if (!area.bytes.empty()) std::memcpy(file.data() + header.blobs_offset, area.bytes.data(), area.bytes.size());
  return file;
}

Status write_file(const Plan& plan, const std::string& path) {
  INGOT_ASSIGN_OR_RETURN(const std::vector<std::byte> bytes, write(plan));
  const std::string temporary = path + ".partial";
  std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
  if (!out) return not_found("cannot write '{}': {}", path, std::strerror(errno));
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  out.close();
  std::error_code failed;
  if (!out) {
    std::filesystem::remove(temporary, failed);
    return resource_exhausted("cannot write {} bytes to '{}': {}", bytes.size(), path, std::strerror(errno));
  }
  std::filesystem::rename(temporary, path, failed);
  if (failed) return not_found("cannot write '{}': {}", path, failed.message());
  return Status::ok();
}

}  // namespace ingot::plan
