#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "spikesmith/units/units.hpp"

namespace spikesmith {
namespace {

TEST(FormatQuantity, CustomaryUnits) {
    struct Case {
        std::string quantity;
        int digits;
        std::string shown;
    };
    const std::vector<Case> cases{
        {"-0.0612 volt", 4, "-61.2 mV"},
        {"2e-5 siemens", 4, "20 uS"},
        {"10.0771 nS", 4, "10.08 nS"},
        {"2 psiemens", 4, "2 pS"},
        {"3 nsecond", 4, "3 ns"},
        {"1 siemens", 4, "1 siemens"},
        {"100 pF", 4, "100 pF"},
        {"100 pF", 1, "100 pF"},
        {"1 nF", 4, "1 nF"},
        {"250 pA", 4, "250 pA"},
        {"0.25 nA", 4, "250 pA"},
        {"100 Mohm", 4, "100 Mohm"},
        {"5 ms", 4, "5 ms"},
        {"0.00001 second", 4, "10 us"},
        {"3600 second", 4, "3600 second"},
        {"200 hertz", 4, "200 Hz"},
        {"20000 hertz", 4, "20 kHz"},
        {"9.95e-7 volt**2", 4, "0.995 mV^2"},
        {"4 mV**2", 4, "4 mV^2"},
        {"36 mS/cm2", 4, "36 mS/cm^2"},
        {"1 uF/cm2", 4, "1 uF/cm^2"},
        {"10 mM", 4, "10 mM"},
        {"1.5 volt/second", 4, "1.5 volt / second"},
        {"1.5e-5 volt/second", 4, "1.5e-05 volt / second"},
        {"0.5/volt", 4, "0.5 / volt"},
        {"0.0123", 4, "0.0123"},
        {"999.96 mV", 4, "1 volt"},
        {"0.99996 mV", 4, "1 mV"},
        {"999.94 mV", 4, "999.9 mV"},
        {"0 mV", 4, "0 volt"},
        {"inf mV", 4, "inf volt"},
        {"7 um", 4, "7 um"},
        {"300 kelvin", 4, "300 kelvin"},
        {"0.005 kilogram", 4, "5 gram"},
        {"1.23456789 mV", 9, "1.23456789 mV"},
    };
    for (const auto& [text, digits, shown] : cases) {
        const Quantity quantity = parse_quantity(text);
        EXPECT_EQ(format_quantity(quantity, digits), shown) << text;
        const Quantity again = parse_quantity(shown);
        EXPECT_EQ(again.dimension, quantity.dimension) << shown;
        if (std::isfinite(quantity.value)) {
            EXPECT_NEAR(again.value, quantity.value, std::abs(quantity.value) * 1e-3) << shown;
        }
    }
    EXPECT_EQ(format_quantity({std::numeric_limits<double>::quiet_NaN(), dimensions::volt}), "nan volt");
}

TEST(DisplayUnit, SharedByAColumn) {
    const std::vector<double> values{2e-9, -3e-8, 1e-12, std::numeric_limits<double>::quiet_NaN(), HUGE_VAL};
    const Unit unit = display_unit(dimensions::siemens, values);
    EXPECT_EQ(unit.name, "nS");
    EXPECT_EQ(unit.scale, 1e-9);
    EXPECT_EQ(display_unit(dimensions::none, values).name, "1");
    EXPECT_EQ(display_unit(dimensions::volt, {}).name, "volt");
}

}  // namespace
}  // namespace spikesmith
