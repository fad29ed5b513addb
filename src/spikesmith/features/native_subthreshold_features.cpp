// Levels, deflections and time constants in native mode: means over stretches of time instead of numbers of samples, extrema between
// samples, least-squares fits of exponentials.
#include <algorithm>
#include <cmath>
#include <vector>

#include "spikesmith/features/native_definitions.hpp"
#include "spikesmith/features/native_exponential.hpp"
#include "spikesmith/features/native_interpolation.hpp"

namespace spikesmith {

namespace {

// Mean from one time to another as far as the trace reaches. voltage, time
Missing window_mean(const FeatureInputs& in, double from, double to, Values& values) {
    if (in.size() == 0) return Missing::empty_window;
    const double begin = place_of(in[1], from);
    const double end = place_of(in[1], to);
    return begin < end ? one(values, mean_between(in[0], begin, end)) : Missing::empty_window;
}

// The same up to a border of the stimulus, where the trace may bend or jump: what is between the last sample before it and the border
// is continued from the two samples before.
Missing mean_before(const FeatureInputs& in, double from, double border, Values& values) {
    if (in.size() == 0) return Missing::empty_window;
    const double begin = place_of(in[1], from);
    const double end = place_of(in[1], border);
    const auto last = static_cast<std::size_t>(end);
    if (last == 0 || !(begin < static_cast<double>(last))) return window_mean(in, from, border, values);
    const double length = static_cast<double>(last) - begin;
    const double rest = end - static_cast<double>(last);
    const double continued = in[0][last] + (in[0][last] - in[0][last - 1]) * rest / 2;
    const double mean = mean_between(in[0], begin, static_cast<double>(last));
    return one(values, mean + (continued - mean) * rest / (length + rest));
}

double stimulus_duration(const FeatureInputs& in) {
    return in.stimulus_end() - in.stimulus_start();
}

Missing voltage_base(const FeatureInputs& in, Values& values) {
    const double from = in.stimulus_start() * in.settings().voltage_base_start;
    const double to = in.stimulus_start() * in.settings().voltage_base_end;
    if (!(from < to)) return Missing::no_base;
    if (in.settings().voltage_base_mode == BaseMode::mean) return mean_before(in, from, to, values);
    const auto window = range(in[0], in.index_at(from), in.index_after(to));
    if (window.empty()) return Missing::empty_window;
    Values sorted(window.begin(), window.end());
    const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
    std::ranges::nth_element(sorted, middle);
    if (sorted.size() % 2 == 1) return one(values, *middle);
    return one(values, (*std::max_element(sorted.begin(), middle) + *middle) / 2);
}

Missing steady_state_voltage_stimend(const FeatureInputs& in, Values& values) {
    return mean_before(in, in.stimulus_end() - 0.1 * stimulus_duration(in), in.stimulus_end(), values);
}

Missing steady_state_voltage(const FeatureInputs& in, Values& values) {
    return window_mean(in, in.stimulus_end(), in[1].back(), values);
}

Missing steady_state_hyper(const FeatureInputs& in, Values& values) {
    constexpr double length = 3;  // ms
    constexpr double gap = 0.5;   // ms
    return window_mean(in, in.stimulus_end() - gap - length, in.stimulus_end() - gap, values);
}

Missing voltage_after_stim(const FeatureInputs& in, Values& values) {
    const double length = in[1].back() - in.stimulus_end();
    if (!(length > 0)) return Missing::empty_window;
    return window_mean(in, in.stimulus_end() + 0.25 * length, in.stimulus_end() + 0.75 * length, values);
}

// Mean between two times, from the mean before the stimulus.
Missing deflection(const FeatureInputs& in, double from, double to, Values& values) {
    if (to > in[1].back()) return Missing::empty_window;
    Values levels;
    if (mean_before(in, in[1].front(), in.stimulus_start(), levels) != Missing::none) return Missing::no_base;
    if (const Missing missing = window_mean(in, from, to, levels); missing != Missing::none) return missing;
    return one(values, levels[1] - levels[0]);
}

Missing voltage_deflection(const FeatureInputs& in, Values& values) {
    return deflection(in, in.stimulus_end() - 1, in.stimulus_end() - 0.5, values);
}

Missing voltage_deflection_begin(const FeatureInputs& in, Values& values) {
    const double start = in.stimulus_start();
    return deflection(in, start + 0.05 * stimulus_duration(in), start + 0.15 * stimulus_duration(in), values);
}

// The extremum of the stimulus, between samples unless it is at a border of the window.
template <class Better>
Missing extremum(const FeatureInputs& in, Values& values, const Better& better) {
    const std::size_t first = in.stimulus_begin();
    const auto window = range(in[0], first, in.stimulus_stop());
    if (window.empty()) return Missing::empty_window;
    const auto best = std::ranges::min_element(window, better);
    const std::size_t k = first + static_cast<std::size_t>(best - window.begin());
    if (best == window.begin() || best + 1 == window.end()) return one(values, *best);
    const auto reach = static_cast<std::size_t>(std::clamp(std::nearbyint(0.1 / sampling_interval(in[1])), 2.0, 64.0));
    return one(values, refined_extremum(in[0], k, reach).value);
}
Missing maximum_voltage(const FeatureInputs& in, Values& values) {
    return extremum(in, values, std::ranges::greater{});
}
Missing minimum_voltage(const FeatureInputs& in, Values& values) {
    return extremum(in, values, std::ranges::less{});
}

// The time constant of a fit that explains the samples better than their noise.
Missing time_constant_of(std::span<const double> window, double dt, std::optional<double> offset, Values& values) {
    constexpr std::size_t fewest = 10;
    if (window.size() < fewest) return Missing::too_few_samples;
    const auto fit = fit_exponential(window, dt, offset);
    if (!fit || !(std::fabs(fit->amplitude) > 2 * fit->residual)) return Missing::no_fit;
    return one(values, fit->tau);
}

// From 1 ms after the start of the stimulus to the farthest point of its first half. voltage, time, peak_indices?
Missing time_constant(const FeatureInputs& in, Values& values) {
    constexpr double skip = 1;  // ms; what electrodes do
    const std::size_t first = in.index_at(in.stimulus_start() + skip);
    const std::size_t end = in.index_at((in.stimulus_start() + in.stimulus_end()) / 2);
    const auto half = range(in[0], first, end);
    if (half.empty()) return Missing::empty_window;
    for (const double peak : in[2]) {
        if (index(peak) >= in.stimulus_begin() && index(peak) < end) return Missing::spikes_present;
    }
    const double last = mean_of(half.last(half.size() / 10 + 1));
    const auto farthest = last < half.front() ? std::ranges::min_element(half) : std::ranges::max_element(half);
    return time_constant_of(half.first(static_cast<std::size_t>(farthest - half.begin()) + 1), sampling_interval(in[1]),
                            std::nullopt, values);
}

// From the minimum to the end of the stimulus. voltage, time, sag_amplitude
Missing sag_time_constant(const FeatureInputs& in, Values& values) {
    if (!(in.number(2) > 0)) return Missing::no_decay;
    const auto stimulus = range(in[0], in.stimulus_begin(), in.stimulus_stop());
    if (stimulus.empty()) return Missing::empty_window;
    const auto lowest = static_cast<std::size_t>(std::ranges::min_element(stimulus) - stimulus.begin());
    return time_constant_of(stimulus.subspan(lowest), sampling_interval(in[1]), std::nullopt, values);
}

// Of the decay after a stimulus to the potential `rest`.
Missing decay_after(const FeatureInputs& in, double end, double rest, Values& values) {
    const auto window =
        range(in[0], in.index_at(end + in.settings().decay_start), in.index_at(end + in.settings().decay_end));
    if (window.empty()) return Missing::empty_window;
    return time_constant_of(window, sampling_interval(in[1]), rest, values);
}

// voltage, time, voltage_base?
Missing decay_time_constant_after_stim(const FeatureInputs& in, Values& values) {
    const double rest = in[2].empty() ? value_at(in[0], place_of(in[1], in.stimulus_start())) : in.number(2);
    return decay_after(in, in.stimulus_end(), rest, values);
}

// voltage, time
Missing multiple_decay_time_constant_after_stim(const FeatureInputs& in, Values& values) {
    constexpr double before = 1;  // ms
    if (in.stimuli().empty()) return Missing::no_stimulus_list;
    for (const StimulusWindow& stimulus : in.stimuli()) {
        Values rest;
        if (mean_before(in, stimulus.start - before, stimulus.start, rest) != Missing::none) {
            rest.assign(1, value_at(in[0], place_of(in[1], stimulus.start)));
        }
        if (const Missing missing = decay_after(in, stimulus.end, rest[0], values); missing != Missing::none) {
            return missing;
        }
    }
    return Missing::none;
}

}  // namespace

Definitions native_subthreshold_features() {
    const char* const trace = "voltage, time";
    Definitions list;
    const auto add = [&](const char* name, const char* unit, const char* needs, const char* definition,
                         FeatureFunction compute) {
        list.push_back(
            {.name = name, .unit = unit, .needs = needs, .definition = definition, .compute = std::move(compute)});
    };
    add("voltage_base", "mV", trace,
        "mean (straight lines between samples), or median of samples, from voltage_base_start to voltage_base_end "
        "times the "
        "start of the stimulus",
        voltage_base);
    add("steady_state_voltage_stimend", "mV", trace, "mean of the last tenth of the stimulus",
        steady_state_voltage_stimend);
    add("steady_state_voltage", "mV", trace, "mean from the end of the stimulus to the end of the trace",
        steady_state_voltage);
    add("steady_state_hyper", "mV", trace, "mean from 3.5 ms to 0.5 ms before the end of the stimulus",
        steady_state_hyper);
    add("voltage_after_stim", "mV", trace, "mean of the second and third quarter of the time after the stimulus",
        voltage_after_stim);
    add("voltage_deflection", "mV", trace,
        "mean from 1 ms to 0.5 ms before the end of the stimulus, minus the mean before the stimulus",
        voltage_deflection);
    add("voltage_deflection_begin", "mV", trace,
        "mean from 5 % to 15 % of the stimulus, minus the mean before the stimulus", voltage_deflection_begin);
    add("maximum_voltage", "mV", trace, "largest potential of the stimulus, between samples", maximum_voltage);
    add("minimum_voltage", "mV", trace, "smallest potential of the stimulus, between samples", minimum_voltage);
    add("time_constant", "ms", "voltage, time, peak_indices?",
        "of the exponential with free offset fitted from 1 ms after the start of the stimulus to the farthest point of "
        "its "
        "first half, which must be free of spikes",
        time_constant);
    add("sag_time_constant", "ms", "voltage, time, sag_amplitude",
        "of the exponential with free offset fitted from the minimum to the end of the stimulus", sag_time_constant);
    add("decay_time_constant_after_stim", "ms", "voltage, time, voltage_base?",
        "of the exponential that ends at voltage_base, fitted from decay_start to decay_end after the stimulus",
        decay_time_constant_after_stim);
    list.push_back(
        {.name = "multiple_decay_time_constant_after_stim",
         .unit = "ms",
         .single = false,
         .needs = trace,
         .definition =
             "decay_time_constant_after_stim of each stimulus; the decay ends at the mean of the 1 ms before it",
         .compute = multiple_decay_time_constant_after_stim});
    return list;
}

}  // namespace spikesmith
