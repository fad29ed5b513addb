#include "spikesmith/optimize/evolution.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <utility>

namespace spikesmith::evolution {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double untold = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t ended_kept = 16;  // incomplete generations whose late answers still find their parents

}  // namespace

// ----------------------------------------------------------------------------------------------------- generations

void Generations::begin(Generation generation, std::uint64_t first_id) {
    generation.number = begun_++;
    generation.first_id = first_id;
    generation.errors.assign(generation.points.rows, untold);
    next_id_ = first_id + generation.points.rows;
    open_.push_back(std::move(generation));
}

void Generations::remember(Generation& generation) {
    if (generation.told == generation.points.rows) return;
    ended_.push_back({generation.first_id, std::move(generation.trials)});
    if (ended_.size() > ended_kept) ended_.pop_front();
}

Generations::Noted Generations::note(std::uint64_t id, double error) {
    for (Generation& generation : open_) {
        if (id < generation.first_id || id - generation.first_id >= generation.points.rows) continue;
        generation.errors[id - generation.first_id] = error;
        ++generation.told;
        return {};
    }
    for (const Ended& ended : ended_) {
        if (id < ended.first_id || id - ended.first_id >= ended.trials.size()) continue;
        return {.late = true, .trial = ended.trials[id - ended.first_id]};
    }
    return {.late = true, .trial = {}};
}

// ------------------------------------------------------------------------------------------------------ population

Population::Population(std::size_t size, std::size_t dimension)
    : members_(size, dimension), errors_(size, infinity), filled_(size, false), archive_(0, dimension) {}

const std::vector<std::size_t>& Population::order() const {
    if (order_.empty()) {
        order_.resize(size());
        std::iota(order_.begin(), order_.end(), std::size_t{0});
        std::ranges::sort(order_, [this](std::size_t a, std::size_t b) {
            return errors_[a] < errors_[b] || (errors_[a] == errors_[b] && a < b);
        });
    }
    return order_;
}

void Population::put(std::size_t member, std::span<const double> point, double error) {
    std::ranges::copy(point, members_.row(member).begin());
    errors_[member] = error;
    filled_[member] = true;
    order_.clear();
}

void Population::challenge(std::size_t member, std::span<const double> point, double error, bool keep_archive) {
    if (filled_[member] && error > errors_[member]) return;
    if (keep_archive && filled_[member] && error < errors_[member] && std::isfinite(errors_[member])) {
        const auto parent = members_.row(member);
        archive_.values.insert(archive_.values.end(), parent.begin(), parent.end());
        ++archive_.rows;
    }
    put(member, point, error);
}

void Population::fill(std::size_t member, std::span<const double> point) {
    if (!filled_[member]) put(member, point, infinity);
}

void Population::challenge_worst(std::span<const double> point, double error) {
    std::size_t worst = 0;
    for (std::size_t s = 1; s < size(); ++s) {
        if (filled_[s] < filled_[worst] || (filled_[s] == filled_[worst] && errors_[s] >= errors_[worst])) worst = s;
    }
    if (!filled_[worst] || error < errors_[worst]) put(worst, point, error);
}

void Population::shrink(std::size_t size) {
    while (this->size() > size) {
        const std::size_t last = this->size() - 1;
        const std::size_t worst = order().back();
        if (worst != last) {
            std::ranges::copy(members_.row(last), members_.row(worst).begin());
            errors_[worst] = errors_[last];
            filled_[worst] = filled_[last];
        }
        errors_.pop_back();
        filled_.pop_back();
        members_.values.resize(last * members_.columns);
        members_.rows = last;
        order_.pop_back();
        std::ranges::replace(order_, last, worst);
    }
}

void Population::trim_archive(std::size_t size, math::RandomStream& random) {
    const std::size_t d = archive_.columns;
    while (archive_.rows > size) {
        const std::size_t out = random.next_index(archive_.rows);
        const std::size_t last = --archive_.rows;
        std::ranges::copy(archive_.row(last), archive_.row(out).begin());
        archive_.values.resize(last * d);
    }
}

// -------------------------------------------------------------------------------------------------- success history

std::vector<Success> successes(const Generation& generation, const Population& population) {
    std::vector<double> all;
    all.reserve(population.size() + generation.errors.size());
    for (std::size_t s = 0; s < population.size(); ++s) {
        if (std::isfinite(population.error(s))) all.push_back(population.error(s));
    }
    for (const double error : generation.errors) {
        if (std::isfinite(error)) all.push_back(error);
    }
    std::ranges::sort(all);
    const auto rank = [&](double error) {
        return static_cast<double>(std::ranges::lower_bound(all, error) - all.begin());
    };
    std::vector<Success> list;
    for (std::size_t r = 0; r < generation.trials.size(); ++r) {
        const Trial& trial = generation.trials[r];
        if (trial.parent >= population.size()) continue;  // removed meanwhile
        const double parent = population.error(trial.parent);
        const double error = generation.errors[r];
        if (error < parent) list.push_back({trial.weight, trial.rate, rank(parent) - rank(error)});
    }
    return list;
}

SuccessHistory::SuccessHistory(const Settings& settings)
    : settings_(settings),
      weights_(settings.cells, settings.first_weight),
      rates_(settings.cells, settings.first_rate) {
    if (settings.fixed_cell) {
        weights_.push_back(0.9);
        rates_.push_back(0.9);
    }
}

SuccessHistory::Draw SuccessHistory::draw(math::RandomStream& random) const {
    const std::size_t cell = random.next_index(weights_.size());
    double weight = 0;
    while (weight <= 0) {
        weight = weights_[cell] + 0.1 * std::tan(std::numbers::pi * (random.next_uniform() - 0.5));  // Cauchy
    }
    const double rate = rates_[cell] + 0.1 * random.next_normal();
    return {std::min(weight, 1.0), std::clamp(rate, 0.0, 1.0)};
}

void SuccessHistory::learn(std::span<const Success> successes) {
    std::array<double, 2> weight{}, rate{};  // sums of gain*x and gain*x**2
    for (const Success& success : successes) {
        weight[0] += success.gain * success.weight;
        weight[1] += success.gain * success.weight * success.weight;
        rate[0] += success.gain * success.rate;
        rate[1] += success.gain * success.rate * success.rate;
    }
    if (weight[0] <= 0) return;
    const double new_weight = weight[1] / weight[0];
    const double new_rate = rate[0] > 0 ? rate[1] / rate[0] : 0;
    weights_[next_] = settings_.average ? (weights_[next_] + new_weight) / 2 : new_weight;
    rates_[next_] = settings_.average ? (rates_[next_] + new_rate) / 2 : new_rate;
    next_ = (next_ + 1) % settings_.cells;
}

// ------------------------------------------------------------------------------------------------------------ trials

std::size_t pick(math::RandomStream& random, std::size_t n, std::initializer_list<std::size_t> taken) {
    std::size_t k = random.next_index(n);
    while (std::ranges::find(taken, k) != taken.end()) k = random.next_index(n);
    return k;
}

double within(BoundRule rule, double parent, double coordinate) {
    if (coordinate >= 0 && coordinate <= 1) return coordinate;
    if (rule == BoundRule::midpoint) return coordinate < 0 ? parent / 2 : (parent + 1) / 2;
    const double folded = std::fabs(std::fmod(coordinate, 2.0));
    return folded > 1 ? 2 - folded : folded;
}

}  // namespace spikesmith::evolution
