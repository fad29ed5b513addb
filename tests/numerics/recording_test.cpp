// What is recorded for a backward sweep, and what it computes again.
#include "spikesmith/numerics/recording.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "spikesmith/numerics/program_builder.hpp"

namespace spikesmith {
namespace {

TEST(Recording, TakesStatesAndWhatIsDear) {
    Code code;
    ProgramBuilder b(code);
    const ValueId x = b.source(Source::state, 0, Stage::step), p = b.source(Source::parameter, 0, Stage::parameter);
    const ValueId product = b.multiply(x, p), e = b.apply(Op::exp, product), sum = b.add(e, x);
    EXPECT_EQ(values_to_record(code, {x, product, e, sum}), (std::vector<ValueId>{x, e}));
    // nobody reads the function itself: its result is enough, and the state behind it is not needed
    EXPECT_EQ(values_to_record(code, {e}), (std::vector<ValueId>{e}));
}

TEST(Recording, LeavesWhatIsAtHand) {
    Code code;
    ProgramBuilder b(code);
    const ValueId p = b.source(Source::parameter, 0, Stage::parameter);
    const ValueId input = b.source(Source::time_input, 0, Stage::time);
    const ValueId once = b.apply(Op::exp, p), shared = b.add(input, b.number(1));
    EXPECT_TRUE(values_to_record(code, {once, shared, p, input}).empty());
}

TEST(Recording, TakesOneResultInsteadOfManyParts) {
    Code code;
    ProgramBuilder b(code);
    ValueId sum = b.source(Source::state, 0, Stage::step);
    for (std::int32_t s = 1; s < 4; ++s) sum = b.add(sum, b.source(Source::state, s, Stage::step));
    EXPECT_EQ(values_to_record(code, {sum}), std::vector<ValueId>{sum});
}

TEST(Recording, ComputesConditionsAgain) {
    Code code;
    ProgramBuilder b(code);
    const ValueId x = b.source(Source::state, 0, Stage::step);
    const ValueId above = b.apply(Op::greater, b.apply(Op::exp, x), b.number(2));
    const auto recorded = values_to_record(code, {above});
    EXPECT_EQ(std::count(recorded.begin(), recorded.end(), above), 0);
    EXPECT_EQ(recorded.size(), 1U);
}

}  // namespace
}  // namespace spikesmith
