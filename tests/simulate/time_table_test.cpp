#include "spikesmith/simulate/time_table.hpp"

#include <functional>
#include <limits>
#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {
namespace {

constexpr double ms = 1e-3;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
using Kind = TimeInput::Kind;

// A program that reads these time inputs; those of `used` reach its only state.
UpdateProgram reader(std::vector<TimeInput> inputs, const std::vector<std::int32_t>& used = {}) {
    UpdateProgram program;
    program.dt = 1 * ms;
    program.time_inputs = std::move(inputs);
    Instruction sum;
    program.step.push_back(sum);
    for (const std::int32_t index : used) {
        Instruction read;
        read.source = Source::time_input;
        read.index = index;
        program.step.push_back(read);
        const auto read_id = static_cast<ValueId>(program.step.size() - 1);
        Instruction add;
        add.op = Op::add;
        add.args = {read_id - 1, read_id, no_value};
        program.step.push_back(add);
    }
    program.states.push_back({"x", {}, static_cast<ValueId>(program.step.size() - 1), no_value});
    return program;
}

Array2 rows(std::size_t n_rows, std::vector<double> values) {
    Array2 array;
    array.rows = n_rows;
    array.columns = values.size() / n_rows;
    array.values = std::move(values);
    return array;
}

std::string message_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const DataError& error) {
        return error.what();
    }
    return "no error";
}

TEST(TimeTable, ReadsInputsAtTheirOffsetsAndTargetsAtTheStep) {
    const UpdateProgram program =
        reader({{Kind::input, "I", 0}, {Kind::input, "I", 0.5}, {Kind::input, "I", 1}, {Kind::target, "v", 0}});
    EnsembleData data{.n_traces = 1, .n_steps = 3};
    data.inputs["I"] = {1 * ms, rows(1, {10, 20, 30})};
    data.targets["v"] = {1 * ms, rows(1, {1, 2, 3})};
    const TimeTable table = expand_time_inputs(program, data);
    EXPECT_EQ(table.values, (std::vector<double>{10, 10, 20, 1, 20, 20, 30, 2, 30, 30, 30, 3}));
}

TEST(TimeTable, ReadsAHalfStepFromAFinerSeries) {
    const UpdateProgram program = reader({{Kind::input, "I", 0}, {Kind::input, "I", 0.5}});
    EnsembleData data{.n_traces = 1, .n_steps = 2};
    data.inputs["I"] = {0.25 * ms, rows(1, {0, 1, 2, 3, 4, 5, 6, 7})};
    EXPECT_EQ(expand_time_inputs(program, data).values, (std::vector<double>{0, 2, 4, 6}));
}

TEST(TimeTable, IsSharedOnlyIfOneRowServesAllTraces) {
    const UpdateProgram program = reader({{Kind::input, "I", 0}, {Kind::input, "J", 0}});
    EnsembleData data{.n_traces = 2, .n_steps = 2};
    data.inputs["I"] = {1 * ms, rows(1, {1, 2})};
    data.inputs["J"] = {1 * ms, rows(1, {3, 4})};
    const TimeTable shared = expand_time_inputs(program, data);
    EXPECT_EQ(shared.n_tables, 1U);
    EXPECT_EQ(shared.rows(0), shared.rows(1));

    data.inputs["J"].values = rows(2, {3, 4, 5, 6});
    const TimeTable separate = expand_time_inputs(program, data);
    EXPECT_EQ(separate.n_tables, 2U);
    EXPECT_EQ(separate.values, (std::vector<double>{1, 3, 2, 4, 1, 5, 2, 6}));
}

TEST(TimeTable, ReadsSeriesThatLieInTheMemoryOfOthers) {
    EnsembleData data{.n_traces = 2, .n_steps = 3};
    auto numbers = std::make_shared<std::vector<double>>(std::vector<double>{1, 2, 3, 4, 5, 6});
    TimeSeries series{.dt = 1 * ms};
    series.values.rows = 2;
    series.values.columns = 3;
    series.memory = {numbers, numbers->data()};
    const std::weak_ptr<std::vector<double>> watched = numbers;
    data.inputs["I"] = series;
    EXPECT_EQ(expand_time_inputs(reader({{Kind::input, "I", 0}, {Kind::input, "I", 0}}), data).values,
              (std::vector<double>{1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6}));
    // halfway through the step it is still the same sample, but only whole steps are read in place
    EXPECT_EQ(expand_time_inputs(reader({{Kind::input, "I", 0.5}}), data).values,
              (std::vector<double>{1, 2, 3, 4, 5, 6}));

    const UpdateProgram program = reader({{Kind::input, "I", 0}});
    {
        const TimeTable table = expand_time_inputs(program, data);
        EXPECT_TRUE(table.values.empty());
        EXPECT_EQ(table.rows(0), numbers->data());
        EXPECT_EQ(table.rows(1), numbers->data() + 3);
        EXPECT_EQ(table.first_row(1).front(), 4);
        numbers.reset();
        series = {};
        data.inputs.clear();
        EXPECT_FALSE(watched.expired());
    }
    EXPECT_TRUE(watched.expired());
}

