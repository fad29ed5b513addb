#include "spikesmith/optimize/optimizer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/optimize/state_text.hpp"

namespace spikesmith {

namespace {

constexpr std::string_view magic = "spikesmith-optimizer";
constexpr std::uint64_t version = 2;
constexpr double infinity = std::numeric_limits<double>::infinity();

Array2 one_column(std::span<const double> errors) {
    Array2 result(errors.size(), 1);
    std::ranges::copy(errors, result.values.begin());
    return result;
}

// Rows with anything that is not finite become +infinity throughout.
void rank_failures_last(Array2& errors) {
    for (std::size_t r = 0; r < errors.rows; ++r) {
        const auto row = errors.row(r);
        const double sum = std::accumulate(row.begin(), row.end(), 0.0);
        if (!std::isfinite(sum)) std::ranges::fill(row, infinity);
    }
}

}  // namespace

Optimizer::Optimizer(std::size_t dimension) : dimension_(dimension) {
    if (dimension == 0) throw ConfigError("an optimizer needs at least one parameter");
}

Optimizer::~Optimizer() = default;

Candidates Optimizer::ask(std::size_t n) {
    Candidates candidates{std::vector<std::uint64_t>(n), Array2(n, dimension_)};
    if (n == 0) return candidates;
    propose(next_id_, candidates.points);
    std::iota(candidates.ids.begin(), candidates.ids.end(), next_id_);
    points_checksum_.add(candidates.points.values);
    asked_.push_back({next_id_, candidates.points, std::vector<bool>(n, false), n});
    journal_.push_back(
        {.kind = Event::Kind::asked, .first = next_id_, .count = n, .ids = {}, .errors = {}, .points = {}});
    next_id_ += n;
    n_open_ += n;
    return candidates;
}

Optimizer::Asked* Optimizer::find_asked(std::uint64_t id) {
    const auto after = std::ranges::upper_bound(asked_, id, {}, &Asked::first_id);
    if (after == asked_.begin()) return nullptr;
    Asked& asked = *std::prev(after);
    return id - asked.first_id < asked.points.rows ? &asked : nullptr;
}

void Optimizer::note_best(const Told& told, std::uint64_t order) {
    if (!std::isfinite(told.error)) return;
    if (best_ && (best_->error < told.error || (best_->error == told.error && best_order_ <= order))) return;
    best_ = Recommendation{{told.point.begin(), told.point.end()}, told.error};
    best_order_ = order;
}

void Optimizer::check_errors(std::size_t points, const Array2& errors) {
    if (points != errors.rows) {
        throw ConfigError(fmt::format("the optimizer was told {} errors for {} points", errors.rows, points));
    }
    if (errors.rows == 0) return;
    if (errors.columns == 0) throw ConfigError("the optimizer was told no errors: an array without columns");
    if (n_objectives_ != 0 && errors.columns != n_objectives_) {
        throw ConfigError(fmt::format("the optimizer was told {} errors per point, before it were {}", errors.columns,
                                      n_objectives_));
    }
}

void Optimizer::tell(std::span<const std::uint64_t> ids, std::span<const double> errors) {
    tell(ids, one_column(errors));
}

void Optimizer::tell(std::span<const std::uint64_t> ids, const Array2& errors) {
    check_errors(ids.size(), errors);
    if (ids.empty()) return;
    Event event{.kind = Event::Kind::told,
                .first = 0,
                .count = ids.size(),
                .ids = {ids.begin(), ids.end()},
                .errors = errors,
                .points = {}};
    if (!std::ranges::is_sorted(ids)) {
        std::vector<std::size_t> order(ids.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::ranges::sort(order, {}, [&](std::size_t r) { return std::pair(ids[r], r); });
        for (std::size_t r = 0; r < order.size(); ++r) {
            event.ids[r] = ids[order[r]];
            std::ranges::copy(errors.row(order[r]), event.errors.row(r).begin());
        }
    }
    for (std::size_t r = 0; r < event.ids.size(); ++r) {
        const std::uint64_t id = event.ids[r];
        if (id >= next_id_)
            throw ConfigError(
                fmt::format("the optimizer was told the error of point {}, which it never asked for", id));
        const Asked* asked = find_asked(id);
        if (asked == nullptr || asked->told[id - asked->first_id] || (r > 0 && event.ids[r - 1] == id)) {
            throw ConfigError(fmt::format("the optimizer was told the error of point {} twice", id));
        }
    }
    rank_failures_last(event.errors);
    n_objectives_ = event.errors.columns;
    std::vector<Told> told(event.ids.size());
    for (std::size_t r = 0; r < told.size(); ++r) {
        const std::uint64_t id = event.ids[r];
        Asked& asked = *find_asked(id);
        const auto row = std::as_const(event.errors).row(r);
        told[r] = {id, std::as_const(asked.points).row(id - asked.first_id),
                   std::accumulate(row.begin(), row.end(), 0.0), row};
        asked.told[id - asked.first_id] = true;
        --asked.n_open;
        note_best(told[r], id);
    }
    n_open_ -= told.size();
    learn(told);
    std::erase_if(asked_, [](const Asked& asked) { return asked.n_open == 0; });
    event.first = event.ids.front();
    if (event.ids.back() - event.first + 1 == event.ids.size()) event.ids = {};
    journal_.push_back(std::move(event));
}

void Optimizer::tell_foreign(const Array2& points, std::span<const double> errors) {
    tell_foreign(points, one_column(errors));
}

void Optimizer::tell_foreign(const Array2& points, const Array2& errors) {
    check_errors(points.rows, errors);
    if (points.rows == 0) return;
    if (points.columns != dimension_) {
        throw ConfigError(
            fmt::format("the optimizer searches {} parameters, but was told points of {}", dimension_, points.columns));
    }
    if (!std::ranges::all_of(points.values, [](double u) { return u >= 0 && u <= 1; })) {
        throw ConfigError("the optimizer was told a point outside the unit cube",
                          "map values with ParameterSpace::to_point");
    }
    Event event{
        .kind = Event::Kind::foreign, .first = 0, .count = points.rows, .ids = {}, .errors = errors, .points = points};
    rank_failures_last(event.errors);
    n_objectives_ = event.errors.columns;
    std::vector<Told> told(points.rows);
    for (std::size_t r = 0; r < points.rows; ++r) {
        const auto row = std::as_const(event.errors).row(r);
        told[r] = {Told::foreign, std::as_const(event.points).row(r), std::accumulate(row.begin(), row.end(), 0.0),
                   row};
        note_best(told[r], next_id_);  // later than all that were asked so far
    }
    learn(told);
    journal_.push_back(std::move(event));
}

std::string Optimizer::save_state() const {
    StateWriter writer;
    writer.integer(magic, version);
    writer.word("method", name());
    writer.integer("dimension", dimension_);
    writer.integer("objectives", n_objectives_);
    writer.integer("events", journal_.size());
    for (const Event& event : journal_) {
        if (event.kind == Event::Kind::asked) {
            writer.integer("asked", event.count);
        } else if (event.kind == Event::Kind::told) {
            std::vector<std::uint64_t> ids = event.ids;
            if (ids.empty()) {
                ids.resize(event.count);
                std::iota(ids.begin(), ids.end(), event.first);
            }
            writer.integers("told", ids);
            writer.reals("errors", event.errors.values);
        } else {
            writer.reals("foreign", event.points.values);
            writer.reals("errors", event.errors.values);
        }
    }
    writer.integer("checksum", points_checksum_.value());
    return writer.text();
}

void Optimizer::load_state(std::string_view text) {
    if (!journal_.empty()) throw ConfigError("a state can only be loaded into a fresh optimizer");
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
    const std::uint64_t objectives = reader.integer("objectives");
    const std::uint64_t events = reader.integer("events");
    const auto read_errors = [&](std::size_t rows) {
        Array2 errors(rows, objectives);
        errors.values = reader.reals("errors", rows * objectives);
        return errors;
    };
    try {
        for (std::uint64_t e = 0; e < events; ++e) {
            const std::string_view kind = reader.next_key();
            if (kind == "asked") {
                const std::uint64_t count = reader.integer("asked");
                if (count > text.size() * 1000) throw DataError("the saved state of the optimizer is damaged");
                static_cast<void>(ask(count));
            } else if (kind == "told") {
                const auto ids = reader.integers("told");
                tell(ids, read_errors(ids.size()));
            } else {
                Array2 points(0, dimension_);
                points.values = reader.reals("foreign");
                points.rows = points.values.size() / dimension_;
                if (points.rows * dimension_ != points.values.size()) {
                    throw DataError("the saved state of the optimizer is damaged");
                }
                tell_foreign(points, read_errors(points.rows));
            }
        }
    } catch (const ConfigError& error) {
        throw DataError(fmt::format("the saved state of the optimizer contradicts itself: {}", error.what()),
                        "the state must be the unchanged text of save_state");
    }
    if (reader.integer("checksum") != points_checksum_.value()) {
        throw DataError("the saved state belongs to other options or another seed: its points are not repeated",
                        "make the optimizer with the settings with which the state was saved");
    }
    reader.end();
}

}  // namespace spikesmith
