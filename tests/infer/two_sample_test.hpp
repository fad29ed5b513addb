// C2ST, the accuracy of a classifier that tells two sets of samples apart: 0.5 if they are from one distribution, 1 if they are disjoint.
// As the benchmark of simulation-based inference defines it (J.-M. Lueckmann et al., AISTATS 2021; D. Lopez-Paz, M. Oquab, ICLR
// 2017): both sets standardised by the first, a perceptron with two hidden layers of 10 D rectified units, Adam (rate 1e-3, batches of
// 200, L2 penalty 1e-4) until the training loss has not improved by 1e-4 for 10 epochs, mean accuracy of five shuffled folds.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <vector>

#include <tbb/parallel_for.h>

#include "spikesmith/core/array.hpp"
#include "spikesmith/math/random_stream.hpp"

namespace spikesmith::test {

// A fully connected layer, weights inputs x outputs.
class PerceptronLayer {
  public:
    PerceptronLayer(std::size_t inputs, std::size_t outputs, math::RandomStream& random)
        : inputs_(inputs),
          outputs_(outputs),
          weights_(inputs * outputs + outputs),
          gradient_(weights_.size()),
          first_(weights_.size()),
          second_(weights_.size()) {
        const double bound = std::sqrt(6.0 / static_cast<double>(inputs + outputs));
        for (float& weight : weights_) weight = static_cast<float>(bound * (2 * random.next_uniform() - 1));
    }

    void forward(const std::vector<float>& in, std::size_t rows, bool rectify, std::vector<float>& out) const {
        out.resize(rows * outputs_);
        const float* bias = weights_.data() + inputs_ * outputs_;
        for (std::size_t r = 0; r < rows; ++r)
            std::copy(bias, bias + outputs_, out.begin() + static_cast<std::ptrdiff_t>(r * outputs_));
        multiply_add(in.data(), inputs_, 1, weights_.data(), outputs_, out.data(), rows, inputs_, outputs_);
        if (rectify) {
            for (float& value : out) value = std::max(value, 0.0F);
        }
    }

    // Gradients of the mean loss from those of the outputs; returns those of the inputs through the rectifier, if wanted.
    void backward(const std::vector<float>& in, const std::vector<float>& out_slope, std::size_t rows, float decay,
                  std::vector<float>* in_slope) {
        for (std::size_t k = 0; k < inputs_ * outputs_; ++k)
            gradient_[k] = decay * weights_[k] / static_cast<float>(rows);
        std::fill(gradient_.begin() + static_cast<std::ptrdiff_t>(inputs_ * outputs_), gradient_.end(), 0.0F);
        multiply_add(in.data(), 1, inputs_, out_slope.data(), outputs_, gradient_.data(), inputs_, rows, outputs_);
        float* bias = gradient_.data() + inputs_ * outputs_;
        for (std::size_t r = 0; r < rows; ++r) {
            for (std::size_t j = 0; j < outputs_; ++j) bias[j] += out_slope[r * outputs_ + j];
        }
        if (in_slope == nullptr) return;
        transposed_.resize(inputs_ * outputs_);
        for (std::size_t i = 0; i < inputs_; ++i) {
            for (std::size_t j = 0; j < outputs_; ++j) transposed_[j * inputs_ + i] = weights_[i * outputs_ + j];
        }
        in_slope->assign(rows * inputs_, 0.0F);
        multiply_add(out_slope.data(), outputs_, 1, transposed_.data(), inputs_, in_slope->data(), rows, outputs_,
                     inputs_);
        for (std::size_t k = 0; k < in_slope->size(); ++k) {
            if (!(in[k] > 0)) (*in_slope)[k] = 0;
        }
    }

    void adam(double t) {
        const auto rate = static_cast<float>(1e-3 * std::sqrt(1 - std::pow(0.999, t)) / (1 - std::pow(0.9, t)));
        for (std::size_t k = 0; k < weights_.size(); ++k) {
            first_[k] = 0.9F * first_[k] + 0.1F * gradient_[k];
            second_[k] = 0.999F * second_[k] + 0.001F * gradient_[k] * gradient_[k];
            weights_[k] -= rate * first_[k] / (std::sqrt(second_[k]) + 1e-8F);
        }
    }

    [[nodiscard]] double squared_weights() const {
        double sum = 0;
        for (std::size_t k = 0; k < inputs_ * outputs_; ++k) sum += static_cast<double>(weights_[k]) * weights_[k];
        return sum;
    }

