// Features of membrane potentials: spike counts, timing, shapes, subthreshold measures, by name.
//
//     TraceFeatures features({.voltage = volts, .dt = 1e-4, .stimulus = {0.7, 2.7}});
//     const FeatureValue& amplitudes = features.get("AP_amplitude");
//     if (amplitudes.present()) use(amplitudes.values); else say(amplitudes.sentence());
//
// Names and definitions are those of eFEL (R. Ranjan et al., github.com/openbraininstitute/eFEL); docs/features.md has all of
// them and says where values differ. Values are in the units in which features are quoted: mV, ms, Hz, MOhm; the entry of the
// table (feature_table.hpp) says which. Times are from the beginning of the recording.
//
// A feature may need others (amplitudes need onsets, these need peaks): each is computed when it is first asked for and
// kept, so asking for many costs each once. An object that is loaded with trace after trace allocates nothing once it has seen
// the largest of them, and computes the grid once for traces with the same times.
//
// Any trace gives values or reasons: flat, noisy, with gaps, empty, with a stimulus outside of it. Exceptions are for settings
// and stimuli that make no sense.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "spikesmith/features/feature_table.hpp"
#include "spikesmith/features/feature_value.hpp"
#include "spikesmith/features/sample_grid.hpp"
#include "spikesmith/features/settings.hpp"

namespace spikesmith {

struct StimulusWindow {
    double start = 0;  // seconds, or ms: see TraceUnits
    double end = 0;    // after `start`
    friend bool operator==(const StimulusWindow&, const StimulusWindow&) = default;
};

struct FeatureTrace {
    std::span<const double> voltage;
    double dt = 0;  // between samples
    StimulusWindow stimulus;
    std::size_t first_sample = 0;       // number of the first sample, if the beginning of the recording was cut
    std::span<const double> time{};     // of each sample, increasing; if given, dt and first_sample do not count
    std::span<const double> current{};  // of each sample; may be absent
    double stimulus_current = std::numeric_limits<double>::quiet_NaN();  // amplitude of the step, if known
    std::span<const StimulusWindow> stimuli{};  // of a protocol with several: multiple_decay_time_constant_after_stim
    TraceUnits units = TraceUnits::si;
};

// A neuron of which only spikes are known. Features that need the voltage are missing.
struct FeatureSpikes {
    std::span<const double> times;  // in ascending order
    StimulusWindow stimulus;
    TraceUnits units = TraceUnits::si;
};

class TraceFeatures {
  public:
    // To be loaded. The table, which must be of settings.mode, stays in use: it must outlive this object, unchanged. Throws
    // ConfigError for settings that make no sense.
    explicit TraceFeatures(const FeatureSettings& settings);
    TraceFeatures(const FeatureSettings& settings, const FeatureTable& table);
    TraceFeatures(const FeatureSettings& settings, FeatureTable&& table) = delete;
    // The same, loaded.
    explicit TraceFeatures(const FeatureTrace& trace, const FeatureSettings& settings = {});
    explicit TraceFeatures(const FeatureSpikes& spikes, const FeatureSettings& settings = {});

    // Forgets the former trace. The data are copied. Throw ConfigError for a stimulus that is not finite or ends before it
    // starts; DataError for a sampling interval that is not positive, and for spikes that are not finite or not in order.
    void load(const FeatureTrace& trace);
    void load(const FeatureSpikes& spikes);

    // Valid until the next load.
    const FeatureValue& get(std::string_view name) { return get(table_->index(name)); }
    const FeatureValue& get(std::size_t index);

    TraceFeatures(const TraceFeatures&) = delete;  // values refer to what is inside
    TraceFeatures& operator=(const TraceFeatures&) = delete;
    TraceFeatures(TraceFeatures&&) = delete;
    TraceFeatures& operator=(TraceFeatures&&) = delete;
    ~TraceFeatures() = default;

    [[nodiscard]] const FeatureTable& table() const { return *table_; }
    [[nodiscard]] const FeatureSettings& settings() const { return settings_; }

  private:
    friend class FeatureInputs;

    struct Slot {
        FeatureValue value;
        std::vector<double> storage;  // of the values, if they are not those of the grid
        bool known = false;
    };

    void begin(const StimulusWindow& stimulus, TraceUnits units);
    void compute(std::size_t index);
    void give(std::size_t index, std::span<const double> values, Missing missing);

    FeatureSettings settings_;
    const FeatureTable* table_;
    StimulusWindow stimulus_{};                                           // ms
    double stimulus_current_ = std::numeric_limits<double>::quiet_NaN();  // nA
    std::vector<StimulusWindow> stimuli_;                                 // ms
    std::size_t voltage_index_;                                           // of what is given, in the table
    std::size_t time_index_;
    std::size_t current_index_;
    std::size_t peak_time_index_;
    SampleGrid grid_;
    std::span<const double> time_;    // of the grid; empty if there is none
    std::size_t stimulus_begin_ = 0;  // samples of the grid
    std::size_t stimulus_stop_ = 0;
    std::vector<double> voltage_;  // mV, on the grid
    std::vector<double> current_;  // nA, on the grid
    std::array<std::vector<std::size_t>, 2> scratch_;
    std::vector<Slot> slots_;  // by index in the table
};

// Features of many traces.
struct FeatureMatrix {
    std::size_t n_traces = 0;
    std::size_t n_features = 0;
    [[nodiscard]] FeatureValue at(std::size_t trace, std::size_t feature) const;

    struct Entry {
        std::size_t offset = 0;
        std::size_t size = 0;
        Missing missing = Missing::none;
        std::string_view because{};
    };
    std::vector<double> values;  // of all
    std::vector<Entry> entries;  // n_traces x n_features
    FeatureMode mode = FeatureMode::efel;
};

// `features` are positions in the table. Throws as TraceFeatures does.
[[nodiscard]] FeatureMatrix compute_features(std::span<const FeatureTrace> traces,
                                             std::span<const std::size_t> features, const FeatureSettings& settings,
                                             const FeatureTable& table);

}  // namespace spikesmith