TEST(TimeTable, RefusesBadNumbersInTheMemoryOfOthersToo) {
    EnsembleData data{.n_traces = 1, .n_steps = 2};
    const auto numbers = std::make_shared<std::vector<double>>(std::vector<double>{1, nan});
    TimeSeries series{.dt = 1 * ms};
    series.values.rows = 1;
    series.values.columns = 2;
    series.memory = {numbers, numbers->data()};
    data.inputs["I"] = series;
    EXPECT_THAT(message_of([&] {
                    (void)expand_time_inputs(reader({{Kind::input, "I", 0}}), data);
                }),
                testing::HasSubstr("input `I` is nan at t = 0.001 s in trace 1"));
}

TEST(TimeTable, TakesGapsOfATargetWhereItsWeightIsZero) {
    const UpdateProgram program = reader({{Kind::target, "v", 0}, {Kind::weight, "v", 0}});
    EnsembleData data{.n_traces = 1, .n_steps = 3};
    data.targets["v"] = {1 * ms, rows(1, {nan, 5, 6})};
    data.weights["v"] = {1 * ms, rows(1, {0, 0, 1})};
    EXPECT_EQ(expand_time_inputs(program, data).values, (std::vector<double>{0, 0, 5, 0, 6, 1}));

    data.weights["v"].values(0, 0) = 1;
    EXPECT_THAT(message_of([&] { (void)expand_time_inputs(program, data); }),
                testing::AllOf(testing::HasSubstr("target of `v` is nan at t = 0 s in trace 1"),
                               testing::HasSubstr("weight 0")));
}

TEST(TimeTable, RefusesGapsOfATargetThatTheModelReads) {
    const UpdateProgram program = reader({{Kind::target, "v", 0}, {Kind::weight, "v", 0}}, {0});
    EnsembleData data{.n_traces = 1, .n_steps = 2};
    data.targets["v"] = {1 * ms, rows(1, {1, nan})};
    data.weights["v"] = {1 * ms, rows(1, {1, 0})};
    EXPECT_THAT(message_of([&] { (void)expand_time_inputs(program, data); }),
                testing::HasSubstr("the model itself reads it"));
}

TEST(TimeTable, SaysWhatIsWrongWithTheData) {
    const UpdateProgram program = reader({{Kind::input, "I_stim", 0}, {Kind::weight, "v", 0}});
    EnsembleData good{.n_traces = 2, .n_steps = 2};
    good.inputs["I_stim"] = {1 * ms, rows(2, {1, 2, 3, 4})};
    good.weights["v"] = {1 * ms, rows(1, {1, 1})};
    EXPECT_NO_THROW((void)expand_time_inputs(program, good));

    const auto message_after = [&](const std::function<void(EnsembleData&)>& spoil) {
        EnsembleData data = good;
        spoil(data);
        return message_of([&] { (void)expand_time_inputs(program, data); });
    };
    using testing::AllOf;
    using testing::HasSubstr;
    EXPECT_THAT(message_after([](EnsembleData& d) {
                    auto node = d.inputs.extract("I_stim");
                    node.key() = "I_stin";
                    d.inputs.insert(std::move(node));
                }),
                AllOf(HasSubstr("no data for the input `I_stim`"), HasSubstr("did you mean `I_stin`?")));
    EXPECT_THAT(message_after([](EnsembleData& d) { d.inputs["I_stim"].dt = 0; }),
                HasSubstr("sampling interval of the input `I_stim` is 0 s"));
    EXPECT_THAT(message_after([](EnsembleData& d) {
                    d.inputs["I_stim"].values = rows(3, {1, 2, 3});
                }),
                HasSubstr("the input `I_stim` has 3 rows for 2 traces"));
    EXPECT_THAT(message_after([](EnsembleData& d) { d.inputs["I_stim"].values = {}; }), HasSubstr("no samples"));
    EXPECT_THAT(message_after([](EnsembleData& d) { d.inputs["I_stim"].values(1, 1) = nan; }),
                HasSubstr("input `I_stim` is nan at t = 0.001 s in trace 2"));
    EXPECT_THAT(message_after([](EnsembleData& d) { d.weights["v"].values(0, 1) = -1; }),
                HasSubstr("weight of `v` is -1"));
    EXPECT_THAT(message_after([](EnsembleData& d) { d.n_steps = 0; }), HasSubstr("no time steps"));
    EXPECT_THAT(message_after([](EnsembleData& d) { d.n_traces = 0; }), HasSubstr("no traces"));
}

}  // namespace
}  // namespace spikesmith