  private:
    // c[i, j] += sum_k a[i * row + k * column] * b[k * n + j]
    static void multiply_add(const float* a, std::size_t row, std::size_t column, const float* __restrict b,
                             std::size_t n, float* __restrict c, std::size_t rows, std::size_t inner,
                             std::size_t columns) {
        constexpr std::size_t strip = 32;
        for (std::size_t j0 = 0; j0 < columns; j0 += strip) {
            const std::size_t width = std::min(strip, columns - j0);
            std::size_t i = 0;
            for (; i + 4 <= rows && width == strip; i += 4) {
                std::array<std::array<float, strip>, 4> sum{};
                for (std::size_t k = 0; k < inner; ++k) {
                    const float* line = b + k * n + j0;
                    for (std::size_t q = 0; q < 4; ++q) {
                        const float factor = a[(i + q) * row + k * column];
                        for (std::size_t j = 0; j < strip; ++j) sum[q][j] += factor * line[j];
                    }
                }
                for (std::size_t q = 0; q < 4; ++q) {
                    for (std::size_t j = 0; j < strip; ++j) c[(i + q) * columns + j0 + j] += sum[q][j];
                }
            }
            for (; i < rows; ++i) {
                for (std::size_t k = 0; k < inner; ++k) {
                    const float factor = a[i * row + k * column];
                    for (std::size_t j = 0; j < width; ++j) c[i * columns + j0 + j] += factor * b[k * n + j0 + j];
                }
            }
        }
    }

    std::size_t inputs_;
    std::size_t outputs_;
    std::vector<float> weights_;  // then the biases
    std::vector<float> gradient_;
    std::vector<float> first_;
    std::vector<float> second_;
    std::vector<float> transposed_;
};

// Accuracy on the test rows after training on the others.
inline double fold_accuracy(const std::vector<float>& data, const std::vector<float>& labels, std::size_t dimension,
                            const std::vector<std::uint32_t>& training, const std::vector<std::uint32_t>& test,
                            std::uint64_t seed) {
    const std::size_t hidden = 10 * dimension;
    math::RandomStream random(seed, 0x63327374);
    PerceptronLayer first(dimension, hidden, random);
    PerceptronLayer second(hidden, hidden, random);
    PerceptronLayer last(hidden, 1, random);
    std::vector<float> in, h1, h2, out, slope, slope2, slope1;
    const auto gather = [&](const std::vector<std::uint32_t>& rows, std::size_t begin, std::size_t count) {
        in.resize(count * dimension);
        for (std::size_t r = 0; r < count; ++r)
            std::copy_n(data.begin() + static_cast<std::ptrdiff_t>(rows[begin + r] * dimension), dimension,
                        in.begin() + static_cast<std::ptrdiff_t>(r * dimension));
        first.forward(in, count, true, h1);
        second.forward(h1, count, true, h2);
        last.forward(h2, count, false, out);
    };
    constexpr float decay = 1e-4F;
    std::vector<std::uint32_t> order = training;
    double best = 1e300;
    int stale = 0;
    double steps = 0;
    for (int epoch = 0; epoch < 10000 && stale <= 10; ++epoch) {
        for (std::size_t k = order.size(); k > 1; --k) std::swap(order[k - 1], order[random.next_index(k)]);
        double total = 0;
        for (std::size_t begin = 0; begin < order.size(); begin += 200) {
            const std::size_t count = std::min<std::size_t>(200, order.size() - begin);
            gather(order, begin, count);
            double loss = 0;
            slope.resize(count);
            for (std::size_t r = 0; r < count; ++r) {
                const double label = labels[order[begin + r]];
                const double odds = out[r];
                loss += std::max(odds, 0.0) - odds * label + std::log1p(std::exp(-std::abs(odds)));
                slope[r] = static_cast<float>((1 / (1 + std::exp(-odds)) - label) / static_cast<double>(count));
            }
            total += loss + 0.5 * decay * (first.squared_weights() + second.squared_weights() + last.squared_weights());
            last.backward(h2, slope, count, decay, &slope2);
            second.backward(h1, slope2, count, decay, &slope1);
            first.backward(in, slope1, count, decay, nullptr);
            steps += 1;
            for (PerceptronLayer* layer : {&first, &second, &last}) layer->adam(steps);
        }
        total /= static_cast<double>(order.size());
        stale = total > best - 1e-4 ? stale + 1 : 0;
        best = std::min(best, total);
    }
    gather(test, 0, test.size());
    std::size_t right = 0;
    for (std::size_t r = 0; r < test.size(); ++r) right += (out[r] > 0) == (labels[test[r]] > 0.5F) ? 1 : 0;
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
