// Calibration: whether a posterior means what it says, in numbers and in words.
//
//   ranks      Simulation-based calibration: theta from the prior, x simulated from it, draws from the posterior of x; the rank of
//              theta among the draws is uniform, parameter by parameter (S. Talts et al., arXiv:1804.06788)
//   coverage   the same with the posterior density as the number that is ranked: how often theta lies in the region of highest
//              density of a given probability (J. Hermans et al., TMLR 2022)
//   tarp       the same with the distance to a random point: sees what densities and single parameters do not (P. Lemos et
//              al., Sampling-based accuracy testing of posterior estimators, ICML 2023)
//   predictive whether the observation looks like what the posterior simulates (A. Gelman et al., Bayesian data analysis, ch. 6)
//
// The first three need pairs of theta and x that the networks have not been trained on. Of a posterior learned from truncated proposals
// the pairs are from the truncated prior, and so must be the draws: `region` says which are.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "spikesmith/infer/inference.hpp"
#include "spikesmith/infer/posterior.hpp"

namespace spikesmith {

// A number per pair that is uniform between 0 and 1 if all is well, and how unlikely its deviation is.
struct UniformityTest {
    std::string name;            // of the parameter, "coverage", or "tarp"
    std::vector<double> values;  // per pair
    double p_value = 1;          // Kolmogorov and Smirnov
    double mean = 0.5;
};

enum class CalibrationVerdict { calibrated, overconfident, underconfident, biased, undecided };

struct CalibrationReport {
    std::size_t pairs = 0;
    std::size_t draws = 0;              // per pair
    std::size_t skipped = 0;            // pairs that lack features which the networks need
    std::vector<UniformityTest> ranks;  // one per parameter; value: share of draws below the true one
    UniformityTest coverage;  // value: probability of the smallest region of highest density that holds the true one
    UniformityTest tarp;      // value: share of draws nearer to a random point than the true one
    CalibrationVerdict verdict = CalibrationVerdict::undecided;

    // Share of pairs whose true parameters are in the region of highest density of this probability.
    [[nodiscard]] double expected_coverage(double probability) const;
    // A sentence for the verdict, then a line per test.
    [[nodiscard]] std::string summary() const;
};

struct CalibrationOptions {
    std::size_t draws = 200;     // per pair
    double significance = 0.01;  // of all tests together
    std::uint64_t seed = 0;
    RegionMarks region{};                          // of truncated proposals (inference.hpp); empty: everywhere
    const std::atomic<bool>* cancelled = nullptr;  // then Interrupted is thrown
};

// `theta`, `x`: the pairs, row by row. Fewer than 50 usable pairs leave the verdict undecided. Throws DataError for shapes that do not fit.
[[nodiscard]] CalibrationReport calibrate(const Posterior& posterior, const Array2& theta, const Array2& x,
                                          const CalibrationOptions& options = {});

// How the observation lies among simulations with parameters from the posterior.
struct PredictiveCheck {
    struct Feature {
        std::string name;
        double observed = 0;
        double median = 0;  // of the simulations
        double low = 0;     // 2.5 % and 97.5 % of them
        double high = 0;
        double p_value = 1;       // two-sided: how seldom a simulation is so far out
        std::size_t missing = 0;  // simulations without it
    };
    std::vector<Feature> features;
    double p_value = 1;  // of all together: simulations that are farther from the medians than the observation
    bool passed = true;  // p_value and every feature's are not below the significance
    std::size_t simulations = 0;

    [[nodiscard]] std::string summary() const;
};
// `simulated`: n x C. Names may be empty. Throws DataError for shapes that do not fit.
[[nodiscard]] PredictiveCheck check_predictions(const Array2& simulated, std::span<const double> observation,
                                                const std::vector<std::string>& names, double significance = 0.01);

// p-value of the hypothesis that values are uniform between 0 and 1 (Kolmogorov and Smirnov; M. Stephens, J. R. Stat. Soc. B
// 32, 1970, for the correction of small numbers).
[[nodiscard]] double uniformity_p_value(std::vector<double> values);

}  // namespace spikesmith
