// The table of features: names, units, what each needs, its definition in words, and the function that computes it.
//
// A feature reads nothing but what its entry says it needs, so features share intermediate results, each is computed once per
// trace, and the table is the whole truth about dependencies. Everything begins with the three entries `voltage`, `time` and
// `current`; a mode replaces entries near the bottom (detection of spikes, peaks, windows), the others stay.
//
// A feature of one's own:
//
//     FeatureTable table = standard_features(FeatureMode::efel);
//     table.add({.name = "first_amplitude_over_base", .unit = "1", .needs = "AP_amplitude, voltage_base",
//                .definition = "amplitude of the first spike over the base",
//                .compute = [](const FeatureInputs& in, std::vector<double>& values) {
//                    if (in.number(1) == 0) return Missing::zero_denominator;
//                    values = {in[0][0] / in.number(1)};
//                    return Missing::none;
//                }});
//     TraceFeatures features(settings, table);
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "spikesmith/features/feature_value.hpp"

namespace spikesmith {

class TraceFeatures;
struct StimulusWindow;

// What a feature is computed from. Indices refer to the samples of `time` and `voltage`, the grid.
class FeatureInputs {
  public:
    FeatureInputs(TraceFeatures& trace, std::span<const std::size_t> needs) : trace_(&trace), needs_(needs) {}

    // Values of the k-th need. A need that is missing makes the feature missing before it is computed; only one that was
    // declared optional can be empty here.
    [[nodiscard]] std::span<const double> operator[](std::size_t k) const;
    [[nodiscard]] double number(std::size_t k) const { return (*this)[k].front(); }  // of a need with one value

    [[nodiscard]] const FeatureSettings& settings() const;
    [[nodiscard]] double stimulus_start() const;                    // ms
    [[nodiscard]] double stimulus_end() const;                      // ms, after the start
    [[nodiscard]] double stimulus_current() const;                  // nA; NaN if not known
    [[nodiscard]] std::span<const StimulusWindow> stimuli() const;  // ms; of a protocol with several
    [[nodiscard]] std::size_t size() const;                         // samples of the grid; 0 for spike trains
    [[nodiscard]] std::size_t index_at(double time) const;          // first sample with t >= time (ms), or size()
    [[nodiscard]] std::size_t index_after(double time) const;       // first sample with t > time (ms), or size()
    [[nodiscard]] std::size_t stimulus_begin() const;               // index_at(stimulus_start())
    [[nodiscard]] std::size_t stimulus_stop() const;                // index_at(stimulus_end())
    [[nodiscard]] bool during_stimulus(double time) const { return time >= stimulus_start() && time <= stimulus_end(); }
    [[nodiscard]] std::vector<std::size_t>& scratch(std::size_t k) const;  // k < 2; empty; keeps its capacity

  private:
    TraceFeatures* trace_;
    std::span<const std::size_t> needs_;
};

// Appends to `values`, which is empty, or says why it cannot. No values, or none that is finite, is missing too.
using FeatureFunction = std::function<Missing(const FeatureInputs&, std::vector<double>& values)>;

struct FeatureDefinition {
    std::string name{};
    std::string unit{};        // "mV", "ms", "Hz", "mV/ms", "1/ms", "nA", "MOhm", "1", "index" (of the grid)
    bool single = true;        // at most one value, not one per spike
    std::string needs{};       // names, separated by commas; `?` after a name: may be missing
    std::string definition{};  // for the manual: what it is, exactly enough to compute it
    FeatureFunction compute{};
    bool listed = true;  // false: an intermediate result that no user asks for
};

class FeatureTable {
  public:
    // Throws ConfigError for a name that is empty or there twice, an unknown need, and needs that go in a circle.
    explicit FeatureTable(std::vector<FeatureDefinition> definitions);

    // Adds a feature; one of the same name is replaced. Throws as above, and then changes nothing.
    void add(FeatureDefinition definition);

    [[nodiscard]] std::size_t size() const { return definitions_.size(); }
    [[nodiscard]] std::span<const FeatureDefinition> definitions() const { return definitions_; }  // sorted by name
    [[nodiscard]] const FeatureDefinition& operator[](std::size_t index) const { return definitions_[index]; }
    // Position of a feature. Throws ConfigError with a hint for an unknown name.
    [[nodiscard]] std::size_t index(std::string_view name) const;
    [[nodiscard]] std::size_t find(std::string_view name) const;                // size() if unknown
    [[nodiscard]] std::span<const std::size_t> needs(std::size_t index) const;  // positions, in the order of `needs`
    [[nodiscard]] bool optional(std::size_t index, std::size_t need) const;     // may the need be missing?

  private:
    struct Needs {
        std::vector<std::size_t> indices;
        std::vector<bool> optional;
    };
    void resolve();

    std::vector<FeatureDefinition> definitions_;
    std::vector<Needs> needs_;
};

// All features of a mode. The names are the same in every mode.
[[nodiscard]] const FeatureTable& standard_features(FeatureMode mode = FeatureMode::efel);

}  // namespace spikesmith
