// SPDX-License-Identifier: Apache-2.0
// Einsum as products: against the reference's loop over all labels.
#include "passes/graph_test_util.h"

namespace ingot::passes {
namespace {

using namespace testing;

struct EinsumCase {
  const char* equation;
  std::vector<Shape> shapes;
  int products = 0;  // MatMul nodes afterwards
};

TEST(Einsum, BecomesProducts) {
  const EinsumCase cases[] = {
      {"ij,jk->ik", {{3, 4}, {4, 5}}, 1},
      {"bij,bkj->bik", {{2, 3, 4}, {2, 5, 4}}, 1},
      {"bij,bjk", {{2, 3, 4}, {2, 4, 5}}, 1},
      {"bhqd,bkhd->bhqk", {{2, 3, 4, 5}, {2, 6, 3, 5}}, 1},
      {"bhwc,hkc->bhwk", {{2, 3, 4, 5}, {3, 6, 5}}, 1},
      {"ab,cd->", {{2, 3}, {4, 5}}, 0},
      {"ij->ji", {{3, 4}}, 0},
      {"...ij->...ji", {{2, 3, 4, 5}}, 0},
      {"...ij,...jk", {{7, 1, 3, 4}, {2, 4, 5}}, 1},
      {"ij->", {{3, 4}}, 0},
      {"i,j->ij", {{3}, {4}}, 0},
      {"i,i", {{5}, {5}}, 0},
      {"ij,ij->j", {{3, 4}, {3, 4}}, 0},
      {"bd,cd,d->bc", {{2, 4}, {3, 4}, {4}}, 1},
      {"ijkl,lkm->mij", {{2, 3, 4, 5}, {5, 4, 6}}, 1},
      {"abc,cbd->da", {{2, 3, 4}, {4, 3, 5}}, 1},
      {"ab,bc,cd->ad", {{2, 3}, {3, 4}, {4, 5}}, 2},
      {"abx,bc->ac", {{2, 3, 4}, {3, 5}}, 1},
      {"aij,jk->aik", {{1, 3, 4}, {1, 5}}, 0},
      {",ij->ji", {{}, {2, 3}}, 0},
  };
  for (const EinsumCase& test : cases) {
    SCOPED_TRACE(test.equation);
    Builder b;
    std::vector<ValueId> inputs;
    for (const Shape& shape : test.shapes) inputs.push_back(b.in("x" + std::to_string(inputs.size()), shape));
    b.out({b.op("Einsum", inputs, Attrs{{"equation", std::string(test.equation)}})});
    rewrite(*b.graph, einsum_rules());
    EXPECT_EQ(count(*b.graph, "Einsum"), 0) << ir::print(*b.graph);
    EXPECT_EQ(count(*b.graph, "MatMul"), test.products) << ir::print(*b.graph);
  }
}

TEST(Einsum, DiagonalsAndIntegersStay) {
  Builder b;
  b.out({b.op("Einsum", {b.in("x", {4, 4})}, Attrs{{"equation", std::string("ii->i")}}),
         b.op("Einsum", {b.in("y", {2, 3}, DType::i32), b.in("z", {3, 2}, DType::i32)},
              Attrs{{"equation", std::string("ij,jk")}})});
  EXPECT_EQ(rewrite(*b.graph, einsum_rules()), 0);
}

TEST(Einsum, FreeSizesStaySymbols) {
  Builder b;
  const ValueId x = b.graph->add_input(
      "x", ir::Type::tensor(DType::f32, SymShape{Dim::symbol("B"), Dim(3), Dim::symbol("S"), Dim(4)}));
  const ValueId y = b.graph->add_input(
      "y", ir::Type::tensor(DType::f32, SymShape{Dim::symbol("B"), Dim::symbol("T"), Dim(3), Dim(4)}));
  b.out({b.op("Einsum", {x, y}, Attrs{{"equation", std::string("bhsd,bthd->bhst")}})});
  const Status status = run_passes(*b.graph, {{"test", einsum_rules() + transpose_rules()}}, {});
  ASSERT_TRUE(status.is_ok()) << status.to_string();
  EXPECT_EQ(count(*b.graph, "Einsum"), 0);
  EXPECT_EQ(count(*b.graph, "Reshape"), 0) << ir::print(*b.graph);
  EXPECT_EQ(count(*b.graph, "MatMul"), 1);
}

}  // namespace
}  // namespace ingot::passes
