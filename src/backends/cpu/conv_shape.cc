// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/conv_shape.h"

#include "backends/cpu/epilogue_form.h"
#include "backends/cpu/window_attrs.h"

namespace ingot::cpu {

Result<ConvShape> conv_shape(const Attrs& attrs, const Shape& x, const Shape& w, const Shape& out) {
  if (w.size() < 3) return unsupported("weights of shape {}", to_string(w));
  INGOT_ASSIGN_OR_RETURN(const WindowSizes sizes, window_sizes(attrs, x, Ints(w.begin() + 2, w.end()), out));
  for (const std::int64_t pad : sizes.pad_begin)
    if (pad < 0) return unsupported("negative padding");
  ConvShape shape;
  shape.batch = sizes.batch;
  shape.in_channels = sizes.channels;
  shape.out_channels = sizes.out_channels;
  shape.groups = attrs.get_int("group", 1);
  shape.in = sizes.in;
  shape.out = sizes.out;
  shape.kernel = sizes.kernel;
  shape.stride = sizes.stride;
  shape.dilation = sizes.dilation;
  shape.pad_begin = sizes.pad_begin;
  if (x[0] != out[0]) return invalid_argument("a batch of {} makes one of {}", x[0], out[0]);
  if (shape.groups < 1 || w[0] != shape.out_channels || w[1] * shape.groups != shape.in_channels ||
      shape.out_channels % shape.groups != 0)
    return invalid_argument("weights {} do not fit {} channels in {} groups", to_string(w), shape.in_channels,
                            shape.groups);
  return shape;
}

Support conv_support(const Problem& problem) {
  if (problem.kind != "Conv") return Support::no(Refusal::kKind);
  for (std::size_t i = 0; i < problem.own_inputs(); ++i)
    if (problem.inputs[i].present() && problem.inputs[i].dtype != DType::f32) return Support::no(Refusal::kDType);
  if (problem.attrs.get_int("channels_last", 0) == 0) return Support::no(Refusal::kLayout, "needs channels_last");
  if (!problem.inputs[1].constant) return Support::no(Refusal::kConstant, "weights are not constant");
  const Result<ConvShape> shape =
      conv_shape(problem.attrs, problem.inputs[0].shape, problem.inputs[1].shape, problem.outputs[0].shape);
  if (!shape.is_ok()) return Support::no(Refusal::kShape, shape.status().message());
  const Result<EpilogueForm> form = EpilogueForm::make(problem);
  if (!form.is_ok()) return Support::no(Refusal::kEpilogue, form.status().message());
  return Support::yes();
}

}  // namespace ingot::cpu
