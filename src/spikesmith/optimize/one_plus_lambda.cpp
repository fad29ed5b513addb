#include "spikesmith/optimize/one_plus_lambda.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/math/exponential.hpp"
#include "spikesmith/math/logarithm.hpp"
#include "spikesmith/math/random_stream.hpp"
#include "spikesmith/optimize/normal_numbers.hpp"
#include "spikesmith/optimize/smooth_bounds.hpp"

namespace spikesmith {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double given_up = 0.01;      // of the step that last gained anything: nothing is left to be gained here
constexpr double leap_exponent = 1.5;  // of the power law of the number of coordinates that a leap changes
constexpr double longest_leap = 1.0 / 3;
constexpr double shortest_leap = longest_leap / 10;

class OnePlusLambda final : public Optimizer {
  public:
    OnePlusLambda(const OnePlusLambdaOptions& options, const SearchSetting& setting)
        : Optimizer(setting.dimension),
          options_(options),
          seed_(setting.seed),
          offspring_(options.offspring != 0 ? options.offspring : std::max<std::size_t>(setting.batch, 1)),
          start_(options.start.empty() ? std::vector<double>(setting.dimension, 0.5) : options.start),
          parent_(setting.dimension),
          step_(options.step),
          gaining_step_(options.step),
          change_(setting.dimension),
          best_child_(setting.dimension) {
        if (start_.size() != dimension()) {
            throw ConfigError(fmt::format("the start has {} coordinates instead of {}", start_.size(), dimension()));
        }
        std::ranges::transform(start_, parent_.begin(), smooth_bounds::from_unit);
        const auto lambda = static_cast<double>(offspring_);
        target_ = 1 / (5 + std::sqrt(lambda) / 2);
        smoothing_ = target_ * lambda / (2 + target_ * lambda);
        damping_ = 1 + static_cast<double>(dimension()) / (2 * lambda);
        success_ = target_;
        for (std::size_t count = 1; count <= dimension(); ++count) {
            const double share =
                math::pow(math::ScalarOperations<double>(), static_cast<double>(count), -leap_exponent);
            counts_.push_back(share + (counts_.empty() ? 0 : counts_.back()));
        }
    }

    [[nodiscard]] std::string name() const override { return "one_plus_lambda"; }

  protected:
    void propose(std::uint64_t first_id, Array2& points) override {
        for (std::size_t r = 0; r < points.rows; ++r) {
            const auto point = points.row(r);
            if (first_id + r == 0) {
                std::ranges::copy(start_, point.begin());
                continue;
            }
            math::RandomStream random(seed_, first_id + r);
            if (leaps(random)) {
                draw_leap(random);
            } else {
                draw_step(random);
            }
            for (std::size_t j = 0; j < dimension(); ++j) point[j] = smooth_bounds::to_unit(parent_[j] + change_[j]);
        }
    }

    void learn(std::span<const Told> told) override {
        for (const Told& answer : told) {
            if (answer.error < best_error_) {
                best_error_ = answer.error;
                std::ranges::transform(answer.point, best_child_.begin(), smooth_bounds::from_unit);
            }
            if (answer.id == Told::foreign) continue;
            ++told_;
            math::RandomStream random(seed_, answer.id);
            if (leaps(random)) continue;
            ++steps_;
            if (answer.error < parent_error_) ++better_;
        }
        if (told_ >= offspring_) end_generation();
    }

  private:
    // Whether the offspring of this stream, of which nothing has been drawn, leaps.
    [[nodiscard]] bool leaps(math::RandomStream& random) const { return random.next_uniform() < options_.leaps; }

    void draw_step(math::RandomStream& random) {
        draw_normals(random, change_);
        if (options_.mutation == Mutation::cauchy) {  // the quotient of two normal numbers
            std::vector<double> below(change_.size());
            draw_normals(random, below);
            for (std::size_t j = 0; j < change_.size(); ++j) change_[j] /= below[j];
        }
        for (double& change : change_) change *= step_;
    }

