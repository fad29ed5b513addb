// A fit of an experiment that ends at any generation and goes on from its checkpoint in another object is the uninterrupted one, bit for
// bit; a checkpoint of another problem is refused.
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "fit/opt_neuron_models.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/atomic_file.hpp"
#include "spikesmith/core/error.hpp"
#include "spikesmith/optimize/methods.hpp"

namespace spikesmith {
namespace {

using test::data_fit;
using test::model_fit;
using testing::HasSubstr;

constexpr std::size_t half = 5;  // ms
namespace fs = std::filesystem;

class OptCheckpoint : public testing::Test {
  protected:
    void SetUp() override {
        const auto* test = testing::UnitTest::GetInstance()->current_test_info();
        std::string name = std::string("spikesmith-") + test->test_suite_name() + "-" + test->name();
        std::ranges::replace(name, '/', '-');
        file_ = fs::temp_directory_path() / name;
        fs::remove(file_);
    }
    void TearDown() override { fs::remove(file_); }

    fs::path file_;
};

void expect_same(const OptNeuronResult& a, const OptNeuronResult& b) {
    ASSERT_EQ(a.history.size(), b.history.size());
    for (std::size_t k = 0; k < a.history.size(); ++k) {
        ASSERT_EQ(a.history[k].variables, b.history[k].variables) << k;
        ASSERT_EQ(std::isnan(a.history[k].loss), std::isnan(b.history[k].loss)) << k;
        if (std::isnan(a.history[k].loss)) continue;
        ASSERT_EQ(a.history[k].loss, b.history[k].loss) << k;
        ASSERT_EQ(a.history[k].parts, b.history[k].parts) << k;
        ASSERT_EQ(a.history[k].loss_deviation, b.history[k].loss_deviation) << k;
    }
    EXPECT_EQ(a.best, b.best);
    EXPECT_EQ(a.parameters, b.parameters);
    EXPECT_EQ(a.loss, b.loss);
    EXPECT_EQ(a.best_loss, b.best_loss);
    EXPECT_EQ(a.best_loss_after, b.best_loss_after);
    EXPECT_EQ(a.n_failed, b.n_failed);
    ASSERT_EQ(a.failures.size(), b.failures.size());
    for (std::size_t k = 0; k < a.failures.size(); ++k) {
        EXPECT_EQ(a.failures[k].what, b.failures[k].what);
        EXPECT_EQ(a.failures[k].count, b.failures[k].count);
        EXPECT_EQ(a.failures[k].evaluation, b.failures[k].evaluation);
    }
    EXPECT_EQ(a.front.size(), b.front.size());
    EXPECT_EQ(a.stop, b.stop);
    EXPECT_EQ(a.optimizer, b.optimizer);
    EXPECT_EQ(a.results.trace("r", 1)[2], b.results.trace("r", 1)[2]);
}

// Runs until so many evaluations are done, then as if the process had ended.
void interrupted_after(std::size_t evaluations, const OptNeuronOptions& options, OptNeuronRunOptions run,
                       const std::optional<fs::path>& from = {}) {
    OptNeuron fit(options);
    run.max_evaluations -= from ? fit.resume(*from, run) : 0;
    run.callback = [evaluations](std::size_t done, const OptEvaluation&) { return done >= evaluations; };
    static_cast<void>(fit.search(run));
}

OptNeuronResult resumed(const OptNeuronOptions& options, OptNeuronRunOptions run) {
    OptNeuron fit(options);
    run.max_evaluations -= fit.resume(run.checkpoint, run);
    return fit.run(run);
}

class EveryMethodResumes : public OptCheckpoint, public testing::WithParamInterface<std::string> {};

TEST_P(EveryMethodResumes, BitForBit) {
    const OptNeuronRunOptions run{
        .max_evaluations = 110, .method = GetParam(), .polish_evaluations = 30, .checkpoint = file_};
    OptNeuronOptions options = data_fit(half);
    const OptNeuronResult whole = OptNeuron(options).run(run);
    interrupted_after(20, options, run);
    interrupted_after(60, options, run, file_);
    interrupted_after(90, options, run, file_);  // while it polishes
    options.threads = 1;
    expect_same(resumed(options, run), whole);
    expect_same(resumed(options, run), whole);  // nothing is left to be done
}

std::vector<std::string> all_methods() {
    std::vector<std::string> names;
    for (const MethodInfo& method : optimizer_methods()) names.push_back(method.name);
    return names;
}

INSTANTIATE_TEST_SUITE_P(Methods, EveryMethodResumes, testing::ValuesIn(all_methods()),
                         [](const auto& method) { return method.param; });

TEST_F(OptCheckpoint, GuessesSourcesFailuresAndRepetitions) {
    OptNeuronOptions options = data_fit(half);
    options.repetitions = 2;
    options.variables[0].guess = {{0, 2}};
    options.loss = [](const SimulationRecord& candidate, const SimulationRecord& target) {
        std::vector<double> parts = rmse_loss("r")(candidate, target);
        if (candidate.chunks[0].parameters.at("b")[0] > 5) parts[1] = std::numeric_limits<double>::infinity();
        return parts;
    };
    const OptNeuronRunOptions run{
        .max_evaluations = 160,
        .method = "deap",
        .population = 12,
        .source_solutions = {{.variables = {1, 3}, .loss = 5}, {.variables = {2, 1}, .loss = 7}},
        .checkpoint = file_};
    const OptNeuronResult whole = OptNeuron(options).run(run);
    EXPECT_GT(whole.n_failed, 0U);
    interrupted_after(12, options, run);
    interrupted_after(50, options, run, file_);
    expect_same(resumed(options, run), whole);
}

TEST_F(OptCheckpoint, ACancelledRunGoesOn) {
    const OptNeuronRunOptions run{.max_evaluations = 200, .method = "cma_es", .checkpoint = file_};
    const OptNeuronResult whole = OptNeuron(data_fit(half)).run(run);
    std::atomic<bool> cancelled = false;
    OptNeuronRunOptions stopped = run;
    stopped.cancelled = &cancelled;
    stopped.callback = [&](std::size_t done, const OptEvaluation&) {
        cancelled = done >= 64;
        return false;
    };
    EXPECT_EQ(OptNeuron(data_fit(half)).run(stopped).stop, OptStop::cancelled);
    expect_same(resumed(data_fit(half), run), whole);
}

TEST_F(OptCheckpoint, MoreEvaluationsMayBeAskedFor) {
    OptNeuronRunOptions run{.max_evaluations = 200, .method = "nelder_mead", .population = 8, .checkpoint = file_};
    OptNeuron twice(data_fit(half));
    static_cast<void>(twice.run(run));
    const OptNeuronResult longer = twice.run({.max_evaluations = 80, .method = "nelder_mead", .population = 8});
    run.max_evaluations = 280;
    expect_same(resumed(data_fit(half), run), longer);
}

TEST_F(OptCheckpoint, StopsAtOnceIfTheLossIsReached) {
    const OptNeuronRunOptions run{
        .max_evaluations = 4000, .method = "cma_es", .stop_at_loss = 1e-3, .checkpoint = file_};
    const OptNeuronResult whole = OptNeuron(data_fit(half)).run(run);
    EXPECT_EQ(whole.stop, OptStop::loss_reached);
    expect_same(resumed(data_fit(half), run), whole);
}

TEST_F(OptCheckpoint, RefusesAnotherProblem) {
    const OptNeuronRunOptions run{.max_evaluations = 40, .method = "cma_es", .checkpoint = file_};
    static_cast<void>(OptNeuron(data_fit(half)).run(run));
    const auto refusal = [&](const std::function<void(OptNeuronOptions&, OptNeuronRunOptions&)>& change) {
        OptNeuronOptions options = data_fit(half);
        OptNeuronRunOptions other = run;
        change(options, other);
        OptNeuron fit(options);
        try {
            static_cast<void>(fit.resume(file_, other));
        } catch (const DataError& error) {
            EXPECT_THROW(static_cast<void>(fit.result()), ConfigError);  // as before: nothing was done
            return std::string(error.what());
        }
        return std::string();
    };
    EXPECT_EQ(refusal([](auto&, auto&) {}), "");
    EXPECT_EQ(refusal([](auto& options, auto&) { options.threads = 1; }), "");
    EXPECT_THAT(refusal([](auto& options, auto&) { options.seed = 1; }),
                HasSubstr("the checkpoint is of another problem: the seed is `0` there and `1` here"));
    EXPECT_THAT(refusal([](auto&, auto& other) { other.method = "jso"; }), HasSubstr("the optimizer is"));
    EXPECT_THAT(refusal([](auto&, auto& other) { other.polish_evaluations = 9; }), HasSubstr("the optimizer is"));
    EXPECT_THAT(refusal([](auto&, auto& other) { other.population = 9; }),
                HasSubstr("the number of candidates per generation is `8` there and `9` here"));
    EXPECT_THAT(
        refusal([](auto& options, auto&) {
            options.variables[0].bounds = {{-50, 101}};
        }),
        HasSubstr("the list of variables is `a [-50, 100] linear, b [-50, 150] linear` there and `a [-50, 101"));
    EXPECT_THAT(refusal([](auto& options, auto&) { options.repetitions = 2; }), HasSubstr("number of repetitions"));
    EXPECT_THAT(refusal([](auto& options, auto&) { options.loss_weights = {1, 2}; }), HasSubstr("list of weights"));
    EXPECT_THAT(refusal([](auto& options, auto&) {
                    options.model = parse_annarchy({.name = "linear",
                                                    .parameters = {"parameters", "a = 0.0\nb = 0.0\nI_app = 0.0"},
                                                    .equations = {"equations", "r = a*I_app + 2*b"}});
                }),
                HasSubstr("checksum of the model"));
    EXPECT_THAT(refusal([](auto& options, auto&) { options = data_fit(half + 1); }),
                HasSubstr("checksum of the experiment"));
    EXPECT_THAT(refusal([](auto& options, auto&) { options.target->chunks[0].values[0](0, 1) += 1; }),
                HasSubstr("checksum of the target"));
    EXPECT_THAT(refusal([](auto& options, auto&) {
                    options.loss = [](const auto& candidate, const auto& target) {
                        std::vector<double> parts = rmse_loss("r")(candidate, target);
                        parts[0] *= 2;
                        return parts;
                    };
                }),
                HasSubstr("checksum of the loss"));
    EXPECT_THAT(refusal([](auto& options, auto&) { options = model_fit(half); }), HasSubstr("checksum"));

    const std::string text = read_file(file_);
    write_file_atomically(file_, text.substr(0, text.size() - 40));
    EXPECT_THAT(refusal([](auto&, auto&) {}), HasSubstr("damaged or incomplete"));
    write_file_atomically(file_, "spikes");
    EXPECT_THAT(refusal([](auto&, auto&) {}), HasSubstr("no checkpoint"));
}

TEST_F(OptCheckpoint, HoldsOneSearch) {
    OptNeuron fit(data_fit(half));
    static_cast<void>(fit.run({.max_evaluations = 40, .method = "jso"}));
    EXPECT_THROW(static_cast<void>(fit.run({.max_evaluations = 40, .method = "cma_es", .checkpoint = file_})),
                 ConfigError);
    EXPECT_FALSE(fs::exists(file_));
    EXPECT_EQ(fit.result().history.size(), 40U);
}

}  // namespace
}  // namespace spikesmith
