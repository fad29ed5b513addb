#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "spikesmith/infer/chain_steps.hpp"
#include "spikesmith/math/random_stream.hpp"

namespace spikesmith {

namespace {

constexpr double divergence = 1000;  // loss of energy that ends a path
constexpr double first_step = 0.3;   // the coordinates are white

using Vector = std::vector<double>;

double dot(const Vector& a, const Vector& b) {
    double sum = 0;
    for (std::size_t d = 0; d < a.size(); ++d) sum += a[d] * b[d];
    return sum;
}

double log_sum(double a, double b) {
    const double high = std::max(a, b);
    return std::isfinite(high) ? high + std::log1p(std::exp(std::min(a, b) - high)) : high;
}

// Dual averaging of the logarithm of the step (Hoffman and Gelman, algorithm 5).
class StepTuner {
  public:
    StepTuner(double step, double target) : centre_(std::log(10 * step)), log_step_(std::log(step)), target_(target) {}
    [[nodiscard]] double step() const { return std::exp(log_step_); }
    [[nodiscard]] double tuned() const { return count_ > 0 ? std::exp(average_) : step(); }
    void note(double acceptance) {
        ++count_;
        const double weight = 1 / (count_ + 10);
        shortfall_ += weight * (target_ - acceptance - shortfall_);
        log_step_ = std::clamp(centre_ - std::sqrt(count_) / 0.05 * shortfall_, std::log(1e-6), std::log(1e2));
        const double share = std::pow(count_, -0.75);
        average_ += share * (log_step_ - average_);
    }

  private:
    double centre_;
    double log_step_;
    double target_;
    double count_ = 0;
    double shortfall_ = 0;
    double average_ = 0;
};

struct Phase {
    Vector position;
    Vector momentum;
    Vector gradient;
    double height = 0;

