#include "spikesmith/optimize/differential_evolution.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/math/random_stream.hpp"
#include "spikesmith/optimize/designs.hpp"

namespace spikesmith {

namespace {

using evolution::Generation;
using evolution::Trial;

constexpr std::size_t smallest_population = 5;
constexpr std::uint64_t archive_streams = std::uint64_t{1} << 62;  // purposes of random streams; points use those below

Design first_points(const DifferentialEvolutionOptions& options, std::size_t dimension, std::size_t population,
                    std::uint64_t seed) {
    switch (options.initial) {
        case InitialDesign::latin_hypercube:
            return latin_hypercube_design(dimension, population, seed);
        case InitialDesign::maximin:
            return maximin_design(dimension, population, seed);
        case InitialDesign::sobol:
            return sobol_design(dimension, seed);
        case InitialDesign::halton:
            return halton_design(dimension, seed);
        case InitialDesign::hammersley:
            return {dimension,
                    [design = halton_design(dimension, seed), population](std::uint64_t k, std::span<double> point) {
                        design.point(k, point);
                        std::shift_right(point.begin(), point.end(), 1);
                        point[0] = (static_cast<double>(k % population) + 0.5) / static_cast<double>(population);
                    }};
        case InitialDesign::quasi_opposite:
            // even points are random; an odd one lies at a random place between the centre and the mirror image of the
            // one before
            return {dimension, [design = random_design(dimension, seed)](std::uint64_t k, std::span<double> point) {
                        design.point(k, point);
                        if (k % 2 == 0) return;
                        std::vector<double> before(point.size());
                        design.point(k - 1, before);
                        for (std::size_t j = 0; j < point.size(); ++j) point[j] = 0.5 + point[j] * (0.5 - before[j]);
                    }};
        case InitialDesign::uniform:
            break;
    }
    return random_design(dimension, seed);
}

class DifferentialEvolution final : public Optimizer {
  public:
    DifferentialEvolution(const DifferentialEvolutionOptions& options, const SearchSetting& setting)
        : Optimizer(setting.dimension),
          options_(options),
          seed_(setting.seed),
          size_(population_size(options, setting)),
          generation_size_(generation_size(size_, setting)),
          population_(size_, setting.dimension),
          history_({.cells = options.memory, .first_weight = 0.5, .first_rate = 0.9}),
          design_(first_points(options, setting.dimension, size_, setting.seed)) {
        for (const auto& point : options_.start) {
            if (point.size() != dimension()) {
                throw ConfigError(
                    fmt::format("a start point has {} coordinates instead of {}", point.size(), dimension()));
            }
        }
    }

    [[nodiscard]] std::string name() const override { return "differential_evolution"; }

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
            if (noted.trial) {
                population_.challenge(noted.trial->parent, answer.point, answer.error, keeps_archive());
            } else {
                population_.challenge_worst(answer.point, answer.error);
            }
        }
        generations_.end_complete([this](const Generation& generation) { end_generation(generation); });
    }

  private:
    // Large enough to keep its spread; a batch is one generation unless it is very small.
    static std::size_t population_size(const DifferentialEvolutionOptions& options, const SearchSetting& setting) {
        if (options.population != 0) return options.population;
        return std::max(setting.batch, 20 + 2 * setting.dimension);
    }

    // The fewest whole batches that are half the population or more.
    static std::size_t generation_size(std::size_t population, const SearchSetting& setting) {
        if (setting.batch == 0) return population;
        const std::size_t least = (population + 1) / 2;
        return (least + setting.batch - 1) / setting.batch * setting.batch;
    }

    [[nodiscard]] bool keeps_archive() const {
        return options_.donor == DonorRule::current_to_pbest_1 && options_.archive > 0;
    }

    // ------------------------------------------------------------------------------------------------ making points

