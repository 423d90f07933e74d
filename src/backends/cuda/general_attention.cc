// SPDX-License-Identifier: Apache-2.0
// Attention beyond what the flash kernel takes, rotary embedding, and operators that carry a state along a sequence.
#include <cmath>

#include "backends/cpu/attention_shape.h"
#include "backends/cpu/axes.h"
#include "backends/cuda/general.h"

namespace ingot::cuda {
namespace {

Support float_only(const Problem& problem) {
  for (std::size_t i = 0; i < 3 && i < problem.own_inputs(); ++i)
    if (problem.inputs[i].present() && !is_float(problem.inputs[i].dtype)) return Support::no(Refusal::kDType);
  return Support::yes();
}

Result<cpu::HeadView> heads_of(const Attrs& attrs, const Shape& shape, std::string_view heads_attribute) {
  return cpu::head_view(shape, attrs.get_int("bshd", 0) != 0, attrs.get_int(heads_attribute, 0));
}

std::string attention_definitions(const Problem& problem) {
  return problem.has_input(3) && problem.inputs[3].dtype == DType::boolean ? define("BOOLEAN_MASK", 1) : "";
}

Status plan_attention(GeneralPlan& plan) {
  const Attrs& attrs = plan.attrs();
  INGOT_ASSIGN_OR_RETURN(const cpu::HeadView q, cpu::attention_operand(attrs, 0, plan.shape(0)));
  INGOT_ASSIGN_OR_RETURN(const cpu::HeadView k, cpu::attention_operand(attrs, 1, plan.shape(1)));
  INGOT_ASSIGN_OR_RETURN(const cpu::HeadView v, cpu::attention_operand(attrs, 2, plan.shape(2)));
  if (k.batches != q.batches || v.batches != q.batches || k.heads < 1 || k.heads != v.heads || k.length != v.length ||
      k.size != q.size || q.heads % k.heads != 0)
    return invalid_argument("Attention: {}, {} and {} do not fit", to_string(plan.shape(0)), to_string(plan.shape(1)),
                            to_string(plan.shape(2)));
  INGOT_ASSIGN_OR_RETURN(const cpu::HeadView y, heads_of(attrs, plan.out(0).shape, "q_num_heads"));
  const std::int64_t past = plan.has(4) ? plan.shape(4)[2] : 0;
  const std::int64_t keys = past + k.length;
  plan.set("HEADS", q.heads);
  plan.set("KV_HEADS", k.heads);
  plan.set("QUERIES", q.length);
  plan.set("KEYS", keys);
  plan.set("PAST", past);
  plan.set("SIZE", q.size);
  plan.set("V_SIZE", v.size);
  plan.set("Q_FIRST", q.first);
  plan.set("K_FIRST", k.first);
  plan.set("V_FIRST", v.first);
  const auto strides = [&](std::string_view batch, std::string_view head, std::string_view row, const auto& view) {
    plan.set(batch, view.batch);
    plan.set(head, view.head);
    plan.set(row, view.row);
  };
  strides("Q_BATCH", "Q_HEAD", "Q_ROW", q);
  strides("K_BATCH", "K_HEAD", "K_ROW", k);
  strides("V_BATCH", "V_HEAD", "V_ROW", v);
  strides("Y_BATCH", "Y_HEAD", "Y_ROW", y);
  plan.set("CAUSAL", attrs.get_int("is_causal", 0));
  plan.set("LEFT", attrs.get_int("left_window_size", -1));
  plan.set("RIGHT", attrs.get_int("right_window_size", -1));
  plan.set("QK_MODE", attrs.get_int("qk_matmul_output_mode", 0));
  plan.number("SCALE", attrs.get_float("scale", 1 / std::sqrt(static_cast<double>(q.size))));
  plan.number("CAP", attrs.get_float("softcap", 0));
  if (plan.has(3)) {
    const Shape& mask = plan.shape(3);
    if (mask.empty() || mask.size() > 4) return invalid_argument("Attention: a mask of shape {}", to_string(mask));
    const Ints dense = cpu::dense_strides(mask);
    Ints read(4, 0);
    for (std::size_t d = 0; d < mask.size(); ++d) read[4 - mask.size() + d] = mask[d] == 1 ? 0 : dense[d];
    if (mask.back() == 1) read[3] = 1;  // MASK_KEYS says that there is one only
    plan.set_all("MASK_STRIDE", read);
    plan.set("MASK_KEYS", mask.back());
    plan.set("MASK_BATCHES", std::max<std::int64_t>(1, attrs.get_int("mask_repeats", 0) != 0 ? mask[0] : q.batches));
  }
  const std::int64_t rows = q.batches * q.heads * q.length;
  plan.workspace = static_cast<std::size_t>(rows * keys) * (plan.in(0).dtype == DType::f64 ? 8 : 4);
  INGOT_RETURN_IF_ERROR(plan.add_blocks("attend", rows, 128));
  const auto wanted = [&](std::size_t i) {
    return i < plan.problem().outputs.size() && plan.problem().outputs[i].present();
  };
  if (wanted(1)) INGOT_RETURN_IF_ERROR(plan.add("present_key", q.batches * k.heads * keys * k.size));
  if (wanted(2)) INGOT_RETURN_IF_ERROR(plan.add("present_value", q.batches * k.heads * keys * v.size));
  return Status::ok();
}

std::string rotary_definitions(const Problem&) { return define("ROTARY", 1); }

Status plan_rotary(GeneralPlan& plan) {
  const Attrs& attrs = plan.attrs();
  const Shape& x = plan.shape(0);
  INGOT_ASSIGN_OR_RETURN(const cpu::HeadView heads, heads_of(attrs, x, "num_heads"));
  std::int64_t rotated = attrs.get_int("rotary_embedding_dim", 0);
  if (rotated == 0) rotated = heads.size;
  const std::int64_t half = rotated / 2;
  if (rotated < 2 || rotated > heads.size || rotated % 2 != 0 || plan.shape(1).empty() || plan.shape(1).back() != half)
    return invalid_argument("RotaryEmbedding: {} of {} with a cache {}", rotated, heads.size, to_string(plan.shape(1)));
  plan.set("SIZE", heads.size);
  plan.set("HEADS", heads.heads);
  plan.set("LENGTH", heads.length);
  plan.set("BATCH_STRIDE", heads.batch);
  plan.set("HEAD_STRIDE", heads.head);
  plan.set("ROW_STRIDE", heads.row);
  plan.set("ROTATED", rotated);
  plan.set("ROWS", elements_of(plan.in(1)) / half);
  plan.set("INTERLEAVED", attrs.get_int("interleaved", 0));
  return plan.add("rotary", elements_of(plan.in(0)));
}

// ---- LinearAttention, CausalConvWithState ----
std::string linear_definitions(const Problem& problem) {
  const std::string rule = problem.attrs.get_string("update_rule", "gated_delta");
  return define("LINEAR", 1) + define("DECAYS", rule.starts_with("gated") ? 1 : 0) +
         define("DELTA", rule.ends_with("delta") ? 1 : 0);
}

Status plan_linear(GeneralPlan& plan) {
  const Attrs& attrs = plan.attrs();
  const std::int64_t q_heads = attrs.get_int("q_num_heads", 0), kv_heads = attrs.get_int("kv_num_heads", 0);
  const Shape& q = plan.shape(0);
  const Shape& v = plan.shape(2);
  if (q.size() != 3 || v.size() != 3 || q_heads < 1 || kv_heads < 1 || q_heads % kv_heads != 0 || q[2] % q_heads != 0 ||
      v[2] % kv_heads != 0)
    return invalid_argument("LinearAttention: {} and {} heads of {} and {}", q_heads, kv_heads, to_string(q),
                            to_string(v));
  const std::int64_t size = q[2] / q_heads;
  double scale = attrs.get_float("scale", 0);
  if (scale == 0) scale = 1 / std::sqrt(static_cast<double>(size));
  plan.set("STEPS", q[1]);
  plan.set("Q_HEADS", q_heads);
  plan.set("KV_HEADS", kv_heads);
  plan.set("K_SIZE", size);
  plan.set("V_SIZE", v[2] / kv_heads);
  plan.set("DECAY_SIZE", plan.has(4) ? plan.shape(4)[2] / kv_heads : 1);
  plan.set("BETA_SIZE", plan.has(5) ? plan.shape(5)[2] : 1);
  plan.number("SCALE", scale);
  const std::int64_t columns = q[0] * kv_heads * (v[2] / kv_heads);
  plan.workspace = static_cast<std::size_t>(columns * size) * (plan.in(0).dtype == DType::f64 ? 8 : 4);
  return plan.add("linear", columns);
}

std::string causal_definitions(const Problem&) { return define("CAUSAL_CONV", 1); }

Status plan_causal(GeneralPlan& plan) {
  const Shape& x = plan.shape(0);
  const Shape& w = plan.shape(1);
  if (x.size() != 3 || w.size() != 3 || w[0] != x[1] || w[1] != 1 || w[2] < 1)
    return invalid_argument("CausalConvWithState: {} and weights {}", to_string(x), to_string(w));
  plan.set("CHANNELS", x[1]);
  plan.set("LENGTH", x[2]);
  plan.set("TAPS", w[2]);
  plan.set("ACTIVATED", plan.attrs().get_string("activation", "none") == "none" ? 0 : 1);
  INGOT_RETURN_IF_ERROR(plan.add("causal_conv", elements_of(plan.in(0))));
  return plan.add("present", x[0] * x[1] * (w[2] - 1));
}

constexpr std::string_view kFile = "general_attention.cu";
constexpr GeneralOp kOps[] = {
    {"Attention", kFile,
     "HEADS KV_HEADS QUERIES KEYS PAST SIZE V_SIZE Q_BATCH Q_HEAD Q_ROW K_BATCH K_HEAD K_ROW V_BATCH V_HEAD V_ROW "
     "Y_BATCH Y_HEAD Y_ROW CAUSAL LEFT RIGHT QK_MODE MASK_STRIDE*4 MASK_KEYS MASK_BATCHES "
     "Q_FIRST K_FIRST V_FIRST",
     "SCALE CAP", plan_attention, false, float_only, attention_definitions},
    {"RotaryEmbedding", kFile, "SIZE HEADS LENGTH BATCH_STRIDE HEAD_STRIDE ROW_STRIDE ROTATED ROWS INTERLEAVED", "",
     plan_rotary, false, float_only, rotary_definitions},
    {"LinearAttention", "general_state.cu", "STEPS Q_HEADS KV_HEADS K_SIZE V_SIZE DECAY_SIZE BETA_SIZE", "SCALE",
     plan_linear, false, float_only, linear_definitions},
    {"CausalConvWithState", "general_state.cu", "CHANNELS LENGTH TAPS ACTIVATED", "", plan_causal, false, float_only,
     causal_definitions},
};

}  // namespace

std::span<const GeneralOp> attention_ops() { return kOps; }

}  // namespace ingot::cuda
