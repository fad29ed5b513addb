#include "spikesmith/optimize/pareto.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <ranges>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

bool all_finite(std::span<const double> values) {
    return std::ranges::all_of(values, [](double value) { return std::isfinite(value); });
}

// Of rows that are known to be finite.
bool is_better(std::span<const double> a, std::span<const double> b) {
    bool better = false;
    for (std::size_t m = 0; m < a.size(); ++m) {
        if (a[m] > b[m]) return false;
        better = better || a[m] < b[m];
    }
    return better;
}

bool before(std::span<const double> a, std::span<const double> b) {
    return std::ranges::lexicographical_compare(a, b);
}

// ---- hypervolume: points are what they dominate, as extents below the reference; larger is better --------------------

using Extents = std::vector<std::vector<double>>;

double box(const std::vector<double>& extents) {
    double volume = 1;
    for (const double extent : extents) volume *= extent;
    return volume;
}

// The rows that no other row covers; of equal rows the first.
Extents uncovered(const Extents& all) {
    Extents result;
    const auto covers = [](const std::vector<double>& a, const std::vector<double>& b) {
        return std::ranges::equal(a, b, std::greater_equal<>{});
    };
    for (const auto& candidate : all) {
        if (std::ranges::any_of(result, [&](const auto& kept) { return covers(kept, candidate); })) continue;
        std::erase_if(result, [&](const auto& kept) { return covers(candidate, kept); });
        result.push_back(candidate);
    }
    return result;
}

double area(Extents points) {
    std::ranges::sort(points, std::greater<>{});  // falling width
    double sum = 0;
    double height = 0;
    for (const auto& point : points) {
        if (point[1] <= height) continue;
        sum += point[0] * (point[1] - height);
        height = point[1];
    }
    return sum;
}

// Each point adds its box without what it shares with the points after it.
double volume(Extents points) {
    if (points.empty()) return 0;
    if (points.size() == 1) return box(points[0]);
    if (points[0].size() == 2) return area(std::move(points));
    std::ranges::sort(points);  // by the first error: the shared parts are small
    double sum = 0;
    for (std::size_t k = 0; k < points.size(); ++k) {
        Extents shared(points.begin() + static_cast<std::ptrdiff_t>(k) + 1, points.end());
        for (auto& other : shared) {
            std::ranges::transform(other, points[k], other.begin(), [](double a, double b) { return std::min(a, b); });
        }
        sum += box(points[k]) - volume(uncovered(shared));
    }
    return sum;
}

}  // namespace

bool dominates(std::span<const double> a, std::span<const double> b) {
    if (!all_finite(a)) return false;
    return !all_finite(b) || is_better(a, b);
}

std::vector<std::size_t> non_dominated_ranks(const Array2& errors) {
    std::vector<std::size_t> order;
    for (std::size_t r = 0; r < errors.rows; ++r) {
        if (all_finite(errors.row(r))) order.push_back(r);
    }
    std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
        if (before(errors.row(a), errors.row(b))) return true;
        return a < b && !before(errors.row(b), errors.row(a));
    });
    // In this order no row dominates an earlier one. With two errors the latest row of a front is its best in the second
    // error, so it alone decides.
    std::vector<std::vector<std::size_t>> fronts;
    const auto is_dominated_by = [&](const std::vector<std::size_t>& front, std::size_t row) {
        for (const std::size_t member : std::views::reverse(front)) {
            if (is_better(errors.row(member), errors.row(row))) return true;
            if (errors.columns <= 2) return false;
        }
        return false;
    };
    std::vector<std::size_t> ranks(errors.rows);
    for (const std::size_t row : order) {
        const auto front =
            std::ranges::partition_point(fronts, [&](const auto& members) { return is_dominated_by(members, row); });
        ranks[row] = static_cast<std::size_t>(front - fronts.begin());
        if (front == fronts.end()) {
            fronts.push_back({row});
        } else {
            front->push_back(row);
        }
    }
    for (std::size_t r = 0; r < errors.rows; ++r) {
        if (!all_finite(errors.row(r))) ranks[r] = fronts.size();
    }
    return ranks;
}

std::vector<double> crowding_distances(const Array2& errors, std::span<const std::size_t> front) {
    std::vector<double> distance(front.size(), 0.0);
    std::vector<std::size_t> order(front.size());
    for (std::size_t m = 0; m < errors.columns; ++m) {
        const auto error = [&](std::size_t k) { return errors(front[k], m); };
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
            return error(a) < error(b) || (error(a) == error(b) && a < b);
        });
        if (order.empty()) break;
        const double range = error(order.back()) / 2 - error(order.front()) / 2;  // halves cannot overflow
        distance[order.front()] = distance[order.back()] = infinity;
        if (range == 0) continue;
        for (std::size_t k = 1; k + 1 < order.size(); ++k) {
            const double side = (error(order[k + 1]) / 2 - error(order[k - 1]) / 2) / range;
            distance[order[k]] += side / static_cast<double>(errors.columns);
        }
    }
    return distance;
}

double hypervolume(const Array2& errors, std::span<const double> reference) {
    if (reference.size() != errors.columns) {
        throw ConfigError(fmt::format("the reference point of the hypervolume has {} coordinates for {} errors",
                                      reference.size(), errors.columns));
    }
    Extents points;
    for (std::size_t r = 0; r < errors.rows; ++r) {
        std::vector<double> extents;
        for (std::size_t m = 0; m < errors.columns; ++m) extents.push_back(reference[m] - errors(r, m));
        if (all_finite(extents) && std::ranges::all_of(extents, [](double extent) { return extent > 0; })) {
            points.push_back(std::move(extents));
        }
    }
    return volume(uncovered(points));
}

bool ParetoArchive::add(std::uint64_t id, std::span<const double> point, std::span<const double> errors) {
    if (!all_finite(errors)) return false;
    for (const Entry& entry : entries_) {
        if (is_better(entry.errors, errors) || std::ranges::equal(entry.errors, errors)) return false;
    }
    std::erase_if(entries_, [&](const Entry& entry) { return is_better(errors, entry.errors); });
    const auto place = std::ranges::upper_bound(entries_, id, {}, &Entry::id);
    entries_.insert(place, {id, {point.begin(), point.end()}, {errors.begin(), errors.end()}});
    if (capacity_ == 0 || entries_.size() <= capacity_) return true;
    drop_most_crowded();
    return std::ranges::any_of(entries_, [&](const Entry& entry) { return entry.id == id; });
}

void ParetoArchive::drop_most_crowded() {
    std::vector<std::size_t> all(entries_.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    const auto distance = crowding_distances(errors(), all);
    entries_.erase(entries_.begin() + (std::ranges::min_element(distance) - distance.begin()));
}

Array2 ParetoArchive::errors() const {
    Array2 result(entries_.size(), entries_.empty() ? 0 : entries_[0].errors.size());
    for (std::size_t r = 0; r < entries_.size(); ++r) std::ranges::copy(entries_[r].errors, result.row(r).begin());
    return result;
}

}  // namespace spikesmith
