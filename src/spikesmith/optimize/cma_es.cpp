#include "spikesmith/optimize/cma_es.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/math/exponential.hpp"
#include "spikesmith/math/logarithm.hpp"
#include "spikesmith/math/random_stream.hpp"
#include "spikesmith/optimize/cma_distribution.hpp"
#include "spikesmith/optimize/designs.hpp"
#include "spikesmith/optimize/smooth_bounds.hpp"

namespace spikesmith {

namespace {

using Eigen::Index;
using Eigen::VectorXd;

constexpr std::uint64_t run_streams = std::uint64_t{1} << 60;  // purposes of random streams; points use those below

constexpr std::size_t smallest_population = 4;
constexpr std::size_t diagonal_above = 200;   // dimensions
constexpr std::size_t best_first_points = 3;  // the search starts at their mean
constexpr std::size_t rounds_for_two_designs = 20;
constexpr double settled = 1e-12;          // differences of errors relative to the errors
constexpr double resolution = 0x1p-54;     // of coordinates: half a unit in the last place at 1/2
constexpr double largest_deviation = 1.0;  // of a coordinate
constexpr double plateau_growth = 1.2;     // of the step where the better points are equal
constexpr double restart_step = 2;         // first step of restarts relative to that of the first search
constexpr double useful_share = 0.5;       // of the generations of a search, after which it is near its minimum
constexpr std::size_t most_failures = 5;   // generations without any error until the search moves elsewhere

// Points told since the last generation ended.
struct Pool {
    struct Entry {
        double error = 0;
        std::uint64_t id = 0;  // foreign points last
        std::size_t row = 0;   // of `y`
        double squared_length = CmaPoint::from_elsewhere;
    };
    std::vector<Entry> entries;
    std::vector<double> y;  // one row per point, in the order of telling

    void add(std::span<const double> row, double error, std::uint64_t id, double squared_length) {
        entries.push_back({error, id, entries.size(), squared_length});
        y.insert(y.end(), row.begin(), row.end());
    }
    // From best to worst.
    void rank() {
        std::ranges::sort(entries, [](const Entry& a, const Entry& b) {
            return std::tuple(a.error, a.id, a.row) < std::tuple(b.error, b.id, b.row);
        });
    }
    [[nodiscard]] std::span<const double> row(const Entry& entry, std::size_t dimension) const {
        return std::span(y).subspan(entry.row * dimension, dimension);
    }
    void clear() {
        entries.clear();
        y.clear();
    }
};

double median(std::span<const double> values) {
    std::vector<double> copy(values.begin(), values.end());
    const auto middle = copy.begin() + static_cast<std::ptrdiff_t>(copy.size() / 2);
    std::ranges::nth_element(copy, middle);
    return *middle;
}

double power(double base, double exponent) {
    return math::pow(math::ScalarOperations<double>(), base, exponent);
}

class CmaEs final : public Optimizer {
  public:
    CmaEs(const CmaEsOptions& options, const SearchSetting& setting)
        : Optimizer(setting.dimension),
          options_(options),
          seed_(setting.seed),
          batch_(std::max<std::size_t>(setting.batch, 1)),
          budget_(setting.budget()),
          diagonal_(options.covariance == CmaCovariance::diagonal ||
                    (options.covariance == CmaCovariance::automatic && setting.dimension > diagonal_above)),
          first_population_(whole_batches(usual_population(options, setting))),
          population_(first_population_),
          first_points_(latin_hypercube_design(setting.dimension, first_population_, setting.seed)),
          n_first_points_(first_population_ * (setting.rounds >= rounds_for_two_designs ? 2 : 1)),
          distribution_(VectorXd::Constant(static_cast<Index>(setting.dimension), 0.5), options.step, diagonal_,
                        options.active) {
        if (options.start.empty()) return;
        if (options.start.size() != dimension()) {
            throw ConfigError(
                fmt::format("the start has {} coordinates instead of {}", options.start.size(), dimension()));
        }
        VectorXd mean(static_cast<Index>(dimension()));
        std::ranges::transform(options.start, mean.begin(), smooth_bounds::from_unit);
        begin_run(mean, options.step);
    }

