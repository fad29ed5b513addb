// Neurons in ANNarchy's language against numbers that ANNarchy's own generated code gives (version 5.0.3, compiled with g++ -O2
// -ffp-contract=off): states after a step, and the steps of spikes.
#include <cmath>

#include "numerics/annarchy_runs.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/lang/neuron_library.hpp"

namespace spikesmith {
namespace {

using test::AnnarchyRun;
using test::run_annarchy;
using testing::ElementsAre;

constexpr double digits = 2e-11;  // relative: the numbers are given with 12 digits

void expect_near(double actual, double expected) {
    EXPECT_NEAR(actual, expected, digits * std::max(1e-3, std::fabs(expected)));
}

std::vector<std::int64_t> first(const std::vector<std::int64_t>& spikes, std::size_t n) {
    return {spikes.begin(), spikes.begin() + static_cast<std::ptrdiff_t>(std::min(n, spikes.size()))};
}

AnnarchyNeuronText izhikevich_2007() {
    return {.parameters = {"parameters",
                           "C = 100\nk = 0.7\nv_r = -60\nv_t = -40\na = 0.03\nb = -2\nc = -50\nd = 100\n"
                           "v_peak = 35\nI_app = 0\n"},
            .equations = {"equations",
                          "I_v = I_app\n"
                          "C*dv/dt = k*(v - v_r)*(v - v_t) - u + I_v\n"
                          "du/dt = a*(b*(v - v_r) - u)\n"},
            .spike = "v >= v_peak",
            .reset = "v = c\nu = u + d"};
}

// I_app is 0 for `quiet` steps.
AnnarchyRun run_with_current(AnnarchyNeuronText text, double dt, std::int64_t quiet, std::int64_t steps,
                             double current) {
    text.inputs = {"I_app"};
    std::vector<std::vector<double>> inputs;
    for (std::int64_t k = 0; k < steps; ++k) inputs.push_back({k < quiet ? 0.0 : current});
    return run_annarchy(text, dt, steps, {}, {}, inputs);
}

TEST(AnnarchyReference, Izhikevich2007StartsAtZero) {
    const auto run = run_with_current(izhikevich_2007(), 0.1, 0, 10000, 100);
    EXPECT_EQ(run.spikes.size(), 13u);
    EXPECT_THAT(first(run.spikes, 12),
                ElementsAre(12, 888, 1644, 2406, 3167, 3927, 4687, 5448, 6208, 6970, 7730, 8490));
    expect_near(run.at("v", 0), 1.78);
    expect_near(run.at("u", 0), -0.36);
    expect_near(run.at("v", 1), 3.68717788);
    expect_near(run.at("u", 1), -0.7296);
    expect_near(run.at("v", 100), -54.074033377);
    expect_near(run.at("u", 100), 68.836986713);
    // after twelve spikes, each of which multiplies rounding errors
    EXPECT_NEAR(run.at("v", 9999), -1.74853324758, 1e-4);
    EXPECT_NEAR(run.at("u", 9999), -22.6519543617, 1e-4);
}

TEST(AnnarchyReference, Izhikevich2007FromRest) {
    auto text = izhikevich_2007();
    text.initial_values = {{"v", "-60"}};
    const auto run = run_with_current(text, 0.1, 5000, 10000, 100);
    EXPECT_THAT(run.spikes, ElementsAre(5483, 6219, 6981, 7741, 8501, 9263));
    expect_near(run.at("v", 5000), -59.9);
    EXPECT_NEAR(run.at("u", 5000), 0, 1e-13);
    EXPECT_NEAR(run.at("v", 9999), -14.2809504298, 1e-7);
    EXPECT_NEAR(run.at("u", 9999), -20.1750236565, 1e-7);
}

AnnarchyNeuronText two_equations(const std::string& method) {
    return {.equations = {"equations", "10*dv/dt = -v + 2*u + 1 : init=0.5\ndu/dt = -0.3*u - 0.1*v : init=1.0\nr = v"},
            .method = method};
}

struct MethodCase {
    std::string method;
    std::vector<std::pair<double, double>> after;  // (v, u) after steps 0, 1, 9, 19
};
class AnnarchyMethods : public testing::TestWithParam<MethodCase> {};

TEST_P(AnnarchyMethods, GiveTheReferenceNumbers) {
    const auto run = run_annarchy(two_equations(GetParam().method), 1, 20);
    const std::vector<std::size_t> steps{0, 1, 9, 19};
    for (std::size_t k = 0; k < steps.size(); ++k) {
        SCOPED_TRACE(steps[k]);
        expect_near(run.at("v", steps[k]), GetParam().after[k].first);
        expect_near(run.at("u", steps[k]), GetParam().after[k].second);
    }
}

INSTANTIATE_TEST_SUITE_P(All, AnnarchyMethods,
                         testing::Values(MethodCase{"explicit",
                                                    {{0.75, 0.65},
                                                     {0.905, 0.38},
                                                     {0.84897489905, -0.2761034662},
                                                     {0.619917813141, -0.221832002723}}},
                                         MethodCase{"midpoint",
                                                    {{0.7025, 0.69},
                                                     {0.8341375, 0.44595},
                                                     {0.851257627204, -0.232912826061},
                                                     {0.639895277985, -0.227063922828}}},
                                         MethodCase{"rk4",
                                                    {{0.706522916667, 0.687658333333},
                                                     {0.84058658447, 0.441862018021},
                                                     {0.854596429135, -0.237512846144},
                                                     {0.639065234966, -0.227463099156}}},
                                         MethodCase{"exponential",
                                                    {{0.73790645491, 0.697621257462},
                                                     {0.895622833563, 0.453059902678},
                                                     {0.911445323717, -0.261543895342},
                                                     {0.637493442834, -0.234953732008}}},
                                         MethodCase{"semiimplicit",
                                                    {{0.727272727273, 0.730769230769},
                                                     {0.88493324857, 0.506186121571},
                                                     {0.962213929147, -0.239365735304},
                                                     {0.660276938969, -0.247089797404}}},
                                         MethodCase{"implicit",
                                                    {{0.675862068966, 0.71724137931},
                                                     {0.794530321046, 0.490606420927},
                                                     {0.854620453269, -0.200650991213},
                                                     {0.655968709629, -0.229344832753}}}),
                         [](const auto& test) { return test.param.method; });

TEST(AnnarchyReference, EquationsSideBySideAreSimultaneousAndAssignmentsAreNot) {
    const std::string u = "du/dt = v : init=0", v = "dv/dt = -v + u : init=1", x = "x = v", r = "r = x";
    const auto split = run_annarchy({.equations = {"equations", v + "\n" + x + "\n" + u + "\n" + r}}, 0.5, 3);
    EXPECT_THAT(split.values.at("v"), ElementsAre(.5, .375, .40625));
    EXPECT_THAT(split.values.at("x"), ElementsAre(.5, .375, .40625));
    EXPECT_THAT(split.values.at("u"), ElementsAre(.25, .4375, .640625));
    const auto one = run_annarchy({.equations = {"equations", x + "\n" + v + "\n" + u + "\n" + r}}, 0.5, 3);
    EXPECT_THAT(one.values.at("v"), ElementsAre(.5, .5, .625));
    EXPECT_THAT(one.values.at("x"), ElementsAre(1, .5, .5));
    EXPECT_THAT(one.values.at("u"), ElementsAre(.5, .75, 1));
}

TEST(AnnarchyReference, BoundsHoldAtOnce) {
    const auto run = run_annarchy({.equations = {"equations", "dv/dt = 10 : max=3\ndu/dt = v\nr = u"}}, 0.5, 3);
    EXPECT_THAT(run.values.at("v"), ElementsAre(3, 3, 3));
    EXPECT_THAT(run.values.at("u"), ElementsAre(0, 1.5, 3));
}

AnnarchyNeuronText izhikevich_2003(const std::string& method) {
    return {
        .parameters = {"parameters", "a = 0.02; b = 0.2; c = -65; d = 8; I = 10"},
        .equations = {"equations", "dv/dt = 0.04*v^2 + 5*v + 140 - u + I : init=-65\ndu/dt = a*(b*v - u) : init=-13"},
        .spike = "v > 30",
        .reset = "v = c; u += d",
        .method = method};
}

TEST(AnnarchyReference, Izhikevich2003UnderThreeMethods) {
    const auto by = [](const std::string& method) { return run_annarchy(izhikevich_2003(method), 0.5, 2000); };
    const auto euler = by("explicit"), midpoint = by("midpoint"), rk4 = by("rk4");
    EXPECT_THAT(first(euler.spikes, 7), ElementsAre(7, 57, 149, 241, 333, 425, 517));
    EXPECT_THAT(first(midpoint.spikes, 8), ElementsAre(6, 54, 145, 236, 327, 418, 509, 601));
    EXPECT_THAT(first(rk4.spikes, 8), ElementsAre(6, 57, 150, 240, 330, 421, 518, 616));
    EXPECT_EQ(euler.spikes.size(), 23u);
    EXPECT_EQ(midpoint.spikes.size(), 23u);
    EXPECT_NEAR(static_cast<double>(rk4.spikes.size()), 23, 1) << "the last spike is one of the last two steps";
    expect_near(euler.at("v", 0), -61.5);
    expect_near(euler.at("u", 0), -13);
    expect_near(midpoint.at("v", 0), -61.61375);
    expect_near(midpoint.at("u", 0), -12.9965);
    expect_near(rk4.at("v", 0), -61.594025321);
    expect_near(rk4.at("u", 0), -12.9965869826);
}

TEST(AnnarchyReference, RefractorinessMasksWholeSteps) {
    const auto run = run_annarchy(
        {.equations = {"equations", "v = v + 1"}, .spike = "v == 3", .reset = "v = 1", .refractory = "3"}, 1, 8);
    EXPECT_THAT(run.values.at("v"), ElementsAre(1, 2, 1, 1, 1, 1, 2, 1));
}

TEST(AnnarchyReference, AnImplicitVariableKeepsItsValueWhileRefractory) {
    const auto run = run_annarchy({.equations = {"equations", "10*dv/dt = 1 - v : init=0.9, implicit"},
                                   .spike = "v > 0.95",
                                   .reset = "v = 0.5",
                                   .refractory = "2"},
                                  1, 11);
    EXPECT_EQ(run.at("v", 7), 0.5);
    EXPECT_EQ(run.at("v", 8), 0.5) << "the original stores 0 here";
    EXPECT_EQ(run.at("v", 9), 0.5);
    expect_near(run.at("v", 10), 0.6 / 1.1);
}

AnnarchyNeuronText from_library(const std::string& name,
                                const std::vector<std::pair<std::string, std::string>>& values = {}) {
    auto text = find_library_neuron(name).text;
    text.initial_values = values;
    return text;
}

TEST(AnnarchyReference, HodgkinHuxleyOfBischop) {
    const auto run = run_with_current(from_library("HHneuronBischop"), 0.01, 50000, 100000, 300);
    EXPECT_EQ(run.spikes.size(), 54u);
    EXPECT_THAT(first(run.spikes, 8), ElementsAre(50279, 51100, 51984, 52898, 53819, 54743, 55667, 56590));
    expect_near(run.at("v", 0), -67.9999996153);
    EXPECT_NEAR(run.at("h", 0), 5.82245354292e-4, 1e-15);
    EXPECT_NEAR(run.at("n1", 0), 9.87605581297e-8, 1e-19);
    EXPECT_NEAR(run.at("n3", 0), 1.63318525593e-6, 1e-17);
    EXPECT_NEAR(run.at("k", 0), 7e-6, 1e-17);
    EXPECT_NEAR(run.at("Ca", 0), 7e-4, 1e-15);
    expect_near(run.at("v", 49999), -67.8199147326);
    expect_near(run.at("h", 49999), 0.826380653768);
    expect_near(run.at("n1", 49999), 0.00326242601466);
    expect_near(run.at("k", 49999), 0.104706284514);
    expect_near(run.at("Ca", 49999), 0.0584965249601);
}

TEST(AnnarchyReference, HodgkinHuxleyOfCorbit) {
    const auto run = run_with_current(from_library("HHneuronCorbit"), 0.01, 50000, 100000, 6);
    EXPECT_NEAR(run.at("v", 49999), -70.03810532250634, 1e-9) << "the initial values are those of rest";
    EXPECT_EQ(run.spikes.size(), 36u);
    EXPECT_THAT(first(run.spikes, 5), ElementsAre(50511, 51931, 53337, 54742, 56145));
    EXPECT_NEAR(run.at("v", 99999), -76.8505292888, 1e-8);
    EXPECT_NEAR(run.at("h_Na", 99999), 0.374580070018, 1e-9);
    EXPECT_NEAR(run.at("n_Kv3", 99999), 0.0339387761142, 1e-9);
}

TEST(AnnarchyReference, LeakyIntegrateAndFire) {
    const auto run = run_annarchy(from_library("IF_curr_exp", {{"i_offset", "1"}, {"tau_refrac", "5"}}), 1, 200);
    EXPECT_THAT(run.spikes, ElementsAre(27, 60, 93, 126, 159, 192));
    EXPECT_NEAR(run.at("v", 0), -64.02458849, 5e-9);
}

TEST(AnnarchyReference, HodgkinHuxleyOfTraubAndMiles) {
    const auto run = run_annarchy(from_library("HH_cond_exp", {{"i_offset", "0.5"}}), 0.01, 10000);
    EXPECT_NEAR(run.at("v", 0), -64.975006249, 5e-10);
    EXPECT_NEAR(run.at("n", 0), 1.87168757216e-4, 1e-15);
    EXPECT_NEAR(run.at("m", 0), 1.09002026239e-3, 1e-14);
    EXPECT_NEAR(run.at("h", 0), 0.999999754684, 1e-12);
    EXPECT_NEAR(run.at("v", 9999), -49.7893064469, 1e-8);
    EXPECT_TRUE(run.spikes.empty());
}

TEST(AnnarchyReference, AdaptiveExponentialIntegrateAndFire) {
    const auto run = run_annarchy(from_library("EIF_cond_exp_isfa_ista", {{"i_offset", "0.8"}}), 0.1, 5000);
    EXPECT_THAT(run.spikes, ElementsAre(177, 407, 717, 1151, 1725, 2373, 3040, 3711, 4382));
}

TEST(AnnarchyReference, TheLibraryHasTheNeuronsOfTheTextsAbove) {
    const auto here = run_with_current(izhikevich_2007(), 0.1, 0, 3000, 100);
    const auto library = run_with_current(from_library("Izhikevich2007"), 0.1, 0, 3000, 100);
    EXPECT_EQ(here.values.at("v"), library.values.at("v"));
    const auto classic = run_annarchy(from_library("Izhikevich", {{"i_offset", "10"}}), 0.5, 600);
    EXPECT_THAT(classic.spikes, ElementsAre(7, 57, 149, 241, 333, 425, 517));
}

// What the noisy neurons of the library must give on average.

TEST(AnnarchyLibrary, PoissonNeuronsHaveTheirRate) {
    const auto plain = run_annarchy(from_library("PoissonNeuron", {{"rates", "100"}}), 0.5, 40000);
    EXPECT_NEAR(static_cast<double>(plain.spikes.size()), 2000, 4.5 * std::sqrt(2000.0)) << "20 s at 100 Hz";
    const auto sine = run_annarchy(
        from_library("PoissonNeuronSin", {{"base", "100"}, {"amplitude", "80"}, {"frequency", "2"}}), 0.5, 40000);
    std::size_t early = 0;  // in the first half of each period of 1000 steps, where the sine is positive
    for (const auto step : sine.spikes) early += step % 1000 < 500 ? 1 : 0;
    const double half = 10 * (100 + 80 * 2 / std::acos(-1.0));
    EXPECT_NEAR(static_cast<double>(early), half, 4.5 * std::sqrt(half));
}

TEST(AnnarchyLibrary, NoisySynapsesHaveTheirMeanConductance) {
    const auto run = run_annarchy(
        from_library("Izhikevich2007NoisyAmpa", {{"v", "-60"}, {"rates_noise", "200"}, {"increase_noise", "3"}}), 0.5,
        100000);
    double mean = 0;
    for (const double g : run.values.at("g_ampa")) mean += g / 100000;
    // 0.2 events per ms of size 3, decaying with 10 ms: mean 6, variance 0.2*9*10/2; 50 s have 2500 independent values
    EXPECT_NEAR(mean, 6, 4.5 * 3 / std::sqrt(2500.0));
}

TEST(AnnarchyLibrary, ARestingNeuronStaysAtRest) {
    const auto run = run_annarchy(from_library("IzhikevichGolomb", {{"v", "v_r"}}), 0.1, 1000);
    EXPECT_TRUE(run.spikes.empty());
    EXPECT_NEAR(run.at("v", 999), -70, 1e-9);
    EXPECT_EQ(run_annarchy(from_library("Izhikevich2007"), 0.1, 1000).spikes.size(), 1u)
        << "from its start at 0 mV it spikes once without any current";
}

}  // namespace
}  // namespace spikesmith
