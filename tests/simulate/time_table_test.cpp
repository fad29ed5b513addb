#include "spikesmith/simulate/time_table.hpp"

#include <algorithm>
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

// All inputs of a trace, step after step, looked at `together` steps at a time.
std::vector<double> all_rows(const TimeTable& table, std::size_t n_inputs, std::size_t trace, std::size_t n_steps,
                             std::size_t together) {
    std::vector<double> values;
    TimeTable::Window window;
    for (std::size_t first = 0; first < n_steps; first += together) {
        const std::size_t n = std::min(together, n_steps - first);
        const double* const* inputs = table.look(trace, first, n, window);
        for (std::size_t k = 0; k < n; ++k) {
            for (std::size_t j = 0; j < n_inputs; ++j) values.push_back(inputs[j][k]);
        }
    }
    return values;
}

std::vector<double> all_rows(const UpdateProgram& program, const EnsembleData& data, std::size_t trace = 0) {
    const TimeTable table(program, data);
    const std::size_t n_inputs = program.time_inputs.size();
    std::vector<double> values = all_rows(table, n_inputs, trace, data.n_steps, data.n_steps);
    for (const std::size_t together : {1U, 2U, 7U})
        EXPECT_EQ(all_rows(table, n_inputs, trace, data.n_steps, together), values) << together;
    for (std::size_t k = 0; k < data.n_steps; ++k) {
        const auto row = values.begin() + static_cast<std::ptrdiff_t>(k * n_inputs);
        EXPECT_EQ(table.row(trace, k), std::vector<double>(row, row + static_cast<std::ptrdiff_t>(n_inputs))) << k;
    }
    return values;
}

TEST(TimeTable, ReadsInputsAtTheirOffsetsAndTargetsAtTheStep) {
    const UpdateProgram program =
        reader({{Kind::input, "I", 0}, {Kind::input, "I", 0.5}, {Kind::input, "I", 1}, {Kind::target, "v", 0}});
    EnsembleData data{.n_traces = 1, .n_steps = 3};
    data.inputs["I"] = {1 * ms, rows(1, {10, 20, 30})};
    data.targets["v"] = {1 * ms, rows(1, {1, 2, 3})};
    EXPECT_EQ(all_rows(program, data), (std::vector<double>{10, 10, 20, 1, 20, 20, 30, 2, 30, 30, 30, 3}));
    const TimeTable table(program, data);
    EXPECT_TRUE(table.read_in_place(0));
    EXPECT_TRUE(table.read_in_place(1));  // halfway through the step it is still the same sample
    EXPECT_FALSE(table.read_in_place(2));
    EXPECT_TRUE(table.read_in_place(3));
}

TEST(TimeTable, ReadsAHalfStepFromAFinerSeries) {
    const UpdateProgram program = reader({{Kind::input, "I", 0}, {Kind::input, "I", 0.5}});
    EnsembleData data{.n_traces = 1, .n_steps = 2};
    data.inputs["I"] = {0.25 * ms, rows(1, {0, 1, 2, 3, 4, 5, 6, 7})};
    EXPECT_EQ(all_rows(program, data), (std::vector<double>{0, 2, 4, 6}));
}

TEST(TimeTable, ReadsCoarseSeriesByTheRuleOfSampleIndex) {
    const UpdateProgram program = reader({{Kind::input, "I", 0}, {Kind::weight, "v", 0}, {Kind::input, "J", 1}});
    EnsembleData data{.n_traces = 2, .n_steps = 1000};
    data.inputs["I"] = {
        .dt = 33.3 * ms, .values = rows(2, {1, 2, 3, 4, 5, 6, 7, 8}), .trace_dt = {33.3 * ms, 250 * ms}};
    data.weights["v"] = {123 * ms, rows(1, {0, 0.25})};
    data.inputs["J"] = {3 * ms, rows(1, {1, 2, 3, 4, 5, 6, 7})};
    const TimeTable table(program, data);
    EXPECT_TRUE(table.read_in_place(0));
    EXPECT_TRUE(table.read_in_place(1));
    for (std::size_t trace = 0; trace < 2; ++trace) {
        std::vector<double> expected;
        for (std::size_t k = 0; k < 1000; ++k) {
            const double t = static_cast<double>(k) * program.dt;
            const double interval = data.inputs["I"].trace_dt[trace];
            expected.push_back(data.inputs["I"].values(trace, sample_index(t, interval, program.dt, 4)));
            expected.push_back(k < 123 ? 0 : 0.25);
            expected.push_back(data.inputs["J"].values(
                0, sample_index((static_cast<double>(k) + 1) * program.dt, 3 * ms, program.dt, 7)));
        }
        EXPECT_EQ(all_rows(program, data, trace), expected);
    }
}

TEST(TimeTable, TracesHaveTheirOwnRowsOrShareOne) {
    const UpdateProgram program = reader({{Kind::input, "I", 0}, {Kind::input, "J", 0}});
    EnsembleData data{.n_traces = 2, .n_steps = 2};
    data.inputs["I"] = {1 * ms, rows(1, {1, 2})};
    data.inputs["J"] = {1 * ms, rows(1, {3, 4})};
    EXPECT_EQ(all_rows(program, data, 0), all_rows(program, data, 1));

    data.inputs["J"].values = rows(2, {3, 4, 5, 6});
    EXPECT_EQ(all_rows(program, data, 0), (std::vector<double>{1, 3, 2, 4}));
    EXPECT_EQ(all_rows(program, data, 1), (std::vector<double>{1, 5, 2, 6}));
}

