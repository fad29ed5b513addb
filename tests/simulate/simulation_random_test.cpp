// Random experiments: Simulation against a reference that is written as simply as possible, and candidates among others against
// themselves alone.
#include <optional>
#include <utility>

#include "simulate/simulation_models.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/math/random_stream.hpp"
#include "spikesmith/simulate/simulation.hpp"

namespace spikesmith {
namespace {

using test::library_neuron;
using test::ms;

// x counts steps, y counts in steps of n: what a simulation of that model must be, one step at a time.
class Reference {
  public:
    Reference(std::int64_t interval, double n) : interval_(interval), n_(n), initial_n_(n) {}

    void run(std::int64_t steps, std::optional<double> driven) {
        for (std::int64_t s = 0; s < steps; ++s, ++step_) {
            x_ += 1;
            y_ += driven.value_or(n_);
            if (!recording_) continue;
            anything_ = true;
            if (step_ % interval_ != 0) continue;
            labels_.push_back(step_);
            xs_.push_back(x_);
            ys_.push_back(y_);
        }
    }
    void set_n(double n) { n_ = n; }
    void store() {
        stored_x_ = x_;
        stored_y_ = y_;
        stored_n_ = n_;
        stored_ = true;
    }
    void reset(const ResetOptions& what) {
        end_chunk();
        if (!what.model) return;
        step_ = 0;
        if (!what.populations) return;
        x_ = stored_ ? stored_x_ : 0;
        y_ = stored_ ? stored_y_ : 0;
        if (what.parameters) n_ = stored_ ? stored_n_ : initial_n_;
    }
    void record(bool on) { recording_ = on; }

    struct Chunk {
        std::vector<std::int64_t> labels;
        std::vector<double> xs, ys;
        double n = 0;
        std::int64_t end = 0;
    };
    std::vector<Chunk> results() {
        end_chunk();
        recording_ = false;
        return std::exchange(chunks_, {});
    }

  private:
    void end_chunk() {
        if (anything_) chunks_.push_back({labels_, xs_, ys_, n_, step_});
        anything_ = false;
        labels_.clear();
        xs_.clear();
        ys_.clear();
    }

