// The unit table against the SI brochure and Brian 2's names.
#include "spikesmith/units/units.hpp"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spikesmith {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

const Dimension ohm = dimensions::none / dimensions::siemens;
const Dimension farad = dimensions::siemens * dimensions::second;
const Dimension metre{{1, 0, 0, 0, 0, 0, 0}};
const Dimension mole{{0, 0, 0, 0, 0, 1, 0}};

struct Expected {
    std::string name;
    double scale;
    Dimension dimension;
};

TEST(UnitTable, ShortNamesAreThe28OfBrian) {
    const std::vector<Expected> expected{{"mV", 1e-3, dimensions::volt},
                                         {"mA", 1e-3, dimensions::ampere},
                                         {"uA", 1e-6, dimensions::ampere},
                                         {"nA", 1e-9, dimensions::ampere},
                                         {"pA", 1e-12, dimensions::ampere},
                                         {"pF", 1e-12, farad},
                                         {"uF", 1e-6, farad},
                                         {"nF", 1e-9, farad},
                                         {"nS", 1e-9, dimensions::siemens},
                                         {"uS", 1e-6, dimensions::siemens},
                                         {"mS", 1e-3, dimensions::siemens},
                                         {"ms", 1e-3, dimensions::second},
                                         {"us", 1e-6, dimensions::second},
                                         {"Hz", 1, dimensions::second.power(-1)},
                                         {"kHz", 1e3, dimensions::second.power(-1)},
                                         {"MHz", 1e6, dimensions::second.power(-1)},
                                         {"cm", 1e-2, metre},
                                         {"cm2", 1e-4, metre.power(2)},
                                         {"cm3", 1e-6, metre.power(3)},
                                         {"mm", 1e-3, metre},
                                         {"mm2", 1e-6, metre.power(2)},
                                         {"mm3", 1e-9, metre.power(3)},
                                         {"um", 1e-6, metre},
                                         {"um2", 1e-12, metre.power(2)},
                                         {"um3", 1e-18, metre.power(3)},
                                         {"mM", 1, mole / metre.power(3)},
                                         {"uM", 1e-3, mole / metre.power(3)},
                                         {"nM", 1e-6, mole / metre.power(3)}};
    ASSERT_EQ(expected.size(), 28U);
    for (const auto& [name, scale, dimension] : expected) {
        const Unit* unit = find_unit(name);
        ASSERT_NE(unit, nullptr) << name;
        EXPECT_EQ(unit->name, name);
        EXPECT_EQ(unit->scale, scale) << name;
        EXPECT_EQ(unit->dimension, dimension) << name;
    }
}

TEST(UnitTable, PrefixesScaleByPowersOfTen) {
    const std::vector<std::pair<std::string, double>> prefixes{
        {"y", 1e-24}, {"z", 1e-21}, {"a", 1e-18}, {"f", 1e-15}, {"p", 1e-12}, {"n", 1e-9}, {"u", 1e-6}, {"m", 1e-3},
        {"k", 1e3},   {"M", 1e6},   {"G", 1e9},   {"T", 1e12},  {"P", 1e15},  {"E", 1e18}, {"Z", 1e21}, {"Y", 1e24}};
    for (const auto& [letter, scale] : prefixes) {
        ASSERT_NE(find_unit(letter + "volt"), nullptr) << letter;
        EXPECT_EQ(find_unit(letter + "volt")->scale, scale);
        EXPECT_NEAR(find_unit(letter + "ohm2")->scale / (scale * scale), 1, 1e-15);
        EXPECT_NEAR(find_unit(letter + "meter3")->scale / (scale * scale * scale), 1, 1e-15);
        EXPECT_NEAR(find_unit(letter + "gram")->scale / (scale * 1e-3), 1, 1e-15);
        EXPECT_NEAR(find_unit(letter + "molar")->scale / (scale * 1e3), 1, 1e-15);
    }
    // centi, deci, deca and hecto only for litres
    EXPECT_EQ(find_unit("cvolt"), nullptr);
    EXPECT_EQ(find_unit("cmetre"), nullptr);
    EXPECT_EQ(find_unit("clitre")->scale, 1e-5);
    EXPECT_EQ(find_unit("dliter")->scale, 1e-4);
    EXPECT_EQ(find_unit("dalitre")->scale, 1e-2);
    EXPECT_EQ(find_unit("hlitre")->scale, 1e-1);
    EXPECT_EQ(find_unit("litre2"), nullptr);
    // no prefixes for kelvin and kilogram
    EXPECT_EQ(find_unit("mkelvin"), nullptr);
    EXPECT_EQ(find_unit("mkilogram"), nullptr);
}

TEST(UnitTable, ValuesOfBrian) {
    EXPECT_EQ(find_unit("molar")->scale, 1000);
    EXPECT_EQ(find_unit("molar")->dimension, mole / metre.power(3));
    EXPECT_EQ(find_unit("mmolar")->scale, 1);
    EXPECT_EQ(find_unit("litre")->scale, 1e-3);
    EXPECT_EQ(find_unit("klitre")->scale, 1);
    EXPECT_EQ(find_unit("gram")->scale, 1e-3);
    EXPECT_EQ(find_unit("kgramme")->scale, 1);
    EXPECT_EQ(find_unit("umetre2")->scale, 1e-12);
    EXPECT_EQ(find_unit("mvolt2")->dimension, dimensions::volt.power(2));
    EXPECT_TRUE(find_unit("radian")->dimension.dimensionless());
    EXPECT_EQ(find_unit("katal")->dimension, mole / dimensions::second);
    EXPECT_EQ(find_unit("weber")->dimension, dimensions::volt * dimensions::second);
    EXPECT_EQ(find_unit("tesla")->dimension * metre.power(2), find_unit("weber")->dimension);
    EXPECT_EQ(find_unit("henry")->dimension, ohm * dimensions::second);
    EXPECT_EQ(find_unit("watt")->dimension, dimensions::volt * dimensions::ampere);
    EXPECT_EQ(find_unit("joule")->dimension, find_unit("newton")->dimension * metre);
    EXPECT_EQ(find_unit("pascal")->dimension, find_unit("newton")->dimension / metre.power(2));
    EXPECT_EQ(find_unit("gray")->dimension, find_unit("joule")->dimension / find_unit("kilogram")->dimension);
    EXPECT_EQ(find_unit("coulomb")->dimension, dimensions::ampere * dimensions::second);
}

