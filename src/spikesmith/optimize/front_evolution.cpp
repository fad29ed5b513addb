#include "spikesmith/optimize/front_evolution.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/math/random_stream.hpp"
#include "spikesmith/optimize/designs.hpp"

namespace spikesmith {

namespace {

constexpr std::uint64_t generation_streams = std::uint64_t{1} << 61;  // purposes of random streams; designs use others

struct Member {
    std::vector<double> point;
    std::vector<double> errors;  // finite
};

struct Generation {
    std::uint64_t number = 0;
    Array2 points;
    std::vector<std::vector<double>> errors;  // empty: not told yet, or a failure
    std::vector<bool> told;
    std::size_t n_told = 0;
};

// How far a child lies from its parents, relative to their distance, which may at most be `room` (>= 1) beyond them.
double spread(double u, double room, double index) {
    const double alpha = 2 - std::pow(room, -(index + 1));
    return u <= 1 / alpha ? std::pow(u * alpha, 1 / (index + 1)) : std::pow(1 / (2 - u * alpha), 1 / (index + 1));
}

void cross(std::span<double> a, std::span<double> b, double index, math::RandomStream& random) {
    for (std::size_t j = 0; j < a.size(); ++j) {
        const double choice = random.next_uniform();
        const double u = random.next_uniform();
        const double order = random.next_uniform();
        const double low = std::min(a[j], b[j]);
        const double high = std::max(a[j], b[j]);
        if (choice > 0.5 || high - low < 1e-14) continue;
        const double middle = 0.5 * (low + high);
        const double half = 0.5 * (high - low);
        const double near_low = middle - half * spread(u, 1 + low / half, index);
        const double near_high = middle + half * spread(u, 1 + (1 - high) / half, index);
        a[j] = std::clamp(order < 0.5 ? near_low : near_high, 0.0, 1.0);
        b[j] = std::clamp(order < 0.5 ? near_high : near_low, 0.0, 1.0);
    }
}

double mutated(double x, double index, double u) {
    const double power = 1 / (index + 1);
    const double step = u < 0.5 ? std::pow(2 * u + (1 - 2 * u) * std::pow(1 - x, index + 1), power) - 1
                                : 1 - std::pow(2 * (1 - u) + (2 * u - 1) * std::pow(x, index + 1), power);
    return std::clamp(x + step, 0.0, 1.0);
}

class FrontEvolution final : public Optimizer {
  public:
    FrontEvolution(const FrontEvolutionSettings& settings, SelectSurvivors select, const SearchSetting& setting)
        : Optimizer(setting.dimension),
          settings_(settings),
          select_(std::move(select)),
          seed_(setting.seed),
          design_(latin_hypercube_design(setting.dimension, settings.population, setting.seed)) {}

    [[nodiscard]] std::string name() const override { return settings_.name; }

  protected:
    void propose(std::uint64_t first_id, Array2& points) override {
        for (std::size_t r = 0; r < points.rows; ++r) {
            const auto [number, slot] = place_of(first_id + r);
            if (slot == 0) {
                while (!open_.empty() && open_.front().n_told > 0) close_oldest();
                open_.push_back(make_generation(number, first_id + r));
                newest_ = open_.back().points;
            }
            std::ranges::copy(newest_.row(slot), points.row(r).begin());
        }
    }

    void learn(std::span<const Told> told) override {
        for (const Told& answer : told) note(answer);
        // A complete generation ends those before it.
        std::size_t ended = 0;
        for (std::size_t g = 0; g < open_.size(); ++g) {
            if (open_[g].n_told == open_[g].points.rows) ended = g + 1;
        }
        while (ended-- > 0) close_oldest();
    }

  private:
    struct Place {
        std::uint64_t generation;
        std::size_t slot;
    };

    [[nodiscard]] Place place_of(std::uint64_t id) const {
        if (id < settings_.population) return {0, id};
        const std::uint64_t later = id - settings_.population;
        return {1 + later / settings_.offspring, later % settings_.offspring};
    }

    void note(const Told& answer) {
        const bool finite = std::isfinite(answer.error);
        const auto errors =
            finite ? std::vector(answer.objectives.begin(), answer.objectives.end()) : std::vector<double>{};
        if (answer.id != Told::foreign) {
            const auto [number, slot] = place_of(answer.id);
            const auto generation = std::ranges::find(open_, number, &Generation::number);
            if (generation != open_.end()) {
                generation->errors[slot] = errors;
                generation->told[slot] = true;
                ++generation->n_told;
                return;
            }
        }
        if (finite) arrivals_.push_back({{answer.point.begin(), answer.point.end()}, errors});
    }

    // ---- selection ------------------------------------------------------------------------------------------------

    void close_oldest() {
        const Generation generation = std::move(open_.front());
        open_.pop_front();
        for (std::size_t s = 0; s < generation.points.rows; ++s) {
            const auto point = generation.points.row(s);
            if (!generation.errors[s].empty()) members_.push_back({{point.begin(), point.end()}, generation.errors[s]});
        }
        select();
    }

    void select() {
        members_.insert(members_.end(), std::make_move_iterator(arrivals_.begin()),
                        std::make_move_iterator(arrivals_.end()));
        arrivals_.clear();
        if (members_.empty()) return;
        const Survivors survivors = select_(normalized_errors(), settings_.population);
        std::vector<Member> kept;
        for (const std::size_t row : survivors.rows) kept.push_back(std::move(members_[row]));
        members_ = std::move(kept);
        places_ = survivors.places;
    }

