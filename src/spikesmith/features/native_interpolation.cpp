#include "spikesmith/features/native_interpolation.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <vector>

namespace spikesmith {

namespace {

constexpr std::size_t highest_degree = 12;
constexpr double precision = 1e-10;  // samples
using Coefficients = std::array<double, highest_degree + 1>;

// A polynomial in x, samples from the middle over `scale`.
struct Polynomial {
    Coefficients a{};
    std::size_t degree = 0;
    double scale = 1;

    [[nodiscard]] double value(double x) const {
        double sum = 0;
        for (std::size_t i = degree + 1; i-- > 0;) sum = sum * x + a[i];
        return sum;
    }
    // Value and first three derivatives by x.
    [[nodiscard]] std::array<double, 4> at(double x) const {
        std::array<double, 4> d{};
        for (std::size_t i = degree + 1; i-- > 0;) {
            d[3] = d[3] * x + 3 * d[2];
            d[2] = d[2] * x + 2 * d[1];
            d[1] = d[1] * x + d[0];
            d[0] = d[0] * x + a[i];
        }
        return d;
    }
};

// Solves the symmetric positive definite system m x = b of size n in place, by Cholesky's decomposition.
template <std::size_t Size>
void solve(std::array<std::array<double, Size>, Size>& m, std::array<double, Size>& b, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j <= i; ++j) {
            double sum = m[i][j];
            for (std::size_t k = 0; k < j; ++k) sum -= m[i][k] * m[j][k];
            m[i][j] = i == j ? std::sqrt(sum) : sum / m[j][j];
        }
    }
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t k = 0; k < i; ++k) b[i] -= m[i][k] * b[k];
        b[i] /= m[i][i];
    }
    for (std::size_t i = n; i-- > 0;) {
        for (std::size_t k = i + 1; k < n; ++k) b[i] -= m[k][i] * b[k];
        b[i] /= m[i][i];
    }
}

// What turns samples k - m .. k + m into the polynomial of least squares. Odd and even powers do not mix on a symmetric window:
// even powers follow from sums of the two samples at the same distance, odd ones from differences.
struct Weights {
    std::size_t m = 0;
    std::size_t degree = 0;  // even, at most 2 m
    // For each distance the weights of the even powers, then those of the odd ones, filled up with zeros.
    static constexpr std::size_t padded = 8;
    std::vector<std::array<double, 2 * padded>> weights;

    Weights(std::size_t reach, std::size_t power) : m(reach), degree(power), weights(reach) {
        constexpr std::size_t most = highest_degree / 2 + 1;
        static_assert(most <= padded);
        using Matrix = std::array<std::array<double, most>, most>;
        Matrix even{};
        Matrix odd{};
        even[0][0] = 1;  // the middle sample
        const auto square_of = [&](std::size_t j) {
            const double x = static_cast<double>(j) / static_cast<double>(m);
            return x * x;
        };
        for (std::size_t j = 1; j <= m; ++j) {
            for (std::size_t i = 0; i < most; ++i) {
                for (std::size_t l = 0; l <= i; ++l) {
                    even[i][l] += 2 * std::pow(square_of(j), static_cast<double>(i + l));
                    odd[i][l] += 2 * std::pow(square_of(j), static_cast<double>(i + l + 1));
                }
            }
        }
        for (std::size_t j = 1; j <= m; ++j) {
            const double x = static_cast<double>(j) / static_cast<double>(m);
            std::array<double, most> even_side{};
            std::array<double, most> odd_side{};
            for (std::size_t i = 0; i < most; ++i) {
                even_side[i] = std::pow(x * x, static_cast<double>(i));
                odd_side[i] = x * even_side[i];
            }
            Matrix left = even;
            solve(left, even_side, degree / 2 + 1);
            left = odd;
            solve(left, odd_side, degree / 2);
            std::array<double, 2 * padded>& own = weights[j - 1];
            own = {};
            std::copy_n(even_side.begin(), degree / 2 + 1, own.begin());
            std::copy_n(odd_side.begin(), degree / 2, own.begin() + padded);
        }
    }

