// What differential evolution and SHADE have in common: a population whose members are challenged by trial points, the
// generations in which trials are asked and told, crossover, bounds, and weights that follow success.
//
// For optimisers inside this room; users choose differential_evolution.hpp or shade.hpp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/math/random_stream.hpp"

namespace spikesmith {

// A coordinate that leaves the unit interval.
enum class BoundRule : std::uint8_t {
    midpoint,  // goes half the way from the parent to the bound
    reflect,   // is mirrored at the bound, as often as needed
};

// Which coordinates of a trial come from the donor; at least one does.
enum class Crossover : std::uint8_t {
    binomial,    // each with probability CR
    sparse,      // each with probability 1/dimension
    two_points,  // those between two random places, the first following the last; below 4 dimensions each with 1/2
};

namespace evolution {

// How a trial point came about.
struct Trial {
    std::size_t parent = 0;  // the member that it challenges
    double weight = 0;       // F
    double rate = 0;         // CR
};

// Points made together from one state of the population.
struct Generation {
    std::uint64_t number = 0;  // from 0
    std::uint64_t first_id = 0;
    Array2 points;
    std::vector<Trial> trials;
    std::vector<double> errors;  // NaN: not told yet
    std::size_t told = 0;
};

// The generations that are under way. A generation may be asked and told in any parts. It ends when it is complete, when
// a later one is, or when the next one begins and some of it is told: who does not wait for answers gets points made
// from what is known. Answers after the end are late.
class Generations {
  public:
    // Fills `points`. `make(number)` gives a new generation with points and trials, `end(generation)` learns from one.
    template <class Make, class End>
    void propose(std::uint64_t first_id, Array2& points, const Make& make, const End& end) {
        for (std::size_t r = 0; r < points.rows; ++r) {
            const std::uint64_t id = first_id + r;
            if (id == next_id_) {
                while (!open_.empty() && open_.front().told > 0) end_oldest(end);
                begin(make(begun_), id);
            }
            const Generation& newest = open_.back();
            const auto row = newest.points.row(id - newest.first_id);
            std::copy(row.begin(), row.end(), points.row(r).begin());
        }
    }

    // What became of the error of an asked point.
    struct Noted {
        bool late = false;
        std::optional<Trial> trial;  // of a late point, if it is still known
    };
    Noted note(std::uint64_t id, double error);

    // Ends every generation that is complete, and those before it.
    template <class End>
    void end_complete(const End& end) {
        std::size_t ended = 0;
        for (std::size_t g = 0; g < open_.size(); ++g) {
            if (open_[g].told == open_[g].points.rows) ended = g + 1;
        }
        while (ended-- > 0) end_oldest(end);
    }

  private:
    struct Ended {
        std::uint64_t first_id = 0;
        std::vector<Trial> trials;
    };

    void begin(Generation generation, std::uint64_t first_id);
    void remember(Generation& generation);

    template <class End>
    void end_oldest(const End& end) {
        Generation generation = std::move(open_.front());
        open_.pop_front();
        end(generation);
        remember(generation);
    }

    std::uint64_t next_id_ = 0;  // with it the next generation begins
    std::uint64_t begun_ = 0;
    std::deque<Generation> open_;  // oldest first
    std::deque<Ended> ended_;      // the last of those that ended incomplete
};

// Members, their errors, and an archive of members that were replaced.
class Population {
  public:
    Population(std::size_t size, std::size_t dimension);

    [[nodiscard]] std::size_t size() const { return errors_.size(); }
    [[nodiscard]] std::size_t archived() const { return archive_.rows; }
    // Member k; from size() on, archived members.
    [[nodiscard]] std::span<const double> point(std::size_t k) const {
        return k < size() ? members_.row(k) : archive_.row(k - size());
    }
    [[nodiscard]] double error(std::size_t k) const { return errors_[k]; }  // +infinity: unknown or failed
    // Members, the best first.
    [[nodiscard]] const std::vector<std::size_t>& order() const;

    // The trial replaces the member if it is not worse. A better one sends the member to the archive if that is kept.
    void challenge(std::size_t member, std::span<const double> point, double error, bool keep_archive);
    // Puts a point of unknown error where there is none yet.
    void fill(std::size_t member, std::span<const double> point);
    // For a point from elsewhere: replaces the worst member if it is better.
    void challenge_worst(std::span<const double> point, double error);
    // Removes the worst members until `size` are left, at least one.
    void shrink(std::size_t size);
    // Removes archived members at random until `size` are left.
    void trim_archive(std::size_t size, math::RandomStream& random);

  private:
    void put(std::size_t member, std::span<const double> point, double error);

    Array2 members_;
    std::vector<double> errors_;
    std::vector<bool> filled_;
    Array2 archive_;
    mutable std::vector<std::size_t> order_;  // empty: to be made
};

// F and CR of trials that were better than their parents, and the ranks that they gained.
struct Success {
    double weight = 0;
    double rate = 0;
    double gain = 0;
};

// The successes of a generation that has not challenged yet. A gain is the number of places between parent and trial
// when members and trials are sorted, so only the order of errors counts (instead of differences of errors).
[[nodiscard]] std::vector<Success> successes(const Generation& generation, const Population& population);

// Memory of successful F and CR (Tanabe & Fukunaga 2013): cells are drawn at random and overwritten in turn.
class SuccessHistory {
  public:
    struct Settings {
        std::size_t cells = 6;
        double first_weight = 0.5;
        double first_rate = 0.5;
        bool average = false;     // a new value is averaged with the one it replaces (jSO)
        bool fixed_cell = false;  // one further cell that stays at F = CR = 0.9 (jSO)
    };
    explicit SuccessHistory(const Settings& settings);

    // F and CR for a trial, F in (0, 1], CR in [0, 1].
    struct Draw {
        double weight = 0;
        double rate = 0;
    };
    [[nodiscard]] Draw draw(math::RandomStream& random) const;

    // Weighted Lehmer means of F and CR (eq. 9 to 12).
    void learn(std::span<const Success> successes);

  private:
    Settings settings_;
    std::vector<double> weights_;
    std::vector<double> rates_;
    std::size_t next_ = 0;
};

// A random index below n that is none of `taken`; there must be one.
[[nodiscard]] std::size_t pick(math::RandomStream& random, std::size_t n, std::initializer_list<std::size_t> taken);

// `coordinate`, or where the rule puts it if it is outside [0, 1].
[[nodiscard]] double within(BoundRule rule, double parent, double coordinate);

// The trial point: coordinate j is donor(j), kept inside the cube, where the crossover chooses it, else that of the parent.
template <class Donor>
void cross(Crossover crossover, double rate, BoundRule bounds, math::RandomStream& random,
           std::span<const double> parent, std::span<double> trial, const Donor& donor) {
    const std::size_t d = parent.size();
    if (crossover == Crossover::two_points && d >= 4) {
        const std::size_t first = random.next_index(d);
        const std::size_t length = 1 + random.next_index(d - 1);
        for (std::size_t j = 0; j < d; ++j) {
            trial[j] = (j + d - first) % d < length ? within(bounds, parent[j], donor(j)) : parent[j];
        }
        return;
    }
    if (crossover == Crossover::two_points) rate = 0.5;
    if (crossover == Crossover::sparse) rate = 1.0 / static_cast<double>(d);
    const std::size_t forced = random.next_index(d);
    for (std::size_t j = 0; j < d; ++j) {
        const bool crossed = random.next_uniform() < rate || j == forced;
        trial[j] = crossed ? within(bounds, parent[j], donor(j)) : parent[j];
    }
}

}  // namespace evolution
}  // namespace spikesmith
