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
#include "spikesmith/math/random_stream.hpp"
#include "spikesmith/optimize/normal_numbers.hpp"
#include "spikesmith/optimize/smooth_bounds.hpp"

namespace spikesmith {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double smallest_step = 0x1p-56;  // steps of this length are lost in the rounding of coordinates

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
          child_(setting.dimension),
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
            draw_normals(random, child_);
            if (options_.mutation == Mutation::cauchy) divide_by_normals(random);
            for (std::size_t j = 0; j < dimension(); ++j)
                point[j] = smooth_bounds::to_unit(parent_[j] + step_ * child_[j]);
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
            if (answer.error < parent_error_) ++better_;
        }
        if (told_ >= offspring_) end_generation();
    }

  private:
    // The quotient of two normal numbers has Cauchy's distribution.
    void divide_by_normals(math::RandomStream& random) {
        std::vector<double> below(child_.size());
        draw_normals(random, below);
        for (std::size_t j = 0; j < child_.size(); ++j) child_[j] /= below[j];
    }

    void end_generation() {
        if (std::isfinite(parent_error_)) {  // else there is nothing to be better than
            const double share = static_cast<double>(better_) / static_cast<double>(told_);
            success_ += smoothing_ * (share - success_);
            step_ *= math::exp(math::ScalarOperations<double>(), (success_ - target_) / (1 - target_) / damping_);
            if (step_ < smallest_step) step_ = options_.step;  // nothing is left to be gained here
            step_ = std::min(step_, 1.0);
        }
        if (best_error_ < parent_error_) {
            parent_error_ = best_error_;
            parent_ = best_child_;
        }
        told_ = better_ = 0;
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
    double success_ = 0;
    std::vector<double> child_;

    // Of the present generation.
    std::size_t told_ = 0;
    std::size_t better_ = 0;  // than the parent
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
}

}  // namespace spikesmith
