#include "spikesmith/cli/fit_metrics.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/cli/config_checks.hpp"
#include "spikesmith/fit/objective.hpp"
#include "spikesmith/fit/penalty.hpp"
#include "spikesmith/metrics/mse.hpp"

namespace spikesmith {
namespace {

using Metrics = std::multimap<std::string, MetricPointer>;

// What does not fit the recordings is shown where it is written.
void check_metric(const MetricConfig& metric, const Series* output, const Fitter& fitter) {
    if (output == nullptr) {
        located(metric.place, [&] { check_metric(fitter.data(), spikes_output, metric.metric); });
        return;
    }
    if (metric.normalization && !metric.normalization->quantity.dimension.dimensionless()) {
        require_dimension_of(*metric.normalization, output->dimension, "normalization");
    }
    const double end = static_cast<double>(fitter.n_steps()) * fitter.dt();
    for (const ConfigQuantity& window : metric.windows) {
        if (window.quantity.value < end) continue;
        fail_at(window.place,
                fmt::format("this is after the end of the traces at {}", format_quantity({end, dimensions::second})));
    }
    located(metric.place, [&] { check_metric(fitter.data(), output->name, metric.metric); });
}

// Where the recording of an output is written.
const Place& recording_place(const Problem& problem, const std::string& output) {
    for (const SeriesConfig& series : problem.config.data.outputs) {
        if (series.name.name == output) return series.name.place;
    }
    return problem.config.data.spikes ? problem.config.data.spikes->place : problem.config.fit->place;
}

// What the metrics of all outputs must be together: errors need names of their own and, to be added, one unit.
void check_together(const Problem& problem, const Fitter& fitter, const std::vector<std::string>& outputs,
                    const Metrics& metrics, bool front) {
    const FitConfig& fit = *problem.config.fit;
    const auto objectives = [&] {
        return make_objectives(fitter.data(),
                               {.trace_metric = mse(), .spike_metric = usual_spike_metric(), .by_output = metrics});
    };
    std::map<std::string, Place> places;  // of objectives by name
    const auto note = [&](const std::string& name, const Place& place, bool numbered) {
        const auto [other, fresh] = places.emplace(name, place);
        if (!fresh) located(numbered ? place : other->second, [&] { static_cast<void>(objectives()); });
    };
    for (const std::string& output : outputs) {
        std::vector<const MetricConfig*> own;
        for (const auto& [name, metric] : fit.output_metrics) {
            if (name.name == output) own.push_back(&metric);
        }
        for (std::size_t k = 0; k < own.size(); ++k)
            note(objective_name(output, k, own.size() > 1), own[k]->place, own.size() > 1);
        if (own.empty()) {
            const bool written = output != spikes_output && !fit.metric.table.members.empty();
            note(output, written ? fit.metric.place : recording_place(problem, output), false);
        }
    }
    if (front && !fit.penalty) return;
    const auto all = objectives();
    for (const Objective& objective : all) {
        if (objective.normalized_dimension == all.front().normalized_dimension) continue;
        located(places.at(objective.name), [&] { static_cast<void>(summed_dimension(all)); });
    }
    if (!fit.penalty) return;
    located(fit.penalty->place, [&] {
        require_unit_of_error(Penalty(problem.model, fit.penalty->name), fit.penalty->name, summed_dimension(all));
    });
}

}  // namespace

Metrics metrics_of_fit(const Problem& problem, const Fitter& fitter, const std::vector<std::string>& outputs,
                       bool front) {
    const FitConfig& fit = *problem.config.fit;
    Metrics metrics;
    for (const std::string& name : outputs) {
        const auto own = [&](const auto& metric) { return metric.first.name == name; };
        const Series* output = problem.data.find_output(name);
        if (std::ranges::none_of(fit.output_metrics, own)) {
            if (output == nullptr) {
                metrics.emplace(name, usual_spike_metric());
                continue;
            }
            check_metric(fit.metric, output, fitter);
            metrics.emplace(name, fit.metric.metric);
            continue;
        }
        for (const auto& [unused, metric] : fit.output_metrics) {
            if (unused.name != name) continue;
            check_metric(metric, output, fitter);
            metrics.emplace(name, metric.metric);
        }
    }
    for (const auto& [name, unused] : fit.output_metrics) {
        if (std::ranges::find(outputs, name.name) != outputs.end()) continue;
        fail_at(name.place, fmt::format("`{}` is no output of the fit", name.name), did_you_mean(name.name, outputs));
    }
    check_together(problem, fitter, outputs, metrics, front);
    return metrics;
}

}  // namespace spikesmith
