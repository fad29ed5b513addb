// Counts, times and intervals of spikes.
#include <algorithm>
#include <cmath>

#include "spikesmith/features/definitions.hpp"

namespace spikesmith {

namespace {

FeatureValue peak_time(TraceFeatures& trace) {
    return at_indices(trace.time(), trace.get("peak_indices"));
}

// Never absent: no spikes are a count of 0.
FeatureValue spike_count(TraceFeatures& trace) {
    return one(static_cast<double>(trace.get("peak_indices").values.size()));
}

bool during_stimulus(const TraceFeatures& trace, double time) {
    return time >= trace.stimulus_start() && time <= trace.stimulus_end();
}

FeatureValue spike_count_stimint(TraceFeatures& trace) {
    const auto& times = trace.get("peak_time").values;
    const auto n = std::ranges::count_if(times, [&](double time) { return during_stimulus(trace, time); });
    return one(static_cast<double>(n));
}

// Spikes of the stimulus per time from its start to the last of them; 0 if all spikes are outside.
FeatureValue mean_frequency(TraceFeatures& trace) {
    const FeatureValue& times = trace.get("peak_time");
    if (!times.present()) return times;
    double n = 0;
    double last = 0;
    for (const double time : times.values) {
        if (!during_stimulus(trace, time)) continue;
        n += 1;
        last = time;
    }
    if (last == trace.stimulus_start()) return absent("the last spike is at the start of the stimulus");
    return one(n == 0 ? 0 : n * 1000 / (last - trace.stimulus_start()));
}

FeatureValue time_to_spike(TraceFeatures& trace, std::size_t k, std::string_view reason) {
    FeatureValue result = element(trace.get("peak_time"), k, reason);
    for (double& value : result.values) value -= trace.stimulus_start();
    return result;
}

FeatureValue time_to_first_spike(TraceFeatures& trace) {
    return time_to_spike(trace, 0, "no spikes");
}

FeatureValue time_to_second_spike(TraceFeatures& trace) {
    return time_to_spike(trace, 1, "fewer than 2 spikes");
}

FeatureValue time_to_last_spike(TraceFeatures& trace) {
    const FeatureValue& times = trace.get("peak_time");
    return times.present() ? one(times.values.back() - trace.stimulus_start()) : times;
}

FeatureValue inv_time_to_first_spike(TraceFeatures& trace) {
    const FeatureValue& time = trace.get("time_to_first_spike");
    return time.present() ? one(1000 / time.values[0]) : time;
}

FeatureValue all_ISI_values(TraceFeatures& trace) {
    const FeatureValue& times = trace.get("peak_time");
    if (!times.present()) return times;
    if (times.values.size() < 2) return absent("fewer than 2 spikes");
    FeatureValue result;
    for (std::size_t k = 0; k + 1 < times.values.size(); ++k) {
        result.values.push_back(times.values[k + 1] - times.values[k]);
    }
    return result;
}

FeatureValue ISI_values(TraceFeatures& trace) {
    FeatureValue result = trace.get("all_ISI_values");
    if (!result.present() || !trace.settings().ignore_first_interval) return result;
    result.values.erase(result.values.begin());
    return result.values.empty() ? absent("no interval beside the first") : result;
}

FeatureValue doublet_ISI(TraceFeatures& trace) {
    return element(trace.get("all_ISI_values"), 0, "fewer than 2 spikes");
}

FeatureValue inv_ISI_values(TraceFeatures& trace) {
    FeatureValue result = trace.get("all_ISI_values");
    for (double& value : result.values) value = 1000 / value;
    return result;
}

FeatureValue inv_first_ISI(TraceFeatures& trace) {
    return element(trace.get("inv_ISI_values"), 0, "fewer than 2 spikes");
}

FeatureValue inv_last_ISI(TraceFeatures& trace) {
    const FeatureValue& rates = trace.get("inv_ISI_values");
    return rates.present() ? one(rates.values.back()) : rates;
}

// Standard deviation (with n - 1) over mean.
FeatureValue ISI_CV(TraceFeatures& trace) {
    const FeatureValue& intervals = trace.get("ISI_values");
    if (!intervals.present()) return intervals;
    if (intervals.values.size() < 2) return absent("fewer than 2 intervals");
    const double mean = intervals.mean();
    double sum = 0;
    for (const double interval : intervals.values) sum += (interval - mean) * (interval - mean);
    return one(std::sqrt(sum / static_cast<double>(intervals.values.size() - 1)) / mean);
}

FeatureValue irregularity_index(TraceFeatures& trace) {
    const FeatureValue& intervals = trace.get("ISI_values");
    if (!intervals.present()) return intervals;
    if (intervals.values.size() < 2) return absent("fewer than 2 intervals");
    double sum = 0;
    for (std::size_t k = 0; k + 1 < intervals.values.size(); ++k) {
        sum += std::fabs(intervals.values[k + 1] - intervals.values[k]);
    }
    return one(sum / static_cast<double>(intervals.values.size() - 1));
}

constexpr FeatureDefinition table[]{
    {{"ISI_CV", "1", true, "coefficient of variation of ISI_values"}, ISI_CV},
    {{"ISI_values", "ms", false, "intervals between spikes, without the first if ignore_first_interval"}, ISI_values},
    {{"ISIs", "ms", false, "intervals between spikes"}, all_ISI_values},
    {{"Spikecount", "1", true, "number of spikes"}, spike_count},
    {{"Spikecount_stimint", "1", true, "number of spikes during the stimulus"}, spike_count_stimint},
    {{"all_ISI_values", "ms", false, "intervals between spikes"}, all_ISI_values},
    {{"doublet_ISI", "ms", true, "first interval between spikes"}, doublet_ISI},
    {{"inv_ISI_values", "Hz", false, "rates from intervals between spikes"}, inv_ISI_values},
    {{"inv_first_ISI", "Hz", true, "rate from the first interval"}, inv_first_ISI},
    {{"inv_last_ISI", "Hz", true, "rate from the last interval"}, inv_last_ISI},
    {{"inv_time_to_first_spike", "Hz", true, "1/time_to_first_spike"}, inv_time_to_first_spike},
    {{"irregularity_index", "ms", true, "mean change from one interval to the next"}, irregularity_index},
    {{"mean_frequency", "Hz", true, "spikes of the stimulus per time until the last of them"}, mean_frequency},
    {{"peak_time", "ms", false, "time of the peak of each spike"}, peak_time},
    {{"spike_count", "1", true, "number of spikes"}, spike_count},
    {{"spike_count_stimint", "1", true, "number of spikes during the stimulus"}, spike_count_stimint},
    {{"time_to_first_spike", "ms", true, "from the start of the stimulus to the first peak"}, time_to_first_spike},
    {{"time_to_last_spike", "ms", true, "from the start of the stimulus to the last peak"}, time_to_last_spike},
    {{"time_to_second_spike", "ms", true, "from the start of the stimulus to the second peak"}, time_to_second_spike},
};

}  // namespace

std::span<const FeatureDefinition> timing_features() {
    return table;
}

}  // namespace spikesmith
