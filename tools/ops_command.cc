// SPDX-License-Identifier: Apache-2.0
// The operators of ONNX that this build takes, from the importer's, the operators' and the backends' tables.
#include <algorithm>
#include <cstdio>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "backends/cpu/cpu_backend.h"
#include "commands.h"
#include "onnx/import.h"
#include "onnx/limits.h"
#include "onnx/op_table.h"
#include "ops/op_def.h"

namespace ingot::tools {
namespace {

constexpr std::string_view kDeviations =
    "\n## Where the specification is left\n\n"
    "- An initializer that is also an input of the graph is a constant: a run cannot give it another value.\n"
    "- ImageDecoder: more than 2^28 pixels are an error. Alpha is dropped.\n"
    "- Loop: a trip count may be 2^63 - 1 with a condition that stays true. Nothing bounds the run; another thread "
    "ends "
    "it\n"
    "  with `ingot_context_cancel`. The build never runs a loop.\n"
    "- Resize of integers: linear interpolation cuts fractions off, as ONNX Runtime does; cubics and antialias "
    "round.\n";

struct Entry {
  std::string op, domain, opsets, canonical, types;
  std::vector<std::string> tactics;  // of the CPU backend, without the plain one
  bool plain = false, control_flow = false, implemented = false;
};

std::string opsets_of(const onnx::OpRow& row) {
  if (row.until != INT64_MAX) return fmt::format("{} to {}", row.since, row.until);
  return fmt::format("{} on", row.since);
}

// "X:F W:F B?:F"; the letters are those of ops::OperandSpec.
std::string types_of(const ops::OpDef& def) {
  std::string text;
  for (const ops::OperandSpec& input : def.inputs)
    text += fmt::format("{}{}{}{}{}{}", text.empty() ? "" : " ", input.name, input.optional ? "?" : "",
                        input.repeated ? "*" : "", input.type.empty() ? "" : ":", input.type);
  return text;
}

// The tactics that know a kind of problem. The operands are of a type that every tactic but the plain one refuses,
// which it does after it has looked at the kind.
void add_tactics(std::string_view kind, Entry& entry) {
  constexpr std::size_t kInputs = 16, kOutputs = 8;
  Problem problem;
  problem.kind = kind;
  problem.inputs.assign(kInputs, {DType::u2, {1, 1, 1, 1}, false, nullptr});
  problem.outputs.assign(kOutputs, problem.inputs[0]);
  const DeviceInfo device = cpu::backend().device();
  for (const Tactic* tactic : cpu::backend().tactics()) {
    if (tactic->supports(problem, device).reason == Refusal::kKind) continue;
    if (tactic->is_plain())
      entry.plain = true;
    else
      entry.tactics.emplace_back(tactic->id());
  }
}

Entry describe(const onnx::OpRow& row) {
  Entry entry;
  entry.op = row.op;
  entry.domain = row.domain.empty() ? "ai.onnx" : std::string(row.domain);
  entry.opsets = opsets_of(row);
  entry.canonical = row.name();
  if (row.is_value()) {
    entry.implemented = true;
    return entry;
  }
  const ops::OpDef* def = ops::find_op(row.name());
  if (def == nullptr) return entry;
  entry.types = types_of(*def);
  entry.control_flow = std::any_of(def->attrs.begin(), def->attrs.end(),
                                   [](const ops::AttrSpec& spec) { return spec.kind == ops::AttrKind::graph; });
  add_tactics(def->name, entry);
  // The passes make these one expression.
  if (def->expression != nullptr) add_tactics("Pointwise", entry);
  entry.implemented = true;
  return entry;
}

std::string kernels_of(const Entry& entry) {
  if (!entry.implemented) return "not implemented";
  if (!entry.tactics.empty()) return fmt::format("{}", fmt::join(entry.tactics, " "));
  if (entry.op == "Constant") return "a constant";
  if (entry.control_flow) return "control flow";
  return entry.plain ? "plain" : "none";
}

std::string text_of(const std::vector<Entry>& entries) {
  std::string text;
  for (const Entry& entry : entries)
    text += fmt::format("{:28} {:13} {:9} {}\n", entry.op, entry.domain, entry.opsets, kernels_of(entry));
  return text;
}

std::string json_of(const std::vector<Entry>& entries) {
  nlohmann::json list = nlohmann::json::array();
  for (const Entry& entry : entries)
    list.push_back(
        {{"operator", entry.op},
         {"domain", entry.domain},
         {"opsets", entry.opsets},
         {"canonical", entry.canonical},
         {"inputs", entry.types},
         {"implemented", entry.implemented},
         {"cpu", {{"tactics", entry.tactics}, {"plain", entry.plain}, {"control_flow", entry.control_flow}}}});
  return list.dump(1) + "\n";
}

std::string markdown_of(const std::vector<Entry>& entries) {
  std::string text = fmt::format(
      "# Operators\n\n"
      "Written by `scripts/generate_docs.sh` from the tables that the engine itself reads; `ingot ops` prints the "
      "same\n"
      "for the build at hand. Models of ONNX opsets {} to {} are read.\n\n"
      "- **becomes**: the canonical operator, where it has another name. All opsets are brought to the newest form.\n"
      "- **inputs**: `?` optional, `*` any number; after the colon what the element type may be: `F` floating, `N` "
      "number,\n"
      "  `R` number or boolean, `S` the same or string, `Q` integer, `I` i32 or i64, `T` any tensor (the same word is\n"
      "  the same type), `any` tensors, sequences and optionals, else the type itself.\n"
      "- **CPU**: the tactics that know the operator. `plain` is the reference evaluator's kernel, for every type "
      "above;\n"
      "  it also serves what a listed tactic refuses. `none`: nothing computes it on its own.\n\n"
      "| operator | domain | opsets | becomes | inputs | CPU |\n|---|---|---|---|---|---|\n",
      onnx::kOldestOpset, onnx::kNewestOpset);
  for (const Entry& entry : entries)
    text += fmt::format("| {} | {} | {} | {} | {}{}{} | {} |\n", entry.op, entry.domain, entry.opsets,
                        entry.canonical == entry.op ? "" : entry.canonical, entry.types.empty() ? "" : "`", entry.types,
                        entry.types.empty() ? "" : "`", kernels_of(entry));
  text +=
      "\n## Limits\n\n"
      "What is refused of these operators when a model is read; the error gives the node's name and the same words.\n\n"
      "| operator | domain | not supported |\n|---|---|---|\n";
  for (const onnx::LimitRow& row : onnx::limit_rows())
    text += fmt::format("| {} | {} | {} |\n", row.operators,
                        row.operators == "any" ? "any"
                        : row.domain.empty()   ? "ai.onnx"
                                               : row.domain,
                        row.text);
  text += kDeviations;
  return text;
}

}  // namespace

Command add_ops(CLI::App& app) {
  struct Arguments {
    bool json = false, markdown = false;
    std::string pattern;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("ops", "The ONNX operators that this build takes, and their kernels");
  command->add_option("NAME", arguments->pattern, "Only operators whose name contains this");
  CLI::Option* json = command->add_flag("--json", arguments->json, "For machines");
  command->add_flag("--markdown", arguments->markdown, "As docs/operators.md")->excludes(json);
  command->footer("Example: ingot ops Conv");
  return [arguments]() -> Status {
    std::vector<Entry> entries;
    for (const onnx::OpRow& row : onnx::op_rows())
      if (row.op.find(arguments->pattern) != std::string_view::npos) entries.push_back(describe(row));
    if (entries.empty()) return not_found("no operator has '{}' in its name", arguments->pattern);
    const std::string text = arguments->json       ? json_of(entries)
                             : arguments->markdown ? markdown_of(entries)
                                                   : text_of(entries);
    std::fwrite(text.data(), 1, text.size(), stdout);
    return Status::ok();
  };
}

}  // namespace ingot::tools