TEST(UnitTable, EveryNameOnceAndFindable) {
    const auto& names = unit_names();
    // 32 plain units times 17 prefixes times 3 powers, 3 without prefixes times 3 powers, 2 litres times 21, 28 short names
    EXPECT_EQ(names.size(), 32U * 17 * 3 + 3 * 3 + 2 * 21 + 28);
    EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
    for (const auto& name : names) ASSERT_NE(find_unit(name), nullptr) << name;
    EXPECT_THAT(names, Not(Contains("celsius")));
}

TEST(UnitTable, NamesThatDoNotExist) {
    for (const auto* name : {"", "fF", "mF", "ns", "GHz", "minute", "celsius", "V", "mV ", "MV", "volt4", "nano"}) {
        EXPECT_EQ(find_unit(name), nullptr) << name;
    }
}

TEST(UnitTable, Hints) {
    EXPECT_EQ(unknown_unit_hint("V"), "did you mean `volt`?");
    EXPECT_EQ(unknown_unit_hint("s"), "did you mean `second`?");
    EXPECT_EQ(unknown_unit_hint("fF"), "did you mean `ffarad`?");
    EXPECT_EQ(unknown_unit_hint("ns"), "did you mean `nsecond`?");
    EXPECT_EQ(unknown_unit_hint("\xC2\xB5V"), "did you mean `uvolt`?");
    EXPECT_EQ(unknown_unit_hint("M\xCE\xA9"), "did you mean `Mohm`?");
    EXPECT_EQ(unknown_unit_hint("msec"), "did you mean `ms`?");
    EXPECT_EQ(unknown_unit_hint("siemen"), "did you mean `siemens`?");
    EXPECT_EQ(unknown_unit_hint("mv"), "did you mean `mV`?");
    EXPECT_EQ(unknown_unit_hint("minute"), "write `60*second`");
    EXPECT_THAT(unknown_unit_hint("celsius"), HasSubstr("kelvin"));
    EXPECT_EQ(unknown_unit_hint("gargleblaster"), "");
}

TEST(Dimension, Algebra) {
    EXPECT_TRUE((dimensions::volt / dimensions::volt).dimensionless());
    EXPECT_EQ(dimensions::volt * dimensions::siemens, dimensions::ampere);
    EXPECT_EQ(dimensions::volt.power(0.5) * dimensions::volt.power(0.5), dimensions::volt);
    EXPECT_EQ(dimensions::volt.power(1.0 / 3).power(3), dimensions::volt);
    EXPECT_FALSE(dimensions::volt == dimensions::volt.power(0.999));
}

TEST(Dimension, NamesInWordsAUserKnows) {
    const std::vector<std::pair<Dimension, std::string>> expected{
        {dimensions::none, "1"},
        {dimensions::volt, "volt"},
        {dimensions::siemens, "siemens"},
        {dimensions::ampere, "amp"},
        {ohm, "ohm"},
        {farad, "farad"},
        {dimensions::second, "second"},
        {dimensions::second.power(-1), "hertz"},
        {dimensions::second.power(-0.5), "1 / second ** 0.5"},
        {dimensions::volt / dimensions::second, "volt / second"},
        {dimensions::siemens / metre.power(2), "siemens / metre ** 2"},
        {farad / metre.power(2), "farad / metre ** 2"},
        {dimensions::ampere / metre.power(2), "amp / metre ** 2"},
        {dimensions::ampere / dimensions::second, "amp / second"},
        {dimensions::volt.power(2), "volt ** 2"},
        {dimensions::volt.power(0.5), "volt ** 0.5"},
        {dimensions::volt / dimensions::second.power(0.5), "volt / second ** 0.5"},
        {dimensions::volt.power(-1), "1 / volt"},
        {dimensions::volt * dimensions::second, "volt * second"},
        {metre / dimensions::second, "metre / second"},
        {metre.power(3), "metre ** 3"},
        {mole / metre.power(3), "mmolar"},
        {mole / dimensions::second, "mole / second"},
        {ohm * metre.power(2), "ohm * metre ** 2"},
        {Dimension{{2, 1, 0, 0, 0, 0, 0}}, "kilogram * metre ** 2"},
        {Dimension{{3, 1, -1, 0, 2, 0, 1}}, "metre ** 3 * kilogram * kelvin ** 2 * candle / second"},
    };
    for (const auto& [dimension, name] : expected) {
        EXPECT_EQ(dimension.name(), name);
        EXPECT_EQ(parse_unit(name).dimension, dimension) << name;
        const SourceText source{"t", name};
        EXPECT_EQ(parse_variable_unit(source, {0, name.size()}).dimension, dimension) << name;
    }
}

}  // namespace
}  // namespace spikesmith
