// SPDX-License-Identifier: Apache-2.0
#include "onnx/support_check.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "onnx/deform_spellings.h"
#include "onnx/limits.h"
#include "onnx/plugin_nodes.h"
#include "ops/op_def.h"

namespace ingot::onnx {
namespace {

constexpr std::size_t kMaxListed = 100;
constexpr std::size_t kMaxCallDepth = 100;
// Functions that call functions can expand to more nodes than any machine holds.
constexpr std::int64_t kMaxNodes = 4'000'000;

class Checker {
 public:
  explicit Checker(const ModelContext& context) : context_(context) {}

  // How many nodes they become when all calls are expanded.
  Result<std::int64_t> check_nodes(const google::protobuf::RepeatedPtrField<NodeProto>& nodes, const Opsets& opsets,
                                   const std::string& where) {
    std::int64_t size = 0;
    for (const NodeProto& node : nodes) {
      std::int64_t expanded = 1;
      if (supported_row(node, opsets) == nullptr && find_plugin(node) == nullptr) {
        if (const ModelFunction* function = context_.function(node)) {
          INGOT_ASSIGN_OR_RETURN(expanded, check_function(*function));
        } else if (find_deform_spelling(node) == nullptr) {
          missing_.push_back(explain(node, opsets, where));
        }
      }
      for (const AttributeProto& attribute : node.attribute()) {
        if (!attribute.has_g()) continue;
        INGOT_ASSIGN_OR_RETURN(const std::int64_t body, check_nodes(attribute.g().node(), opsets, where));
        expanded += body;
      }
      size += expanded;
      if (size > kMaxNodes)
        return resource_exhausted("the model has more than {} nodes when its functions are expanded", kMaxNodes);
    }
    return size;
  }

  [[nodiscard]] Status report() const {
    if (missing_.empty()) return Status::ok();
    std::string text;
    for (std::size_t i = 0; i < std::min(missing_.size(), kMaxListed); ++i) text += "\n  " + missing_[i];
    if (missing_.size() > kMaxListed) text += fmt::format("\n  ... and {} more", missing_.size() - kMaxListed);
    return unsupported("{} of the model's nodes {} not supported:{}", missing_.size(),
                       missing_.size() == 1 ? "is" : "are", text);
  }

 private:
  Result<std::int64_t> check_function(const ModelFunction& function) {
    const FunctionProto* proto = function.proto;
    if (std::ranges::find(open_, proto) != open_.end())
      return invalid_argument("function {}::{} calls itself", proto->domain(), proto->name());
    if (open_.size() >= kMaxCallDepth) return beyond(Limit::kCallDepth);
    if (const auto known = sizes_.find(proto); known != sizes_.end()) return known->second;
    open_.push_back(proto);
    INGOT_ASSIGN_OR_RETURN(const std::int64_t inside,
                           check_nodes(proto->node(), function.opsets, fmt::format(" in function {}", proto->name())));
    open_.pop_back();
    return sizes_[proto] = inside + 1;
  }

  static std::string explain(const NodeProto& node, const Opsets& opsets, const std::string& where) {
    const std::string domain(canonical_domain(node.domain()));
    const auto opset = opsets.version(domain);
    std::string why;
    if (const OpRow* row = opset ? find_row(domain, node.op_type(), *opset) : nullptr) {
      if (*opset < row->since) {
        why = fmt::format("the operator exists from opset {} on", row->since);
      } else if (*opset > row->until) {
        why = fmt::format("the operator was removed after opset {}", row->until);
      } else {
        why = "the operator is not implemented";
      }
    } else if (!opset && domain.empty()) {
      why = "the operator's domain is not among the opset imports";
    } else if (domain == "com.microsoft.nchwc") {
      why = beyond(Limit::kPrivateLayout).message();
    } else {
      why = domain.empty() && node.op_type() != "Plugin" ? "there is no such ONNX operator, and " : "";
      if (domain == "com.microsoft") why = fmt::format("{}, and ", beyond(Limit::kOtherContrib).message());
      why += explain_missing_plugin(node);
    }
    return fmt::format("node \"{}\"{} ({}{}{}, opset {}): {}", display_name(node), where, domain,
                       domain.empty() ? "" : "::", node.op_type(), opset ? std::to_string(*opset) : "missing", why);
  }

  const ModelContext& context_;
  std::vector<const FunctionProto*> open_;
  std::map<const FunctionProto*, std::int64_t> sizes_;
  std::vector<std::string> missing_;
};

}  // namespace

const OpRow* supported_row(const NodeProto& node, const Opsets& opsets) {
  const auto opset = opsets.version(node.domain());
  if (!opset) return nullptr;
  const OpRow* row = find_row(canonical_domain(node.domain()), node.op_type(), *opset);
  if (row == nullptr || *opset < row->since || *opset > row->until) return nullptr;
  return row->is_value() || ops::find_op(row->name()) != nullptr ? row : nullptr;
}

Status check_support(const ModelContext& context) {
  Checker checker(context);
  INGOT_RETURN_IF_ERROR(checker.check_nodes(context.model->graph().node(), context.opsets, "").status());
  return checker.report();
}

}  // namespace ingot::onnx
