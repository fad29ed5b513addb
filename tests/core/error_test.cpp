// Messages with a position: line, column, caret, hint.
#include "spikesmith/core/error.hpp"

#include <gtest/gtest.h>

namespace spikesmith {
namespace {

TEST(Diagnose, ShowsTheLineWithACaretAndAHint) {
    const SourceText source{"model.eqs", "dv/dt = -v/tau : volt\ndw/dt = -x/tau : amp"};
    EXPECT_EQ(render(diagnose(source, {.offset = 31, .length = 1}, "unknown name `x`", "did you mean `w`?")),
              "model.eqs:2:10: unknown name `x`\n"
              "    dw/dt = -x/tau : amp\n"
              "             ^\n"
              "hint: did you mean `w`?");
}

TEST(Diagnose, UnderlinesToTheEndOfTheSpanButNotBeyondTheLine) {
    const SourceText source{"", "a + bcd\nnext"};
    EXPECT_EQ(render(diagnose(source, {.offset = 4, .length = 30}, "wrong")),
              "line 1:5: wrong\n    a + bcd\n        ^~~");
}

TEST(Diagnose, CountsCharactersNotBytes) {
    const SourceText source{"text", "µ = \"größe\" + y"};
    const auto at_y = source.text.find('y');
    EXPECT_EQ(render(diagnose(source, {.offset = at_y, .length = 1}, "wrong")),
              "text:1:15: wrong\n"
              "    µ = \"größe\" + y\n"
              "                  ^");
}

TEST(Diagnose, CutsVeryLongLinesAroundTheCaret) {
    const SourceText source{"text", std::string(500, 'a') + "?" + std::string(500, 'b')};
    const auto message = render(diagnose(source, {.offset = 500, .length = 1}, "wrong"));
    EXPECT_LT(message.size(), 400U);
    const auto lines = message.substr(message.find('\n') + 1);
    EXPECT_EQ(lines[lines.substr(lines.find('\n') + 1).find('^')], '?');
}

TEST(Diagnose, SurvivesPositionsBeyondTheTextAndControlCharacters) {
    EXPECT_NO_THROW((void)render(diagnose({"t", ""}, {.offset = 9, .length = 9}, "wrong")));
    EXPECT_EQ(render(diagnose({"t", "a\tb\x01"}, {.offset = 2, .length = 1}, "wrong")),
              "t:1:3: wrong\n    a b?\n      ^");
}

TEST(Nearest, FindsSlipsOnly) {
    const std::vector<std::string> names{"siemens", "second", "gL", "tau"};
    EXPECT_EQ(did_you_mean("siemns", names), "did you mean `siemens`?");
    EXPECT_EQ(did_you_mean("gl", names), "did you mean `gL`?");
    EXPECT_EQ(did_you_mean("conductance", names), "");
}

}  // namespace
}  // namespace spikesmith
