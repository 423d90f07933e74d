// SPDX-License-Identifier: Apache-2.0
#include <unordered_set>

#include "base/text_scanner.h"
#include "ir/text.h"
#include "ir/text_names.h"
#include "tensor/tensor_text.h"

namespace ingot::ir {
namespace {

constexpr int kMaxDepth = 32;  // of subgraphs; bounds recursion on hostile text

class Parser {
 public:
  Parser(TextScanner& scanner, int depth) : scanner_(scanner), depth_(depth), graph_(std::make_shared<Graph>()) {}

  Result<std::shared_ptr<Graph>> parse() {
    if (depth_ > kMaxDepth) return scanner_.error("subgraphs are nested too deeply");
    if (!scanner_.take_word("graph")) return scanner_.error("expected 'graph'");
    INGOT_ASSIGN_OR_RETURN(graph_->name, scanner_.quoted());
    INGOT_RETURN_IF_ERROR(scanner_.expect('('));
    while (!scanner_.take(')')) {
      if (!graph_->inputs().empty()) INGOT_RETURN_IF_ERROR(scanner_.expect(','));
      INGOT_ASSIGN_OR_RETURN(Declaration input, declaration());
      const ValueId id = graph_->add_input(std::move(input.name), std::move(input.type));
      graph_->value(id).symbolic_value = std::move(input.symbolic_value);
    }
    INGOT_RETURN_IF_ERROR(scanner_.expect("->"));
    INGOT_RETURN_IF_ERROR(parse_outputs());
    INGOT_RETURN_IF_ERROR(scanner_.expect('{'));
    while (!scanner_.take('}')) INGOT_RETURN_IF_ERROR(parse_statement());
    std::vector<ValueId> outputs;
    for (const std::string& name : outputs_) {
      INGOT_ASSIGN_OR_RETURN(const ValueId id, find(name));
      outputs.push_back(id);
    }
    graph_->set_outputs(std::move(outputs), std::move(output_names_));
    return graph_;
  }

 private:
  struct Declaration {
    std::string name;
    Type type;
    std::optional<std::vector<Dim>> symbolic_value;
    bool present = true;
  };

  Result<std::string> value_name() {
    INGOT_RETURN_IF_ERROR(scanner_.expect('%'));
    const std::string_view rest = scanner_.rest();
    if (rest.starts_with('"')) return scanner_.quoted();
    const std::string_view name = rest.substr(0, rest.find_first_not_of(kValueNameCharacters));
    if (name.empty()) return scanner_.error("expected the name of a value");
    scanner_.advance(name.size());
    return std::string(name);
  }

  Result<ValueId> find(const std::string& name) {
    const ValueId id = graph_->find_value(name);
    if (id == kNoValue) return scanner_.error(fmt::format("value '{}' is not defined", name));
    return id;
  }

  Result<Declaration> declaration() {
    Declaration out;
    if (scanner_.take_word("_")) {
      out.present = false;
      return out;
    }
    INGOT_ASSIGN_OR_RETURN(out.name, value_name());
    if (out.name.empty() || !declared_.insert(out.name).second)
      return scanner_.error(fmt::format("value '{}' is defined twice", out.name));
    INGOT_RETURN_IF_ERROR(scanner_.expect(':'));
    INGOT_ASSIGN_OR_RETURN(out.type, parse_type(scanner_));
    if (scanner_.take('~')) {
      INGOT_ASSIGN_OR_RETURN(out.symbolic_value, parse_sym_shape(scanner_));
    }
    return out;
  }

  Status parse_outputs() {
    INGOT_RETURN_IF_ERROR(scanner_.expect('('));
    while (!scanner_.take(')')) {
      if (!outputs_.empty()) INGOT_RETURN_IF_ERROR(scanner_.expect(','));
      INGOT_ASSIGN_OR_RETURN(std::string name, value_name());
      outputs_.push_back(name);
      if (scanner_.take_word("as")) {
        INGOT_ASSIGN_OR_RETURN(name, scanner_.quoted());
      }
      output_names_.push_back(std::move(name));
    }
    return Status::ok();
  }

  Status parse_statement() {
    if (scanner_.take_word("const")) return parse_constant();
    std::vector<Declaration> outputs;
    if (!scanner_.take("()")) {
      do {
        INGOT_ASSIGN_OR_RETURN(Declaration output, declaration());
        outputs.push_back(std::move(output));
      } while (scanner_.take(','));
    }
    INGOT_RETURN_IF_ERROR(scanner_.expect('='));
    return parse_node(std::move(outputs));
  }

