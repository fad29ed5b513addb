// Levels of the potential and current before, during and after the stimulus; sag, input resistance, depolarisation block.
#include <algorithm>
#include <cmath>

#include "spikesmith/features/definitions.hpp"

namespace spikesmith {

namespace {

// ---- bases and steady states --------------------------------------------------------------------------------------

struct BaseWindow {
    double start = 0;  // of the time at which the stimulus starts
    double end = 0;
    BaseMode mode = BaseMode::mean;
};

// needs: a series, time. Both ends of the window are inclusive.
Missing base(const FeatureInputs& in, Values& values, const BaseWindow& base) {
    const auto time = in[1];
    const double from = in.stimulus_start() * base.start;
    const double to = in.stimulus_start() * base.end;
    if (!(from < to)) return Missing::no_base;
    const auto place = std::ranges::partition_point(time, [&](double t) { return t - to < in.settings().precision; });
    const auto inside = static_cast<std::size_t>(place - time.begin());
    const std::size_t end = inside < 2 ? time.size() : inside;
    const std::size_t begin = in.index_at(from);
    const auto window = range(in[0], begin == time.size() ? 0 : begin, end);
    if (window.empty()) return Missing::empty_window;
    if (base.mode == BaseMode::mean) return one(values, mean_of(window));
    values.assign(window.begin(), window.end());
    std::ranges::sort(values);
    const std::size_t half = values.size() / 2;
    const double median = values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
    values.clear();
    return one(values, median);
}

Missing voltage_base(const FeatureInputs& in, Values& values) {
    const FeatureSettings& s = in.settings();
    return base(in, values, {s.voltage_base_start, s.voltage_base_end, s.voltage_base_mode});
}

Missing current_base(const FeatureInputs& in, Values& values) {
    const FeatureSettings& s = in.settings();
    return base(in, values, {s.current_base_start, s.current_base_end, s.current_base_mode});
}

// needs: a series, time
Missing steady_state_stimend(const FeatureInputs& in, Values& values) {
    const double end = in.stimulus_end();
    const std::size_t begin = in.index_at(end - 0.1 * (end - in.stimulus_start()));
    return mean_or_missing(values, range(in[0], begin, in.stimulus_stop()));
}

// needs: voltage, time
Missing steady_state_voltage(const FeatureInputs& in, Values& values) {
    return mean_or_missing(values, range(in[0], in.index_after(in.stimulus_end()), in.size()));
}

Missing steady_state_hyper(const FeatureInputs& in, Values& values) {
    const std::size_t stop = in.stimulus_stop();
    if (stop < 35) return Missing::empty_window;
    return one(values, mean_of(range(in[0], stop - 35, stop - 5)));
}

// needs: voltage, time
Missing voltage_after_stim(const FeatureInputs& in, Values& values) {
    const double length = in[1].back() - in.stimulus_end();
    const std::size_t begin = in.index_at(in.stimulus_end() + 0.25 * length);
    const std::size_t end = std::max(begin, in.index_after(in.stimulus_end() + 0.75 * length));
    return mean_or_missing(values, range(in[0], begin, end + 1));
}

// ---- extremes and deflections -------------------------------------------------------------------------------------

// needs: voltage, time
std::span<const double> of_stimulus(const FeatureInputs& in) {
    return range(in[0], in.stimulus_begin(), in.index_at(std::min(in.stimulus_end(), in[1].back())));
}

Missing maximum_voltage(const FeatureInputs& in, Values& values) {
    const auto window = of_stimulus(in);
    return window.empty() ? Missing::empty_window : one(values, std::ranges::max(window));
}

Missing minimum_voltage(const FeatureInputs& in, Values& values) {
    const auto window = of_stimulus(in);
    return window.empty() ? Missing::empty_window : one(values, std::ranges::min(window));
}

// needs: voltage, time
Missing voltage_deflection(const FeatureInputs& in, Values& values) {
    const auto before = range(in[0], 0, in.stimulus_begin());
    if (before.empty()) return Missing::no_base;
    const std::size_t end = in.index_after(in.stimulus_end());
    if (end == in.size() || end < 10) return Missing::empty_window;
    return one(values, mean_of(range(in[0], end - 10, end - 5)) - mean_of(before));
}

Missing voltage_deflection_begin(const FeatureInputs& in, Values& values) {
    const auto before = range(in[0], 0, in.stimulus_begin());
    if (before.empty()) return Missing::no_base;
    const double length = in.stimulus_end() - in.stimulus_start();
    const double from = in.stimulus_start() + length * 0.05;
    const auto window = range(in[0], in.index_after(from), in.index_after(from + length * 0.10));
    return window.empty() ? Missing::empty_window : one(values, mean_of(window) - mean_of(before));
}

// ---- sag and resistance -------------------------------------------------------------------------------------------

// needs: steady_state_voltage_stimend, minimum_voltage, voltage_deflection_vb_ssse
Missing sag_amplitude(const FeatureInputs& in, Values& values) {
    return in.number(2) > 0 ? Missing::depolarising : one(values, in.number(0) - in.number(1));
}

// needs: sag_amplitude, voltage_base, minimum_voltage
Missing sag_ratio1(const FeatureInputs& in, Values& values) {
    const double depth = in.number(1) - in.number(2);
    return depth == 0 ? Missing::zero_denominator : one(values, in.number(0) / depth);
}

// needs: voltage_base, minimum_voltage, steady_state_voltage_stimend
Missing sag_ratio2(const FeatureInputs& in, Values& values) {
    const double depth = in.number(0) - in.number(1);
    return depth == 0 ? Missing::zero_denominator : one(values, (in.number(0) - in.number(2)) / depth);
}

Missing resistance(const FeatureInputs& in, Values& values) {
    const double current = in.stimulus_current();
    if (current == 0 || !std::isfinite(current)) return Missing::no_stimulus_current;
    return one(values, in.number(0) / current);
}

// ---- depolarisation block -----------------------------------------------------------------------------------------

// Indices before a step of "above the level" upwards and downwards.
void find_steps(std::span<const double> v, double level, std::vector<std::size_t>& up, std::vector<std::size_t>& down) {
    for (std::size_t i = 0; i + 1 < v.size(); ++i) {
        if ((v[i] > level) == (v[i + 1] > level)) continue;
        (v[i + 1] > level ? up : down).push_back(i);
    }
}

bool lasts_50ms(std::span<const double> time, std::span<const std::size_t> from, std::span<const std::size_t> to) {
    for (std::size_t k = 0; k < std::min(from.size(), to.size()); ++k) {
        if (time[to[k]] - time[from[k]] > 50) return true;
    }
    return false;
}

// needs: voltage, time, AP_begin_voltage?
Missing depol_block_bool(const FeatureInputs& in, Values& values) {
    const auto v = in[0];
    const auto time = in[1];
    const std::size_t start = in.stimulus_begin();
    const std::size_t end = in.stimulus_stop();
    if (end >= in.size()) return Missing::empty_window;
    if (in[2].empty()) return one(values, 0);
    std::vector<std::size_t>& up = in.scratch(0);
    std::vector<std::size_t>& down = in.scratch(1);
    find_steps(v, mean_of(in[2]), up, down);
    if (up.empty()) return one(values, 1);
    if (up.size() > down.size()) down.push_back(end);
    if (lasts_50ms(time, up, down)) return one(values, 1);

    up.clear();
    down.clear();
    find_steps(v, -75, up, down);
    std::erase_if(down, [=](std::size_t i) { return i <= start || i >= end; });
    if (down.empty()) return one(values, 0);
    std::erase_if(up, [&](std::size_t i) { return i <= start || i >= end || i <= down.front(); });
    if (up.size() < down.size()) up.push_back(end);
    return one(values, lasts_50ms(time, down, up) ? 1 : 0);
}

Missing depol_block(const FeatureInputs& in, Values& values) {
    return in.number(0) == 0 ? one(values, 1) : Missing::blocked;
}

}  // namespace

Definitions subthreshold_features() {
    return {
        {"voltage_base", "mV", true, "voltage, time",
         "Mean (or median: `voltage_base_mode`) potential from `voltage_base_start` to `voltage_base_end` times the "
         "time at "
         "which the stimulus starts, both included, the latter to `precision`.",
         voltage_base},
        {"current_base", "nA", true, "current, time", "The same of the current, with the settings of the current base.",
         current_base},
        {"steady_state_voltage_stimend", "mV", true, "voltage, time",
         "Mean potential of the last tenth of the stimulus, its end excluded.", steady_state_stimend},
        {"steady_state_current_stimend", "nA", true, "current, time", "The same of the current.", steady_state_stimend},
        {"steady_state_voltage", "mV", true, "voltage, time", "Mean potential after the stimulus.",
         steady_state_voltage},
        {"steady_state_hyper", "mV", true, "voltage, time",
         "Mean potential of the 30 samples that end 5 samples before the first one at or after the end of the "
         "stimulus.",
         steady_state_hyper},
        {"voltage_after_stim", "mV", true, "voltage, time",
         "Mean potential of the second and third quarter of the time after the stimulus, the first sample after that "
         "included.",
         voltage_after_stim},
        {"maximum_voltage", "mV", true, "voltage, time", "Largest potential of the stimulus, its end excluded.",
         maximum_voltage},
        {"minimum_voltage", "mV", true, "voltage, time", "Smallest potential of the stimulus, its end excluded.",
         minimum_voltage},
        {"maximum_voltage_from_voltagebase", "mV", true, "maximum_voltage, voltage_base",
         "`maximum_voltage` minus `voltage_base`.", minus_number},
        {"voltage_deflection", "mV", true, "voltage, time",
         "Mean of the tenth to sixth sample before the first one after the end of the stimulus, minus the mean before "
         "the "
         "stimulus.",
         voltage_deflection},
        {"voltage_deflection_begin", "mV", true, "voltage, time",
         "Mean potential from 5 % (excluded) to 15 % of the stimulus minus the mean before the stimulus.",
         voltage_deflection_begin},
        {"voltage_deflection_vb_ssse", "mV", true, "steady_state_voltage_stimend, voltage_base",
         "`steady_state_voltage_stimend` minus `voltage_base`.", minus_number},
        {"sag_amplitude", "mV", true, "steady_state_voltage_stimend, minimum_voltage, voltage_deflection_vb_ssse",
         "`steady_state_voltage_stimend` minus `minimum_voltage`, unless `voltage_deflection_vb_ssse` is positive.",
         sag_amplitude},
        {"sag_ratio1", "1", true, "sag_amplitude, voltage_base, minimum_voltage",
         "`sag_amplitude`/(`voltage_base` - `minimum_voltage`).", sag_ratio1},
        {"sag_ratio2", "1", true, "voltage_base, minimum_voltage, steady_state_voltage_stimend",
         "(`voltage_base` - `steady_state_voltage_stimend`)/(`voltage_base` - `minimum_voltage`).", sag_ratio2},
        {"ohmic_input_resistance", "MOhm", true, "voltage_deflection",
         "`voltage_deflection` over the current of the stimulus.", resistance},
        {"ohmic_input_resistance_vb_ssse", "MOhm", true, "voltage_deflection_vb_ssse",
         "`voltage_deflection_vb_ssse` over the current of the stimulus.", resistance},
        {"depol_block_bool", "1", true, "voltage, time, AP_begin_voltage?",
         "1 if the potential stays above the mean of `AP_begin_voltage` for more than 50 ms, never crosses it upwards, "
         "or stays "
         "below -75 mV for more than 50 ms of the stimulus; else, and without any onset, 0. Steps upwards and "
         "downwards are paired "
         "by position over the whole trace; a step that is lacking at the end is at the end of the stimulus.",
         depol_block_bool},
        {"depol_block", "1", true, "depol_block_bool", "1 if `depol_block_bool` is 0; else missing.", depol_block},
    };
}

}  // namespace spikesmith