    // Voltages are taken from the middle sample, so that their size does not cost digits.
    [[nodiscard]] Polynomial fitted(std::span<const double> v, std::size_t k) const {
        std::array<double, 2 * padded> sums{};
        for (std::size_t j = 1; j <= m; ++j) {
            const double right = v[k + j] - v[k];
            const double left = v[k - j] - v[k];
            const double even = right + left;
            const double odd = right - left;
            const auto& own = weights[j - 1];
            for (std::size_t i = 0; i < padded; ++i) sums[i] += own[i] * even;
            for (std::size_t i = padded; i < 2 * padded; ++i) sums[i] += own[i] * odd;
        }
        Polynomial fit{.a = {}, .degree = degree, .scale = static_cast<double>(m)};
        for (std::size_t i = 0; i <= degree; ++i) fit.a[i] = sums[i % 2 == 0 ? i / 2 : padded + i / 2];
        fit.a[0] += v[k];
        return fit;
    }
};

// The weights of the growing fits: degree 4, 8, 12 on windows of 1, 2, 3 times the half-width.
constexpr std::size_t n_steps = highest_degree / 4;
using GrowingWeights = std::vector<Weights>;
GrowingWeights growing_weights(std::size_t half_width) {
    GrowingWeights weights;
    for (std::size_t step = 0; step < n_steps; ++step) {
        weights.emplace_back(half_width * (step + 1), 4 * (step + 1));
    }
    return weights;
}
const GrowingWeights& weights_of(std::size_t half_width) {
    if (half_width == 2) {  // the usual one
        static const GrowingWeights usual = growing_weights(2);
        return usual;
    }
    thread_local std::map<std::size_t, GrowingWeights> known;
    const auto place = known.find(half_width);
    if (place != known.end()) return place->second;
    return known.emplace(half_width, growing_weights(half_width)).first->second;
}

// What `read` finds in the fits, from the smallest on, as long as each changes it by less than the one before or by less than
// `tolerance`: a jump in the window changes it by more. `first` is what is known without them.
template <class Result, class Read, class Change>
Result refined(std::span<const double> v, std::size_t k, std::size_t half_width, double tolerance, const Result& first,
               const Read& read, const Change& change) {
    constexpr double converged = 0.01;  // of the tolerance
    Result best = first;
    double before = 0;
    bool any = false;
    for (const Weights& weights : weights_of(half_width)) {
        if (k < weights.m || k + weights.m >= v.size()) break;
        const std::optional<Result> found = read(weights.fitted(v, k));
        if (!found) break;
        const double now = change(*found, best);
        if (any && !(now < std::max(before, tolerance))) break;
        best = *found;
        if (any && now < converged * tolerance) break;
        before = now;
        any = true;
    }
    return best;
}

// Highest minus lowest sample near sample k.
double range_near(std::span<const double> v, std::size_t k, std::size_t half_width) {
    const auto near = v.subspan(k - std::min(k, half_width), std::min(k, half_width) + 1);
    const auto after = v.subspan(k, std::min(half_width + 1, v.size() - k));
    const auto [low1, high1] = std::ranges::minmax(near);
    const auto [low2, high2] = std::ranges::minmax(after);
    return std::max(high1, high2) - std::min(low1, low2);
}
constexpr double value_tolerance = 0.02;  // of the range
constexpr double slope_tolerance = 0.05;  // of the range, per sample

double distance(double a, double b) {
    return std::fabs(a - b);
}

// A large step that does not go on in the same direction: `near` is the change next to the extremum, `far` the one after it.
bool jumps(double near, double far) {
    constexpr double large = 2;          // mV
    constexpr double continued = 0.125;  // of a spike's flank, even one of only a few samples
    return std::fabs(near) > large && far * near < continued * near * near;
}

bool near_jump(std::span<const double> v, std::size_t k) {
    return jumps(v[k + 1] - v[k], v[k + 2] - v[k + 1]) || jumps(v[k - 1] - v[k], v[k - 2] - v[k - 1]);
}

// Whether the step from k - 1 to k is that of a jump: more than twice both of its neighbours together.
bool step_is_jump(std::span<const double> v, std::size_t k) {
    constexpr double large = 2;  // mV
    const double step = std::fabs(v[k] - v[k - 1]);
    if (!(step > large)) return false;
    return step > 2 * (std::fabs(v[k - 1] - v[k - 2]) + std::fabs(v[k + 1] - v[k]));
}

