#include "spikesmith/nets/tape.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "spikesmith/math/random_stream.hpp"

namespace spikesmith::nets {

void Arena::shape(std::size_t rows, std::size_t lanes) {
    // An odd number of lane groups per row spreads rows over the cache's sets.
    const std::size_t groups = (lanes + lane_group - 1) / lane_group;
    const std::size_t stride = (groups | 1U) * lane_group;
    if (rows == rows_ && stride == stride_) return;
    rows_ = rows;
    stride_ = stride;
    memory_.assign(rows * stride + lane_group, 0.0F);
    const auto misaligned = reinterpret_cast<std::uintptr_t>(memory_.data()) % (lane_group * sizeof(float));
    base_ = memory_.data() + (misaligned == 0 ? 0 : lane_group - misaligned / sizeof(float));
}

void Arena::clear() {
    std::fill(memory_.begin(), memory_.end(), 0.0F);
}

Layer DenseLayer::view(const float* parameters) const {
    return view(parameters, 0, outputs);
}

Layer DenseLayer::view(const float* parameters, std::size_t first, std::size_t count) const {
    return {.inputs = inputs,
            .outputs = count,
            .lengths = lengths.empty() ? nullptr : lengths.data() + first,
            .starts = starts.empty() ? nullptr : starts.data(),
            .weights = parameters + weights + first * inputs,
            .bias = has_bias ? parameters + bias + first : nullptr};
}

DenseLayer Builder::dense(std::size_t inputs, std::size_t outputs, std::size_t fan_in,
                          std::vector<std::uint32_t> lengths, bool has_bias) {
    const double bound = 1.0 / std::sqrt(static_cast<double>(std::max<std::size_t>(1, fan_in == 0 ? inputs : fan_in)));
    DenseLayer layer{.inputs = inputs,
                     .outputs = outputs,
                     .weights = parameters,
                     .has_bias = has_bias,
                     .lengths = std::move(lengths)};
    starts_.push_back({parameters, inputs * outputs, bound, 0, 0, inputs, layer.lengths});
    parameters += inputs * outputs;
    layer.bias = parameters;
    if (has_bias) {
        starts_.push_back({parameters, outputs, bound, 0, 0, 0, {}});
        parameters += outputs;
    }
    if (!layer.lengths.empty()) {
        for (std::uint32_t i = 0; i < inputs; ++i) {
            const auto first = std::upper_bound(layer.lengths.begin(), layer.lengths.end(), i);
            layer.starts.push_back(static_cast<std::uint32_t>(first - layer.lengths.begin()));
        }
    }
    return layer;
}

DenseLayer Builder::dense_within(double bound, std::size_t inputs, std::size_t outputs) {
    DenseLayer layer = dense(inputs, outputs);
    starts_[starts_.size() - 1].bound = bound;
    starts_[starts_.size() - 2].bound = bound;
    return layer;
}

DenseLayer Builder::dense_about(double deviation, float bias, std::size_t inputs, std::size_t outputs) {
    DenseLayer layer = dense(inputs, outputs);
    Start& weights = starts_[starts_.size() - 2];
    weights.bound = 0;
    weights.deviation = deviation;
    Start& shift = starts_[starts_.size() - 1];
    shift.bound = 0;
    shift.mean = static_cast<double>(bias);
    return layer;
}

std::size_t Builder::constants(std::size_t count, float value) {
    starts_.push_back({parameters, count, 0, static_cast<double>(value), 0, 0, {}});
    parameters += count;
    return parameters - count;
}

RowList Builder::rows(std::uint32_t& counter, std::size_t count) {
    RowList result(count);
    std::iota(result.begin(), result.end(), counter);
    counter += static_cast<std::uint32_t>(count);
    return result;
}

void Builder::initialize(std::span<float> values, std::uint64_t seed) const {
    math::RandomStream random(seed, 0);
    for (const Start& start : starts_) {
        for (std::size_t i = 0; i < start.count; ++i) {
            const bool masked = !start.lengths.empty() && i % start.inputs >= start.lengths[i / start.inputs];
            double value = start.mean;
            if (start.bound > 0) value += start.bound * (2 * random.next_uniform() - 1);
            if (start.deviation > 0) value += start.deviation * random.next_normal();
            values[start.offset + i] = masked ? 0.0F : static_cast<float>(value);
        }
    }
}

void forward(const Side& side, const DenseLayer& layer, const float* parameters, const RowList& x, const RowList& y,
             Activation activation) {
    side.kernels->affine(layer.view(parameters), side.values.view(x), Rows{}, side.values.view(y), side.lanes,
                         activation);
}

void forward_with_context(const Tape& tape, const DenseLayer& layer, const float* parameters, const RowList& x,
                          const RowList& context, const RowList& y, Activation activation) {
    for (std::size_t m = 0; m < tape.repeats; ++m) {
        const std::size_t lane = m * tape.block();
        tape.wide.kernels->affine(layer.view(parameters), tape.wide.values.view(x, lane),
                                  tape.context.values.view(context), tape.wide.values.view(y, lane), tape.block(),
                                  activation);
    }
}

void parameter_gradient(const Side& side, const DenseLayer& layer, const RowList& y_gradient, const RowList& x,
                        float* gradient) {
    side.kernels->affine_gradient(layer.view(gradient), side.gradients.view(y_gradient), side.values.view(x),
                                  side.lanes, 1, 0, 0, gradient + layer.weights,
                                  layer.has_bias ? gradient + layer.bias : nullptr);
}

void input_gradient(const Side& side, const DenseLayer& layer, const float* parameters, const RowList& y_gradient,
                    const RowList& x_values, const RowList& x_gradient, bool accumulate, Activation activation) {
    side.kernels->affine_transposed(layer.view(parameters), side.gradients.view(y_gradient), side.values.view(x_values),
                                    side.gradients.view(x_gradient), side.lanes, accumulate, activation);
}

void fold(const Tape& tape, const RowList& wide_gradient, const RowList& context_gradient) {
    for (std::size_t m = 0; m < tape.repeats; ++m) {
        tape.wide.kernels->add(tape.wide.gradients.view(wide_gradient, m * tape.block()),
                               tape.context.gradients.view(context_gradient), context_gradient.size(), tape.block());
    }
}

RowList joined(const RowList& a, const RowList& b) {
    RowList result = a;
    result.insert(result.end(), b.begin(), b.end());
    return result;
}

}  // namespace spikesmith::nets
