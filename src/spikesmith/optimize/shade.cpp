#include "spikesmith/optimize/shade.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/math/random_stream.hpp"
#include "spikesmith/optimize/designs.hpp"
#include "spikesmith/optimize/evolution.hpp"

namespace spikesmith {

namespace {

using evolution::Generation;
using evolution::Trial;

constexpr std::uint64_t archive_streams = std::uint64_t{1} << 62;  // purposes of random streams; points use those below

// The constants of the two papers.
struct Constants {
    double first_best_share, last_best_share;
    double archive;  // relative to the population
    evolution::SuccessHistory::Settings history;
};

constexpr Constants l_shade_constants{.first_best_share = 0.11,
                                      .last_best_share = 0.11,
                                      .archive = 2.6,
                                      .history = {.cells = 6, .first_weight = 0.5, .first_rate = 0.5}};
constexpr Constants jso_constants{
    .first_best_share = 0.25,
    .last_best_share = 0.125,
    .archive = 1.0,
    .history = {.cells = 4, .first_weight = 0.3, .first_rate = 0.8, .average = true, .fixed_cell = true}};

class Shade final : public Optimizer {
  public:
    Shade(const ShadeOptions& options, const SearchSetting& setting)
        : Optimizer(setting.dimension),
          options_(options),
          constants_(options.variant == ShadeVariant::jso ? jso_constants : l_shade_constants),
          seed_(setting.seed),
          batch_(setting.batch),
          length_(search_length(options, setting)),
          first_size_(first_size(options, setting.dimension, length_)),
          population_(first_size_, setting.dimension),
          history_(constants_.history),
          design_(latin_hypercube_design(setting.dimension, first_size_, setting.seed)) {}

    [[nodiscard]] std::string name() const override {
        return options_.variant == ShadeVariant::jso ? "jso" : "l_shade";
    }

  protected:
    void propose(std::uint64_t first_id, Array2& points) override {
        generations_.propose(
            first_id, points, [this](std::uint64_t number) { return make_generation(number); },
            [this](const Generation& generation) { end_generation(generation); });
    }

    void learn(std::span<const Told> told) override {
        for (const Told& answer : told) {
            if (answer.id == Told::foreign) {
                population_.challenge_worst(answer.point, answer.error);
                continue;
            }
            const auto noted = generations_.note(answer.id, answer.error);
            if (!noted.late) continue;
            if (noted.trial && noted.trial->parent < population_.size()) {
                population_.challenge(noted.trial->parent, answer.point, answer.error, true);
            } else {
                population_.challenge_worst(answer.point, answer.error);
            }
        }
        generations_.end_complete([this](const Generation& generation) { end_generation(generation); });
    }

  private:
    static std::size_t search_length(const ShadeOptions& options, const SearchSetting& setting) {
        if (options.horizon != 0) return options.horizon;
        return setting.budget() != 0 ? setting.budget() : 2000 * setting.dimension;
    }

    static std::size_t first_size(const ShadeOptions& options, std::size_t dimension, std::size_t length) {
        if (options.population != 0) return options.population;
        const auto d = static_cast<double>(dimension);
        const double full = options.variant == ShadeVariant::jso ? 25 * std::log(d) * std::sqrt(d) : 18 * d;
        const double affordable = static_cast<double>(length) / 15;
        return static_cast<std::size_t>(std::lround(std::max(std::min(full, affordable), 20.0)));
    }

    // Part of the search that is over, 0 to 1.
    [[nodiscard]] double progress() const {
        return std::min(1.0, static_cast<double>(made_) / static_cast<double>(length_));
    }

    // ------------------------------------------------------------------------------------------------ making points

    Generation make_generation(std::uint64_t number) {
        if (made_ >= length_) begin_again();
        const bool first = made_ < first_size_ || !any_ended_;
        if (!first) shrink();
        const std::size_t n = generation_size();
        Generation generation{.points = Array2(n, dimension()), .trials = {}, .errors = {}};
        generation.trials.resize(n);
        math::RandomStream random(seed_, number);
        for (std::size_t r = 0; r < n; ++r) {
            Trial& trial = generation.trials[r];
            trial.parent = next_parent_++ % population_.size();
            const auto point = generation.points.row(r);
            if (first) {
                design_.point(designed_++, point);
            } else {
                mix(trial, random, point);
            }
        }
        made_ += n;
        return generation;
    }

    // The fewest whole batches that are half the population or more.
    [[nodiscard]] std::size_t generation_size() const {
        const std::size_t population = population_.size();
        if (batch_ == 0) return population;
        const std::size_t least = (population + 1) / 2;
        return (least + batch_ - 1) / batch_ * batch_;
    }

    void shrink() {
        const auto first = static_cast<double>(first_size_);
        const auto last = static_cast<double>(std::min(options_.smallest_population, first_size_));
        population_.shrink(static_cast<std::size_t>(std::lround(first + (last - first) * progress())));
    }

