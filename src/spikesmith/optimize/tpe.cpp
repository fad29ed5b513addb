#include "spikesmith/optimize/tpe.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
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
          seed_(setting.seed),
          design_(sobol_design(setting.dimension, setting.seed)),
          bad_(setting.dimension) {}

    [[nodiscard]] std::string name() const override { return "tpe"; }

  protected:
    void propose(std::uint64_t first_id, Array2& points) override {
        for (std::size_t r = 0; r < points.rows; ++r) {
            const auto point = points.row(r);
            if (observations_.size() < options_.n_startup_jobs) {
                design_.point(n_designed_++, point);
            } else {
                if (stale_) divide();
                choose(first_id + r, point);
            }
            open_.push_back({first_id + r, {point.begin(), point.end()}, 0});
            if (!stale_) note_bad(point);
        }
    }

    void learn(std::span<const Told> told) override {
        for (const Told& answer : told) {
            // sorted by id, so that the order of answers does not matter; foreign ones last
            const auto place = std::ranges::upper_bound(observations_, answer.id, {}, &Observation::id);
            observations_.insert(place, {answer.id, {answer.point.begin(), answer.point.end()}, answer.error});
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
        const std::size_t n = observations_.size();
        const double wanted = std::ceil(options_.gamma * std::sqrt(static_cast<double>(n)));
        const std::size_t n_good = std::min({most_good, n, static_cast<std::size_t>(std::min(wanted, 1e6))});
        std::vector<std::size_t> order(n);
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::ranges::sort(order, {}, [&](std::size_t k) { return std::pair(observations_[k].error, k); });
        std::vector<char> is_good(n, 0);
        for (std::size_t k = 0; k < n_good; ++k) is_good[order[k]] = 1;

        good_.clear();
        for (std::size_t j = 0; j < dimension(); ++j) {
            std::vector<double> numbers;
            for (std::size_t k = 0; k < n; ++k) {
                if (is_good[k] != 0) numbers.push_back(observations_[k].point[j]);
            }
            good_.push_back(parzen_estimator(numbers, options_.prior_weight, options_.linear_forgetting));
        }
        for (auto& numbers : bad_) numbers.clear();
        for (std::size_t k = 0; k < n; ++k) {
            if (is_good[k] == 0) note_bad(observations_[k].point);
        }
        for (const Observation& open : open_) note_bad(open.point);
    }

    void note_bad(std::span<const double> point) {
        for (std::size_t j = 0; j < dimension(); ++j) bad_[j].push_back(point[j]);
    }

    void choose(std::uint64_t id, std::span<double> point) const {
        math::RandomStream random(seed_, id);
        for (std::size_t j = 0; j < dimension(); ++j) {
            const std::size_t used = std::min(bad_[j].size(), options_.max_points);
            const ParzenEstimator bad =
                parzen_estimator(std::span(bad_[j]).last(used), options_.prior_weight, options_.linear_forgetting);
            double best = 0;
            for (std::size_t k = 0; k < options_.n_EI_candidates; ++k) {
                const double x = good_[j].sample(random);
                const double score = good_[j].log_density(x) - bad.log_density(x);
                if (k > 0 && !(score > best)) continue;
                best = score;
                point[j] = x;
            }
        }
    }

    TpeOptions options_;
    std::uint64_t seed_;
    Design design_;
    std::uint64_t n_designed_ = 0;
    std::vector<Observation> observations_;  // by id, foreign ones last in the order told
    std::vector<Observation> open_;          // by id, without errors
    bool stale_ = true;                      // something was told since the division
    std::vector<ParzenEstimator> good_;      // of each parameter
    std::vector<std::vector<double>> bad_;   // of each parameter, in the order of time
};

}  // namespace

OptimizerChoice tpe(TpeOptions options) {
    const auto require = [](bool fine, std::string_view what, auto value) {
        if (!fine) throw ConfigError(fmt::format("TPE: {}, not {}", what, value));
    };
    require(options.n_startup_jobs >= 1, "n_startup_jobs must be at least 1", options.n_startup_jobs);
    require(options.n_EI_candidates >= 1 && options.n_EI_candidates <= 10'000, "n_EI_candidates must be in [1, 10000]",
            options.n_EI_candidates);
    require(options.gamma > 0 && std::isfinite(options.gamma), "gamma must be positive", options.gamma);
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
    visit.count("n_EI_candidates", options.n_EI_candidates);
    visit.real("gamma", options.gamma);
    visit.real("prior_weight", options.prior_weight);
    visit.count("linear_forgetting", options.linear_forgetting);
    visit.count("max_points", options.max_points);
}

}  // namespace spikesmith