// The fit through the samples around place k - 1 + x, 0 <= x <= 1, and the place of its middle; none where a straight line is
// better.
struct Interpolation {
    Polynomial fit;
    double middle = 0;  // of the interval from k - 1 on
};
std::optional<Interpolation> interpolation(std::span<const double> v, std::size_t k, double x) {
    if (k < 2 || k + 1 >= v.size() || step_is_jump(v, k)) return std::nullopt;
    const std::size_t middle = x < 0.5 ? k - 1 : k;
    const double from_middle = x < 0.5 ? x : x - 1;
    struct Found {
        double value = 0;
        std::optional<Polynomial> fit;
    };
    constexpr std::size_t narrow = 2;  // through every sample
    const Found line{v[k - 1] + (v[k] - v[k - 1]) * x, std::nullopt};
    const Found best = refined(
        v, middle, narrow, value_tolerance * range_near(v, middle, narrow), line,
        [&](const Polynomial& fit) {
            return std::optional<Found>({fit.value(from_middle / fit.scale), fit});
        },
        [](const Found& a, const Found& b) { return distance(a.value, b.value); });
    if (!best.fit) return std::nullopt;
    return Interpolation{*best.fit, x < 0.5 ? 0.0 : 1.0};
}

}  // namespace

Extremum refined_extremum(std::span<const double> v, std::size_t k, std::size_t half_width) {
    const Extremum sample{static_cast<double>(k), v[k]};
    half_width = std::min({half_width, k, v.size() - 1 - k});
    if (half_width < 2 || near_jump(v, k)) return sample;
    const bool peak = v[k] >= v[k - 1] && v[k] >= v[k + 1];
    const auto read = [&](const Polynomial& fit) -> std::optional<Extremum> {
        // Newton's steps from the middle; the extremum of samples is within one sample of the one between them.
        const double reach = 1 / fit.scale;
        double x = 0;
        for (int step = 0; step < 20; ++step) {
            const auto d = fit.at(x);
            if (d[2] == 0) return std::nullopt;
            const double change = d[1] / d[2];
            x = std::clamp(x - change, -reach, reach);
            if (std::fabs(change) < precision) break;
        }
        const auto d = fit.at(x);
        if (!std::isfinite(d[0]) || std::fabs(x) >= reach || (peak ? d[2] >= 0 : d[2] <= 0)) return std::nullopt;
        return Extremum{static_cast<double>(k) + x * fit.scale, d[0]};
    };
    return refined(v, k, half_width, value_tolerance * range_near(v, k, half_width), sample, read,
                   [](const Extremum& a, const Extremum& b) { return distance(a.value, b.value); });
}

double crossing(std::span<const double> v, std::size_t k, double level) {
    const double first = v[k - 1] - level;
    const double last = v[k] - level;
    if (first == 0) return static_cast<double>(k - 1);
    if (last == 0) return static_cast<double>(k);
    // The straight line first, then Newton's steps; halves of the interval where they leave it.
    double x = first / (first - last);
    const auto between = interpolation(v, k, x);
    if (!between) return static_cast<double>(k - 1) + x;
    double low = 0;
    double high = 1;
    for (int step = 0; step < 60 && high - low > precision; ++step) {
        const auto d = between->fit.at((x - between->middle) / between->fit.scale);
        const double value = d[0] - level;
        if (value == 0) break;
        ((value > 0) == (first > 0) ? low : high) = x;
        const double next = x - value * between->fit.scale / d[1];
        const double moved = next > low && next < high ? next : (low + high) / 2;
        const bool found = std::fabs(moved - x) < precision;
        x = moved;
        if (found) break;
    }
    return static_cast<double>(k - 1) + x;
}

double value_at(std::span<const double> v, double place) {
    const auto k = static_cast<std::size_t>(place);
    if (k + 1 >= v.size()) return v.back();
    const double x = place - static_cast<double>(k);
    if (const auto between = interpolation(v, k + 1, x)) {
        return between->fit.value((x - between->middle) / between->fit.scale);
    }
    return v[k] + (v[k + 1] - v[k]) * x;
}