    // Per column to [0, 1] on a grid of 2^-40, so that the unit of an error does not matter down to its last bits.
    [[nodiscard]] Array2 normalized_errors() const {
        constexpr double grid = 0x1p40;
        Array2 result(members_.size(), members_[0].errors.size());
        for (std::size_t m = 0; m < result.columns; ++m) {
            double low = members_[0].errors[m];
            double high = low;
            for (const Member& member : members_) {
                low = std::min(low, member.errors[m]);
                high = std::max(high, member.errors[m]);
            }
            const double range = high / 2 - low / 2;  // halves cannot overflow
            for (std::size_t r = 0; range > 0 && r < result.rows; ++r) {
                result(r, m) = std::nearbyint((members_[r].errors[m] / 2 - low / 2) / range * grid) / grid;
            }
        }
        return result;
    }

    // ---- points ---------------------------------------------------------------------------------------------------

    Generation make_generation(std::uint64_t number, std::uint64_t first_id) {
        const std::size_t n = number == 0 ? settings_.population : settings_.offspring;
        Generation generation{.number = number,
                              .points = Array2(n, dimension()),
                              .errors = std::vector<std::vector<double>>(n),
                              .told = std::vector<bool>(n, false)};
        const bool begun = !places_.empty();
        if (begun && !arrivals_.empty()) select();
        if (!begun) {
            for (std::size_t s = 0; s < n; ++s) design_.point(first_id + s, generation.points.row(s));
            return generation;
        }
        math::RandomStream random(seed_, generation_streams + number);
        std::vector<double> spare(dimension());
        for (std::size_t s = 0; s < n; s += 2) {
            const auto first = generation.points.row(s);
            breed(first, s + 1 < n ? generation.points.row(s + 1) : std::span<double>(spare), random);
        }
        return generation;
    }

    // The best of some random members.
    [[nodiscard]] const Member& parent(math::RandomStream& random) const {
        std::size_t best = random.next_index(members_.size());
        for (std::size_t k = 1; k < settings_.tournament; ++k) {
            const std::size_t rival = random.next_index(members_.size());
            if (places_[rival] < places_[best]) best = rival;
        }
        return members_[best];
    }

    void breed(std::span<double> a, std::span<double> b, math::RandomStream& random) const {
        const Member& mother = parent(random);
        const Member& father = parent(random);
        std::ranges::copy(mother.point, a.begin());
        std::ranges::copy(father.point, b.begin());
        if (random.next_uniform() < settings_.crossover_rate) cross(a, b, settings_.crossover_index, random);
        for (const auto child : {a, b}) {
            for (double& x : child) {
                const double choice = random.next_uniform();
                const double u = random.next_uniform();
                if (choice < settings_.mutation_rate) x = mutated(x, settings_.mutation_index, u);
            }
            if (std::ranges::equal(child, mother.point) || std::ranges::equal(child, father.point)) {
                double& x = child[random.next_index(child.size())];  // nothing is evaluated twice
                x = mutated(x, settings_.mutation_index, random.next_uniform());
            }
        }
    }

    FrontEvolutionSettings settings_;
    SelectSurvivors select_;
    std::uint64_t seed_;
    Design design_;

    std::vector<Member> members_;
    std::vector<std::size_t> places_;  // of the members; empty before the first selection
    std::vector<Member> arrivals_;     // late and foreign ones, until the next selection
    std::deque<Generation> open_;      // not ended, oldest first
    Array2 newest_;                    // points of the newest generation, which may have ended before all were asked
};

}  // namespace

std::unique_ptr<Optimizer> front_evolution(const FrontEvolutionSettings& settings, SelectSurvivors select,
                                           const SearchSetting& setting) {
    FrontEvolutionSettings complete = settings;
    if (complete.population == 0) complete.population = automatic_population(setting);
    if (complete.offspring == 0) complete.offspring = complete.population;
    return std::make_unique<FrontEvolution>(complete, std::move(select), setting);
}

std::size_t automatic_population(const SearchSetting& setting) {
    if (setting.budget() > 0 && setting.budget() < 1000) return std::max<std::size_t>(20, setting.budget() / 10);
    return std::max<std::size_t>(setting.batch, 100);
}

void check_front_evolution(const std::string& method, const FrontEvolutionSettings& settings) {
    const auto require = [&](bool fine, std::string_view what, auto value) {
        if (!fine) throw ConfigError(fmt::format("{}: {}, not {}", method, what, value));
    };
    require(settings.population == 0 || settings.population >= 4, "the population must be at least 4",
            settings.population);
    require(settings.tournament >= 1, "a tournament needs at least 1 candidate", settings.tournament);
    require(settings.crossover_rate >= 0 && settings.crossover_rate <= 1, "the crossover rate must be in [0, 1]",
            settings.crossover_rate);
    require(settings.mutation_rate >= 0 && settings.mutation_rate <= 1, "the mutation rate must be in [0, 1]",
            settings.mutation_rate);
    const auto is_index = [](double eta) { return eta >= 0 && eta <= 1000; };
    require(is_index(settings.crossover_index), "the crossover index eta must be in [0, 1000]",
            settings.crossover_index);
    require(is_index(settings.mutation_index), "the mutation index eta must be in [0, 1000]", settings.mutation_index);
}

}  // namespace spikesmith
