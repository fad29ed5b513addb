#include "spikesmith/optimize/methods.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "optimize/optimizer_contract.hpp"
#include "optimize/test_functions.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/optimize/own_optimizer.hpp"

namespace spikesmith {
namespace {

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

// A method as it is registered, or with other options, with what tests need to know of it.
struct Variant {
    std::string name;
    OptimizerChoice choice;
    bool models = false;  // by a surrogate: no point comes twice
    bool costly = false;  // every point is: short tests
};

void PrintTo(const Variant& variant, std::ostream* stream) {
    *stream << variant.name;
}

Variant variant(const std::string& name, const std::string& method,
                const std::vector<std::pair<std::string, OptionValue>>& options = {}) {
    const auto made = optimizer_method(method);
    for (const auto& [option, value] : options) made->set(option, value);
    const OptimizerChoice choice = made->choice();
    const bool models = choice.description.starts_with("bayesian") || choice.description.starts_with("tpe");
    return {name, choice, models, models || choice.description == "automatic"};
}

OptionValue word(const char* text) {
    return std::string(text);
}

// Every name that stands for settings of its own, and options that change how a method works.
std::vector<Variant> variants() {
    std::vector<Variant> result;
    std::set<std::string> known;
    for (const std::string& name : all_names()) {
        const Variant registered = variant(name, name);
        const std::string kind = registered.choice({.dimension = 2})->name();
        if (known.insert(kind + registered.choice.description).second) result.push_back(registered);
    }
    const auto add = [&](const std::string& name, const std::string& method,
                         const std::vector<std::pair<std::string, OptionValue>>& options) {
        result.push_back(variant(name, method, options));
    };
    add("automatic_without_opening", "automatic", {{"opening", 0.0}});
    add("differential_evolution_rand_1", "DE",
        {{"donor", word("rand/1")}, {"weight", 0.7}, {"bounds", word("reflect")}, {"initial", word("uniform")}});
    add("differential_evolution_small", "DE", {{"population", 9.0}});
    add("jso_small", "jso", {{"population", 12.0}});
    add("particle_swarm_sphere", "PSO", {{"population", 12.0}, {"motion", word("sphere")}});
    add("particle_swarm_coordinates", "PSO",
        {{"population", 12.0}, {"motion", word("coordinates")}, {"informants", 3.0}});
    add("nelder_mead_plain", "NelderMead", {{"quadratic", false}, {"vertices", 1.0}});
    add("quadratic_model_diagonal", "quadratic_model", {{"full_dimensions", 0.0}});
    add("bayesian_trust_region", "GP", {{"trust_region", true}, {"acq_func", word("gp_hedge")}});
    add("bayesian_forest_improvement", "RF", {{"acq_func", word("EI")}});
    add("bayesian_boosted_probability", "GBRT", {{"acq_func", word("PI")}});
    return result;
}

class EveryMethod : public testing::TestWithParam<Variant> {};

TEST_P(EveryMethod, Repeats) {
    test::expect_repeats(GetParam().choice);
}

TEST_P(EveryMethod, DoesNotDependOnParts) {
    test::expect_parts_do_not_matter(GetParam().choice);
}

TEST_P(EveryMethod, DoesNotDependOnTheUnitOfTheError) {
    test::expect_units_do_not_matter(GetParam().choice, GetParam().costly ? test::contract_rounds : 40);
}

TEST_P(EveryMethod, GoesOnFromASavedState) {
    test::expect_saved_state_continues(GetParam().choice);
}

TEST_P(EveryMethod, GoesOnWhateverItIsTold) {
    test::expect_goes_on_whatever_is_told(GetParam().choice);
}

TEST_P(EveryMethod, SurvivesWithoutInformation) {
    test::expect_survives_without_information(GetParam().choice);
}

TEST_P(EveryMethod, WorksWithAnyBatch) {
    test::expect_any_batch_works(GetParam().choice, GetParam().models);
}

TEST_P(EveryMethod, LosesLittleByFailures) {
    const bool costly = GetParam().costly;
    test::expect_failures_cost_little(GetParam().choice, costly ? 10 : 100, costly ? 5 : 9);
}

INSTANTIATE_TEST_SUITE_P(All, EveryMethod, testing::ValuesIn(variants()), [](const auto& method) {
    std::string name = method.param.name;
    std::ranges::replace_if(
        name, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
    return name;
});

TEST(Methods, RefuseUnknownOptions) {
    for (const MethodInfo& info : optimizer_methods()) {
        const auto method = optimizer_method(info.name);
        EXPECT_THROW(method->set("colour", 3.0), ConfigError);
        for (const OptionInfo& option : method->options()) {
            EXPECT_FALSE(option.name.empty());
            EXPECT_FALSE(option.type.empty()) << option.name;
            EXPECT_THROW(
                method->set(option.name, option.type == "true or false" ? OptionValue("yes") : OptionValue(true)),
                ConfigError)
                << option.name;
        }
    }
}

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
