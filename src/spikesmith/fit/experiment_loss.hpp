// Losses for OptNeuron: distances between what a candidate and the target recorded.
//
//     .loss = combined_loss({{rmse_loss("v"), 1}, {spike_loss(SpikeDistance::van_rossum, 10e-3), 5}})
//
// Each gives one value per chunk. Candidate and target must have equally many chunks, else ConfigError; a recorded value of the candidate
// that is not finite makes the loss NaN, so the candidate counts as failed. Safe to call from several threads.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "spikesmith/features/features.hpp"
#include "spikesmith/fit/opt_neuron.hpp"

namespace spikesmith {

// Root mean square difference of one variable. Samples at the same times are compared one by one; else those of the candidate within the
// times of the target, which is interpolated linearly.
[[nodiscard]] ExperimentLoss rmse_loss(std::string variable);

// Distances of the spikes, times since the beginning of the chunk (metrics/gamma_factor.hpp, spike_distance.hpp). `time_scale`, seconds:
// the window of the Gamma factor, tau of van Rossum, 1/q of Victor and Purpura: moving a spike so far costs as much as deleting it.
enum class SpikeDistance : std::uint8_t {
    gamma_factor,  // with rate correction
    van_rossum,
    victor_purpura,
    count,  // |n - n_target|
};
[[nodiscard]] ExperimentLoss spike_loss(SpikeDistance distance, double time_scale = 2e-3);

// Differences of electrophysiology features (docs/features.md) of `variable`, each divided by its scale; a feature that one of both lacks
// counts `missing`, a feature that both lack 0. One value per chunk: the mean over features.
struct FeatureLossOptions {
    std::string variable = "v";
    std::map<std::string, double> scales{};  // feature name -> difference that counts 1, in the unit of the feature
    double missing = 10;
    double to_millivolt = 1;  // factor from the variable's unit to millivolt
    // Seconds since the beginning of the chunk; one for all chunks, or one each; empty: the whole chunk.
    std::vector<StimulusWindow> stimuli{};
    FeatureSettings settings{};
};
[[nodiscard]] ExperimentLoss feature_loss(FeatureLossOptions options);

// The two losses of CompNeuroPy that compare features. Per chunk the mean over features of difference/close; the difference is 0 if
// both lack the feature and `max` if one does. Durations in milliseconds, clip(x) = x within 5 and 50:
//
//     of spikes (get_spike_features_loss_of_chunk)                            max           close
//     spike_count                                                             steps         ceil(duration/200)
//     time_to_first_spike, time_to_second_spike, time_to_third_spike,
//     time_to_last_spike (since time 0)                                       duration      clip(duration/10)
//     ISI_CV (standard deviation over mean of the intervals)                  1             0.1
//
//     of voltages (efel_loss); rest: from the stimulus to the end             max           close
//     steady_state_voltage_stimend, steady_state_voltage, voltage_base,
//     voltage_after_stim, minimum_voltage                                     200 mV        10 mV
//     time_to_first_spike, time_to_second_spike, time_to_last_spike           rest          clip(rest/10)
//     spike_count; spike_count_stimint                                        samples       ceil(duration/200)
//     (of the whole chunk; within the stimulus)
//     ISI_CV                                                                  1             0.1
//
// A voltage below -200 or above 100 mV in one of both makes all features of the second missing in one: the mean of max/close.
// Empty: all features of the table. Throw ConfigError for names that are not in it.
[[nodiscard]] ExperimentLoss spike_feature_loss(std::vector<std::string> features = {});
struct EfelLossOptions {
    std::string variable = "v";
    std::vector<std::string> features{};
    double to_millivolt = 1;
    std::vector<StimulusWindow> stimuli{};  // as in FeatureLossOptions
};
[[nodiscard]] ExperimentLoss efel_loss(EfelLossOptions options);

// Several losses one after another, each times a weight.
[[nodiscard]] ExperimentLoss combined_loss(std::vector<std::pair<ExperimentLoss, double>> losses);

}  // namespace spikesmith