    void begin_again() {
        const std::size_t best = population_.order().front();
        const std::vector<double> point(population_.point(best).begin(), population_.point(best).end());
        const double error = population_.error(best);
        population_ = evolution::Population(first_size_, dimension());
        if (std::isfinite(error)) population_.challenge(0, point, error, false);
        history_ = evolution::SuccessHistory(constants_.history);
        made_ = 0;
        next_parent_ = 0;
        length_ *= 2;
        any_ended_ = false;
    }

    void mix(Trial& trial, math::RandomStream& random, std::span<double> point) const {
        using evolution::pick;
        const std::size_t size = population_.size();
        const double share =
            constants_.first_best_share + (constants_.last_best_share - constants_.first_best_share) * progress();
        const auto n_best = static_cast<std::size_t>(std::lround(share * static_cast<double>(size)));
        const auto drawn = history_.draw(random);
        trial.weight = drawn.weight;
        trial.rate = drawn.rate;
        double to_best = trial.weight;
        if (options_.variant == ShadeVariant::jso) {
            const double done = progress();
            if (done < 0.6) trial.weight = std::min(trial.weight, 0.7);
            if (done < 0.5) trial.rate = std::max(trial.rate, done < 0.25 ? 0.7 : 0.6);
            to_best = trial.weight * (done < 0.2 ? 0.7 : done < 0.4 ? 0.8 : 1.2);
        }
        const std::size_t good = population_.order()[random.next_index(std::clamp<std::size_t>(n_best, 2, size))];
        const std::size_t a = pick(random, size, {trial.parent});
        const std::size_t b = pick(random, size + population_.archived(), {trial.parent, a});
        const auto x = population_.point(trial.parent);
        const auto xg = population_.point(good);
        const auto xa = population_.point(a);
        const auto xb = population_.point(b);
        evolution::cross(Crossover::binomial, trial.rate, BoundRule::midpoint, random, x, point, [&](std::size_t j) {
            return x[j] + to_best * (xg[j] - x[j]) + trial.weight * (xa[j] - xb[j]);
        });
    }

    // ---------------------------------------------------------------------------------------------------- selection

    void end_generation(const Generation& generation) {
        any_ended_ = true;
        history_.learn(evolution::successes(generation, population_));
        for (std::size_t r = 0; r < generation.trials.size(); ++r) {
            const std::size_t parent = generation.trials[r].parent;
            const auto point = generation.points.row(r);
            const double error = generation.errors[r];
            if (parent >= population_.size()) {  // removed since the trial was made
                if (!std::isnan(error)) population_.challenge_worst(point, error);
            } else if (std::isnan(error)) {
                population_.fill(parent, point);  // its answer is late
            } else {
                population_.challenge(parent, point, error, true);
            }
        }
        math::RandomStream random(seed_, archive_streams + generation.number);
        population_.trim_archive(
            static_cast<std::size_t>(std::lround(constants_.archive * static_cast<double>(population_.size()))),
            random);
    }

    ShadeOptions options_;
    Constants constants_;
    std::uint64_t seed_;
    std::size_t batch_;
    std::size_t length_;  // evaluations of the present search
    std::size_t first_size_;
    evolution::Population population_;
    evolution::SuccessHistory history_;
    evolution::Generations generations_;
    Design design_;
    std::size_t made_ = 0;  // points of the present search
    std::size_t designed_ = 0;
    std::size_t next_parent_ = 0;
    bool any_ended_ = false;  // so that there are members
};

constexpr std::array<OptionWord<ShadeVariant>, 2> variants{
    {{"jso", ShadeVariant::jso}, {"l_shade", ShadeVariant::l_shade}}};

void check(const ShadeOptions& options) {
    const auto require = [](bool fine, std::string_view what, std::size_t value) {
        if (!fine) throw ConfigError(fmt::format("SHADE: {}, not {}", what, value));
    };
    require(options.population == 0 || options.population >= 5, "the population must be at least 5",
            options.population);
    require(options.smallest_population >= 4, "the smallest population must be at least 4",
            options.smallest_population);
    require(options.population == 0 || options.smallest_population <= options.population,
            "the smallest population must not exceed the population", options.smallest_population);
}

}  // namespace

OptimizerChoice shade(ShadeOptions options) {
    check(options);
    std::string description = "SHADE";
    if (const std::string settings = describe_options(options); !settings.empty()) description += ": " + settings;
    return {std::move(description), [options](const SearchSetting& setting) {
                return std::unique_ptr<Optimizer>(std::make_unique<Shade>(options, setting));
            }};
}

void visit_fields(OptionVisitor& visit, ShadeOptions& options) {
    visit.choice("variant", options.variant, variants);
    visit.count("population", options.population);
    visit.count("smallest_population", options.smallest_population);
    visit.count("horizon", options.horizon);
}

}  // namespace spikesmith
