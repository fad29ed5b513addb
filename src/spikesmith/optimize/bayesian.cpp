#include "spikesmith/optimize/bayesian.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/math/random_stream.hpp"
#include "spikesmith/optimize/box_minimization.hpp"
#include "spikesmith/optimize/designs.hpp"
#include "spikesmith/optimize/gaussian_process.hpp"
#include "spikesmith/optimize/normal_numbers.hpp"
#include "spikesmith/optimize/surrogate.hpp"
#include "spikesmith/optimize/trust_region.hpp"

namespace spikesmith {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// Purposes of random streams; points are keyed by ids below.
constexpr std::uint64_t choice_streams = std::uint64_t{1} << 60;
constexpr std::uint64_t local_streams = std::uint64_t{2} << 60;
constexpr std::uint64_t seed_streams = std::uint64_t{3} << 60;

constexpr std::size_t most_failed = 100;       // failed points that a model sees, the latest
constexpr std::size_t most_open = 300;         // open points likewise
constexpr std::size_t most_refined = 100;      // open points beyond which candidates are not refined
constexpr std::size_t refined_candidates = 2;  // candidates from which the acquisition is climbed
constexpr std::size_t climbing_steps = 20;     // evaluations of each climb
constexpr double same_point = 1e-9;            // points nearer than this in every coordinate are not tried again
constexpr double smallest_improvement = 1e-3;  // of a trust region's success, in warped errors

struct Observation {
    std::uint64_t id;
    std::vector<double> point;
    double error;
};

struct OpenPoint {
    std::uint64_t id;
    std::vector<double> point;
};

double mirrored(double u) {
    u = std::fabs(std::fmod(u, 2.0));
    return u > 1 ? 2 - u : u;
}

Design initial_design(SpaceFilling kind, std::size_t dimension, std::size_t block, std::uint64_t seed) {
    switch (kind) {
        case SpaceFilling::latin_hypercube:
            return latin_hypercube_design(dimension, block, seed);
        case SpaceFilling::halton:
            return halton_design(dimension, seed);
        case SpaceFilling::random:
            return random_design(dimension, seed);
        case SpaceFilling::sobol:
            break;
    }
    return sobol_design(dimension, seed);
}

class BayesianOptimization final : public Optimizer {
  public:
    BayesianOptimization(const BayesianOptions& options, const SearchSetting& setting)
        : Optimizer(setting.dimension),
          options_(options),
          seed_(setting.seed),
          design_(initial_design(options.initial_point_generator, setting.dimension,
                                 std::max(options.n_initial_points, setting.batch), setting.seed)),
          region_(setting.dimension),
          low_(setting.dimension, 0.0),
          high_(setting.dimension, 1.0) {}

    [[nodiscard]] std::string name() const override { return "bayesian"; }

  protected:
    void propose(std::uint64_t first_id, Array2& points) override {
        for (std::size_t r = 0; r < points.rows; ++r) {
            const std::uint64_t id = first_id + r;
            if (stale_) prepare(id);
            if (surrogate_) {
                choose(id, points.row(r));
            } else {
                design_.point(n_designed_++, points.row(r));
            }
            open_.push_back({id, {points.row(r).begin(), points.row(r).end()}});
        }
    }

    void learn(std::span<const Told> told) override {
        for (const Told& answer : told) {
            // sorted by id, so that the order of answers does not matter
            const auto place = std::ranges::upper_bound(observations_, answer.id, {}, &Observation::id);
            observations_.insert(place, {answer.id, {answer.point.begin(), answer.point.end()}, answer.error});
            if (answer.id == Told::foreign) continue;
            const auto open = std::ranges::lower_bound(open_, answer.id, {}, &OpenPoint::id);
            if (open != open_.end() && open->id == answer.id) open_.erase(open);
        }
        stale_ = true;
    }

  private:
    // ------------------------------------------------------------------------------------------------------- a model

