// C2ST, the accuracy of a classifier that tells two sets of samples apart: 0.5 if they are from one distribution, 1 if they are disjoint.
// As the benchmark of simulation-based inference defines it (J.-M. Lueckmann et al., AISTATS 2021; D. Lopez-Paz, M. Oquab, ICLR
// 2017): both sets standardised by the first, a perceptron with two hidden layers of 10 D rectified units, Adam (rate 1e-3, batches of
// 200, L2 penalty 1e-4) until the training loss has not improved by 1e-4 for 10 epochs, mean accuracy of five shuffled folds.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <vector>

#include <tbb/parallel_for.h>

#include "spikesmith/core/array.hpp"
#include "spikesmith/math/random_stream.hpp"
#include "spikesmith/nets/adam.hpp"
#include "spikesmith/nets/kernel_choice.hpp"
#include "spikesmith/nets/subnormals.hpp"

namespace spikesmith::test {

// A fully connected layer whose input is `in`, by the kernels of the networks: feature-major blocks of `lanes` samples.
class PerceptronLayer {
  public:
    PerceptronLayer(std::size_t inputs, std::size_t outputs, std::size_t lanes, math::RandomStream& random)
        : in(inputs, lanes),
          inputs_(inputs),
          outputs_(outputs),
          parameters_(inputs * outputs + outputs),
          gradient_(parameters_.size()),
          adam_(parameters_.size(), {.learning_rate = 1e-3, .clip_max_norm = std::numeric_limits<double>::infinity()}) {
        const double bound = std::sqrt(6.0 / static_cast<double>(inputs + outputs));
        for (float& parameter : parameters_) parameter = static_cast<float>(bound * (2 * random.next_uniform() - 1));
    }

    // Rows of features, lanes of samples; their gradients beside them.
    struct Block {
        Block(std::size_t rows, std::size_t row_lanes)
            : lanes(row_lanes), values(rows * row_lanes), slopes(rows * row_lanes), index(rows) {
            std::iota(index.begin(), index.end(), 0U);
        }
        [[nodiscard]] nets::Rows value_rows() { return {values.data(), lanes, index.data()}; }
        [[nodiscard]] nets::Rows slope_rows() { return {slopes.data(), lanes, index.data()}; }
        std::size_t lanes;
        std::vector<float> values;
        std::vector<float> slopes;
        std::vector<std::uint32_t> index;
    };
    Block in;

    void forward(Block& out, bool rectify) {
        kernels_.affine(layer(), in.value_rows(), {}, out.value_rows(), in.lanes,
                        rectify ? nets::Activation::relu : nets::Activation::none);
    }
    // From the slopes of `out` those of `in`, through its rectifier, and a step of Adam. `count` samples are not padding.
    void backward(Block& out, std::size_t count, float penalty, bool first) {
        for (std::size_t k = 0; k < inputs_ * outputs_; ++k)
            gradient_[k] = penalty * parameters_[k] / static_cast<float>(count);
        kernels_.affine_gradient(layer(), out.slope_rows(), in.value_rows(), in.lanes, 1, 0, 0, gradient_.data(),
                                 gradient_.data() + inputs_ * outputs_);
        if (!first) {
            kernels_.affine_transposed(layer(), out.slope_rows(), in.value_rows(), in.slope_rows(), in.lanes, false,
                                       nets::Activation::relu);
        }
        adam_.step(parameters_, gradient_);
    }

    [[nodiscard]] double squared_weights() const {
        return kernels_.squared_norm(parameters_.data(), inputs_ * outputs_);
    }

  private:
    [[nodiscard]] nets::Layer layer() const {
        return {inputs_, outputs_, nullptr, nullptr, parameters_.data(), parameters_.data() + inputs_ * outputs_};
    }

