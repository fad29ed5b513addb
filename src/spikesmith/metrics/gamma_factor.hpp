// GammaFactor: coincidences of simulated and recorded spikes, corrected for chance.
//
// For n_m simulated and n_d recorded spikes within T = time - t_start, with r_d = n_d/T and c coincidences, i.e. spikes
// no further apart than delta:
//
//     Gamma   = (c - 2*delta*r_d*n_d) / (0.5*(1 - 2*delta*r_d)*(n_m + n_d))      1: the same trains, 0: chance
//     R       = 1 + 2*|n_d - n_m| / max(n_d, 1)                                  1 without rate correction
//     feature = max(R - Gamma, 0) / normalization                                0: the same trains
//
// after R. Jolivet et al., J. Neurosci. Methods 169 (2008) 417, and, for the rate correction, C. Rossant et al., Front.
// Neurosci. 5 (2011) 9. All times are rounded to steps of dt first, so whether two spikes are `delta` apart does not hang on
// the last bit.
//
// A simulated spike coincides with at most one recorded spike and vice versa: c is the largest number of such pairs. With
// `nearest`, every recorded spike that has a simulated one within delta counts, as brian2modelfitting counts; then one
// simulated spike may stand for a whole burst.
//
// Edge cases, with and without rate correction:
//     both trains empty                0
//     only the recorded train empty    1 + 2*n_m; 1     (grows with the number of spikes, but is finite)
//     only the simulated train empty   3 + x; 1 + x     with x = 2*delta*r_d / (0.5*(1 - 2*delta*r_d))
//
// Where 2*delta*r_d >= 1, chance alone would explain everything and Gamma would change its sign. There coincidences count without
// that correction, and at most n_m of them: Gamma = 2*min(c, n_m)/(n_m + n_d), between 0 and 1. `warning` says so.
// Advice: half the smallest interval between recorded spikes is a good upper limit; 2 to 4 ms are usual.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "spikesmith/metrics/metric.hpp"

namespace spikesmith {

enum class SpikeMatching : std::uint8_t { one_to_one, nearest };

struct GammaFactorOptions {
    double delta = 0;  // seconds, > 0; must be given
    std::optional<double>
        time{};                // seconds, > t_start; of the rates, for all traces; absent: as long as each trace lasts
    double t_start = 0;        // seconds; earlier spikes are ignored and the time before it does not count in the rates
    double normalization = 1;  // > 0; the error is divided by it
    bool rate_correction = true;
    SpikeMatching matching = SpikeMatching::one_to_one;
};

class GammaFactor final : public SpikeMetric {
  public:
    // Throws ConfigError for values out of range.
    explicit GammaFactor(const GammaFactorOptions& options);

    [[nodiscard]] const GammaFactorOptions& options() const { return options_; }
    [[nodiscard]] std::string description() const override;
    void check(SpikeTrain target, double duration, double dt) const override;
    // Names the densest trace for which delta is too large to correct for chance.
    [[nodiscard]] std::optional<std::string> warning(const std::vector<std::vector<double>>& targets,
                                                     std::span<const double> durations, double dt) const override;
    [[nodiscard]] double feature(SpikeTrain simulated, SpikeTrain target, double duration, double dt) const override;
    [[nodiscard]] double unnormalized(double error) const override { return error * options_.normalization; }

  private:
    [[nodiscard]] double rated_time(double duration) const;
    [[nodiscard]] bool corrects_for_chance(double rate) const;

    GammaFactorOptions options_;
};

[[nodiscard]] MetricPointer gamma_factor(const GammaFactorOptions& options);

// Coincidences of two trains at distances of at most `delta`, all in steps of dt.
[[nodiscard]] std::size_t count_coincidences(SpikeTrain simulated, SpikeTrain target, double delta, double dt,
                                             SpikeMatching matching);

}  // namespace spikesmith
