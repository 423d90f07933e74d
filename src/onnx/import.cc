// SPDX-License-Identifier: Apache-2.0
#include "onnx/import.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <limits>
#include <string_view>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>

#include "onnx/graph_importer.h"
#include "onnx/support_check.h"

namespace ingot::onnx {
namespace {

// Files that are often handed over in a model's place.
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kMistaken = {{
    {"version https://git-lfs", "a Git LFS pointer; fetch the file that it stands for"},
    {"PK\x03\x04", "a zip archive (a PyTorch checkpoint?), not an ONNX model"},
    {"\x89HDF", "an HDF5 file (a Keras model?), not an ONNX model"},
    {"\x80\x02", "a Python pickle, not an ONNX model"},
}};

bool is_text(std::string_view head) {
  return std::ranges::all_of(head,
                             [](char c) { return (c >= 0x20 && c < 0x7f) || c == '\n' || c == '\r' || c == '\t'; });
}

Status not_a_model(std::string_view head) {
  if (head.empty()) return corrupt("the file is empty");
  for (const auto& [magic, what] : kMistaken) {
    if (head.starts_with(magic)) return corrupt("the file is {}", what);
  }
  if (is_text(head)) return corrupt("the file is text, not an ONNX model");
  return corrupt("not an ONNX model, or a truncated one: it cannot be parsed");
}

void describe(const ModelContext& context, ModelInfo& info) {
  const ModelProto& model = *context.model;
  info.ir_version = model.ir_version();
  info.producer_name = model.producer_name();
  info.producer_version = model.producer_version();
  info.domain = model.domain();
  info.graph_name = model.graph().name();
  info.model_version = model.model_version();
  info.opsets.insert(context.opsets.all().begin(), context.opsets.all().end());
  for (const auto& entry : model.metadata_props()) info.metadata.emplace_back(entry.key(), entry.value());
}

Result<std::shared_ptr<ir::Graph>> import_stream(google::protobuf::io::ZeroCopyInputStream& stream,
                                                 std::string_view head, const std::string& folder,
                                                 const ImportOptions& options, ModelInfo* info) {
  auto model = std::make_shared<ModelProto>();
  if (head.empty() || !model->ParseFromZeroCopyStream(&stream)) return not_a_model(head);
  if (!model->has_graph() && is_text(head)) return not_a_model(head);
  INGOT_ASSIGN_OR_RETURN(ModelContext context, ModelContext::create(std::move(model), ExternalData(folder)));
  if (info != nullptr) describe(context, *info);
  INGOT_RETURN_IF_ERROR(check_support(context));
  auto graph = import_main_graph(context, options);
  if (info != nullptr) {
    info->warnings = std::move(context.warnings);
    info->inputs = std::move(context.inputs);
  }
  return graph;
}

constexpr std::size_t kHeadSize = 512;

}  // namespace

Result<std::shared_ptr<ir::Graph>> import_bytes(std::span<const std::byte> bytes, const std::string& model_directory,
                                                const ImportOptions& options, ModelInfo* info) {
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    return invalid_argument("a model of {} bytes: ONNX allows less than 2 GiB without external data", bytes.size());
  google::protobuf::io::ArrayInputStream stream(bytes.data(), static_cast<int>(bytes.size()));
  const std::string head(reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), kHeadSize));
  return import_stream(stream, head, model_directory, options, info);
}

Result<std::shared_ptr<ir::Graph>> import_file(const std::string& path, const ImportOptions& options, ModelInfo* info) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return not_found("model file \"{}\": {}", path, std::strerror(errno));
  google::protobuf::io::FileInputStream stream(descriptor);
  stream.SetCloseOnDelete(true);
  struct stat facts {};
  if (::fstat(descriptor, &facts) != 0 || !S_ISREG(facts.st_mode))
    return invalid_argument("model file \"{}\" is not a regular file", path);
  if (facts.st_size > std::numeric_limits<int>::max())
    return invalid_argument("model file \"{}\" has {} bytes: ONNX allows less than 2 GiB without external data", path,
                            facts.st_size);
  std::string head(kHeadSize, '\0');
  head.resize(static_cast<std::size_t>(std::max<ssize_t>(::pread(descriptor, head.data(), head.size(), 0), 0)));
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  auto graph = import_stream(stream, head, folder.empty() ? "." : folder.string(), options, info);
  if (!graph.is_ok()) return std::move(graph).status().annotate(path);
  return graph;
}

}  // namespace ingot::onnx
