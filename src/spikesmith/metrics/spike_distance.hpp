// Distances of spike trains: van Rossum's and that of Victor and Purpura. Both are 0 for equal trains, need no matching of
// rates by hand, and stay finite for empty trains.
//
// VanRossum. Each train is filtered with exp(-t/tau); the feature is
//
//     2/tau * integral over all times of (filtered simulated - filtered recorded)**2 dt / normalization
//
// M. van Rossum, Neural Comput. 13 (2001) 751, with the factor 2/tau instead of 1/tau, so that one extra spike costs 1 and
// moving a spike far away costs 2. It is the square of a metric: k lone extra spikes cost k, k coincident ones k**2. tau is
// the precision: for tau far below the intervals it counts spikes that do not coincide, for tau far above the duration it is
// (n_m - n_d)**2. Computed exactly in O(n_m + n_d) as the sum of the integrals between spikes, where the difference decays
// exponentially.
//
// VictorPurpura. The smallest total cost of turning one train into the other, where adding or deleting a spike costs 1
// and moving it by t costs q*t (J. Victor & K. Purpura, J. Neurophysiol. 76 (1996) 1310), divided by the normalization.
// Spikes further apart than 2/q are deleted and added rather than moved. O(n_m * n_d) time.
#pragma once

#include <string>

#include "spikesmith/metrics/metric.hpp"

namespace spikesmith {

struct VanRossumOptions {
    double tau = 0;            // seconds, > 0; must be given; 10 ms is a common beginning
    double t_start = 0;        // seconds; earlier spikes are ignored
    double normalization = 1;  // > 0
};

class VanRossum final : public SpikeMetric {
  public:
    // Throws ConfigError for values out of range.
    explicit VanRossum(const VanRossumOptions& options);
    [[nodiscard]] std::string description() const override;
    void check(SpikeTrain target, double duration, double dt) const override;
    [[nodiscard]] double feature(SpikeTrain simulated, SpikeTrain target, double duration, double dt) const override;
    [[nodiscard]] double unnormalized(double error) const override { return error * options_.normalization; }

  private:
    VanRossumOptions options_;
};

struct VictorPurpuraOptions {
    double cost = 0;           // q in 1/second, > 0; must be given; 2/q is the largest distance of a pair
    double t_start = 0;        // seconds; earlier spikes are ignored
    double normalization = 1;  // > 0
};

class VictorPurpura final : public SpikeMetric {
  public:
    // Throws ConfigError for values out of range.
    explicit VictorPurpura(const VictorPurpuraOptions& options);
    [[nodiscard]] std::string description() const override;
    void check(SpikeTrain target, double duration, double dt) const override;
    [[nodiscard]] double feature(SpikeTrain simulated, SpikeTrain target, double duration, double dt) const override;
    [[nodiscard]] double unnormalized(double error) const override { return error * options_.normalization; }

  private:
    VictorPurpuraOptions options_;
};

[[nodiscard]] MetricPointer van_rossum(const VanRossumOptions& options);
[[nodiscard]] MetricPointer victor_purpura(const VictorPurpuraOptions& options);

// The distances themselves, of all spikes, not normalised. Times in seconds, increasing; tau in seconds; cost in 1/second.
[[nodiscard]] double van_rossum_distance(SpikeTrain a, SpikeTrain b, double tau);
[[nodiscard]] double victor_purpura_distance(SpikeTrain a, SpikeTrain b, double cost);

}  // namespace spikesmith
