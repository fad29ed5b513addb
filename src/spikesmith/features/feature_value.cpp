#include "spikesmith/features/feature_value.hpp"

#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace spikesmith {

std::string_view reason(Missing missing) {
    switch (missing) {
        case Missing::none:
            return "";
        case Missing::no_voltage:
            return "only spikes are known, not the voltage";
        case Missing::no_current:
            return "the trace has no current";
        case Missing::no_stimulus_current:
            return "the amplitude of the stimulus is not known, or 0";
        case Missing::no_stimulus_list:
            return "no list of stimuli was given";
        case Missing::too_short:
            return "the trace has fewer than 3 samples";
        case Missing::lengths_differ:
            return "times, voltages and currents differ in number";
        case Missing::gaps:
            return "the trace has gaps: samples that are NaN or infinite";
        case Missing::time_not_increasing:
            return "the times of the samples do not increase";
        case Missing::grid_too_large:
            return "the trace would have more than 20 million samples at this interpolation step";
        case Missing::setting:
            return "a setting of this feature leaves nothing to compute";
        case Missing::no_spikes:
            return "no spikes";
        case Missing::too_few_spikes:
            return "too few spikes";
        case Missing::no_spikes_in_stimulus:
            return "no spikes during the stimulus";
        case Missing::spikes_outside_stimulus:
            return "spikes outside the stimulus";
        case Missing::spikes_present:
            return "the trace has spikes";
        case Missing::spike_at_stimulus_start:
            return "the last spike is at the start of the stimulus";
        case Missing::stopped_early:
            return "no spike in the second half of the time until the stimulus ends";
        case Missing::no_interval:
            return "no interval beside the first";
        case Missing::too_few_intervals:
            return "too few intervals between spikes";
        case Missing::no_minimum:
            return "no minimum after a spike";
        case Missing::no_onset:
            return "no onset of a spike";
        case Missing::no_end:
            return "no end of a spike";
        case Missing::fewer_onsets:
            return "fewer onsets than spikes";
        case Missing::unpaired:
            return "onsets, peaks, minima and ends do not go together";
        case Missing::too_few_values:
            return "too few spikes with a value";
        case Missing::no_burst:
            return "no bursts";
        case Missing::too_few_bursts:
            return "too few bursts";
        case Missing::empty_window:
            return "no sample in the window";
        case Missing::no_base:
            return "no time before the stimulus";
        case Missing::depolarising:
            return "the stimulus depolarises";
        case Missing::blocked:
            return "depolarisation block, or a hyperpolarisation below -75 mV that lasts";
        case Missing::zero_denominator:
            return "a difference to divide by is 0";
        case Missing::too_few_samples:
            return "fewer samples than the fit needs";
        case Missing::no_decay:
            return "no part of the trace falls as an exponential does";
        case Missing::no_fit:
            return "the curve is not an exponential of this kind";
        case Missing::not_finite:
            return "the value is not finite";
        case Missing::undefined:
            return "not defined for this trace";
    }
    return "not defined for this trace";
}

double FeatureValue::mean() const {
    double sum = 0;
    double n = 0;
    for (const double value : values) {
        if (!std::isfinite(value)) continue;
        sum += value;
        n += 1;
    }
    return n > 0 ? sum / n : std::numeric_limits<double>::quiet_NaN();
}

std::string FeatureValue::sentence() const {
    if (present()) return {};
    return because.empty() ? std::string(reason(missing)) : fmt::format("{} ({})", reason(missing), because);
}

}  // namespace spikesmith
