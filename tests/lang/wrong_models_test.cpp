// Every file in tests/data/wrong_models is a wrong model in Brian's language with the whole message that it must give, every file in
// tests/data/wrong_annarchy one in ANNarchy's.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include "lang/model_file.hpp"
#include <gtest/gtest.h>

namespace spikesmith {
namespace {

constexpr const char* brian_folder = SPIKESMITH_TEST_DATA "/wrong_models";
constexpr const char* annarchy_folder = SPIKESMITH_TEST_DATA "/wrong_annarchy";

std::vector<std::filesystem::path> files_in(const char* folder) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
    std::ranges::sort(files);
    return files;
}

TEST(WrongModels, AreMany) {
    EXPECT_GE(files_in(brian_folder).size(), 120U);
    EXPECT_GE(files_in(annarchy_folder).size(), 90U);
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
        if (GetParam().parent_path() == brian_folder) {
            (void)parse_brian(test::model_of(sections));
        } else {
            (void)parse_annarchy(test::annarchy_of(sections));
        }
    } catch (const Error& error) {
        message = error.what();
    }
    EXPECT_EQ(message, sections.at("message"));
}

const auto stem = [](const auto& file) { return file.param.stem().string(); };
INSTANTIATE_TEST_SUITE_P(Brian, WrongModel, testing::ValuesIn(files_in(brian_folder)), stem);
INSTANTIATE_TEST_SUITE_P(Annarchy, WrongModel, testing::ValuesIn(files_in(annarchy_folder)), stem);

}  // namespace
}  // namespace spikesmith
