#include "spikesmith/optimize/methods.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "optimize/test_functions.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/optimize/own_optimizer.hpp"

namespace spikesmith {
namespace {

using test::errors_of;
using test::run_rounds;

std::vector<std::string> all_names() {
    std::vector<std::string> names;
    for (const MethodInfo& info : optimizer_methods()) {
        names.push_back(info.name);
        names.insert(names.end(), info.aliases.begin(), info.aliases.end());
    }
    return names;
}

TEST(Methods, NamesAreUnique) {
    const auto names = all_names();
    EXPECT_EQ(std::set(names.begin(), names.end()).size(), names.size());
    EXPECT_THAT(names, testing::IsSupersetOf({"DE", "TwoPointsDE", "PSO", "CMA", "SQP", "OnePlusOne", "NelderMead",
                                              "NGOpt", "GP", "RF", "ET", "GBRT", "TPE", "AUTO"}));
    EXPECT_THAT(names, testing::Contains(std::string(standard_optimizer)));
}

// What every method promises, whatever it is.
class EveryMethod : public testing::TestWithParam<std::string> {
  protected:
    [[nodiscard]] static std::unique_ptr<Optimizer> make(std::uint64_t seed, std::size_t batch = 10) {
        return optimizer_method(GetParam())
            ->choice()({.dimension = 2, .batch = batch, .rounds = 12, .seed = seed, .objectives = 1});
    }
};

TEST_P(EveryMethod, SearchesInsideTheCubeAndRepeats) {
    const auto first = make(3);
    const auto again = make(3);
    for (int round = 0; round < 6; ++round) {
        const Candidates a = first->ask(10);
        const Candidates b = again->ask(10);
        ASSERT_EQ(a.points.values, b.points.values) << "round " << round;
        for (const double u : a.points.values) ASSERT_TRUE(u >= 0 && u <= 1) << u;
        auto errors = errors_of(a.points, test::sphere);
        errors[4] = std::numeric_limits<double>::quiet_NaN();
        errors[7] = std::numeric_limits<double>::infinity();
        first->tell(a.ids, errors);
        again->tell(b.ids, errors);
    }
    EXPECT_LT(first->recommend()->error, test::sphere(std::vector<double>{0.9, 0.9}));
    EXPECT_NE(make(4)->ask(10).points.values, make(3)->ask(10).points.values);
}

TEST_P(EveryMethod, GoesOnFromASavedState) {
    const auto straight = make(5);
    run_rounds(*straight, test::rosenbrock, 10, 4);
    const Candidates open = straight->ask(6);
    const auto resumed = make(5);
    resumed->load_state(straight->save_state());
    for (Optimizer* optimizer : {straight.get(), resumed.get()})
        optimizer->tell(open.ids, errors_of(open.points, test::rosenbrock));
    for (int round = 0; round < 4; ++round) {
        const Candidates a = straight->ask(10);
        const Candidates b = resumed->ask(10);
        ASSERT_EQ(a.points.values, b.points.values) << "round " << round;
        for (auto [optimizer, candidates] : {std::pair{straight.get(), &a}, std::pair{resumed.get(), &b}})
            optimizer->tell(candidates->ids, errors_of(candidates->points, test::rosenbrock));
    }
}

TEST_P(EveryMethod, SurvivesNothingButFailures) {
    const auto optimizer = make(1);
    run_rounds(
        *optimizer, [](std::span<const double>) { return std::numeric_limits<double>::quiet_NaN(); }, 10, 5);
    EXPECT_FALSE(optimizer->recommend().has_value());
    run_rounds(*optimizer, test::sphere, 10, 5);
    EXPECT_TRUE(optimizer->recommend().has_value());
}

TEST_P(EveryMethod, TakesForeignPointsAndLateAnswers) {
    const auto optimizer = make(1, 5);
    Array2 guess(1, 2, 0.37);
    optimizer->tell_foreign(guess, std::vector<double>{1e-3});
    const Candidates late = optimizer->ask(5);
    run_rounds(*optimizer, test::sphere, 5, 4);
    optimizer->tell(late.ids, errors_of(late.points, test::sphere));
    run_rounds(*optimizer, test::sphere, 5, 4);
    EXPECT_LE(optimizer->recommend()->error, 1e-3);
}

TEST_P(EveryMethod, RefusesUnknownOptions) {
    const auto method = optimizer_method(GetParam());
    EXPECT_THROW(method->set("colour", 3.0), ConfigError);
    for (const OptionInfo& option : method->options()) {
        EXPECT_FALSE(option.name.empty());
        EXPECT_FALSE(option.type.empty()) << option.name;
        EXPECT_THROW(method->set(option.name, option.type == "true or false" ? OptionValue("yes") : OptionValue(true)),
                     ConfigError)
            << option.name;
    }
}

INSTANTIATE_TEST_SUITE_P(All, EveryMethod, testing::ValuesIn(all_names()), [](const auto& method) {
    std::string name = method.param;
    std::ranges::replace_if(
        name, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
    return name;
});

TEST(Methods, UnknownNamesGetAHint) {
    try {
        static_cast<void>(optimizer_method("CMAES"));
        FAIL();
    } catch (const ConfigError& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr("unknown optimizer `CMAES`"));
    }
}

TEST(Methods, OptionsAreSetAndDescribed) {
    const auto method = optimizer_method("DE");
    method->set("population", 40.0);
    method->set("donor", std::string("best/1"));
    EXPECT_EQ(method->choice().description, "differential evolution: donor best/1, population 40");
    EXPECT_THROW(method->set("population", 3.0), ConfigError);  // out of range
    EXPECT_THROW(method->set("population", 30.5), ConfigError);
    EXPECT_EQ(method->choice().description, "differential evolution: donor best/1, population 40");
}

TEST(Methods, TheManualNamesAll) {
    const auto file = std::filesystem::path(SPIKESMITH_TEST_DATA).parent_path().parent_path() / "docs/optimizers.md";
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    for (const std::string& name : all_names())
        EXPECT_THAT(text.str(), testing::HasSubstr("`" + name + "`")) << "docs/optimizers.md";
    for (const MethodInfo& info : optimizer_methods()) {
        for (const OptionInfo& option : optimizer_method(info.name)->options())
            EXPECT_THAT(text.str(), testing::HasSubstr("`" + option.name + "`")) << info.name;
    }
}

// Any class with `ask` and `tell` is an optimiser.
struct Grid {
    explicit Grid(const SearchSetting& search) : setting(search) {}
    Array2 ask(std::size_t n) {
        Array2 points(n, setting.dimension);
        for (double& u : points.values) u = static_cast<double>(asked++ % 11) / 10;
        return points;
    }
    void tell(const Array2& points, std::span<const double> errors) { told += points.rows * (errors.empty() ? 0 : 1); }
    SearchSetting setting;
    std::size_t asked = 0;
    std::size_t told = 0;
};

struct OutOfBounds : Grid {
    using Grid::Grid;
    Array2 ask(std::size_t n) { return {n, setting.dimension, 1.5}; }
};

TEST(OwnOptimizer, IsOneLikeAnyOther) {
    const OptimizerChoice choice = own_optimizer<Grid>("grid");
    EXPECT_EQ(choice.description, "grid");
    const auto optimizer = choice({.dimension = 3});
    run_rounds(*optimizer, test::sphere, 7, 3);
    const auto copy = choice({.dimension = 3});
    copy->load_state(optimizer->save_state());
    EXPECT_EQ(copy->ask(5).points.values, optimizer->ask(5).points.values);
    EXPECT_THROW(static_cast<void>(own_optimizer<OutOfBounds>("outside")({.dimension = 1})->ask(1)), ConfigError);
}

}  // namespace
}  // namespace spikesmith
