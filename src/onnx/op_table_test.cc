// SPDX-License-Identifier: Apache-2.0
#include "onnx/op_table.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "onnx/import.h"
#include "ops/op_def.h"

namespace ingot::onnx {
namespace {

TEST(OpTable, RowsAreSaneAndSorted) {
  std::string_view previous;
  for (const OpRow& row : op_rows()) {
    EXPECT_LE(row.since, row.until) << row.op;
    EXPECT_LE(row.since, kNewestOpset) << row.op;
    if (row.domain.empty()) {
      EXPECT_LT(previous, row.op);
      previous = row.op;
    }
  }
}

// Every canonical operator that ONNX has too is reachable from a model.
TEST(OpTable, EveryOnnxOperatorOfTheEngineHasARow) {
  const std::set<std::string_view> own = {"DCNv3", "DimTensor", "PairwiseCoupling", "Pointwise"};
  std::set<std::string_view> reachable;
  for (const OpRow& row : op_rows()) {
    reachable.insert(row.name());
    reachable.insert(row.op);
  }
  for (const ops::OpDef& def : ops::all_ops()) {
    EXPECT_TRUE(own.contains(def.name) || reachable.contains(def.name)) << def.name << " has no row";
  }
}

TEST(OpTable, AmongSeveralRowsTheOneForTheOpset) {
  ASSERT_NE(find_row("", "Scatter", 9), nullptr);
  EXPECT_EQ(find_row("", "Scatter", 9)->name(), "ScatterElements");
  EXPECT_EQ(find_row("", "Nonsense", 9), nullptr);
  EXPECT_EQ(find_row("elsewhere", "Add", 9), nullptr);
}

}  // namespace
}  // namespace ingot::onnx