    [[nodiscard]] double energy() const { return height - 0.5 * dot(momentum, momentum); }  // its negative
};

void half_kick(Phase& phase, double step) {
    for (std::size_t d = 0; d < phase.momentum.size(); ++d) phase.momentum[d] += 0.5 * step * phase.gradient[d];
}

void drift(Phase& phase, double step) {
    for (std::size_t d = 0; d < phase.momentum.size(); ++d) phase.position[d] += step * phase.momentum[d];
}

void arrive(Phase& phase, Evaluation evaluation, double step) {
    phase.height = evaluation.value;
    phase.gradient = std::move(evaluation.gradient);
    for (double& slope : phase.gradient) slope = std::isfinite(slope) ? slope : 0;
    half_kick(phase, step);
}

bool turns(const Vector& first_momentum, const Vector& last_momentum, const Vector& sum) {
    // rho - (p_first + p_last) / 2: the generalised criterion with the end points counted half (Betancourt, appendix A.4.2)
    double first = 0;
    double last = 0;
    for (std::size_t d = 0; d < sum.size(); ++d) {
        const double rho = sum[d] - 0.5 * (first_momentum[d] + last_momentum[d]);
        first += rho * first_momentum[d];
        last += rho * last_momentum[d];
    }
    return first <= 0 || last <= 0;
}

void add(Vector& sum, const Vector& term) {
    for (std::size_t d = 0; d < sum.size(); ++d) sum[d] += term[d];
}

}  // namespace

Walker hmc_chain(ChainTask task, std::size_t leapfrog_steps, double target_acceptance) {
    math::RandomStream random(task.seed, task.purpose);
    ChainTuning& tuning = *task.tuning;
    StepTuner tuner(tuning.step > 0 ? tuning.step : first_step, target_acceptance);
    Phase here{.position = {task.point.begin(), task.point.end()},
               .momentum = Vector(task.point.size()),
               .gradient = {},
               .height = 0};
    arrive(here, co_await at(here.position), 0);
    std::size_t kept = 0;
    for (std::size_t k = 0; k < task.steps; ++k) {
        const double step = task.adapt ? tuner.step() : tuning.step > 0 ? tuning.step : first_step;
        for (double& momentum : here.momentum) momentum = random.next_normal();
        const std::size_t length = 1 + random.next_index(leapfrog_steps);
        Phase there = here;
        for (std::size_t l = 0; l < length; ++l) {
            half_kick(there, step);
            drift(there, step);
            arrive(there, co_await at(there.position), step);
            if (!(there.energy() > here.energy() - divergence)) break;
        }
        const double gain = there.energy() - here.energy();
        const double acceptance = std::isfinite(there.height) ? std::min(1.0, std::exp(gain)) : 0;
        if (random.next_uniform() < acceptance) here = std::move(there);
        if (task.adapt) tuner.note(acceptance);
        tuning.acceptance_sum += acceptance;
        tuning.acceptance_count += 1;
        if (!task.kept.empty() && (k + 1) % task.thin == 0)
            std::ranges::copy(here.position,
                              task.kept.begin() + static_cast<std::ptrdiff_t>(kept++ * here.position.size()));
        task.watch->add(1);
    }
    if (task.adapt) tuning.step = tuner.tuned();
    std::ranges::copy(here.position, task.point.begin());
}

Walker nuts_chain(ChainTask task, std::size_t max_tree_depth, double target_acceptance) {
    math::RandomStream random(task.seed, task.purpose);
    ChainTuning& tuning = *task.tuning;
    StepTuner tuner(tuning.step > 0 ? tuning.step : first_step, target_acceptance);
    const std::size_t dimension = task.point.size();
    Phase here{
        .position = {task.point.begin(), task.point.end()}, .momentum = Vector(dimension), .gradient = {}, .height = 0};
    arrive(here, co_await at(here.position), 0);
    // momenta and their running sums at the left ends of unfinished subtrees, by depth
    std::vector<Vector> end_momentum(max_tree_depth + 1, Vector(dimension));
    std::vector<Vector> end_sum(max_tree_depth + 1, Vector(dimension));
    std::size_t kept = 0;
    for (std::size_t k = 0; k < task.steps; ++k) {
        const double step = task.adapt ? tuner.step() : tuning.step > 0 ? tuning.step : first_step;
        for (double& momentum : here.momentum) momentum = random.next_normal();
        const double start = here.energy();
        Phase left = here;
        Phase right = here;
        Phase chosen = here;
        Vector sum = here.momentum;
        double weight = 0;  // logarithm of the path's weight, relative to the start
        double acceptance = 0;
        double leaves = 0;
        for (std::size_t depth = 0; depth < max_tree_depth; ++depth) {
            const bool forward = random.next_uniform() < 0.5;
            const double signed_step = forward ? step : -step;
            Phase end = forward ? right : left;
            Phase candidate;
            double subtree_weight = -std::numeric_limits<double>::infinity();
            Vector subtree_sum(dimension, 0.0);
            bool ended = false;
            const std::uint64_t count = std::uint64_t{1} << depth;
            for (std::uint64_t leaf = 0; leaf < count && !ended; ++leaf) {
                half_kick(end, signed_step);
                drift(end, signed_step);
                arrive(end, co_await at(end.position), signed_step);
                const double gain = end.energy() - start;
                acceptance += std::isfinite(gain) ? std::min(1.0, std::exp(gain)) : 0;
                leaves += 1;
                if (!(gain > -divergence)) {
                    ended = true;
                    break;
                }
                subtree_weight = log_sum(subtree_weight, gain);
                if (std::log1p(-random.next_uniform()) < gain - subtree_weight) candidate = end;
                add(subtree_sum, end.momentum);
                // subtrees that this leaf completes: their left ends were stored at even leaves
                const auto top = static_cast<std::size_t>(std::popcount(leaf >> 1));
                if (leaf % 2 == 0) {
                    end_momentum[top] = end.momentum;
                    end_sum[top] = subtree_sum;
                } else {
                    const auto completed = static_cast<std::size_t>(std::countr_one(leaf));
                    for (std::size_t c = 0; c < completed && !ended; ++c) {
                        const std::size_t index = top - c;
                        Vector rho(dimension);
                        for (std::size_t d = 0; d < dimension; ++d)
                            rho[d] = subtree_sum[d] - end_sum[index][d] + end_momentum[index][d];
                        ended = turns(end_momentum[index], end.momentum, rho);
                    }
                }
            }
            if (ended) break;
            if (std::log1p(-random.next_uniform()) < subtree_weight - weight) chosen = std::move(candidate);
            weight = log_sum(weight, subtree_weight);
            add(sum, subtree_sum);
            (forward ? right : left) = std::move(end);
            if (turns(left.momentum, right.momentum, sum)) break;
        }
        here = std::move(chosen);
        acceptance = leaves > 0 ? acceptance / leaves : 0;
        if (task.adapt) tuner.note(acceptance);
        tuning.acceptance_sum += acceptance;
        tuning.acceptance_count += 1;
        if (!task.kept.empty() && (k + 1) % task.thin == 0)
            std::ranges::copy(here.position, task.kept.begin() + static_cast<std::ptrdiff_t>(kept++ * dimension));
        task.watch->add(1);
    }
    if (task.adapt) tuning.step = tuner.tuned();
    std::ranges::copy(here.position, task.point.begin());
}

}  // namespace spikesmith
