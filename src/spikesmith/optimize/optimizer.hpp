// Optimizer: ask for points, tell their errors. The loop belongs to the caller.
//
//     auto optimizer = differential_evolution()({.dimension = 3, .batch = 60, .rounds = 30, .seed = 1});
//     for (int round = 0; round < 30; ++round) {
//         const Candidates candidates = optimizer->ask(60);
//         optimizer->tell(candidates.ids, errors_of(candidates.points));
//     }
//     const auto best = optimizer->recommend();
//
// Points live in the unit cube (parameter_space.hpp maps them to values). An optimiser knows nothing about neurons.
//
// What every optimiser promises:
//   * errors may be told in any order, in parts, late, or never; the order within one call does not matter;
//   * points that it did not ask for (an earlier run, a user's guess) may be told too;
//   * an error that is NaN or infinite ranks last and never enters arithmetic;
//   * the unit of the error changes nothing: the same points to the last bit if all errors are scaled. Methods use ranks
//     or normalised errors (error_scale.hpp, error_warping.hpp);
//   * the same seed and the same asks and tells give the same points; so does any split of a batch into several
//     asks and tells, as far as a generation of the method is not exceeded;
//   * save_state and load_state continue bit for bit: the settings, the seed and a journal of what was told are the whole
//     state, since everything else follows from them.
//
// Several errors per point (a Pareto front is wanted): tell them as rows of an array. Methods for one error take their sum.
//
// To write an optimiser of one's own, either hand a class with `ask` and `tell` to own_optimizer.hpp, or derive from
// Optimizer and write `propose` and `learn`. Ids, bookkeeping of open candidates, the journal, checks and the best point
// are done here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/core/checksum.hpp"

namespace spikesmith {

// Points to be evaluated. Row r of `points` (in the unit cube) has the id `ids[r]`. Ids count from 0 in the order of
// asking.
struct Candidates {
    std::vector<std::uint64_t> ids;
    Array2 points;
};

// A point with its finite error.
struct Recommendation {
    std::vector<double> point;
    double error = 0;
};

class Optimizer {
  public:
    Optimizer(const Optimizer&) = delete;
    Optimizer& operator=(const Optimizer&) = delete;
    virtual ~Optimizer();

    [[nodiscard]] virtual std::string name() const = 0;  // "differential_evolution", ...
    [[nodiscard]] std::size_t dimension() const { return dimension_; }

    // `n` new points.
    [[nodiscard]] Candidates ask(std::size_t n);

    // Errors of asked points. Throws ConfigError if the lengths differ, an id was never asked, or was told before.
    void tell(std::span<const std::uint64_t> ids, std::span<const double> errors);
    // Several errors of each point: one row of `errors` per id, the same number of columns in every call.
    void tell(std::span<const std::uint64_t> ids, const Array2& errors);

    // Errors of points from elsewhere: rows of `points`, inside the unit cube. Throws ConfigError if they do not fit.
    void tell_foreign(const Array2& points, std::span<const double> errors);
    void tell_foreign(const Array2& points, const Array2& errors);

    // The point with the smallest error (sum of several) that was told (the earliest of equal ones); nothing before the
    // first finite error.
    [[nodiscard]] const std::optional<Recommendation>& recommend() const { return best_; }

    [[nodiscard]] std::uint64_t asked() const { return next_id_; }  // points asked so far
    [[nodiscard]] std::size_t open() const { return n_open_; }      // asked and not told

    // The whole state as text (versioned, numbers exact): a journal that load_state replays. load_state needs a fresh
    // optimiser made with the same options and setting; it throws DataError for a text that is damaged or of another
    // method, version, dimension, seed or option, after which the optimiser must not be used.
    [[nodiscard]] std::string save_state() const;
    void load_state(std::string_view text);

  protected:
    explicit Optimizer(std::size_t dimension);  // throws ConfigError for 0

    // A told point. `error` is finite or +infinity (for anything that was not finite).
    struct Told {
        static constexpr std::uint64_t foreign = ~std::uint64_t{0};
        std::uint64_t id = foreign;
        std::span<const double> point;
        double error = 0;                    // the sum of `objectives`
        std::span<const double> objectives;  // all finite, or all +infinity
    };

    // Fills the rows of `points`; row r will have the id first_id + r.
    virtual void propose(std::uint64_t first_id, Array2& points) = 0;
    // Learns from told points, sorted by id; foreign ones come in calls of their own, in the order told. The spans are
    // valid during the call only.
    virtual void learn(std::span<const Told> told) = 0;

  private:
    // Points of one ask, kept until all are told.
    struct Asked {
        std::uint64_t first_id = 0;
        Array2 points;
        std::vector<bool> told;
        std::size_t n_open = 0;
    };
    // What happened, in order.
    struct Event {
        enum class Kind : std::uint8_t { asked, told, foreign } kind = Kind::asked;
        std::uint64_t first = 0;         // asked, told with consecutive ids: the first id
        std::size_t count = 0;           // points
        std::vector<std::uint64_t> ids;  // told: empty if consecutive
        Array2 errors;                   // told, foreign
        Array2 points;                   // foreign
    };

    void note_best(const Told& told, std::uint64_t order);
    [[nodiscard]] Asked* find_asked(std::uint64_t id);
    void check_errors(std::size_t points, const Array2& errors);

    std::size_t dimension_;
    std::uint64_t next_id_ = 0;
    std::size_t n_open_ = 0;
    std::size_t n_objectives_ = 0;  // 0: nothing told yet
    std::vector<Asked> asked_;      // increasing first_id
    std::vector<Event> journal_;
    Checksum points_checksum_;  // of all asked points: a replay must give the same
    std::optional<Recommendation> best_;
    std::uint64_t best_order_ = 0;
};

// What is known of a search before it begins.
struct SearchSetting {
    std::size_t dimension = 0;
    std::size_t batch = 0;   // points per ask as planned; 0: unknown
    std::size_t rounds = 0;  // asks as planned; 0: unknown
    std::uint64_t seed = 0;
    std::size_t objectives = 1;  // errors per point

    // Evaluations as planned; 0: unknown.
    [[nodiscard]] std::size_t budget() const { return batch * rounds; }
};

// How to make an optimiser: what options such as `FitOptions::optimizer` hold, so that the same choice serves any
// problem.
struct OptimizerChoice {
    std::string description;  // method and its settings, in one line; equal choices have equal descriptions
    std::function<std::unique_ptr<Optimizer>(const SearchSetting&)> make;
    bool multi_objective = false;  // looks for a Pareto front

    [[nodiscard]] std::unique_ptr<Optimizer> operator()(const SearchSetting& setting) const { return make(setting); }
};

}  // namespace spikesmith
