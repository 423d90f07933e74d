// SPDX-License-Identifier: Apache-2.0
// Operators on strings.
#include <algorithm>
#include <limits>

#include "ops/rules.h"

namespace ingot::ops {
namespace {

Status infer_concat(InferContext& ctx) {
  INGOT_ASSIGN_OR_RETURN(auto shape, broadcast_inputs(ctx));
  ctx.set_tensor(0, DType::string, std::move(shape));
  return Status::ok();
}

Status infer_split(InferContext& ctx) {
  ctx.set_tensor(0, DType::string, std::nullopt);
  ctx.set_tensor(1, DType::i64, ctx.shape(0));
  if (!ctx.shape(0)) return Status::ok();
  SymShape shape = *ctx.shape(0);
  shape.push_back(ctx.unknown_dim());
  ctx.set_tensor(0, DType::string, std::move(shape));
  return Status::ok();
}

Status infer_normalizer(InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 1, 2));
  INGOT_RETURN_IF_ERROR(text_choice(ctx, "case_change_action", {"NONE", "LOWER", "UPPER"}).status());
  ctx.set_tensor(0, DType::string, std::nullopt);
  if (!ctx.shape(0)) return Status::ok();
  SymShape shape = *ctx.shape(0);
  shape.back() = ctx.unknown_dim();
  ctx.set_tensor(0, DType::string, std::move(shape));
  return Status::ok();
}

Status infer_match(InferContext& ctx) {
  ctx.set_tensor(0, DType::boolean, ctx.shape(0));
  return Status::ok();
}

Status infer_tfidf(InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 0, 2));
  INGOT_RETURN_IF_ERROR(text_choice(ctx, "mode", {"TF", "IDF", "TFIDF"}).status());
  const bool strings = ctx.dtype(0) == DType::string;
  if (!strings && ctx.dtype(0) != DType::i32 && ctx.dtype(0) != DType::i64)
    return invalid_argument("input 0 (X) is {}, but must be string, i32 or i64", to_string(ctx.dtype(0)));
  if (!ctx.attrs().has(strings ? "pool_strings" : "pool_int64s"))
    return invalid_argument("attribute {} is missing for {}", strings ? "pool_strings" : "pool_int64s",
                            to_string(ctx.dtype(0)));
  const Ints columns = ctx.attrs().get_ints("ngram_indexes", {});
  const std::int64_t last = columns.empty() ? -1 : *std::max_element(columns.begin(), columns.end());
  if (last > std::numeric_limits<std::int32_t>::max())
    return invalid_argument("attribute ngram_indexes holds {}, which is no sensible column", last);
  const Dim width(last + 1);
  ctx.set_tensor(0, DType::f32, std::nullopt);
  if (!ctx.shape(0)) return Status::ok();
  ctx.set_tensor(0, DType::f32, ctx.shape(0)->size() == 2 ? SymShape{(*ctx.shape(0))[0], width} : SymShape{width});
  return Status::ok();
}

}  // namespace

void add_string_ops(Table& table) {
  table.push_back(make_op("StringConcat", "X:string Y:string", "Z", infer_concat));
  table.push_back(make_op("StringSplit", "X:string", "Y Z?", infer_split,
                          {{"delimiter", AttrKind::text}, {"maxsplit", AttrKind::integer}}));
  table.push_back(make_op("StringNormalizer", "X:string", "Y", infer_normalizer,
                          {{"case_change_action", AttrKind::text},
                           {"is_case_sensitive", AttrKind::integer},
                           {"locale", AttrKind::text},
                           {"stopwords", AttrKind::texts}}));
  table.push_back(make_op("RegexFullMatch", "X:string", "Y", infer_match, {{"pattern", AttrKind::text}}));
  table.push_back(make_op("TfIdfVectorizer", "X", "Y", infer_tfidf,
                          {{"mode", AttrKind::text, true},
                           {"min_gram_length", AttrKind::integer, true},
                           {"max_gram_length", AttrKind::integer, true},
                           {"max_skip_count", AttrKind::integer, true},
                           {"ngram_counts", AttrKind::integers, true},
                           {"ngram_indexes", AttrKind::integers, true},
                           {"pool_int64s", AttrKind::integers},
                           {"pool_strings", AttrKind::texts},
                           {"weights", AttrKind::numbers}}));
}

}  // namespace ingot::ops
