#include "spikesmith/optimize/parameter_space.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {

ParameterSpace::ParameterSpace(std::vector<ParameterRange> ranges) : ranges_(std::move(ranges)) {
    if (ranges_.empty()) throw ConfigError("there is no parameter to search", "give bounds for at least one parameter");
    std::set<std::string_view> names;
    for (const ParameterRange& range : ranges_) {
        if (!names.insert(range.name).second)
            throw ConfigError(fmt::format("the parameter `{}` is given twice", range.name));
        if (!std::isfinite(range.low) || !std::isfinite(range.high)) {
            throw ConfigError(
                fmt::format("the bounds of `{}` must be finite, not [{:g}, {:g}]", range.name, range.low, range.high));
        }
        if (!(range.low < range.high)) {
            throw ConfigError(
                fmt::format("the lower bound of `{}` must be below the upper bound, not [{:g}, {:g}]", range.name,
                            range.low, range.high),
                range.low == range.high ? "to keep a parameter at one value, fix it instead of giving bounds" : "");
        }
        if (!std::isfinite(range.high - range.low)) {
            throw ConfigError(
                fmt::format("the bounds [{:g}, {:g}] of `{}` are too far apart", range.low, range.high, range.name));
        }
        if (range.scale == Scale::logarithmic && !(range.low > 0)) {
            throw ConfigError(fmt::format("a logarithmic scale needs a lower bound above 0; that of `{}` is {:g}",
                                          range.name, range.low),
                              "use a linear scale or a small positive bound");
        }
    }
}

double ParameterSpace::to_value(std::size_t j, double coordinate) const {
    const ParameterRange& range = ranges_[j];
    if (coordinate <= 0) return range.low;
    if (coordinate >= 1) return range.high;
    const double value =
        range.scale == Scale::linear
            ? range.low + coordinate * (range.high - range.low)
            : std::exp(std::log(range.low) + coordinate * (std::log(range.high) - std::log(range.low)));
    return std::clamp(value, range.low, range.high);
}

double ParameterSpace::to_coordinate(std::size_t j, double value) const {
    const ParameterRange& range = ranges_[j];
    if (value <= range.low) return 0;
    if (value >= range.high) return 1;
    const double coordinate = range.scale == Scale::linear ? (value - range.low) / (range.high - range.low)
                                                           : (std::log(value) - std::log(range.low)) /
                                                                 (std::log(range.high) - std::log(range.low));
    return std::clamp(coordinate, 0.0, 1.0);
}

void ParameterSpace::to_values(std::span<const double> point, std::span<double> values) const {
    for (std::size_t j = 0; j < ranges_.size(); ++j) values[j] = to_value(j, point[j]);
}

void ParameterSpace::to_point(std::span<const double> values, std::span<double> point) const {
    for (std::size_t j = 0; j < ranges_.size(); ++j) point[j] = to_coordinate(j, values[j]);
}

Scale parse_scale(std::string_view text) {
    if (text == "linear") return Scale::linear;
    if (text == "log" || text == "logarithmic") return Scale::logarithmic;
    throw ConfigError(fmt::format("unknown scale `{}`", text), "a scale is `linear` or `log`");
}

std::string_view scale_name(Scale scale) {
    return scale == Scale::linear ? "linear" : "log";
}

}  // namespace spikesmith
