#include "spikesmith/optimize/differential_evolution.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <limits>
#include <numbers>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/math/random_stream.hpp"
#include "spikesmith/optimize/state_text.hpp"

namespace spikesmith {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double untold = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t smallest_population = 5;
constexpr std::uint64_t archive_streams = std::uint64_t{1} << 62;  // purposes of random streams; points use those below
constexpr double first_weight = 0.5;                               // F and CR before there are successes
constexpr double first_rate = 0.9;

// The points of one generation, all made when its first one is asked for; point s challenges member s.
struct Generation {
    std::uint64_t number = 0;
    Array2 points;
    std::vector<double> weight;  // F of each point
    std::vector<double> rate;    // CR of each point
    std::vector<double> error;   // NaN: not told yet
    std::size_t told = 0;
};

double mirrored(double u) {
    u = std::fabs(std::fmod(u, 2.0));
    return u > 1 ? 2 - u : u;
}

class DifferentialEvolution final : public Optimizer {
  public:
    DifferentialEvolution(const DifferentialEvolutionOptions& options, const SearchSetting& setting)
        : Optimizer(setting.dimension),
          options_(options),
          seed_(setting.seed),
          size_(population_size(options, setting)) {
        for (const auto& point : options_.start) {
            if (point.size() != dimension()) {
                throw ConfigError(
                    fmt::format("a start point has {} coordinates instead of {}", point.size(), dimension()));
            }
        }
        members_ = Array2(size_, dimension());
        errors_.assign(size_, infinity);
        filled_.assign(size_, 0);
        memory_weight_.assign(options_.memory, first_weight);
        memory_rate_.assign(options_.memory, first_rate);
    }

    [[nodiscard]] std::string name() const override { return "differential_evolution"; }

  protected:
    void propose(std::uint64_t first_id, Array2& points) override {
        for (std::size_t r = 0; r < points.rows; ++r) {
            const std::uint64_t id = first_id + r;
            const std::size_t slot = id % size_;
            if (slot == 0) {
                while (!open_.empty() && open_.front().told > 0)
                    close_oldest();  // late answers still compete for their slots
                open_.push_back(make_generation(id / size_));
                newest_ = open_.back().points;
            }
            std::ranges::copy(newest_.row(slot), points.row(r).begin());
        }
    }

    void learn(std::span<const Told> told) override {
        for (const Told& answer : told) {
            if (answer.id == Told::foreign) {
                replace_worst(answer.point, answer.error);
                continue;
            }
            const std::size_t slot = answer.id % size_;
            const auto generation = std::ranges::find(open_, answer.id / size_,
                                                      [](const Generation& candidate) { return candidate.number; });
            if (generation == open_.end()) {
                challenge(slot, answer.point, answer.error);
            } else {
                generation->error[slot] = answer.error;
                ++generation->told;
            }
        }
        // A complete generation ends those before it.
        std::size_t ended = 0;
        for (std::size_t g = 0; g < open_.size(); ++g) {
            if (open_[g].told == size_) ended = g + 1;
        }
        while (ended-- > 0) close_oldest();
    }

    void save(StateWriter& writer) const override {
        writer.integer("population", size_);
        writer.integer("seed", seed_);
        writer.reals("members", members_.values);
        writer.reals("errors", errors_);
        writer.integers("filled", filled_);
        writer.reals("archive", archive_.values);
        writer.integer("initialized", initialized_ ? 1 : 0);
        writer.reals("memory_weight", memory_weight_);
        writer.reals("memory_rate", memory_rate_);
        writer.integer("memory_next", memory_next_);
        writer.reals("newest", newest_.values);
        writer.integer("generations", open_.size());
        for (const Generation& generation : open_) {
            std::vector<std::uint64_t> told;
            std::vector<double> error;
            for (std::size_t s = 0; s < size_; ++s) {
                if (std::isnan(generation.error[s])) continue;
                told.push_back(s);
                error.push_back(generation.error[s]);
            }
            writer.integer("generation", generation.number);
            writer.reals("points", generation.points.values);
            writer.reals("weight", generation.weight);
            writer.reals("rate", generation.rate);
            writer.integers("told", told);
            writer.reals("error", error);
        }
    }

