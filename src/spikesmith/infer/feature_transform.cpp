#include "spikesmith/infer/feature_transform.hpp"

#include <algorithm>
#include <cmath>

#include "spikesmith/infer/random_purposes.hpp"
#include "spikesmith/math/random_stream.hpp"

namespace spikesmith {

namespace {

constexpr std::size_t looked_at = 2000;  // rows
constexpr int narrowest = 16;            // width, 10^(-8) of the range
constexpr std::size_t fewest = 20;       // values, to judge by
constexpr double most_steps = 1e5;       // of a grid
// In mean log density; below, a feature keeps its own scale: that most simulations of later rounds resemble the observation is no reason to
// bend the scale there.
constexpr double least_gain = 0.5;

// The finite values of a feature, sorted.
std::vector<double> values_of(const Array2& x, std::size_t feature, std::span<const std::uint32_t> rows) {
    std::vector<double> values;
    for (const std::uint32_t i : rows.first(std::min(rows.size(), looked_at))) {
        if (std::isfinite(x(i, feature))) values.push_back(x(i, feature));
    }
    std::ranges::sort(values);
    return values;
}

// The distance between counts, or other values on a grid, that occur again and again; else 0.
double spacing_of(const std::vector<double>& sorted) {
    double smallest = 0;
    std::size_t distinct = 1;
    for (std::size_t k = 1; k < sorted.size(); ++k) {
        const double gap = sorted[k] - sorted[k - 1];
        if (!(gap > 0)) continue;
        ++distinct;
        if (smallest == 0 || gap < smallest) smallest = gap;
    }
    if (sorted.size() < fewest || 2 * distinct > sorted.size()) return 0;
    if ((sorted.back() - sorted.front()) / smallest > most_steps) return 0;
    const bool grid = std::ranges::all_of(sorted, [&](double value) {
        const double steps = (value - sorted.front()) / smallest;
        return std::abs(steps - std::round(steps)) < 1e-3;
    });
    return grid ? smallest : 0;
}

// Mean log density of x if y(x) is normal with the mean and deviation it has; `width` 0: of x itself.
double mean_log_density(const std::vector<double>& values, double centre, double width) {
    double mean = 0;
    double squares = 0;
    double log_slope = 0;
    double count = 0;
    for (const double x : values) {
        const double z = width > 0 ? (x - centre) / width : x;
        const double y = width > 0 ? std::asinh(z) : x;
        if (width > 0) log_slope -= 0.5 * std::log1p(z * z) + std::log(width);
        count += 1;
        const double before = y - mean;
        mean += before / count;
        squares += before * (y - mean);
    }
    return log_slope / count - 0.5 * std::log(squares / count);
}

}  // namespace

void FeatureTransform::apply(Array2& x, std::span<const std::size_t> described) const {
    if (empty()) return;
    for (std::size_t c = 0; c < x.columns; ++c) {
        const std::size_t feature = described.empty() ? c : described[c];
        if (!(width[feature] > 0)) continue;
        for (std::size_t i = 0; i < x.rows; ++i) x(i, c) = std::asinh((x(i, c) - centre[feature]) / width[feature]);
    }
}

FeatureTransform FeatureTransform::of_features(std::span<const std::size_t> described, std::size_t features) const {
    if (empty() || described.empty()) return *this;
    FeatureTransform all{.centre = std::vector<double>(features, 0.0), .width = std::vector<double>(features, 0.0)};
    for (std::size_t k = 0; k < described.size(); ++k) {
        all.centre[described[k]] = centre[k];
        all.width[described[k]] = width[k];
    }
    return all;
}

FeatureTransform measure_transform(const Array2& x, std::span<const std::uint32_t> rows) {
    FeatureTransform result{.centre = std::vector<double>(x.columns, 0.0),
                            .width = std::vector<double>(x.columns, 0.0)};
    bool any = false;
    for (std::size_t c = 0; c < x.columns; ++c) {
        std::vector<double> values = values_of(x, c, rows);
        if (values.size() < fewest || !(values.back() > values.front())) continue;
        const double spacing = spacing_of(values);
        if (spacing > 0) {
            // counts are spread evenly over their spacing, lest the transform blows up a single one
            for (std::size_t k = 0; k < values.size(); ++k) {
                const double place = std::fmod(static_cast<double>(k) * 0.6180339887498949, 1.0);
                values[k] += spacing * (place - 0.5);
            }
            std::ranges::sort(values);
        } else {  // lest it blows up a value that occurs often
            values.erase(std::unique(values.begin(), values.end()), values.end());
            if (values.size() < fewest) continue;
        }
        const double lowest = values.front();
        const double median = values[values.size() / 2];
        const double highest = values.back();
        const double zero = lowest > 0 || highest < 0 ? 0 : median;  // of values of one sign: their logarithm
        double best = mean_log_density(values, 0, 0) + least_gain;
        for (const double centre : {zero, lowest, median, highest}) {
            for (int step = 0; step <= narrowest; ++step) {
                const double width = (highest - lowest) * std::pow(10.0, -0.5 * step);
                if (width < spacing) break;
                const double value = mean_log_density(values, centre, width);
                if (!(value > best)) continue;
                best = value;
                result.centre[c] = centre;
                result.width[c] = width;
                any = true;
            }
        }
    }
    return any ? result : FeatureTransform{};
}

std::vector<double> measure_spacing(const Array2& x, std::span<const std::uint32_t> rows) {
    std::vector<double> spacing;
    for (std::size_t c = 0; c < x.columns; ++c) spacing.push_back(spacing_of(values_of(x, c, rows)));
    return spacing;
}

void add_spacing_noise(Array2& x, std::span<const double> spacing, std::uint64_t seed) {
    for (std::size_t c = 0; c < x.columns; ++c) {
        if (!(spacing[c] > 0)) continue;
        math::RandomStream random(seed, purpose(RandomPurpose::spacing, c));
        for (std::size_t i = 0; i < x.rows; ++i) x(i, c) += spacing[c] * (random.next_uniform() - 0.5);
    }
}

}  // namespace spikesmith