    Generation make_generation(std::uint64_t number) {
        Generation generation{.points = Array2(generation_size_, dimension()), .trials = {}, .errors = {}};
        generation.trials.resize(generation_size_);
        for (std::size_t r = 0; r < generation_size_; ++r) {
            generation.trials[r].parent = (number * generation_size_ + r) % size_;
        }
        if (designed_ < size_ || !any_ended_) {
            for (std::size_t r = 0; r < generation_size_; ++r, ++designed_) {
                const auto point = generation.points.row(r);
                if (designed_ < options_.start.size()) {
                    std::ranges::copy(options_.start[designed_], point.begin());
                } else {
                    design_.point(designed_, point);
                }
            }
        } else {
            math::RandomStream random(seed_, number);
            evolve(generation, random);
        }
        return generation;
    }

    void evolve(Generation& generation, math::RandomStream& random) const {
        const auto share = static_cast<std::size_t>(std::ceil(options_.p_best * static_cast<double>(size_)));
        const std::size_t n_best = std::clamp<std::size_t>(share, 2, size_);
        for (std::size_t r = 0; r < generation.trials.size(); ++r) {
            Trial& trial = generation.trials[r];
            const auto drawn = history_.draw(random);
            trial.weight = drawn.weight;
            if (options_.weight) {
                trial.weight = *options_.weight + options_.weight_dither * (2 * random.next_uniform() - 1);
            }
            trial.rate = options_.crossover_rate.value_or(drawn.rate);
            mix(trial, n_best, random, generation.points.row(r));
        }
    }

    void mix(const Trial& trial, std::size_t n_best, math::RandomStream& random, std::span<double> point) const {
        using evolution::pick;
        const bool pbest = options_.donor == DonorRule::current_to_pbest_1;
        const std::size_t s = trial.parent;
        const std::size_t a = pick(random, size_, {s});
        const std::size_t b = pick(random, size_ + (pbest ? population_.archived() : 0), {s, a});
        const std::size_t c = pick(random, size_, {s, a, b});
        const std::size_t good = population_.order()[pbest ? random.next_index(n_best) : 0];
        const auto x = population_.point(s);
        const auto xa = population_.point(a);
        const auto xb = population_.point(b);
        const auto xc = population_.point(c);
        const auto xg = population_.point(good);
        evolution::cross(options_.crossover, trial.rate, options_.bounds, random, x, point,
                         [&](std::size_t j) { return donor(x[j], xa[j], xb[j], xc[j], xg[j], trial.weight); });
    }

    [[nodiscard]] double donor(double x, double a, double b, double c, double good, double weight) const {
        switch (options_.donor) {
            case DonorRule::rand_1:
                return a + weight * (b - c);
            case DonorRule::best_1:
                return good + weight * (a - b);
            case DonorRule::rand_to_best_1:
                return a + weight * (good - a) + weight * (b - c);
            case DonorRule::current_to_best_1:
            case DonorRule::current_to_pbest_1:
                return x + weight * (good - x) + weight * (a - b);
        }
        return x;
    }

    // ---------------------------------------------------------------------------------------------------- selection

    void end_generation(const Generation& generation) {
        any_ended_ = true;
        history_.learn(evolution::successes(generation, population_));
        for (std::size_t r = 0; r < generation.trials.size(); ++r) {
            const std::size_t parent = generation.trials[r].parent;
            const auto point = generation.points.row(r);
            if (std::isnan(generation.errors[r])) {
                population_.fill(parent, point);  // its answer is late
            } else {
                population_.challenge(parent, point, generation.errors[r], keeps_archive());
            }
        }
        math::RandomStream random(seed_, archive_streams + generation.number);
        population_.trim_archive(static_cast<std::size_t>(std::lround(options_.archive * static_cast<double>(size_))),
                                 random);
    }

    DifferentialEvolutionOptions options_;
    std::uint64_t seed_;
    std::size_t size_;
    std::size_t generation_size_;
    evolution::Population population_;
    evolution::SuccessHistory history_;
    evolution::Generations generations_;
    Design design_;
    std::size_t designed_ = 0;  // points of the first population asked for
    bool any_ended_ = false;    // so that there are members
};