TEST(TimeTable, ReadsNumbersWhereTheyLie) {
    EnsembleData data{.n_traces = 2, .n_steps = 3};
    data.trace_steps = {3, 2};
    data.inputs["I"] = {1 * ms, rows(2, {1, 2, 3, 4, 5, 6})};
    data.targets["v"] = {.dt = 1 * ms, .values = rows(2, {1, 2, 3, nan, 5, nan}), .trace_samples = {3, 2}};
    data.weights["v"] = {1 * ms, rows(2, {1, 1, 1, 0, 1, 1})};
    const TimeTable table(reader({{Kind::target, "v", 0}, {Kind::weight, "v", 0}, {Kind::input, "I", 0}}), data);
    TimeTable::Window window;
    const double* const* first = table.look(0, 1, 2, window);
    EXPECT_EQ(first[0], data.targets["v"].values.row(0).data() + 1);
    EXPECT_EQ(first[1], data.weights["v"].values.row(0).data() + 1);
    EXPECT_EQ(first[2], data.inputs["I"].values.row(0).data() + 1);
    const double* const* second = table.look(1, 0, 2, window);
    EXPECT_NE(second[0], data.targets["v"].values.row(1).data());  // its gap was filled
    EXPECT_EQ(second[0][0], 0);
    EXPECT_EQ(second[0][1], 5);
    EXPECT_EQ(second[2], data.inputs["I"].values.row(1).data());
}

TEST(TimeTable, KeepsTheMemoryOfOthers) {
    EnsembleData data{.n_traces = 2, .n_steps = 3};
    auto numbers = std::make_shared<std::vector<double>>(std::vector<double>{1, 2, 3, 4, 5, 6});
    TimeSeries series{.dt = 1 * ms};
    series.values.rows = 2;
    series.values.columns = 3;
    series.memory = {numbers, numbers->data()};
    const std::weak_ptr<std::vector<double>> watched = numbers;
    data.inputs["I"] = series;
    EXPECT_EQ(all_rows(reader({{Kind::input, "I", 0}, {Kind::input, "I", 0}}), data, 1),
              (std::vector<double>{4, 4, 5, 5, 6, 6}));
    {
        const TimeTable table(reader({{Kind::input, "I", 0}}), data);
        TimeTable::Window window;
        EXPECT_EQ(table.look(0, 0, 3, window)[0], numbers->data());
        EXPECT_EQ(table.look(1, 0, 3, window)[0], numbers->data() + 3);
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
                    (void)TimeTable(reader({{Kind::input, "I", 0}}), data);
                }),
                testing::HasSubstr("input `I` is nan at t = 0.001 s in trace 1"));
}

TEST(TimeTable, TakesGapsOfATargetWhereItsWeightIsZero) {
    const UpdateProgram program = reader({{Kind::target, "v", 0}, {Kind::weight, "v", 0}});
    EnsembleData data{.n_traces = 1, .n_steps = 3};
    data.targets["v"] = {1 * ms, rows(1, {nan, 5, 6})};
    data.weights["v"] = {1 * ms, rows(1, {0, 0, 1})};
    EXPECT_EQ(all_rows(program, data), (std::vector<double>{0, 0, 5, 0, 6, 1}));

    data.weights["v"].values(0, 0) = 1;
    EXPECT_THAT(message_of([&] { (void)TimeTable(program, data); }),
                testing::AllOf(testing::HasSubstr("target of `v` is nan at t = 0 s in trace 1"),
                               testing::HasSubstr("weight 0")));
}

TEST(TimeTable, AGapMustHaveNoWeightInAnyErrorOfTheOutput) {
    UpdateProgram program = reader({{Kind::target, "v", 0}, {Kind::weight, "v_1", 0}, {Kind::weight, "v_2", 0}});
    program.observed = {{.output = "v", .name = "v_1"}, {.output = "v", .name = "v_2"}};
    EnsembleData data{.n_traces = 1, .n_steps = 2};
    data.targets["v"] = {1 * ms, rows(1, {nan, 5})};
    data.weights["v_1"] = {1 * ms, rows(1, {0, 1})};
    data.weights["v_2"] = {1 * ms, rows(1, {0, 2})};
    EXPECT_EQ(all_rows(program, data), (std::vector<double>{0, 0, 0, 5, 1, 2}));
    data.weights["v_2"].values(0, 0) = 1;
    EXPECT_THAT(message_of([&] { (void)TimeTable(program, data); }), testing::HasSubstr("its weight is not zero"));
}

TEST(TimeTable, RefusesGapsOfATargetThatTheModelReads) {
    const UpdateProgram program = reader({{Kind::target, "v", 0}, {Kind::weight, "v", 0}}, {0});
    EnsembleData data{.n_traces = 1, .n_steps = 2};
    data.targets["v"] = {1 * ms, rows(1, {1, nan})};
    data.weights["v"] = {1 * ms, rows(1, {1, 0})};
    EXPECT_THAT(message_of([&] { (void)TimeTable(program, data); }), testing::HasSubstr("the model itself reads it"));
}

TEST(TimeTable, SaysWhatIsWrongWithTheData) {
    const UpdateProgram program = reader({{Kind::input, "I_stim", 0}, {Kind::weight, "v", 0}});
    EnsembleData good{.n_traces = 2, .n_steps = 2};
    good.inputs["I_stim"] = {1 * ms, rows(2, {1, 2, 3, 4})};
    good.weights["v"] = {1 * ms, rows(1, {1, 1})};
    EXPECT_NO_THROW((void)TimeTable(program, good));

    const auto message_after = [&](const std::function<void(EnsembleData&)>& spoil) {
        EnsembleData data = good;
        spoil(data);
        return message_of([&] { (void)TimeTable(program, data); });
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