  Status parse_constant() {
    INGOT_ASSIGN_OR_RETURN(Declaration made, declaration());
    if (!made.present) return scanner_.error("a constant needs a name");
    INGOT_RETURN_IF_ERROR(scanner_.expect('='));
    if (scanner_.peek() == 'b')
      return scanner_.error(fmt::format("constant '{}' was printed without its content", made.name));
    Result<HostTensor> tensor = scanner_.peek() == '<' ? parse_tensor(scanner_) : element_list(made.type);
    if (!tensor.is_ok()) return std::move(tensor).status().annotate(fmt::format("constant '{}'", made.name));
    if (made.type != Type::tensor(tensor->dtype(), symbolic(tensor->shape())))
      return scanner_.error(fmt::format("constant '{}' is not of its type", made.name));
    const ValueId id = graph_->add_constant(std::move(made.name), share(std::move(tensor).value()));
    graph_->value(id).symbolic_value = std::move(made.symbolic_value);
    return Status::ok();
  }

  Result<HostTensor> element_list(const Type& type) {
    const auto shape = type.is_tensor() && type.shape ? concrete(*type.shape) : std::nullopt;
    const auto count = shape ? element_count(*shape) : std::nullopt;
    if (!count || bits_of(type.dtype) == 0) return scanner_.error("expected the bytes of a tensor");
    // Every element takes a character: a short text cannot claim a huge tensor.
    if (static_cast<std::uint64_t>(*count) > scanner_.rest().size()) return scanner_.error("the list is too short");
    INGOT_ASSIGN_OR_RETURN(HostTensor tensor, HostTensor::create(type.dtype, *shape));
    INGOT_RETURN_IF_ERROR(scanner_.expect('['));
    for (std::int64_t i = 0; i < *count; ++i) {
      if (i != 0) INGOT_RETURN_IF_ERROR(scanner_.expect(','));
      INGOT_RETURN_IF_ERROR(parse_element(scanner_, tensor, i));
    }
    INGOT_RETURN_IF_ERROR(scanner_.expect(']'));
    return tensor;
  }

  Status parse_node(std::vector<Declaration> outputs) {
    std::string op(scanner_.word(kOpExtra));
    if (op.empty()) {
      INGOT_ASSIGN_OR_RETURN(op, scanner_.quoted());
    }
    INGOT_RETURN_IF_ERROR(scanner_.expect('('));
    std::vector<ValueId> inputs;
    while (!scanner_.take(')')) {
      if (!inputs.empty()) INGOT_RETURN_IF_ERROR(scanner_.expect(','));
      if (scanner_.take_word("_")) {
        inputs.push_back(kNoValue);
        continue;
      }
      INGOT_ASSIGN_OR_RETURN(const std::string name, value_name());
      INGOT_ASSIGN_OR_RETURN(const ValueId id, find(name));
      inputs.push_back(id);
    }
    Attrs attrs;
    if (scanner_.peek() == '{') {
      std::string_view rest = scanner_.rest();
      const std::size_t before = rest.size();
      auto parsed = Attrs::parse(rest);
      if (!parsed.is_ok()) return scanner_.error(parsed.status().message());
      attrs = std::move(parsed).value();
      scanner_.advance(before - rest.size());
    }
    std::string name;
    if (scanner_.peek() == '"') {
      INGOT_ASSIGN_OR_RETURN(name, scanner_.quoted());
    }
    std::vector<Graph::NewOutput> made;
    for (const Declaration& output : outputs) made.push_back({output.name, output.type, output.present});
    INGOT_ASSIGN_OR_RETURN(const NodeId id, graph_->add_node(std::move(op), std::move(name), std::move(inputs),
                                                             std::move(attrs), std::move(made)));
    for (std::size_t i = 0; i < outputs.size(); ++i)
      if (outputs[i].present) graph_->value(graph_->node(id).outputs[i]).symbolic_value = outputs[i].symbolic_value;
    return scanner_.take_word("subgraphs") ? parse_subgraphs(graph_->node(id)) : Status::ok();
  }

  Status parse_subgraphs(Node& node) {
    INGOT_RETURN_IF_ERROR(scanner_.expect('('));
    do {
      INGOT_ASSIGN_OR_RETURN(std::string attribute, scanner_.quoted());
      INGOT_RETURN_IF_ERROR(scanner_.expect('='));
      INGOT_ASSIGN_OR_RETURN(std::shared_ptr<Graph> body, Parser(scanner_, depth_ + 1).parse());
      node.subgraphs.emplace_back(std::move(attribute), std::move(body));
    } while (scanner_.take(','));
    return scanner_.expect(')');
  }

  TextScanner& scanner_;
  int depth_;
  std::shared_ptr<Graph> graph_;
  std::unordered_set<std::string> declared_;
  std::vector<std::string> outputs_, output_names_;
};

}  // namespace

Result<std::shared_ptr<Graph>> parse(std::string_view text) {
  TextScanner scanner(text);
  INGOT_ASSIGN_OR_RETURN(std::shared_ptr<Graph> graph, Parser(scanner, 0).parse());
  if (!scanner.at_end()) return scanner.error("expected the end of the text");
  return graph;
}

}  // namespace ingot::ir