    // Makes the model of all that is known, or none while a design is due.
    void prepare(std::uint64_t id) {
        stale_ = false;
        surrogate_.reset();
        if (options_.trust_region) follow_trust_region(id);
        std::vector<std::size_t> finite;
        std::vector<std::size_t> failed;
        for (std::size_t k = 0; k < observations_.size(); ++k) {
            if (observations_[k].id < episode_first_) continue;
            (std::isfinite(observations_[k].error) ? finite : failed).push_back(k);
        }
        if (finite.size() + failed.size() < options_.n_initial_points || finite.size() < 2) return;

        std::vector<double> errors(finite.size());
        for (std::size_t k = 0; k < finite.size(); ++k) errors[k] = observations_[finite[k]].error;
        const std::vector<double> warped = warp_errors(errors, options_.warping);
        const std::vector<std::size_t> chosen = choose_data(finite, warped);
        SurrogateData data{Array2(chosen.size(), dimension()), std::vector<double>(chosen.size()), {}};
        for (std::size_t r = 0; r < chosen.size(); ++r) {
            std::ranges::copy(observations_[finite[chosen[r]]].point, data.points.row(r).begin());
            data.values[r] = warped[chosen[r]];
        }
        if (failed.size() > most_failed) failed.erase(failed.begin(), failed.end() - most_failed);
        data.failed = Array2(failed.size(), dimension());
        for (std::size_t r = 0; r < failed.size(); ++r) {
            std::ranges::copy(observations_[failed[r]].point, data.failed.row(r).begin());
        }
        make_surrogate(data, id);

        const auto [best, worst] = std::ranges::minmax_element(warped);
        smallest_ = *best;
        largest_ = *worst;
        if (options_.trust_region) {
            const auto& center = observations_[finite[static_cast<std::size_t>(best - warped.begin())]].point;
            region_.box(center, surrogate_->length_scales(), low_, high_);
        }
        std::vector<std::size_t> order(data.values.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::ranges::sort(order, {}, [&](std::size_t r) { return std::pair(data.values[r], r); });
        draw_candidates(id, data, order);
        lose_gains();
        const std::size_t first_open = open_.size() - std::min(open_.size(), most_open);
        for (std::size_t k = first_open; k < open_.size(); ++k) suppose(open_[k].point);
    }

    void make_surrogate(const SurrogateData& data, std::uint64_t id) {
        if (options_.base_estimator == BaseEstimator::gaussian_process) {
            // Hyper-parameters stay as they are until a twentieth of the errors is new.
            if (!kernel_ || observations_.size() >= fitted_at_ + std::max<std::size_t>(1, fitted_at_ / 20)) {
                KernelFitOptions fit;
                if (kernel_) fit.starts.push_back(*kernel_);
                fit.standard_start = !kernel_ || data.values.size() <= 150;
                fit.evaluations = data.values.size() <= 150 ? 50 : 20;
                kernel_ = fit_kernel(data.points, data.values, fit);
                fitted_at_ = observations_.size();
            }
            surrogate_ = gaussian_process_surrogate(data, *kernel_);
            return;
        }
        const TreeKind kind = options_.base_estimator == BaseEstimator::random_forest ? TreeKind::random_forest
                              : options_.base_estimator == BaseEstimator::extra_trees ? TreeKind::extra_trees
                                                                                      : TreeKind::gradient_boosting;
        surrogate_ = tree_surrogate(data, kind, seed_ ^ (seed_streams + id));
    }

    // Indices into `finite`: all, or the best, the latest, and of the others those farthest from the chosen.
    [[nodiscard]] std::vector<std::size_t> choose_data(const std::vector<std::size_t>& finite,
                                                       const std::vector<double>& warped) const {
        std::vector<std::size_t> order(finite.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        const std::size_t wanted = options_.max_points;
        if (finite.size() <= wanted) return order;
        std::vector<char> taken(finite.size(), 0);
        std::ranges::sort(order, {}, [&](std::size_t k) { return std::pair(warped[k], k); });
        std::size_t n = 0;
        for (; n < wanted * 2 / 5; ++n) taken[order[n]] = 1;
        for (std::size_t k = finite.size(); k-- > 0 && n < wanted * 3 / 5;) {
            if (taken[k] == 0) {
                taken[k] = 1;
                ++n;
            }
        }
        std::vector<double> nearest(finite.size(), infinity);  // squared distance from the chosen
        const auto approach = [&](std::size_t chosen) {
            const auto& x = observations_[finite[chosen]].point;
            for (std::size_t k = 0; k < finite.size(); ++k) {
                if (taken[k] != 0) continue;
                const auto& y = observations_[finite[k]].point;
                double square = 0;
                for (std::size_t j = 0; j < x.size(); ++j) square += (x[j] - y[j]) * (x[j] - y[j]);
                nearest[k] = std::min(nearest[k], square);
            }
        };
        for (std::size_t k = 0; k < finite.size(); ++k) {
            if (taken[k] != 0) approach(k);
        }
        for (; n < wanted; ++n) {
            std::size_t farthest = finite.size();
            for (std::size_t k = 0; k < finite.size(); ++k) {
                if (taken[k] == 0 && (farthest == finite.size() || nearest[k] > nearest[farthest])) farthest = k;
            }
            taken[farthest] = 1;
            approach(farthest);
        }
        std::vector<std::size_t> chosen;
        for (std::size_t k = 0; k < finite.size(); ++k) {
            if (taken[k] != 0) chosen.push_back(k);
        }
        return chosen;
    }

    void follow_trust_region(std::uint64_t id) {
        std::vector<double> errors;
        double now = infinity;
        for (const Observation& o : observations_) {
            if (o.id < episode_first_) continue;
            if (std::isfinite(o.error)) errors.push_back(o.error);
            now = std::min(now, o.error);
        }
        const double before = region_best_;
        const std::size_t n_new = observations_.size() - region_seen_;
        region_seen_ = observations_.size();
        region_best_ = now;
        if (!std::isfinite(before) || errors.size() < options_.n_initial_points) return;
        errors.push_back(before);
        const std::vector<double> warped = warp_errors(errors, options_.warping);
        region_.note(warped.back() - *std::ranges::min_element(warped) > smallest_improvement, n_new);
        if (!region_.exhausted()) return;
        region_ = TrustRegion(dimension());
        region_best_ = infinity;
        episode_first_ = id;
        kernel_.reset();
    }

    // ---------------------------------------------------------------------------------------------------- candidates

    // Half of them fill the box, half lie round the best points at all distances. `order`: rows of the data from the best.
    void draw_candidates(std::uint64_t id, const SurrogateData& data, const std::vector<std::size_t>& order) {
        const std::size_t n =
            options_.candidates != 0 ? options_.candidates : std::min<std::size_t>(500 + 100 * dimension(), 2000);
        candidates_ = Array2(n, dimension());
        used_.assign(n, 0);
        const Design filling = sobol_design(dimension(), seed_ ^ (seed_streams + id));
        const std::size_t n_filling = n / 2;
        math::RandomStream random(seed_, local_streams + id);
        const auto scales = surrogate_->length_scales();
        const double share = std::min(1.0, 20 / static_cast<double>(dimension()));  // of the coordinates that move
        for (std::size_t r = 0; r < n; ++r) {
            const auto point = candidates_.row(r);
            if (r < n_filling) {
                filling.point(r, point);
                for (std::size_t j = 0; j < point.size(); ++j) point[j] = low_[j] + point[j] * (high_[j] - low_[j]);
                continue;
            }
            const std::size_t from = order[random.next_index(std::min<std::size_t>(order.size(), 5))];
            const double distance = std::pow(10.0, -4 * random.next_uniform());
            const std::size_t forced = random.next_index(dimension());
            for (std::size_t j = 0; j < point.size(); ++j) {
                const bool moves = j == forced || random.next_uniform() < share;
                const double scale = 0.5 * std::min(scales[j], 1.0) * distance;
                const double step = moves ? scale * normal_quantile(random.next_uniform()) : 0.0;
                point[j] =
                    std::clamp(mirrored(data.points(from, j) + (std::isfinite(step) ? step : 0.0)), low_[j], high_[j]);
            }
        }
        surrogate_->watch(candidates_);
    }

    [[nodiscard]] Acquisition acquisition(AcquisitionRule rule) const {
        return {rule, smallest_, options_.xi, options_.kappa};
    }

    // -infinity for candidates that cannot be chosen.
    [[nodiscard]] std::vector<double> candidate_scores(const Acquisition& acquisition) const {
        const auto means = surrogate_->watched_means();
        const auto deviations = surrogate_->watched_deviations();
        std::vector<double> scores(candidates_.rows);
        for (std::size_t r = 0; r < scores.size(); ++r) {
            scores[r] = used_[r] != 0 ? -infinity : score(acquisition, {means[r], deviations[r]}).value;
        }
        return scores;
    }

    // -------------------------------------------------------------------------------------------------------- choice

    void lose_gains() {
        if (options_.acq_func != AcquisitionRule::gp_hedge) return;
        for (std::size_t k = 0; k < nominees_.size(); ++k) hedge_.lose(k, surrogate_->predict(nominees_[k]).mean);
        nominees_.clear();
        for (const AcquisitionRule rule : HedgedChoice::rules) {
            const auto scores = candidate_scores(acquisition(rule));
            const auto row =
                candidates_.row(static_cast<std::size_t>(std::ranges::max_element(scores) - scores.begin()));
            nominees_.emplace_back(row.begin(), row.end());
        }
    }

    void suppose(std::span<const double> point) {
        switch (options_.strategy) {
            case OpenPointRule::believer:
                return surrogate_->believe(point, std::nullopt);
            case OpenPointRule::minimum:
                return surrogate_->believe(point, smallest_);
            case OpenPointRule::mean:
                return surrogate_->believe(point, 0.0);  // warped errors have mean 0
            case OpenPointRule::maximum:
                return surrogate_->believe(point, largest_);
        }
    }

    void choose(std::uint64_t id, std::span<double> point) {
        AcquisitionRule rule = options_.acq_func;
        if (rule == AcquisitionRule::gp_hedge) {
            rule = hedge_.choose(math::RandomStream(seed_, choice_streams + id).next_uniform());
        }
        const Acquisition by = acquisition(rule);
        std::vector<double> scores = candidate_scores(by);
        const std::size_t starts = !surrogate_->smooth() || open_.size() > most_refined ? 0 : refined_candidates;
        std::vector<double> best;
        double best_score = -infinity;
        for (std::size_t tried = 0; tried < std::max<std::size_t>(starts, 1) || best.empty(); ++tried) {
            const auto top = static_cast<std::size_t>(std::ranges::max_element(scores) - scores.begin());
            if (scores[top] == -infinity) break;
            const auto row = candidates_.row(top);
            std::vector<double> found(row.begin(), row.end());
            double found_score = scores[top];
            if (tried < starts) climb(by, found, found_score);
            scores[top] = -infinity;
            if (is_known(found)) {
                found.assign(row.begin(), row.end());
                found_score = candidate_score(by, top);
                used_[top] = is_known(found) ? 1 : 0;
                if (used_[top] != 0) continue;
            }
            if (best.empty() || found_score > best_score) {
                best = std::move(found);
                best_score = found_score;
            }
        }
        if (best.empty()) {  // all candidates are taken
            best.resize(dimension());
            design_.point(n_designed_++, best);
        }
        std::ranges::copy(best, point.begin());
        suppose(point);
    }

    [[nodiscard]] double candidate_score(const Acquisition& by, std::size_t r) const {
        return score(by, {surrogate_->watched_means()[r], surrogate_->watched_deviations()[r]}).value;
    }

    void climb(const Acquisition& by, std::vector<double>& point, double& point_score) const {
        std::vector<double> mean_gradient(dimension());
        std::vector<double> deviation_gradient(dimension());
        const DifferentiableFunction minus_score = [&](std::span<const double> x, std::span<double> gradient) {
            const AcquisitionScore s = score(by, surrogate_->predict(x, mean_gradient, deviation_gradient));
            for (std::size_t j = 0; j < x.size(); ++j) {
                gradient[j] = -(s.by_mean * mean_gradient[j] + s.by_deviation * deviation_gradient[j]);
            }
            return -s.value;
        };
        BoxMinimum found = minimize_smooth_in_box(
            minus_score, point, low_, high_,
            {.evaluations = climbing_steps, .first_step = 0.02, .gradient_tolerance = 1e-6, .value_tolerance = 1e-8});
        if (!(-found.value > point_score)) return;
        point = std::move(found.point);
        point_score = -found.value;
    }

    [[nodiscard]] bool is_known(std::span<const double> point) const {
        const auto same = [&](const auto& other) {
            for (std::size_t j = 0; j < point.size(); ++j) {
                if (std::fabs(other.point[j] - point[j]) > same_point) return false;
            }
            return true;
        };
        return std::ranges::any_of(observations_, same) || std::ranges::any_of(open_, same);
    }

    BayesianOptions options_;
    std::uint64_t seed_;
    Design design_;
    std::uint64_t n_designed_ = 0;

    std::vector<Observation> observations_;  // by id, foreign ones last in the order told
    std::vector<OpenPoint> open_;            // by id
    bool stale_ = true;                      // something was told since the model was made

    std::unique_ptr<Surrogate> surrogate_;  // none while the design is due
    std::optional<GaussianProcessKernel> kernel_;
    std::size_t fitted_at_ = 0;  // observations when the kernel was fitted
    Array2 candidates_;
    std::vector<char> used_;  // candidates that coincide with known points
    double smallest_ = 0;     // warped errors
    double largest_ = 0;
    HedgedChoice hedge_;
    std::vector<std::vector<double>> nominees_;  // what each rule of `hedge_` would choose first

    TrustRegion region_;
    double region_best_ = infinity;
    std::size_t region_seen_ = 0;
    std::uint64_t episode_first_ = 0;  // id of the first point of the present trust region
    std::vector<double> low_;          // the box that is searched
    std::vector<double> high_;
};

constexpr std::array<OptionWord<BaseEstimator>, 4> base_estimators{{{"GP", BaseEstimator::gaussian_process},
                                                                    {"RF", BaseEstimator::random_forest},
                                                                    {"ET", BaseEstimator::extra_trees},
                                                                    {"GBRT", BaseEstimator::gradient_boosting}}};
constexpr std::array<OptionWord<SpaceFilling>, 4> generators{{{"sobol", SpaceFilling::sobol},
                                                              {"lhs", SpaceFilling::latin_hypercube},
                                                              {"halton", SpaceFilling::halton},
                                                              {"random", SpaceFilling::random}}};
constexpr std::array<OptionWord<AcquisitionRule>, 4> acquisition_rules{
    {{"gp_hedge", AcquisitionRule::gp_hedge},
     {"EI", AcquisitionRule::expected_improvement},
     {"PI", AcquisitionRule::probability_of_improvement},
     {"LCB", AcquisitionRule::lower_confidence_bound}}};
constexpr std::array<OptionWord<OpenPointRule>, 4> strategies{{{"believer", OpenPointRule::believer},
                                                               {"cl_min", OpenPointRule::minimum},
                                                               {"cl_mean", OpenPointRule::mean},
                                                               {"cl_max", OpenPointRule::maximum}}};
constexpr std::array<OptionWord<ErrorWarping>, 2> warpings{
    {{"log", ErrorWarping::logarithmic}, {"none", ErrorWarping::none}}};

void check(const BayesianOptions& options) {
    const auto require = [](bool fine, std::string_view what, auto value) {
        if (!fine) throw ConfigError(fmt::format("Bayesian optimisation: {}, not {}", what, value));
    };
    require(options.n_initial_points >= 2, "n_initial_points must be at least 2", options.n_initial_points);
    require(options.xi >= 0 && std::isfinite(options.xi), "xi must be at least 0", options.xi);
    require(options.kappa >= 0 && std::isfinite(options.kappa), "kappa must be at least 0", options.kappa);
    require(options.max_points >= 10 && options.max_points <= 2000, "max_points must be in [10, 2000]",
            options.max_points);
    require(options.candidates <= 100'000, "candidates must be at most 100000", options.candidates);
}

}  // namespace

OptimizerChoice bayesian(BayesianOptions options) {
    check(options);
    std::string description = "bayesian";
    if (const std::string settings = describe_options(options); !settings.empty()) description += ": " + settings;
    return {std::move(description), [options](const SearchSetting& setting) -> std::unique_ptr<Optimizer> {
                return std::make_unique<BayesianOptimization>(options, setting);
            }};
}

void visit_fields(OptionVisitor& visit, BayesianOptions& options) {
    visit.choice("base_estimator", options.base_estimator, base_estimators);
    visit.count("n_initial_points", options.n_initial_points);
    visit.choice("initial_point_generator", options.initial_point_generator, generators);
    visit.choice("acq_func", options.acq_func, acquisition_rules);
    visit.real("xi", options.xi);
    visit.real("kappa", options.kappa);
    visit.choice("strategy", options.strategy, strategies);
    visit.choice("warping", options.warping, warpings);
    visit.flag("trust_region", options.trust_region);
    visit.count("max_points", options.max_points);
    visit.count("candidates", options.candidates);
}

}  // namespace spikesmith
