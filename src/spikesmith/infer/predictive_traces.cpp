#include "spikesmith/infer/predictive_traces.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/names.hpp"
#include "spikesmith/simulate/record.hpp"

namespace spikesmith {

namespace {

// Mean, median and band of the draws at each step of one stimulus.
void summarize(const Array2& draws, std::size_t trace, PredictiveTraces::Output& output) {
    std::vector<double> values;
    for (std::size_t k = 0; k < draws.columns; ++k) {
        values.clear();
        for (std::size_t i = 0; i < draws.rows; ++i) {
            if (std::isfinite(draws(i, k))) values.push_back(draws(i, k));
        }
        if (values.empty()) continue;
        std::ranges::sort(values);
        const auto at = [&](double p) {
            return values[static_cast<std::size_t>(std::lround(p * static_cast<double>(values.size() - 1)))];
        };
        output.mean(trace, k) = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
        output.median(trace, k) = at(0.5);
        output.low(trace, k) = at(0.025);
        output.high(trace, k) = at(0.975);
    }
}

}  // namespace

std::vector<PredictiveTraces::Output> summarize_traces(const EnsembleRecord& recorded,
                                                       const std::vector<std::string>& outputs,
                                                       const std::vector<Dimension>& dimensions, std::size_t traces) {
    std::vector<PredictiveTraces::Output> result;
    for (std::size_t k = 0; k < outputs.size(); ++k) {
        const Array2& values = recorded.values[k];
        PredictiveTraces::Output output{.name = outputs[k], .dimension = dimensions[k]};
        for (Array2* summary : {&output.mean, &output.median, &output.low, &output.high})
            *summary = Array2(traces, values.columns, std::numeric_limits<double>::quiet_NaN());
        for (std::size_t r = 0; r < traces; ++r) {
            Array2 draws(values.rows / traces, values.columns);
            for (std::size_t i = 0; i < draws.rows; ++i)
                std::ranges::copy(values.row(i * traces + r), draws.row(i).begin());
            summarize(draws, r, output);
            output.traces.push_back(std::move(draws));
        }
        result.push_back(std::move(output));
    }
    return result;
}

const PredictiveTraces::Output& PredictiveTraces::operator[](std::string_view output) const {
    const auto found = std::ranges::find(outputs, output, &Output::name);
    if (found == outputs.end())
        throw ConfigError(fmt::format("`{}` was not generated", output), did_you_mean(output, names_of(outputs)));
    return *found;
}

}  // namespace spikesmith
