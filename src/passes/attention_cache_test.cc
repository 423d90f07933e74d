// SPDX-License-Identifier: Apache-2.0
#include "passes/graph_test_util.h"

namespace ingot::passes {
namespace {

using namespace testing;

struct Case {
  const char* name;
  Shape q, k, past;
  Attrs attrs;
  Shape mask;  // empty: none
  DType mask_type = DType::f32;
};

Builder graph_of(const Case& one, std::size_t outputs = 3) {
  Builder b;
  const ValueId q = b.in("q", one.q), k = b.in("k", one.k), v = b.in("v", one.k);
  ValueId mask = one.mask.empty() ? ir::kNoValue : b.in("mask", one.mask);
  if (one.mask_type == DType::boolean) mask = b.op("Greater", {mask, b.number(-0.5)});
  b.out(b.ops("Attention", {q, k, v, mask, b.in("past_key", one.past), b.in("past_value", one.past)}, one.attrs,
              outputs));
  return b;
}

const Attrs kCausal{{"is_causal", std::int64_t{1}}};
const Attrs kPacked{{"q_num_heads", std::int64_t{6}}, {"kv_num_heads", std::int64_t{2}}};

TEST(AttentionCache, BecomesConcatAndAttention) {
  Attrs packed_causal = kPacked;
  packed_causal.set("is_causal", std::int64_t{1});
  packed_causal.set("scale", 0.3);
  const std::vector<Case> cases = {
      {"one query", {2, 4, 1, 8}, {2, 2, 1, 8}, {2, 2, 5, 8}, {}, {}},
      {"one causal query", {2, 4, 1, 8}, {2, 2, 1, 8}, {2, 2, 5, 8}, kCausal, {}},
      {"causal", {1, 2, 3, 8}, {1, 2, 3, 8}, {1, 2, 4, 8}, kCausal, {}},
      {"causal, more keys than queries", {1, 2, 1, 8}, {1, 2, 3, 8}, {1, 2, 4, 8}, kCausal, {}},
      {"causal with a mask", {1, 2, 3, 8}, {1, 2, 3, 8}, {1, 2, 4, 8}, kCausal, {3, 7}},
      {"causal with conditions", {1, 2, 3, 8}, {1, 2, 3, 8}, {1, 2, 4, 8}, kCausal, {1, 1, 3, 7}, DType::boolean},
      {"a mask", {1, 2, 3, 8}, {1, 2, 3, 8}, {1, 2, 4, 8}, {}, {2, 1, 7}},
      {"no past yet", {1, 2, 3, 8}, {1, 2, 3, 8}, {1, 2, 0, 8}, kCausal, {}},
      {"packed heads", {2, 3, 24}, {2, 3, 8}, {2, 2, 5, 4}, kPacked, {}},
      {"packed heads, causal", {2, 3, 24}, {2, 3, 8}, {2, 2, 5, 4}, packed_causal, {3, 8}},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.name);
    Builder b = graph_of(one);
    EXPECT_GT(rewrite(*b.graph, {{"cache", attention_cache_rules()}}), 0);
    const ir::Node* node = first(*b.graph, "Attention");
    ASSERT_NE(node, nullptr);
    EXPECT_LE(node->inputs.size(), 4U) << ir::print(*b.graph);
    EXPECT_EQ(count(*b.graph, "Concat"), 2);
    EXPECT_EQ(node->attrs.get_int("is_causal", 0), 0);
  }
}

TEST(AttentionCache, OneQueryNeedsNoMask) {
  Builder b = graph_of({"", {2, 4, 1, 8}, {2, 2, 1, 8}, {2, 2, 5, 8}, kCausal, {}});
  rewrite(*b.graph, {{"cache", attention_cache_rules()}});
  EXPECT_EQ(first(*b.graph, "Attention")->inputs.size(), 3U) << ir::print(*b.graph);
}

TEST(AttentionCache, NeedsRanksAndAResult) {
  for (const bool known : {false, true}) {
    Builder b;
    const ValueId past = b.in("past", {1, 2, 4, 8});
    const auto operand = [&](const char* name) {
      return known ? b.in(name, {1, 2, 3, 8}) : b.graph->add_input(name, ir::Type::tensor(DType::f32, std::nullopt));
    };
    const ValueId q = operand("q"), k = operand("k"), v = operand("v");
    const auto node = ops::add_node(*b.graph, "Attention", "a", {q, k, v, ir::kNoValue, past, past}, {},
                                    {known ? "" : "y", "present", "present_value"});
    ASSERT_TRUE(node.is_ok()) << node.status().to_string();
    b.out({b.graph->node(*node).outputs[1]});
    Graph& graph = *b.graph;
    ASSERT_TRUE(run_passes(graph, {{"cache", attention_cache_rules()}}, {}).is_ok());
    EXPECT_EQ(count(graph, "Concat"), 0) << ir::print(graph);
  }
}

TEST(AttentionCache, LeavesWhatConcatDoesNotSay) {
  const Case short_mask{"", {1, 2, 3, 8}, {1, 2, 3, 8}, {1, 2, 4, 8}, {}, {3, 5}};
  const Case window{"", {1, 2, 3, 8}, {1, 2, 3, 8}, {1, 2, 4, 8}, {{"left_window_size", std::int64_t{2}}}, {}};
  const Case scores{"", {1, 2, 3, 8}, {1, 2, 3, 8}, {1, 2, 4, 8}, {}, {}};
  for (const auto& [one, outputs] : {std::pair(short_mask, 3), std::pair(window, 3), std::pair(scores, 4)}) {
    Builder b = graph_of(one, static_cast<std::size_t>(outputs));
    EXPECT_EQ(rewrite(*b.graph, {{"cache", attention_cache_rules()}}), 0);
  }
}

}  // namespace
}  // namespace ingot::passes
