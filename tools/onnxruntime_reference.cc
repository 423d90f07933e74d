// SPDX-License-Identifier: Apache-2.0
#include "onnxruntime_reference.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

extern char** environ;  // NOLINT(*-redundant-declaration): POSIX says that programs declare it

namespace ingot::tools {
namespace {

constexpr const char* kScript =
    "import sys, numpy, onnxruntime\n"
    "options = onnxruntime.SessionOptions(); options.log_severity_level = 3\n"
    "session = onnxruntime.InferenceSession(sys.argv[1], options, providers=['CPUExecutionProvider'])\n"
    "names = [o.name for o in session.get_outputs()]\n"
    "numpy.savez(sys.argv[3], **dict(zip(names, session.run(None, dict(numpy.load(sys.argv[2]))))))\n";

std::string interpreter() {
  if (const char* named = std::getenv("INGOT_PYTHON")) return named;
  return std::filesystem::exists(".venv/bin/python") ? ".venv/bin/python" : "python3";
}

// A fresh folder that vanishes with the object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "ingot-XXXXXX").string();
    if (mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace

Result<NamedTensors> run_onnxruntime(const std::string& model, const NamedTensors& inputs) {
  const TemporaryFolder folder;
  if (folder.path().empty()) return resource_exhausted("cannot make a temporary folder: {}", std::strerror(errno));
  const std::string feed = (folder.path() / "inputs.npz").string();
  const std::string results = (folder.path() / "outputs.npz").string();
  INGOT_RETURN_IF_ERROR(write_npz(feed, inputs));
  std::vector<std::string> words = {interpreter(), "-c", kScript, model, feed, results};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  if (const int code = posix_spawnp(&child, arguments[0], nullptr, nullptr, arguments.data(), environ); code != 0)
    return not_found("cannot start '{}': {} (INGOT_PYTHON names another interpreter)", words[0], std::strerror(code));
  int exit_status = 0;
  if (waitpid(child, &exit_status, 0) < 0 || !WIFEXITED(exit_status) || WEXITSTATUS(exit_status) != 0)
    return failed_precondition("ONNX Runtime under '{}' did not run the model (its message stands above)", words[0]);
  return read_npz(results);
}

}  // namespace ingot::tools