constexpr std::array<OptionWord<DonorRule>, 5> donor_rules{{{"rand/1", DonorRule::rand_1},
                                                            {"best/1", DonorRule::best_1},
                                                            {"current-to-best/1", DonorRule::current_to_best_1},
                                                            {"rand-to-best/1", DonorRule::rand_to_best_1},
                                                            {"current-to-pbest/1", DonorRule::current_to_pbest_1}}};
constexpr std::array<OptionWord<BoundRule>, 2> bound_rules{
    {{"midpoint", BoundRule::midpoint}, {"reflect", BoundRule::reflect}}};
constexpr std::array<OptionWord<Crossover>, 3> crossovers{
    {{"binomial", Crossover::binomial}, {"sparse", Crossover::sparse}, {"two_points", Crossover::two_points}}};
constexpr std::array<OptionWord<InitialDesign>, 7> initial_designs{{{"latin_hypercube", InitialDesign::latin_hypercube},
                                                                    {"maximin", InitialDesign::maximin},
                                                                    {"uniform", InitialDesign::uniform},
                                                                    {"sobol", InitialDesign::sobol},
                                                                    {"halton", InitialDesign::halton},
                                                                    {"hammersley", InitialDesign::hammersley},
                                                                    {"quasi_opposite", InitialDesign::quasi_opposite}}};

void check(const DifferentialEvolutionOptions& options) {
    const auto require = [](bool fine, std::string_view what, auto value) {
        if (!fine) throw ConfigError(fmt::format("differential evolution: {}, not {}", what, value));
    };
    require(options.population == 0 || options.population >= smallest_population, "the population must be at least 5",
            options.population);
    if (options.weight) {
        require(*options.weight > 0 && *options.weight <= 2, "the weight F must be in (0, 2]", *options.weight);
        require(options.weight_dither >= 0 && options.weight_dither < *options.weight, "the dither must be in [0, F)",
                options.weight_dither);
    } else {
        require(options.weight_dither == 0,
                "a dither needs a weight F; without one F is adapted, so the dither must be 0", options.weight_dither);
    }
    if (options.crossover_rate) {
        require(*options.crossover_rate >= 0 && *options.crossover_rate <= 1, "the crossover rate must be in [0, 1]",
                *options.crossover_rate);
    }
    require(options.p_best > 0 && options.p_best <= 1, "p_best must be in (0, 1]", options.p_best);
    require(options.archive >= 0 && options.archive <= 100, "the archive must be in [0, 100]", options.archive);
    require(options.memory >= 1 && options.memory <= 1000, "the memory must be in [1, 1000]", options.memory);
    for (const auto& point : options.start) {
        for (const double u : point) require(u >= 0 && u <= 1, "start points must lie in the unit cube", u);
    }
}

std::string describe(const DifferentialEvolutionOptions& options) {
    std::string text = "differential evolution";
    if (const std::string settings = describe_options(options); !settings.empty()) text += ": " + settings;
    if (!options.start.empty()) {
        text += ", start";
        for (const auto& point : options.start) text += fmt::format(" ({})", fmt::join(point, ", "));
    }
    return text;
}

}  // namespace

OptimizerChoice differential_evolution(DifferentialEvolutionOptions options) {
    check(options);
    std::string description = describe(options);
    return {std::move(description), [options = std::move(options)](const SearchSetting& setting) {
                return std::unique_ptr<Optimizer>(std::make_unique<DifferentialEvolution>(options, setting));
            }};
}

void visit_fields(OptionVisitor& visit, DifferentialEvolutionOptions& options) {
    visit.choice("donor", options.donor, donor_rules);
    visit.count("population", options.population);
    visit.real("weight", options.weight);
    visit.real("weight_dither", options.weight_dither);
    visit.real("crossover_rate", options.crossover_rate);
    visit.real("p_best", options.p_best);
    visit.real("archive", options.archive);
    visit.count("memory", options.memory);
    visit.choice("crossover", options.crossover, crossovers);
    visit.choice("bounds", options.bounds, bound_rules);
    visit.choice("initial", options.initial, initial_designs);
}

}  // namespace spikesmith
