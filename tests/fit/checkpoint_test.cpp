// A fit that is taken up from a checkpoint is the fit that was never interrupted, to the last bit; a file that is damaged or
// belongs to another problem is refused.
#include "spikesmith/fit/checkpoint.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "fit/problems.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/atomic_file.hpp"
#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/trace_fitter.hpp"
#include "spikesmith/metrics/gamma_factor.hpp"
#include "spikesmith/metrics/mse.hpp"
#include "spikesmith/metrics/spike_distance.hpp"
#include "spikesmith/optimize/differential_evolution.hpp"
#include "spikesmith/optimize/nsga2.hpp"

namespace spikesmith {
namespace {

namespace fs = std::filesystem;

using test::leaky_bounds;
using test::leaky_options;
using test::message_of;
using test::quantity;
using test::record_of;

struct TestProblem {
    std::string name;
    FitterOptions options;
    FitOptions fit;
};

FitterOptions leaky(const std::string& more = {}) {
    FitterOptions options = leaky_options();
    options.n_samples = 12;
    if (!more.empty()) options.model = test::leaky_model(more);
    return options;
}

void PrintTo(const TestProblem& problem, std::ostream* out) {
    *out << problem.name;
}

// v and a second output, a subexpression, which do not fit together.
FitterOptions two_outputs(const std::string& more = {}) {
    FitterOptions options = leaky("I_leak = (v - E)/R : amp\n" + more);
    TimeSeries leak = test::leaky_recordings();
    for (double& value : leak.values.values) value = (value + 0.072) / 1e8;
    options.recordings.outputs.emplace_back("I_leak", leak);
    return options;
}

const MetricPointer in_millivolt = mse({.normalization = quantity("1 mV")});
const MetricPointer in_picoampere = mse({.normalization = quantity("10 pA")});

FitterOptions noisy() {
    FitterOptions options = leaky();
    options.model = parse_brian({.equations = {"equations", R"(dv/dt = (E - v + R*I)/tau + 1*mV*xi*tau**-0.5 : volt
                                                               E : volt
                                                               R : ohm
                                                               tau : second)"},
                                 .inputs = {"I"},
                                 .input_dimensions = {{"I", dimensions::ampere}}});
    options.method = "euler";
    return options;
}

FitterOptions spiking() {
    FitterOptions options = leaky();
    options.model = parse_brian({.equations = {"equations", R"(dv/dt = (E - v + R*I)/tau : volt
                                                               E : volt
                                                               R : ohm
                                                               tau : second)"},
                                 .inputs = {"I"},
                                 .input_dimensions = {{"I", dimensions::ampere}},
                                 .threshold = "v > -66*mV",
                                 .reset = "v = E",
                                 .initial_values = {{"v", "E"}}});
    options.method = "euler";
    options.recordings.spikes = {{0.005, 0.011, 0.017}, {}};
    return options;
}

std::vector<TestProblem> problems() {
    std::vector<TestProblem> list;
    const auto add = [&](const char* name, FitterOptions options, FitOptions fit = {}) {
        if (fit.parameters.empty()) fit.parameters = leaky_bounds();
        list.push_back({name, std::move(options), std::move(fit)});
    };
    add("one_output", leaky());
    add("two_outputs", two_outputs(), {.metrics = {{"v", in_millivolt}, {"I_leak", in_picoampere}}});
    add("two_metrics", leaky(), {.metrics = {{"v", in_millivolt}, {"v", test::squares_of_traces()}}});
    FitterOptions penalty = leaky("cost = (v - E)**2 + (iteration + 1)*mV**2 : volt**2\n");
    penalty.penalty = "cost";
    add("penalty_with_iteration", penalty, {.start_iteration = 3});
    add("spikes", spiking(), {.metrics = {{"v", in_millivolt}, {"spikes", van_rossum({.tau = 5e-3})}}});
    FitterOptions only_spikes = spiking();
    only_spikes.recordings.outputs.clear();
    add("only_spikes", only_spikes, {.metric = gamma_factor({.delta = 1e-3})});
    FitterOptions failing = leaky("y = v + 0*sqrt(E + 75*mV)*volt**0.5 : volt\n");
    failing.recordings.outputs[0].first = "y";
    add("failing_samples", failing);
    add("all_failing", failing,
        {.parameters = {{"E", quantity("-90 mV"), quantity("-80 mV")}, leaky_bounds()[1], leaky_bounds()[2]}});
    add("front", two_outputs(), {.optimizer = nsga2({.population = 12}), .metric = mse()});
    FitterOptions failing_front = two_outputs("cost = (E + 70*mV)**2/mV**2 + 0*sqrt(E + 75*mV)/volt**0.5 : 1\n");
    failing_front.penalty = "cost";
    add("failing_front_with_penalty", failing_front,
        {.optimizer = nsga2({.population = 12}), .metrics = {{"v", in_millivolt}, {"I_leak", in_picoampere}}});
    add("noise", noisy());
    auto tied = leaky_bounds();
    tied[0] = {.name = "E", .tied = Expression(-7.0) * Expression::symbol("tau")};
    tied[1].fixed = quantity("100 Mohm");
    add("tied_and_fixed", leaky(), {.parameters = tied});
    FitterOptions weighted = leaky();
    weighted.recordings.trace_weights = {1, 3};
    weighted.kernel.precision = Precision::single_precision;
    weighted.n_samples = 1;
    add("weights_single_precision_one_sample", weighted);
    return list;
}

class Resume : public testing::TestWithParam<TestProblem> {
  protected:
    void SetUp() override {
        // One folder for each test, since tests run side by side.
        std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
        std::ranges::replace(name, '/', '-');
        folder_ = fs::temp_directory_path() / ("spikesmith-checkpoint-" + name);
        fs::remove_all(folder_);
        fs::create_directories(folder_);
    }
    void TearDown() override { fs::remove_all(folder_); }
    [[nodiscard]] fs::path file(const char* name) const { return folder_ / name; }

