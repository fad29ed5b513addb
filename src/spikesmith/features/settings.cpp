#include "spikesmith/features/settings.hpp"

#include <array>
#include <cmath>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {

namespace {

using S = FeatureSettings;

constexpr std::array all{
    FeatureSetting{"threshold", "Threshold", "mV", &S::threshold},
    FeatureSetting{"min_spike_height", "min_spike_height", "mV", &S::min_spike_height},
    FeatureSetting{"derivative_threshold", "DerivativeThreshold", "mV/ms", &S::derivative_threshold},
    FeatureSetting{"down_derivative_threshold", "DownDerivativeThreshold", "mV/ms", &S::down_derivative_threshold},
    FeatureSetting{"derivative_window", "DerivativeWindow", "samples", &S::derivative_window},
    FeatureSetting{"interpolation_step", "interp_step", "ms", &S::interpolation_step},
    FeatureSetting{"strict_stimulus_interval", "strict_stiminterval", "", &S::strict_stimulus_interval},
    FeatureSetting{"rise_start", "rise_start_perc", "1", &S::rise_start},
    FeatureSetting{"rise_end", "rise_end_perc", "1", &S::rise_end},
    FeatureSetting{"phaseslope_range", "AP_phaseslope_range", "samples", &S::phaseslope_range},
    FeatureSetting{"ignore_first_interval", "ignore_first_ISI", "", &S::ignore_first_interval},
    FeatureSetting{"skip_fraction", "spike_skipf", "1", &S::skip_fraction},
    FeatureSetting{"max_skipped_spikes", "max_spike_skip", "1", &S::max_skipped_spikes},
    FeatureSetting{"offset", "offset", "ms", &S::offset},
    FeatureSetting{"initial_fraction", "initial_perc", "1", &S::initial_fraction},
    FeatureSetting{"burst_factor", "burst_factor", "1", &S::burst_factor},
    FeatureSetting{"strict_burst_factor", "strict_burst_factor", "1", &S::strict_burst_factor},
    FeatureSetting{"initburst_frequency", "initburst_freq_threshold", "Hz", &S::initburst_frequency},
    FeatureSetting{"initburst_sahp_start", "initburst_sahp_start", "ms", &S::initburst_sahp_start},
    FeatureSetting{"initburst_sahp_end", "initburst_sahp_end", "ms", &S::initburst_sahp_end},
    FeatureSetting{"sahp_start", "sahp_start", "ms", &S::sahp_start},
    FeatureSetting{"voltage_base_start", "voltage_base_start_perc", "1", &S::voltage_base_start},
    FeatureSetting{"voltage_base_end", "voltage_base_end_perc", "1", &S::voltage_base_end},
    FeatureSetting{"current_base_start", "current_base_start_perc", "1", &S::current_base_start},
    FeatureSetting{"current_base_end", "current_base_end_perc", "1", &S::current_base_end},
    FeatureSetting{"precision", "precision_threshold", "ms", &S::precision},
    FeatureSetting{"decay_start", "decay_start_after_stim", "ms", &S::decay_start},
    FeatureSetting{"decay_end", "decay_end_after_stim", "ms", &S::decay_end},
    FeatureSetting{"inactivation_end_skip", "inactivation_tc_end_skip", "samples", &S::inactivation_end_skip},
    FeatureSetting{"impedance_max_frequency", "impedance_max_freq", "Hz", &S::impedance_max_frequency},
};

void require(bool fine, std::string_view name, std::string_view what) {
    if (!fine) throw ConfigError(fmt::format("features: {} must be {}", name, what));
}

}  // namespace

std::string_view name_of(FeatureMode mode) {
    return mode == FeatureMode::native ? "native" : "efel";
}

std::span<const FeatureSetting> feature_settings() {
    return all;
}

void check(const FeatureSettings& settings) {
    for (const FeatureSetting& setting : all) {
        if (const auto* member = std::get_if<double S::*>(&setting.member)) {
            require(std::isfinite(settings.*(*member)), setting.name, "a finite number");
        }
    }
    require(settings.derivative_window >= 1, "derivative_window", "at least 1 sample");
    require(settings.interpolation_step > 0, "interpolation_step", "a positive time");
    require(settings.min_spike_height >= 0, "min_spike_height", "a voltage of at least 0");
    require(settings.phaseslope_range >= 0, "phaseslope_range", "at least 0 samples");
    require(settings.skip_fraction >= 0 && settings.skip_fraction < 1, "skip_fraction", "in [0, 1)");
    require(settings.max_skipped_spikes >= 0, "max_skipped_spikes", "at least 0");
    require(settings.initial_fraction >= 0 && settings.initial_fraction <= 1, "initial_fraction", "in [0, 1]");
    require(settings.inactivation_end_skip >= 0, "inactivation_end_skip", "at least 0 samples");
    require(settings.burst_factor > 0, "burst_factor", "positive");
    require(settings.strict_burst_factor > 0, "strict_burst_factor", "positive");
}

}  // namespace spikesmith
