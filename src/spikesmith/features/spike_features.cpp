// Spikes: where they peak, begin, and how deep the potential falls after them.
#include <algorithm>
#include <cmath>

#include "spikesmith/features/definitions.hpp"

namespace spikesmith {

namespace {

constexpr std::string_view too_few_for_two = "fewer than 2 spikes";

// Between crossings of the threshold upwards and downwards, both strict: a sample at the threshold hides the crossing.
// Crossings are paired by position.
FeatureValue peak_indices(TraceFeatures& trace) {
    const auto& v = trace.voltage();
    const double threshold = trace.settings().threshold;
    std::vector<std::size_t> up;
    std::vector<std::size_t> down;
    for (std::size_t i = 1; i < v.size(); ++i) {
        if (v[i] > threshold && v[i - 1] < threshold) up.push_back(i);
        if (v[i] < threshold && v[i - 1] > threshold) down.push_back(i);
    }
    if (up.empty() || down.empty()) return absent("no spikes");
    down.erase(down.begin(), std::ranges::find_if(down, [&](std::size_t i) { return i >= up[0]; }));
    FeatureValue result;
    for (std::size_t k = 0; k < std::min(up.size(), down.size()); ++k) {
        if (down[k] < up[k]) continue;
        std::size_t peak = up[k];
        for (std::size_t i = up[k]; i <= down[k]; ++i) {
            if (v[i] > v[peak]) peak = i;
        }
        const double time = trace.time()[peak];
        if (trace.settings().strict_stimulus_interval &&
            !(time >= trace.stimulus_start() && time <= trace.stimulus_end())) {
            continue;
        }
        result.values.push_back(static_cast<double>(peak));
    }
    return result.values.empty() ? absent("no spikes") : result;
}

FeatureValue peak_voltage(TraceFeatures& trace) {
    return at_indices(trace.voltage(), trace.get("peak_indices"));
}

// The first place in [begin, end) where two consecutive samples do not go below the minimum so far; `end` if empty.
std::size_t first_minimum(const std::vector<double>& v, std::size_t begin, std::size_t end) {
    if (begin >= end) return end;
    std::size_t minimum = begin;
    int without = 0;
    for (std::size_t k = begin + 1; k < end; ++k) {
        if (v[k] < v[minimum]) {
            minimum = k;
            without = 0;
        } else if (++without == 2) {
            return minimum;
        }
    }
    return minimum;
}

// A search that ends at the last sample has found no minimum.
FeatureValue min_AHP_indices(TraceFeatures& trace) {
    const FeatureValue& peaks = trace.get("peak_indices");
    if (!peaks.present()) return peaks;
    const std::size_t end =
        trace.settings().strict_stimulus_interval ? trace.index_at(trace.stimulus_end()) : trace.size();
    FeatureValue result;
    for (std::size_t k = 0; k < peaks.values.size(); ++k) {
        const std::size_t next = k + 1 < peaks.values.size() ? index(peaks.values[k + 1]) : end;
        const std::size_t minimum = first_minimum(trace.voltage(), index(peaks.values[k]), next);
        if (minimum + 1 < end) result.values.push_back(static_cast<double>(minimum));
    }
    return result.values.empty() ? absent("no minimum after a spike") : result;
}

FeatureValue min_AHP_values(TraceFeatures& trace) {
    return at_indices(trace.voltage(), trace.get("min_AHP_indices"));
}

FeatureValue AHP_depth(TraceFeatures& trace) {
    const FeatureValue& base = trace.get("voltage_base");
    FeatureValue result = trace.get("min_AHP_values");
    if (!base.present()) return base;
    for (double& value : result.values) value -= base.values[0];
    return result;
}

// The onset of the spike that peaks at `peak`, not before `limit`: the first sample of the last run of samples before the
// peak that rise faster than the threshold and go on so for the window. Equal to `limit` if there is none.
std::size_t onset(const std::vector<double>& derivative, std::size_t limit, std::size_t peak, double threshold,
                  std::size_t window) {
    std::size_t end = peak;  // the search is in [limit, end)
    for (;;) {
        std::size_t begin = end;
        while (begin > limit && derivative[begin - 1] > threshold) --begin;
        begin = end <= limit ? limit : begin;
        begin = std::min(begin, derivative.size() - window);
        if (begin <= limit) return limit;
        const auto run = std::span(derivative).subspan(begin, window);
        if (std::ranges::none_of(run, [&](double d) { return d < threshold; })) return begin;
        end = begin - 1;
    }
}

FeatureValue AP_begin_indices(TraceFeatures& trace) {
    const FeatureValue& peaks = trace.get("peak_indices");
    if (!peaks.present()) return peaks;
    const FeatureValue& minima = trace.get("min_AHP_indices");  // may be absent
    const auto window = static_cast<std::size_t>(trace.settings().derivative_window);
    const std::size_t begin = trace.index_at(trace.stimulus_start());
    if (window > trace.size()) return absent("the trace is shorter than the derivative window");
    std::vector<std::size_t> limits{begin > 1 ? begin - 2 : 0};
    for (const double minimum : minima.values) {
        if (index(minimum) > begin) limits.push_back(index(minimum));
    }
    FeatureValue result;
    std::size_t k = 0;
    for (const double peak : peaks.values) {
        if (index(peak) <= begin) continue;
        if (k == limits.size()) return absent("fewer minima than spikes");
        const std::size_t limit = limits[k++];
        const std::size_t found =
            onset(trace.derivative(), limit, index(peak), trace.settings().derivative_threshold, window);
        if (found != limit) result.values.push_back(static_cast<double>(found));
    }
    return result.values.empty() ? absent("no onset of a spike") : result;
}

FeatureValue AP_begin_voltage(TraceFeatures& trace) {
    return at_indices(trace.voltage(), trace.get("AP_begin_indices"));
}

FeatureValue AP_begin_time(TraceFeatures& trace) {
    return at_indices(trace.time(), trace.get("AP_begin_indices"));
}

// Of the peaks during the stimulus; paired with onsets by position.
FeatureValue AP_amplitude(TraceFeatures& trace) {
    const FeatureValue& voltages = trace.get("peak_voltage");
    const FeatureValue& times = trace.get("peak_time");
    const FeatureValue& onsets = trace.get("AP_begin_voltage");
    if (!voltages.present()) return voltages;
    if (!onsets.present()) return onsets;
    FeatureValue result;
    for (std::size_t k = 0; k < times.values.size(); ++k) {
        if (times.values[k] < trace.stimulus_start() || times.values[k] > trace.stimulus_end()) continue;
        const std::size_t n = result.values.size();
        if (n == onsets.values.size()) return absent("fewer onsets than spikes");
        result.values.push_back(voltages.values[k] - onsets.values[n]);
    }
    return result.values.empty() ? absent("no spikes during the stimulus") : result;
}

FeatureValue mean_AP_amplitude(TraceFeatures& trace) {
    const FeatureValue& amplitudes = trace.get("AP_amplitude");
    return amplitudes.present() ? one(amplitudes.mean()) : amplitudes;
}

FeatureValue AP1_amp(TraceFeatures& trace) {
    return element(trace.get("AP_amplitude"), 0, too_few_for_two);
}

FeatureValue AP2_amp(TraceFeatures& trace) {
    return element(trace.get("AP_amplitude"), 1, too_few_for_two);
}

FeatureValue APlast_amp(TraceFeatures& trace) {
    const FeatureValue& amplitudes = trace.get("AP_amplitude");
    return amplitudes.present() ? one(amplitudes.values.back()) : amplitudes;
}

FeatureValue AP1_peak(TraceFeatures& trace) {
    return element(trace.get("peak_voltage"), 0, too_few_for_two);
}

FeatureValue AP2_peak(TraceFeatures& trace) {
    return element(trace.get("peak_voltage"), 1, too_few_for_two);
}

FeatureValue AP1_begin_voltage(TraceFeatures& trace) {
    return element(trace.get("AP_begin_voltage"), 0, too_few_for_two);
}

FeatureValue AP2_begin_voltage(TraceFeatures& trace) {
    return element(trace.get("AP_begin_voltage"), 1, too_few_for_two);
}

constexpr FeatureDefinition table[]{
    {{"AHP_depth", "mV", false, "minimum after each spike, from voltage_base"}, AHP_depth},
    {{"AHP_depth_abs", "mV", false, "minimum after each spike"}, min_AHP_values},
    {{"AP1_amp", "mV", true, "amplitude of the first spike of the stimulus"}, AP1_amp},
    {{"AP1_begin_voltage", "mV", true, "potential at the onset of the first spike"}, AP1_begin_voltage},
    {{"AP1_peak", "mV", true, "peak of the first spike"}, AP1_peak},
    {{"AP2_amp", "mV", true, "amplitude of the second spike of the stimulus"}, AP2_amp},
    {{"AP2_begin_voltage", "mV", true, "potential at the onset of the second spike"}, AP2_begin_voltage},
    {{"AP2_peak", "mV", true, "peak of the second spike"}, AP2_peak},
    {{"AP_amplitude", "mV", false, "from onset to peak, of each spike of the stimulus"}, AP_amplitude},
    {{"AP_begin_indices", "1", false, "grid index of the onset of each spike"}, AP_begin_indices},
    {{"AP_begin_time", "ms", false, "time of the onset of each spike"}, AP_begin_time},
    {{"AP_begin_voltage", "mV", false, "potential at the onset of each spike"}, AP_begin_voltage},
    {{"AP_height", "mV", false, "peak of each spike"}, peak_voltage},
    {{"APlast_amp", "mV", true, "amplitude of the last spike of the stimulus"}, APlast_amp},
    {{"mean_AP_amplitude", "mV", true, "mean of AP_amplitude"}, mean_AP_amplitude},
    {{"min_AHP_indices", "1", false, "grid index of the minimum after each spike"}, min_AHP_indices},
    {{"min_AHP_values", "mV", false, "minimum after each spike"}, min_AHP_values},
    {{"peak_indices", "1", false, "grid index of the peak of each spike"}, peak_indices},
    {{"peak_voltage", "mV", false, "peak of each spike"}, peak_voltage},
};

}  // namespace

std::span<const FeatureDefinition> spike_features() {
    return table;
}

}  // namespace spikesmith
