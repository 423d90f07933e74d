// SPDX-License-Identifier: Apache-2.0
#include "onnx/support_check.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "ops/op_def.h"

namespace ingot::onnx {
namespace {

constexpr std::size_t kMaxListed = 100;
constexpr std::size_t kMaxCallDepth = 100;

class Checker {
 public:
  explicit Checker(const ModelContext& context) : context_(context) {}

  Status check_nodes(const google::protobuf::RepeatedPtrField<NodeProto>& nodes, const Opsets& opsets, const std::string& where) {
    for (const NodeProto& node : nodes) {
      if (supported_row(node, opsets) == nullptr) {
        if (const ModelFunction* function = context_.function(node)) {
          INGOT_RETURN_IF_ERROR(check_function(*function));
        } else {
          missing_.push_back(explain(node, opsets, where));
        }
      }
      for (const AttributeProto& attribute : node.attribute()) {
        if (attribute.has_g()) INGOT_RETURN_IF_ERROR(check_nodes(attribute.g().node(), opsets, where));
      }
    }
    return Status::ok();
  }

  [[nodiscard]] Status report() const {
    if (missing_.empty()) return Status::ok();
    std::string text;
    for (std::size_t i = 0; i < std::min(missing_.size(), kMaxListed); ++i) text += "\n  " + missing_[i];
    if (missing_.size() > kMaxListed) text += fmt::format("\n  ... and {} more", missing_.size() - kMaxListed);
    return unsupported("{} of the model's nodes {} not supported:{}", missing_.size(), missing_.size() == 1 ? "is" : "are", text);
  }

 private:
  Status check_function(const ModelFunction& function) {
    const FunctionProto* proto = function.proto;
    if (std::ranges::find(open_, proto) != open_.end())
      return invalid_argument("function {}::{} calls itself", proto->domain(), proto->name());
    if (open_.size() >= kMaxCallDepth) return unsupported("functions call each other more than {} deep", kMaxCallDepth);
    if (!done_.insert(proto).second) return Status::ok();
    open_.push_back(proto);
    INGOT_RETURN_IF_ERROR(check_nodes(proto->node(), function.opsets, fmt::format(" in function {}", proto->name())));
    open_.pop_back();
    return Status::ok();
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
    } else if (!domain.empty()) {
      why = fmt::format("no plugin is loaded for domain \"{}\"", domain);
    } else if (!opset) {
      why = "the operator's domain is not among the opset imports";
    } else {
      why = "there is no such ONNX operator";
    }
    return fmt::format("node \"{}\"{} ({}{}{}, opset {}): {}", display_name(node), where, domain, domain.empty() ? "" : "::",
                       node.op_type(), opset ? std::to_string(*opset) : "missing", why);
  }

  const ModelContext& context_;
  std::vector<const FunctionProto*> open_;
  std::set<const FunctionProto*> done_;
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
  INGOT_RETURN_IF_ERROR(checker.check_nodes(context.model->graph().node(), context.opsets, ""));
  return checker.report();
}

}  // namespace ingot::onnx
