// Polishing while a global fit runs: it helps, it repeats, and a resumed fit is the same bit for bit.
#include "spikesmith/fit/polish.hpp"

#include <filesystem>
#include <string>

#include "fit/problems.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/refine.hpp"
#include "spikesmith/metrics/mse.hpp"
#include "spikesmith/optimize/differential_evolution.hpp"
#include "spikesmith/optimize/nsga2.hpp"

namespace spikesmith {
namespace {

using test::message_of;
using test::quantity;
using testing::HasSubstr;

// Eight rounds, polished after every third.
FitOptions polished_fit(std::size_t rounds = 8) {
    return {.parameters = test::hodgkin_huxley_bounds(),
            .optimizer = differential_evolution(),
            .n_rounds = rounds,
            .planned_rounds = 8,
            .polish = {.every = 3}};
}

FitterOptions small_options() {
    FitterOptions options = test::hodgkin_huxley_options();
    options.n_samples = 30;
    options.seed = 5;
    return options;
}

TEST(Polish, ReachesTheOptimumEarly) {
    TraceFitter plain(small_options());
    FitOptions options = polished_fit();
    options.polish = {};
    const double without = plain.fit(options).best->error;
    TraceFitter fitter(small_options());
    const FitResult result = fitter.fit(polished_fit());
    EXPECT_GT(without, 1.1e-6);
    EXPECT_LT(result.best->error, 0.9 * without);
    EXPECT_TRUE(result.best->polished);
    EXPECT_EQ(result.n_evaluations, 240U);  // polishing adds none
    EXPECT_EQ(result.history.back().best_error, result.best->error);
    // what it found is the local optimum: refining once more gains nothing
    const RefineResult refined = refine(fitter);
    EXPECT_NEAR(refined.error, result.best->error, 1e-6 * result.best->error);
    // rounds after polishing know of it
    EXPECT_LT(result.history[2].best_error, result.history[1].best_error);
    EXPECT_LE(result.history[3].best_error, result.history[2].best_error);
}

TEST(Polish, TwoFitsAreOneAndAResumedFitIsTheSame) {
    TraceFitter whole(small_options());
    (void)whole.fit(polished_fit());
    for (const std::size_t first : {2U, 3U, 5U}) {
        TraceFitter halves(small_options());
        (void)halves.fit(polished_fit(first));
        FitOptions rest = polished_fit(8 - first);
        (void)halves.fit(rest);
        EXPECT_EQ(test::record_of(halves), test::record_of(whole)) << first;

        const auto path = std::filesystem::temp_directory_path() / "spikesmith-Polish.TwoFitsAreOne.txt";
        {
            TraceFitter begun(small_options());
            FitOptions part = polished_fit(first);
            part.checkpoint = path;
            (void)begun.fit(part);
        }
        TraceFitter resumed(small_options());
        EXPECT_EQ(resumed.resume(path, polished_fit()), first);
        (void)resumed.fit(rest);
        EXPECT_EQ(test::record_of(resumed), test::record_of(whole)) << first;
        FitOptions other = polished_fit();
        other.polish.every = 4;
        TraceFitter stranger(small_options());
        EXPECT_THAT(message_of<DataError>([&] { (void)stranger.resume(path, other); }),
                    HasSubstr("interval of polishing"));
        std::filesystem::remove(path);
    }
}

TEST(Polish, RefusesAFront) {
    FitterOptions options = test::leaky_options();
    TraceFitter fitter(options);
    FitOptions fit{.parameters = test::leaky_bounds(), .optimizer = nsga2(), .polish = {.every = 1}};
    fit.metrics.emplace("v", mse());
    fit.metrics.emplace("v", mse({.t_start = 1e-2}));
    EXPECT_THAT(message_of<ConfigError>([&] { (void)fitter.fit(fit); }), HasSubstr("cannot be polished"));
}

}  // namespace
}  // namespace spikesmith