    void load(StateReader& reader) override {
        if (reader.integer("population") != size_ || reader.integer("seed") != seed_) {
            throw DataError("the saved state is of another population size or seed",
                            "use the options with which it was saved");
        }
        const std::size_t cells = size_ * dimension();
        members_.values = reader.reals("members", cells);
        errors_ = reader.reals("errors", size_);
        filled_ = reader.integers("filled");
        auto archive = reader.reals("archive");
        initialized_ = reader.integer("initialized") != 0;
        memory_weight_ = reader.reals("memory_weight", options_.memory);
        memory_rate_ = reader.reals("memory_rate", options_.memory);
        memory_next_ = reader.integer("memory_next");
        auto newest = reader.reals("newest");
        const std::uint64_t n_open = reader.integer("generations");
        if (filled_.size() != size_ || archive.size() % dimension() != 0 || memory_next_ >= options_.memory ||
            (!newest.empty() && newest.size() != cells)) {
            contradiction();
        }
        archive_ = Array2(0, dimension());
        archive_.rows = archive.size() / dimension();
        archive_.values = std::move(archive);
        newest_ = Array2(0, dimension());
        newest_.rows = newest.size() / dimension();
        newest_.values = std::move(newest);
        open_.clear();
        for (std::uint64_t g = 0; g < n_open; ++g) {
            Generation generation;
            generation.number = reader.integer("generation");
            generation.points = Array2(size_, dimension());
            generation.points.values = reader.reals("points", cells);
            generation.weight = reader.reals("weight", size_);
            generation.rate = reader.reals("rate", size_);
            generation.error.assign(size_, untold);
            const auto told = reader.integers("told");
            const auto error = reader.reals("error", told.size());
            for (std::size_t k = 0; k < told.size(); ++k) {
                if (told[k] >= size_ || (k > 0 && told[k] <= told[k - 1])) contradiction();
                generation.error[told[k]] = error[k];
            }
            generation.told = told.size();
            open_.push_back(std::move(generation));
        }
    }

  private:
    // Large enough to keep its spread; a batch is one generation unless it is very small.
    static std::size_t population_size(const DifferentialEvolutionOptions& options, const SearchSetting& setting) {
        if (options.population != 0) return options.population;
        return std::max(setting.batch, 20 + 2 * setting.dimension);
    }

    [[noreturn]] static void contradiction() {
        throw DataError("the saved state of the optimizer contradicts itself",
                        "the state must be the unchanged text of save_state");
    }

    [[nodiscard]] std::size_t archive_size() const {
        return static_cast<std::size_t>(std::lround(options_.archive * static_cast<double>(size_)));
    }

    // ------------------------------------------------------------------------------------------------ making points

    Generation make_generation(std::uint64_t number) {
        Generation generation{
            .number = number, .points = Array2(size_, dimension()), .weight = {}, .rate = {}, .error = {}};
        generation.weight.assign(size_, 0);
        generation.rate.assign(size_, 0);
        generation.error.assign(size_, untold);
        math::RandomStream random(seed_, number);
        if (initialized_) {
            evolve(generation, random);
        } else {
            design(generation, random);
        }
        return generation;
    }

    void design(Generation& generation, math::RandomStream& random) const {
        std::vector<std::size_t> cell(size_);
        for (std::size_t j = 0; j < dimension(); ++j) {
            std::iota(cell.begin(), cell.end(), std::size_t{0});
            for (std::size_t s = size_; s > 1; --s) std::swap(cell[s - 1], cell[random.next_index(s)]);
            for (std::size_t s = 0; s < size_; ++s) {
                const double u = random.next_uniform();
                generation.points(s, j) = options_.initial == InitialDesign::uniform
                                              ? u
                                              : (static_cast<double>(cell[s]) + u) / static_cast<double>(size_);
            }
        }
        if (generation.number != 0) return;
        for (std::size_t s = 0; s < std::min(size_, options_.start.size()); ++s) {
            std::ranges::copy(options_.start[s], generation.points.row(s).begin());
        }
    }

    void evolve(Generation& generation, math::RandomStream& random) const {
        std::vector<std::size_t> order(size_);
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::ranges::sort(order, [this](std::size_t a, std::size_t b) {
            return errors_[a] < errors_[b] || (errors_[a] == errors_[b] && a < b);
        });
        const auto share = static_cast<std::size_t>(std::ceil(options_.p_best * static_cast<double>(size_)));
        const std::size_t n_best = std::clamp<std::size_t>(share, 2, size_);
        for (std::size_t s = 0; s < size_; ++s) {
            const std::size_t cell = random.next_index(options_.memory);
            const double weight = draw_weight(random, memory_weight_[cell]);
            const double rate = draw_rate(random, memory_rate_[cell]);
            generation.weight[s] = weight;
            generation.rate[s] = rate;
            mix(s, weight, rate, order, n_best, random, generation.points.row(s));
        }
    }

    [[nodiscard]] double draw_weight(math::RandomStream& random, double location) const {
        if (options_.weight) return *options_.weight + options_.weight_dither * (2 * random.next_uniform() - 1);
        double weight = 0;
        while (weight <= 0)
            weight = location + 0.1 * std::tan(std::numbers::pi * (random.next_uniform() - 0.5));  // Cauchy
        return std::min(weight, 1.0);
    }

