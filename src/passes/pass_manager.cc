// SPDX-License-Identifier: Apache-2.0
#include "passes/pass_manager.h"

#include <chrono>
#include <fstream>

#include "ir/text.h"
#include "ir/verify.h"

namespace ingot::passes {
namespace {

Status run_body(ir::Graph& graph, const Pass& pass, Session& session) {
  for (ir::NodeId id : graph.nodes())
    for (auto& [name, body] : graph.node(id).subgraphs) INGOT_RETURN_IF_ERROR(run_body(*body, pass, session));
  const int before = session.patches;
  if (const auto* function = std::get_if<PassFunction>(&pass.body)) {
    INGOT_RETURN_IF_ERROR((*function)(graph, session));
  } else {
    INGOT_RETURN_IF_ERROR(run_rules(graph, std::get<Rules>(pass.body), session));
  }
  if (session.options.verify_each && session.patches != before) return ir::verify(graph).annotate("verification");
  return {};
}

// Returns what to add to the error message.
std::string dump(const std::shared_ptr<ir::Graph>& before, const std::string& path) {
  if (before == nullptr) return "";
  std::ofstream file(path);
  file << ir::print(*before);
  file.close();
  return file ? " (the graph from before the pass is in " + path + ")" : " (and " + path + " cannot be written)";
}

}  // namespace

Status run_passes(ir::Graph& graph, const std::vector<Pass>& passes, const Options& options) {
  Session session{options, {}, 0};
  for (const Pass& pass : passes) {
    if (!session.enabled(pass.name)) continue;
    if (session.stopped()) break;
    session.pass = pass.name;
    // Constants are shared, so a copy costs little; still, only when it can be needed.
    const std::shared_ptr<ir::Graph> before = options.dump_on_failure.empty() ? nullptr : graph.clone();
    const int patches = session.patches;
    const auto start = std::chrono::steady_clock::now();
    Status status = run_body(graph, pass, session);
    const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - start;
    if (options.times != nullptr) options.times->push_back({pass.name, session.patches - patches, elapsed.count()});
    if (!status.is_ok()) return std::move(status).annotate("pass " + pass.name + dump(before, options.dump_on_failure));
  }
  return {};
}

}  // namespace ingot::passes
