// SPDX-License-Identifier: Apache-2.0
// The commands of the program. Each add_* registers one subcommand with its options and returns what to run.
#pragma once

#include <functional>

#include <CLI/CLI.hpp>

#include "base/status.h"

namespace ingot::tools {

using Command = std::function<Status()>;

Command add_build(CLI::App& app);
Command add_run(CLI::App& app);
Command add_bench(CLI::App& app);
Command add_verify(CLI::App& app);
Command add_inspect(CLI::App& app);
Command add_doctor(CLI::App& app);
Command add_plugin(CLI::App& app);
Command add_ops(CLI::App& app);
Command add_completion(CLI::App& app);

}  // namespace ingot::tools
