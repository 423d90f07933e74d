// SPDX-License-Identifier: Apache-2.0
#include "ops/ml.h"

#include <algorithm>

namespace ingot::ops {
namespace {

Status infer_label_encoder(InferContext& ctx) {
  for (std::size_t i = 1; i < 4; ++i) INGOT_RETURN_IF_ERROR(expect_rank(ctx, i, 1, 1));
  if (ctx.shape(1)) INGOT_RETURN_IF_ERROR(expect_shape(ctx, 2, *ctx.shape(1), "one value for each key"));
  ctx.set_tensor(0, ctx.dtype(2), ctx.shape(0));
  return Status::ok();
}

Status infer_coupling(InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 2, 2));
  const std::int64_t classes = ctx.attrs().get_int("classes", 0);
  if (classes < 2 || classes > 1 << 16)
    return invalid_argument("attribute classes is {}, but must be 2 or more", classes);
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  if (!ctx.shape(0)) return Status::ok();
  INGOT_RETURN_IF_ERROR(expect_dim(ctx, 0, 1, Dim(classes * (classes - 1) / 2), "one column for each pair of classes"));
  ctx.set_tensor(0, ctx.dtype(0), SymShape{(*ctx.shape(0))[0], Dim(classes)});
  return Status::ok();
}

Status infer_tree_ensemble(InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 2, 2));
  INGOT_RETURN_IF_ERROR(text_choice(ctx, "aggregate", {"SUM", "AVERAGE", "MIN", "MAX"}).status());
  const std::int64_t targets = ctx.attrs().get_int("n_targets", 0);
  if (targets < 1) return invalid_argument("attribute n_targets is {}, but must be positive", targets);
  if (ctx.dtype(0) != DType::f32 && ctx.dtype(0) != DType::f64)
    return invalid_argument("{} is {}, but must be f32 or f64", ctx.input_name(0), to_string(ctx.dtype(0)));
  if (ctx.shape(2)) INGOT_RETURN_IF_ERROR(expect_shape(ctx, 1, {(*ctx.shape(2))[0], Dim(4)}, "four numbers a node"));
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  if (ctx.shape(0)) ctx.set_tensor(0, ctx.dtype(0), SymShape{(*ctx.shape(0))[0], Dim(targets)});
  return Status::ok();
}

// The keys that an operator names, as texts or as integers.
Result<std::pair<DType, std::int64_t>> named_keys(const InferContext& ctx, std::string_view texts,
                                                  std::string_view numbers) {
  const Attr* found = ctx.attrs().find(texts);
  const auto* strings = found == nullptr ? nullptr : std::get_if<Strings>(found);
  const std::size_t named = strings == nullptr ? 0 : strings->size();
  const std::size_t counted = ctx.attrs().get_ints(numbers, {}).size();
  if ((named == 0) == (counted == 0))
    return invalid_argument("one of the attributes {} and {} must be given", texts, numbers);
  return named > 0 ? std::pair(DType::string, static_cast<std::int64_t>(named))
                   : std::pair(DType::i64, static_cast<std::int64_t>(counted));
}

Status infer_zip_map(InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 1, 2));
  INGOT_ASSIGN_OR_RETURN(const auto keys, named_keys(ctx, "classlabels_strings", "classlabels_int64s"));
  if (ctx.shape(0))
    INGOT_RETURN_IF_ERROR(expect_dim(ctx, 0, ctx.shape(0)->size() - 1, Dim(keys.second), "one column for each label"));
  ir::Type map = ir::Type::of(ir::Type::Kind::map, ir::Type::tensor(DType::f32, SymShape{}));
  map.dtype = keys.first;
  ctx.set_type(0, ir::Type::of(ir::Type::Kind::sequence, std::move(map)));
  return Status::ok();
}

// The type of the values of a map.
Result<DType> map_values(const InferContext& ctx, std::initializer_list<DType> allowed) {
  const ir::Type& type = ctx.type(0);
  if (type.kind == ir::Type::Kind::map && type.element->is_tensor() &&
      std::ranges::find(allowed, type.element->dtype) != allowed.end())
    return type.element->dtype;
  return invalid_argument("{} is {}, which is no map that the operator takes", ctx.input_name(0), type.to_string());
}

Status infer_cast_map(InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(map_values(ctx, {DType::f32, DType::string}).status());
  if (ctx.type(0).dtype != DType::i64) return invalid_argument("the keys of {} must be i64", ctx.input_name(0));
  INGOT_ASSIGN_OR_RETURN(const std::string to, text_choice(ctx, "cast_to", {"TO_FLOAT", "TO_STRING", "TO_INT64"}));
  INGOT_ASSIGN_OR_RETURN(const std::string form, text_choice(ctx, "map_form", {"DENSE", "SPARSE"}));
  const std::int64_t most = ctx.attrs().get_int("max_map", 1);
  if (form == "SPARSE" && (most < 1 || most > std::int64_t{1} << 40))
    return invalid_argument("attribute max_map is {}, but must be positive", most);
  const DType dtype = to == "TO_FLOAT" ? DType::f32 : to == "TO_STRING" ? DType::string : DType::i64;
  ctx.set_tensor(0, dtype, SymShape{Dim(1), form == "SPARSE" ? Dim(most) : ctx.unknown_dim()});
  return Status::ok();
}

Status infer_dict_vectorizer(InferContext& ctx) {
  INGOT_ASSIGN_OR_RETURN(const DType values, map_values(ctx, {DType::f32, DType::f64, DType::i64, DType::string}));
  INGOT_ASSIGN_OR_RETURN(const auto keys, named_keys(ctx, "string_vocabulary", "int64_vocabulary"));
  if (ctx.type(0).dtype != keys.first)
    return invalid_argument("the keys of {} are {}, the vocabulary is of {}", ctx.input_name(0),
                            to_string(ctx.type(0).dtype), to_string(keys.first));
  ctx.set_tensor(0, values, SymShape{Dim(1), Dim(keys.second)});
  return Status::ok();
}

}  // namespace

void add_ml_ops(Table& table) {
  table.push_back(make_op("ZipMap", "X:f32", "Z", infer_zip_map,
                          {{"classlabels_strings", AttrKind::texts}, {"classlabels_int64s", AttrKind::integers}}));
  table.push_back(make_op("CastMap", "X:any", "Y", infer_cast_map,
                          {{"cast_to", AttrKind::text}, {"map_form", AttrKind::text}, {"max_map", AttrKind::integer}}));
  table.push_back(make_op("DictVectorizer", "X:any", "Y", infer_dict_vectorizer,
                          {{"string_vocabulary", AttrKind::texts}, {"int64_vocabulary", AttrKind::integers}}));
  table.push_back(make_op("LabelEncoder", "X:T keys:T values:T1 default:T1", "Y", infer_label_encoder));
  table.push_back(make_op("PairwiseCoupling", "pairs:F", "Y", infer_coupling, {{"classes", AttrKind::integer, true}}));
  table.push_back(make_op("TreeEnsemble",
                          "X:F nodes:i32 thresholds:F roots:i32 leaf_begins:i32 leaf_targets:i32 leaf_weights:F "
                          "base_values?:F",
                          "Y", infer_tree_ensemble,
                          {{"n_targets", AttrKind::integer, true}, {"aggregate", AttrKind::text}}));
}

}  // namespace ingot::ops
