// Counts, times and intervals of spikes. All but the times of the peaks themselves are known for spike trains too.
#include <algorithm>
#include <cmath>

#include "spikesmith/features/definitions.hpp"

namespace spikesmith {

namespace {

// Nothing to compute: TraceFeatures gives them when a trace is loaded.
Missing given(const FeatureInputs& /*in*/, Values& /*values*/) {
    return Missing::no_voltage;
}

Missing spike_count(const FeatureInputs& in, Values& values) {
    return one(values, static_cast<double>(in[0].size()));
}

Missing spike_count_stimint(const FeatureInputs& in, Values& values) {
    const auto n = std::ranges::count_if(in[0], [&](double time) { return in.during_stimulus(time); });
    return one(values, static_cast<double>(n));
}

Missing mean_frequency(const FeatureInputs& in, Values& values) {
    double n = 0;
    double last = 0;
    for (const double time : in[0]) {
        if (!in.during_stimulus(time)) continue;
        n += 1;
        last = time;
    }
    if (last == in.stimulus_start()) return Missing::spike_at_stimulus_start;
    return one(values, n == 0 ? 0 : n * 1000 / (last - in.stimulus_start()));
}

FeatureFunction time_to_spike(std::size_t k) {
    return [k](const FeatureInputs& in, Values& values) {
        return k < in[0].size() ? one(values, in[0][k] - in.stimulus_start()) : Missing::too_few_spikes;
    };
}

Missing time_to_last_spike(const FeatureInputs& in, Values& values) {
    return one(values, in[0].back() - in.stimulus_start());
}

Missing inverse(const FeatureInputs& in, Values& values) {
    for (const double value : in[0]) values.push_back(1000 / value);
    return Missing::none;
}

Missing all_ISI_values(const FeatureInputs& in, Values& values) {
    const auto times = in[0];
    if (times.size() < 2) return Missing::too_few_spikes;
    for (std::size_t k = 0; k + 1 < times.size(); ++k) values.push_back(times[k + 1] - times[k]);
    return Missing::none;
}

Missing ISI_values(const FeatureInputs& in, Values& values) {
    const auto intervals = in[0].subspan(in.settings().ignore_first_interval ? 1 : 0);
    values.assign(intervals.begin(), intervals.end());
    return values.empty() ? Missing::no_interval : Missing::none;
}

Missing ISI_CV(const FeatureInputs& in, Values& values) {
    const auto intervals = in[0];
    if (intervals.size() < 2) return Missing::too_few_intervals;
    const double mean = mean_of(intervals);
    double sum = 0;
    for (const double interval : intervals) sum += (interval - mean) * (interval - mean);
    return one(values, std::sqrt(sum / static_cast<double>(intervals.size() - 1)) / mean);
}

Missing irregularity_index(const FeatureInputs& in, Values& values) {
    const auto intervals = in[0];
    if (intervals.size() < 2) return Missing::too_few_intervals;
    double sum = 0;
    for (std::size_t k = 0; k + 1 < intervals.size(); ++k) sum += std::fabs(intervals[k + 1] - intervals[k]);
    return one(values, sum / static_cast<double>(intervals.size() - 1));
}

Missing single_burst_ratio(const FeatureInputs& in, Values& values) {
    if (in[0].size() < 2) return Missing::too_few_intervals;
    return one(values, in[0][0] / mean_of(in[0]));
}

// Least squares of ln(interval) on the abscissa; needs two intervals.
template <class Abscissa>
Missing log_slope(std::span<const double> intervals, Values& values, const Abscissa& abscissa) {
    const std::size_t n = intervals.size();
    if (n < 2) return Missing::too_few_intervals;
    double mean_x = 0;
    double mean_y = 0;
    for (std::size_t k = 0; k < n; ++k) {
        mean_x += abscissa(k) / static_cast<double>(n);
        mean_y += std::log(intervals[k]) / static_cast<double>(n);
    }
    double xx = 0;
    double xy = 0;
    for (std::size_t k = 0; k < n; ++k) {
        const double x = abscissa(k) - mean_x;
        xx += x * x;
        xy += x * (std::log(intervals[k]) - mean_y);
    }
    return one(values, xy / xx);
}

double log_number(std::size_t k) {
    return std::log(static_cast<double>(k + 1));
}

Missing ISI_log_slope(const FeatureInputs& in, Values& values) {
    return log_slope(in[0], values, log_number);
}

// Of one interval the established tool gives the solution of minimal norm, ln(interval)/2.
Missing ISI_semilog_slope(const FeatureInputs& in, Values& values) {
    if (in[0].size() == 1) return one(values, std::log(in[0][0]) / 2);
    return log_slope(in[0], values, [](std::size_t k) { return static_cast<double>(k + 1); });
}

std::size_t skipped(const FeatureSettings& settings, std::size_t n_spikes) {
    const double wanted = std::trunc(static_cast<double>(n_spikes) * settings.skip_fraction + 0.5);
    return static_cast<std::size_t>(std::min(static_cast<double>(settings.max_skipped_spikes), wanted));
}

Missing ISI_log_slope_skip(const FeatureInputs& in, Values& values) {
    const auto intervals = in[0];
    const std::size_t skip = std::min(skipped(in.settings(), intervals.size() + 1), intervals.size());
    return log_slope(intervals.subspan(skip), values, log_number);
}

// Of the spikes of the stimulus, extended by the offset.
std::span<const double> adapting(const FeatureInputs& in) {
    const auto times = in[0];
    const auto begin = std::ranges::lower_bound(times, in.stimulus_start() - in.settings().offset);
    const auto end = std::ranges::upper_bound(times, in.stimulus_end() + in.settings().offset);
    return begin < end ? std::span<const double>(begin, end) : std::span<const double>{};
}

// Mean of the relative changes from one interval to the next; at least 3 spikes.
double mean_relative_change(std::span<const double> times) {
    double sum = 0;
    for (std::size_t k = 2; k < times.size(); ++k) {
        const double before = times[k - 1] - times[k - 2];
        const double after = times[k] - times[k - 1];
        sum += (after - before) / (after + before);
    }
    return sum / static_cast<double>(times.size() - 2);
}

Missing adaptation_index(const FeatureInputs& in, Values& values) {
    const auto times = adapting(in);
    const std::size_t skip = skipped(in.settings(), times.size());
    if (times.size() < skip + 4) return Missing::too_few_spikes;
    return one(values, mean_relative_change(times.subspan(skip)));
}

Missing adaptation_index2(const FeatureInputs& in, Values& values) {
    const auto times = adapting(in);
    if (times.size() < 4) return Missing::too_few_spikes;
    return one(values, mean_relative_change(times.subspan(1)));
}

Missing number_initial_spikes(const FeatureInputs& in, Values& values) {
    const double start = in.stimulus_start();
    const double end = start + in.settings().initial_fraction * (in.stimulus_end() - start);
    const auto n = std::ranges::lower_bound(in[0], end) - std::ranges::lower_bound(in[0], start);
    return one(values, static_cast<double>(n));
}

Missing is_not_stuck(const FeatureInputs& in, Values& values) {
    const double end = in.stimulus_end();
    const bool found = std::ranges::any_of(in[0], [&](double time) { return 0.5 * end < time && time < end; });
    return found ? one(values, 1) : Missing::stopped_early;
}

Missing trace_check(const FeatureInputs& in, Values& values) {
    const double end = 1.05 * in.stimulus_end();
    const bool fine =
        std::ranges::all_of(in[0], [&](double time) { return time >= in.stimulus_start() && time <= end; });
    return fine ? one(values, 0) : Missing::spikes_outside_stimulus;
}

}  // namespace

Definitions timing_features() {
    const auto same = same_values;
    return {
        {"voltage", "mV", false, "", "The potential on the grid.", given},
        {"time", "ms", false, "", "The times of the grid.", given},
        {"current", "nA", false, "", "The current on the grid.", given},

        {"peak_time", "ms", false, "time, peak_indices", "Times at `peak_indices`.", at_indices},
        {"time_to_first_spike", "ms", true, "peak_time",
         "First `peak_time` minus the start of the stimulus; negative for a spike before it.", time_to_spike(0)},
        {"time_to_second_spike", "ms", true, "peak_time", "Second `peak_time` minus the start of the stimulus.",
         time_to_spike(1)},
        {"time_to_last_spike", "ms", true, "peak_time", "Last `peak_time` minus the start of the stimulus.",
         time_to_last_spike},
        {"inv_time_to_first_spike", "Hz", true, "time_to_first_spike", "1000/`time_to_first_spike`.", inverse},

        {"all_ISI_values", "ms", false, "peak_time", "Differences of consecutive `peak_time`; at least 2 spikes.",
         all_ISI_values},
        {"ISIs", "ms", false, "all_ISI_values", "Another name of `all_ISI_values`.", same},
        {"ISI_values", "ms", false, "all_ISI_values", "`all_ISI_values`, without the first if `ignore_first_interval`.",
         ISI_values},
        {"doublet_ISI", "ms", true, "all_ISI_values", "The first interval.", element(0, Missing::too_few_spikes)},
        {"inv_ISI_values", "Hz", false, "all_ISI_values", "1000/`all_ISI_values`.", inverse},
        {"inv_first_ISI", "Hz", true, "inv_ISI_values", "The first of `inv_ISI_values`.",
         element(0, Missing::too_few_spikes)},
        {"inv_second_ISI", "Hz", true, "inv_ISI_values", "The second of `inv_ISI_values`.",
         element(1, Missing::too_few_spikes)},
        {"inv_third_ISI", "Hz", true, "inv_ISI_values", "The third of `inv_ISI_values`.",
         element(2, Missing::too_few_spikes)},
        {"inv_fourth_ISI", "Hz", true, "inv_ISI_values", "The fourth of `inv_ISI_values`.",
         element(3, Missing::too_few_spikes)},
        {"inv_fifth_ISI", "Hz", true, "inv_ISI_values", "The fifth of `inv_ISI_values`.",
         element(4, Missing::too_few_spikes)},
        {"inv_last_ISI", "Hz", true, "inv_ISI_values", "The last of `inv_ISI_values`.", last_element},
        {"ISI_CV", "1", true, "ISI_values", "Standard deviation (with n - 1) over mean of `ISI_values`; at least 2.",
         ISI_CV},
        {"irregularity_index", "ms", true, "ISI_values",
         "Mean absolute difference of consecutive `ISI_values`; at least 2.", irregularity_index},
        {"single_burst_ratio", "1", true, "ISI_values",
         "The first of `ISI_values` over the mean of all of them (the first included); at least 2.",
         single_burst_ratio},
        {"ISI_log_slope", "1", true, "ISI_values",
         "Slope of the least-squares line of ln(`ISI_values`) over ln(1, 2, ...); at least 2.", ISI_log_slope},
        {"ISI_semilog_slope", "1", true, "ISI_values",
         "Slope of the least-squares line of ln(`ISI_values`) over 1, 2, ...; of one interval, half its logarithm.",
         ISI_semilog_slope},
        {"ISI_log_slope_skip", "1", true, "ISI_values",
         "`ISI_log_slope` without the first min(`max_skipped_spikes`, round(`skip_fraction` * (n + 1))) of the n "
         "intervals.",
         ISI_log_slope_skip},
        {"adaptation_index", "1", true, "peak_time",
         "Of the n spikes from `offset` before to `offset` after the stimulus, without the first "
         "min(`max_skipped_spikes`, round(`skip_fraction` * n)): mean of (after - before)/(after + before) of "
         "consecutive intervals; at least 4 spikes are left.",
         adaptation_index},
        {"adaptation_index2", "1", true, "peak_time",
         "As `adaptation_index`, but without exactly the first spike; at least 4 spikes with it.", adaptation_index2},
        {"mean_frequency", "Hz", true, "peak_time",
         "Spikes of the stimulus (both ends included) per time from its start to the last of them; 0 if all spikes are "
         "outside.",
         mean_frequency},
        {"number_initial_spikes", "1", true, "peak_time", "Spikes of the first `initial_fraction` of the stimulus.",
         number_initial_spikes},

        {"spike_count", "1", true, "peak_time?", "Number of spikes; 0 without any.", spike_count},
        {"Spikecount", "1", true, "spike_count", "Another name of `spike_count`.", same},
        {"spike_count_stimint", "1", true, "peak_time?", "Number of spikes of the stimulus, both ends included.",
         spike_count_stimint},
        {"Spikecount_stimint", "1", true, "spike_count_stimint", "Another name of `spike_count_stimint`.", same},
        {"is_not_stuck", "1", true, "peak_time",
         "1 if there is a spike after half of the time at which the stimulus ends and before that time; else missing.",
         is_not_stuck},
        {"trace_check", "1", true, "peak_time?",
         "0 if all spikes are from the start of the stimulus to 1.05 times the time at which it ends; else missing.",
         trace_check},
    };
}

}  // namespace spikesmith
