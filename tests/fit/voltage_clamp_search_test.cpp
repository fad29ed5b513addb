// Simple neurons from voltage clamps of detailed ones.
#include "spikesmith/fit/voltage_clamp_search.hpp"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/lang/neuron_library.hpp"

namespace spikesmith {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Model library(const std::string& name, const std::vector<std::pair<std::string, std::string>>& values = {}) {
    auto text = find_library_neuron(name).text;
    text.initial_values = values;
    return parse_annarchy(text);
}

double found(const VoltageClampSearchResult& result, const std::string& name) {
    for (const auto& [parameter, value] : result.parameters) {
        if (parameter == name) return value;
    }
    return std::nan("");
}

std::string message_of(const VoltageClampSearchOptions& options) {
    try {
        (void)voltage_clamp_search(options);
    } catch (const Error& error) {
        return error.what();
    }
    return "no error";
}

VoltageClampSearchOptions small_search() {
    return {
        .detailed = library("Izhikevich2007",
                            {{"v", "-60"}, {"k", "0.9"}, {"v_t", "-45"}, {"b", "-1.5"}, {"v_r", "-63"}, {"a", "0.1"}}),
        .simple = library("Izhikevich2007"),
        .parameters = {{"C", 0.1, 100}, {"v_t", -90, -40}, {"k", 0.01, 1}, {"a", 0.01, 1}, {"b", -5, 5}},
        .start_voltages = 6,
        .step_voltages = 5,
        .time_step = 1e-4};
}

TEST(VoltageClampSearch, FindsTheParametersOfANeuronOfItsOwnKind) {
    const auto result = voltage_clamp_search(small_search());
    EXPECT_NEAR(result.resting_voltage, -63, 1e-6);
    EXPECT_NEAR(found(result, "k"), 0.9, 1e-4);
    EXPECT_NEAR(found(result, "v_t"), -45, 1e-3);
    EXPECT_NEAR(found(result, "b"), -1.5, 1e-3);
    EXPECT_THAT(result.unused, ElementsAre("C", "a"))
        << "currents at rest and right after a step do not depend on these";
    EXPECT_LT(result.error, 1e-3);
    // the currents by hand: -(k (v - v_r) (v - v_t) - b (v0 - v_r))
    const auto by_hand = [&](double start, double step) {
        return -(found(result, "k") * (step + 63) * (step - found(result, "v_t")) - found(result, "b") * (start + 63));
    };
    for (std::size_t i = 0; i < 6; ++i) {
        for (std::size_t j = 0; j < 5; ++j) {
            const double start = result.start_voltages[i], step = result.step_voltages[j];
            EXPECT_NEAR(result.simple_instantaneous(i, j), by_hand(start, step), 1e-4);
            EXPECT_NEAR(result.simple_holding[j], by_hand(step, step), 1e-4);
            EXPECT_NEAR(result.detailed_instantaneous(i, j), result.simple_instantaneous(i, j), 1e-2);
        }
    }
}

TEST(VoltageClampSearch, IsTheSameForTheSameSeed) {
    auto options = small_search();
    options.max_evaluations = 240;
    options.threads = 1;
    const auto a = voltage_clamp_search(options);
    options.threads = 2;
    EXPECT_EQ(a.parameters, voltage_clamp_search(options).parameters);
    options.seed = 1;
    EXPECT_NE(a.parameters, voltage_clamp_search(options).parameters);
}

// A conductance-based neuron: the simple one cannot be exact, but it explains most of the currents.
TEST(VoltageClampSearch, ReducesAHodgkinHuxleyNeuron) {
    VoltageClampSearchOptions options{.detailed = library("HHneuronCorbit"),
                                      .simple = library("Izhikevich2007"),
                                      .parameters = {{"v_t", -90, -40}, {"k", 0.001, 1}, {"b", -5, 5}},
                                      .start_voltages = 5,
                                      .step_voltages = 5,
                                      .time_step = 2e-5,
                                      .optimizer = "differential_evolution",
                                      .max_evaluations = 2400};
    const auto result = voltage_clamp_search(options);
    EXPECT_NEAR(result.resting_voltage, -70.038, 1e-2);
    double mean = 0, squares = 0;
    for (const double current : result.detailed_instantaneous.values) mean += current / 25;
    for (const double current : result.detailed_instantaneous.values)
        squares += (current - mean) * (current - mean) / 25;
    EXPECT_LT(result.error, std::sqrt(squares));
    EXPECT_EQ(result.evaluations, 2400u);
}

TEST(VoltageClampSearch, SaysWhatIsWrong) {
    auto options = small_search();
    options.voltage = "V";
    EXPECT_THAT(message_of(options), HasSubstr("the detailed model has no state `V`"));
    options = small_search();
    options.parameters.push_back({"z", 0, 1});
    EXPECT_THAT(message_of(options), HasSubstr("`z` is not a parameter of the simple model"));
    options = small_search();
    options.parameters = {{"C", 0.1, 100}};
    EXPECT_THAT(message_of(options), HasSubstr("nothing to search"));
    options = small_search();
    options.parameters.push_back({"v_r", -90, -40});
    EXPECT_THAT(message_of(options), HasSubstr("both searched and the resting voltage"));
    options = small_search();
    options.simple = library("HHneuronCorbit");
    options.parameters = {{"gg_L", 0, 1}};
    EXPECT_EQ(message_of(options), "no error") << "its gates are linear in themselves";
    options.simple = parse_annarchy({.parameters = {"parameters", "I = 0; k = 1"},
                                     .equations = {"equations", "dv/dt = I - v - k*w\ndw/dt = 1 - w**3"},
                                     .spike = "v > 0"});
    options.parameters = {{"k", 0, 1}};
    EXPECT_THAT(message_of(options), HasSubstr("the derivatives of w must be linear in these variables"));
    options = small_search();
    options.step_voltages = 1;
    EXPECT_THAT(message_of(options), HasSubstr("at least 2"));
    options = small_search();
    options.lowest_voltage = 0;
    EXPECT_THAT(message_of(options), HasSubstr("voltages from 0 to -40"));
}

}  // namespace
}  // namespace spikesmith