    // Changes few coordinates, mostly one, by a length of its own.
    void draw_leap(math::RandomStream& random) {
        const double u = random.next_uniform() * counts_.back();
        const auto below_all = std::span(counts_).first(dimension() - 1);
        auto left = static_cast<std::size_t>(std::ranges::upper_bound(below_all, u) - below_all.begin()) + 1;
        const double length = longest_leap * math::pow(math::ScalarOperations<double>(), shortest_leap / longest_leap,
                                                       random.next_uniform());
        std::ranges::fill(change_, 0);
        for (std::size_t j = 0; left > 0; ++j) {  // those left are equally likely among the coordinates left
            if (random.next_index(dimension() - j) >= left) continue;
            change_[j] = length * random.next_normal();
            --left;
        }
    }

    void end_generation() {
        if (std::isfinite(parent_error_) && steps_ > 0) {  // else there is nothing to be better than
            const double share = static_cast<double>(better_) / static_cast<double>(steps_);
            if (better_ > 0) gaining_step_ = step_;
            success_ += smoothing_ * (share - success_);
            step_ *= math::exp(math::ScalarOperations<double>(), (success_ - target_) / (1 - target_) / damping_);
            step_ = std::min(step_, 1.0);
            if (step_ < given_up * gaining_step_) {
                step_ = gaining_step_ = options_.step;
                success_ = target_;
            }
        }
        if (best_error_ < parent_error_) {
            parent_error_ = best_error_;
            parent_ = best_child_;
        }
        told_ = steps_ = better_ = 0;
    }

    OnePlusLambdaOptions options_;
    std::uint64_t seed_;
    std::size_t offspring_;
    std::vector<double> start_;
    double target_ = 0;     // success rate with which the step stays
    double smoothing_ = 0;  // weight of the newest generation
    double damping_ = 0;

    std::vector<double> parent_;  // on the line that smooth_bounds maps to the unit interval, like all below
    double parent_error_ = infinity;
    double step_;
    double gaining_step_;  // with which an offspring was better than the parent, the latest
    double success_ = 0;
    std::vector<double> counts_;  // sums of the power law
    std::vector<double> change_;  // from the parent to an offspring

    // Of the present generation.
    std::size_t told_ = 0;
    std::size_t steps_ = 0;   // of the told that did not leap
    std::size_t better_ = 0;  // of these, than the parent
    std::vector<double> best_child_;
    double best_error_ = infinity;
};

constexpr std::array<OptionWord<Mutation>, 2> mutations{
    {{"gaussian", Mutation::gaussian}, {"cauchy", Mutation::cauchy}}};

void check(const OnePlusLambdaOptions& options) {
    const auto require = [](bool fine, std::string_view what, auto value) {
        if (!fine) throw ConfigError(fmt::format("(1+lambda): {}, not {}", what, value));
    };
    require(options.step > 0 && options.step <= 1, "the step must be in (0, 1]", options.step);
    require(options.leaps >= 0 && options.leaps < 1, "the share of leaps must be in [0, 1)", options.leaps);
    for (const double u : options.start) require(u >= 0 && u <= 1, "the start must lie in the unit cube", u);
}

std::string describe(const OnePlusLambdaOptions& options) {
    std::string text = "(1+lambda) evolution strategy";
    if (const std::string settings = describe_options(options); !settings.empty()) text += ": " + settings;
    if (!options.start.empty()) text += fmt::format(", start ({})", fmt::join(options.start, ", "));
    return text;
}

}  // namespace

OptimizerChoice one_plus_lambda(OnePlusLambdaOptions options) {
    check(options);
    std::string description = describe(options);
    return {std::move(description), [options = std::move(options)](const SearchSetting& setting) {
                return std::unique_ptr<Optimizer>(std::make_unique<OnePlusLambda>(options, setting));
            }};
}

void visit_fields(OptionVisitor& visit, OnePlusLambdaOptions& options) {
    visit.count("offspring", options.offspring);
    visit.real("step", options.step);
    visit.choice("mutation", options.mutation, mutations);
    visit.real("leaps", options.leaps);
}

}  // namespace spikesmith
