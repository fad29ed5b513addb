// Levels of the potential before, during and after the stimulus, and sag.
#include <algorithm>
#include <vector>

#include "spikesmith/features/definitions.hpp"

namespace spikesmith {

namespace {

constexpr std::string_view no_sample = "no sample in the window";

std::span<const double> range(const TraceFeatures& trace, std::size_t begin, std::size_t end) {
    return std::span(trace.voltage()).subspan(begin, end > begin ? end - begin : 0);
}

FeatureValue mean_or_absent(std::span<const double> values) {
    return values.empty() ? absent(no_sample) : one(mean_of(values));
}

// The window ends at the stimulus; both ends are inclusive.
FeatureValue voltage_base(TraceFeatures& trace) {
    const FeatureSettings& settings = trace.settings();
    const double from = trace.stimulus_start() * settings.voltage_base_start;
    const double to = trace.stimulus_start() * settings.voltage_base_end;
    if (!(from < to)) return absent("no time before the stimulus");
    const auto& time = trace.time();
    const std::size_t begin = trace.index_at(from);
    std::size_t end = trace.size();
    while (end > 1 && !(time[end - 1] - to < settings.precision)) --end;
    const auto window = range(trace, begin == trace.size() ? 0 : begin, end == 1 ? trace.size() : end);
    if (window.empty()) return absent(no_sample);
    if (settings.voltage_base_mode == BaseMode::mean) return one(mean_of(window));
    std::vector<double> sorted(window.begin(), window.end());
    std::ranges::sort(sorted);
    const std::size_t half = sorted.size() / 2;
    return one(sorted.size() % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2);
}

// The last tenth of the stimulus.
FeatureValue steady_state_voltage_stimend(TraceFeatures& trace) {
    const double end = trace.stimulus_end();
    const double from = end - 0.1 * (end - trace.stimulus_start());
    return mean_or_absent(range(trace, trace.index_at(from), trace.index_at(end)));
}

// After the stimulus, up to the end of the trace.
FeatureValue steady_state_voltage(TraceFeatures& trace) {
    std::size_t begin = trace.index_at(trace.stimulus_end());
    while (begin < trace.size() && !(trace.time()[begin] > trace.stimulus_end())) ++begin;
    return mean_or_absent(range(trace, begin, trace.size()));
}

// The second and third quarter of the time after the stimulus.
FeatureValue voltage_after_stim(TraceFeatures& trace) {
    const auto& time = trace.time();
    const double length = time.back() - trace.stimulus_end();
    const double to = trace.stimulus_end() + 0.75 * length;
    const std::size_t begin = trace.index_at(trace.stimulus_end() + 0.25 * length);
    std::size_t end = begin;
    while (end < trace.size() && !(time[end] > to)) ++end;
    return mean_or_absent(range(trace, begin, std::min(end + 1, trace.size())));
}

std::span<const double> of_stimulus(const TraceFeatures& trace) {
    return range(trace, trace.index_at(trace.stimulus_start()),
                 trace.index_at(std::min(trace.stimulus_end(), trace.time().back())));
}

FeatureValue maximum_voltage(TraceFeatures& trace) {
    const auto window = of_stimulus(trace);
    return window.empty() ? absent(no_sample) : one(*std::ranges::max_element(window));
}

FeatureValue minimum_voltage(TraceFeatures& trace) {
    const auto window = of_stimulus(trace);
    return window.empty() ? absent(no_sample) : one(*std::ranges::min_element(window));
}

// Ten to six samples before the end of the stimulus, from the mean before the stimulus.
FeatureValue voltage_deflection(TraceFeatures& trace) {
    const auto base = range(trace, 0, trace.index_at(trace.stimulus_start()));
    if (base.empty()) return absent("no time before the stimulus");
    std::size_t end = trace.index_at(trace.stimulus_end());
    while (end < trace.size() && !(trace.time()[end] > trace.stimulus_end())) ++end;
    if (end == trace.size() || end < 10) return absent(no_sample);
    return one(mean_of(range(trace, end - 10, end - 5)) - mean_of(base));
}

FeatureValue voltage_deflection_vb_ssse(TraceFeatures& trace) {
    const FeatureValue& base = trace.get("voltage_base");
    const FeatureValue& steady = trace.get("steady_state_voltage_stimend");
    if (!base.present()) return base;
    return steady.present() ? one(steady.values[0] - base.values[0]) : steady;
}

FeatureValue sag_amplitude(TraceFeatures& trace) {
    const FeatureValue& deflection = trace.get("voltage_deflection_vb_ssse");
    const FeatureValue& minimum = trace.get("minimum_voltage");
    if (!deflection.present()) return deflection;
    if (!minimum.present()) return minimum;
    if (deflection.values[0] > 0) return absent("the stimulus depolarises");
    return one(trace.get("steady_state_voltage_stimend").values[0] - minimum.values[0]);
}

FeatureValue sag_ratio1(TraceFeatures& trace) {
    const FeatureValue& sag = trace.get("sag_amplitude");
    if (!sag.present()) return sag;
    const double depth = trace.get("voltage_base").values[0] - trace.get("minimum_voltage").values[0];
    return depth == 0 ? absent("the minimum is the base") : one(sag.values[0] / depth);
}

FeatureValue sag_ratio2(TraceFeatures& trace) {
    const FeatureValue& deflection = trace.get("voltage_deflection_vb_ssse");
    const FeatureValue& minimum = trace.get("minimum_voltage");
    if (!deflection.present()) return deflection;
    if (!minimum.present()) return minimum;
    const double depth = trace.get("voltage_base").values[0] - minimum.values[0];
    return depth == 0 ? absent("the minimum is the base") : one(-deflection.values[0] / depth);
}

constexpr FeatureDefinition table[]{
    {{"maximum_voltage", "mV", true, "largest potential during the stimulus"}, maximum_voltage},
    {{"minimum_voltage", "mV", true, "smallest potential during the stimulus"}, minimum_voltage},
    {{"sag_amplitude", "mV", true, "from the minimum to the end of a hyperpolarising stimulus"}, sag_amplitude},
    {{"sag_ratio1", "1", true, "sag_amplitude over the largest deflection"}, sag_ratio1},
    {{"sag_ratio2", "1", true, "deflection at the end of the stimulus over the largest"}, sag_ratio2},
    {{"steady_state_voltage", "mV", true, "mean potential after the stimulus"}, steady_state_voltage},
    {{"steady_state_voltage_stimend", "mV", true, "mean potential of the last tenth of the stimulus"},
     steady_state_voltage_stimend},
    {{"voltage_after_stim", "mV", true, "mean potential of the middle half of the time after the stimulus"},
     voltage_after_stim},
    {{"voltage_base", "mV", true, "mean or median potential of the last tenth of the time before the stimulus"},
     voltage_base},
    {{"voltage_deflection", "mV", true, "potential at the end of the stimulus from the mean before it"},
     voltage_deflection},
    {{"voltage_deflection_vb_ssse", "mV", true, "steady_state_voltage_stimend from voltage_base"},
     voltage_deflection_vb_ssse},
};

}  // namespace

std::span<const FeatureDefinition> subthreshold_features() {
    return table;
}

}  // namespace spikesmith
