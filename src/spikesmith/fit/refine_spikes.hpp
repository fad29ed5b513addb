// Least squares of spike times, for `refine` only.
//
// Errors of spike trains jump where a spike moves to another step, so they have no derivative. Spike times have one: the time at
// which the threshold is crossed, interpolated linearly between the margins (left minus right side of the threshold) before and
// after the step, goes continuously from step to step. Spikes are paired in one of two ways:
//
//   by number   the i-th simulated with the i-th recorded spike; the shorter train goes on at its last interval. Pulls trains of
//               another rate into step from afar
//   nearest     in order such that the sum of squared differences is least, where a spike without partner counts as one that is half
//               an interval away. For trains that coincide but for single spikes
//
//     r_i = t_simulated(i) - t_recorded(i)        cost = sum_i r_i**2 / (number of recorded spikes)
//
// Resets happen at steps, so what follows a spike still jumps by up to a step: differences are so wide that spikes move by several.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/fit/fitter.hpp"
#include "spikesmith/fit/refine_derivatives.hpp"
#include "spikesmith/optimize/least_squares.hpp"

namespace spikesmith {

enum class SpikePairing : std::uint8_t { by_number, nearest };

class SpikeTimeEquations {
  public:
    SpikeTimeEquations(const FitSetup& setup, const FitterOptions& options, const TraceData& data);

    [[nodiscard]] std::vector<LeastSquaresPoint> at(const Array2& points, bool derivatives, SpikePairing pairing,
                                                    const std::atomic<bool>* cancelled);
    // How many spikes have a partner when the nearest are paired.
    [[nodiscard]] Residuals residuals(std::span<const double> point);
    [[nodiscard]] double compile_seconds() const { return ensemble_.compile_seconds(); }

  private:
    // Interpolated times of the spikes of rows of parameters, by row * n_traces + trace.
    std::vector<std::vector<double>> spike_times(const Array2& parameters, const std::atomic<bool>* cancelled);

    FitParameters parameters_;
    std::vector<std::vector<double>> recorded_;
    std::vector<double> trace_factors_;
    std::vector<double> durations_;  // of traces, seconds
    double dt_;
    double missing_;  // seconds that a spike without partner counts
    double n_recorded_;
    std::uint64_t noise_;
    Ensemble ensemble_;
    std::vector<double> widths_;  // of differences, by coordinate
};

// Pairs (simulated, recorded) of spikes in order, such that the sum of squared differences is least when every spike without partner
// counts missing**2/2.
struct SpikePair {
    std::size_t simulated = 0;
    std::size_t recorded = 0;
};
[[nodiscard]] std::vector<SpikePair> match_spikes(std::span<const double> simulated, std::span<const double> recorded,
                                                  double missing);

}  // namespace spikesmith