    const nets::Kernels& kernels_ = nets::kernels(nets::instruction_sets().back());
    std::size_t inputs_;
    std::size_t outputs_;
    std::vector<float> parameters_;  // weights, then biases
    std::vector<float> gradient_;
    nets::Adam adam_;
};

// Accuracy on the test rows after training on the others.
inline double fold_accuracy(const std::vector<float>& data, const std::vector<float>& labels, std::size_t dimension,
                            const std::vector<std::uint32_t>& training, const std::vector<std::uint32_t>& test,
                            std::uint64_t seed) {
    const nets::SubnormalsAreZero flush;
    constexpr std::size_t batch = 200;
    constexpr std::size_t lanes = (batch + nets::lane_group - 1) / nets::lane_group * nets::lane_group;
    const std::size_t hidden = 10 * dimension;
    math::RandomStream random(seed, 0x63327374);
    PerceptronLayer first(dimension, hidden, lanes, random);
    PerceptronLayer second(hidden, hidden, lanes, random);
    PerceptronLayer last(hidden, 1, lanes, random);
    PerceptronLayer::Block odds(1, lanes);
    const auto predict = [&](const std::vector<std::uint32_t>& rows, std::size_t begin, std::size_t count) {
        for (std::size_t r = 0; r < count; ++r) {
            for (std::size_t d = 0; d < dimension; ++d)
                first.in.values[d * lanes + r] = data[rows[begin + r] * dimension + d];
        }
        first.forward(second.in, true);
        second.forward(last.in, true);
        last.forward(odds, false);
    };
    constexpr float penalty = 1e-4F;
    std::vector<std::uint32_t> order = training;
    double best = 1e300;
    int stale = 0;
    for (int epoch = 0; epoch < 10000 && stale <= 10; ++epoch) {
        for (std::size_t k = order.size(); k > 1; --k) std::swap(order[k - 1], order[random.next_index(k)]);
        double total = 0;
        for (std::size_t begin = 0; begin < order.size(); begin += batch) {
            const std::size_t count = std::min(batch, order.size() - begin);
            predict(order, begin, count);
            std::ranges::fill(odds.slopes, 0.0F);
            for (std::size_t r = 0; r < count; ++r) {
                const double label = labels[order[begin + r]];
                const double odd = odds.values[r];
                total += std::max(odd, 0.0) - odd * label + std::log1p(std::exp(-std::abs(odd)));
                odds.slopes[r] = static_cast<float>((1 / (1 + std::exp(-odd)) - label) / static_cast<double>(count));
            }
            total += 0.5 * penalty * (first.squared_weights() + second.squared_weights() + last.squared_weights());
            last.backward(odds, count, penalty, false);
            second.backward(last.in, count, penalty, false);
            first.backward(second.in, count, penalty, true);
        }
        total /= static_cast<double>(order.size());
        stale = total > best - 1e-4 ? stale + 1 : 0;
        best = std::min(best, total);
    }
    std::size_t right = 0;
    for (std::size_t begin = 0; begin < test.size(); begin += batch) {
        const std::size_t count = std::min(batch, test.size() - begin);
        predict(test, begin, count);
        for (std::size_t r = 0; r < count; ++r)
            right += (odds.values[r] > 0) == (labels[test[begin + r]] > 0.5F) ? 1 : 0;
    }
    return static_cast<double>(right) / static_cast<double>(test.size());
}

inline double c2st(const Array2& reference, const Array2& samples, std::uint64_t seed = 1) {
    if (reference.columns != samples.columns) throw std::runtime_error("samples of different dimension");
    const std::size_t dimension = reference.columns;
    const std::size_t n = reference.rows + samples.rows;
    std::vector<float> data(n * dimension);
    std::vector<float> labels(n);
    for (std::size_t d = 0; d < dimension; ++d) {
        double mean = 0;
        double variance = 0;
        for (std::size_t i = 0; i < reference.rows; ++i) mean += reference(i, d) / static_cast<double>(reference.rows);
        for (std::size_t i = 0; i < reference.rows; ++i)
            variance += std::pow(reference(i, d) - mean, 2) / static_cast<double>(reference.rows - 1);
        for (std::size_t i = 0; i < n; ++i) {
            const double value = i < reference.rows ? reference(i, d) : samples(i - reference.rows, d);
            data[i * dimension + d] = static_cast<float>((value - mean) / std::sqrt(variance));
        }
    }
    for (std::size_t i = 0; i < n; ++i) labels[i] = i < reference.rows ? 0.0F : 1.0F;
    std::vector<std::uint32_t> order(n);
    std::iota(order.begin(), order.end(), 0U);
    math::RandomStream random(seed, 0x666f6c64);
    for (std::size_t k = n; k > 1; --k) std::swap(order[k - 1], order[random.next_index(k)]);
    std::array<double, 5> accuracy{};
    tbb::parallel_for(std::size_t{0}, accuracy.size(), [&](std::size_t fold) {
        const std::size_t begin = fold * n / 5;
        const std::size_t end = (fold + 1) * n / 5;
        std::vector<std::uint32_t> training;
        std::vector<std::uint32_t> test;
        for (std::size_t k = 0; k < n; ++k) (k >= begin && k < end ? test : training).push_back(order[k]);
        accuracy[fold] = fold_accuracy(data, labels, dimension, training, test, seed);
    });
    return std::accumulate(accuracy.begin(), accuracy.end(), 0.0) / 5;
}

}  // namespace spikesmith::test
