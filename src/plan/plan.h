// SPDX-License-Identifier: Apache-2.0
// Plan: a built engine as data: tensors, steps in order, packed constants, memory plan, provenance.
//
// The builder fills one and writes it (plan/writer.h); the runtime reads one from mapped memory (plan/reader.h). Ids
// are indices into the vectors of their program. A plan that came from read() has been validated: users need not check
// again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tensor/dim.h"
#include "tensor/dtype.h"

namespace ingot::plan {

enum class Storage : std::uint8_t { activation = 0, input = 1, output = 2, constant = 3, alias = 4 };

struct Tensor {
  std::string name;
  DType dtype = DType::undefined;
  SymShape shape;
  Storage storage = Storage::activation;
  std::int32_t blob = -1;      // constant
  std::int32_t alias_of = -1;  // alias: the same bytes under another shape
  std::int64_t arena_offset = -1;
  // Empty for a dense tensor. Otherwise the text of the type: a sequence, an optional, strings, or a tensor whose rank
  // only the data decide. The runtime holds such a value as an object outside the arena.
  std::string type = {};

  [[nodiscard]] bool is_object() const { return !type.empty(); }
  // A sequence, or an optional one.
  [[nodiscard]] bool is_sequence() const { return type.find("seq<") != std::string::npos; }
  // A map or a sequence of them: `dtype` is that of the values.
  [[nodiscard]] bool holds_maps() const { return type.find("map<") != std::string::npos; }
  [[nodiscard]] DType map_key() const {
    return type.find("map<string,") != std::string::npos ? DType::string : DType::i64;
  }
};

struct Step {
  std::string name;
  std::string tactic;
  std::int32_t tactic_version = 0;
  std::string config;
  std::string problem;
  std::vector<std::int32_t> inputs;   // -1: absent
  std::vector<std::int32_t> outputs;  // -1: unused
  std::vector<std::int32_t> blobs;
  bool data_dependent = false;
  float microseconds = 0;
  std::vector<std::int32_t> programs = {};  // bodies: then_branch and else_branch, or body
};

// The steps that the runtime does itself: control flow over programs, and operators on objects.
inline constexpr std::string_view kControlFlow = "runtime.control_flow";
inline constexpr std::string_view kObjectStep = "runtime.object";
inline constexpr std::int32_t kRuntimeStepVersion = 1;

struct ProfileRange {
  std::int32_t input = 0;  // tensor id
  Shape min, opt, max;
};
using Profile = std::vector<ProfileRange>;

// Why each tactic won or lost, for `inspect`.
struct Candidate {
  std::int32_t step = 0;
  std::string tactic, config;
  float microseconds = 0;  // 0 when refused
  std::string refusal;
  std::int32_t program = -1;  // index into Plan::programs; -1: the main program
};

// A plugin library that some step needs, as it was when the plan was built.
struct PluginLibrary {
  std::string name, version;
  std::uint32_t interface_major = 0, interface_minor = 0;
  std::string hash;  // of the file; empty: the process itself brought the operators
  std::string file;
  std::vector<std::string> operators;  // those that the plan uses
  std::int32_t blob = -1;              // the library itself, where it was embedded
};

// Steps over tensors with inputs and outputs: the network itself, or a body of a control-flow step.
struct Program {
  std::vector<Tensor> tensors;
  std::vector<Step> steps;
  std::vector<std::int32_t> inputs, outputs;
  std::uint64_t arena_bytes = 0;

  [[nodiscard]] bool is_dynamic() const;
};

// The main program, the bodies, and what they share.
struct Plan : Program {
  std::string engine_version;
  std::string device_kind, device_name, device_fingerprint;
  std::vector<Program> programs;  // bodies; each refers only to earlier ones
  std::vector<Profile> profiles;  // empty: static shapes, or dynamic without declared limits
  std::vector<Candidate> candidates;
  std::vector<std::pair<std::string, std::string>> provenance;
  std::string graph;
  std::vector<PluginLibrary> plugins;

  // Constant bytes by blob id; views of the mapped file, or of what the builder owns.
  std::vector<std::span<const std::byte>> blobs;
};

}  // namespace ingot::plan
