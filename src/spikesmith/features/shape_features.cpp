// The shape of spikes: afterhyperpolarisation, widths, rise and fall.
#include <algorithm>
#include <cmath>
#include <limits>

#include "spikesmith/features/definitions.hpp"

namespace spikesmith {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

double number(std::size_t i) {
    return static_cast<double>(i);
}

// ---- minima after spikes ------------------------------------------------------------------------------------------

std::size_t end_of_minima(const FeatureInputs& in) {
    return in.settings().strict_stimulus_interval ? in.stimulus_stop() : in.size();
}

// needs: voltage, peak_indices. A search that ends at the last sample has found no minimum.
Missing min_AHP_indices(const FeatureInputs& in, Values& values) {
    const auto peaks = in[1];
    const std::size_t end = end_of_minima(in);
    for (std::size_t k = 0; k < peaks.size(); ++k) {
        const std::size_t next = k + 1 < peaks.size() ? index(peaks[k + 1]) : end;
        const std::size_t minimum = first_minimum(in[0], index(peaks[k]), next);
        if (minimum + 1 != end && minimum < in.size()) values.push_back(number(minimum));
    }
    return values.empty() ? Missing::no_minimum : Missing::none;
}

// needs: voltage, peak_indices
Missing min_between_peaks_indices(const FeatureInputs& in, Values& values) {
    const auto peaks = in[1];
    for (std::size_t k = 0; k < peaks.size(); ++k) {
        const std::size_t next = k + 1 < peaks.size() ? index(peaks[k + 1]) : end_of_minima(in);
        const std::size_t minimum = index_of_minimum(in[0], index(peaks[k]), next);
        values.push_back(number(std::min(minimum, in.size() - 1)));
    }
    return Missing::none;
}

// needs: voltage, peak_indices
Missing min_voltage_between_spikes(const FeatureInputs& in, Values& values) {
    const auto peaks = in[1];
    for (std::size_t k = 0; k + 1 < peaks.size(); ++k) {
        values.push_back(in[0][index_of_minimum(in[0], index(peaks[k]), index(peaks[k + 1]))]);
    }
    return values.empty() ? Missing::too_few_spikes : Missing::none;
}

// Calls back with peak, next peak, and the minimum between them from sahp_start after the peak on, which is the next peak if
// the interval is shorter; of each spike but the first and the last. needs: voltage, time, peak_indices
template <class Measure>
Missing slow_minima(const FeatureInputs& in, Values& values, const Measure& measure) {
    const auto peaks = in[2];
    if (peaks.size() < 3) return Missing::too_few_spikes;
    for (std::size_t k = 1; k + 1 < peaks.size(); ++k) {
        const std::size_t peak = index(peaks[k]);
        const std::size_t next = index(peaks[k + 1]);
        const std::size_t begin = std::max(peak, in.index_at(in[1][peak] + in.settings().sahp_start));
        values.push_back(measure(peak, next, index_of_minimum(in[0], begin, next)));
    }
    return Missing::none;
}

Missing AHP_depth_abs_slow(const FeatureInputs& in, Values& values) {
    return slow_minima(in, values, [&](std::size_t, std::size_t, std::size_t minimum) { return in[0][minimum]; });
}

Missing AHP_slow_time(const FeatureInputs& in, Values& values) {
    const auto time = in[1];
    return slow_minima(in, values, [&](std::size_t peak, std::size_t next, std::size_t minimum) {
        return (time[minimum] - time[peak]) / (time[next] - time[peak]);
    });
}

// First minus second need by position, as many as the second has.
Missing first_minus_second(const FeatureInputs& in, Values& values) {
    if (in[0].size() < in[1].size()) return Missing::unpaired;
    for (std::size_t k = 0; k < in[1].size(); ++k) values.push_back(in[0][k] - in[1][k]);
    return Missing::none;
}

// Time at the second need's indices minus time at the third's, by position, as many as both have. needs: time, ...
Missing time_between(const FeatureInputs& in, Values& values) {
    for (std::size_t k = 0; k < std::min(in[1].size(), in[2].size()); ++k) {
        values.push_back(in[0][index(in[1][k])] - in[0][index(in[2][k])]);
    }
    return Missing::none;
}

// needs: AP_begin_voltage, min_AHP_values
Missing fast_AHP(const FeatureInputs& in, Values& values) {
    if (in[0].size() < 2) return Missing::too_few_values;
    if (in[1].size() + 1 < in[0].size()) return Missing::unpaired;
    for (std::size_t k = 0; k + 1 < in[0].size(); ++k) values.push_back(in[0][k] - in[1][k]);
    return Missing::none;
}

// needs: voltage, min_AHP_indices, min_between_peaks_indices
Missing ADP_peak_indices(const FeatureInputs& in, Values& values) {
    if (in[1].size() > in[2].size()) return Missing::unpaired;
    for (std::size_t k = 0; k < in[1].size(); ++k) {
        values.push_back(number(index_of_maximum(in[0], index(in[1][k]), index(in[2][k]))));
    }
    return Missing::none;
}

Missing ADP_peak_amplitude(const FeatureInputs& in, Values& values) {
    return in[0].size() == in[1].size() ? first_minus_second(in, values) : Missing::unpaired;
}

// ---- widths -------------------------------------------------------------------------------------------------------

// From the first sample at or above the threshold to the first at or below it, between each cut and the next. A search that
// finds nothing ends at the next cut.
template <class Keep>
void widths_at_threshold(const FeatureInputs& in, std::span<const std::size_t> cuts, Values& values, const Keep& keep) {
    const double threshold = in.settings().threshold;
    const auto v = in[0];
    const auto time = in[1];
    for (std::size_t k = 0; k + 1 < cuts.size(); ++k) {
        const std::size_t end = cuts[k + 1];
        const std::size_t up = find_first(v, cuts[k], end, [=](double x) { return x >= threshold; });
        const std::size_t down = find_first(v, up, end, [=](double x) { return x <= threshold; });
        if (keep(down, end)) values.push_back(time[down] - time[up]);
    }
}

// needs: voltage, time, min_AHP_indices
Missing AP_width(const FeatureInputs& in, Values& values) {
    const bool strict = in.settings().strict_stimulus_interval;
    std::vector<std::size_t>& cuts = in.scratch(0);
    cuts.push_back(strict ? in.stimulus_begin() : 0);
    for (const double minimum : in[2]) {
        const std::size_t i = index(minimum);
        if (!strict || (i > in.stimulus_begin() && i < in.stimulus_stop())) cuts.push_back(i);
    }
    widths_at_threshold(in, cuts, values, [](std::size_t, std::size_t) { return true; });
    return values.empty() ? Missing::no_minimum : Missing::none;
}

// needs: voltage, time, min_between_peaks_indices
Missing AP_width_between_threshold(const FeatureInputs& in, Values& values) {
    std::vector<std::size_t>& cuts = in.scratch(0);
    cuts.push_back(in.stimulus_begin());
    for (const double minimum : in[2]) cuts.push_back(index(minimum));
    widths_at_threshold(in, cuts, values, [](std::size_t down, std::size_t end) { return down != end; });
    return values.empty() ? Missing::no_spikes_in_stimulus : Missing::none;
}

// How far after sample i the line through it and the sample before reaches a potential.
double time_beyond(std::span<const double> v, std::span<const double> time, std::size_t i, double potential) {
    if (i == 0) return nan;
    return (time[i] - time[i - 1]) * (potential - v[i]) / (v[i] - v[i - 1]);
}

// needs: voltage, time, peak_indices, min_AHP_indices
Missing spike_half_width(const FeatureInputs& in, Values& values) {
    const auto v = in[0];
    const auto time = in[1];
    const auto peaks = in[2];
    const auto minima = in[3];
    if (peaks.size() < minima.size()) return Missing::unpaired;
    for (std::size_t k = 0; k < minima.size(); ++k) {
        const std::size_t peak = index(peaks[k]);
        const std::size_t minimum = index(minima[k]);
        const double half = (v[peak] + v[minimum]) / 2;
        const std::size_t begin = k == 0 ? in.stimulus_begin() : index(minima[k - 1]);
        const std::size_t up = find_first(v, begin, peak, [=](double x) { return x >= half; });
        const std::size_t down = find_first(v, peak, minimum, [=](double x) { return x <= half; });
        values.push_back(time[down] - time_beyond(v, time, up, half) - time[up] + time_beyond(v, time, down, half));
    }
    return Missing::none;
}

// Second derivative at sample i of [begin, last] by central differences of central differences, one-sided at the ends of it.
double second_derivative(std::span<const double> v, std::size_t begin, std::size_t last, double dx, std::size_t i) {
    const auto first = [&](std::size_t k) {
        const std::size_t before = k > begin ? k - 1 : k;
        const std::size_t after = k < last ? k + 1 : k;
        const double difference = v[after] - v[before];
        return (after - before == 2 ? difference / 2 : difference) / dx;
    };
    const std::size_t before = i > begin ? i - 1 : i;
    const std::size_t after = i < last ? i + 1 : i;
    const double difference = first(after) - first(before);
    return (after - before == 2 ? difference / 2 : difference) / dx;
}

// needs: voltage, time, peak_indices, min_AHP_indices
Missing spike_width2(const FeatureInputs& in, Values& values) {
    const auto v = in[0];
    const auto time = in[1];
    const auto peaks = in[2];
    const auto minima = in[3];
    if (peaks.size() < 2) return Missing::too_few_spikes;
    const double dx = time[1] - time[0];
    for (std::size_t k = 0; k < std::min(minima.size(), peaks.size() - 1); ++k) {
        const std::size_t begin = index(minima[k]);
        const std::size_t peak = index(peaks[k + 1]);
        if (begin >= peak || begin == 0) continue;
        std::size_t onset = begin;
        double largest = -std::numeric_limits<double>::infinity();
        for (std::size_t i = begin; i <= peak; ++i) {
            const double curvature = second_derivative(v, begin, peak, dx, i);
            if (curvature >= largest) {
                largest = curvature;
                onset = i;
            }
        }
        const double half = (v[peak] + v[onset]) / 2;
        std::size_t up = find_first(v, begin, peak + 1, [=](double x) { return x > half; });
        if (up == peak + 1) up = onset;
        std::size_t down = find_first(v, peak, v.size(), [=](double x) { return x < half; });
        if (down == v.size()) down = up;
        const auto crossing = [&](std::size_t i) { return time[i - 1] + dx * (half - v[i - 1]) / (v[i] - v[i - 1]); };
        values.push_back(up == 0 || down == 0 ? nan : crossing(down) - crossing(up));
    }
    return values.empty() ? Missing::unpaired : Missing::none;
}

// needs: voltage, time, AP_begin_indices, min_AHP_indices
Missing AP_begin_width(const FeatureInputs& in, Values& values) {
    const auto v = in[0];
    const auto time = in[1];
    std::vector<std::size_t>& minima = in.scratch(0);
    for (const double minimum : in[3]) {
        if (index(minimum) > in.stimulus_begin()) minima.push_back(index(minimum));
    }
    if (minima.empty()) return Missing::no_minimum;
    if (in[2].size() < minima.size()) return Missing::fewer_onsets;
    for (std::size_t k = 0; k < minima.size(); ++k) {
        const std::size_t onset = index(in[2][k]);
        const std::size_t end = find_first(v, onset + 1, minima[k], [&](double x) { return x <= v[onset]; });
        values.push_back(time[end] - time[onset]);
    }
    return Missing::none;
}

// ---- rise and fall ------------------------------------------------------------------------------------------------

// Pairs onsets with the peaks after the first onset, by position. needs: voltage, time, AP_begin_indices, peak_indices
template <class Measure>
Missing of_rises(const FeatureInputs& in, Values& values, const Measure& measure) {
    const auto onsets = in[2];
    const auto peaks = in[3];
    const std::size_t n = std::min(onsets.size(), peaks.size());
    const auto skipped = static_cast<std::size_t>(std::ranges::upper_bound(peaks, onsets[0]) - peaks.begin());
    if (skipped + n > peaks.size()) return Missing::unpaired;
    for (std::size_t k = 0; k < n; ++k) values.push_back(measure(index(onsets[k]), index(peaks[skipped + k])));
    return Missing::none;
}

Missing AP_rise_time(const FeatureInputs& in, Values& values) {
    const auto v = in[0];
    return of_rises(in, values, [&](std::size_t onset, std::size_t peak) {
        const double amplitude = v[peak] - v[onset];
        const double from = v[onset] + in.settings().rise_start * amplitude;
        const double to = v[onset] + in.settings().rise_end * amplitude;
        std::size_t begin = onset;
        while (begin < peak && v[begin] < from - 1e-13) ++begin;
        std::size_t end = peak;
        while (end > onset && v[end] > to + 1e-13) --end;
        return in[1][end] - in[1][begin];
    });
}

Missing AP_rise_rate(const FeatureInputs& in, Values& values) {
    return of_rises(in, values, [&](std::size_t onset, std::size_t peak) {
        return (in[0][peak] - in[0][onset]) / (in[1][peak] - in[1][onset]);
    });
}

// Pairs ends with the peaks after the start of the stimulus, by position. needs: voltage, time, peak_indices, AP_end_indices
template <class Measure>
Missing of_falls(const FeatureInputs& in, Values& values, const Measure& measure) {
    const auto peaks = in[2];
    const auto ends = in[3];
    const std::size_t n = std::min(peaks.size(), ends.size());
    std::size_t skipped = 0;
    while (skipped < peaks.size() && !(in[1][index(peaks[skipped])] > in.stimulus_start())) ++skipped;
    if (skipped + n > peaks.size()) return Missing::unpaired;
    for (std::size_t k = 0; k < n; ++k) values.push_back(measure(index(peaks[skipped + k]), index(ends[k])));
    return Missing::none;
}

Missing AP_fall_time(const FeatureInputs& in, Values& values) {
    return of_falls(in, values, [&](std::size_t peak, std::size_t end) { return in[1][end] - in[1][peak]; });
}

Missing AP_fall_rate(const FeatureInputs& in, Values& values) {
    return of_falls(in, values, [&](std::size_t peak, std::size_t end) {
        return (in[0][end] - in[0][peak]) / (in[1][end] - in[1][peak]);
    });
}

// The largest (sign 1) or smallest (sign -1) dV/dt in [begin, end); that at `begin` if empty.
double steepest(const FeatureInputs& in, std::size_t begin, std::size_t end, double sign) {
    double found = derivative(in[0], in[1], begin);
    for (std::size_t i = begin + 1; i < end; ++i) {
        const double slope = derivative(in[0], in[1], i);
        if (sign * slope > sign * found) found = slope;
    }
    return found;
}

// needs: voltage, time, AP_begin_indices, peak_indices
Missing AP_peak_upstroke(const FeatureInputs& in, Values& values) {
    const auto peaks = in[3];
    std::size_t next = 0;
    for (const double onset : in[2]) {
        while (next < peaks.size() && peaks[next] < onset) ++next;
        if (next == peaks.size()) break;
        values.push_back(steepest(in, index(onset), index(peaks[next++]), 1));
    }
    return values.empty() ? Missing::unpaired : Missing::none;
}

// needs: voltage, time, peak_indices, min_AHP_indices
Missing AP_peak_downstroke(const FeatureInputs& in, Values& values) {
    for (std::size_t k = 0; k < std::min(in[2].size(), in[3].size()); ++k) {
        values.push_back(steepest(in, index(in[2][k]), index(in[3][k]), -1));
    }
    return values.empty() ? Missing::unpaired : Missing::none;
}

// needs: voltage, time, AP_begin_indices
Missing AP_phaseslope(const FeatureInputs& in, Values& values) {
    const auto reach = static_cast<std::size_t>(in.settings().phaseslope_range);
    const auto v = in[0];
    for (const double begin : in[2]) {
        const std::size_t i = index(begin);
        if (i < reach || i + reach >= v.size()) return Missing::empty_window;
        const double difference = v[i + reach] - v[i - reach];
        if (difference == 0) return Missing::zero_denominator;
        values.push_back((derivative(v, in[1], i + reach) - derivative(v, in[1], i - reach)) / difference);
    }
    return Missing::none;
}

// needs: voltage, time
Missing phaseslope_max(const FeatureInputs& in, Values& values) {
    double largest = -std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i + 1 < in.size(); ++i) {
        largest = std::max(largest, (in[0][i + 1] - in[0][i]) / (in[1][i + 1] - in[1][i]));
    }
    return one(values, largest);
}

}  // namespace

