#include "spikesmith/infer/calibration.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/format.h>
#include <tbb/parallel_for.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/infer/random_purposes.hpp"
#include "spikesmith/math/random_stream.hpp"

namespace spikesmith {

namespace {

constexpr std::size_t enough_pairs = 50;

double squared_distance(std::span<const double> a, std::span<const double> b) {
    double sum = 0;
    for (std::size_t d = 0; d < a.size(); ++d) sum += (a[d] - b[d]) * (a[d] - b[d]);
    return sum;
}

// `n` rows of u from the posterior within the region; fewer if next to nothing is inside.
Array2 draw_inside(const Posterior& posterior, std::size_t n, std::uint64_t seed, const CalibrationOptions& options) {
    const auto draw = [&](std::size_t count, std::uint64_t with_seed) {
        return posterior.prior().to_normal(posterior.sample(count, with_seed, {.cancelled = options.cancelled}));
    };
    Array2 u = draw(n, seed);
    if (!options.region) return u;
    Array2 inside(0, u.columns);
    for (std::uint64_t attempt = 1; attempt <= 8; ++attempt) {
        const std::vector<std::uint8_t> marks = options.region(u);
        for (std::size_t i = 0; i < u.rows && inside.rows < n; ++i) {
            if (marks[i] == 0) continue;
            inside.values.insert(inside.values.end(), u.row(i).begin(), u.row(i).end());
            ++inside.rows;
        }
        if (inside.rows == n) break;
        u = draw(n, seed + (attempt << 40));
    }
    return inside;
}

bool usable(const Estimator& estimator, std::span<const double> x) {
    for (std::size_t c = 0; c < x.size(); ++c) {
        if (!std::isnan(x[c])) continue;
        if (estimator.role == EstimatorRole::likelihood) {
            if (estimator.described.empty() || std::ranges::binary_search(estimator.described, c)) return false;
        } else if (!estimator.knows_missing) {
            return false;
        }
    }
    // A likelihood estimator knows the observation's pattern of missing features only.
    if (estimator.role == EstimatorRole::likelihood && !estimator.described.empty()) {
        for (std::size_t c = 0; c < x.size(); ++c) {
            if (!std::isnan(x[c]) && !std::ranges::binary_search(estimator.described, c)) return false;
        }
    }
    return true;
}

UniformityTest finished(std::string name, std::vector<double> values) {
    UniformityTest test{.name = std::move(name), .values = std::move(values)};
    if (test.values.empty()) return test;
    test.p_value = uniformity_p_value(test.values);
    test.mean = std::accumulate(test.values.begin(), test.values.end(), 0.0) / static_cast<double>(test.values.size());
    return test;
}

}  // namespace

double uniformity_p_value(std::vector<double> values) {
    if (values.empty()) return 1;
    std::ranges::sort(values);
    const auto n = static_cast<double>(values.size());
    double distance = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const auto k = static_cast<double>(i);
        distance = std::max({distance, values[i] - k / n, (k + 1) / n - values[i]});
    }
    const double lambda = (std::sqrt(n) + 0.12 + 0.11 / std::sqrt(n)) * distance;
    if (lambda < 0.2) return 1;
    double sum = 0;
    for (int k = 1; k <= 100; ++k) {
        const double term = std::exp(-2.0 * k * k * lambda * lambda);
        sum += k % 2 == 1 ? term : -term;
        if (term < 1e-17) break;
    }
    return std::clamp(2 * sum, 0.0, 1.0);
}

