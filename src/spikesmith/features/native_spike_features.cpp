// Spikes and their shapes in native mode. Entries that are not listed hold the parts of spikes, two numbers for each spike: a place
// in samples and the voltage there, NaN where a spike has no such part. Listed features have the values of the spikes that have them.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "spikesmith/features/native_definitions.hpp"
#include "spikesmith/features/native_interpolation.hpp"
#include "spikesmith/features/native_spikes.hpp"

namespace spikesmith {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
using Parts = std::span<const double>;

SpikePart part(Parts parts, std::size_t spike) {
    return {parts[2 * spike], parts[2 * spike + 1]};
}
void add(Values& values, const SpikePart& found) {
    values.push_back(found.place);
    values.push_back(found.value);
}

// Half-width of local fits: 0.1 ms, but at least two samples.
SpikeSearch search_of(const FeatureInputs& in, Parts voltage, Parts time) {
    const FeatureSettings& settings = in.settings();
    constexpr double width = 0.1;  // ms
    constexpr double widest = 64;  // samples
    const double dt = sampling_interval(time);
    return {.voltage = voltage,
            .dt = dt,
            .half_width = static_cast<std::size_t>(std::clamp(std::nearbyint(width / dt), 2.0, widest)),
            .derivative_threshold = settings.derivative_threshold,
            .down_derivative_threshold = settings.down_derivative_threshold,
            .height = settings.min_spike_height};
}

// The last sample of the search after the last spike, and one more.
std::size_t end_of_search(const FeatureInputs& in) {
    return in.settings().strict_stimulus_interval ? std::min(in.stimulus_stop(), in.size()) : in.size();
}

// ---- parts of spikes ------------------------------------------------------------------------------------------------

Missing peak_indices(const FeatureInputs& in, Values& values) {
    find_spikes(in[0], in.settings().threshold, in.settings().min_spike_height, values);
    if (in.settings().strict_stimulus_interval) {
        std::erase_if(values, [&](double peak) { return !in.during_stimulus(in[1][index(peak)]); });
    }
    return values.empty() ? Missing::no_spikes : Missing::none;
}

// voltage, time, peak_indices
Missing spike_peaks(const FeatureInputs& in, Values& values) {
    const SpikeSearch search = search_of(in, in[0], in[1]);
    for (const double peak : in[2]) {
        const Extremum top = refined_extremum(in[0], index(peak), search.half_width);
        add(values, {top.place, top.value});
    }
    return Missing::none;
}

// The lowest point between each spike and the next one; after the last one, up to the end. voltage, time, peak_indices
Missing spike_troughs(const FeatureInputs& in, Values& values) {
    const SpikeSearch search = search_of(in, in[0], in[1]);
    const auto peaks = in[2];
    for (std::size_t k = 0; k < peaks.size(); ++k) {
        const std::size_t first = index(peaks[k]);
        const std::size_t end = k + 1 < peaks.size() ? index(peaks[k + 1]) : end_of_search(in);
        const auto between = range(in[0], first, end);
        if (between.size() < 2) {
            add(values, {nan, nan});
            continue;
        }
        const std::size_t lowest =
            first + static_cast<std::size_t>(std::ranges::min_element(between) - between.begin());
        if (lowest + 1 >= in.size()) {  // still falling when the trace ends
            add(values, {static_cast<double>(lowest), in[0][lowest]});
            continue;
        }
        const Extremum bottom = refined_extremum(in[0], lowest, search.half_width);
        add(values, {bottom.place, bottom.value});
    }
    return Missing::none;
}

// voltage, time, peak_indices
Missing spike_minima(const FeatureInputs& in, Values& values) {
    constexpr double lull = 1;  // ms
    const SpikeSearch search = search_of(in, in[0], in[1]);
    const auto peaks = in[2];
    for (std::size_t k = 0; k < peaks.size(); ++k) {
        const std::size_t end = k + 1 < peaks.size() ? index(peaks[k + 1]) : end_of_search(in);
        add(values, first_minimum(search, index(peaks[k]), end, lull));
    }
    return std::ranges::all_of(values, [](double value) { return std::isnan(value); }) ? Missing::no_minimum
                                                                                       : Missing::none;
}

// Samples between which the parts of a spike are sought: the peaks before and after it.
std::size_t begin_of(Parts peaks, std::size_t spike) {
    return spike == 0 ? 0 : index(peaks[spike - 1]);
}
std::size_t end_of(Parts peaks, std::size_t spike, std::size_t size) {
    return spike + 1 < peaks.size() ? index(peaks[spike + 1]) : size - 1;
}

bool all_nan(const Values& values) {
    return std::ranges::all_of(values, [](double value) { return std::isnan(value); });
}

// voltage, time, peak_indices
Missing spike_onsets(const FeatureInputs& in, Values& values) {
    const SpikeSearch search = search_of(in, in[0], in[1]);
    for (std::size_t k = 0; k < in[2].size(); ++k) {
        add(values, spike_onset(search, begin_of(in[2], k), index(in[2][k])));
    }
    return all_nan(values) ? Missing::no_onset : Missing::none;
}

// voltage, time, peak_indices
Missing spike_ends(const FeatureInputs& in, Values& values) {
    const SpikeSearch search = search_of(in, in[0], in[1]);
    for (std::size_t k = 0; k < in[2].size(); ++k) {
        add(values, spike_end(search, index(in[2][k]), end_of(in[2], k, in.size())));
    }
    return all_nan(values) ? Missing::no_end : Missing::none;
}

// Places at which the spike passes a level of its own on both sides: level(k) of spike k. voltage, time, peak_indices
template <class Level>
void pass_levels(const FeatureInputs& in, const Level& level, Values& values) {
    const SpikeSearch search = search_of(in, in[0], in[1]);
    const auto peaks = in[2];
    for (std::size_t k = 0; k < peaks.size(); ++k) {
        const double height = level(k);
        double rise = nan;
        double fall = nan;
        if (!std::isnan(height)) {
            rise = rise_through(search, begin_of(peaks, k), index(peaks[k]), height);
            fall = fall_through(search, index(peaks[k]), end_of(peaks, k, in.size()), height);
        }
        values.push_back(rise);
        values.push_back(fall);
    }
}

// Halfway between onset and peak. voltage, time, peak_indices, spike_peaks, spike_onsets
Missing spike_half_places(const FeatureInputs& in, Values& values) {
    const auto half = [&](std::size_t k) { return (part(in[3], k).value + part(in[4], k).value) / 2; };
    pass_levels(in, half, values);
    return all_nan(values) ? Missing::unpaired : Missing::none;
}

// ---- what is listed -------------------------------------------------------------------------------------------------

// Appends f(k) for each of n spikes unless it is NaN.
template <class Function>
Missing collect(std::size_t n, Missing otherwise, Values& values, const Function& f) {
    for (std::size_t k = 0; k < n; ++k) {
        const double value = f(k);
        if (!std::isnan(value)) values.push_back(value);
    }
    return values.empty() ? otherwise : Missing::none;
}

// Of the parts of need 0.
Missing part_values(const FeatureInputs& in, Values& values) {
    return collect(in[0].size() / 2, Missing::unpaired, values, [&](std::size_t k) { return part(in[0], k).value; });
}
// time
Missing part_times(const FeatureInputs& in, Values& values) {
    return collect(in[0].size() / 2, Missing::unpaired, values,
                   [&](std::size_t k) { return time_at(in[1], part(in[0], k).place); });
}
// The first sample at or after the part. voltage
Missing part_indices(const FeatureInputs& in, Values& values) {
    return collect(in[0].size() / 2, Missing::unpaired, values, [&](std::size_t k) {
        return std::min(std::ceil(part(in[0], k).place), static_cast<double>(in.size() - 1));
    });
}
// The sample nearest to the part. voltage
Missing nearest_indices(const FeatureInputs& in, Values& values) {
    return collect(in[0].size() / 2, Missing::unpaired, values,
                   [&](std::size_t k) { return std::nearbyint(part(in[0], k).place); });
}
// spike_half_places: the first or the second of each pair
Missing rise_indices(const FeatureInputs& in, Values& values) {
    return collect(in[0].size() / 2, Missing::unpaired, values,
                   [&](std::size_t k) { return std::nearbyint(in[0][2 * k]); });
}
Missing fall_indices(const FeatureInputs& in, Values& values) {
    return collect(in[0].size() / 2, Missing::unpaired, values,
                   [&](std::size_t k) { return std::nearbyint(in[0][2 * k + 1]); });
}

// From need 0 to need 1: spike_*, spike_*, time
Missing time_between(const FeatureInputs& in, Values& values) {
    return collect(in[0].size() / 2, Missing::unpaired, values, [&](std::size_t k) {
        return time_at(in[2], part(in[1], k).place) - time_at(in[2], part(in[0], k).place);
    });
}
Missing rate_between(const FeatureInputs& in, Values& values) {
    return collect(in[0].size() / 2, Missing::unpaired, values, [&](std::size_t k) {
        const SpikePart from = part(in[0], k);
        const SpikePart to = part(in[1], k);
        const double duration = time_at(in[2], to.place) - time_at(in[2], from.place);
        return duration > 0 ? (to.value - from.value) / duration : nan;
    });
}
// Need 0 above need 1.
Missing height_between(const FeatureInputs& in, Values& values) {
    return collect(in[0].size() / 2, Missing::unpaired, values,
                   [&](std::size_t k) { return part(in[0], k).value - part(in[1], k).value; });
}

// spike_peaks, spike_onsets, peak_time
Missing AP_amplitude(const FeatureInputs& in, Values& values) {
    return collect(in[2].size(), Missing::no_spikes_in_stimulus, values, [&](std::size_t k) {
        return in.during_stimulus(in[2][k]) ? part(in[0], k).value - part(in[1], k).value : nan;
    });
}

// spike_half_places, time
Missing AP_duration_half_width(const FeatureInputs& in, Values& values) {
    return collect(in[0].size() / 2, Missing::unpaired, values,
                   [&](std::size_t k) { return time_at(in[1], in[0][2 * k + 1]) - time_at(in[1], in[0][2 * k]); });
}

// voltage, time, peak_indices, spike_peaks, spike_onsets
Missing AP_rise_time(const FeatureInputs& in, Values& values) {
    const SpikeSearch search = search_of(in, in[0], in[1]);
    return collect(in[2].size(), Missing::unpaired, values, [&](std::size_t k) {
        const SpikePart top = part(in[3], k);
        const SpikePart onset = part(in[4], k);
        if (std::isnan(onset.place)) return nan;
        const auto place = [&](double fraction) {
            if (fraction <= 0) return onset.place;
            if (fraction >= 1) return top.place;
            return rise_through(search, index(onset.place), index(in[2][k]),
                                onset.value + fraction * (top.value - onset.value));
        };
        return time_at(in[1], place(in.settings().rise_end)) - time_at(in[1], place(in.settings().rise_start));
    });
}

// voltage, time, peak_indices, spike_onsets
Missing AP_peak_upstroke(const FeatureInputs& in, Values& values) {
    const SpikeSearch search = search_of(in, in[0], in[1]);
    return collect(in[2].size(), Missing::unpaired, values, [&](std::size_t k) {
        const double onset = part(in[3], k).place;
        return std::isnan(onset) ? nan : steepest(search, index(onset), index(in[2][k]), 1);
    });
}

// voltage, time, peak_indices, spike_minima
Missing AP_peak_downstroke(const FeatureInputs& in, Values& values) {
    const SpikeSearch search = search_of(in, in[0], in[1]);
    return collect(in[2].size(), Missing::unpaired, values, [&](std::size_t k) {
        const double minimum = part(in[3], k).place;
        return std::isnan(minimum) ? nan : -steepest(search, index(in[2][k]), index(minimum), -1);
    });
}

// Width of each spike where it passes level(k). voltage, time, peak_indices
template <class Level>
Missing widths(const FeatureInputs& in, const Level& level, Values& values) {
    Values places;
    pass_levels(in, level, places);
    return collect(in[2].size(), Missing::unpaired, values,
                   [&](std::size_t k) { return time_at(in[1], places[2 * k + 1]) - time_at(in[1], places[2 * k]); });
}

// voltage, time, peak_indices
Missing AP_width(const FeatureInputs& in, Values& values) {
    return widths(
        in, [&](std::size_t) { return in.settings().threshold; }, values);
}
Missing AP_width_between_threshold(const FeatureInputs& in, Values& values) {
    const auto level = [&](std::size_t k) {
        return in[1][index(in[2][k])] >= in.stimulus_start() ? in.settings().threshold : nan;
    };
    return widths(in, level, values);
}
// voltage, time, peak_indices, spike_peaks, spike_minima
Missing spike_half_width(const FeatureInputs& in, Values& values) {
    return widths(
        in, [&](std::size_t k) { return (part(in[3], k).value + part(in[4], k).value) / 2; }, values);
}

// The potential where the upstroke bends most, at most 10 ms before the peak.
double bend_of(const SpikeSearch& search, std::size_t begin, std::size_t peak) {
    constexpr double longest = 10;  // ms
    const auto before = static_cast<std::size_t>(longest / search.dt);
    const std::size_t first = peak - begin > before ? peak - before : begin;
    if (first + 3 > peak) return nan;
    const auto v = search.voltage.first(peak + 1);
    const auto bend = [&](std::size_t i) {
        return slope_at(v, i + 1, search.half_width) - slope_at(v, i - 1, search.half_width);
    };
    std::size_t best = first + 1;
    double largest = bend(best);
    for (std::size_t i = first + 2; i < peak; ++i) {
        const double found = bend(i);
        if (found > largest) {
            largest = found;
            best = i;
        }
    }
    if (best == first + 1 || best + 1 >= peak) return v[best];
    const double left = bend(best - 1);
    const double right = bend(best + 1);
    const double shift = (left - right) / (2 * (left - 2 * largest + right));  // top of the parabola
    return std::fabs(shift) < 1 ? value_at(v, static_cast<double>(best) + shift) : v[best];
}

// voltage, time, peak_indices, spike_peaks
Missing spike_width2(const FeatureInputs& in, Values& values) {
    const SpikeSearch search = search_of(in, in[0], in[1]);
    const auto level = [&](std::size_t k) {
        return (part(in[3], k).value + bend_of(search, begin_of(in[2], k), index(in[2][k]))) / 2;
    };
    return widths(in, level, values);
}

// voltage, time, peak_indices, spike_onsets
Missing AP_begin_width(const FeatureInputs& in, Values& values) {
    const SpikeSearch search = search_of(in, in[0], in[1]);
    return collect(in[2].size(), Missing::unpaired, values, [&](std::size_t k) {
        const SpikePart onset = part(in[3], k);
        if (std::isnan(onset.place)) return nan;
        const double back = fall_through(search, index(in[2][k]), end_of(in[2], k, in.size()), onset.value);
        return time_at(in[1], back) - time_at(in[1], onset.place);
    });
}

// Change of the slope with the potential around the onset. voltage, time, peak_indices, spike_onsets
Missing AP_phaseslope(const FeatureInputs& in, Values& values) {
    const SpikeSearch search = search_of(in, in[0], in[1]);
    constexpr double unit = 0.1;  // ms; eFEL counts samples of its grid
    const double reach = in.settings().phaseslope_range * unit / search.dt;
    return collect(in[2].size(), Missing::unpaired, values, [&](std::size_t k) {
        const auto v = search.voltage.first(index(in[2][k]) + 1);
        const double before = part(in[3], k).place - reach;
        const double after = part(in[3], k).place + reach;
        if (!(before >= 0 && after < static_cast<double>(v.size() - 1))) return nan;  // also without an onset
        const auto slope = [&](double place) {
            const auto i = index(place);
            const double left = slope_at(v, i, search.half_width);
            return left + (place - static_cast<double>(i)) * (slope_at(v, i + 1, search.half_width) - left);
        };
        const double change = value_at(v, after) - value_at(v, before);
        return change == 0 ? nan : (slope(after) - slope(before)) / search.dt / change;
    });
}

// voltage, time
Missing phaseslope_max(const FeatureInputs& in, Values& values) {
    const SpikeSearch search = search_of(in, in[0], in[1]);
    if (in.size() < 2) return Missing::too_few_samples;
    double largest = -std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < in.size(); ++i) largest = std::max(largest, slope_at(in[0], i, search.half_width));
    return one(values, largest / search.dt);
}

