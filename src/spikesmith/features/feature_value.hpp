// What a feature is: values, or the reason why there are none.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "spikesmith/features/settings.hpp"

namespace spikesmith {

// Why a feature has no value.
enum class Missing : std::uint8_t {
    none,  // there are values
    // What was given.
    no_voltage,
    no_current,
    no_stimulus_current,
    no_stimulus_list,
    too_short,
    lengths_differ,
    gaps,
    time_not_increasing,
    grid_too_large,
    setting,
    // Spikes and intervals.
    no_spikes,
    too_few_spikes,
    no_spikes_in_stimulus,
    spikes_outside_stimulus,
    spikes_present,
    spike_at_stimulus_start,
    stopped_early,
    no_interval,
    too_few_intervals,
    // Parts of spikes and bursts.
    no_minimum,
    no_onset,
    no_end,
    fewer_onsets,
    unpaired,
    too_few_values,
    no_burst,
    too_few_bursts,
    // Windows, fits, arithmetic.
    empty_window,
    no_base,
    depolarising,
    blocked,
    zero_denominator,
    too_few_samples,
    no_decay,
    no_fit,
    not_finite,
    undefined,  // for features of one's own
};

// "no spikes": a sentence without full stop.
[[nodiscard]] std::string_view reason(Missing missing);

struct FeatureValue {
    std::span<const double> values{};  // at least one of them finite, or empty if missing
    Missing missing = Missing::none;   // the reason
    std::string_view because{};  // the feature that this one needs and that is missing for the reason; may be empty
    FeatureMode mode = FeatureMode::efel;

    [[nodiscard]] bool present() const { return missing == Missing::none; }
    // Of the finite values, from left to right; NaN if missing.
    [[nodiscard]] double mean() const;
    // "no spikes (peak_indices)"; empty if present.
    [[nodiscard]] std::string sentence() const;
};

}  // namespace spikesmith