CalibrationReport calibrate(const Posterior& posterior, const Array2& theta, const Array2& x,
                            const CalibrationOptions& options) {
    const Prior& prior = posterior.prior();
    const std::size_t dimension = prior.dimension();
    if (theta.rows != x.rows || theta.columns != dimension || x.columns != posterior.estimator().features) {
        throw DataError(
            fmt::format("calibration needs pairs of {} parameters and {} features, but theta is {} x {} and x {} x {}",
                        dimension, posterior.estimator().features, theta.rows, theta.columns, x.rows, x.columns));
    }
    if (options.draws == 0) throw ConfigError("calibration needs at least one draw per pair");
    const Array2 truth = prior.to_normal(theta);
    // Reference points of TARP: uniform in the box of the true parameters, in the coordinates u.
    std::vector<double> low(dimension, std::numeric_limits<double>::infinity());
    std::vector<double> high(dimension, -std::numeric_limits<double>::infinity());
    for (std::size_t i = 0; i < truth.rows; ++i) {
        for (std::size_t d = 0; d < dimension; ++d) {
            low[d] = std::min(low[d], truth(i, d));
            high[d] = std::max(high[d], truth(i, d));
        }
    }
    struct Pair {
        bool used = false;
        std::vector<double> ranks;
        double coverage = 0;
        double tarp = 0;
    };
    std::vector<Pair> pairs(theta.rows);
    tbb::parallel_for(std::size_t{0}, theta.rows, [&](std::size_t i) {
        if (options.cancelled != nullptr && options.cancelled->load())
            throw Interrupted("the calibration was interrupted");
        if (!usable(posterior.estimator(), x.row(i))) return;
        const Posterior there = posterior.given(std::vector<double>(x.row(i).begin(), x.row(i).end()));
        const std::uint64_t seed = purpose(RandomPurpose::calibration, i) ^ (options.seed << 8);
        const Array2 u = draw_inside(there, options.draws, seed, options);
        if (u.rows == 0) return;
        Pair& pair = pairs[i];
        pair.used = true;
        math::RandomStream random(options.seed, purpose(RandomPurpose::calibration, i));
        // A draw that equals the truth in rank is as likely on either side: u in [0, 1) of the interval of one rank.
        const auto share = [&](std::size_t below) {
            return (static_cast<double>(below) + random.next_uniform()) / static_cast<double>(u.rows + 1);
        };
        for (std::size_t d = 0; d < dimension; ++d) {
            std::size_t below = 0;
            for (std::size_t k = 0; k < u.rows; ++k) below += u(k, d) < truth(i, d) ? 1 : 0;
            pair.ranks.push_back(share(below));
        }
        // Densities in u order regions like densities in theta do not; any density does for a test. These have no poles at bounds.
        Array2 all(u.rows + 1, dimension);
        std::ranges::copy(u.values, all.values.begin());
        std::ranges::copy(truth.row(i), all.row(u.rows).begin());
        std::vector<double> densities(all.rows);
        there.conditioned().log_density(all, densities, nullptr);
        std::size_t higher = 0;
        for (std::size_t k = 0; k < u.rows; ++k) higher += densities[k] > densities.back() ? 1 : 0;
        pair.coverage = share(higher);
        std::vector<double> reference(dimension);
        for (std::size_t d = 0; d < dimension; ++d) reference[d] = low[d] + (high[d] - low[d]) * random.next_uniform();
        const double distance = squared_distance(truth.row(i), reference);
        std::size_t nearer = 0;
        for (std::size_t k = 0; k < u.rows; ++k) nearer += squared_distance(u.row(k), reference) < distance ? 1 : 0;
        pair.tarp = share(nearer);
    });

    CalibrationReport report{.draws = options.draws};
    std::vector<std::vector<double>> ranks(dimension);
    std::vector<double> coverage;
    std::vector<double> tarp;
    for (const Pair& pair : pairs) {
        if (!pair.used) {
            ++report.skipped;
            continue;
        }
        ++report.pairs;
        for (std::size_t d = 0; d < dimension; ++d) ranks[d].push_back(pair.ranks[d]);
        coverage.push_back(pair.coverage);
        tarp.push_back(pair.tarp);
    }
    for (std::size_t d = 0; d < dimension; ++d)
        report.ranks.push_back(finished(prior.parameters()[d].name, std::move(ranks[d])));
    report.coverage = finished("coverage", std::move(coverage));
    report.tarp = finished("tarp", std::move(tarp));
    if (report.pairs < enough_pairs) return report;

    const double each = options.significance / static_cast<double>(dimension + 2);  // Bonferroni
    const bool coverage_fails = report.coverage.p_value < each;
    const bool others_fail =
        report.tarp.p_value < each ||
        std::ranges::any_of(report.ranks, [&](const UniformityTest& test) { return test.p_value < each; });
    report.verdict = coverage_fails ? (report.coverage.mean > 0.5 ? CalibrationVerdict::overconfident
                                                                  : CalibrationVerdict::underconfident)
                     : others_fail  ? CalibrationVerdict::biased
                                    : CalibrationVerdict::calibrated;
    return report;
}

double CalibrationReport::expected_coverage(double probability) const {
    const auto inside = std::ranges::count_if(coverage.values, [&](double value) { return value <= probability; });
    return static_cast<double>(inside) / static_cast<double>(std::max<std::size_t>(1, coverage.values.size()));
}

std::string CalibrationReport::summary() const {
    std::string text;
    switch (verdict) {
        case CalibrationVerdict::calibrated:
            text = "The posterior is calibrated as far as these tests can see.";
            break;
        case CalibrationVerdict::overconfident:
            text =
                "The posterior is overconfident: the truth is outside its regions too often. More simulations, an "
                "ensemble, or "
                "another estimator may help.";
            break;
        case CalibrationVerdict::underconfident:
            text =
                "The posterior is wider than it need be: the truth is well inside its regions too often. It is safe, "
                "but more "
                "simulations or another estimator would make it narrower.";
            break;
        case CalibrationVerdict::biased:
            text =
                "The posterior has the right width but is not in the right place for every parameter; see the ranks.";
            break;
        case CalibrationVerdict::undecided:
            text = fmt::format("{} pairs are too few to judge the calibration; {} would do.", pairs, enough_pairs);
            break;
    }
    text += fmt::format("\n{} pairs, {} draws each", pairs, draws);
    if (skipped > 0) text += fmt::format("; {} pairs lack features and were skipped", skipped);
    text += fmt::format("\n  regions of 50 % hold the truth in {:.0f} % of the pairs, of 95 % in {:.0f} %",
                        100 * expected_coverage(0.5), 100 * expected_coverage(0.95));
    for (const UniformityTest& test : ranks)
        text += fmt::format("\n  ranks of {}: p = {:.3g}", test.name, test.p_value);
    text += fmt::format("\n  expected coverage: p = {:.3g}", coverage.p_value);
    return text + fmt::format("\n  distance to random points (TARP): p = {:.3g}", tarp.p_value);
}