    [[nodiscard]] std::string name() const override { return "cma_es"; }

  protected:
    void propose(std::uint64_t first_id, Array2& points) override {
        for (std::size_t r = 0; r < points.rows; ++r) {
            const auto point = points.row(r);
            if (designing_) {
                first_points_.point(first_id + r, point);
                continue;
            }
            math::RandomStream random(seed_, first_id + r);
            const std::size_t at = drawn_.size();
            drawn_.resize(at + dimension());
            const auto y = std::span(drawn_).subspan(at);
            squared_lengths_.push_back(distribution_.sample(random, y));
            std::ranges::transform(y, point.begin(), smooth_bounds::to_unit);
        }
    }

    void learn(std::span<const Told> told) override {
        for (const Told& answer : told) {
            if (answer.id == Told::foreign) {
                add_from_elsewhere(foreign_, answer);
            } else if (answer.id >= run_from_) {  // earlier ones are of a search that has ended
                if (designing_ || answer.id < drawn_from_) {
                    add_from_elsewhere(pool_, answer);
                } else {
                    const std::size_t row = answer.id - drawn_from_;
                    pool_.add(std::span(drawn_).subspan(row * dimension(), dimension()), answer.error, answer.id,
                              squared_lengths_[row]);
                }
            }
        }
        if (pool_.entries.size() >= (designing_ ? n_first_points_ : population_)) end_generation();
    }

  private:
    static std::size_t usual_population(const CmaEsOptions& options, const SearchSetting& setting) {
        if (options.population != 0) return options.population;
        const double usual =
            4 + 3 * math::log(math::ScalarOperations<double>(), static_cast<double>(setting.dimension));
        return std::max(setting.batch, static_cast<std::size_t>(usual));
    }
    [[nodiscard]] std::size_t whole_batches(std::size_t population) const {
        return (population + batch_ - 1) / batch_ * batch_;
    }

    // --------------------------------------------------------------------------------------------------- generations

    void add_from_elsewhere(Pool& pool, const Told& answer) {
        scratch_.resize(dimension());
        std::ranges::transform(answer.point, scratch_.begin(), smooth_bounds::from_unit);
        pool.add(scratch_, answer.error, answer.id, CmaPoint::from_elsewhere);
    }

    // The best foreign points join, not so many that they drown the others.
    void take_foreign() {
        if (foreign_.entries.empty()) return;
        foreign_.rank();
        const std::size_t most = 1 + pool_.entries.size() / 5;
        if (foreign_.entries.size() > most) foreign_.entries.resize(most);
        for (const Pool::Entry& entry : foreign_.entries)
            pool_.add(foreign_.row(entry, dimension()), entry.error, entry.id, entry.squared_length);
        foreign_.clear();
    }

    void end_generation() {
        take_foreign();
        pool_.rank();
        const auto failed = static_cast<std::size_t>(
            std::ranges::count_if(pool_.entries, [](const Pool::Entry& entry) { return std::isinf(entry.error); }));
        spent_ += pool_.entries.size();
        drawn_.clear();
        squared_lengths_.clear();
        drawn_from_ = asked();
        if (failed == pool_.entries.size()) {
            if (++failures_ >= most_failures && !designing_) begin_next_run();
        } else if (designing_) {
            begin_run(mean_of_best(pool_.entries.size() - failed), options_.step);
        } else {
            failures_ = 0;
            adapt(failed);
            if (is_over(failed)) begin_next_run();
        }
        pool_.clear();
    }

    [[nodiscard]] VectorXd mean_of_best(std::size_t finite) const {
        VectorXd mean = VectorXd::Zero(static_cast<Index>(dimension()));
        const std::size_t n = std::min(best_first_points, finite);
        double sum = 0;
        for (std::size_t k = 0; k < n; ++k) {
            const auto weight = static_cast<double>(n - k);
            const auto row = pool_.row(pool_.entries[k], dimension());
            mean += weight * Eigen::Map<const VectorXd>(row.data(), mean.size());
            sum += weight;
        }
        return mean / sum;
    }