Definitions shape_features() {
    const auto first = element(0, Missing::too_few_values);
    const auto second = element(1, Missing::too_few_values);
    const std::string spikes = "voltage, time, peak_indices, min_AHP_indices";
    const std::string rises = "voltage, time, AP_begin_indices, peak_indices";
    const std::string falls = "voltage, time, peak_indices, AP_end_indices";
    return {
        {"min_AHP_indices", "index", false, "voltage, peak_indices",
         "From each peak to before the next one, the first minimum: the smallest sample so far, as soon as the two "
         "after it are "
         "not smaller. After the last peak the search goes to the end of the trace, or of the stimulus if "
         "`strict_stimulus_interval`; the last sample of that range is no minimum, and the spike is left out.",
         min_AHP_indices},
        {"min_AHP_values", "mV", false, "voltage, min_AHP_indices", "Potential at `min_AHP_indices`.", at_indices},
        {"AHP_depth_abs", "mV", false, "min_AHP_values", "Another name of `min_AHP_values`.", same_values},
        {"AHP_depth", "mV", false, "min_AHP_values, voltage_base",
         "`min_AHP_values` minus `voltage_base`; negative below the base.", minus_number},
        {"AHP_depth_diff", "mV", false, "AHP_depth", "Each `AHP_depth` minus the one before.", differences},
        {"AHP_depth_abs_slow", "mV", false, "voltage, time, peak_indices",
         "Smallest potential from `sahp_start` after a peak to before the next one, for each spike but the first and "
         "the last; "
         "if the next peak comes earlier, the potential there.",
         AHP_depth_abs_slow},
        {"AHP_slow_time", "1", false, "voltage, time, peak_indices",
         "Time from the peak to the first sample of `AHP_depth_abs_slow`, over the interval between the peaks.",
         AHP_slow_time},
        {"AHP_depth_slow", "mV", false, "AHP_depth_abs_slow, voltage_base",
         "`AHP_depth_abs_slow` minus `voltage_base`.", minus_number},
        {"AHP_depth_from_peak", "mV", false, "peak_voltage, min_AHP_values",
         "`peak_voltage` minus `min_AHP_values`, by position.", first_minus_second},
        {"AHP1_depth_from_peak", "mV", true, "AHP_depth_from_peak", "The first of `AHP_depth_from_peak`.", first},
        {"AHP2_depth_from_peak", "mV", true, "AHP_depth_from_peak", "The second of `AHP_depth_from_peak`.", second},
        {"AHP_time_from_peak", "ms", false, "time, min_AHP_indices, peak_indices",
         "Time at `min_AHP_indices` minus `peak_time`, by position.", time_between},
        {"fast_AHP", "mV", false, "AP_begin_voltage, min_AHP_values",
         "`AP_begin_voltage` minus `min_AHP_values`, by position, for each onset but the last; at least 2.", fast_AHP},
        {"fast_AHP_change", "1", false, "fast_AHP",
         "Change of each `fast_AHP` but the first from the first, relative to it.", relative_changes},
        {"min_between_peaks_indices", "index", false, "voltage, peak_indices",
         "First smallest sample from each peak to before the next one; after the last peak to the end of the trace, or "
         "of the "
         "stimulus if `strict_stimulus_interval`.",
         min_between_peaks_indices},
        {"min_between_peaks_values", "mV", false, "voltage, min_between_peaks_indices",
         "Potential at `min_between_peaks_indices`.", at_indices},
        {"min_voltage_between_spikes", "mV", false, "voltage, peak_indices",
         "Smallest potential from each peak to before the next one.", min_voltage_between_spikes},
        {"ADP_peak_indices", "index", false, "voltage, min_AHP_indices, min_between_peaks_indices",
         "First largest sample from `min_AHP_indices` to before `min_between_peaks_indices`, by position; the latter "
         "if there "
         "is none.",
         ADP_peak_indices},
        {"ADP_peak_values", "mV", false, "voltage, ADP_peak_indices", "Potential at `ADP_peak_indices`.", at_indices},
        {"ADP_peak_amplitude", "mV", false, "ADP_peak_values, min_AHP_values",
         "`ADP_peak_values` minus `min_AHP_values`.", ADP_peak_amplitude},

        {"AP_duration", "ms", false, "time, AP_end_indices, AP_begin_indices",
         "From `AP_begin_indices` to `AP_end_indices`, by position.", time_between},
        {"AP_duration_change", "1", false, "AP_duration",
         "Change of each `AP_duration` but the first from the first, relative to it.", relative_changes},
        {"AP_duration_half_width", "ms", false, "time, AP_fall_indices, AP_rise_indices",
         "From `AP_rise_indices` to `AP_fall_indices`, by position.", time_between},
        {"AP_duration_half_width_change", "1", false, "AP_duration_half_width",
         "Change of each `AP_duration_half_width` but the first from the first, relative to it.", relative_changes},
        {"AP_rise_time", "ms", false, rises,
         "From the first sample of a spike at or above onset + `rise_start` * amplitude to the last one before the "
         "peak at or "
         "below onset + `rise_end` * amplitude (to 1e-13 mV). Onsets with peaks after the first onset, by position.",
         AP_rise_time},
        {"AP_rise_rate", "mV/ms", false, rises,
         "(Potential at the peak - at the onset)/(time between them), paired as for `AP_rise_time`.", AP_rise_rate},
        {"AP_rise_rate_change", "1", false, "AP_rise_rate",
         "Change of each `AP_rise_rate` but the first from the first, relative to it.", relative_changes},
        {"AP_fall_time", "ms", false, falls,
         "From the peak to `AP_end_indices`; peaks after the start of the stimulus with ends, by position.",
         AP_fall_time},
        {"AP_fall_rate", "mV/ms", false, falls,
         "(Potential at the end - at the peak)/(time between them), paired as for `AP_fall_time`; negative.",
         AP_fall_rate},
        {"AP_fall_rate_change", "1", false, "AP_fall_rate",
         "Change of each `AP_fall_rate` but the first from the first, relative to it.", relative_changes},
        {"AP_peak_upstroke", "mV/ms", false, rises,
         "Largest dV/dt from each onset to before the first peak at or after it that no onset before has taken.",
         AP_peak_upstroke},
        {"AP_peak_downstroke", "mV/ms", false, spikes,
         "Smallest dV/dt from `peak_indices` to before `min_AHP_indices`, by position.", AP_peak_downstroke},
        {"AP_width", "ms", false, "voltage, time, min_AHP_indices",
         "From the first sample at or above `threshold` to the first one after it at or below, between consecutive "
         "`min_AHP_indices`, the first sample of the trace before them; with `strict_stimulus_interval` those of the "
         "stimulus, "
         "its first sample before them. Where there is no such sample, the second minimum counts.",
         AP_width},
        {"AP_width_between_threshold", "ms", false, "voltage, time, min_between_peaks_indices",
         "The same between consecutive `min_between_peaks_indices`, the first sample of the stimulus before them; "
         "spikes that do "
         "not come back below the threshold are left out.",
         AP_width_between_threshold},
        {"spike_half_width", "ms", false, spikes,
         "Between the crossings, interpolated linearly, of the middle between peak and `min_AHP_values`: upwards the "
         "first one "
         "after the minimum before (or the start of the stimulus), downwards the first one after the peak.",
         spike_half_width},
        {"AP1_width", "ms", true, "spike_half_width", "The first of `spike_half_width`.", first},
        {"AP2_width", "ms", true, "spike_half_width", "The second of `spike_half_width`.", second},
        {"APlast_width", "ms", true, "spike_half_width", "The last of `spike_half_width`.", last_element},
        {"spike_width2", "ms", false, spikes,
         "For each spike but the first: the same at the middle between the peak and the onset, which is the last "
         "largest second "
         "derivative from the minimum before to the peak (differences of differences, over the first step of the "
         "grid). 0 if "
         "the potential does not fall below it again.",
         spike_width2},
        {"AP_begin_width", "ms", false, "voltage, time, AP_begin_indices, min_AHP_indices",
         "From the onset to the first sample after it at or below its potential, or to the minimum after the spike "
         "(those after "
         "the start of the stimulus, by position).",
         AP_begin_width},
        {"AP1_begin_width", "ms", true, "AP_begin_width", "The first of `AP_begin_width`.", first},
        {"AP2_begin_width", "ms", true, "AP_begin_width", "The second of `AP_begin_width`.", second},
        {"AP2_AP1_begin_width_diff", "ms", true, "AP_begin_width", "Second minus first `AP_begin_width`.",
         second_minus_first},

        {"AP_phaseslope", "1/ms", false, "voltage, time, AP_begin_indices",
         "Change of dV/dt from `phaseslope_range` samples before the onset to as many after it, over the change of the "
         "potential; all missing if one of them reaches beyond the trace or the potentials are equal.",
         AP_phaseslope},
        {"phaseslope_max", "mV/ms", true, "voltage, time",
         "Largest change between consecutive samples over their distance.", phaseslope_max},
    };
}

}  // namespace spikesmith
