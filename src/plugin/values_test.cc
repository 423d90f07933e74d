// SPDX-License-Identifier: Apache-2.0
#include "plugin/values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/registry.h"
#include "plugin/test_operators.h"

namespace ingot::plugin {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Schema : public ::testing::Test {
 protected:
  Schema() {
    test_.attribute("factor", INGOT_PLUGIN_FLOAT, true);
    ingot_plugin_attribute& exponent = test_.attribute("exponent", INGOT_PLUGIN_INT);
    exponent.default_value.type = INGOT_PLUGIN_INT;
    exponent.default_value.i = 2;
    exponent.has_range = 1;
    exponent.least = 0;
    exponent.most = 9;
    ingot_plugin_attribute& kernel = test_.attribute("kernel", INGOT_PLUGIN_INTS);
    kernel.least_count = kernel.most_count = 2;
    test_.attribute("mode", INGOT_PLUGIN_STRING).choices = "plain|negate";
    test_.attribute("scales", INGOT_PLUGIN_FLOATS);
    test_.attribute("any", INGOT_PLUGIN_ANY_VALUE);
  }
  const Operator& op() {
    if (registry_.libraries().empty()) {
      EXPECT_TRUE(registry_.add(&test_.library).is_ok());
    }
    return *registry_.find("test::Schema");
  }
  std::string error(const Attrs& attrs) {
    const Result<Values> values = Values::read(op(), attrs);
    return values.is_ok() ? "no error" : values.status().message();
  }
  static Attrs with(const std::string& name, Attr value) {
    Attrs attrs;
    attrs.set("factor", 1.5);
    attrs.set(name, std::move(value));
    return attrs;
  }

  TestLibrary test_{"Schema"};
  Registry registry_;
};

TEST_F(Schema, FillsInDefaultsInTheOrderOfTheSchema) {
  Attrs attrs;
  attrs.set("kernel", Ints{3, 5});
  attrs.set("factor", std::int64_t{4});
  const Result<Values> values = Values::read(op(), attrs);
  ASSERT_TRUE(values.is_ok()) << values.status().message();
  ASSERT_EQ(values->size(), 6U);
  EXPECT_EQ(values->data()[0].f, 4.0) << "an integer serves as a number";
  EXPECT_EQ(values->data()[1].i, 2);
  EXPECT_THAT(std::vector<std::int64_t>(values->data()[2].ints, values->data()[2].ints + 2), ElementsAre(3, 5));
  for (const std::size_t absent : {3, 4, 5}) EXPECT_EQ(values->data()[absent].type, INGOT_PLUGIN_NONE);
}

TEST_F(Schema, RefusesWithTheNameAndWhatWouldBeRight) {
  EXPECT_THAT(error(Attrs()), HasSubstr("attribute factor is required"));
  EXPECT_THAT(error(with("exponents", std::int64_t{1})), HasSubstr("has no attribute exponents"));
  EXPECT_THAT(error(with("exponents", std::int64_t{1})), HasSubstr("did you mean"));
  EXPECT_THAT(error(with("exponent", std::int64_t{12})), HasSubstr("exponent is 12, must lie in [0, 9]"));
  EXPECT_THAT(error(with("exponent", std::string("2"))), HasSubstr("attribute exponent must be an integer"));
  EXPECT_THAT(error(with("exponent", 2.5)), HasSubstr("attribute exponent must be an integer"));
  EXPECT_THAT(error(with("kernel", Ints{1, 2, 3})), HasSubstr("kernel has 3 elements, must have 2"));
  EXPECT_THAT(error(with("mode", std::string("negated"))), HasSubstr("must be one of plain|negate"));
  EXPECT_THAT(error(with("scales", Strings{"a"})), HasSubstr("attribute scales must be numbers"));
  EXPECT_EQ(error(with("scales", Ints{1, 2})), "no error");
  EXPECT_EQ(error(with("any", Strings{"a"})), "no error");
}

// Without a closed schema only what looks like a misspelling of something missing is an error.
TEST_F(Schema, AnOpenOneIgnoresWhatItDoesNotKnow) {
  test_.op.flags = INGOT_PLUGIN_OPEN_SCHEMA;
  EXPECT_EQ(error(with("something_else", std::int64_t{1})), "no error");
  EXPECT_THAT(error(with("kernels", Ints{1, 1})), HasSubstr("did you mean"));
}

}  // namespace
}  // namespace ingot::plugin