    // Failures say nothing about the shape, so they take part only if few others are left.
    void adapt(std::size_t failed) {
        const std::size_t finite = pool_.entries.size() - failed;
        const auto entries = std::span(pool_.entries).first(std::max(finite, smallest_population));
        ranked_.resize(entries.size());
        level_.resize(entries.size());
        for (std::size_t k = 0; k < entries.size(); ++k) {
            ranked_[k] = {pool_.row(entries[k], dimension()), entries[k].squared_length};
            level_[k] = k == 0 ? 0 : level_[k - 1] + (entries[k].error == entries[k - 1].error ? 0 : 1);
        }
        distribution_.adapt(ranked_, level_, entries.size() - finite);
        if (level_[entries.size() / 4] == 0) distribution_.scale_step(plateau_growth);
        const double widest = distribution_.deviations().maxCoeff();
        if (widest > largest_deviation) distribution_.scale_step(largest_deviation / widest);
        for (Index j = 0; j < distribution_.mean().size(); ++j) {
            if (distribution_.mean()[j] < smooth_bounds::low) distribution_.mirror(j, smooth_bounds::low);
            if (distribution_.mean()[j] > smooth_bounds::high) distribution_.mirror(j, smooth_bounds::high);
        }
    }

    // ------------------------------------------------------------------------------------------------------ searches

    void begin_run(const VectorXd& mean, double step) {
        designing_ = false;
        distribution_ = CmaDistribution(mean, step, diagonal_, options_.active);
        run_from_ = drawn_from_ = asked();
        best_errors_.clear();
        median_errors_.clear();
        failures_ = 0;
    }

    // Hansen 2009: the kind of search that has spent fewer points is next. The first search counts for neither.
    void begin_next_run() {
        if (run_ > 0) (small_ ? spent_small_ : spent_large_) += spent_;
        spent_ = 0;
        ++run_;
        math::RandomStream random(seed_, run_streams + run_);
        VectorXd mean(static_cast<Index>(dimension()));
        for (double& coordinate : mean) coordinate = random.next_uniform();
        double step = std::min(restart_step * options_.step, largest_deviation);
        small_ = options_.restarts == CmaRestarts::bipop && run_ > 1 && spent_small_ < spent_large_;
        if (small_) {
            const double u = random.next_uniform();
            const double growth = static_cast<double>(large_population_) / static_cast<double>(first_population_) / 2;
            population_ =
                whole_batches(static_cast<std::size_t>(static_cast<double>(first_population_) * power(growth, u * u)));
            step *= power(10, -2 * random.next_uniform());
        } else if (options_.restarts != CmaRestarts::unchanged) {
            large_population_ = std::min(2 * std::max(large_population_, first_population_), largest_population);
            population_ = large_population_;
        }
        population_ = std::min(population_, largest_useful_population());
        begin_run(mean, step);
    }

    // A larger one would leave too few generations of the points that are planned still.
    [[nodiscard]] std::size_t largest_useful_population() const {
        if (asked() >= budget_) return largest_population;  // no plan
        const double generations = useful_share * static_cast<double>(std::max<std::size_t>(best_errors_.size(), 1));
        const auto most = static_cast<std::size_t>(static_cast<double>(budget_ - asked()) / generations);
        return std::max(first_population_, most / batch_ * batch_);
    }

