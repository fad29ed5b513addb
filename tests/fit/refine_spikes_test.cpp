// Refinement of fits to spike trains. The recorded trains are those of golden simulations (data/golden/README.md): cases
// lif_input_euler and neuron 0 of adex_euler_dt0.1ms.
#include "spikesmith/fit/refine_spikes.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "fit/problems.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/fit/refine.hpp"
#include "spikesmith/metrics/gamma_factor.hpp"
#include "spikesmith/metrics/spike_distance.hpp"
#include "spikesmith/optimize/differential_evolution.hpp"

namespace spikesmith {
namespace {

using test::quantity;

constexpr double dt = 1e-4;

TimeSeries golden_input(const char* archive, const char* name, std::size_t traces) {
    const NpzArchive file = read_npz(std::string(SPIKESMITH_TEST_DATA "/golden/") + archive);
    const Array2 all = to_array2(file.array(name), "input");
    TimeSeries series{.dt = dt, .values = Array2(traces, all.columns)};
    for (std::size_t r = 0; r < traces; ++r) std::ranges::copy(all.row(r), series.values.row(r).begin());
    return series;
}

FitterOptions lif_options() {
    const Model model = parse_brian(
        {.equations = {"equations",
                       "dv/dt = (gL*(-70*mV - v) + I)/C : volt (unless refractory)\ngL : siemens (constant)\n"
                       "C : farad (constant)"},
         .inputs = {"I"},
         .input_dimensions = {{"I", dimensions::ampere}},
         .threshold = "v > -50*mV",
         .reset = "v = -70*mV",
         .refractory = "3*ms",
         .initial_values = {{"v", "-70*mV"}}});
    return {.model = model,
            .recordings = {.inputs = {{"I", golden_input("lif.npz", "lif_input_I_ampere", 4)}},
                           .spikes = {{{},
                                       {0.0438, 0.0706, 0.0974, 0.1242, 0.151, 0.1778},
                                       {0.0086, 0.0258, 0.0451, 0.0648, 0.0848, 0.1048, 0.1248, 0.1448, 0.1648, 0.1848,
                                        0.2048, 0.2248, 0.2448, 0.2648, 0.2848},
                                       {0.0311, 0.0774, 0.1012, 0.1312, 0.1526, 0.176, 0.2226, 0.2528, 0.2739}}},
                           .dt = dt},
            .n_samples = 30,
            .method = "euler",
            .seed = 4};
}

std::vector<FitParameter> lif_bounds() {
    return {{"gL", quantity("5 nS"), quantity("100 nS"), Scale::logarithmic},
            {"C", quantity("50 pF"), quantity("1 nF"), Scale::logarithmic}};
}

FitterOptions adex_options() {
    const Model model = parse_brian(
        {.equations = {"equations", R"(
            dv/dt = (gL*(EL - v) + gL*DeltaT*exp((v - VT)/DeltaT) + I - w)/C : volt
            dw/dt = (a*(v - EL) - w)/tauw : amp
            a : siemens (constant)
            b : amp (constant)
            tauw : second (constant)
         )"},
         .constants = {{"C", "281 pF"}, {"gL", "30 nS"}, {"EL", "-70.6 mV"}, {"VT", "-50.4 mV"}, {"DeltaT", "2 mV"}},
         .inputs = {"I"},
         .input_dimensions = {{"I", dimensions::ampere}},
         .threshold = "v > -40.4*mV",
         .reset = "v = -70.6*mV; w += b",
         .initial_values = {{"v", "EL"}}});
    return {.model = model,
            .recordings = {.inputs = {{"I", golden_input("adex.npz", "adex_input_I_ampere", 1)}},
                           .spikes = {{{0.0318, 0.0455, 0.0614, 0.0801, 0.1021, 0.1277, 0.1568, 0.1888, 0.2227, 0.2577,
                                        0.2933}}},
                           .dt = dt},
            .n_samples = 30,
            .method = "euler",
            .seed = 4};
}

std::vector<FitParameter> adex_bounds() {
    return {{"a", quantity("0.5 nS"), quantity("20 nS")},
            {"b", quantity("10 pA"), quantity("300 pA")},
            {"tauw", quantity("30 ms"), quantity("400 ms")}};
}

// Root of the mean square difference between spikes of the same number; infinite if the counts differ.
double timing_error(Fitter& fitter, const std::vector<FittedParameter>& parameters) {
    std::map<std::string, double> values;
    for (const FittedParameter& parameter : parameters) values[parameter.name] = parameter.value;
    const auto trains = fitter.generate({.parameters = values}).spikes;
    const auto& recorded = *fitter.data().spikes;
    double sum = 0;
    double n = 0;
    for (std::size_t r = 0; r < recorded.size(); ++r) {
        if (trains[r].size() != recorded[r].size()) return std::numeric_limits<double>::infinity();
        for (std::size_t i = 0; i < recorded[r].size(); ++i, ++n) sum += std::pow(trains[r][i] - recorded[r][i], 2);
    }
    return std::sqrt(sum / n);
}

void expect_refinement_beats_the_fit(const FitterOptions& options, const std::vector<FitParameter>& bounds,
                                     const std::vector<double>& truth) {
    for (const MetricPointer& metric : {gamma_factor({.delta = 1e-3}), van_rossum({.tau = 5e-3})}) {
        SCOPED_TRACE(metric->description());
        SpikeFitter fitter(options);
        const FitResult found =
            fitter.fit({.parameters = bounds, .optimizer = differential_evolution(), .metric = metric, .n_rounds = 6});
        const std::vector<std::uint64_t> before = test::record_of(fitter);
        const RefineResult refined = refine(fitter);
        SCOPED_TRACE(found.full_report() + refined.full_report());
        EXPECT_EQ(refined.method, RefineMethod::spike_times);
        EXPECT_LT(refined.error, found.best->error);
        EXPECT_LE(timing_error(fitter, refined.parameters), 2 * dt);
        for (std::size_t j = 0; j < refined.parameters.size(); ++j) {
            if (!truth.empty()) {
                EXPECT_NEAR(refined.parameters[j].value, truth[j], 0.1 * truth[j]) << refined.parameters[j].name;
            }
            EXPECT_GT(refined.statistics.standard_errors[j], 0);
        }
        EXPECT_EQ(test::record_of(fitter), before);
    }
}

TEST(RefineSpikes, RefinedIntegrateAndFireBeatsTheFit) {
    expect_refinement_beats_the_fit(lif_options(), lif_bounds(), {30e-9, 281e-12});
}

TEST(RefineSpikes, RefinedAdaptiveExponentialBeatsTheFit) {
    // 11 spikes fit other values of the adaptation nearly as well, so only the spikes are compared
    expect_refinement_beats_the_fit(adex_options(), adex_bounds(), {});
}

TEST(RefineSpikes, MatchesSpikesInOrderAtTheLeastCost) {
    const auto pairs = [](const std::vector<double>& a, const std::vector<double>& b, double missing) {
        std::vector<std::pair<std::size_t, std::size_t>> result;
        for (const auto& [i, j] : match_spikes(a, b, missing)) result.emplace_back(i, j);
        return result;
    };
    using testing::ElementsAre;
    using testing::Pair;
    EXPECT_THAT(pairs({1, 2, 3}, {1.1, 2.1, 3.1}, 0.5), ElementsAre(Pair(0, 0), Pair(1, 1), Pair(2, 2)));
    EXPECT_THAT(pairs({1, 2, 3}, {1.1, 3.1}, 0.5), ElementsAre(Pair(0, 0), Pair(2, 1)));
    EXPECT_THAT(pairs({1, 3}, {0.2, 1.1, 2.9}, 0.5), ElementsAre(Pair(0, 1), Pair(1, 2)));
    EXPECT_THAT(pairs({1, 3}, {10, 20}, 0.5), testing::IsEmpty());
    EXPECT_THAT(pairs({}, {1}, 0.5), testing::IsEmpty());
}

}  // namespace
}  // namespace spikesmith
