#include "spikesmith/data/dataset.hpp"

#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {
namespace {

Series series(const std::string& name, std::size_t traces, std::size_t steps, double dt = 0) {
    return {.name = name, .dimension = dimensions::volt, .values = Array2(traces, steps, 1.0), .dt = dt, .source = {}};
}

std::string message_of(const Dataset& dataset) {
    try {
        check_dataset(dataset);
    } catch (const DataError& error) {
        return error.what();
    }
    return "no error";
}

TEST(Dataset, AgreeingSeries) {
    const Dataset dataset{1e-4, {series("I", 5, 1500)}, {series("v", 5, 1500), series("w", 5, 1500)}};
    EXPECT_EQ(message_of(dataset), "no error");
    EXPECT_EQ(dataset.n_traces(), 5U);
    EXPECT_EQ(dataset.n_steps(), 1500U);
    EXPECT_EQ(dataset.find_output("w"), &dataset.outputs[1]);
    EXPECT_EQ(dataset.find_input("I"), &dataset.inputs[0]);
    EXPECT_EQ(dataset.find_input("v"), nullptr);
    EXPECT_EQ(Dataset{}.n_traces(), 0U);
}

TEST(Dataset, InputWithAnotherInterval) {
    EXPECT_EQ(message_of({1e-4, {series("I", 5, 150, 1e-3)}, {series("v", 5, 1500)}}), "no error");
    EXPECT_EQ(message_of({1e-4, {series("I", 5, 200, 1e-3)}, {series("v", 5, 1500)}}), "no error");
    EXPECT_EQ(
        message_of({1e-4, {series("I", 5, 149, 1e-3)}, {series("v", 5, 1500)}}),
        "input `I` lasts 149 ms, output `v` lasts 150 ms\nhint: an input must last at least as long as the outputs");
}

TEST(Dataset, Errors) {
    EXPECT_EQ(
        message_of({1e-4, {series("I", 5, 1500)}, {series("v", 5, 1497)}}),
        "output `v` has 5 traces of 1497 samples, input `I` has 5 of 1500\nhint: cut or pad them to the same length");
    EXPECT_EQ(message_of({1e-4, {series("I", 1, 1500)}, {series("v", 5, 1500)}}),
              "output `v` has 5 traces of 1500 samples, input `I` has 1 of 1500\nhint: each stimulus needs one "
              "response; is an array transposed? "
              "see `orientation`");
    EXPECT_EQ(message_of({0, {}, {series("v", 1, 1)}}),
              "the sampling interval dt of the data must be positive\nhint: for example `0.1 ms`");
    EXPECT_EQ(message_of({std::nan(""), {}, {series("v", 1, 1)}}),
              "the sampling interval dt of the data must be positive\nhint: for example `0.1 ms`");
    EXPECT_EQ(message_of({1e-4, {}, {}}), "the data have neither inputs nor outputs");
    EXPECT_EQ(message_of({1e-4, {}, {series("", 1, 1)}}), "an output has no name");
    EXPECT_EQ(message_of({1e-4, {}, {series("v", 1, 0)}}), "output `v` has no samples");
    EXPECT_EQ(message_of({1e-4, {}, {series("v", 1, 1), series("v", 1, 1)}}), "output `v` is given twice");
    EXPECT_EQ(message_of({1e-4, {series("I", 1, 1, -1)}, {}}), "the sampling interval of input `I` is not positive");
    Dataset dataset{1e-4, {}, {series("v", 2, 3)}};
    dataset.outputs[0].source = "v.csv";
    dataset.outputs[0].values(1, 2) = std::nan("");  // a gap
    EXPECT_EQ(message_of(dataset), "no error");
    dataset.outputs[0].values(1, 2) = std::numeric_limits<double>::infinity();
    EXPECT_EQ(message_of(dataset),
              "v.csv: output `v` is infinite at trace 2, sample 3\nhint: samples must be finite, or NaN in gaps");
    dataset.outputs[0].trace_samples = {3, 2};  // beyond the end of this trace
    EXPECT_EQ(message_of(dataset), "no error");
    dataset.outputs[0].trace_samples = {3, 4};
    EXPECT_EQ(message_of(dataset), "v.csv: trace 2 of output `v` has 4 of 3 samples");
    dataset.outputs[0].trace_samples = {};
    dataset.outputs[0].values.values.pop_back();
    EXPECT_EQ(message_of(dataset), "v.csv: output `v` has 5 numbers for 2 traces of 3 samples");
}

}  // namespace
}  // namespace spikesmith
