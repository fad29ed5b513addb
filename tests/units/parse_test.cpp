#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "spikesmith/units/units.hpp"

namespace spikesmith {
namespace {

const Dimension volt_per_second = dimensions::volt / dimensions::second;
const Dimension metre{{1, 0, 0, 0, 0, 0, 0}};

TEST(ParseQuantity, ValuesAndDimensions) {
    struct Case {
        std::string text;
        double value;
        Dimension dimension;
    };
    const std::vector<Case> cases{
        {"20 nS", 20e-9, dimensions::siemens},
        {"20nS", 20e-9, dimensions::siemens},
        {"  20\tnS\n", 20e-9, dimensions::siemens},
        {"-65*mV", -65e-3, dimensions::volt},
        {"- 65 mV", -65e-3, dimensions::volt},
        {"--65 mV", 65e-3, dimensions::volt},
        {"+1 mV", 1e-3, dimensions::volt},
        {"2 pS", 2e-12, dimensions::siemens},
        {"5 V", 5, dimensions::volt},
        {"3.2e-9", 3.2e-9, dimensions::none},
        {".5", 0.5, dimensions::none},
        {"5.", 5, dimensions::none},
        {"5. mV", 5e-3, dimensions::volt},
        {"1E3", 1000, dimensions::none},
        {"mV", 1e-3, dimensions::volt},
        {"10 mV/ms", 10, volt_per_second},
        {"10 mV / (2 ms)", 5, volt_per_second},
        {"1/(5*ms)", 200, dimensions::second.power(-1)},
        {"1/5*ms", 2e-4, dimensions::second},
        {"2 pA * Mohm", 2e-6, dimensions::volt},
        {"2 pA Mohm", 2e-6, dimensions::volt},
        {"10 mV**2", 10e-6, dimensions::volt.power(2)},
        {"10 mV^2", 10e-6, dimensions::volt.power(2)},
        {"(10 mV)**2", 1e-4, dimensions::volt.power(2)},
        {"2**3**2", 512, dimensions::none},
        {"-2**2", -4, dimensions::none},
        {"2**-1", 0.5, dimensions::none},
        {"volt**0.5", 1, dimensions::volt.power(0.5)},
        {"volt**(1/2)", 1, dimensions::volt.power(0.5)},
        {"second**-0.5", 1, dimensions::second.power(-0.5)},
        {"36 mS * cm**-2", 360, dimensions::siemens / metre.power(2)},
        {"36 mS/cm2", 360, dimensions::siemens / metre.power(2)},
        {"100 umetre2", 1e-10, metre.power(2)},
        {"1 uF/cm**2 * 20000 um**2", 2e-10, dimensions::siemens * dimensions::second},
        {"5 mM", 5, parse_unit("mol/metre3").dimension},
        {"1/mole", 1, parse_unit("mole").dimension.power(-1)},
        {"((((1))))", 1, dimensions::none},
        {"inf", HUGE_VAL, dimensions::none},
        {"-inf*mV", -HUGE_VAL, dimensions::volt},
        {"inf ms", HUGE_VAL, dimensions::second},
        {"1/inf", 0, dimensions::none},
        {"0 mV", 0, dimensions::volt},
    };
    for (const auto& [text, value, dimension] : cases) {
        const Quantity q = parse_quantity(text);
        if (std::isfinite(value) && value != 0) {
            EXPECT_NEAR(q.value / value, 1, 4e-16) << text;
        } else {
            EXPECT_EQ(q.value, value) << text;
        }
        EXPECT_EQ(q.dimension, dimension) << text << " has " << q.dimension.name();
    }
}

TEST(ParseUnit, Units) {
    EXPECT_EQ(parse_unit("mV").scale, 1e-3);
    EXPECT_EQ(parse_unit(" volt/(second*metre) ").name, "volt/(second*metre)");
    EXPECT_EQ(parse_unit("volt/(second*metre)").dimension, volt_per_second / metre);
    EXPECT_TRUE(parse_unit("1").dimension.dimensionless());
    EXPECT_EQ(parse_unit("1/ms").scale, 1000);
    EXPECT_NEAR(parse_unit("nS * cm**-2").scale, 1e-5, 1e-20);
    EXPECT_NEAR(parse_unit("mV^2").scale, 1e-6, 1e-21);
    EXPECT_NEAR(parse_unit("mV ms").scale, 1e-6, 1e-21);
}

TEST(ParseRecordedUnit, WhatAmplifiersWrite) {
    struct Case {
        std::string text;
        double scale;
        std::string dimension;
    };
    const std::vector<Case> cases{
        {"V", 1, "volt"},
        {"mV", 1e-3, "volt"},
        {"\xC2\xB5V", 1e-6, "volt"},
        {"\xCE\xBC"
         "A",
         1e-6, "amp"},
        {"s", 1, "second"},
        {"msec", 1e-3, "second"},
        {"ms", 1e-3, "second"},
        {"fF", 1e-15, "farad"},
        {"MOhm", 1e6, "ohm"},
        {"M\xCE\xA9", 1e6, "ohm"},
        {"G\xE2\x84\xA6", 1e9, "ohm"},
        {"A", 1, "amp"},
        {"pA", 1e-12, "amp"},
        {"S", 1, "siemens"},
        {"millivolts", 1e-3, "volt"},
        {"seconds", 1, "second"},
        {"kV", 1e3, "volt"},
        {"A/F", 1, "volt / second"},
        {"pA/pF", 1, "volt / second"},
        {"kg", 1, "kilogram"},
        {"nanoamps", 1e-9, "amp"},
        {"mS/cm^2", 10, "siemens / metre ** 2"},
        {"GHz", 1e9, "hertz"},
    };
    for (const auto& [text, scale, dimension] : cases) {
        const Unit unit = parse_recorded_unit(text);
        EXPECT_NEAR(unit.scale / scale, 1, 1e-15) << text;
        EXPECT_EQ(unit.dimension.name(), dimension) << text;
        EXPECT_EQ(unit.name, text);
    }
    EXPECT_THROW((void)parse_recorded_unit("3"), UnitError);
    EXPECT_THROW((void)parse_recorded_unit("xyzzy"), UnitError);
}

VariableUnit variable(const std::string& text) {
    return parse_variable_unit(SourceText{"equations", text}, {0, text.size()});
}

TEST(ParseVariableUnit, BaseUnitsAndTypes) {
    for (const auto* name :
         {"amp",       "ampere",     "candle",  "lumen",     "coulomb", "farad", "gray",   "sievert",
          "henry",     "hertz",      "Hz",      "becquerel", "joule",   "katal", "kelvin", "kilogram",
          "kgram",     "kilogramme", "kgramme", "klitre",    "kliter",  "lux",   "metre",  "meter",
          "mmolar",    "mM",         "mole",    "mol",       "newton",  "ohm",   "pascal", "radian",
          "steradian", "second",     "siemens", "tesla",     "volt",    "watt",  "weber"}) {
        EXPECT_EQ(variable(name).dimension, find_unit(name)->dimension) << name;
    }
    EXPECT_EQ(variable("boolean").type, ValueType::boolean);
    EXPECT_EQ(variable(" integer ").type, ValueType::integer);
    EXPECT_EQ(variable("1").type, ValueType::real);
    EXPECT_TRUE(variable("volt/volt").dimension.dimensionless());
    EXPECT_EQ(variable("volt/(second*metre)").dimension, volt_per_second / metre);
    EXPECT_EQ(variable("1/second").dimension, variable("Hz").dimension);
    EXPECT_EQ(variable("second**-1").dimension, variable("Hz").dimension);
    EXPECT_EQ(variable("volt * second ** -1").dimension, volt_per_second);
    EXPECT_EQ(variable("volt**0.5").dimension, dimensions::volt.power(0.5));
}

TEST(ParseVariableUnit, UsesOnlyItsSpan) {
    const SourceText source{"model.eqs", "a : 1\nv : mV (constant)"};
    try {
        (void)parse_variable_unit(source, {10, 3});
        FAIL();
    } catch (const UnitError& error) {
        EXPECT_STREQ(error.what(),
                     "model.eqs:2:5: `mV` is not a base unit: variables are stored in base units\n"
                     "    v : mV (constant)\n"
                     "        ^~\n"
                     "hint: did you mean `volt`?");
    }
    EXPECT_TRUE(parse_variable_unit(source, {4, 1}).dimension.dimensionless());
    EXPECT_THROW((void)parse_variable_unit(source, {1000, 5}), UnitError);
}

// The whole message of every wrong text.
struct Wrong {
    std::string text;
    std::string message;
};

template <class Parse>
void expect_messages(const std::vector<Wrong>& cases, Parse parse) {
    for (const auto& [text, message] : cases) {
        try {
            parse(text);
            ADD_FAILURE() << "accepted: " << text;
        } catch (const UnitError& error) {
            EXPECT_EQ(error.what(), message) << text;
        }
    }
}

TEST(ParseQuantity, Errors) {
    expect_messages(
        {
            {"",
             "quantity:1:1: a number with a unit is missing here\n    \n    ^\nhint: for example `20 nS`, or `0.5` if "
             "dimensionless"},
            {"20 nX", "quantity:1:4: unknown unit `nX`\n    20 nX\n       ^~\nhint: did you mean `nA`?"},
            {"20 celsius",
             "quantity:1:4: unknown unit `celsius`\n    20 celsius\n       ^~~~~~~\nhint: a temperature in celsius is "
             "not a "
             "multiple of a unit: write `(T + 273.15)*kelvin`, or `kelvin` for a difference"},
            {"1,5 mV",
             "quantity:1:2: a decimal comma is not a number\n    1,5 mV\n     ^\nhint: write a decimal point: `1.5`"},
            {"1 2",
             "quantity:1:3: an operator is missing before this number\n    1 2\n      ^\nhint: write `*`, `/` or `**`"},
            {"1/5 ms",
             "quantity:1:5: a product without `*` after a division can be read in two ways\n    1/5 ms\n        "
             "^\nhint: write `*` "
             "if this multiplies, or put what is divided by in parentheses: `1/(5 ms)`"},
            {"1 mV + 2 mV",
             "quantity:1:6: `+` between two terms is not possible here\n    1 mV + 2 mV\n         ^\nhint: one number "
             "times "
             "units; work out the sum first"},
            {"(1 mV", "quantity:1:1: this `(` is never closed\n    (1 mV\n    ^"},
            {"1 mV)", "quantity:1:5: this `)` was never opened\n    1 mV)\n        ^"},
            {"1 mV *",
             "quantity:1:7: something is missing at the end\n    1 mV *\n          ^\nhint: a number, a unit or `(` "
             "must follow"},
            {"* mV", "quantity:1:1: unexpected `*`\n    * mV\n    ^\nhint: for example `20 nS`"},
            {"1 // 2", "quantity:1:3: unexpected `/`\n    1 // 2\n      ^\nhint: for example `20 nS`"},
            {"1e400", "quantity:1:1: this number is too large or too small\n    1e400\n    ^~~~~"},
            {"1e300*1e300", "quantity:1:6: the result is too large for a number\n    1e300*1e300\n         ^"},
            {"1/0", "quantity:1:2: division by zero\n    1/0\n     ^"},
            {"0**-1", "quantity:1:2: zero to a negative power\n    0**-1\n     ^"},
            {"(-8)**0.5", "quantity:1:5: the result is not a number\n    (-8)**0.5\n        ^~~~~"},
            {"0*inf", "quantity:1:2: the result is not a number\n    0*inf\n     ^"},
            {"2**mV", "quantity:1:4: an exponent is a plain number\n    2**mV\n       ^~"},
            {"volt**1e9", "quantity:1:5: the unit is raised to a power beyond 64\n    volt**1e9\n        ^~~~~"},
            {"nan mV", "quantity:1:1: unknown unit `nan`\n    nan mV\n    ^~~\nhint: a quantity is a number"},
            {".", "quantity:1:1: a `.` alone is not a number\n    .\n    ^"},
            {std::string("1\0", 2), "quantity:1:2: unexpected control character\n    1?\n     ^"},
        },
        [](const std::string& text) { (void)parse_quantity(text); });
}

TEST(ParseQuantity, DeepNestingIsAnErrorNotACrash) {
    for (const auto& text : {std::string(100000, '('), std::string(50, '(') + "1" + std::string(50, ')')}) {
        if (text.size() > 1000) {
            EXPECT_THROW((void)parse_quantity(text), UnitError);
        } else {
            EXPECT_EQ(parse_quantity(text).value, 1);
        }
    }
    std::string tower = "1";
    for (int i = 0; i < 100000; ++i) tower += "**1";
    EXPECT_THROW((void)parse_quantity(tower), UnitError);
    EXPECT_EQ(parse_quantity(std::string(100000, '-') + "1").value, 1);
}

TEST(ParseUnit, Errors) {
    expect_messages(
        {
            {"10 mV",
             "unit:1:1: a unit has no number\n    10 mV\n    ^~\nhint: `1` stands for dimensionless; use a unit with a "
             "prefix such as "
             "`mV` for other scales"},
            {"-mV", "unit:1:1: a unit has no sign\n    -mV\n    ^"},
            {" ", "unit:1:2: the unit is missing here\n     \n     ^\nhint: for example `mV`, or `1` if dimensionless"},
            {"inf", "unit:1:1: unknown unit `inf`\n    inf\n    ^~~"},
            {"mV[2]", "unit:1:3: unexpected `[`\n    mV[2]\n      ^\nhint: for example `mV`"},
            {"Ymetre**14", "unit:1:7: the result is too large for a number\n    Ymetre**14\n          ^~~~"},
            {"ymetre**14",
             "unit:1:1: the scale of this unit is too large or too small for a number\n    ymetre**14\n    ^~~~~~~~~~"},
        },
        [](const std::string& text) { (void)parse_unit(text); });
}

TEST(ParseVariableUnit, Errors) {
    const std::string base = " is not a base unit: variables are stored in base units\n    ";
    expect_messages(
        {
            {"mV", "equations:1:1: `mV`" + base + "mV\n    ^~\nhint: did you mean `volt`?"},
            {"gram", "equations:1:1: `gram`" + base + "gram\n    ^~~~\nhint: did you mean `kilogram`?"},
            {"molar", "equations:1:1: `molar`" + base + "molar\n    ^~~~~\nhint: did you mean `mmolar`?"},
            {"liter", "equations:1:1: `liter`" + base + "liter\n    ^~~~~\nhint: did you mean `metre ** 3`?"},
            {"metre2", "equations:1:1: `metre2`" + base + "metre2\n    ^~~~~~\nhint: did you mean `metre ** 2`?"},
            {"nS/cm2", "equations:1:1: `nS`" + base + "nS/cm2\n    ^~\nhint: did you mean `siemens`?"},
            {"bool", "equations:1:1: unknown unit `bool`\n    bool\n    ^~~~\nhint: did you mean `boolean`?"},
            {"float", "equations:1:1: unknown unit `float`\n    float\n    ^~~~~\nhint: did you mean `1`?"},
            {"V", "equations:1:1: unknown unit `V`\n    V\n    ^\nhint: did you mean `volt`?"},
            {"volts", "equations:1:1: unknown unit `volts`\n    volts\n    ^~~~~\nhint: did you mean `volt`?"},
            {"simens", "equations:1:1: unknown unit `simens`\n    simens\n    ^~~~~~\nhint: did you mean `siemens`?"},
            {"gargleblaster",
             "equations:1:1: unknown unit `gargleblaster`\n    gargleblaster\n    ^~~~~~~~~~~~~\nhint: base units are "
             "amp, volt, siemens, farad, "
             "ohm, second, hertz, metre, kilogram, kelvin, mole, mmolar, coulomb, joule, newton, ...; `1` if "
             "dimensionless"},
            {"2*volt",
             "equations:1:1: a unit has no number\n    2*volt\n    ^\nhint: `1` stands for dimensionless; use a unit "
             "with a prefix such "
             "as `mV` for other scales"},
            {"volt second",
             "equations:1:6: an operator is missing before this\n    volt second\n         ^\nhint: write `*` between "
             "units, as in "
             "`volt * second`"},
            {"volt^2",
             "equations:1:5: `^` is not an operator here\n    volt^2\n        ^\nhint: write `**` for a power"},
            {"boolean*volt",
             "equations:1:1: `boolean` cannot be combined with a unit\n    boolean*volt\n    ^~~~~~~\nhint: it stands "
             "alone"},
            {"volt + amp",
             "equations:1:6: `+` between two terms is not possible here\n    volt + amp\n         ^\nhint: only `*`, "
             "`/` and `**` "
             "combine units"},
            {"",
             "equations:1:1: the unit is missing here\n    \n    ^\nhint: for example `volt`, or `1` if dimensionless"},
        },
        [](const std::string& text) { (void)variable(text); });
}

}  // namespace
}  // namespace spikesmith
