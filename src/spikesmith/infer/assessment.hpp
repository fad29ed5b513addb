// Assessment: what is to be thought of a posterior, calibration and predictions together. Inferencer::assess makes it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "spikesmith/infer/calibration.hpp"

namespace spikesmith {

struct AssessmentOptions {
    // New simulations of the prior, by which the posterior is judged; absent: 300, or 60 where every pair needs Markov chains. 0: none.
    std::optional<std::size_t> pairs{};
    std::size_t predictions = 200;  // simulated draws of the posterior; 0: none
    CalibrationOptions calibration{};
};

struct Assessment {
    std::optional<CalibrationReport> calibration;
    std::optional<PredictiveCheck> predictions;
    std::string failure;  // why one of them could not be made

    [[nodiscard]] bool trustworthy() const;  // calibrated, and the observation looks like what is predicted
    // Verdicts in words: predictions, then calibration.
    [[nodiscard]] std::string summary() const;
};

}  // namespace spikesmith
