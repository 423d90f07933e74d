// SPDX-License-Identifier: Apache-2.0
// Session: what the passes of one run of the pipeline share: options, the number of the next patch, the trace.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "ir/graph.h"

namespace ingot::passes {

struct TraceEvent {
  int number = 0;  // of the patch, from 1, over the whole pipeline
  std::string_view pass, rule;
  std::string_view nodes;  // names of the nodes that were rewritten and, after "->", of what replaced them
};

struct PassTime {
  std::string pass;
  int patches = 0;
  double milliseconds = 0;
};

struct Options {
  bool channels_last = false;      // run image operators in [N, spatial..., C]
  bool widen_half = false;         // compute f16 and bf16 in f32
  bool expand_quantized = false;   // quantised operators as work of other kinds; products as below, or exactly in f32
  bool integer_products = false;   // keep products of bytes as ConvInteger and MatMulInteger, with epilogues
  bool part_convolutions = false;  // several narrow convolutions of one tensor rather than parts of the result of one
  bool fuse_attention = true;
  bool fuse_epilogues = true;
  std::vector<std::string> disabled;  // names of passes or rules
  int stop_after = -1;                // patches to apply in all; -1: no limit. For bisection.
  bool verify_each = true;            // check the graph after every pass that changed it
  std::string dump_on_failure;        // file that receives the graph's text from before the failing pass; "": none
  std::function<void(const TraceEvent&)> trace;
  std::vector<PassTime>* times = nullptr;
};

struct Session {
  const Options& options;
  std::string_view pass;
  int patches = 0;

  [[nodiscard]] bool stopped() const { return options.stop_after >= 0 && patches >= options.stop_after; }
  [[nodiscard]] bool enabled(std::string_view name) const {
    return std::find(options.disabled.begin(), options.disabled.end(), name) == options.disabled.end();
  }
  // Counts one change and reports it.
  void record(std::string_view rule, std::string_view nodes) {
    ++patches;
    if (options.trace) options.trace({patches, pass, rule, nodes});
  }
};

}  // namespace ingot::passes
