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
        const auto whole = [](double value) { return value == std::floor(value) && std::fabs(value) < 0x1p52; };
        if (range.integer && !(whole(range.low) && whole(range.high))) {
            throw ConfigError(fmt::format("`{}` takes whole numbers, so its bounds must be whole, not [{:g}, {:g}]",
                                          range.name, range.low, range.high));
        }
        if (range.scale == Scale::logarithmic && !(range.low > 0)) {
            throw ConfigError(fmt::format("a logarithmic scale needs a lower bound above 0; that of `{}` is {:g}",
                                          range.name, range.low),
                              "use a linear scale or a small positive bound");
        }
    }
}

namespace {

double from_unit(double coordinate, double low, double high, Scale scale) {
    if (coordinate <= 0) return low;
    if (coordinate >= 1) return high;
    const double value = scale == Scale::linear
                             ? low + coordinate * (high - low)
                             : std::exp(std::log(low) + coordinate * (std::log(high) - std::log(low)));
    return std::clamp(value, low, high);
}

double to_unit(double value, double low, double high, Scale scale) {
    if (value <= low) return 0;
    if (value >= high) return 1;
    const double coordinate = scale == Scale::linear
                                  ? (value - low) / (high - low)
                                  : (std::log(value) - std::log(low)) / (std::log(high) - std::log(low));
    return std::clamp(coordinate, 0.0, 1.0);
}

// Half a unit more at both ends of whole numbers.
constexpr double margin(const ParameterRange& range) {
    return range.integer ? 0.5 : 0;
}

}  // namespace

double ParameterSpace::to_value(std::size_t j, double coordinate) const {
    const ParameterRange& range = ranges_[j];
    const double value = from_unit(coordinate, range.low - margin(range), range.high + margin(range), range.scale);
    return range.integer ? std::clamp(std::floor(value + 0.5), range.low, range.high) : value;
}

double ParameterSpace::to_coordinate(std::size_t j, double value) const {
    const ParameterRange& range = ranges_[j];
    return to_unit(range.integer ? std::clamp(value, range.low, range.high) : value, range.low - margin(range),
                   range.high + margin(range), range.scale);
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
