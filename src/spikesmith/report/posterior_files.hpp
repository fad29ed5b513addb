// A posterior as text, JSON, arrays and a picture: what `spikesmith infer` writes. Pair plots are elsewhere.
//
// Numbers are SI. Equal results give equal bytes: no times, no paths.
#pragma once

#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "spikesmith/data/numpy.hpp"
#include "spikesmith/infer/inferencer.hpp"
#include "spikesmith/report/svg_plot.hpp"

namespace spikesmith {

// What the samples of a posterior say about one parameter.
struct ParameterSummary {
    std::string name;
    Dimension dimension;
    std::string prior;  // "uniform", ...
    double median = 0;
    double mean = 0;
    double low = 0;  // central 95 % interval
    double high = 0;
    double prior_low = 0;  // the same of the prior
    double prior_high = 0;
    // 1 - variance of the posterior / variance of the prior, of the logarithm if the prior is log-uniform or log-normal: 1 if the data
    // determine the parameter, 0 if they say nothing about it
    double shrinkage = 0;
    double map = 0;  // at the highest mode
};

// `samples`: n x D; `modes` has at least one.
[[nodiscard]] std::vector<ParameterSummary> summarize(const Prior& prior, const Array2& samples, const Modes& modes);

// A row per parameter: median, 95 % interval, prior range, shrinkage, maximum a posteriori.
[[nodiscard]] std::string summary_table(std::span<const ParameterSummary> parameters);

// Pearson's, D x D.
[[nodiscard]] std::vector<std::vector<double>> correlation(const Array2& samples);

[[nodiscard]] nlohmann::ordered_json to_json(std::span<const ParameterSummary> parameters);
[[nodiscard]] nlohmann::ordered_json to_json(const Modes& modes, const Prior& prior);
[[nodiscard]] nlohmann::ordered_json to_json(const MissingCounts& counts, const std::vector<std::string>& features);
[[nodiscard]] nlohmann::ordered_json to_json(const TrainingReport& report);
[[nodiscard]] nlohmann::ordered_json to_json(
    const AutomaticResult& choice);  // who was chosen, scores and losses of all
[[nodiscard]] nlohmann::ordered_json to_json(const CalibrationReport& report);
[[nodiscard]] nlohmann::ordered_json to_json(const PredictiveCheck& check);

// An array for each parameter, and `log_prob`.
[[nodiscard]] NamedArrays sample_arrays(const Prior& prior, const Array2& samples, std::vector<double> log_prob);
// A row per sample, units in the header.
[[nodiscard]] std::string samples_csv(const Prior& prior, const Array2& samples);

// `t` in seconds; of each output NAME (draws x traces x steps), NAME_mean, _median, _low, _high (traces x steps), and the recording as
// NAME_data (samples as compared; NaN after the end) with its intervals NAME_data_dt; `theta`, the draws.
[[nodiscard]] NamedArrays predictive_arrays(const PredictiveTraces& traces, const TraceData& data);

// Every draw, their mean and 95 % band, and the data; a panel per trace and output, the first 16 traces.
[[nodiscard]] Plot predictive_plot(std::string title, const PredictiveTraces& traces, const TraceData& data);

}  // namespace spikesmith
