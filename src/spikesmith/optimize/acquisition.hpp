// Acquisition functions: how much a point is worth trying, given what a surrogate predicts there. Errors are minimised.
//
//   J. Mockus: IFIP Technical Conference (1975): expected improvement (EI); H. Kushner (1964): probability of it (PI)
//   D. Cox, S. John: SDO: a statistical method for global optimization (1997): lower confidence bound (LCB)
//   M. Hoffman, E. Brochu, N. de Freitas: Portfolio allocation for Bayesian optimization. UAI (2011): GP-Hedge
//   S. Ament et al.: Unexpected improvements to expected improvement. NeurIPS (2023): why logarithms
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "spikesmith/optimize/gaussian_process.hpp"

namespace spikesmith {

enum class AcquisitionRule : std::uint8_t {
    gp_hedge,                    // one of the other three for each point, by how well their choices did so far
    expected_improvement,        // E[max(best - xi - error, 0)]
    probability_of_improvement,  // P(error < best - xi)
    lower_confidence_bound,      // mean - kappa*deviation
};

struct Acquisition {
    AcquisitionRule rule = AcquisitionRule::expected_improvement;  // not gp_hedge
    double best = 0;  // smallest error so far, as the surrogate sees errors
    double xi = 0.01;
    double kappa = 1.96;
};

// The score of a prediction (larger is better) and its derivatives. EI and PI are given as logarithms, which have the
// same maximum but do not vanish far from it.
struct AcquisitionScore {
    double value = 0;
    double by_mean = 0;
    double by_deviation = 0;
};
[[nodiscard]] AcquisitionScore score(const Acquisition& acquisition, const Prediction& prediction);

// Chooses among EI, LCB and PI: after each model the gain of a rule falls by the mean that the model now predicts at the
// point that the rule would have chosen before; rules are drawn with probabilities proportional to exp(gain).
class HedgedChoice {
  public:
    static constexpr std::array<AcquisitionRule, 3> rules{AcquisitionRule::expected_improvement,
                                                          AcquisitionRule::lower_confidence_bound,
                                                          AcquisitionRule::probability_of_improvement};
    void lose(std::size_t rule, double predicted_mean) { gains_[rule] -= predicted_mean; }
    [[nodiscard]] AcquisitionRule choose(double uniform) const;

  private:
    std::array<double, 3> gains_{};
};

}  // namespace spikesmith
