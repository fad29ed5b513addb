#include "spikesmith/optimize/particle_swarm.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/math/random_stream.hpp"
#include "spikesmith/optimize/designs.hpp"
#include "spikesmith/optimize/normal_numbers.hpp"

namespace spikesmith {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::size_t smallest_population = 4;
constexpr std::size_t quick_below = 100;  // planned steps

// The automatic settings: the quick ones were tuned on one problem, 30 rounds of the Hodgkin-Huxley fit; the others are
// those of SPSO but for the informants.
struct Habits {
    double inertia;
    double attraction;
    std::size_t informants;
    SwarmMotion motion;
};
constexpr Habits quick{0.4, 1.6, std::numeric_limits<std::size_t>::max(), SwarmMotion::coordinates};
constexpr Habits patient{0.7213475204444817, 1.1931471805599454, 12, SwarmMotion::sphere};

// Purposes of random streams; particles use those below, one per id.
constexpr std::uint64_t informant_streams = std::uint64_t{1} << 60;

class ParticleSwarm final : public Optimizer {
  public:
    ParticleSwarm(const ParticleSwarmOptions& options, const SearchSetting& setting)
        : Optimizer(setting.dimension),
          options_(options),
          seed_(setting.seed),
          size_(population_size(options, setting)),
          habits_(habits(options, setting, size_)),
          first_points_(latin_hypercube_design(setting.dimension, size_, setting.seed)),
          position_(size_, setting.dimension),
          velocity_(size_, setting.dimension),
          best_point_(size_, setting.dimension),
          best_error_(size_, infinity),
          guide_(size_),
          scratch_(setting.dimension) {}

    [[nodiscard]] std::string name() const override { return "particle_swarm"; }

  protected:
    void propose(std::uint64_t first_id, Array2& points) override {
        for (std::size_t r = 0; r < points.rows; ++r) {
            const std::uint64_t id = first_id + r;
            if (id % size_ == 0) id == 0 ? start() : fly(id);
            std::ranges::copy(std::as_const(position_).row(id % size_), points.row(r).begin());
        }
    }

    void learn(std::span<const Told> told) override {
        for (const Told& answer : told) {
            const std::size_t s = answer.id == Told::foreign ? worst() : answer.id % size_;
            if (!(answer.error < best_error_[s])) continue;
            best_error_[s] = answer.error;
            std::ranges::copy(answer.point, best_point_.row(s).begin());
        }
    }

  private:
    static std::size_t population_size(const ParticleSwarmOptions& options, const SearchSetting& setting) {
        if (options.population != 0) return options.population;
        const double least = 10 + 2 * std::sqrt(static_cast<double>(setting.dimension));
        const std::size_t batch = std::max<std::size_t>(setting.batch, 1);
        return (static_cast<std::size_t>(least) + batch - 1) / batch * batch;
    }

    static Habits habits(const ParticleSwarmOptions& options, const SearchSetting& setting, std::size_t size) {
        const std::size_t steps = setting.budget() / size;
        const Habits& usual = setting.budget() != 0 && steps < quick_below ? quick : patient;
        return {options.inertia.value_or(usual.inertia), options.attraction.value_or(usual.attraction),
                options.informants == 0 ? usual.informants : options.informants,
                options.motion == SwarmMotion::automatic ? usual.motion : options.motion};
    }

    [[nodiscard]] std::size_t worst() const {
        return static_cast<std::size_t>(std::ranges::max_element(best_error_) - best_error_.begin());
    }

    // Evenly spread; each particle heads for a random place (SPSO 2007).
    void start() {
        for (std::size_t s = 0; s < size_; ++s) {
            first_points_.point(s, position_.row(s));
            math::RandomStream random(seed_, s);
            for (std::size_t j = 0; j < dimension(); ++j)
                velocity_(s, j) = (random.next_uniform() - position_(s, j)) / 2;
        }
    }

    // One step of every particle. Its first point has the id `id`.
    void fly(std::uint64_t id) {
        const double best = *std::ranges::min_element(best_error_);
        if (id == size_ || !(best < last_best_)) draw_informants(id / size_);
        last_best_ = best;
        find_guides();
        for (std::size_t s = 0; s < size_; ++s) {
            math::RandomStream random(seed_, id + s);
            if (std::isinf(best_error_[guide_[s]])) {
                drift(s);
            } else if (habits_.motion == SwarmMotion::sphere) {
                fly_by_sphere(s, random);
            } else {
                fly_by_coordinates(s, random);
            }
        }
    }

    void draw_informants(std::uint64_t generation) {
        if (habits_.informants >= size_) return;
        informed_.resize(size_ * habits_.informants);
        math::RandomStream random(seed_, informant_streams + generation);
        for (std::size_t& particle : informed_) particle = random.next_index(size_);
    }

