// Every text is a quantity, a unit, or a UnitError. What is a quantity can be shown and read back.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "spikesmith/units/units.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    try {
        const auto quantity = spikesmith::parse_quantity(text);
        const auto again = spikesmith::parse_quantity(spikesmith::format_quantity(quantity));
        if (!(again.dimension == quantity.dimension)) std::abort();
        if (std::isnan(quantity.value)) std::abort();
    } catch (const spikesmith::UnitError&) {
    }
    try {
        if (!(spikesmith::parse_unit(text).scale > 0)) std::abort();
    } catch (const spikesmith::UnitError&) {
    }
    try {
        (void)spikesmith::parse_recorded_unit(text);
    } catch (const spikesmith::UnitError&) {
    }
    try {
        (void)spikesmith::parse_variable_unit({"fuzz", text}, {size / 4, size / 2});
    } catch (const spikesmith::UnitError&) {
    }
    return 0;
}
