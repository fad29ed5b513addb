// Every file in tests/data/wrong_annarchy is a wrong neuron in ANNarchy's language with the whole message that it must give.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include "lang/annarchy_file.hpp"
#include <gtest/gtest.h>

namespace spikesmith {
namespace {

std::vector<std::filesystem::path> wrong_neurons() {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(SPIKESMITH_TEST_DATA "/wrong_annarchy"))
        files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}

TEST(WrongAnnarchyNeurons, AreMany) {
    EXPECT_GE(wrong_neurons().size(), 90u);
}

class WrongAnnarchyNeuron : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(WrongAnnarchyNeuron, GivesExactlyThisMessage) {
    std::ifstream file(GetParam());
    std::stringstream text;
    text << file.rdbuf();
    const auto sections = test::read_sections(text.str());
    ASSERT_TRUE(sections.contains("message"));
    std::string message = "accepted";
    try {
        (void)parse_annarchy(test::annarchy_of(sections));
    } catch (const Error& error) {
        message = error.what();
    }
    EXPECT_EQ(message, sections.at("message"));
}

INSTANTIATE_TEST_SUITE_P(Files, WrongAnnarchyNeuron, testing::ValuesIn(wrong_neurons()),
                         [](const auto& file) { return file.param.stem().string(); });

}  // namespace
}  // namespace spikesmith