    std::int64_t interval_, step_ = 0;
    double n_, initial_n_, x_ = 0, y_ = 0, stored_x_ = 0, stored_y_ = 0, stored_n_ = 0;
    bool stored_ = false, recording_ = false, anything_ = false;
    std::vector<std::int64_t> labels_;
    std::vector<double> xs_, ys_;
    std::vector<Chunk> chunks_;
};

void expect_equal(const SimulationRecord& record, std::size_t candidate, const std::vector<Reference::Chunk>& chunks) {
    ASSERT_EQ(record.chunks.size(), chunks.size());
    for (std::size_t c = 0; c < chunks.size(); ++c) {
        std::vector<std::int64_t> labels;
        for (const RecordedPeriod& period : record.chunks[c].periods) {
            for (std::size_t s = 0; s < period.n_samples; ++s)
                labels.push_back(period.first_step + static_cast<std::int64_t>(s) * record.interval_steps);
        }
        ASSERT_EQ(labels, chunks[c].labels);
        ASSERT_EQ(test::values_of(record.trace("x", c, candidate)), chunks[c].xs);
        ASSERT_EQ(test::values_of(record.trace("y", c, candidate)), chunks[c].ys);
        ASSERT_EQ(record.chunks[c].parameters.at("n")[candidate], chunks[c].n);
        ASSERT_EQ(record.chunks[c].end_step, chunks[c].end);
    }
}

TEST(RandomExperiments, AgreeWithTheSimplestReference) {
    const Model model = parse_annarchy(
        {.parameters = {"parameters", "n = 2"}, .equations = {"equations", "dx/dt = 1\ndy/dt = n\nr = x"}});
    for (std::uint64_t experiment = 0; experiment < 60; ++experiment) {
        SCOPED_TRACE(experiment);
        math::RandomStream random(experiment, 1);
        const auto chance = [&](std::uint64_t one_in) { return random.next_index(one_in) == 0; };
        const auto interval = static_cast<std::int64_t>(1 + random.next_index(4));
        constexpr std::size_t n = 3;
        Simulation s(model, {.n_candidates = n,
                             .dt = ms,
                             .record = {"x", "y"},
                             .recording_interval = static_cast<double>(interval) * ms});
        std::vector<Reference> references(n, Reference(interval, 2));
        for (int operation = 0; operation < 60; ++operation) {
            switch (random.next_index(7)) {
                case 0: {
                    const bool on = !chance(3);
                    if (on) s.start_recording();
                    if (!on) s.pause_recording();
                    for (auto& one : references) one.record(on);
                    break;
                }
                case 1: {
                    const auto value = static_cast<double>(random.next_index(9));
                    std::vector<double> values;
                    for (std::size_t c = 0; c < n; ++c) values.push_back(value + static_cast<double>(c));
                    s.set("n", values);
                    for (std::size_t c = 0; c < n; ++c) references[c].set_n(values[c]);
                    break;
                }
                case 2: {
                    const ResetOptions what{.model = !chance(3), .populations = !chance(3), .parameters = !chance(2)};
                    s.reset(what);
                    for (auto& one : references) one.reset(what);
                    break;
                }
                case 3:
                    if (!chance(3)) break;
                    s.store();
                    for (auto& one : references) one.store();
                    break;
                case 4: {
                    if (!chance(4)) break;
                    const auto record = s.results();
                    for (std::size_t c = 0; c < n; ++c) expect_equal(record, c, references[c].results());
                    break;
                }
                default: {
                    const auto steps = static_cast<std::int64_t>(random.next_index(12));
                    const std::optional<double> driven =
                        chance(3) ? std::optional(static_cast<double>(random.next_index(5))) : std::nullopt;
                    RunDrive drive;
                    if (driven) drive.drive["n"] = ConstantWave{*driven};
                    s.run(static_cast<double>(steps) * ms, drive);
                    for (auto& one : references) one.run(steps, driven);
                }
            }
            if (HasFatalFailure()) return;
        }
        const auto record = s.results();
        for (std::size_t c = 0; c < n; ++c) expect_equal(record, c, references[c].results());
        if (HasFatalFailure()) return;
    }
}

// The same random operations on a population and on single candidates of it.
TEST(RandomExperiments, OfACandidateAreTheSameAloneAndAmongOthers) {
    const Model model =
        library_neuron("Izhikevich2007NoisyAmpa", {{"v", "-60"}, {"rates_noise", "300"}, {"increase_noise", "30"}});
    constexpr std::size_t n = 21;
    const SimulationOptions options{.n_candidates = n,
                                    .dt = 0.1 * ms,
                                    .record = {"v", "u", "v_clamp_current", "spike"},
                                    .recording_interval = 0.2 * ms,
                                    .seed = 9,
                                    .threads = 2};
    auto single = options;
    single.n_candidates = 1;
    single.kernel.width = 1;
    Simulation population(model, options), alone(model, single);
    for (std::uint64_t experiment = 0; experiment < 6; ++experiment) {
        SCOPED_TRACE(experiment);
        const auto run = [&](Simulation& s, std::span<const double> currents, std::uint64_t first) {
            math::RandomStream random(experiment, 2);
            s.restart(experiment * n + first, experiment);
            s.set("I_app", currents);
            s.store();
            s.start_recording();
            for (int operation = 0; operation < 25; ++operation) {
                const double seconds = static_cast<double>(random.next_index(60)) * 0.1 * ms;
                const double value = 40 * random.next_uniform();
                switch (random.next_index(8)) {
                    case 0:
                        s.pause_recording();
                        break;
                    case 1:
                        s.reset({.model = value > 10, .populations = value > 15, .parameters = value > 25});
                        break;
                    case 2:
                        s.set("increase_noise", value);
                        break;
                    case 3:
                        s.run(seconds,
                              {.drive = {{"I_app", RampWave{0, 10 * value}}, {"rates_noise", ConstantWave{100}}}});
                        break;
                    case 4:
                        s.run(seconds, {.clamp = {{"v", ConstantWave{-90 + value}}}});
                        break;
                    case 5:
                        s.run(seconds, {.hold = {"v"}});
                        break;
                    default:
                        s.start_recording();
                        s.run(seconds);
                }
            }
            return s.results();
        };
        const auto currents = test::spread(n, 0, 200);
        const auto all = run(population, currents, 0);
        for (const std::size_t c : {std::size_t{0}, std::size_t{13}, n - 1}) {
            const auto one = run(alone, std::span(currents).subspan(c, 1), c), expected = all.candidate(c);
            ASSERT_EQ(one.chunks.size(), expected.chunks.size());
            for (std::size_t k = 0; k < one.chunks.size(); ++k) {
                for (std::size_t v = 0; v < 3; ++v)
                    ASSERT_EQ(one.chunks[k].values[v].values, expected.chunks[k].values[v].values) << one.variables[v];
                ASSERT_EQ(one.chunks[k].spike_steps, expected.chunks[k].spike_steps);
                ASSERT_EQ(one.chunks[k].parameters, expected.chunks[k].parameters);
            }
        }
    }
}

}  // namespace
}  // namespace spikesmith
