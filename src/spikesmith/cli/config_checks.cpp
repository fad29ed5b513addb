#include "spikesmith/cli/config_checks.hpp"

#include <fmt/format.h>

namespace spikesmith {

void require_dimension_of(const ConfigQuantity& value, const Dimension& expected, const std::string& name) {
    const Dimension& given = value.quantity.dimension;
    if (given == expected || (value.quantity.value == 0 && given.dimensionless())) return;
    if (given.dimensionless() || expected.dimensionless()) {
        fail_at(value.place, given.dimensionless()
                                 ? fmt::format("`{}` needs a unit: it is in {}", name, expected.name())
                                 : fmt::format("`{}` is a plain number, but this is in {}", name, given.name()));
    }
    fail_at(value.place, fmt::format("`{}` is in {}, but this is in {}", name, expected.name(), given.name()));
}

}  // namespace spikesmith
