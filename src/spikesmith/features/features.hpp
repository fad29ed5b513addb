// Features of membrane potentials: spike counts, timing, shapes, subthreshold measures, by name.
//
//     TraceFeatures features({.voltage = volts, .dt = 1e-4, .stimulus = {0.7, 2.7}});
//     const FeatureValue& amplitudes = features.get("AP_amplitude");
//     if (amplitudes.present()) use(amplitudes.values); else say(amplitudes.absent);
//
// The names and definitions are those of eFEL (R. Ranjan et al., github.com/BlueBrain/eFEL), so values agree with it where
// it is defined; where it reads beyond an array or gives NaN, the feature is absent here. Values are in the units in which
// features are quoted, mV, ms, Hz; FeatureInfo says which. Times are from the beginning of the recording.
//
// A feature may need others (amplitudes need onsets, these need peaks): each is computed when it is first asked for and
// kept, so asking for many costs each once. The voltage is interpolated linearly to a grid of
// FeatureSettings::interpolation_step first, and indices refer to that grid.
//
// A feature of one's own or a new one: a function from TraceFeatures to FeatureValue, entered in the table of its family
// (definitions.hpp).
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "spikesmith/features/settings.hpp"

namespace spikesmith {

struct StimulusWindow {
    double start = 0;  // seconds
    double end = 0;    // seconds; after `start`
    friend bool operator==(const StimulusWindow&, const StimulusWindow&) = default;
};

struct FeatureTrace {
    std::span<const double> voltage;  // volts
    double dt = 0;                    // seconds between samples
    StimulusWindow stimulus;
    std::size_t first_sample = 0;  // number of the first sample, if the beginning of the recording was cut
};

// Values, or the reason why there are none.
struct FeatureValue {
    std::vector<double> values{};
    std::string_view absent{};  // "no spikes"; refers to a constant; empty if present

    [[nodiscard]] bool present() const { return absent.empty(); }
    [[nodiscard]] double mean() const;  // of the values, from left to right; needs a value that is present
};

struct FeatureInfo {
    std::string_view name;
    std::string_view unit;     // "mV", "ms", "Hz", "1"
    bool single = true;        // one value, not one per spike
    std::string_view summary;  // one line
};

// All features, in alphabetical order of their names.
[[nodiscard]] const std::vector<FeatureInfo>& feature_list();

// Position of a feature in feature_list(). Throws ConfigError with a hint for an unknown name.
[[nodiscard]] std::size_t feature_index(std::string_view name);

class TraceFeatures {
  public:
    // Throws ConfigError for settings or a stimulus window that make no sense, DataError for fewer than 3 samples, a
    // sampling interval that is not positive, and voltages that are not finite.
    explicit TraceFeatures(const FeatureTrace& trace, const FeatureSettings& settings = {});

    // The reference stays valid as long as this object.
    const FeatureValue& get(std::string_view name) { return get(feature_index(name)); }
    const FeatureValue& get(std::size_t index);

    // What features are computed from.
    [[nodiscard]] const FeatureSettings& settings() const { return settings_; }
    [[nodiscard]] double stimulus_start() const { return stimulus_start_; }        // ms
    [[nodiscard]] double stimulus_end() const { return stimulus_end_; }            // ms
    [[nodiscard]] const std::vector<double>& time() const { return time_; }        // ms, the grid
    [[nodiscard]] const std::vector<double>& voltage() const { return voltage_; }  // mV, on the grid
    [[nodiscard]] std::size_t size() const { return voltage_.size(); }             // of the grid
    [[nodiscard]] std::size_t index_at(double time) const;                         // first with t >= time, or size()
    const std::vector<double>& derivative();                                       // dV/dt in mV/ms, on the grid

  private:
    FeatureSettings settings_;
    double stimulus_start_;
    double stimulus_end_;
    std::vector<double> time_;
    std::vector<double> voltage_;
    std::vector<double> derivative_;
    std::vector<std::optional<FeatureValue>> values_;  // by index
};

}  // namespace spikesmith
