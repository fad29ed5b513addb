#include "spikesmith/metrics/feature_comparison.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <variant>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {

namespace {

void require(bool fine, const std::string& what) {
    if (!fine) throw ConfigError("feature metric: " + what);
}

void check_policy(const MissingCost& policy, const std::string& name) {
    if (policy.rule == MissingRule::ignore || policy.rule == MissingRule::fail) return;
    require(std::isfinite(policy.amount), fmt::format("what a missing `{}` costs must be finite", name));
    require(policy.rule == MissingRule::value || policy.amount >= 0,
            fmt::format("what a missing `{}` costs must be at least 0, not {:g}", name, policy.amount));
}

std::string text_of(const MissingCost& policy) {
    switch (policy.rule) {
        case MissingRule::penalty:
            return fmt::format("penalty {}", policy.amount);
        case MissingRule::difference:
            return fmt::format("difference {}", policy.amount);
        case MissingRule::value:
            return fmt::format("value {}", policy.amount);
        case MissingRule::ignore:
            return "ignore";
        case MissingRule::fail:
            return "fail";
    }
    return "";
}

double mean_of(FeatureValues values) {
    double sum = 0;
    double n = 0;
    for (const double value : values) {
        if (!std::isfinite(value)) continue;
        sum += value;
        n += 1;
    }
    return sum / n;  // NaN without a finite value
}

// One value against one; NaN: missing. Without the weight.
double difference(const ComparedFeature& feature, double scale, double simulated, double recorded,
                  const FeatureDifference& combine) {
    const auto distance = [&](double a, double b) { return (combine ? combine(a, b) : std::fabs(a - b)) / scale; };
    const bool has_simulated = std::isfinite(simulated);
    const bool has_recorded = std::isfinite(recorded);
    if (has_simulated && has_recorded) return distance(simulated, recorded);
    if (!has_simulated && !has_recorded) return 0;
    const MissingCost& policy = has_recorded ? feature.simulated_missing : feature.recorded_missing;
    switch (policy.rule) {
        case MissingRule::penalty:
            return policy.amount;
        case MissingRule::difference:
            return policy.amount / scale;
        case MissingRule::value:
            return has_recorded ? distance(policy.amount, recorded) : distance(simulated, policy.amount);
        case MissingRule::ignore:
            return 0;
        case MissingRule::fail:
            break;
    }
    return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

void check(const ComparedFeature& feature) {
    const auto& [name, weight, scale, comparison, simulated_missing, recorded_missing, means, scales] = feature;
    require(std::isfinite(weight) && weight >= 0,
            fmt::format("the weight of `{}` must be a number of at least 0, not {:g}", name, weight));
    const auto positive = [](double value) { return std::isfinite(value) && value > 0; };
    require(positive(scale), fmt::format("the scale of `{}` must be a positive number, not {:g}", name, scale));
    for (const double own : scales) {
        require(positive(own), fmt::format("the scales of `{}` must be positive numbers, not {:g}", name, own));
    }
    for (const double mean : means) {
        require(!std::isinf(mean), fmt::format("the means of `{}` must be finite", name));
    }
    require(means.empty() || comparison == FeatureComparison::mean,
            fmt::format("`{}` has a given mean, so it cannot be compared as a sequence", name));
    check_policy(simulated_missing, name);
    check_policy(recorded_missing, name);
}

void check_traces(const ComparedFeature& feature, std::size_t n_traces) {
    const auto fits = [&](const std::vector<double>& values, const char* what) {
        require(values.size() <= 1 || values.size() == n_traces,
                fmt::format("`{}` has {} {} for {} traces; give one for all or one per trace", feature.name,
                            values.size(), what, n_traces));
    };
    fits(feature.means, "means");
    fits(feature.scales, "scales");
}

double cost(const ComparedFeature& feature, std::size_t trace, FeatureValues simulated, FeatureValues recorded,
            const FeatureDifference& combine) {
    const auto of_trace = [&](const std::vector<double>& values) {
        return values.size() == 1 ? values[0] : values.at(trace);
    };
    const double scale = feature.scales.empty() ? feature.scale : of_trace(feature.scales);
    if (feature.comparison == FeatureComparison::sequence) {
        const std::size_t n = std::max(simulated.size(), recorded.size());
        if (n == 0) return 0;
        const double nan = std::numeric_limits<double>::quiet_NaN();
        double sum = 0;
        for (std::size_t k = 0; k < n; ++k) {
            sum += difference(feature, scale, k < simulated.size() ? simulated[k] : nan,
                              k < recorded.size() ? recorded[k] : nan, combine);
        }
        return feature.weight * sum / static_cast<double>(n);
    }
    double target = 0;
    if (feature.means.empty()) {
        target = mean_of(recorded);
    } else {
        target = of_trace(feature.means);
        if (std::isnan(target)) return 0;
    }
    return feature.weight * difference(feature, scale, mean_of(simulated), target, combine);
}

std::string description(const ComparedFeature& feature) {
    std::string text = fmt::format("{} weight {} ", feature.name, feature.weight);
    text += feature.scales.empty() ? fmt::format("scale {}", feature.scale)
                                   : fmt::format("scales {}", fmt::join(feature.scales, " "));
    if (!feature.means.empty()) text += fmt::format(" means {}", fmt::join(feature.means, " "));
    if (feature.comparison == FeatureComparison::sequence) text += " sequence";
    text += fmt::format(" missing {}", text_of(feature.simulated_missing));
    if (!(feature.recorded_missing == feature.simulated_missing)) {
        text += fmt::format(" in recording {}", text_of(feature.recorded_missing));
    }
    return text;
}

std::string description(const FeatureSettings& settings) {
    const FeatureSettings standard;
    std::string text;
    if (settings.mode != standard.mode) text += fmt::format(", mode {}", name_of(settings.mode));
    for (const FeatureSetting& setting : feature_settings()) {
        std::visit(
            [&](auto member) {
                if (settings.*member != standard.*member)
                    text += fmt::format(", {} {}", setting.name, settings.*member);
            },
            setting.member);
    }
    if (settings.voltage_base_mode == BaseMode::median) text += ", voltage_base_mode median";
    if (settings.current_base_mode == BaseMode::median) text += ", current_base_mode median";
    return text;
}

}  // namespace spikesmith
