// Random numbers of Simulation: keyed by (seed, evaluation, repetition, resets, step), independent or common.
#include <cmath>
#include <set>

#include "simulate/simulation_models.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/simulate/simulation.hpp"

namespace spikesmith {
namespace {

using test::ms;

// Each step's draws of every kind; the sum of all is x.
Model draws() {
    return parse_annarchy(
        {.equations = {"equations", "normal = Normal(0, 1)\nuniform = Uniform(0, 1)\nx += normal\nr = x"}});
}

constexpr std::size_t n_candidates = 11;

Simulation drawing(std::uint64_t seed = 5, std::size_t n = n_candidates) {
    return {draws(), {.n_candidates = n, .dt = ms, .record = {"normal", "uniform"}, .seed = seed}};
}

using Draws = std::vector<double>;

Draws of(const SimulationRecord& record, std::size_t chunk, std::size_t candidate, const char* name = "normal") {
    const auto trace = record.trace(name, chunk, candidate);
    return {trace.begin(), trace.end()};
}

SimulationRecord two_chunks(Simulation& s) {
    s.start_recording();
    s.run(50 * ms);
    s.reset();
    s.run(50 * ms);
    return s.results();
}

TEST(SimulationNoise, IsDifferentInEachCandidateAndAfterEachReset) {
    auto s = drawing();
    const auto record = two_chunks(s);
    std::set<Draws> all;
    for (std::size_t c = 0; c < n_candidates; ++c) {
        for (const std::size_t chunk : {0u, 1u}) all.insert(of(record, chunk, c));
    }
    EXPECT_EQ(all.size(), 2 * n_candidates);
}

TEST(SimulationNoise, BelongsToTheEvaluationNotToTheCandidate) {
    auto s = drawing(), alone = drawing(5, 1);
    s.restart(1000, 2);
    const auto record = two_chunks(s);
    for (const std::size_t c : {0u, 3u, 10u}) {
        alone.restart(1000 + c, 2);
        const auto one = two_chunks(alone);
        for (const std::size_t chunk : {0u, 1u}) {
            EXPECT_EQ(of(record, chunk, c), of(one, chunk, 0));
            EXPECT_EQ(of(record, chunk, c, "uniform"), of(one, chunk, 0, "uniform"));
        }
    }
}

TEST(SimulationNoise, IsTheSameForTheSameKeys) {
    auto s = drawing(), other_seed = drawing(6);
    s.restart(7, 1);
    const auto first = two_chunks(s);
    s.restart(7, 2);
    const auto other_repetition = two_chunks(s);
    s.restart(7, 1);
    const auto again = two_chunks(s);
    other_seed.restart(7, 1);
    const auto seeded = two_chunks(other_seed);
    for (const std::size_t chunk : {0u, 1u}) {
        EXPECT_EQ(of(first, chunk, 4), of(again, chunk, 4));
        EXPECT_NE(of(first, chunk, 4), of(other_repetition, chunk, 4));
        EXPECT_NE(of(first, chunk, 4), of(seeded, chunk, 4));
    }
    EXPECT_NE(of(first, 1, 4), of(other_repetition, 0, 4));
}

TEST(SimulationNoise, CommonStreamsAreTheSameForAllCandidatesAndEvaluations) {
    auto s = drawing();
    s.restart(0, 1, NoiseStreams::common);
    const auto record = two_chunks(s);
    for (std::size_t c = 1; c < n_candidates; ++c) {
        EXPECT_EQ(of(record, 0, c), of(record, 0, 0));
        EXPECT_EQ(of(record, 1, c, "uniform"), of(record, 1, 0, "uniform"));
    }
    EXPECT_NE(of(record, 0, 0), of(record, 1, 0));
    s.restart(500, 1, NoiseStreams::common);
    EXPECT_EQ(of(two_chunks(s), 1, 5), of(record, 1, 0));
    s.restart(500, 3, NoiseStreams::common);
    EXPECT_NE(of(two_chunks(s), 1, 5), of(record, 1, 0)) << "repetitions differ";
    s.restart(500, 1);
    EXPECT_NE(of(two_chunks(s), 1, 5), of(record, 1, 0)) << "and so do independent streams";
}

TEST(SimulationNoise, OfPoissonNumbersMayBeCommonToo) {
    const Model model = parse_brian({.equations = {"equations", "dx/dt = poisson(3.0)/(1*ms) : 1\n"}});
    Simulation s(model, {.n_candidates = 9, .dt = ms, .method = "euler", .record = {"x"}});
    for (const auto streams : {NoiseStreams::common, NoiseStreams::independent}) {
        s.restart(3, 0, streams);
        s.start_recording();
        s.run(40 * ms);
        const auto record = s.results();
        std::set<Draws> all;
        for (std::size_t c = 0; c < 9; ++c) all.insert(of(record, 0, c, "x"));
        EXPECT_EQ(all.size(), streams == NoiseStreams::common ? 1u : 9u);
    }
}

TEST(SimulationNoise, HasTheRightMomentsOverCandidatesRepetitionsAndResets) {
    constexpr std::size_t n = 400, repetitions = 25;
    auto s = drawing(1, n);
    double sum = 0, squares = 0, neighbours = 0, count = 0;
    for (std::uint64_t repetition = 0; repetition < repetitions; ++repetition) {
        s.restart(0, repetition);
        const auto record = two_chunks(s);
        for (std::size_t c = 0; c < n; ++c) {
            for (const std::size_t chunk : {0u, 1u}) {
                const double x = of(record, chunk, c)[0];
                sum += x;
                squares += x * x;
                ++count;
            }
            neighbours += of(record, 0, c)[7] * of(record, 1, c)[7];
        }
    }
    EXPECT_NEAR(sum / count, 0, 4.5 / std::sqrt(count));
    EXPECT_NEAR(squares / count, 1, 4.5 * std::sqrt(2 / count));
    EXPECT_NEAR(neighbours / (count / 2), 0, 4.5 / std::sqrt(count / 2)) << "chunks are independent";
}

TEST(SimulationNoise, RandomInitialValuesAreKeptOverResets) {
    const Model model =
        parse_brian({.equations = {"equations", "dx/dt = 0/second : 1\n"}, .initial_values = {{"x", "rand()"}}});
    Simulation s(model, {.n_candidates = 3, .dt = ms});
    const auto first = s.get("x");
    EXPECT_EQ(std::set<double>(first.begin(), first.end()).size(), 3u);
    s.run(ms);
    s.reset();
    EXPECT_EQ(s.get("x"), first) << "not drawn again";
    s.restart(1);
    EXPECT_EQ(s.get("x")[0], first[1]) << "the second evaluation";
    s.restart(0, 1);
    EXPECT_NE(s.get("x")[0], first[0]) << "another repetition";
    s.restart(0, 0, NoiseStreams::common);
    EXPECT_EQ(s.get("x"), std::vector<double>(3, first[0]));
}

}  // namespace
}  // namespace spikesmith
