// SPDX-License-Identifier: Apache-2.0
// The shape rules, one line per case: operator, attributes, operands -> output types or the start of the error.
#include "ops/infer.h"

#include <gtest/gtest.h>

namespace ingot::ops {
namespace {

// Operands are written "f32[N, 3]" (a value), "=[1, -1]" (a constant i64 vector), "=5" (a constant i64 scalar),
// "~[2.0, 0.5]" (a constant f32 vector), "$[N, 4]" (an i64 vector of dimension expressions), "-" (absent).
struct Case {
  std::string op, attrs;
  std::vector<std::string> inputs;
  std::string want;  // output types joined with "; ", or "!" and a part of the error message
  std::size_t outputs = 1;
};

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  int depth = 0;
  std::string part;
  for (const char c : text) {
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (c == ',' && depth == 0) {
      parts.push_back(part);
      part.clear();
    } else if (c != ' ' || !part.empty()) {
      part += c;
    }
  }
  if (!part.empty()) parts.push_back(part);
  return parts;
}

SymShape dims_of(std::string_view inside) {
  SymShape shape;
  for (const std::string& part : split(inside)) shape.push_back(Dim::parse(part).value());
  return shape;
}

ir::ValueId add_operand(ir::Graph& graph, std::string_view text) {
  if (text == "-") return ir::kNoValue;
  const char kind = text.front();
  if (kind == '=' && text[1] != '[') {
    return graph.add_constant("", share(HostTensor::scalar(DType::i64, std::stod(std::string(text.substr(1))))));
  }
  const std::size_t open = text.find('[');
  const std::string_view inside = text.substr(open + 1, text.size() - open - 2);
  if (kind == '=') {
    Ints values;
    for (const std::string& part : split(inside)) values.push_back(std::stoll(part));
    return graph.add_constant("", share(HostTensor::of_ints(values)));
  }
  if (kind == '~') {
    std::vector<float> values;
    for (const std::string& part : split(inside)) values.push_back(std::stof(part));
    return graph.add_constant("", share(HostTensor::of<float>(DType::f32, {static_cast<std::int64_t>(values.size())},
                                                              std::span<const float>(values))));
  }
  if (kind == '$') {
    const SymShape dims = dims_of(inside);
    const ir::ValueId id =
        graph.add_input("", ir::Type::tensor(DType::i64, SymShape{Dim(static_cast<std::int64_t>(dims.size()))}));
    graph.value(id).symbolic_value = dims;
    return id;
  }
  const DType type = dtype_from_string(text.substr(0, open)).value();
  return graph.add_input("", ir::Type::tensor(type, inside == "?" ? std::nullopt : std::optional(dims_of(inside))));
}

struct Outcome {
  std::string types, values, error;
};

Outcome run(const Case& c) {
  ir::Graph graph;
  std::vector<ir::ValueId> inputs;
  for (const std::string& text : c.inputs) inputs.push_back(add_operand(graph, text));
  std::string_view attrs_text = c.attrs;
  auto attrs = attrs_text.empty() ? Result<Attrs>(Attrs()) : Attrs::parse(attrs_text);
  EXPECT_TRUE(attrs.is_ok()) << attrs.status().to_string();
  auto outputs = infer(graph, c.op, *attrs, inputs, c.outputs);
  if (!outputs.is_ok()) return {"", "", outputs.status().message()};
  Outcome outcome;
  for (const InferredOutput& output : *outputs) {
    outcome.types += (outcome.types.empty() ? "" : "; ") + output.type.to_string();
    if (output.symbolic_value) outcome.values += to_string(*output.symbolic_value);
  }
  return outcome;
}

void check(const Case& c) {
  std::string inputs;
  for (const std::string& input : c.inputs) inputs += (inputs.empty() ? "" : ", ") + input;
  SCOPED_TRACE(c.op + c.attrs + "(" + inputs + ")");
  const Outcome outcome = run(c);
  if (c.want.front() == '!') {
    EXPECT_NE(outcome.error.find(c.want.substr(1)), std::string::npos)
        << "types: " << outcome.types << "\nerror: " << outcome.error;
  } else {
    EXPECT_EQ(outcome.types, c.want) << outcome.error;
  }
}

TEST(Infer, Pointwise) {
  for (const Case& c : std::vector<Case>{
           {"Add", "", {"f32[N, 1, 3]", "f32[4, 1]"}, "f32[N, 4, 3]"},
           {"Add", "", {"f32[N, 3]", "f32[M, 3]"}, "f32[max(M, N), 3]"},
           {"Add", "", {"f32[N, 3]", "f32[8, 3]"}, "f32[8, 3]"},
           {"Add", "", {"f32[0, 3]", "f32[1, 3]"}, "f32[0, 3]"},
           {"Add", "", {"f32[?]", "f32[1, 3]"}, "f32[?]"},
           {"Add",
            "",
            {"f32[2, 3]", "f32[4, 3]"},
            "!input 1 (B) has shape [4, 3], which does not broadcast with [2, 3]"},
           {"Add", "", {"f32[2]", "f16[2]"}, "!input 1 (B) is f16, but must be f32 as is input 0 (A)"},
           {"Add", "", {"f32[2]"}, "!1 inputs given, but 2 are needed"},
           {"Add", "", {"f32[2]", "-"}, "!input 1 (B) is missing"},
           {"Greater", "", {"f32[N, 3]", "f32[]"}, "boolean[N, 3]"},
           {"Where", "", {"boolean[N, 1]", "f16[3]", "f16[]"}, "f16[N, 3]"},
           {"Cast", "{to=:f16}", {"f32[N]"}, "f16[N]"},
           {"Cast", "{to=10}", {"f32[N]"}, "!attribute to is an integer, but must be an element type"},
           {"Cast", "", {"f32[N]"}, "!attribute to (an element type) is missing"},
           {"CastLike", "", {"f32[N]", "i64[7]"}, "i64[N]"},
           {"Clip", "", {"f32[2, N]", "-", "f32[]"}, "f32[2, N]"},
           {"Clip", "", {"f32[]", "f32[2]"}, "!does not broadcast to []"},
           {"LeakyRelu", "{alhpa=0.1}", {"f32[2]"}, "!unknown attribute \"alhpa\"; did you mean 'alpha'?"},
           {"PRelu", "", {"f32[N, 8, H]", "f32[8, 1]"}, "f32[N, 8, H]"},
           {"PRelu", "", {"f32[8]", "f32[2, 8]"}, "!does not broadcast to [8]"},
           {"Pow", "", {"f32[N]", "i64[]"}, "f32[N]"},
           {"Sum", "", {"f32[N, 1]", "f32[1, 4]", "f32[4]"}, "f32[N, 4]"},
           {"Relu", "", {"string[2]"}, "!input 0 (X) is string, but must be a number type"},
           {"Pointwise",
            "{expr=\"(x0:f32, x1:f32) { t0 = add(x0, x1); t1 = cast<i8>(t0) }\"}",
            {"f32[N, 3]", "f32[3]"},
            "i8[N, 3]"},
           {"Pointwise",
            "{expr=\"(x0:f32) { t0 = neg(x0) }\"}",
            {"f16[2]"},
            "!input 0 (inputs) is f16, but the expression takes f32"},
           {"Rleu", "", {"f32[2]"}, "!there is no operator Rleu; did you mean 'Relu'?"},
       }) {
    check(c);
  }
}

TEST(Infer, ConvolutionAndPooling) {
  for (const Case& c : std::vector<Case>{
           {"Conv",
            "{pads=[3, 3, 3, 3], strides=[2, 2]}",
            {"f32[N, 3, 224, 224]", "f32[64, 3, 7, 7]", "f32[64]"},
            "f32[N, 64, 112, 112]"},
           {"Conv", "{pads=[1, 1, 1, 1]}", {"f32[1, 8, H, W]", "f32[16, 8, 3, 3]"}, "f32[1, 16, H, W]"},
           {"Conv", "{channels_last=1, group=8}", {"f16[N, H, W, 8]", "f16[8, 1, 3, 3]"}, "f16[N, H - 2, W - 2, 8]"},
           {"Conv",
            "{auto_pad=\"SAME_UPPER\", strides=[2]}",
            {"f32[N, 4, L]", "f32[6, 4, 5]"},
            "f32[N, 6, floordiv(L + 1, 2)]"},
           {"Conv", "{dilations=[2, 2]}", {"f32[1, 1, 9, 9]", "f32[1, 1, 3, 3]"}, "f32[1, 1, 5, 5]"},
           {"Conv", "", {"f32[0, 3, 5, 5]", "f32[2, 3, 3, 3]"}, "f32[0, 2, 3, 3]"},
           {"Conv", "", {"f32[1, 4, 9, 9]", "f32[2, 3, 3, 3]"}, "!input 0 (X) has 4 channels"},
           {"Conv", "", {"f32[1, 3, 2, 2]", "f32[2, 3, 7, 7]"}, "!too small"},
           {"Conv",
            "",
            {"f32[1, 3, 9, 9]", "f32[2, 3, 3, 3]", "f32[3]"},
            "!input 2 (B) has shape [3], but its dimension 0 must be 2"},
           {"Conv",
            "{kernel_shape=[3, 4]}",
            {"f32[1, 3, 9, 9]", "f32[2, 3, 3, 3]"},
            "!input 1 (W) has shape [2, 3, 3, 3]"},
           {"Conv", "{strides=[0, 1]}", {"f32[1, 3, 9, 9]", "f32[2, 3, 3, 3]"}, "!attribute strides holds 0"},
           {"Conv",
            "{epilogue=\"(x0:f32, x1:f32) { t0 = add(x0, x1); t1 = cast<f16>(t0) }\", epilogue_inputs=1}",
            {"f32[N, 3, 8, 8]", "f32[4, 3, 1, 1]", "f32[N, 4, 8, 8]"},
            "f16[N, 4, 8, 8]"},
           {"Conv",
            "{epilogue=\"(x0:f32, x1:f32) { t0 = add(x0, x1) }\", epilogue_inputs=1}",
            {"f32[N, 3, 8, 8]", "f32[4, 3, 1, 1]", "f32[5, 1, 1]"},
            "!epilogue input 2 has shape [5, 1, 1], which does not broadcast"},
           {"Conv",
            "{epilogue=\"(x0:f16) { t0 = neg(x0) }\"}",
            {"f32[N, 3, 8, 8]", "f32[4, 3, 1, 1]"},
            "!takes f16 as x0"},
           {"ConvTranspose",
            "{strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1]}",
            {"f32[N, 8, H, W]", "f32[8, 4, 3, 3]", "f32[4]"},
            "f32[N, 4, 2*H, 2*W]"},
           {"ConvTranspose",
            "{output_shape=[10, 12], strides=[2, 2]}",
            {"f32[1, 8, 5, 6]", "f32[8, 4, 3, 3]"},
            "f32[1, 4, 10, 12]"},
           {"DeformConv",
            "{pads=[1, 1, 1, 1]}",
            {"f32[N, 8, H, W]", "f32[4, 8, 3, 3]", "f32[N, 18, H, W]", "-", "f32[N, 9, H, W]"},
            "f32[N, 4, H, W]"},
           {"DeformConv",
            "{offset_group=2}",
            {"f32[1, 8, 9, 9]", "f32[4, 8, 3, 3]", "f32[1, 18, 7, 7]"},
            "!input 2 (offset)"},
           {"MaxPool",
            "{kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]}",
            {"f32[N, 64, 112, 112]"},
            "f32[N, 64, 56, 56]; i64[N, 64, 56, 56]",
            2},
           {"MaxPool",
            "{kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1}",
            {"f32[1, 1, 5, H]"},
            "f32[1, 1, 3, floordiv(H - 1, 2) + 1]"},
           {"AveragePool", "{kernel_shape=[1], strides=[2], ceil_mode=1}", {"f32[1, 1, 4]"}, "f32[1, 1, 2]"},
           {"AveragePool", "{kernel_shape=[2, 2], channels_last=1}", {"f32[1, 5, 5, C]"}, "f32[1, 4, 4, C]"},
           {"AveragePool", "", {"f32[1, 5, 5, C]"}, "!attribute kernel_shape (a list of integers) is missing"},
           {"GlobalAveragePool", "", {"f32[N, C, H, W]"}, "f32[N, C, 1, 1]"},
           {"GlobalMaxPool", "{channels_last=1}", {"f32[N, H, W, C]"}, "f32[N, 1, 1, C]"},
       }) {
    check(c);
  }
}

TEST(Infer, MatMulReduceNormalize) {
  for (const Case& c : std::vector<Case>{
           {"MatMul", "", {"f32[N, 1, 8, K]", "f32[4, K, 16]"}, "f32[N, 4, 8, 16]"},
           {"MatMul", "", {"f32[8]", "f32[N, 8, 3]"}, "f32[N, 3]"},
           {"MatMul", "", {"f32[8]", "f32[8]"}, "f32[]"},
           {"MatMul", "{transB=1}", {"f32[N, T, 64]", "f32[100, 64]", "f32[100]"}, "f32[N, T, 100]"},
           {"MatMul", "", {"f32[2, 3]", "f32[4, 5]"}, "!do not multiply: 3 columns meet 4 rows"},
           {"MatMul", "{transB=1}", {"f32[2, 3]", "f32[4, 3]", "f32[3]"}, "!input 2 (bias)"},
           {"MatMul",
            "{epilogue=\"(x0:f32, x1:f32) { t0 = mul(x0, x1) }\", epilogue_inputs=1}",
            {"f32[N, 3]", "f32[3, 5]", "f32[5]"},
            "f32[N, 5]"},
           {"Gemm", "{transA=1, beta=0.5}", {"f32[8, N]", "f32[8, 4]", "f32[1, 4]"}, "f32[N, 4]"},
           {"Gemm", "", {"f32[2, 8]", "f32[8, 4]", "f32[3, 4]"}, "!input 2 (C)"},
           {"MatMulInteger", "", {"u8[2, 8]", "i8[8, 4]"}, "i32[2, 4]"},
           {"ReduceMean", "", {"f32[N, C, H]", "=[-1, 1]"}, "f32[N, 1, 1]"},
           {"ReduceMean", "{keepdims=0}", {"f32[N, C, H]", "=[-1]"}, "f32[N, C]"},
           {"ReduceSum", "{keepdims=0}", {"f32[N, C, H]"}, "f32[]"},
           {"ReduceSum", "{noop_with_empty_axes=1}", {"f32[N, C]"}, "f32[N, C]"},
           {"ReduceMax", "", {"f32[N, C]", "=[2]"}, "!axis 2 is out of range for rank 2: it must be in [-2, 1]"},
           {"ReduceMax", "", {"f32[N, C]", "=[1, -1]"}, "!names an axis twice"},
           {"ReduceMax", "{keepdims=0, epilogue=\"(x0:f32) { t0 = exp(x0) }\"}", {"f32[N, C]", "=[1]"}, "f32[N]"},
           {"ArgMax", "{axis=-1, keepdims=0}", {"f32[N, 10]"}, "i64[N]"},
           {"CumSum", "", {"f32[N, 10]", "=1"}, "f32[N, 10]"},
           {"Softmax", "{axis=-1}", {"f32[N, 10]"}, "f32[N, 10]"},
           {"Softmax", "{axis=2}", {"f32[N, 10]"}, "!axis 2 is out of range"},
           {"LayerNormalization",
            "{axis=-1}",
            {"f16[N, T, 64]", "f16[64]", "f16[64]"},
            "f16[N, T, 64]; f32[N, T, 1]; f32[N, T, 1]",
            3},
           {"LayerNormalization", "", {"f16[N, T, 64]", "f16[32]"}, "!input 1 (Scale) has shape [32]"},
           {"RMSNormalization", "", {"f32[N, 64]", "f32[64]"}, "f32[N, 64]"},
           {"BatchNormalization", "", {"f32[N, 8, H]", "f32[8]", "f32[8]", "f32[8]", "f32[8]"}, "f32[N, 8, H]"},
           {"BatchNormalization",
            "{channels_last=1}",
            {"f32[N, 8, H]", "f32[8]", "f32[8]", "f32[8]", "f32[8]"},
            "f32[N, 8, H]"},
           {"BatchNormalization", "", {"f32[N, 7, H]", "f32[8]", "f32[8]", "f32[8]", "f32[8]"}, "!input 1 (scale)"},
           {"GroupNormalization",
            "{num_groups=3}",
            {"f32[N, 8, H]", "f32[8]", "f32[8]"},
            "!no multiple of num_groups 3"},
           {"Dropout", "", {"f32[N, 8]"}, "f32[N, 8]; boolean[N, 8]", 2},
       }) {
    check(c);
  }
}

TEST(Infer, Shapes) {
  for (const Case& c : std::vector<Case>{
           {"Reshape", "", {"f32[N, 8, 7, 7]", "=[0, -1]"}, "f32[N, 392]"},
           {"Reshape", "", {"f32[N, T, 768]", "=[0, 0, 12, 64]"}, "f32[N, T, 12, 64]"},
           {"Reshape", "", {"f32[N, T, 768]", "$[N, T, 12, -1]"}, "f32[N, T, 12, 64]"},
           {"Reshape", "", {"f32[N, T, 768]", "=[-1, 768]"}, "f32[N*T, 768]"},
           {"Reshape", "", {"f32[N*T, 768]", "$[N, -1, 768]"}, "f32[N, T, 768]"},
           {"Reshape", "", {"f32[4, H]", "=[2, -1]"}, "f32[2, 2*H]"},
           {"Reshape", "", {"f32[H]", "=[2, -1]"}, "f32[2, floordiv(H, 2)]"},
           {"Reshape", "{allowzero=1}", {"f32[0, 3]", "=[3, 0]"}, "f32[3, 0]"},
           {"Reshape", "", {"f32[0, 3]", "=[0, -1]"}, "f32[0, 3]"},
           {"Reshape", "", {"f32[2, 3]", "=[4, 2]"}, "!whose elements do not fit [4, 2]"},
           {"Reshape", "", {"f32[2, 3]", "=[4, -1]"}, "!do not divide"},
           {"Reshape", "", {"f32[2, 3]", "=[-1, -1]"}, "!only one dimension may be -1"},
           {"Reshape", "", {"f32[?]", "=[2, 3]"}, "f32[2, 3]"},
           {"Flatten", "", {"f32[N, 3, H, W]"}, "f32[N, 3*H*W]"},
           {"Flatten", "{axis=0}", {"f32[N, 3]"}, "f32[1, 3*N]"},
           {"Squeeze", "", {"f32[N, 1, 3, 1]", "=[1, -1]"}, "f32[N, 3]"},
           {"Squeeze", "", {"f32[N, 2]", "=[1]"}, "!its dimension 1 must be 1"},
           {"Squeeze", "", {"f32[2, 1]"}, "f32[2]"},
           {"Unsqueeze", "", {"f32[N, 3]", "=[0, -1]"}, "f32[1, N, 3, 1]"},
           {"Expand", "", {"f32[1, 3]", "$[N, 1, 3]"}, "f32[N, 1, 3]"},
           {"Shape", "{start=1}", {"f32[N, 3, H]"}, "i64[2]"},
           {"DimTensor", "{dims=($N, $2*H), scalar=0}", {}, "i64[2]"},
           {"DimTensor", "{dims=($N), scalar=1}", {}, "i64[]"},
           {"Transpose", "{perm=[0, 2, 1]}", {"f32[N, 3, H]"}, "f32[N, H, 3]"},
           {"Transpose", "", {"f32[N, 3]"}, "f32[3, N]"},
           {"Transpose", "{perm=[0, -1]}", {"f32[N, 3]"}, "!holds -1"},
           {"Transpose", "{perm=[0, 0]}", {"f32[N, 3]"}, "!names an axis twice"},
           {"Concat", "{axis=1}", {"f32[N, 3]", "f32[N, K]"}, "f32[N, K + 3]"},
           {"Concat", "{axis=-1}", {"f32[2, 3]", "f32[3, 3]"}, "!input 1 (inputs) has shape [3, 3]"},
           {"Split", "{axis=1}", {"f32[N, 7]"}, "f32[N, 3]; f32[N, 3]; f32[N, 1]", 3},
           {"Split", "{axis=1}", {"f32[N, 7]", "=[3, 4]"}, "f32[N, 3]; f32[N, 4]", 2},
           {"Split", "{axis=1}", {"f32[N, 7]", "=[3, 5]"}, "!adds up to 8", 2},
           {"Slice", "", {"f32[N, 10]", "=[2]", "=[8]", "=[1]", "=[2]"}, "f32[N, 3]"},
           {"Slice", "", {"f32[N, 10]", "=[-1]", "=[-9223372036854775807]", "=[1]", "=[-1]"}, "f32[N, 10]"},
           {"Slice", "", {"f32[N, T]", "=[1]", "=[9223372036854775807]", "=[1]"}, "f32[N, T - 1]"},
           {"Slice", "", {"f32[N, T]", "=[0]", "$[T]", "=[1]"}, "f32[N, T]"},
           {"Slice", "", {"f32[N, T]", "=[0]", "=[-1]", "=[1]"}, "f32[N, T - 1]"},
           {"Slice", "", {"f32[N, T]", "=[-1]", "=[9223372036854775807]", "=[1]"}, "f32[N, 1]"},
           {"Slice", "", {"f32[N, T]", "=[0]", "$[S]", "=[1]"}, "f32[N, min(S, T)]"},
           {"Slice", "", {"f32[N, T]", "=[-1]", "=[-9223372036854775807]", "=[1]", "=[-1]"}, "f32[N, T]"},
           {"Slice", "", {"f32[N, 10]", "=[20]", "=[30]", "=[1]"}, "f32[N, 0]"},
           {"Slice", "", {"f32[N, 0]", "=[-1]", "=[-9223372036854775807]", "=[1]", "=[-1]"}, "f32[N, 0]"},
           {"Slice", "", {"f32[N, 10]", "=[9]", "=[-9223372036854775808]", "=[1]", "=[-3]"}, "f32[N, 4]"},
           {"Split", "", {"$[N, M]", "=[3, -1]"}, "!too small", 2},
           {"Slice", "", {"f32[N, 10]", "=[0]", "=[3]", "=[2]"}, "!out of range"},
           {"Pad", "", {"f32[N, 3, H]", "=[0, 0, 1, 0, 0, 2]"}, "f32[N, 3, H + 3]"},
           {"Pad", "{mode=\"mirror\"}", {"f32[3]", "=[0, 0]"}, "!must be one of \"constant\", \"reflect\""},
           {"Tile", "", {"f32[N, 3]", "=[2, 4]"}, "f32[2*N, 12]"},
           {"DepthToSpace", "{blocksize=2}", {"f32[N, 12, H, W]"}, "f32[N, 3, 2*H, 2*W]"},
           {"DepthToSpace", "{blocksize=2, channels_last=1}", {"f32[N, H, W, 12]"}, "f32[N, 2*H, 2*W, 3]"},
           {"SpaceToDepth", "{blocksize=2}", {"f32[N, 3, 8, 6]"}, "f32[N, 12, 4, 3]"},
           {"Resize", "{mode=\"nearest\"}", {"f32[N, 3, H, W]", "-", "~[1.0, 1.0, 2.0, 2.0]"}, "f32[N, 3, 2*H, 2*W]"},
           {"Resize",
            "",
            {"f32[N, H, 10, W]", "-", "~[1.0, 0.5, 0.7, 0.6]"},
            "f32[N, floordiv(H, 2), 7, floordiv(3*W, 5)]"},
           {"Resize", "{axes=[2, 3]}", {"f32[N, 3, H, W]", "-", "-", "$[2*H, 7]"}, "f32[N, 3, 2*H, 7]"},
           {"Resize", "", {"f32[N, 3, 8, 8]"}, "!exactly one of"},
       }) {
    check(c);
  }
}

TEST(Infer, GatherGenerateQuantizeAttend) {
  const std::string attention = "{kv_num_heads=2, q_num_heads=4}";
  for (const Case& c : std::vector<Case>{
           {"Gather", "{axis=1}", {"f32[N, 8, 3]", "i64[K, 2]"}, "f32[N, K, 2, 3]"},
           {"Gather", "", {"f32[30, 8]", "i64[N, T]"}, "f32[N, T, 8]"},
           {"Gather", "", {"f32[3]", "=[3]"}, "!input 1 (indices) holds 3"},
           {"GatherElements", "{axis=1}", {"f32[N, 8]", "i64[N, 2]"}, "f32[N, 2]"},
           {"GatherND", "{batch_dims=1}", {"f32[N, 4, 5, 6]", "i64[N, 7, 2]"}, "f32[N, 7, 6]"},
           {"ScatterND", "", {"f32[8, 3]", "i64[K, 1]", "f32[K, 3]"}, "f32[8, 3]"},
           {"ScatterND", "", {"f32[8, 3]", "i64[K, 1]", "f32[K, 4]"}, "!input 2 (updates)"},
           {"ScatterElements", "{reduction=\"sum\"}", {"f32[8]", "i64[2]", "f32[2]"}, "!attribute reduction"},
           {"TopK", "", {"f32[N, 100]", "=[5]"}, "f32[N, 5]; i64[N, 5]", 2},
           {"OneHot", "", {"i64[N]", "=10", "f32[2]"}, "f32[N, 10]"},
           {"NonZero", "", {"f32[N, 3]"}, "i64[2, _NonZero.0.0]"},
           {"Range", "", {"=2", "=10", "=3"}, "i64[3]"},
           {"ConstantOfShape", "", {"$[N, 3]"}, "f32[N, 3]"},
           {"ConstantOfShape", "", {"i64[2]"}, "f32[_ConstantOfShape.0.0, _ConstantOfShape.0.1]"},
           {"QuantizeLinear", "{axis=1}", {"f32[N, 8, H]", "f32[8]", "i8[8]"}, "i8[N, 8, H]"},
           {"QuantizeLinear", "", {"f32[N, 8]", "f32[]"}, "u8[N, 8]"},
           {"DequantizeLinear", "", {"i8[N, 8]", "f32[]", "i8[1]"}, "f32[N, 8]"},
           {"DequantizeLinear", "", {"i8[N, 8]", "f32[]", "i8[8]"}, "!input 2 (x_zero_point) has shape [8]"},
           {"QuantizeLinear", "{axis=1}", {"f32[N, 8, H]", "f32[7]"}, "!input 1 (y_scale) has shape [7]"},
           {"DequantizeLinear", "{axis=1, block_size=32}", {"i4[64, 128]", "f16[64, 4]", "i4[64, 4]"}, "f16[64, 128]"},
           {"Attention", "", {"f32[N, 8, T, 64]", "f32[N, 8, S, 64]", "f32[N, 8, S, 32]"}, "f32[N, 8, T, 32]"},
           {"Attention",
            attention,
            {"f32[N, T, 256]", "f32[N, S, 128]", "f32[N, S, 64]", "-", "f32[N, 2, P, 64]", "f32[N, 2, P, 32]"},
            "f32[N, T, 128]; f32[N, 2, P + S, 64]; f32[N, 2, P + S, 32]",
            3},
           {"Attention", "", {"f32[N, T, 256]", "f32[N, S, 128]", "f32[N, S, 64]"}, "!attribute q_num_heads is needed"},
           {"Attention",
            "{columns=[0, 64, 128], head_sizes=[16, 8], kv_num_heads=2, q_num_heads=4}",
            {"f32[N, T, 144]", "f32[N, S, 144]", "f32[N, S, 144]"},
            "f32[N, T, 32]"},
           {"Attention",
            "{columns=[0, 64, 129], head_sizes=[16, 8], kv_num_heads=2, q_num_heads=4}",
            {"f32[N, T, 144]", "f32[N, S, 144]", "f32[N, S, 144]"},
            "!does not hold 2 heads of 8 from column 129"},
           {"Einsum", "{equation=\"bhqd,bhkd->bhqk\"}", {"f32[B, 8, Q, 64]", "f32[B, 8, K, 64]"}, "f32[B, 8, Q, K]"},
           {"Einsum", "{equation=\"...ij,jk\"}", {"f32[N, 3, 4]", "f32[4, 5]"}, "f32[N, 3, 5]"},
           {"LSTM",
            "{hidden_size=16}",
            {"f32[T, N, 8]", "f32[1, 64, 8]", "f32[1, 64, 16]"},
            "f32[T, 1, N, 16]; f32[1, N, 16]; f32[1, N, 16]",
            3},
           {"GridSample", "", {"f32[N, 3, H, W]", "f32[N, 5, 6, 2]"}, "f32[N, 3, 5, 6]"},
       }) {
    check(c);
  }
}

// The symbolic values of small integer tensors.
TEST(Infer, SymbolicValues) {
  for (const Case& c : std::vector<Case>{
           {"Shape", "{start=1}", {"f32[N, 3, H]"}, "[3, H]"},
           {"Size", "", {"f32[N, 3, H]"}, "[3*H*N]"},
           {"Gather", "", {"$[N, 3, H]", "=-1"}, "[H]"},
           {"Slice", "", {"$[N, 3, H]", "=[1]", "=[9223372036854775807]"}, "[3, H]"},
           {"Slice", "", {"$[N, 3, H]", "=[-1]", "=[-9223372036854775807]", "=[0]", "=[-1]"}, "[H, 3, N]"},
           {"Concat", "{axis=0}", {"$[N]", "=[2]", "$[2*H]"}, "[N, 2, 2*H]"},
           {"Mul", "", {"$[N, H]", "=[2]"}, "[2*N, 2*H]"},
           {"Div", "", {"$[N, H]", "=[2]"}, "[floordiv(N, 2), floordiv(H, 2)]"},
           {"Div", "", {"=[-7]", "=[2]"}, "[-3]"},
           {"Sub", "", {"$[N]", "=[1]"}, "[N - 1]"},
           {"Cast", "{to=:i32}", {"$[N]"}, "[N]"},
           {"Cast", "{to=:f32}", {"$[N]"}, ""},
           {"Equal", "", {"$[N, 3, -1]", "=[-1]"}, "[0, 0, 1]"},
           {"Equal", "", {"$[N]", "$[M]"}, ""},
           {"Where", "", {"boolean[2]", "$[N, 3]", "=[1, 1]"}, ""},
           {"Squeeze", "", {"$[N]", "=[0]"}, "[N]"},
           {"Range", "", {"=0", "=3", "=1"}, "[0, 1, 2]"},
           {"ConstantOfShape", "{value=<i64[1] 0x0100000000000000>}", {"=[3]"}, "[1, 1, 1]"},
           {"ReduceProd", "{keepdims=0}", {"$[N, 3]"}, "[3*N]"},
           {"DimTensor", "{dims=($N, $H)}", {}, "[N, H]"},
           {"Split", "", {"$[N, H]", "=[1, 1]"}, "[N][H]", 2},
           {"Pointwise",
            "{expr=\"(x0:i64, x1:i64) { t0 = add(x0, x1); t1 = const<i64>(2); t2 = div(t0, t1) }\"}",
            {"$[N]", "=[1]"},
            "[floordiv(N + 1, 2)]"},
       }) {
    SCOPED_TRACE(c.op + c.attrs);
    const Outcome outcome = run(c);
    EXPECT_EQ(outcome.error, "");
    EXPECT_EQ(outcome.values, c.want) << outcome.types;
  }
}

TEST(Infer, GraphIsReinferredWithTheSameSymbols) {
  ir::Graph graph;
  const ir::ValueId x = graph.add_input("x", ir::Type::tensor(DType::f32, dims_of("N, 3")));
  const ir::NodeId relu = add_node(graph, "Relu", "r", {x}, {}, {"y"}).value();
  const ir::ValueId y = graph.node(relu).outputs[0];
  const ir::NodeId non_zero = add_node(graph, "NonZero", "nz", {y}, {}, {"z"}).value();
  const ir::ValueId z = graph.node(non_zero).outputs[0];
  graph.set_outputs({z});
  const std::string before = graph.value(z).type.to_string();
  graph.value(x).type = ir::Type::tensor(DType::f32, dims_of("4, 3"));
  ASSERT_TRUE(infer_graph(graph).is_ok());
  EXPECT_EQ(graph.value(y).type.to_string(), "f32[4, 3]");
  EXPECT_EQ(graph.value(z).type.to_string(), before);
  const Status wrong = add_node(graph, "MatMul", "fc1", {x, x}, {}, {"w"}).status();
  EXPECT_NE(wrong.message().find("node \"fc1\" (MatMul): "), std::string::npos) << wrong.message();
}

TEST(Infer, BranchesJoin) {
  const auto branch = [](std::string_view shape) {
    auto body = std::make_shared<ir::Graph>();
    body->set_outputs({body->add_input("x", ir::Type::tensor(DType::f32, dims_of(shape)))});
    return body;
  };
  ir::Graph graph;
  const ir::ValueId cond = graph.add_input("c", ir::Type::tensor(DType::boolean, SymShape{}));
  const ir::ValueId x = graph.add_input("x", ir::Type::tensor(DType::f32, dims_of("N, 3")));
  const std::vector<std::pair<std::string, std::shared_ptr<ir::Graph>>> bodies{{"then_branch", branch("N, 3")},
                                                                               {"else_branch", branch("M, 3")}};
  const auto outputs = infer(graph, "If", {}, {cond, x}, 1, bodies);
  ASSERT_TRUE(outputs.is_ok()) << outputs.status().message();
  EXPECT_EQ((*outputs)[0].type.to_string(), "f32[_If.0.1.1, 3]");
  EXPECT_FALSE(infer(graph, "If", {}, {cond}, 1, bodies).is_ok());
  EXPECT_FALSE(infer(graph, "If", {}, {cond, x}, 1).is_ok());
}

}  // namespace
}  // namespace ingot::ops