PredictiveCheck check_predictions(const Array2& simulated, std::span<const double> observation,
                                  const std::vector<std::string>& names, double significance) {
    const std::size_t n = simulated.columns;
    if (observation.size() != n || (!names.empty() && names.size() != n)) {
        throw DataError(
            fmt::format("the observation has {} values, but simulations have {} features", observation.size(), n));
    }
    PredictiveCheck check{.simulations = simulated.rows};
    std::vector<double> scale(n, 0.0);
    for (std::size_t c = 0; c < n; ++c) {
        PredictiveCheck::Feature feature{.name = names.empty() ? fmt::format("feature {}", c + 1) : names[c],
                                         .observed = observation[c]};
        std::vector<double> values;
        for (std::size_t i = 0; i < simulated.rows; ++i) {
            if (std::isfinite(simulated(i, c))) values.push_back(simulated(i, c));
        }
        feature.missing = simulated.rows - values.size();
        const auto total = static_cast<double>(simulated.rows);
        if (!std::isfinite(observation[c])) {
            // the observation lacks it: how many simulations do too
            feature.p_value =
                simulated.rows == 0 ? 1 : std::min(1.0, (static_cast<double>(feature.missing) + 1) / (total + 1));
        } else if (values.empty()) {
            feature.p_value = 1 / (total + 1);
        } else {
            std::ranges::sort(values);
            const auto at = [&](double p) {
                return values[static_cast<std::size_t>(p * static_cast<double>(values.size() - 1))];
            };
            feature.median = at(0.5);
            feature.low = at(0.025);
            feature.high = at(0.975);
            scale[c] = std::max(at(0.75) - at(0.25), 1e-300);
            const auto below = static_cast<double>(std::ranges::lower_bound(values, observation[c]) - values.begin());
            const auto above = static_cast<double>(values.end() - std::ranges::upper_bound(values, observation[c]));
            const auto count = static_cast<double>(values.size());
            // one is added on each side: no simulation is no proof of impossibility
            feature.p_value =
                std::min({1.0, 2 * (count - below + 1) / (count + 1), 2 * (count - above + 1) / (count + 1)});
        }
        check.features.push_back(feature);
    }
    const auto distance = [&](std::span<const double> row) {
        double sum = 0;
        for (std::size_t c = 0; c < n; ++c) {
            if (scale[c] <= 0 || !std::isfinite(row[c])) continue;
            const double z = std::min(1e6, std::abs(row[c] - check.features[c].median) / scale[c]);
            sum += z * z;
        }
        return sum;
    };
    const double observed = distance(observation);
    std::size_t farther = 0;
    for (std::size_t i = 0; i < simulated.rows; ++i) farther += distance(simulated.row(i)) >= observed ? 1 : 0;
    check.p_value = static_cast<double>(farther + 1) / static_cast<double>(simulated.rows + 1);
    const double each = significance / static_cast<double>(n + 1);
    // few simulations cannot tell probabilities below 1 / n: then the least possible one counts as failed
    const double least = 2.0 / static_cast<double>(simulated.rows + 1);
    check.passed = check.p_value > std::max(each, 0.5 * least) || simulated.rows == 0;
    for (const auto& feature : check.features)
        check.passed = check.passed && (feature.p_value > std::max(each, least) || simulated.rows == 0);
    return check;
}

std::string PredictiveCheck::summary() const {
    std::string text =
        passed
            ? fmt::format("The observation looks like what the posterior simulates (p = {:.3g}, {} simulations).",
                          p_value, simulations)
            : fmt::format(
                  "The observation does not look like what the posterior simulates (p = {:.3g}, {} simulations): the "
                  "model may be wrong, or the posterior is not good enough.",
                  p_value, simulations);
    for (const Feature& feature : features) {
        if (feature.p_value >= 0.05) continue;
        text += fmt::format("\n  {}: observed {:.4g}, simulated {:.4g} to {:.4g}, p = {:.3g}", feature.name,
                            feature.observed, feature.low, feature.high, feature.p_value);
    }
    return text;
}

}  // namespace spikesmith
