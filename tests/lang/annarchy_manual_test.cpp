// Every neuron in docs/annarchy.md is accepted, and every one that is marked as wrong is refused.
#include <fstream>

#include "lang/model_file.hpp"
#include <gtest/gtest.h>

#include "spikesmith/lang/neuron_library.hpp"

namespace spikesmith {
namespace {

TEST(AnnarchyManual, ExamplesAreCorrect) {
    std::ifstream file(SPIKESMITH_TEST_DATA "/../../docs/annarchy.md");
    ASSERT_TRUE(file);
    std::size_t neurons = 0, wrong = 0, number = 0, start = 0;
    std::string kind, text;
    bool inside = false;
    for (std::string line; std::getline(file, line);) {
        ++number;
        if (!line.starts_with("```")) {
            if (inside) text += line + "\n";
            continue;
        }
        inside = !inside;
        if (inside) {
            kind = line.substr(3);
            text.clear();
            start = number;
            continue;
        }
        const auto neuron = test::annarchy_of(test::read_sections(text));
        if (kind == "neuron") {
            ++neurons;
            EXPECT_NO_THROW((void)parse_annarchy(neuron)) << "line " << start;
        } else {
            ++wrong;
            EXPECT_EQ(kind, "wrong") << "line " << start;
            EXPECT_THROW((void)parse_annarchy(neuron), ModelError) << "line " << start;
        }
    }
    EXPECT_GE(neurons, 6u);
    EXPECT_GE(wrong, 1u);
}

TEST(AnnarchyManual, ListsTheWholeLibrary) {
    std::ifstream file(SPIKESMITH_TEST_DATA "/../../docs/annarchy.md");
    std::stringstream text;
    text << file.rdbuf();
    for (const auto& neuron : neuron_library())
        EXPECT_NE(text.str().find("`" + neuron.name + "`"), std::string::npos) << neuron.name;
}

}  // namespace
}  // namespace spikesmith
