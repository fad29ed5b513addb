#include "spikesmith/optimize/optimizer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/optimize/state_text.hpp"

namespace spikesmith {

namespace {

constexpr std::string_view magic = "spikesmith-optimizer";
constexpr std::uint64_t version = 1;

double ranked(double error) {
    return std::isfinite(error) ? error : std::numeric_limits<double>::infinity();
}

}  // namespace

Optimizer::Optimizer(std::size_t dimension) : dimension_(dimension) {
    if (dimension == 0) throw ConfigError("an optimizer needs at least one parameter");
}

Optimizer::~Optimizer() = default;

Candidates Optimizer::ask(std::size_t n) {
    Candidates candidates{std::vector<std::uint64_t>(n), Array2(n, dimension_)};
    propose(next_id_, candidates.points);
    for (std::size_t r = 0; r < n; ++r) {
        candidates.ids[r] = next_id_ + r;
        const auto point = candidates.points.row(r);
        open_.emplace_hint(open_.end(), next_id_ + r, std::vector<double>(point.begin(), point.end()));
    }
    next_id_ += n;
    return candidates;
}

void Optimizer::note_best(std::span<const double> point, double error, std::uint64_t id) {
    if (!std::isfinite(error)) return;
    if (best_ && (best_->error < error || (best_->error == error && best_id_ <= id))) return;
    best_ = Recommendation{{point.begin(), point.end()}, error};
    best_id_ = id;
}

void Optimizer::tell(std::span<const std::uint64_t> ids, std::span<const double> errors) {
    if (ids.size() != errors.size()) {
        throw ConfigError(fmt::format("the optimizer was told {} errors for {} points", errors.size(), ids.size()));
    }
    std::vector<std::pair<std::uint64_t, double>> answers(ids.size());
    for (std::size_t r = 0; r < ids.size(); ++r) answers[r] = {ids[r], ranked(errors[r])};
    std::sort(answers.begin(), answers.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (std::size_t r = 0; r < answers.size(); ++r) {
        const std::uint64_t id = answers[r].first;
        if (id >= next_id_)
            throw ConfigError(
                fmt::format("the optimizer was told the error of point {}, which it never asked for", id));
        if (!open_.contains(id) || (r > 0 && answers[r - 1].first == id)) {
            throw ConfigError(fmt::format("the optimizer was told the error of point {} twice", id));
        }
    }
    std::vector<std::vector<double>> points(answers.size());
    std::vector<Told> told(answers.size());
    for (std::size_t r = 0; r < answers.size(); ++r) {
        const auto [id, error] = answers[r];
        points[r] = std::move(open_.extract(id).mapped());
        told[r] = {id, points[r], error};
        note_best(points[r], error, id);
    }
    learn(told);
}

void Optimizer::tell_foreign(const Array2& points, std::span<const double> errors) {
    if (points.rows != errors.size()) {
        throw ConfigError(fmt::format("the optimizer was told {} errors for {} points", errors.size(), points.rows));
    }
    if (points.rows == 0) return;
    if (points.columns != dimension_) {
        throw ConfigError(
            fmt::format("the optimizer searches {} parameters, but was told points of {}", dimension_, points.columns));
    }
    if (!std::all_of(points.values.begin(), points.values.end(), [](double u) { return u >= 0 && u <= 1; })) {
        throw ConfigError("the optimizer was told a point outside the unit cube",
                          "map values with ParameterSpace::to_point");
    }
    std::vector<Told> told(points.rows);
    for (std::size_t r = 0; r < points.rows; ++r) {
        told[r] = {Told::foreign, points.row(r), ranked(errors[r])};
        note_best(points.row(r), errors[r], next_id_);  // later than all that were asked so far
    }
    learn(told);
}

std::string Optimizer::save_state() const {
    StateWriter writer;
    writer.integer(magic, version);
    writer.word("method", name());
    writer.integer("dimension", dimension_);
    writer.integer("asked", next_id_);
    std::vector<std::uint64_t> ids;
    std::vector<double> points;
    for (const auto& [id, point] : open_) {
        ids.push_back(id);
        points.insert(points.end(), point.begin(), point.end());
    }
    writer.integers("open", ids);
    writer.reals("open_points", points);
    writer.reals("best", best_ ? best_->point : std::vector<double>{});
    writer.reals("best_error", best_ ? std::vector<double>{best_->error} : std::vector<double>{});
    writer.integer("best_id", best_id_);
    save(writer);
    return writer.text();
}

void Optimizer::load_state(std::string_view text) {
    StateReader reader(text);
    if (const auto found = reader.integer(magic); found != version) {
        throw DataError(fmt::format("the saved state of the optimizer has version {}; this program reads version {}",
                                    found, version));
    }
    if (const auto found = reader.word("method"); found != name()) {
        throw DataError(fmt::format("the saved state is of the method `{}`, not of `{}`", found, name()));
    }
    if (const auto found = reader.integer("dimension"); found != dimension_) {
        throw DataError(fmt::format("the saved state has {} parameters instead of {}", found, dimension_));
    }
    const std::uint64_t next_id = reader.integer("asked");
    const auto ids = reader.integers("open");
    const auto points = reader.reals("open_points", ids.size() * dimension_);
    auto best_point = reader.reals("best");
    const auto best_error = reader.reals("best_error", best_point.empty() ? 0 : 1);
    const std::uint64_t best_id = reader.integer("best_id");
    const bool ids_fit = std::is_sorted(ids.begin(), ids.end()) && (ids.empty() || ids.back() < next_id) &&
                         std::adjacent_find(ids.begin(), ids.end()) == ids.end();
    if (!ids_fit || (!best_point.empty() && best_point.size() != dimension_)) {
        throw DataError("the saved state of the optimizer contradicts itself",
                        "the state must be the unchanged text of save_state");
    }
    load(reader);
    reader.end();
    next_id_ = next_id;
    open_.clear();
    for (std::size_t r = 0; r < ids.size(); ++r) {
        const auto begin = points.begin() + static_cast<std::ptrdiff_t>(r * dimension_);
        open_.emplace_hint(open_.end(), ids[r],
                           std::vector<double>(begin, begin + static_cast<std::ptrdiff_t>(dimension_)));
    }
    best_.reset();
    if (!best_point.empty()) best_ = Recommendation{std::move(best_point), best_error.front()};
    best_id_ = best_id;
}

}  // namespace spikesmith