// Mean between the end of a spike and the onset of the next one. voltage, spike_ends, spike_onsets
Missing depolarized_base(const FeatureInputs& in, Values& values) {
    return collect(in[1].size() / 2 - 1, Missing::too_few_spikes, values, [&](std::size_t k) {
        const double from = part(in[1], k).place;
        const double to = part(in[2], k + 1).place;
        return from < to ? mean_between(in[0], from, to) : nan;
    });
}

// The lowest point from sahp_start after each spike to the next one; the first interval does not count.
// voltage, time, peak_indices, peak_time
template <class Result>
Missing slow_minima(const FeatureInputs& in, Values& values, const Result& result) {
    const auto peaks = in[2];
    if (peaks.size() < 3) return Missing::too_few_spikes;
    const SpikeSearch search = search_of(in, in[0], in[1]);
    return collect(peaks.size() - 2, Missing::empty_window, values, [&](std::size_t k) {
        const std::size_t first = in.index_at(in[3][k + 1] + in.settings().sahp_start);
        const auto between = range(in[0], first, index(peaks[k + 2]));
        if (between.size() < 2) return nan;
        const std::size_t lowest =
            first + static_cast<std::size_t>(std::ranges::min_element(between) - between.begin());
        Extremum bottom{static_cast<double>(lowest), in[0][lowest]};
        if (lowest > first) bottom = refined_extremum(in[0], lowest, search.half_width);
        return result(k + 1, bottom);
    });
}
Missing AHP_depth_abs_slow(const FeatureInputs& in, Values& values) {
    return slow_minima(in, values, [](std::size_t, const Extremum& bottom) { return bottom.value; });
}
Missing AHP_slow_time(const FeatureInputs& in, Values& values) {
    return slow_minima(in, values, [&](std::size_t spike, const Extremum& bottom) {
        return (time_at(in[1], bottom.place) - in[3][spike]) / (in[3][spike + 1] - in[3][spike]);
    });
}