    [[nodiscard]] double draw_rate(math::RandomStream& random, double location) const {
        if (options_.crossover_rate) return *options_.crossover_rate;
        return std::clamp(location + 0.1 * random.next_normal(), 0.0, 1.0);
    }

    // The point that challenges member `s`.
    void mix(std::size_t s, double weight, double rate, const std::vector<std::size_t>& order, std::size_t n_best,
             math::RandomStream& random, std::span<double> point) const {
        const auto another = [&](std::array<std::size_t, 3> taken, std::size_t n) {
            std::size_t k = random.next_index(n);
            while (std::ranges::find(taken, k) != taken.end()) k = random.next_index(n);
            return k;
        };
        const bool pbest = options_.donor == DonorRule::current_to_pbest_1;
        const std::size_t good = pbest ? order[random.next_index(n_best)] : order.front();
        const std::size_t a = another({s, s, s}, size_);
        const std::size_t b = another({s, a, a}, size_ + (pbest ? archive_.rows : 0));
        const std::size_t c = another({s, a, b}, size_);
        const auto member = [&](std::size_t k) { return k < size_ ? members_.row(k) : archive_.row(k - size_); };
        const auto x = member(s);
        const auto xa = member(a);
        const auto xb = member(b);
        const auto xc = member(c);
        const auto xg = member(good);
        const std::size_t forced = random.next_index(dimension());
        for (std::size_t j = 0; j < dimension(); ++j) {
            const bool crossed = random.next_uniform() < rate || j == forced;
            point[j] = crossed ? within(x[j], donor(x[j], xa[j], xb[j], xc[j], xg[j], weight)) : x[j];
        }
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

    [[nodiscard]] double within(double parent, double coordinate) const {
        if (coordinate >= 0 && coordinate <= 1) return coordinate;
        if (options_.bounds == BoundRule::reflect) return mirrored(coordinate);
        return coordinate < 0 ? parent / 2 : (parent + 1) / 2;
    }

    // ---------------------------------------------------------------------------------------------------- selection

    void close_oldest() {
        const Generation generation = std::move(open_.front());
        open_.pop_front();
        if (initialized_) adapt(generation);
        for (std::size_t s = 0; s < size_; ++s) {
            if (!std::isnan(generation.error[s])) challenge(s, generation.points.row(s), generation.error[s]);
            if (filled_[s] == 0) fill(s, generation.points.row(s), infinity);  // its answer is late
        }
        initialized_ = true;
        trim_archive(generation.number);
    }

    void fill(std::size_t s, std::span<const double> point, double error) {
        std::ranges::copy(point, members_.row(s).begin());
        errors_[s] = error;
        filled_[s] = 1;
    }

    void challenge(std::size_t s, std::span<const double> point, double error) {
        if (filled_[s] != 0 && error > errors_[s]) return;
        const bool archived = options_.donor == DonorRule::current_to_pbest_1 && archive_size() > 0;
        if (archived && filled_[s] != 0 && error < errors_[s] && std::isfinite(errors_[s])) {
            const auto parent = members_.row(s);
            archive_.values.insert(archive_.values.end(), parent.begin(), parent.end());
            ++archive_.rows;
        }
        fill(s, point, error);
    }

    void replace_worst(std::span<const double> point, double error) {
        std::size_t worst = 0;
        for (std::size_t s = 1; s < size_; ++s) {
            if (filled_[s] < filled_[worst] || (filled_[s] == filled_[worst] && errors_[s] >= errors_[worst]))
                worst = s;
        }
        if (filled_[worst] == 0 || error < errors_[worst]) fill(worst, point, error);
    }

    // Random parents leave an archive that is too long.
    void trim_archive(std::uint64_t generation) {
        if (archive_.rows <= archive_size()) return;
        math::RandomStream random(seed_, archive_streams + generation);
        const std::size_t d = dimension();
        while (archive_.rows > archive_size()) {
            const std::size_t out = random.next_index(archive_.rows);
            const std::size_t last = --archive_.rows;
            std::copy_n(archive_.values.begin() + static_cast<std::ptrdiff_t>(last * d), d,
                        archive_.values.begin() + static_cast<std::ptrdiff_t>(out * d));
            archive_.values.resize(last * d);
        }
    }

    // One cell of the success history gets the weighted Lehmer means of the F and CR that led to improvements (Tanabe &
    // Fukunaga 2013, eq. 9 to 12), weighted by the ranks gained among parents and challengers.
    void adapt(const Generation& generation) {
        std::vector<double> all;
        for (std::size_t s = 0; s < size_; ++s) {
            if (std::isfinite(errors_[s])) all.push_back(errors_[s]);
            if (std::isfinite(generation.error[s])) all.push_back(generation.error[s]);
        }
        std::ranges::sort(all);
        const auto rank = [&](double error) {
            return static_cast<double>(std::ranges::lower_bound(all, error) - all.begin());
        };
        std::array<double, 2> weight{}, rate{};  // sums of w*x and w*x**2
        for (std::size_t s = 0; s < size_; ++s) {
            if (!(generation.error[s] < errors_[s])) continue;
            const double gain = rank(errors_[s]) - rank(generation.error[s]);
            const double f = generation.weight[s];
            const double cr = generation.rate[s];
            weight[0] += gain * f;
            weight[1] += gain * f * f;
            rate[0] += gain * cr;
            rate[1] += gain * cr * cr;
        }
        if (weight[0] <= 0) return;
        memory_weight_[memory_next_] = weight[1] / weight[0];
        memory_rate_[memory_next_] = rate[0] > 0 ? rate[1] / rate[0] : 0;
        memory_next_ = (memory_next_ + 1) % options_.memory;
    }

    DifferentialEvolutionOptions options_;
    std::uint64_t seed_;
    std::size_t size_;

    Array2 members_;
    std::vector<double> errors_;
    std::vector<std::uint64_t> filled_;  // 0 or 1
    Array2 archive_{0, dimension()};
    bool initialized_ = false;  // a generation has ended, so members are known
    std::vector<double> memory_weight_;
    std::vector<double> memory_rate_;
    std::size_t memory_next_ = 0;
    std::deque<Generation> open_;    // not ended, oldest first
    Array2 newest_{0, dimension()};  // points of the newest generation, which may have ended before all were asked
};

struct RuleName {
    std::string_view name;
    DonorRule rule;
};
constexpr std::array<RuleName, 5> donor_rules{{{"rand/1", DonorRule::rand_1},
                                               {"best/1", DonorRule::best_1},
                                               {"current-to-best/1", DonorRule::current_to_best_1},
                                               {"rand-to-best/1", DonorRule::rand_to_best_1},
                                               {"current-to-pbest/1", DonorRule::current_to_pbest_1}}};

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
    const auto adapted = [](const std::optional<double>& value) {
        return value ? fmt::format("{}", *value) : std::string("adapted");
    };
    std::string text = fmt::format(
        "differential evolution: donor {}, population {}, F {}", donor_rule_name(options.donor),
        options.population == 0 ? "automatic" : fmt::format("{}", options.population), adapted(options.weight));
    if (options.weight_dither > 0) text += fmt::format(" +- {}", options.weight_dither);
    text += fmt::format(", CR {}, p_best {}, archive {}, memory {}, bounds {}, initial {}",
                        adapted(options.crossover_rate), options.p_best, options.archive, options.memory,
                        bound_rule_name(options.bounds), initial_design_name(options.initial));
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

DonorRule parse_donor_rule(std::string_view text) {
    std::vector<std::string> names;
    for (const RuleName& rule : donor_rules) {
        if (rule.name == text) return rule.rule;
        names.emplace_back(rule.name);
    }
    const std::string hint = did_you_mean(text, names);
    throw ConfigError(fmt::format("unknown donor rule `{}` of differential evolution", text),
                      hint.empty() ? fmt::format("one of `{}`", fmt::join(names, "`, `")) : hint);
}

std::string_view donor_rule_name(DonorRule rule) {
    return std::ranges::find(donor_rules, rule, [](const RuleName& entry) { return entry.rule; })->name;
}

BoundRule parse_bound_rule(std::string_view text) {
    if (text == "midpoint") return BoundRule::midpoint;
    if (text == "reflect") return BoundRule::reflect;
    throw ConfigError(fmt::format("unknown bound rule `{}` of differential evolution", text),
                      "one of `midpoint`, `reflect`");
}

std::string_view bound_rule_name(BoundRule rule) {
    return rule == BoundRule::midpoint ? "midpoint" : "reflect";
}

InitialDesign parse_initial_design(std::string_view text) {
    if (text == "latin_hypercube") return InitialDesign::latin_hypercube;
    if (text == "uniform") return InitialDesign::uniform;
    throw ConfigError(fmt::format("unknown initial design `{}` of differential evolution", text),
                      "one of `latin_hypercube`, `uniform`");
}

std::string_view initial_design_name(InitialDesign design) {
    return design == InitialDesign::uniform ? "uniform" : "latin_hypercube";
}

}  // namespace spikesmith