    [[nodiscard]] bool is_over(std::size_t failed) {
        const auto n = static_cast<double>(dimension());
        const auto points = static_cast<double>(pool_.entries.size());
        const auto finite = std::span(pool_.entries).first(pool_.entries.size() - failed);
        best_errors_.push_back(finite.front().error);
        median_errors_.push_back(finite[finite.size() / 2].error);
        const std::size_t generations = best_errors_.size();
        if (static_cast<double>(generations) >= 100 + 150 * (n + 3) * (n + 3) / std::sqrt(points)) return true;
        if ((distribution_.deviations() <= resolution).all()) return true;
        // Differences of errors vanish beside the errors.
        const auto window = static_cast<std::size_t>(10 + 30 * n / points);
        if (generations >= window) {
            const auto [low, high] = std::ranges::minmax(std::span(best_errors_).last(window));
            const double worst = std::max(high, finite.back().error);
            if (worst - low <= settled * std::max(std::fabs(worst), std::fabs(low))) return true;
        }
        // Neither the best nor the middle of the generations improves.
        const auto long_window = static_cast<std::size_t>(120 + 30 * n / points);
        const auto stalled = [&](const std::vector<double>& errors) {
            const auto recent = std::span(errors).last(long_window);
            return median(recent.last(long_window / 5)) >= median(recent.first(long_window / 5));
        };
        return generations >= long_window && stalled(best_errors_) && stalled(median_errors_);
    }

    static constexpr std::size_t largest_population = 1000000;

    CmaEsOptions options_;
    std::uint64_t seed_;
    std::size_t batch_;
    std::size_t budget_;  // points planned; 0: unknown
    bool diagonal_;
    std::size_t first_population_;

    // The present search.
    std::size_t population_;
    bool designing_ = true;  // the first points are not known yet
    Design first_points_;
    std::size_t n_first_points_;
    CmaDistribution distribution_;
    std::size_t failures_ = 0;           // generations in which every point failed, since one did not
    std::vector<double> best_errors_;    // of each generation
    std::vector<double> median_errors_;  // of its points that did not fail

    // Points drawn from the present distribution, rows from id `drawn_from_` on.
    std::vector<double> drawn_;
    std::vector<double> squared_lengths_;
    std::uint64_t drawn_from_ = 0;
    std::uint64_t run_from_ = 0;  // the first id of the present search
    Pool pool_;
    Pool foreign_;

    // Restarts.
    std::uint64_t run_ = 0;
    bool small_ = false;
    std::size_t large_population_ = 0;
    std::size_t spent_ = 0;  // points of the present search
    std::size_t spent_small_ = 0;
    std::size_t spent_large_ = 0;

    std::vector<double> scratch_;
    std::vector<CmaPoint> ranked_;
    std::vector<std::size_t> level_;
};

constexpr std::array<OptionWord<CmaCovariance>, 3> covariances{
    {{"automatic", CmaCovariance::automatic}, {"full", CmaCovariance::full}, {"diagonal", CmaCovariance::diagonal}}};
constexpr std::array<OptionWord<CmaRestarts>, 3> restarts{
    {{"bipop", CmaRestarts::bipop}, {"doubling", CmaRestarts::doubling}, {"unchanged", CmaRestarts::unchanged}}};

void check(const CmaEsOptions& options) {
    const auto require = [](bool fine, std::string_view what, auto value) {
        if (!fine) throw ConfigError(fmt::format("CMA-ES: {}, not {}", what, value));
    };
    require(options.population == 0 || options.population >= smallest_population, "the population must be at least 4",
            options.population);
    require(options.step > 0 && options.step <= 1, "the step must be in (0, 1]", options.step);
    for (const double u : options.start) require(u >= 0 && u <= 1, "the start must lie in the unit cube", u);
}

std::string describe(const CmaEsOptions& options) {
    std::string text = "CMA-ES";
    if (const std::string settings = describe_options(options); !settings.empty()) text += ": " + settings;
    if (!options.start.empty()) text += fmt::format(", start ({})", fmt::join(options.start, ", "));
    return text;
}

}  // namespace

OptimizerChoice cma_es(CmaEsOptions options) {
    check(options);
    std::string description = describe(options);
    return {std::move(description), [options = std::move(options)](const SearchSetting& setting) {
                return std::unique_ptr<Optimizer>(std::make_unique<CmaEs>(options, setting));
            }};
}

void visit_fields(OptionVisitor& visit, CmaEsOptions& options) {
    visit.count("population", options.population);
    visit.real("step", options.step);
    visit.choice("covariance", options.covariance, covariances);
    visit.flag("active", options.active);
    visit.choice("restarts", options.restarts, restarts);
}

}  // namespace spikesmith