  private:
    fs::path folder_;
};

// Stops a fit of 10 rounds after `rounds`.
FitOptions stopped_after(const FitOptions& fit, std::size_t rounds, const fs::path& checkpoint) {
    FitOptions stopped = fit;
    stopped.n_rounds = 10;
    stopped.checkpoint = checkpoint;
    stopped.callback = [rounds](const RoundReport& report) {
        return report.round + 1 == rounds ? CallbackAction::stop : CallbackAction::proceed;
    };
    return stopped;
}

TEST_P(Resume, IsTheFitThatWasNeverInterrupted) {
    const auto& [name, options, fit] = GetParam();
    Fitter whole(options);
    FitOptions all = fit;
    all.n_rounds = 10;
    all.checkpoint = file("whole");
    static_cast<void>(whole.fit(all));

    Fitter part(options);
    static_cast<void>(part.fit(stopped_after(fit, 4, file("part"))));
    const auto after_four = record_of(part);

    Fitter fresh(options);
    EXPECT_EQ(fresh.resume(file("part"), fit), 4U);
    EXPECT_EQ(record_of(fresh), after_four);
    const FitResult result = fresh.fit({.n_rounds = 6, .checkpoint = file("part")});
    EXPECT_EQ(record_of(fresh), record_of(whole));
    EXPECT_EQ(result.n_rounds, 10U);
    // Causes of failures in words, in their order.
    const auto causes = [](const FitResult& of) {
        std::vector<std::string> words;
        for (const FailureCause& failure : of.failures) words.push_back(failure.what);
        return words;
    };
    EXPECT_EQ(causes(result), causes(whole.result()));
    EXPECT_EQ(result.error_dimension, whole.result().error_dimension);
    EXPECT_EQ(read_file(file("part")), read_file(file("whole")));
    if (!result.best) return;
    EXPECT_EQ(result.summary(), whole.result().summary());
    const Generated a = fresh.generate();
    const Generated b = whole.generate();
    EXPECT_EQ(a.spikes, b.spikes);
    for (std::size_t k = 0; k < a.outputs.size(); ++k)
        EXPECT_EQ(a.outputs[k].values.values, b.outputs[k].values.values);
}

TEST_P(Resume, WorksAgainAndAgain) {
    const auto& [name, options, fit] = GetParam();
    Fitter whole(options);
    FitOptions all = fit;
    all.n_rounds = 10;
    static_cast<void>(whole.fit(all));
    // One round per process; the first is interrupted before it does anything.
    const std::atomic<bool> cancelled = true;
    FitOptions nothing = all;
    nothing.cancelled = &cancelled;
    nothing.checkpoint = file("checkpoint");
    static_cast<void>(Fitter(options).fit(nothing));
    for (std::size_t done = 0; done < 10; ++done) {
        Fitter fitter(options);
        ASSERT_EQ(fitter.resume(file("checkpoint"), fit), done);
        static_cast<void>(fitter.fit({.n_rounds = 1, .checkpoint = file("checkpoint")}));
    }
    Fitter last(options);
    EXPECT_EQ(last.resume(file("checkpoint"), fit), 10U);
    EXPECT_EQ(record_of(last), record_of(whole));
}

TEST_P(Resume, TextReadsBackToTheSame) {
    const auto& [name, options, fit] = GetParam();
    Fitter fitter(options);
    static_cast<void>(fitter.fit(stopped_after(fit, 2, file("checkpoint"))));
    const std::string text = read_file(file("checkpoint"));
    EXPECT_EQ(to_text(parse_checkpoint(text)), text);
}

INSTANTIATE_TEST_SUITE_P(Checkpoint, Resume, testing::ValuesIn(problems()),
                         [](const auto& problem) { return problem.param.name; });

// -------------------------------------------------------------------------------------------------- other problems

class Refused : public testing::Test {
  protected:
    void SetUp() override {
        const auto* info = testing::UnitTest::GetInstance()->current_test_info();
        file_ = fs::temp_directory_path() / (std::string("spikesmith-refused-") + info->name());
        options_ = leaky("cost = (v - E)**2 : volt**2\n");
        fit_.parameters = leaky_bounds();
        Fitter fitter(options_);
        static_cast<void>(fitter.fit(stopped_after(fit_, 3, file_)));
    }
    void TearDown() override { fs::remove(file_); }

