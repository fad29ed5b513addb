#include "spikesmith/optimize/tpe.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/math/logarithm.hpp"
#include "spikesmith/math/random_stream.hpp"
#include "spikesmith/optimize/designs.hpp"
#include "spikesmith/optimize/parzen.hpp"

namespace spikesmith {

namespace {

constexpr std::size_t most_good = 25;

struct Observation {
    std::uint64_t id;
    std::vector<double> point;
    double error;
};

class TreeParzenEstimator final : public Optimizer {
  public:
    TreeParzenEstimator(const TpeOptions& options, const SearchSetting& setting)
        : Optimizer(setting.dimension),
          options_(options),
          parzen_{.prior_weight = options.prior_weight,
                  .remembered = options.linear_forgetting,
                  .narrowest = options.narrowest},
          seed_(setting.seed),
          design_(options.start == TpeStart::sobol ? sobol_design(setting.dimension, setting.seed)
                                                   : random_design(setting.dimension, setting.seed)) {}

    [[nodiscard]] std::string name() const override { return "tpe"; }

  protected:
    void propose(std::uint64_t first_id, Array2& points) override {
        for (std::size_t r = 0; r < points.rows; ++r) {
            const auto point = points.row(r);
            if (n_known_ < options_.n_startup_jobs) {
                design_.point(n_designed_++, point);
            } else {
                if (stale_) divide();
                choose(first_id + r, point);
            }
            if (options_.unknown == TpeUnknown::ignored) continue;
            open_.push_back({first_id + r, {point.begin(), point.end()}, 0});
            if (!stale_) bad_.push_back(open_.back().point);
        }
    }

    void learn(std::span<const Told> told) override {
        for (const Told& answer : told) {
            // sorted by id, so that the order of answers does not matter; foreign ones last
            const auto place = std::ranges::upper_bound(observations_, answer.id, {}, &Observation::id);
            observations_.insert(place, {answer.id, {answer.point.begin(), answer.point.end()}, answer.error});
            if (options_.unknown == TpeUnknown::bad || std::isfinite(answer.error)) ++n_known_;
            if (answer.id == Told::foreign) continue;
            const auto open = std::ranges::lower_bound(open_, answer.id, {}, &Observation::id);
            if (open != open_.end() && open->id == answer.id) open_.erase(open);
        }
        stale_ = true;
    }

  private:
    // Divides what is known into good and bad points.
    void divide() {
        stale_ = false;
        std::vector<const Observation*> known;
        for (const Observation& observation : observations_) {
            if (options_.unknown == TpeUnknown::bad || std::isfinite(observation.error)) known.push_back(&observation);
        }
        const std::size_t n = known.size();
        const double gamma = options_.gamma.value_or(options_.split == TpeSplit::share ? 0.1 : 0.25);
        const std::size_t n_good = tpe_good_points(options_.split, gamma, n);
        std::vector<std::size_t> order(n);
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::ranges::sort(order, {}, [&](std::size_t k) { return std::pair(known[k]->error, k); });
        std::vector<std::size_t> place(n, n);  // among the good ones
        for (std::size_t k = 0; k < n_good; ++k) place[order[k]] = k;
        const std::vector<double> by_place = weights_by_place(n_good);

        Array2 good(n_good, dimension());
        importance_.clear();
        bad_.clear();
        std::size_t row = 0;
        for (std::size_t k = 0; k < n; ++k) {
            if (place[k] == n) {
                bad_.push_back(known[k]->point);
            } else {
                std::ranges::copy(known[k]->point, good.row(row++).begin());
                importance_.push_back(by_place[place[k]]);
            }
        }
        for (const Observation& open : open_) bad_.push_back(open.point);
        if (options_.joint) {
            good_together_ = joint_parzen_estimator(good, parzen_, importance_);
            return;
        }
        good_.clear();
        for (std::size_t j = 0; j < dimension(); ++j)
            good_.push_back(parzen_estimator(column(good, j), parzen_, importance_));
    }

    // Of the good points, the best first; of mean 1.
    [[nodiscard]] std::vector<double> weights_by_place(std::size_t n_good) const {
        std::vector<double> weights(n_good, 1.0);
        if (options_.weights == TpeWeights::equal) return weights;
        const auto log = [](double x) { return math::log(math::ScalarOperations<double>(), x); };
        const double last = log(static_cast<double>(n_good) + 0.5);
        for (std::size_t k = 0; k < n_good; ++k) weights[k] = last - log(static_cast<double>(k + 1));
        const double mean = std::accumulate(weights.begin(), weights.end(), 0.0) / static_cast<double>(n_good);
        for (double& weight : weights) weight /= mean;
        return weights;
    }

    static std::vector<double> column(const Array2& points, std::size_t j) {
        std::vector<double> numbers;
        for (std::size_t r = 0; r < points.rows; ++r) numbers.push_back(points(r, j));
        return numbers;
    }

    // The latest bad points.
    [[nodiscard]] Array2 used_bad() const {
        const std::size_t used = std::min(bad_.size(), options_.max_points);
        Array2 points(used, dimension());
        for (std::size_t r = 0; r < used; ++r) std::ranges::copy(bad_[bad_.size() - used + r], points.row(r).begin());
        return points;
    }

