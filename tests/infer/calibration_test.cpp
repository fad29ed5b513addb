// The tests of calibration on pairs for which a posterior is exactly right: parameters drawn from itself.
#include "spikesmith/infer/calibration.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "spikesmith/math/random_stream.hpp"

namespace spikesmith {
namespace {

// A flow for x = a + b + noise, hardly trained: what it says of a and b is correlated, different for each x, and not normal.
const Posterior& flow() {
    static const Posterior posterior = [] {
        const Prior prior({normal_prior("a", {0, {}}, {1, {}}), uniform_prior("b", {-1, {}}, {2, {}})});
        Simulations simulations;
        simulations.theta = prior.sample(600, 1);
        simulations.x = Array2(600, 1);
        math::RandomStream random(5, 1);
        for (std::size_t i = 0; i < 600; ++i)
            simulations.x(i, 0) = simulations.theta(i, 0) + simulations.theta(i, 1) + 0.3 * random.next_normal();
        Inference inference(prior, {.density = {.hidden_features = 12, .num_transforms = 2}});
        inference.append(simulations, SimulatedFrom::prior);
        inference.train({.learning_rate = 5e-3, .max_num_epochs = 15});
        return Posterior(prior, inference.estimator(), std::vector<double>{0.0});
    }();
    return posterior;
}

struct Pairs {
    Array2 theta;
    Array2 x;
};

// theta from the posterior of x; the last parameters from another draw if `independent`, so that each alone is still right.
Pairs from_the_posterior(std::size_t n, std::uint64_t seed, bool independent) {
    Pairs pairs{Array2(n, 2), Array2(n, 1)};
    math::RandomStream random(seed, 2);
    for (std::size_t i = 0; i < n; ++i) {
        pairs.x(i, 0) = 1.2 * random.next_normal();
        const Array2 draws = flow().given(std::vector<double>{pairs.x(i, 0)}).sample(2, (seed << 20) + i);
        pairs.theta(i, 0) = draws(0, 0);
        pairs.theta(i, 1) = draws(independent ? 1 : 0, 1);
    }
    return pairs;
}

TEST(Calibration, PValuesOfARightPosteriorAreUniform) {
    std::map<std::string, std::vector<double>> p_values;
    std::size_t refused = 0;
    constexpr std::size_t repetitions = 200;
    for (std::size_t k = 1; k <= repetitions; ++k) {
        const Pairs pairs = from_the_posterior(60, k, false);
        const CalibrationReport report = calibrate(flow(), pairs.theta, pairs.x, {.draws = 50, .seed = k});
        for (const UniformityTest& test : report.ranks) p_values[test.name].push_back(test.p_value);
        p_values["coverage"].push_back(report.coverage.p_value);
        p_values["tarp"].push_back(report.tarp.p_value);
        refused += report.verdict == CalibrationVerdict::calibrated ? 0 : 1;
    }
    ASSERT_EQ(p_values.size(), 4U);
    for (const auto& [name, values] : p_values) {
        EXPECT_EQ(values.size(), repetitions);
        EXPECT_GT(uniformity_p_value(values), 0.01) << name;
    }
    EXPECT_LE(refused, 8U);  // one of a hundred is what is asked for
}

TEST(Calibration, DistancesToRandomPointsSeeWhatSingleParametersDoNot) {
    const Pairs pairs = from_the_posterior(1000, 1, true);
    const CalibrationReport report = calibrate(flow(), pairs.theta, pairs.x);
    for (const UniformityTest& test : report.ranks) EXPECT_GT(test.p_value, 0.01) << test.name;
    EXPECT_LT(report.tarp.p_value, 1e-4);
    EXPECT_NE(report.verdict, CalibrationVerdict::calibrated);
}

}  // namespace
}  // namespace spikesmith
