#include "spikesmith/model/model.hpp"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spikesmith {
namespace {

Expression symbol(const char* name) {
    return Expression::symbol(name);
}

Model example() {
    Model model;
    model.states = {{.name = "v", .dimension = dimensions::volt}, {.name = "n", .dimension = dimensions::none}};
    model.parameters = {{.name = "g", .dimension = dimensions::siemens, .constant = true},
                        {.name = "k", .type = ValueType::integer}};
    model.subexpressions = {
        {.name = "a", .dimension = dimensions::none, .value = symbol("n") * symbol("n")},
        {.name = "frozen",
         .dimension = dimensions::none,
         .value = symbol("a") + Expression(1),
         .constant_over_dt = true},
        {.name = "b",
         .dimension = dimensions::none,
         .type = ValueType::integer,
         .value = symbol("a") * symbol("frozen")},
    };
    model.inputs = {{.name = "I", .dimension = dimensions::ampere}};
    model.targets = {"v", "b"};
    return model;
}

TEST(Model, FindsVariablesOfAllKinds) {
    using Kind = Model::Variable::Kind;
    const Model model = example();
    const auto is = [&](std::string_view name, Kind kind, std::size_t index, const Dimension& dimension,
                        ValueType type = ValueType::real) {
        const auto found = model.find(name);
        ASSERT_TRUE(found) << name;
        EXPECT_EQ(found->kind, kind) << name;
        EXPECT_EQ(found->index, index) << name;
        EXPECT_EQ(found->dimension, dimension) << name;
        EXPECT_EQ(found->type, type) << name;
    };
    is("n", Kind::state, 1, dimensions::none);
    is("g", Kind::parameter, 0, dimensions::siemens);
    is("k", Kind::parameter, 1, dimensions::none, ValueType::integer);
    is("b", Kind::subexpression, 2, dimensions::none, ValueType::integer);
    is("I", Kind::input, 0, dimensions::ampere);
    is("v_target", Kind::target, 0, dimensions::volt);
    is("b_target", Kind::target, 1, dimensions::none, ValueType::integer);
    for (const char* name : {"x", "n_target", "_target", "", "v_", "t"}) EXPECT_FALSE(model.find(name)) << name;
}

TEST(Model, ListsNames) {
    const Model model = example();
    EXPECT_THAT(model.parameter_names(), testing::ElementsAre("g", "k"));
    EXPECT_THAT(model.variable_names(),
                testing::ElementsAre("v", "n", "g", "k", "a", "frozen", "b", "I", "v_target", "b_target"));
    for (const auto& name : model.variable_names()) EXPECT_TRUE(model.find(name)) << name;
}

TEST(Model, InlinesAllButStoredSubexpressions) {
    const Model model = example();
    const Expression inlined = model.inlined(symbol("b") + symbol("a") + symbol("v"));
    EXPECT_THAT(symbols_of(inlined), testing::UnorderedElementsAre("n", "frozen", "v"));
    const double value = evaluate(inlined, [](const std::string& name) {
        return name == "n" ? 3.0 : name == "frozen" ? 5.0 : 7.0;
    });
    EXPECT_EQ(value, 9.0 * 5.0 + 9.0 + 7.0);
    EXPECT_EQ(model.inlined(symbol("v")), symbol("v"));
}

}  // namespace
}  // namespace spikesmith