    void choose(std::uint64_t id, std::span<double> point) const {
        math::RandomStream random(seed_, id);
        const Array2 bad = used_bad();
        double best = 0;
        if (options_.joint) {
            const JointParzenEstimator others = joint_parzen_estimator(bad, parzen_);
            std::vector<double> candidate(dimension());
            for (std::size_t k = 0; k < options_.n_EI_candidates; ++k) {
                good_together_.sample(random, candidate);
                const double score = good_together_.log_density(candidate) - others.log_density(candidate);
                if (k > 0 && !(score > best)) continue;
                best = score;
                std::ranges::copy(candidate, point.begin());
            }
            return;
        }
        for (std::size_t j = 0; j < dimension(); ++j) {
            const ParzenEstimator others = parzen_estimator(column(bad, j), parzen_);
            for (std::size_t k = 0; k < options_.n_EI_candidates; ++k) {
                const double x = good_[j].sample(random);
                const double score = good_[j].log_density(x) - others.log_density(x);
                if (k > 0 && !(score > best)) continue;
                best = score;
                point[j] = x;
            }
        }
    }

    TpeOptions options_;
    ParzenSettings parzen_;
    std::uint64_t seed_;
    Design design_;
    std::uint64_t n_designed_ = 0;
    std::size_t n_known_ = 0;                // told points that count
    std::vector<Observation> observations_;  // by id, foreign ones last in the order told
    std::vector<Observation> open_;          // by id, without errors
    bool stale_ = true;                      // something was told since the division
    std::vector<double> importance_;         // of the good points
    std::vector<ParzenEstimator> good_;      // of each parameter
    JointParzenEstimator good_together_;     // of all
    std::vector<std::vector<double>> bad_;   // in the order of time
};

constexpr std::array<OptionWord<TpeSplit>, 2> splits{{{"share", TpeSplit::share}, {"root", TpeSplit::root}}};
constexpr std::array<OptionWord<TpeWeights>, 2> weightings{{{"rank", TpeWeights::rank}, {"equal", TpeWeights::equal}}};
constexpr std::array<OptionWord<TpeStart>, 2> starts{{{"sobol", TpeStart::sobol}, {"random", TpeStart::random}}};
constexpr std::array<OptionWord<TpeUnknown>, 2> unknowns{{{"bad", TpeUnknown::bad}, {"ignored", TpeUnknown::ignored}}};

}  // namespace

std::size_t tpe_good_points(TpeSplit split, double gamma, std::size_t n) {
    const auto count = static_cast<double>(n);
    const double wanted = std::ceil(gamma * (split == TpeSplit::share ? count : std::sqrt(count)));
    return std::min({most_good, n, static_cast<std::size_t>(std::min(wanted, 1e6))});
}

TpeOptions classic_tpe() {
    return {.n_startup_jobs = 20,
            .start = TpeStart::random,
            .split = TpeSplit::root,
            .weights = TpeWeights::equal,
            .narrowest = 0,
            .joint = false,
            .unknown = TpeUnknown::ignored};
}

OptimizerChoice tpe(TpeOptions options) {
    const auto require = [](bool fine, std::string_view what, auto value) {
        if (!fine) throw ConfigError(fmt::format("TPE: {}, not {}", what, value));
    };
    require(options.n_startup_jobs >= 1, "n_startup_jobs must be at least 1", options.n_startup_jobs);
    require(options.n_EI_candidates >= 1 && options.n_EI_candidates <= 10'000, "n_EI_candidates must be in [1, 10000]",
            options.n_EI_candidates);
    const double gamma = options.gamma.value_or(1);
    require(gamma > 0 && std::isfinite(gamma), "gamma must be positive", gamma);
    require(options.narrowest >= 0 && options.narrowest < 1, "narrowest must be in [0, 1)", options.narrowest);
    require(options.prior_weight > 0 && std::isfinite(options.prior_weight), "prior_weight must be positive",
            options.prior_weight);
    require(options.linear_forgetting >= 1, "linear_forgetting must be at least 1", options.linear_forgetting);
    require(options.max_points >= 10, "max_points must be at least 10", options.max_points);
    std::string description = "tpe";
    if (const std::string settings = describe_options(options); !settings.empty()) description += ": " + settings;
    return {std::move(description), [options](const SearchSetting& setting) -> std::unique_ptr<Optimizer> {
                return std::make_unique<TreeParzenEstimator>(options, setting);
            }};
}

void visit_fields(OptionVisitor& visit, TpeOptions& options) {
    visit.count("n_startup_jobs", options.n_startup_jobs);
    visit.choice("start", options.start, starts);
    visit.count("n_EI_candidates", options.n_EI_candidates);
    visit.choice("split", options.split, splits);
    visit.real("gamma", options.gamma);
    visit.choice("weights", options.weights, weightings);
    visit.real("narrowest", options.narrowest);
    visit.flag("joint", options.joint);
    visit.real("prior_weight", options.prior_weight);
    visit.count("linear_forgetting", options.linear_forgetting);
    visit.count("max_points", options.max_points);
    visit.choice("unknown", options.unknown, unknowns);
}

}  // namespace spikesmith
