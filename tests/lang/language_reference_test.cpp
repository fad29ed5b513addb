// Every example in docs/language.md is accepted, and every one that is marked as wrong is refused.
#include <fstream>

#include "lang/model_file.hpp"
#include <gtest/gtest.h>

namespace spikesmith {
namespace {

struct Example {
    std::size_t line = 0;
    std::string kind;  // after the three quotes
    std::string text;
};

std::vector<Example> examples() {
    std::ifstream file(SPIKESMITH_TEST_DATA "/../../docs/language.md");
    std::vector<Example> out;
    bool inside = false;
    std::size_t number = 0;
    for (std::string line; std::getline(file, line);) {
        ++number;
        if (line.starts_with("```")) {
            inside = !inside;
            if (inside) out.push_back({number, line.substr(3), {}});
        } else if (inside) {
            out.back().text += line + "\n";
        }
    }
    return out;
}

TEST(LanguageReference, ExamplesAreCorrect) {
    std::size_t models = 0;
    std::size_t wrong = 0;
    for (const auto& example : examples()) {
        if (example.kind == "model") {
            ++models;
            EXPECT_NO_THROW((void)parse_brian(test::model_of(test::read_sections("[equations]\n" + example.text))))
                << "line " << example.line;
        } else if (example.kind == "wrong") {
            ++wrong;
            EXPECT_THROW((void)parse_brian(test::model_of(test::read_sections("[equations]\n" + example.text))), Error)
                << "line " << example.line;
        } else {
            EXPECT_EQ(example.kind, "text") << "line " << example.line;
        }
    }
    EXPECT_GE(models, 10u);
    EXPECT_GE(wrong, 1u);
}

}  // namespace
}  // namespace spikesmith
