#include "spikesmith/metrics/mse.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/checksum.hpp"
#include "spikesmith/core/error.hpp"

namespace spikesmith {

namespace {

std::string_view name_of(Loss loss) {
    switch (loss) {
        case Loss::squared:
            return "squared";
        case Loss::soft_l1:
            return "soft_l1";
        case Loss::huber:
            return "huber";
        case Loss::cauchy:
            return "cauchy";
    }
    return "";
}

std::string text_of(const Quantity& quantity) {
    if (quantity.dimension.dimensionless()) return fmt::format("{}", quantity.value);
    return fmt::format("{} {}", quantity.value, quantity.dimension.name());
}

// Its square must be a normal number too.
void check_positive(double value, std::string_view what) {
    if (!std::isfinite(value) || value <= 0) {
        throw ConfigError(fmt::format("the {} must be a positive number, not {:g}", what, value));
    }
    if (!std::isnormal(value * value)) {
        throw ConfigError(fmt::format("the square of the {} {:g} is beyond the range of numbers", what, value));
    }
}

void check_weights(const std::vector<double>& weights) {
    double sum = 0;
    for (std::size_t k = 0; k < weights.size(); ++k) {
        if (!std::isfinite(weights[k]) || weights[k] < 0) {
            throw ConfigError(
                fmt::format("t_weights must be finite and not negative; number {} is {:g}", k + 1, weights[k]));
        }
        sum += weights[k];
    }
    if (sum == 0) throw ConfigError("t_weights are all zero");
    if (!std::isfinite(sum)) throw ConfigError("the sum of t_weights is beyond the range of numbers");
}

void check_windows(const std::vector<TimeWindow>& windows) {
    for (std::size_t w = 0; w < windows.size(); ++w) {
        const auto& [from, to, weight] = windows[w];
        if (!std::isfinite(from) || from < 0 || !(to > from)) {
            throw ConfigError(
                fmt::format("window {} from {:g} s to {:g} s is empty or not within a trace", w + 1, from, to),
                "a window needs 0 <= from < to");
        }
        if (!std::isfinite(weight) || weight <= 0) {
            throw ConfigError(
                fmt::format("the weight of window {} must be a positive number, not {:g}", w + 1, weight));
        }
    }
}

// Nothing of the recording counts.
[[noreturn]] void refuse_empty(const TraceShape& shape) {
    throw DataError(fmt::format("trace {} has gaps wherever the metric looks at it", shape.trace + 1),
                    "change t_start, t_weights or windows, or leave the trace out");
}

}  // namespace

MSEMetric::MSEMetric(MSEOptions options) : options_(std::move(options)) {
    if (!std::isfinite(options_.t_start) || options_.t_start < 0) {
        throw ConfigError(fmt::format("t_start must be a time of at least 0 s, not {:g} s", options_.t_start));
    }
    check_positive(options_.normalization.value, "normalization");
    if (options_.loss == Loss::squared) {
        if (options_.loss_scale) throw ConfigError("the loss `squared` has no scale", "omit loss_scale");
    } else {
        if (!options_.loss_scale) {
            throw ConfigError(fmt::format("the loss `{}` needs a loss_scale", name_of(options_.loss)),
                              "give the difference from which on it should grow more slowly, such as 5 mV");
        }
        check_positive(options_.loss_scale->value, "loss_scale");
    }
    if (!options_.t_weights.empty()) {
        if (options_.t_start != 0) {
            throw ConfigError("t_start and t_weights exclude each other", "give samples before t_start the weight 0");
        }
        check_weights(options_.t_weights);
    }
    if (!options_.windows.empty()) {
        if (options_.t_start != 0 || !options_.t_weights.empty()) {
            throw ConfigError("windows exclude t_start and t_weights", "begin the first window at t_start");
        }
        check_windows(options_.windows);
    }
}

std::string MSEMetric::description() const {
    std::string text = "mean squared error";
    if (!options_.t_weights.empty()) {
        Checksum checksum;  // so that a description stays short
        checksum.add(std::span<const double>(options_.t_weights));
        text += fmt::format(", {} t_weights (checksum {:016x})", options_.t_weights.size(), checksum.value());
    } else if (options_.t_start != 0) {
        text += fmt::format(", t_start {} s", options_.t_start);
    }
    for (const auto& [from, to, weight] : options_.windows) {
        text += fmt::format(", window {} to {} s weight {}", from, to, weight);
    }
    const Quantity& normalization = options_.normalization;
    if (normalization.value != 1 || !normalization.dimension.dimensionless()) {
        text += fmt::format(", normalization {}", text_of(normalization));
    }
    if (options_.loss_scale)
        text += fmt::format(", loss {} of scale {}", name_of(options_.loss), text_of(*options_.loss_scale));
    return text;
}

Dimension MSEMetric::error_dimension(const Dimension& output) const {
    return output.power(2);
}

Dimension MSEMetric::normalized_dimension(const Dimension& output) const {
    const auto require = [&](const Dimension& dimension, std::string_view what) {
        if (dimension.dimensionless() || dimension == output) return;
        throw UnitError(
            fmt::format("the {} of the error is in {}, but the output in {}", what, dimension.name(), output.name()),
            "give a plain number or a quantity of the output's unit");
    };
    require(options_.normalization.dimension, "normalization");
    if (options_.loss_scale) require(options_.loss_scale->dimension, "loss_scale");
    return (output / options_.normalization.dimension).power(2);
}

void MSEMetric::check(const TraceShape& shape) const {
    TraceMetric::check(shape);
    if (!options_.windows.empty()) {
        if (std::ranges::all_of(sample_weights(shape), [](double weight) { return weight == 0; })) {
            throw ConfigError(fmt::format("no window has a sample of trace {}", shape.trace + 1),
                              fmt::format("the trace has {} samples at {:g} s and ends at {:g} s", shape.n_steps,
                                          shape.dt, static_cast<double>(shape.n_steps) * shape.dt));
        }
    } else if (options_.t_weights.empty()) {
        static_cast<void>(first_sample(options_.t_start, shape.dt, shape.n_steps));
    } else if (options_.t_weights.size() != shape.n_steps) {
        throw ConfigError(fmt::format("there are {} t_weights for {} samples of trace {}", options_.t_weights.size(),
                                      shape.n_steps, shape.trace + 1),
                          "give one weight per sample of the recording, or windows");
    }
}

// Before gaps and normalisation.
std::vector<double> MSEMetric::sample_weights(const TraceShape& shape) const {
    if (!options_.t_weights.empty()) return options_.t_weights;
    std::vector<double> weights(shape.n_steps, 0.0);
    const auto at = [&](double time) {
        const double sample = std::nearbyint(time / shape.dt);  // halves to even, as first_sample does
        return std::ranges::next(weights.begin(),
                                 static_cast<std::ptrdiff_t>(std::min(sample, static_cast<double>(shape.n_steps))));
    };
    if (options_.windows.empty()) std::fill(at(options_.t_start), weights.end(), 1.0);
    for (const auto& [from, to, weight] : options_.windows) {
        std::for_each(at(from), at(to), [&](double& sum) { sum += weight; });
    }
    return weights;
}

std::optional<TraceMetric::OnlineForm> MSEMetric::online_form(const TraceShape& shape,
                                                              const std::vector<bool>& counted) const {
    check(shape);
    if (!counted.empty() && counted.size() != shape.n_steps) {
        throw DataError(fmt::format("trace {} has {} samples, but {} are said to count or not", shape.trace + 1,
                                    shape.n_steps, counted.size()));
    }
    OnlineForm form{.weights = sample_weights(shape), .loss = options_.loss, .scale = 1};
    if (options_.loss_scale) form.scale = options_.loss_scale->value;
    double sum = 0;
    for (std::size_t k = 0; k < shape.n_steps; ++k) {
        if (!counted.empty() && !counted[k]) form.weights[k] = 0;
        sum += form.weights[k];
    }
    if (sum == 0) refuse_empty(shape);
    const double divisor = sum * (options_.normalization.value * options_.normalization.value);
    for (double& weight : form.weights) weight /= divisor;
    return form;
}

Array2 MSEMetric::features(const TraceBlock& simulated, const Array2& target, double dt) const {
    Array2 result(simulated.n_samples, simulated.n_traces);
    std::vector<bool> counted(simulated.n_steps);
    for (std::size_t r = 0; r < simulated.n_traces; ++r) {
        const auto data = target.row(r);
        for (std::size_t k = 0; k < data.size(); ++k) counted[k] = !std::isnan(data[k]);
        const std::size_t trace = simulated.first_trace + r;
        const OnlineForm form =
            online_form({.trace = trace, .n_traces = trace + 1, .n_steps = simulated.n_steps, .dt = dt}, counted)
                .value();
        const double square = form.scale * form.scale;
        for (std::size_t s = 0; s < simulated.n_samples; ++s) {
            const auto model = simulated.trace(s, r);
            double sum = 0;
            for (std::size_t k = 0; k < simulated.n_steps; ++k) {
                if (form.weights[k] == 0) continue;
                const double difference = model[k] - data[k];
                if (form.loss == Loss::squared) {
                    sum += form.weights[k] * difference * difference;
                } else {
                    const double scaled = difference / form.scale;
                    sum += form.weights[k] * square * loss_value(form.loss, scaled * scaled);
                }
            }
            result(s, r) = sum;
        }
    }
    return result;
}

double MSEMetric::unnormalized(double error) const {
    return error * (options_.normalization.value * options_.normalization.value);
}

MetricPointer mse(MSEOptions options) {
    return std::make_shared<const MSEMetric>(std::move(options));
}

}  // namespace spikesmith