// All troughs but the one after the last spike. spike_troughs
Missing min_voltage_between_spikes(const FeatureInputs& in, Values& values) {
    const std::size_t n = in[0].size() / 2;
    if (n < 2) return Missing::too_few_spikes;
    return collect(n - 1, Missing::no_minimum, values, [&](std::size_t k) { return part(in[0], k).value; });
}

// The fast minimum after the last spike of each burst. spike_minima, burst_end_indices
Missing postburst_fast_ahp_indices(const FeatureInputs& in, Values& values) {
    for (const double last : in[1]) {
        const std::size_t spike = index(last);
        if (2 * spike >= in[0].size() || std::isnan(part(in[0], spike).place)) continue;
        values.push_back(std::nearbyint(part(in[0], spike).place));
    }
    return values.empty() ? Missing::no_minimum : Missing::none;
}

}  // namespace

Definitions native_spike_features() {
    const char* const parts = "voltage, time, peak_indices";
    const char* const shaped = "voltage, time, peak_indices, spike_peaks, spike_onsets";
    Definitions list;
    const auto hidden = [&](const char* name, const char* needs, const char* definition, FeatureFunction compute) {
        list.push_back({.name = name,
                        .unit = "1",
                        .single = false,
                        .needs = needs,
                        .definition = definition,
                        .compute = std::move(compute),
                        .listed = false});
    };
    const auto listed = [&](const char* name, const char* unit, const char* needs, const char* definition,
                            FeatureFunction compute) {
        list.push_back({.name = name,
                        .unit = unit,
                        .single = false,
                        .needs = needs,
                        .definition = definition,
                        .compute = std::move(compute)});
    };
    hidden("spike_peaks", parts, "top of the quartic fitted to the samples within 0.1 ms of each peak", spike_peaks);
    hidden("spike_troughs", parts, "lowest point between each spike and the next", spike_troughs);
    hidden("spike_minima", parts, "lowest point after each spike before 1 ms without a lower one", spike_minima);
    hidden("spike_onsets", parts, "where dV/dt last rises through derivative_threshold before each peak", spike_onsets);
    hidden("spike_ends", parts, "where dV/dt comes back to down_derivative_threshold after each peak", spike_ends);
    hidden("spike_half_places", shaped, "where each spike passes half of its amplitude", spike_half_places);

    listed("peak_indices", "index", "voltage, time",
           "sample of each maximum of at least threshold between a rise and a fall of at least min_spike_height",
           peak_indices);
    listed("peak_time", "ms", "spike_peaks, time", "top of the quartic fitted to the samples within 0.1 ms of the peak",
           part_times);
    for (const char* name : {"peak_voltage", "AP_height"}) {
        listed(name, "mV", "spike_peaks", "potential at peak_time", part_values);
    }
    listed("AP_begin_indices", "index", "spike_onsets", "first sample after AP_begin_time", part_indices);
    listed("AP_begin_time", "ms", "spike_onsets, time",
           "where dV/dt (cubic fits within 0.1 ms) last rises through derivative_threshold before the peak",
           part_times);
    listed("AP_begin_voltage", "mV", "spike_onsets", "potential at AP_begin_time", part_values);
    listed("AP_end_indices", "index", "spike_ends",
           "first sample after dV/dt comes back to down_derivative_threshold after the peak", part_indices);
    listed("AP_rise_indices", "index", "spike_half_places",
           "sample nearest to where the upstroke passes half of the amplitude", rise_indices);
    listed("AP_fall_indices", "index", "spike_half_places",
           "sample nearest to where the downstroke passes half of the amplitude", fall_indices);
    listed("AP_amplitude", "mV", "spike_peaks, spike_onsets, peak_time",
           "from AP_begin_voltage to peak_voltage of each spike of the stimulus that has an onset", AP_amplitude);
    listed("AP_duration", "ms", "spike_onsets, spike_ends, time", "from onset to end", time_between);
    listed("AP_duration_half_width", "ms", "spike_half_places, time",
           "between the two places where the spike passes half of its amplitude", AP_duration_half_width);
    listed("AP_rise_time", "ms", shaped, "from rise_start to rise_end of the way from onset to peak", AP_rise_time);
    listed("AP_fall_time", "ms", "spike_peaks, spike_ends, time", "from peak to end", time_between);
    listed("AP_rise_rate", "mV/ms", "spike_onsets, spike_peaks, time", "mean slope from onset to peak", rate_between);
    listed("AP_fall_rate", "mV/ms", "spike_peaks, spike_ends, time", "mean slope from peak to end", rate_between);
    listed("AP_peak_upstroke", "mV/ms", "voltage, time, peak_indices, spike_onsets",
           "largest slope between onset and peak", AP_peak_upstroke);
    listed("AP_peak_downstroke", "mV/ms", "voltage, time, peak_indices, spike_minima",
           "smallest slope between peak and minimum", AP_peak_downstroke);
    listed("AP_width", "ms", parts, "between the crossings of threshold on both sides of the peak", AP_width);
    listed("AP_width_between_threshold", "ms", parts, "AP_width of the spikes from the start of the stimulus on",
           AP_width_between_threshold);
    listed("spike_half_width", "ms", "voltage, time, peak_indices, spike_peaks, spike_minima",
           "width halfway between the minimum after the spike and its peak", spike_half_width);
    listed("spike_width2", "ms", "voltage, time, peak_indices, spike_peaks",
           "width halfway between the peak and the point of largest curvature before it, of every spike", spike_width2);
    listed("AP_begin_width", "ms", "voltage, time, peak_indices, spike_onsets",
           "from the onset to where the potential comes back to AP_begin_voltage", AP_begin_width);
    listed("AP_phaseslope", "1/ms", "voltage, time, peak_indices, spike_onsets",
           "change of dV/dt over change of V from phaseslope_range * 0.1 ms before to after the onset", AP_phaseslope);
    list.push_back({.name = "phaseslope_max",
                    .unit = "mV/ms",
                    .needs = "voltage, time",
                    .definition = "largest dV/dt (cubic fits within 0.1 ms) of the trace",
                    .compute = phaseslope_max});
    listed("depolarized_base", "mV", "voltage, spike_ends, spike_onsets",
           "mean from the end of each spike to the onset of the next", depolarized_base);
    listed("min_AHP_indices", "index", "spike_minima", "sample nearest to the minimum", nearest_indices);
    for (const char* name : {"min_AHP_values", "AHP_depth_abs"}) {
        listed(name, "mV", "spike_minima", "lowest point after each spike before 1 ms without a lower one",
               part_values);
    }
    listed("AHP_depth_from_peak", "mV", "spike_peaks, spike_minima", "from minimum to peak", height_between);
    listed("AHP_time_from_peak", "ms", "spike_peaks, spike_minima, time", "from peak to minimum", time_between);
    listed("fast_AHP", "mV", "spike_onsets, spike_minima", "from minimum to onset", height_between);
    listed(
        "AHP_depth_abs_slow", "mV", "voltage, time, peak_indices, peak_time",
        "lowest point from sahp_start after each spike to the next one; the first interval and intervals shorter than "
        "sahp_start do not count",
        AHP_depth_abs_slow);
    listed("AHP_slow_time", "1", "voltage, time, peak_indices, peak_time",
           "time of AHP_depth_abs_slow as a fraction of its interval", AHP_slow_time);
    listed("min_between_peaks_indices", "index", "spike_troughs", "sample nearest to min_between_peaks_values",
           nearest_indices);
    listed("min_between_peaks_values", "mV", "spike_troughs",
           "lowest point between each spike and the next; after the last one, up to the end", part_values);
    listed("min_voltage_between_spikes", "mV", "spike_troughs", "lowest point between each spike and the next",
           min_voltage_between_spikes);
    listed("postburst_fast_ahp_indices", "index", "spike_minima, burst_end_indices",
           "minimum (as in min_AHP_indices) after the last spike of each burst", postburst_fast_ahp_indices);
    return list;
}

}  // namespace spikesmith
