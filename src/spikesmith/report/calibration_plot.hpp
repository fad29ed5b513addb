// Pictures of a calibration: for every test the share of pairs below a value against that value. A calibrated posterior follows the
// diagonal; the band holds the whole line in 99 of 100 cases.
#pragma once

#include <string>

#include "spikesmith/infer/calibration.hpp"
#include "spikesmith/report/svg_plot.hpp"

namespace spikesmith {

// A panel for the coverage, one for TARP, one for the ranks of each parameter.
[[nodiscard]] Plot calibration_plot(std::string title, const CalibrationReport& report);

// The observation among what the posterior simulates: per feature 95 % of the simulations, their median and the observed value, all
// relative to the median in units of half the band.
[[nodiscard]] Plot predictive_plot(std::string title, const PredictiveCheck& check);

}  // namespace spikesmith