    [[nodiscard]] std::string refusal(const FitterOptions& options, const FitOptions& fit) const {
        Fitter fitter(options);
        return message_of<DataError>([&] { static_cast<void>(fitter.resume(file_, fit)); });
    }
    [[nodiscard]] std::string refusal(const std::string& text) const {
        write_file_atomically(file_, text);
        return refusal(options_, fit_);
    }
    [[nodiscard]] std::string refusal(const Checkpoint& checkpoint) const { return refusal(to_text(checkpoint)); }

    fs::path file_;
    FitterOptions options_;
    FitOptions fit_;
};

using CheckpointRefused = Refused;

TEST_F(CheckpointRefused, OfAnotherProblemWithTheDifferenceInWords) {
    using testing::AllOf;
    using testing::HasSubstr;
    EXPECT_EQ(refusal(options_, fit_), "no error");
    const auto with_options = [&](auto change) {
        FitterOptions other = options_;
        change(other);
        return refusal(other, fit_);
    };
    const auto with_fit = [&](auto change) {
        FitOptions other = fit_;
        change(other);
        return refusal(options_, other);
    };
    using O = FitterOptions;
    using F = FitOptions;
    const std::string hint = "hint: continue with the settings of the run that wrote it, or begin anew";
    EXPECT_EQ(with_options([](O& o) { o.seed = 2; }),
              "the checkpoint is of another problem: the seed is `1` there and `2` here\n" + hint);
    EXPECT_EQ(
        with_options([](O& o) { o.n_samples = 13; }),
        "the checkpoint is of another problem: the number of samples per round is `12` there and `13` here\n" + hint);
    EXPECT_EQ(with_options([](O& o) { o.kernel.precision = Precision::single_precision; }),
              "the checkpoint is of another problem: the precision is `double` there and `single` here\n" + hint);
    EXPECT_EQ(with_options([](O& o) { o.penalty = "cost"; }),
              "the checkpoint is of another problem: the penalty is `none` there and `cost` here\n" + hint);
    EXPECT_EQ(with_fit([](F& f) { f.metric = mse({.t_start = 1e-3}); }),
              "the checkpoint is of another problem: the metric is `v: mean squared error` there and "
              "`v: mean squared error, t_start 0.001 s` here\n" +
                  hint);
    EXPECT_THAT(with_fit([](F& f) { f.optimizer = nsga2(); }),
                HasSubstr("the optimizer is `automatic` there and `nsga2` here"));
    EXPECT_THAT(with_fit([](F& f) { f.optimizer = differential_evolution({.population = 77}); }),
                HasSubstr("the optimizer is"));
    const auto bounds = HasSubstr(
        "the list of parameters is `E [-0.09, -0.05] linear, R [1000000, 1000000000] log, tau [0.001, 0.05] linear` "
        "there and `E [");
    EXPECT_THAT(with_fit([](F& f) { f.parameters[0].low = quantity("-80 mV"); }),
                AllOf(bounds, HasSubstr("[-0.08, -0.05]")));
    EXPECT_THAT(with_fit([](F& f) { f.parameters[1].scale = Scale::linear; }), bounds);
    EXPECT_THAT(with_fit([](F& f) { f.parameters[2].fixed = quantity("10 ms"); }),
                AllOf(bounds, HasSubstr("tau = 0.01` here")));
    EXPECT_THAT(with_fit([](F& f) { f.parameters[2].tied = Expression(1e-10) * Expression::symbol("R"); }),
                AllOf(bounds, HasSubstr("tau = ")));
    const auto model = HasSubstr("the checksum of the model is `");
    EXPECT_THAT(with_options([](O& o) { o.method = "euler"; }), model);
    EXPECT_THAT(
        with_options([](O& o) { o.model = test::leaky_model("cost = (v - E)**2 : volt**2\ndw/dt = -w/ms : 1\n"); }),
        model);
    const auto data = HasSubstr("the checksum of the data is `");
    EXPECT_THAT(with_options([](O& o) { o.recordings.outputs[0].second.values(1, 5) += 1e-12; }), data);
    EXPECT_THAT(with_options([](O& o) { o.recordings.outputs[0].second.values(1, 5) = test::not_a_number; }), data);
    EXPECT_THAT(with_options([](O& o) { o.recordings.inputs[0].second.values(0, 0) = 0; }), data);
    EXPECT_THAT(with_options([](O& o) { o.recordings.trace_weights = {1, 2}; }), data);
    EXPECT_THAT(with_options([](O& o) { o.recordings.outputs[0].second.trace_samples = {300, 299}; }), data);
    // What changes no result is no difference.
    EXPECT_EQ(with_options([](O& o) {
                  o.threads = 1;
                  o.kernel.width = 1;
              }),
              "no error");
}

TEST_F(CheckpointRefused, OfOtherSpikes) {
    FitterOptions options = spiking();
    Fitter fitter(options);
    static_cast<void>(
        fitter.fit(stopped_after({.parameters = leaky_bounds(), .metrics = {{"v", in_millivolt}}}, 1, file_)));
    options.recordings.spikes->at(0)[1] += 1e-4;
    EXPECT_THAT(refusal(options, {.parameters = leaky_bounds(), .metrics = {{"v", in_millivolt}}}),
                testing::HasSubstr("the checksum of the data is `"));
    options.recordings.spikes = {{0.005, 0.011}, {0.017}};
    EXPECT_THAT(refusal(options, {.parameters = leaky_bounds(), .metrics = {{"v", in_millivolt}}}),
                testing::HasSubstr("the checksum of the data is `"));
}

TEST_F(CheckpointRefused, LeavesTheFitterAsItWas) {
    Fitter fitter(options_);
    FitOptions other = fit_;
    other.metric = mse({.t_start = 1e-3});
    other.n_rounds = 2;
    static_cast<void>(fitter.fit(other));
    const auto before = record_of(fitter);
    EXPECT_THROW(static_cast<void>(fitter.resume(file_, other)), DataError);
    EXPECT_EQ(record_of(fitter), before);
    static_cast<void>(fitter.fit({.n_rounds = 1}));
    EXPECT_EQ(fitter.result().n_rounds, 3U);
    // One that fits replaces everything.
    EXPECT_EQ(fitter.resume(file_, fit_), 3U);
    EXPECT_EQ(fitter.result().n_rounds, 3U);
    EXPECT_EQ(fitter.result().metrics.at(0), "mean squared error");
}

// ---------------------------------------------------------------------------------------------------- damaged files

TEST_F(CheckpointRefused, WhatIsNoCheckpoint) {
    EXPECT_EQ(refusal(""), "this file is no checkpoint of a fit");
    EXPECT_EQ(refusal("spikesmith"), "this file is no checkpoint of a fit");
    EXPECT_EQ(refusal("{\"best_error\": 1}\n"), "this file is no checkpoint of a fit");
    EXPECT_THAT(refusal("spikesmith-checkpoint 3\nend\n"),
                testing::HasSubstr("the checkpoint has version 3; this program reads version 2"));
    fs::remove(file_);
    EXPECT_THAT(refusal(options_, fit_), testing::HasSubstr(file_.filename().string()));
}

TEST_F(CheckpointRefused, EveryTruncation) {
    const std::string text = read_file(file_);
    for (std::size_t length = 0; length < text.size(); ++length)
        EXPECT_THROW(static_cast<void>(parse_checkpoint(text.substr(0, length))), DataError) << length;
    EXPECT_THROW(static_cast<void>(parse_checkpoint(text + "\n")), DataError);
    EXPECT_THROW(static_cast<void>(parse_checkpoint(text + text)), DataError);
}

TEST_F(CheckpointRefused, EveryChangedByte) {
    const std::string text = read_file(file_);
    for (std::size_t place = 0; place < text.size(); ++place) {
        for (const char byte :
             {'0', '9', ' ', '\n', '\0', static_cast<char>(text[place] ^ 1), static_cast<char>(text[place] ^ 0x80)}) {
            if (text[place] == byte) continue;
            std::string changed = text;
            changed[place] = byte;
            EXPECT_THROW(static_cast<void>(parse_checkpoint(changed)), DataError) << place;
        }
    }
    EXPECT_THAT(refusal(text.substr(0, text.size() - 40)),
                testing::HasSubstr("the checkpoint is damaged or incomplete"));
}

TEST_F(CheckpointRefused, WhatContradictsItself) {
    const Checkpoint good = parse_checkpoint(read_file(file_));
    const auto changed = [&](auto change) {
        Checkpoint other = good;
        change(other);
        return refusal(other);
    };
    using C = Checkpoint;
    const auto contradiction = testing::HasSubstr("the checkpoint contradicts itself");
    EXPECT_EQ(changed([](C&) {}), "no error");
    EXPECT_THAT(changed([](C& c) { c.points ^= 1; }), contradiction);
    EXPECT_THAT(changed([](C& c) { c.rounds.pop_back(); }), contradiction);
    EXPECT_THAT(changed([](C& c) { c.rounds.push_back(c.rounds.back()); }), contradiction);
    EXPECT_THAT(changed([](C& c) { c.rounds[0].errors.pop_back(); }), contradiction);
    EXPECT_THAT(changed([](C& c) { c.rounds[0].errors.clear(); }), contradiction);
    EXPECT_THAT(changed([](C& c) { c.rounds[0].objectives = Array2(12, 1); }), contradiction);
    EXPECT_THAT(changed([](C& c) { c.rounds[1].objectives = Array2(7, 1); }), contradiction);
    EXPECT_THAT(changed([](C& c) { c.best->evaluation = 36; }), contradiction);
    EXPECT_THAT(changed([](C& c) { c.best->evaluation = std::numeric_limits<std::size_t>::max(); }), contradiction);
    EXPECT_THAT(changed([](C& c) { c.best->objectives.clear(); }), contradiction);
    EXPECT_THAT(changed([](C& c) { c.best->objectives.resize(3); }), contradiction);
    EXPECT_THAT(changed([](C& c) { c.best->error *= 2; }), contradiction);
    EXPECT_THAT(changed([](C& c) { c.best->evaluation ^= 1; }), contradiction);
    EXPECT_THAT(changed([](C& c) { c.best.reset(); }), contradiction);
    EXPECT_THAT(changed([](C& c) { c.failures.push_back({"it rained", 3, 7}); }), contradiction);
    EXPECT_THAT(changed([](C& c) { c.problem.entries.pop_back(); }), testing::HasSubstr("`absent` there"));
    EXPECT_THAT(changed([](C& c) { c.problem.entries.emplace_back("weather", "rain"); }),
                testing::HasSubstr("of another problem"));
    // Numbers of rounds that nobody would plan neither crash nor fill the memory.
    for (const std::size_t rounds : {std::size_t{1} << 40U, std::numeric_limits<std::size_t>::max()})
        static_cast<void>(changed([rounds](C& c) { c.planned_rounds = rounds; }));
    Checkpoint front = good;
    front.planned_rounds = std::numeric_limits<std::size_t>::max();
    fit_.optimizer = nsga2();
    EXPECT_THAT(refusal(front), testing::HasSubstr("the optimizer is"));
}

}  // namespace
}  // namespace spikesmith
