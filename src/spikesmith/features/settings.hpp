// Settings of the features, in the units of the features: mV, ms, mV/ms, Hz. Defaults are those that users of eFEL know.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

namespace spikesmith {

// How spikes are found and what everything else is measured on; named in every result.
enum class FeatureMode : std::uint8_t {
    efel,  // eFEL's definitions: voltage resampled linearly to interpolation_step, plain threshold crossings, sample windows
    native,  // the recording's own samples, hysteresis, peaks and crossings between samples, windows in time
};
[[nodiscard]] std::string_view name_of(FeatureMode mode);

enum class BaseMode : std::uint8_t { mean, median };

struct FeatureSettings {
    FeatureMode mode = FeatureMode::efel;

    // Spikes, their onsets and ends.
    double threshold = -20;                  // mV; a spike crosses it upwards and downwards
    double min_spike_height = 20;            // mV; native mode: hysteresis of the detection. eFEL reads it nowhere
    double derivative_threshold = 10;        // mV/ms; the onset of a spike rises faster
    double down_derivative_threshold = -12;  // mV/ms; the end of a spike falls no faster
    int derivative_window = 3;               // samples that must rise so fast from the onset on; >= 1
    double interpolation_step = 0.1;         // ms; efel mode computes on a grid of this step
    bool strict_stimulus_interval = false;   // only spikes during the stimulus count
    double rise_start = 0;                   // of the amplitude: from where to where AP_rise_time counts
    double rise_end = 1;
    int phaseslope_range = 2;  // samples to either side of the onset

    // Intervals and bursts.
    bool ignore_first_interval = true;  // the first interspike interval does not count in statistics of intervals
    double skip_fraction = 0.1;         // of the spikes, in [0, 1): left out at the beginning by measures of adaptation
    int max_skipped_spikes = 2;         // but not more than these
    double offset = 0;                  // ms; how far spikes of the adaptation indices may be outside the stimulus
    double initial_fraction = 0.1;      // of the stimulus, in [0, 1]: number_initial_spikes
    double burst_factor = 1.5;          // an interval so many times the median ends a burst
    double strict_burst_factor = 2;     // the same for the strict family
    double initburst_frequency = 50;    // Hz; an initial burst is faster
    double initburst_sahp_start = 5;    // ms after the initial burst
    double initburst_sahp_end = 100;    // ms after the initial burst
    double sahp_start = 5;              // ms after a peak, from which on the slow afterhyperpolarisation is sought

    // Windows.
    double voltage_base_start = 0.9;  // of the time at which the stimulus starts
    double voltage_base_end = 1;
    BaseMode voltage_base_mode = BaseMode::mean;
    double current_base_start = 0.9;  // of the time at which the stimulus starts
    double current_base_end = 1;
    BaseMode current_base_mode = BaseMode::mean;
    double precision = 1e-10;             // ms; how far a sample may be beyond the end of the window of a base
    double decay_start = 1;               // ms after the stimulus: decay time constants
    double decay_end = 10;                // ms after the stimulus
    int inactivation_end_skip = 10;       // samples before the end of the stimulus: inactivation_time_constant
    double impedance_max_frequency = 50;  // Hz

    friend bool operator==(const FeatureSettings&, const FeatureSettings&) = default;
};

// Throws ConfigError for settings that are not finite, and steps, windows and counts out of their range.
void check(const FeatureSettings& settings);

// One number or switch of the settings: for readers of configuration files, and for docs/features.md. `mode` and the modes
// of the bases are choices and not in the list.
struct FeatureSetting {
    std::string_view name;       // as in FeatureSettings
    std::string_view efel_name;  // what eFEL calls it
    std::string_view unit;       // "mV", "ms", "mV/ms", "Hz", "1", "samples"; "" for a switch
    std::variant<double FeatureSettings::*, int FeatureSettings::*, bool FeatureSettings::*> member;
};
[[nodiscard]] std::span<const FeatureSetting> feature_settings();

}  // namespace spikesmith
