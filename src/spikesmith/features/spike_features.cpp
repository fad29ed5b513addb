// Spikes: where they peak, begin and end, and how high they are.
#include <algorithm>
#include <cmath>
#include <limits>

#include "spikesmith/features/definitions.hpp"

namespace spikesmith {

namespace {

// ---- detection ----------------------------------------------------------------------------------------------------

// Both comparisons are strict: a sample at the threshold hides the crossing.
void find_crossings(std::span<const double> v, double threshold, std::vector<std::size_t>& up,
                    std::vector<std::size_t>& down) {
    std::size_t i = 1;
    while (i < v.size()) {
        if (v[i - 1] < threshold) {
            i = find_first(v, i, v.size(), [=](double x) { return !(x < threshold); });
            if (i < v.size() && v[i] > threshold) up.push_back(i);
        } else if (v[i - 1] > threshold) {
            i = find_first(v, i, v.size(), [=](double x) { return !(x > threshold); });
            if (i < v.size() && v[i] < threshold) down.push_back(i);
        }
        ++i;
    }
}

// needs: voltage, time
Missing peak_indices(const FeatureInputs& in, Values& values) {
    const auto v = in[0];
    const auto time = in[1];
    std::vector<std::size_t>& up = in.scratch(0);
    std::vector<std::size_t>& down = in.scratch(1);
    find_crossings(v, in.settings().threshold, up, down);
    if (up.empty() || down.empty()) return Missing::no_spikes;
    std::size_t first = 0;
    while (first < down.size() && down[first] < up[0]) ++first;
    for (std::size_t k = 0; k < up.size() && first + k < down.size(); ++k) {
        if (down[first + k] < up[k]) continue;
        const std::size_t peak = index_of_maximum(v, up[k], down[first + k] + 1);
        if (in.settings().strict_stimulus_interval && !in.during_stimulus(time[peak])) continue;
        values.push_back(static_cast<double>(peak));
    }
    return values.empty() ? Missing::no_spikes : Missing::none;
}

// ---- onsets and ends ----------------------------------------------------------------------------------------------

// Searches backwards from the peak for the last sample that rises no faster than the threshold; the onset is the one after it,
// if it and those of the window after it rise fast enough; else the search goes on. `limit` if there is none.
std::size_t onset(std::span<const double> v, std::span<const double> time, std::size_t limit, std::size_t peak,
                  double threshold, std::size_t window) {
    std::size_t end = peak;  // the search is in [limit, end)
    for (;;) {
        std::size_t begin = end;
        while (begin > limit && !(derivative(v, time, begin - 1) <= threshold)) --begin;
        begin = std::min(begin, v.size() - window);
        if (begin <= limit) return limit;
        bool fast = true;
        for (std::size_t i = begin; fast && i < begin + window; ++i) fast = !(derivative(v, time, i) < threshold);
        if (fast) return begin;
        end = begin - 1;
    }
}

// needs: voltage, time, peak_indices, min_AHP_indices?
Missing AP_begin_indices(const FeatureInputs& in, Values& values) {
    const std::size_t begin = in.stimulus_begin();
    const auto window = static_cast<std::size_t>(in.settings().derivative_window);
    if (window > in.size()) return Missing::too_short;
    std::vector<std::size_t>& limits = in.scratch(0);
    limits.push_back(begin > 1 ? begin - 2 : 0);
    for (const double minimum : in[3]) {
        if (index(minimum) > begin) limits.push_back(index(minimum));
    }
    std::size_t k = 0;
    for (const double peak : in[2]) {
        if (index(peak) <= begin) continue;
        if (k == limits.size()) return Missing::unpaired;
        const std::size_t limit = limits[k++];
        const std::size_t found = onset(in[0], in[1], limit, index(peak), in.settings().derivative_threshold, window);
        if (found != limit) values.push_back(static_cast<double>(found));
    }
    return values.empty() ? Missing::no_onset : Missing::none;
}

// needs: voltage, time, peak_indices
Missing AP_end_indices(const FeatureInputs& in, Values& values) {
    const auto v = in[0];
    const auto time = in[1];
    std::vector<std::size_t>& limits = in.scratch(0);
    for (const double peak : in[2]) {
        if (index(peak) > in.stimulus_begin()) limits.push_back(index(peak));
    }
    limits.push_back(in.size() - 1);
    for (std::size_t k = 0; k + 1 < limits.size(); ++k) {
        const std::size_t end = limits[k + 1];
        std::size_t i = limits[k] + 1;
        if (i >= end) continue;
        double steepest = derivative(v, time, i);
        for (std::size_t j = i + 1; j < end; ++j) {
            const double slope = derivative(v, time, j);
            if (slope < steepest) {
                steepest = slope;
                i = j;
            }
        }
        while (i < end && !(derivative(v, time, i) >= in.settings().down_derivative_threshold)) ++i;
        if (i < end) values.push_back(static_cast<double>(i));
    }
    return values.empty() ? Missing::no_end : Missing::none;
}

// The first sample in [begin, end) nearest to a potential; `end` if empty.
std::size_t nearest_sample(std::span<const double> v, std::size_t begin, std::size_t end, double potential) {
    if (begin >= end) return end;
    std::size_t best = begin;
    for (std::size_t i = begin + 1; i < end; ++i) {
        if (std::fabs(v[i] - potential) < std::fabs(v[best] - potential)) best = i;
    }
    return best;
}

// needs: voltage, AP_begin_indices, peak_indices
Missing AP_rise_indices(const FeatureInputs& in, Values& values) {
    const auto v = in[0];
    for (std::size_t k = 0; k < std::min(in[1].size(), in[2].size()); ++k) {
        const std::size_t begin = index(in[1][k]);
        const std::size_t peak = index(in[2][k]);
        if (peak < begin) return Missing::unpaired;
        values.push_back(static_cast<double>(nearest_sample(v, begin, peak, (v[peak] + v[begin]) / 2)));
    }
    return values.empty() ? Missing::unpaired : Missing::none;
}

// needs: voltage, AP_begin_indices, peak_indices, AP_end_indices. 0 where the end is not after the peak, or there is none.
Missing AP_fall_indices(const FeatureInputs& in, Values& values) {
    const auto v = in[0];
    for (std::size_t k = 0; k < std::min(in[1].size(), in[2].size()); ++k) {
        const std::size_t begin = index(in[1][k]);
        const std::size_t peak = index(in[2][k]);
        const std::size_t end = k < in[3].size() ? index(in[3][k]) : 0;
        const double half = (v[peak] + v[begin]) / 2;
        values.push_back(peak > end ? 0 : static_cast<double>(nearest_sample(v, peak, end, half)));
    }
    return values.empty() ? Missing::unpaired : Missing::none;
}

// ---- amplitudes ---------------------------------------------------------------------------------------------------

// needs: peak_voltage, peak_time, AP_begin_voltage
Missing AP_amplitude(const FeatureInputs& in, Values& values) {
    const auto onsets = in[2];
    for (std::size_t k = 0; k < in[0].size(); ++k) {
        if (!in.during_stimulus(in[1][k])) continue;
        if (values.size() == onsets.size()) return Missing::fewer_onsets;
        values.push_back(in[0][k] - onsets[values.size()]);
    }
    return values.empty() ? Missing::no_spikes_in_stimulus : Missing::none;
}

// One value minus another one.
FeatureFunction drop(std::size_t from, bool to_last) {
    return [=](const FeatureInputs& in, Values& values) {
        const std::size_t to = to_last ? in[0].size() - 1 : from + 1;
        if (to <= from || to >= in[0].size()) return Missing::too_few_spikes;
        return one(values, in[0][from] - in[0][to]);
    };
}

Missing max_amp_difference(const FeatureInputs& in, Values& values) {
    if (in[0].size() < 2) return Missing::too_few_spikes;
    double largest = -std::numeric_limits<double>::infinity();
    for (std::size_t k = 1; k < in[0].size(); ++k) largest = std::max(largest, in[0][k - 1] - in[0][k]);
    return one(values, largest);
}

// needs: voltage, AP_end_indices, AP_begin_indices
Missing depolarized_base(const FeatureInputs& in, Values& values) {
    const std::size_t n = std::min(in[1].size(), in[2].size());
    if (n <= 2) return Missing::too_few_spikes;
    for (std::size_t k = 0; k + 1 < n; ++k) {
        const auto window = range(in[0], index(in[1][k]), index(in[2][k + 1]));
        if (!window.empty()) values.push_back(mean_of(window));
    }
    return values.empty() ? Missing::empty_window : Missing::none;
}

}  // namespace

Definitions spike_features() {
    const std::string both = "voltage, time, peak_indices";
    const auto second = [](Missing otherwise) { return element(1, otherwise); };
    const auto first = element(0, Missing::too_few_values);
    return {
        {"peak_indices", "index", false, "voltage, time",
         "First largest sample between a crossing of `threshold` upwards (V_i > threshold, V_(i-1) < threshold) and "
         "the "
         "crossing downwards with the same number, downward ones before the first upward one left out; only peaks of "
         "the "
         "stimulus (both ends included) if `strict_stimulus_interval`. A sample exactly at the threshold hides its "
         "crossing.",
         peak_indices},
        {"peak_voltage", "mV", false, "voltage, peak_indices", "Potential at `peak_indices`.", at_indices},
        {"AP_height", "mV", false, "peak_voltage", "Another name of `peak_voltage`.", same_values},
        {"AP_begin_indices", "index", false, both + ", min_AHP_indices?",
         "For each peak after the first sample of the stimulus: searching backwards from the peak, the sample after "
         "the last "
         "one with dV/dt <= `derivative_threshold`, if it and the others of `derivative_window` samples have dV/dt of "
         "at least "
         "the threshold; else the search goes on before it. It goes back to the minimum (`min_AHP_indices` after the "
         "start of "
         "the stimulus, by position) after the spike before, for the first one to 2 samples before the stimulus; a "
         "spike "
         "without onset is left out.",
         AP_begin_indices},
        {"AP_begin_voltage", "mV", false, "voltage, AP_begin_indices", "Potential at `AP_begin_indices`.", at_indices},
        {"AP_begin_time", "ms", false, "time, AP_begin_indices", "Times at `AP_begin_indices`.", at_indices},
        {"AP_end_indices", "index", false, both,
         "For each peak after the first sample of the stimulus: from the first smallest dV/dt before the next peak (or "
         "the end "
         "of the trace) on, the first sample with dV/dt >= `down_derivative_threshold`; a spike without is left out.",
         AP_end_indices},
        {"AP_rise_indices", "index", false, "voltage, AP_begin_indices, peak_indices",
         "The first sample from the onset to before the peak that is nearest to the middle between the potentials of "
         "onset and "
         "peak; onsets and peaks by position, from the first of each.",
         AP_rise_indices},
        {"AP_fall_indices", "index", false, "voltage, AP_begin_indices, peak_indices, AP_end_indices",
         "The same from the peak to before `AP_end_indices`; 0 where the end is before the peak or there is none.",
         AP_fall_indices},

        {"AP_amplitude", "mV", false, "peak_voltage, peak_time, AP_begin_voltage",
         "`peak_voltage` of the spikes of the stimulus minus `AP_begin_voltage`, by position.", AP_amplitude},
        {"AP1_amp", "mV", true, "AP_amplitude", "The first of `AP_amplitude`.", first},
        {"AP2_amp", "mV", true, "AP_amplitude", "The second of `AP_amplitude`.", second(Missing::too_few_values)},
        {"APlast_amp", "mV", true, "AP_amplitude", "The last of `AP_amplitude`.", last_element},
        {"mean_AP_amplitude", "mV", true, "AP_amplitude", "Mean of `AP_amplitude`.", mean_value},
        {"AP_amplitude_change", "1", false, "AP_amplitude",
         "Change of each `AP_amplitude` but the first from the first, relative to it.", relative_changes},
        {"AP_amplitude_diff", "mV", false, "AP_amplitude", "Each `AP_amplitude` minus the one before.", differences},
        {"AP2_AP1_diff", "mV", true, "AP_amplitude", "Second minus first `AP_amplitude`.", second_minus_first},
        {"AP_amplitude_from_voltagebase", "mV", false, "peak_voltage, voltage_base",
         "`peak_voltage` minus `voltage_base`.", minus_number},
        {"AP1_peak", "mV", true, "peak_voltage", "The first of `peak_voltage`.", first},
        {"AP2_peak", "mV", true, "peak_voltage", "The second of `peak_voltage`.", second(Missing::too_few_spikes)},
        {"AP2_AP1_peak_diff", "mV", true, "peak_voltage", "Second minus first `peak_voltage`.", second_minus_first},
        {"amp_drop_first_second", "mV", true, "peak_voltage", "First minus second `peak_voltage`.", drop(0, false)},
        {"amp_drop_first_last", "mV", true, "peak_voltage", "First minus last `peak_voltage`; at least 2.",
         drop(0, true)},
        {"amp_drop_second_last", "mV", true, "peak_voltage", "Second minus last `peak_voltage`; at least 3.",
         drop(1, true)},
        {"max_amp_difference", "mV", true, "peak_voltage", "Largest drop of `peak_voltage` from one spike to the next.",
         max_amp_difference},
        {"AP1_begin_voltage", "mV", true, "AP_begin_voltage", "The first of `AP_begin_voltage`.", first},
        {"AP2_begin_voltage", "mV", true, "AP_begin_voltage", "The second of `AP_begin_voltage`.",
         second(Missing::too_few_values)},
        {"depolarized_base", "mV", false, "voltage, AP_end_indices, AP_begin_indices",
         "Mean potential from each end of a spike to before the next onset, by position; at least 3 spikes with both.",
         depolarized_base},
    };
}

}  // namespace spikesmith
