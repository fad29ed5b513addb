// What may be said about a parameter: linear and logarithmic bounds, whole numbers, fixed and tied values.
#include "spikesmith/fit/parameters.hpp"

#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "fit/problems.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/trace_fitter.hpp"
#include "spikesmith/metrics/mse.hpp"

namespace spikesmith {
namespace {

using test::leaky_bounds;
using test::leaky_options;
using test::message_of;
using test::quantity;
using test::random_points;

const Expression E = Expression::symbol("E");
const Expression R = Expression::symbol("R");
const Expression tau = Expression::symbol("tau");

TEST(Parameters, ALogarithmicScaleSpreadsOverDecades) {
    TraceFitter fitter(leaky_options());
    auto parameters = leaky_bounds();  // R from 1 Mohm to 1 Gohm on a logarithmic scale
    parameters[2].low = quantity("1 us");
    parameters[2].high = quantity("1 s");  // linear
    static_cast<void>(fitter.fit(random_points(parameters, 25)));
    const auto values_of_R = fitter.evaluations().column("R");
    const auto values_of_tau = fitter.evaluations().column("tau");
    ASSERT_EQ(values_of_R.size(), 1000U);
    // A third of the points in each decade, 0.015 being its standard deviation; linear ones are nearly all in the last.
    for (int decade = 6; decade < 9; ++decade) {
        const auto inside =
            std::ranges::count_if(values_of_R, [&](double value) { return std::floor(std::log10(value)) == decade; });
        EXPECT_NEAR(static_cast<double>(inside) / 1000, 1.0 / 3, 0.06);
    }
    EXPECT_GT(std::ranges::count_if(values_of_tau, [](double value) { return value > 0.1; }), 850);
}

// v = n*mV + q, where n is declared integer; what is recorded is 7 mV. m is a real number in the model.
FitterOptions counting_options() {
    return {.model = parse_brian({.equations = {"equations", R"(dq/dt = 0*volt/second : volt
                                                                y = q + n*mV + m*mV : volt
                                                                n : integer (constant)
                                                                m : 1 (constant))"}}),
            .recordings = {.outputs = {{"y", {.dt = 1e-3, .values = Array2(1, 4, 7e-3)}}}},
            .n_samples = 20,
            .method = "euler"};
}

TEST(Parameters, WholeNumbersAreSearchedAsSuch) {
    TraceFitter fitter(counting_options());
    const std::vector<FitParameter> parameters{{.name = "n", .low = {-3, {}}, .high = {6, {}}},
                                               {.name = "m", .low = {0, {}}, .high = {4, {}}, .integer = true}};
    const FitResult result = fitter.fit({.parameters = parameters, .n_rounds = 20});
    EXPECT_LT(result.best->error, 1e-30);
    EXPECT_EQ(result["n"] + result["m"], 7);
    EXPECT_TRUE(result.parameters[0].integer);
    EXPECT_TRUE(result.parameters[1].integer);
    std::set<double> n, m;
    for (const double value : fitter.evaluations().column("n")) n.insert(value);
    for (const double value : fitter.evaluations().column("m")) m.insert(value);
    EXPECT_THAT(n, testing::ElementsAre(-3, -2, -1, 0, 1, 2, 3, 4, 5, 6));
    EXPECT_THAT(m, testing::ElementsAre(0, 1, 2, 3, 4));
    EXPECT_THAT(result.full_report(), testing::HasSubstr("whole"));
    EXPECT_EQ(result.parameters[0].at_bound, result["n"] == 6);
}

TEST(Parameters, RefusesBoundsAndValuesThatAreNotWhole) {
    const auto refusal = [](std::vector<FitParameter> parameters) {
        TraceFitter fitter(counting_options());
        return message_of<Error>([&] { static_cast<void>(fitter.fit({.parameters = parameters})); });
    };
    const FitParameter m{.name = "m", .low = {0, {}}, .high = {4, {}}};
    EXPECT_THAT(refusal({{.name = "n", .low = {0.5, {}}, .high = {6, {}}}, m}), testing::HasSubstr("`n`"));
    EXPECT_THAT(refusal({{.name = "n", .fixed = Quantity{1.5, {}}}, m}),
                testing::HasSubstr("the fixed value of `n` must be a whole number, not 1.5"));
    EXPECT_THAT(refusal({{.name = "n", .low = {0, {}}, .high = {6, {}}},
                         {.name = "m", .fixed = Quantity{std::numeric_limits<double>::infinity(), {}}}}),
                testing::HasSubstr("the fixed value of `m` is not finite"));
}

TEST(Parameters, ATiedWholeNumberIsWhole) {
    TraceFitter fitter(counting_options());
    const std::vector<FitParameter> parameters{{.name = "n", .tied = Expression(1.7) * Expression::symbol("m")},
                                               {.name = "m", .low = {0, {}}, .high = {4, {}}}};
    const FitResult result = fitter.fit({.parameters = parameters, .n_rounds = 3});
    ASSERT_TRUE(result.best);
    EXPECT_EQ(result["n"], std::nearbyint(1.7 * result["m"]));
}

TEST(Parameters, TiedOnesFollow) {
    // R = 1e10 ohm/second * tau, E = -7 V/second * tau: the truth obeys both. E is tied through R.
    auto parameters = leaky_bounds();
    parameters[0] = {.name = "E", .tied = Expression(-7e-10) * R};
    parameters[1] = {.name = "R", .tied = Expression(1e10) * tau};
    TraceFitter fitter(leaky_options());
    const FitResult result = fitter.fit({.parameters = parameters, .n_rounds = 25});
    EXPECT_NEAR(result["tau"], 0.01, 1e-9);
    EXPECT_EQ(result["R"], 1e10 * result["tau"]);
    EXPECT_EQ(result["E"], -7e-10 * result["R"]);
    EXPECT_EQ(result.parameters[1].tied, to_string(*parameters[1].tied));
    EXPECT_FALSE(result.parameters[0].searched());
    EXPECT_THAT(fitter.evaluations().parameters(), testing::ElementsAre("tau"));
    EXPECT_THAT(result.full_report(), testing::HasSubstr("= " + to_string(*parameters[0].tied)));
    // Every evaluation saw the tied values.
    const TimeSeries recording = test::leaky_recordings();
    for (std::size_t i = 0; i < 40; ++i) {
        const double t0 = fitter.evaluations().parameter_values(i)[0];
        double sum = 0;
        for (std::size_t r = 0; r < 2; ++r) {
            for (std::size_t k = 0; k < test::leaky_steps; ++k) {
                const double v =
                    test::leaky_voltage(static_cast<double>(k) * test::leaky_dt, r, -7 * t0, 1e10 * t0, t0);
                sum += std::pow(v - recording.values(r, k), 2);
            }
        }
        const double error = sum / (2 * test::leaky_steps);
        EXPECT_NEAR(fitter.evaluations().error(i), error, 1e-11 * error);
    }
    // Traces of the best parameters use the tied values too.
    const Array2 v = fitter.generate_traces()["v"];
    EXPECT_EQ(v(0, 0), result["E"]);
}

TEST(Parameters, GeneratedOnesFollowWhatIsGiven) {
    auto parameters = leaky_bounds();
    parameters[1] = {.name = "R", .tied = Expression(1e10) * tau};
    TraceFitter fitter(leaky_options());
    static_cast<void>(fitter.fit({.parameters = parameters, .n_rounds = 0}));
    const Array2 followed = fitter.generate({.parameters = {{"E", -0.07}, {"tau", 0.02}}})["v"];
    const Array2 given = fitter.generate({.parameters = {{"E", -0.07}, {"tau", 0.02}, {"R", 2e8}}})["v"];
    const Array2 other = fitter.generate({.parameters = {{"E", -0.07}, {"tau", 0.02}, {"R", 1e8}}})["v"];
    EXPECT_EQ(followed.values, given.values);
    EXPECT_NE(followed.values, other.values);
}

TEST(Parameters, MayBeTiedToFixedOnes) {
    auto parameters = leaky_bounds();
    parameters[0] = {.name = "E", .fixed = quantity("-70 mV")};
    parameters[1] = {.name = "R", .tied = Expression(-1e8 / 0.07) * E};
    TraceFitter fitter(leaky_options());
    const FitResult result = fitter.fit({.parameters = parameters, .n_rounds = 2});
    EXPECT_DOUBLE_EQ(result["R"], 1e8);
    EXPECT_EQ(result["E"], -0.07);
}

TEST(Parameters, RefusesTiesThatCannotBe) {
    const auto refusal = [](auto change) {
        auto parameters = leaky_bounds();
        change(parameters);
        TraceFitter fitter(leaky_options());
        return message_of<ConfigError>([&] { static_cast<void>(fitter.fit({.parameters = parameters})); });
    };
    using P = std::vector<FitParameter>;
    EXPECT_THAT(refusal([](P& p) {
                    p[0] = {.name = "E", .tied = R};
                    p[1] = {.name = "R", .tied = E + tau};
                }),
                testing::HasSubstr("is tied to itself"));
    EXPECT_THAT(refusal([](P& p) { p[0] = {.name = "E", .tied = Expression(2) * E}; }),
                testing::HasSubstr("the parameter `E` is tied to itself"));
    EXPECT_THAT(
        refusal([](P& p) { p[0] = {.name = "E", .tied = Expression::symbol("taus")}; }),
        testing::HasSubstr("`E` is tied to `taus`, which is no parameter of the fit\nhint: did you mean `tau`?"));
    EXPECT_THAT(refusal([](P& p) { p[0] = {.name = "E", .tied = Expression::symbol("v")}; }),
                testing::HasSubstr("`E` is tied to `v`, which is no parameter of the fit"));
    EXPECT_THAT(refusal([](P& p) {
                    p[0].tied = R;
                    p[0].fixed = quantity("-70 mV");
                }),
                testing::HasSubstr("`E` is both fixed and tied"));
    EXPECT_THAT(refusal([](P& p) {
                    p[0] = {.name = "E", .tied = Expression(1e-9) * R};
                    p[1] = {.name = "R", .fixed = quantity("100 Mohm")};
                    p[2] = {.name = "tau", .fixed = quantity("10 ms")};
                }),
                testing::HasSubstr("there is no parameter to search"));
}

TEST(Parameters, ATieThatIsNoNumberFails) {
    // log of a negative number: every evaluation fails, none is best, none is hidden.
    auto parameters = leaky_bounds();
    parameters[1] = {.name = "R", .tied = apply(Op::log, E)};
    TraceFitter fitter(leaky_options());
    const FitResult result = fitter.fit({.parameters = parameters, .n_rounds = 2});
    EXPECT_FALSE(result.best);
    EXPECT_EQ(result.n_failed, 80U);
}

TEST(Parameters, ContinuingKnowsTiesScalesAndWholeNumbers) {
    auto parameters = leaky_bounds();
    parameters[0] = {.name = "E", .tied = Expression(-7.0) * tau};
    TraceFitter fitter(leaky_options());
    static_cast<void>(fitter.fit({.parameters = parameters}));
    EXPECT_NO_THROW(static_cast<void>(fitter.fit({.parameters = parameters})));
    const auto refusal = [&](auto change) {
        auto other = parameters;
        change(other);
        return message_of<ConfigError>([&] { static_cast<void>(fitter.fit({.parameters = other})); });
    };
    using P = std::vector<FitParameter>;
    const auto cannot_change = testing::HasSubstr("the parameters and their bounds cannot change");
    EXPECT_THAT(refusal([](P& p) { p[0].tied = Expression(-8.0) * tau; }), cannot_change);
    EXPECT_THAT(refusal([](P& p) { p[1].scale = Scale::linear; }), cannot_change);
    EXPECT_THAT(refusal([](P& p) {
                    p[1].low = quantity("1 Mohm");
                    p[1].integer = true;
                }),
                cannot_change);
    EXPECT_EQ(fitter.result().n_rounds, 2U);
}

}  // namespace
}  // namespace spikesmith