    // The best of those who inform each particle, itself among them.
    void find_guides() {
        const auto better = [this](std::size_t a, std::size_t b) {
            return best_error_[a] < best_error_[b] || (best_error_[a] == best_error_[b] && a < b);
        };
        if (informed_.empty()) {
            const auto first = static_cast<std::size_t>(std::ranges::min_element(best_error_) - best_error_.begin());
            std::ranges::fill(guide_, first);
            return;
        }
        std::iota(guide_.begin(), guide_.end(), std::size_t{0});
        for (std::size_t k = 0; k < informed_.size(); ++k) {
            const std::size_t informant = k / habits_.informants;
            std::size_t& guide = guide_[informed_[k]];
            if (better(informant, guide)) guide = informant;
        }
    }

    // Nothing is known to the particle or its informants.
    void drift(std::size_t s) {
        for (std::size_t j = 0; j < dimension(); ++j) move(s, j, velocity_(s, j));
    }

    // A particle that has failed always is drawn to its guide only; one that is its own guide, to its own best only.
    void fly_by_coordinates(std::size_t s, math::RandomStream& random) {
        const bool own = std::isfinite(best_error_[s]);
        const bool other = guide_[s] != s;
        for (std::size_t j = 0; j < dimension(); ++j) {
            const double x = position_(s, j);
            double v = habits_.inertia * velocity_(s, j);
            if (own) v += habits_.attraction * random.next_uniform() * (best_point_(s, j) - x);
            if (other) v += habits_.attraction * random.next_uniform() * (best_point_(guide_[s], j) - x);
            move(s, j, v);
        }
    }

    void fly_by_sphere(std::size_t s, math::RandomStream& random) {
        const bool own = std::isfinite(best_error_[s]);
        const bool other = guide_[s] != s;
        const double share = habits_.attraction / (own && other ? 3 : 2);
        draw_normals(random, scratch_);
        double direction = 0, radius = 0;
        for (std::size_t j = 0; j < dimension(); ++j) {
            direction += scratch_[j] * scratch_[j];
            radius += pull(s, j, own, other) * pull(s, j, own, other);
        }
        const double length = share * std::sqrt(radius) * random.next_uniform() / std::sqrt(direction);
        for (std::size_t j = 0; j < dimension(); ++j) {
            move(s, j, habits_.inertia * velocity_(s, j) + share * pull(s, j, own, other) + length * scratch_[j]);
        }
    }
    [[nodiscard]] double pull(std::size_t s, std::size_t j, bool own, bool other) const {
        const double x = position_(s, j);
        return (own ? best_point_(s, j) - x : 0) + (other ? best_point_(guide_[s], j) - x : 0);
    }

    // At a bound a particle stops and turns back.
    void move(std::size_t s, std::size_t j, double velocity) {
        const double x = position_(s, j) + velocity;
        const bool inside = x >= 0 && x <= 1;
        position_(s, j) = std::clamp(x, 0.0, 1.0);
        velocity_(s, j) = inside ? velocity : -options_.rebound * velocity;
    }

    ParticleSwarmOptions options_;
    std::uint64_t seed_;
    std::size_t size_;
    Habits habits_;
    Design first_points_;

    Array2 position_;  // of the newest generation
    Array2 velocity_;
    Array2 best_point_;  // that each particle has seen
    std::vector<double> best_error_;
    double last_best_ = infinity;        // when the newest generation was made
    std::vector<std::size_t> informed_;  // by each particle, `informants` each; empty: all
    std::vector<std::size_t> guide_;
    std::vector<double> scratch_;
};

constexpr std::array<OptionWord<SwarmMotion>, 3> motions{{{"automatic", SwarmMotion::automatic},
                                                          {"coordinates", SwarmMotion::coordinates},
                                                          {"sphere", SwarmMotion::sphere}}};

void check(const ParticleSwarmOptions& options) {
    const auto require = [](bool fine, std::string_view what, auto value) {
        if (!fine) throw ConfigError(fmt::format("particle swarm: {}, not {}", what, value));
    };
    require(options.population == 0 || options.population >= smallest_population, "the population must be at least 4",
            options.population);
    const double inertia = options.inertia.value_or(quick.inertia);
    require(inertia >= 0 && inertia < 1, "the inertia must be in [0, 1)", inertia);
    const double attraction = options.attraction.value_or(quick.attraction);
    require(attraction > 0 && attraction <= 4, "the attraction must be in (0, 4]", attraction);
    require(options.rebound >= 0 && options.rebound <= 1, "the rebound must be in [0, 1]", options.rebound);
}

}  // namespace

OptimizerChoice particle_swarm(ParticleSwarmOptions options) {
    check(options);
    std::string description = "particle swarm";
    if (const std::string settings = describe_options(options); !settings.empty()) description += ": " + settings;
    return {std::move(description), [options](const SearchSetting& setting) {
                return std::unique_ptr<Optimizer>(std::make_unique<ParticleSwarm>(options, setting));
            }};
}

void visit_fields(OptionVisitor& visit, ParticleSwarmOptions& options) {
    visit.count("population", options.population);
    visit.real("inertia", options.inertia);
    visit.real("attraction", options.attraction);
    visit.count("informants", options.informants);
    visit.choice("motion", options.motion, motions);
    visit.real("rebound", options.rebound);
}

}  // namespace spikesmith
