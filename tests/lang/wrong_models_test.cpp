// Every file in tests/data/wrong_models is a wrong model with the whole message that it must give.
#include <filesystem>
#include <fstream>

#include "lang/model_file.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spikesmith {
namespace {

std::vector<std::filesystem::path> wrong_models() {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(SPIKESMITH_TEST_DATA "/wrong_models"))
        files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}

TEST(WrongModels, AreMany) {
    EXPECT_GE(wrong_models().size(), 120u);
}

class WrongModel : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(WrongModel, GivesExactlyThisMessage) {
    std::ifstream file(GetParam());
    std::stringstream text;
    text << file.rdbuf();
    const auto sections = test::read_sections(text.str());
    ASSERT_TRUE(sections.contains("message"));
    std::string message = "accepted";
    try {
        (void)parse_brian(test::model_of(sections));
    } catch (const Error& error) {
        message = error.what();
    }
    EXPECT_EQ(message, sections.at("message"));
}

INSTANTIATE_TEST_SUITE_P(Files, WrongModel, testing::ValuesIn(wrong_models()),
                         [](const auto& file) { return file.param.stem().string(); });

}  // namespace
}  // namespace spikesmith
