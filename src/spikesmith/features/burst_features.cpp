// Bursts and what is between them: the older family (burst_ISI_indices) and the strict one (burst_begin_indices).
//
// Spikes and bursts are paired by position throughout. Numbers of spikes count from 0.
#include <algorithm>
#include <functional>
#include <queue>
#include <string>

#include <fmt/format.h>

#include "spikesmith/features/definitions.hpp"

namespace spikesmith {

namespace {

// The median of a window that grows by one value after the other; of an even number, the mean of the two in the middle.
class GrowingMedian {
  public:
    void clear() {
        low_ = {};
        high_ = {};
    }
    void add(double x) {
        low_.push(x);
        high_.push(low_.top());
        low_.pop();
        if (high_.size() > low_.size()) {
            low_.push(high_.top());
            high_.pop();
        }
    }
    [[nodiscard]] double value() const {  // of at least one
        return low_.size() > high_.size() ? low_.top() : (low_.top() + high_.top()) / 2;
    }

  private:
    std::priority_queue<double> low_;  // the smaller half, and the middle one
    std::priority_queue<double, std::vector<double>, std::greater<>> high_;
};

double number(std::size_t i) {
    return static_cast<double>(i);
}

// ---- the older family ---------------------------------------------------------------------------------------------

Missing burst_ISI_indices(const FeatureInputs& in, Values& values) {
    const auto x = in[0];
    const double factor = in.settings().burst_factor;
    if (x.size() < 4) return Missing::too_few_intervals;
    GrowingMedian median;
    median.add(x[0]);
    for (std::size_t i = 1; i + 1 < x.size(); ++i) {
        if (x[i] > factor * median.value() && x[i + 1] < x[i] / factor) {
            values.push_back(number(i + 1));
            median.clear();
        }
        median.add(x[i]);
    }
    return values.empty() ? Missing::no_burst : Missing::none;
}

// needs: peak_time, burst_ISI_indices
Missing burst_mean_freq(const FeatureInputs& in, Values& values) {
    const auto times = in[0];
    const auto bursts = in[1];
    const std::size_t last = times.size() - 1;
    const auto end_of = [&](std::size_t k) { return k < bursts.size() ? std::min(index(bursts[k]), last) : last; };
    values.push_back(number(end_of(0) + 1) * 1000 / (times[end_of(0)] - times[0]));
    for (std::size_t k = 0; k < bursts.size(); ++k) {
        const std::size_t from = end_of(k);
        const std::size_t to = end_of(k + 1);
        if (to <= from + 1) continue;
        values.push_back(number(to - from) * 1000 / (times[to] - times[from + 1]));
    }
    return Missing::none;
}

Missing count(const FeatureInputs& in, Values& values) {
    return one(values, number(in[0].size()));
}

// needs: voltage, time, peak_indices, burst_ISI_indices
Missing interburst_voltage(const FeatureInputs& in, Values& values) {
    const auto time = in[1];
    const auto peaks = in[2];
    for (const double burst : in[3]) {
        const std::size_t spike = index(burst);
        if (spike + 1 >= peaks.size()) continue;
        const std::size_t begin = in.index_at(time[index(peaks[spike])] + 5);
        const std::size_t end = in.index_after(time[index(peaks[spike + 1])] - 5);
        values.push_back(mean_of(range(in[0], begin > 0 ? begin - 1 : 0, end + 1)));
    }
    return values.empty() ? Missing::no_burst : Missing::none;
}

// ---- the strict family --------------------------------------------------------------------------------------------

struct Bursts {
    std::vector<std::size_t>& begins;
    std::vector<std::size_t>& ends;
};

// Interval i lies between spikes i and i + 1. A burst ends before an interval much longer than the median of the burst, and
// begins after one much shorter than the interval before it.
Missing find_bursts(const FeatureInputs& in, const Bursts& bursts) {
    const auto x = in[0];
    if (x.size() < 2) return Missing::too_few_intervals;
    const double factor = in.settings().strict_burst_factor;
    auto& [begins, ends] = bursts;
    const std::size_t first = in.settings().ignore_first_interval ? 1 : 0;
    GrowingMedian median;
    median.add(x[first]);
    begins.push_back(first);
    const auto inside = [&] { return ends.empty() || begins.back() > ends.back(); };
    for (std::size_t i = first + 1; i < x.size(); ++i) {
        const bool in_burst = inside();
        const bool longer = in_burst && x[i] > factor * median.value();
        const bool shorter = x[i] < x[i - 1] / factor;
        if (longer) ends.push_back(i);
        if (shorter) {
            if (in_burst) {
                begins.back() = i;
            } else {
                begins.push_back(i);
            }
        }
        if (longer || shorter) median.clear();
        median.add(x[i]);
    }
    if (inside()) ends.push_back(x.size());
    return Missing::none;
}

Missing burst_begin_indices(const FeatureInputs& in, Values& values) {
    const Bursts bursts{in.scratch(0), in.scratch(1)};
    const Missing missing = find_bursts(in, bursts);
    values.assign(bursts.begins.begin(), bursts.begins.end());
    return missing;
}

Missing burst_end_indices(const FeatureInputs& in, Values& values) {
    const Bursts bursts{in.scratch(0), in.scratch(1)};
    const Missing missing = find_bursts(in, bursts);
    values.assign(bursts.ends.begin(), bursts.ends.end());
    return missing;
}

// needs: peak_time, burst_begin_indices, burst_end_indices
Missing strict_burst_mean_freq(const FeatureInputs& in, Values& values) {
    const auto times = in[0];
    for (std::size_t k = 0; k < std::min(in[1].size(), in[2].size()); ++k) {
        const std::size_t begin = index(in[1][k]);
        const std::size_t end = index(in[2][k]);
        if (end <= begin || end >= times.size()) continue;
        values.push_back(number(end - begin + 1) * 1000 / (times[end] - times[begin]));
    }
    return values.empty() ? Missing::no_burst : Missing::none;
}

// needs: voltage, time, peak_indices, burst_begin_indices
Missing strict_interburst_voltage(const FeatureInputs& in, Values& values) {
    const auto time = in[1];
    const auto peaks = in[2];
    const auto begins = in[3];
    for (std::size_t k = 1; k < begins.size(); ++k) {
        const std::size_t spike = index(begins[k]);
        if (spike == 0 || spike >= peaks.size()) continue;
        const std::size_t from = index(peaks[spike - 1]);
        const std::size_t to = index(peaks[spike]);
        const std::size_t late = find_first(time, from, to, [&](double t) { return t > time[from] + 5; });
        const std::size_t begin = late > 0 ? late - 1 : 0;
        std::size_t end = to;
        while (end > begin && !(time[end] < time[to] - 5)) --end;
        values.push_back(mean_of(range(in[0], begin, end + 2)));
    }
    return values.empty() ? Missing::too_few_bursts : Missing::none;
}

// needs: burst_begin_indices, burst_end_indices
Missing spikes_per_burst(const FeatureInputs& in, Values& values) {
    for (std::size_t k = 0; k < std::min(in[0].size(), in[1].size()); ++k) values.push_back(in[1][k] - in[0][k] + 1);
    return values.empty() ? Missing::no_burst : Missing::none;
}

Missing spikes_per_burst_diff(const FeatureInputs& in, Values& values) {
    for (std::size_t k = 1; k < in[0].size(); ++k) values.push_back(in[0][k - 1] - in[0][k]);
    return values.empty() ? Missing::too_few_bursts : Missing::none;
}

Missing spikes_in_burst1_burstlast_diff(const FeatureInputs& in, Values& values) {
    return in[0].size() < 2 ? Missing::too_few_bursts : one(values, in[0].front() - in[0].back());
}

// ---- between bursts -----------------------------------------------------------------------------------------------

// The samples after each burst: from the peak of its last spike to the next peak; after the last spike of the trace to the end
// of the stimulus, or of the trace. needs: voltage, peak_indices, burst_end_indices, ...
struct Gap {
    std::size_t begin;
    std::size_t end;
    bool closed;  // by a spike
};

std::size_t gaps_of(const FeatureInputs& in) {
    const auto peaks = in[1];
    const auto ends = in[2];
    std::size_t n = 0;
    while (n < ends.size() && index(ends[n]) < peaks.size()) ++n;
    return n;
}

Gap gap_of(const FeatureInputs& in, std::size_t burst) {
    const auto peaks = in[1];
    const std::size_t spike = index(in[2][burst]);
    const std::size_t begin = index(peaks[spike]);
    if (spike + 1 < peaks.size()) return {begin, index(peaks[spike + 1]), true};
    return {begin, begin < in.stimulus_stop() ? in.stimulus_stop() : in.size(), false};
}

Missing interburst_min_indices(const FeatureInputs& in, Values& values) {
    for (std::size_t k = 0; k < gaps_of(in); ++k) {
        const Gap gap = gap_of(in, k);
        if (!gap.closed) break;
        values.push_back(number(index_of_minimum(in[0], gap.begin, gap.end)));
    }
    return values.empty() ? Missing::too_few_bursts : Missing::none;
}

Missing postburst_min_indices(const FeatureInputs& in, Values& values) {
    for (std::size_t k = 0; k < gaps_of(in); ++k) {
        const Gap gap = gap_of(in, k);
        if (gap.begin < gap.end || gap.closed) values.push_back(number(index_of_minimum(in[0], gap.begin, gap.end)));
    }
    return values.empty() ? Missing::no_burst : Missing::none;
}

// needs: voltage, peak_indices, burst_end_indices, time. Without samples late enough before the next spike: its peak.
Missing postburst_slow_ahp_indices(const FeatureInputs& in, Values& values) {
    const auto time = in[3];
    for (std::size_t k = 0; k < gaps_of(in); ++k) {
        const Gap gap = gap_of(in, k);
        const std::size_t begin = std::max(gap.begin, in.index_at(time[gap.begin] + in.settings().sahp_start));
        if (begin < gap.end || gap.closed) values.push_back(number(index_of_minimum(in[0], begin, gap.end)));
    }
    return values.empty() ? Missing::no_minimum : Missing::none;
}

// needs: voltage, peak_indices, burst_end_indices, time
Missing postburst_fast_ahp_indices(const FeatureInputs& in, Values& values) {
    const std::size_t n = gaps_of(in);
    if (n == 0) return Missing::no_burst;
    const bool before_the_end = in[3][gap_of(in, n - 1).begin] < in.stimulus_end();
    const std::size_t end = before_the_end ? in.stimulus_stop() : in.size();
    for (std::size_t k = 0; k < n; ++k) {
        const Gap gap = gap_of(in, k);
        const std::size_t i = first_minimum(in[0], gap.begin, gap.closed ? gap.end : end);
        if (i + 1 != end && i < in.size()) values.push_back(number(i));
    }
    return values.empty() ? Missing::no_minimum : Missing::none;
}

// needs: time, some indices, peak_time, burst_end_indices: the time from the last spike of the burst, by position.
Missing time_since_burst(const FeatureInputs& in, Values& values) {
    if (in[3].size() < in[1].size()) return Missing::unpaired;
    for (std::size_t k = 0; k < in[1].size(); ++k) {
        const std::size_t spike = index(in[3][k]);
        if (spike >= in[2].size()) return Missing::unpaired;
        values.push_back(in[0][index(in[1][k])] - in[2][spike]);
    }
    return Missing::none;
}

// needs: voltage, postburst_fast_ahp_indices, postburst_slow_ahp_indices
Missing postburst_adp_peak_indices(const FeatureInputs& in, Values& values) {
    const auto fast = in[1];
    const auto slow = in[2];
    if (slow.size() > fast.size()) return Missing::unpaired;
    for (std::size_t k = 0; k < slow.size(); ++k) {
        if (slow[k] < fast[k]) continue;
        const std::size_t i = index_of_maximum(in[0], index(fast[k]), index(slow[k]));
        if (i + 1 < index(slow[k])) values.push_back(number(i));
    }
    return values.empty() ? Missing::no_minimum : Missing::none;
}

// needs: time, postburst_adp_peak_indices, peak_time, burst_end_indices
Missing time_to_postburst_adp_peak(const FeatureInputs& in, Values& values) {
    const auto times = in[2];
    if (in[3].size() < in[1].size()) return Missing::unpaired;
    for (std::size_t k = 0; k < in[1].size(); ++k) {
        const double peak = in[0][index(in[1][k])];
        std::size_t spike = index(in[3][k]);
        if (spike >= times.size()) return Missing::unpaired;
        while (spike + 1 < times.size() && times[spike + 1] < peak) ++spike;
        values.push_back(peak - times[spike]);
    }
    return Missing::none;
}

// A fraction of the way from the fast afterhyperpolarisation to the next peak.
// needs: time, postburst_fast_ahp_indices, burst_end_indices, peak_indices
FeatureFunction interburst_indices(double fraction) {
    return [fraction](const FeatureInputs& in, Values& values) {
        const auto time = in[0];
        const auto peaks = in[3];
        for (std::size_t k = 0; k < std::min(in[1].size(), in[2].size()); ++k) {
            const std::size_t spike = index(in[2][k]);
            if (spike + 1 >= peaks.size()) continue;
            const double from = time[index(in[1][k])];
            const std::size_t i = in.index_at(from + (time[index(peaks[spike + 1])] - from) * fraction);
            if (i < in.size()) values.push_back(number(i));
        }
        return values.empty() ? Missing::too_few_bursts : Missing::none;
    };
}

// needs: peak_time, burst_end_indices
Missing interburst_duration(const FeatureInputs& in, Values& values) {
    for (const double end : in[1]) {
        const std::size_t spike = index(end);
        if (spike + 1 < in[0].size()) values.push_back(in[0][spike + 1] - in[0][spike]);
    }
    return values.empty() ? Missing::too_few_bursts : Missing::none;
}

// ---- the burst at the beginning -----------------------------------------------------------------------------------

// needs: voltage, time, peak_time, all_ISI_values
Missing initburst_sahp(const FeatureInputs& in, Values& values) {
    const auto times = in[2];
    const auto intervals = in[3];
    const FeatureSettings& settings = in.settings();
    std::size_t spike = 0;  // the last one of the burst
    while (spike < intervals.size() && 1000 / intervals[spike] >= settings.initburst_frequency) ++spike;
    if (spike == 0 || spike >= times.size()) return Missing::no_burst;
    const double from = std::min(times[spike] + settings.initburst_sahp_start, in.stimulus_end());
    double to = std::min(times[spike] + settings.initburst_sahp_end, in.stimulus_end());
    if (spike + 1 < times.size()) to = std::min(to, times[spike + 1]);
    if (to <= from) return Missing::empty_window;
    const auto window = range(in[0], in.index_at(from), in.index_after(to));
    return window.empty() ? Missing::empty_window : one(values, std::ranges::min(window));
}

FeatureDefinition values_of(const std::string& name, const std::string& indices) {
    return {name, "mV", false, "voltage, " + indices, fmt::format("The potential at `{}`.", indices), at_indices};
}

}  // namespace

Definitions burst_features() {
    Definitions all{
        {"burst_ISI_indices", "1", false, "ISI_values",
         "Number i + 1 of each of `ISI_values` x_i (but the first and last) that is longer than `burst_factor` times "
         "the "
         "median of the window before it, while x_(i+1) < x_i/`burst_factor`: the last spike of a burst. The window "
         "begins at "
         "the first interval, and anew at each one found. At least 4 intervals.",
         burst_ISI_indices},
        {"burst_mean_freq", "Hz", false, "peak_time, burst_ISI_indices",
         "Of each burst between `burst_ISI_indices`, those of one spike left out: its number of spikes over the time "
         "from "
         "its first to its last.",
         burst_mean_freq},
        {"burst_number", "1", true, "burst_mean_freq?", "Number of `burst_mean_freq`; 0 without any.", count},
        {"interburst_voltage", "mV", false, "voltage, time, peak_indices, burst_ISI_indices",
         "Mean potential from 5 ms after the last peak of a burst to 5 ms before the next peak, the samples just "
         "outside "
         "included; NaN if that is nothing.",
         interburst_voltage},

        {"burst_begin_indices", "1", false, "all_ISI_values",
         "Number of the first spike of each burst. With F = `strict_burst_factor`: a burst ends at spike i if interval "
         "i is "
         "longer than F times the median of the intervals since its beginning (or since the last end); one begins at "
         "spike i "
         "if interval i is shorter than interval i - 1 over F, and if a burst is going on it begins there instead. The "
         "first "
         "one begins at the first interval, or the second if `ignore_first_interval`. At least 2 intervals.",
         burst_begin_indices},
        {"burst_end_indices", "1", false, "all_ISI_values",
         "Number of the last spike of each burst; see `burst_begin_indices`. A burst that goes on ends at the last "
         "spike.",
         burst_end_indices},
        {"strict_burst_mean_freq", "Hz", false, "peak_time, burst_begin_indices, burst_end_indices",
         "Of each burst of at least 2 spikes: its number of spikes over the time from its first to its last.",
         strict_burst_mean_freq},
        {"strict_burst_number", "1", true, "strict_burst_mean_freq?",
         "Number of `strict_burst_mean_freq`; 0 without any.", count},
        {"strict_interburst_voltage", "mV", false, "voltage, time, peak_indices, burst_begin_indices",
         "Before each burst but the first: mean potential from 5 ms after the peak before it to 5 ms before its first "
         "peak, "
         "the samples just outside included.",
         strict_interburst_voltage},
        {"spikes_per_burst", "1", false, "burst_begin_indices, burst_end_indices",
         "`burst_end_indices` - `burst_begin_indices` + 1.", spikes_per_burst},
        {"spikes_per_burst_diff", "1", false, "spikes_per_burst",
         "Each of `spikes_per_burst` minus the next one; at least 2 bursts.", spikes_per_burst_diff},
        {"spikes_in_burst1_burst2_diff", "1", true, "spikes_per_burst_diff", "The first of `spikes_per_burst_diff`.",
         element(0, Missing::too_few_bursts)},
        {"spikes_in_burst1_burstlast_diff", "1", true, "spikes_per_burst",
         "The first minus the last of `spikes_per_burst`; at least 2 bursts.", spikes_in_burst1_burstlast_diff},

        {"interburst_min_indices", "index", false, "voltage, peak_indices, burst_end_indices",
         "The first smallest sample from the last peak of a burst to before the next peak, where there is one.",
         interburst_min_indices},
        values_of("interburst_min_values", "interburst_min_indices"),
        {"time_to_interburst_min", "ms", false, "time, interburst_min_indices, peak_time, burst_end_indices",
         "Time at `interburst_min_indices` minus that of the last peak of the burst.", time_since_burst},
        {"postburst_min_indices", "index", false, "voltage, peak_indices, burst_end_indices",
         "As `interburst_min_indices`; after the last spike of the trace up to the end of the stimulus, or, if the "
         "spike is "
         "after it, of the trace.",
         postburst_min_indices},
        values_of("postburst_min_values", "postburst_min_indices"),
        {"postburst_slow_ahp_indices", "index", false, "voltage, peak_indices, burst_end_indices, time",
         "As `postburst_min_indices`, but from `sahp_start` after the peak on. If the next peak comes earlier: the "
         "next peak.",
         postburst_slow_ahp_indices},
        values_of("postburst_slow_ahp_values", "postburst_slow_ahp_indices"),
        {"time_to_postburst_slow_ahp", "ms", false, "time, postburst_slow_ahp_indices, peak_time, burst_end_indices",
         "Time at `postburst_slow_ahp_indices` minus that of the last peak of the burst.", time_since_burst},
        {"postburst_fast_ahp_indices", "index", false, "voltage, peak_indices, burst_end_indices, time",
         "The first minimum (as of `min_AHP_indices`) after the last peak of each burst, before the next peak; after "
         "the last "
         "spike of the trace before the end of the stimulus, or, if the spike is not before it, of the trace. The last "
         "sample "
         "of that range is no minimum.",
         postburst_fast_ahp_indices},
        values_of("postburst_fast_ahp_values", "postburst_fast_ahp_indices"),
        {"time_to_postburst_fast_ahp", "ms", false, "time, postburst_fast_ahp_indices, peak_time, burst_end_indices",
         "Time at `postburst_fast_ahp_indices` minus that of the last peak of the burst.", time_since_burst},
        {"postburst_adp_peak_indices", "index", false,
         "voltage, postburst_fast_ahp_indices, postburst_slow_ahp_indices",
         "The first largest sample from the fast to before the slow afterhyperpolarisation, unless it is the sample "
         "before the "
         "slow one.",
         postburst_adp_peak_indices},
        values_of("postburst_adp_peak_values", "postburst_adp_peak_indices"),
        {"time_to_postburst_adp_peak", "ms", false, "time, postburst_adp_peak_indices, peak_time, burst_end_indices",
         "Time at `postburst_adp_peak_indices` minus that of the last peak before it.", time_to_postburst_adp_peak},
        {"interburst_duration", "ms", false, "peak_time, burst_end_indices",
         "From the last peak of a burst to the next peak, where there is one.", interburst_duration},

        {"initburst_sahp", "mV", true, "voltage, time, peak_time, all_ISI_values",
         "The burst of the first spikes goes on while 1000/interval is at least `initburst_frequency`. Smallest "
         "potential from "
         "`initburst_sahp_start` to `initburst_sahp_end` after its last peak, not beyond the next peak and the end of "
         "the "
         "stimulus.",
         initburst_sahp},
        {"initburst_sahp_vb", "mV", true, "initburst_sahp, voltage_base", "`initburst_sahp` minus `voltage_base`.",
         minus_number},
        {"initburst_sahp_ssse", "mV", true, "initburst_sahp, steady_state_voltage_stimend",
         "`initburst_sahp` minus `steady_state_voltage_stimend`.", minus_number},
    };
    for (const int percent : {15, 20, 25, 30, 40, 60}) {
        const std::string name = fmt::format("interburst_{}percent_", percent);
        all.push_back(
            {name + "indices", "index", false, "time, postburst_fast_ahp_indices, burst_end_indices, peak_indices",
             fmt::format("First sample at or after {} % of the time from `postburst_fast_ahp_indices` to the next "
                         "peak.",
                         percent),
             interburst_indices(percent / 100.0)});
        all.push_back(values_of(name + "values", name + "indices"));
    }
    return all;
}

}  // namespace spikesmith
