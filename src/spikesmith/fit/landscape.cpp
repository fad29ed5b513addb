#include "spikesmith/fit/landscape.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/names.hpp"

namespace spikesmith {

namespace {

// The coordinate of the unit cube that a name means.
std::size_t coordinate_of(const std::string& name, const FitParameters& parameters) {
    const auto& ranges = parameters.space().ranges();
    const auto found = std::ranges::find(ranges, name, &ParameterRange::name);
    if (found == ranges.end()) {
        const auto& list = parameters.list();
        const bool known = std::ranges::find(list, name, &FittedParameter::name) != list.end();
        throw ConfigError(known ? fmt::format("`{}` is not searched, so it has no landscape", name)
                                : fmt::format("there is no parameter `{}` to draw a landscape of", name),
                          did_you_mean(name, names_of(ranges)));
    }
    if (found->integer) throw ConfigError(fmt::format("`{}` takes whole numbers only, so it has no landscape", name));
    return static_cast<std::size_t>(found - ranges.begin());
}

}  // namespace

Landscape landscape(Refiner& refiner, const LandscapeOptions& options) {
    const FitParameters& parameters = refiner.parameters();
    const ParameterSpace& space = parameters.space();
    std::vector<double> centre(space.dimension());
    for (std::size_t k = 0; k < centre.size(); ++k) {
        const std::string& name = space.ranges()[k].name;
        const auto value = options.centre.find(name);
        if (value == options.centre.end() || !std::isfinite(value->second))
            throw ConfigError(fmt::format("`{}` has no value around which to draw a landscape", name),
                              "fit first, or give the values of all parameters");
        centre[k] = space.to_coordinate(k, value->second);
    }
    std::array<std::size_t, 2> axes{};
    std::array<std::vector<double>, 2> coordinates;
    for (std::size_t a = 0; a < 2; ++a) {
        axes[a] = coordinate_of(options.parameters[a], parameters);
        if (options.points[a] < 2) throw ConfigError("a landscape needs at least two points along each parameter");
        const ParameterRange& bounds = space.ranges()[axes[a]];
        std::array<double, 2> range{bounds.low, bounds.high};
        if (const auto given = options.ranges.find(bounds.name); given != options.ranges.end()) range = given->second;
        if (!(range[0] >= bounds.low && range[0] < range[1] && range[1] <= bounds.high))
            throw ConfigError(fmt::format("the range of `{}` is none, or not within its bounds", bounds.name));
        const double first = space.to_coordinate(axes[a], range[0]);
        const double last = space.to_coordinate(axes[a], range[1]);
        for (std::size_t k = 0; k < options.points[a]; ++k) {
            const double share = static_cast<double>(k) / static_cast<double>(options.points[a] - 1);
            coordinates[a].push_back(first + share * (last - first));
        }
    }
    if (axes[0] == axes[1]) throw ConfigError("a landscape needs two different parameters");

    const std::size_t columns = options.points[0];
    const std::size_t rows = options.points[1];
    Array2 points(rows * columns + 1, centre.size());
    for (std::size_t s = 0; s < points.rows; ++s) std::ranges::copy(centre, points.row(s).begin());
    for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < columns; ++c) {
            points(r * columns + c, axes[0]) = coordinates[0][c];
            points(r * columns + c, axes[1]) = coordinates[1][r];
        }
    }
    const Refiner::Field field = refiner.field(points, true, options.cancelled);

    Landscape result{.parameters = {},
                     .values = {},
                     .error = Array2(rows, columns),
                     .gradient = {Array2(rows, columns), Array2(rows, columns)},
                     .error_dimension = refiner.error_dimension(),
                     .centre_error = field.errors.back()};
    std::vector<double> all(parameters.list().size());
    std::vector<double> searched(centre.size());
    for (std::size_t s = 0; s < points.rows; ++s) {
        space.to_values(points.row(s), searched);
        parameters.complete(searched, all);
        if (s == rows * columns) break;  // the centre: its values stay in `all`
        const Array2 slopes = parameters.derivatives(all);
        result.error.values[s] = field.errors[s];
        for (std::size_t a = 0; a < 2; ++a) {
            const auto number = static_cast<std::size_t>(
                std::ranges::find(parameters.list(), options.parameters[a], &FittedParameter::name) -
                parameters.list().begin());
            result.gradient[a].values[s] = field.gradient(s, axes[a]) / slopes(number, axes[a]);
        }
    }
    const std::vector<FittedParameter> list = parameters.with_values(all);
    for (std::size_t a = 0; a < 2; ++a) {
        result.parameters[a] = *std::ranges::find(list, options.parameters[a], &FittedParameter::name);
        for (const double u : coordinates[a]) result.values[a].push_back(space.to_value(axes[a], u));
    }
    return result;
}

}  // namespace spikesmith
