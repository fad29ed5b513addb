// Settings of the features, in the units of the features: mV, ms, mV/ms. The names and defaults are those that users of
// eFEL know.
#pragma once

#include <cstdint>

namespace spikesmith {

enum class BaseMode : std::uint8_t { mean, median };

struct FeatureSettings {
    double threshold = -20;                 // mV; a spike crosses it upwards and downwards
    double derivative_threshold = 10;       // mV/ms; the onset of a spike rises faster
    int derivative_window = 3;              // samples that must rise so fast from the onset on; >= 1
    double interpolation_step = 0.1;        // ms; features are computed on a grid of this step
    bool strict_stimulus_interval = false;  // only spikes during the stimulus count
    bool ignore_first_interval = true;      // the first interspike interval does not count in statistics of intervals
    double voltage_base_start = 0.9;        // of the time at which the stimulus starts
    double voltage_base_end = 1;
    BaseMode voltage_base_mode = BaseMode::mean;
    double precision = 1e-10;  // ms; how far a sample may be beyond the end of the window of voltage_base

    friend bool operator==(const FeatureSettings&, const FeatureSettings&) = default;
};

// Throws ConfigError for settings that are not finite, steps and windows that are not positive.
void check(const FeatureSettings& settings);

}  // namespace spikesmith