double slope_at(std::span<const double> v, std::size_t k, std::size_t half_width) {
    if (v.size() < 2) return 0;
    const std::size_t m = std::min({half_width, k, v.size() - 1 - k});
    if (m == 0) return k == 0 ? v[1] - v[0] : v[k] - v[k - 1];
    if (m == 1) return (v[k + 1] - v[k - 1]) / 2;
    // of the cubic, which is that of the quartic
    double t1 = 0, t3 = 0, s2 = 0, s4 = 0, s6 = 0;
    for (std::size_t j = 1; j <= m; ++j) {
        const double x = static_cast<double>(j);
        const double odd = v[k + j] - v[k - j];
        t1 += odd * x;
        t3 += odd * x * x * x;
        s2 += 2 * x * x;
        s4 += 2 * x * x * x * x;
        s6 += 2 * x * x * x * x * x * x;
    }
    return (s6 * t1 - s4 * t3) / (s2 * s6 - s4 * s4);
}

double slope_crossing(std::span<const double> v, std::size_t k, std::size_t half_width, double level) {
    const double before = slope_at(v, k - 1, half_width);
    const double after = slope_at(v, k, half_width);
    const double x = (level - before) / (after - before);  // the straight line
    if (!(x >= 0 && x <= 1)) return static_cast<double>(k);
    const std::size_t middle = x < 0.5 ? k - 1 : k;
    const double guess = static_cast<double>(k - 1) + x - static_cast<double>(middle);
    const auto read = [&](const Polynomial& fit) -> std::optional<double> {
        const double reach = 1.5 / fit.scale;
        double place = guess / fit.scale;
        for (int step = 0; step < 20; ++step) {
            const auto d = fit.at(place);
            if (d[2] == 0) return std::nullopt;
            const double change = (d[1] - level * fit.scale) / d[2];
            place = std::clamp(place - change, -reach, reach);
            if (std::fabs(change) < precision) break;
        }
        if (!std::isfinite(place) || std::fabs(place) >= reach) return std::nullopt;
        return static_cast<double>(middle) + place * fit.scale;
    };
    constexpr double tolerance = 0.3;  // samples
    return refined(v, middle, half_width, tolerance, static_cast<double>(k - 1) + x, read, distance);
}

double steepest_near(std::span<const double> v, std::size_t k, std::size_t half_width) {
    const auto read = [](const Polynomial& fit) -> std::optional<double> {
        // Newton's steps to where the second derivative vanishes
        const double reach = 1 / fit.scale;
        double x = 0;
        for (int step = 0; step < 20; ++step) {
            const auto d = fit.at(x);
            if (d[3] == 0) return std::nullopt;
            const double change = d[2] / d[3];
            x = std::clamp(x - change, -reach, reach);
            if (std::fabs(change) < precision) break;
        }
        const double slope = fit.at(x)[1] / fit.scale;
        if (!std::isfinite(slope) || std::fabs(x) >= reach) return fit.a[1] / fit.scale;
        return slope;
    };
    return refined(v, k, half_width, slope_tolerance * range_near(v, k, half_width), slope_at(v, k, 1), read, distance);
}

double mean_between(std::span<const double> v, double begin, double end) {
    const auto line = [&](double place) {
        const auto k = static_cast<std::size_t>(place);
        if (k + 1 >= v.size()) return v.back();
        return v[k] + (v[k + 1] - v[k]) * (place - static_cast<double>(k));
    };
    const auto first = static_cast<std::size_t>(std::ceil(begin));
    const auto last = std::min(static_cast<std::size_t>(end), v.size() - 1);
    if (first > last) return (line(begin) + line(end)) / 2;  // within one interval
    // Relative to one sample, so that long sums keep their digits.
    const double origin = v[first];
    double sum = 0;
    for (std::size_t k = first; k < last; ++k) sum += (v[k] - origin) + (v[k + 1] - origin);
    sum /= 2;
    sum += (static_cast<double>(first) - begin) * ((line(begin) - origin) + (v[first] - origin)) / 2;
    sum += (end - static_cast<double>(last)) * ((v[last] - origin) + (line(end) - origin)) / 2;
    return origin + sum / (end - begin);
}

}  // namespace spikesmith
