#include "spikesmith/nets/embedding.hpp"

#include <algorithm>
#include <string>

#include "spikesmith/core/error.hpp"
#include "spikesmith/math/random_stream.hpp"

namespace spikesmith::nets {

EmbeddingNetwork::EmbeddingNetwork(const Embedding& what, std::size_t x_inputs, Builder& builder) {
    const bool yulenet = what.kind == EmbeddingKind::yulenet;
    if (what.kind == EmbeddingKind::identity || what.kind == EmbeddingKind::mlp) {
        inputs_ = Builder::rows(builder.context_rows, x_inputs);
        features_ = inputs_;
    } else {
        const std::vector<std::size_t> channels = yulenet ? std::vector<std::size_t>{8, 8} : what.out_channels;
        const std::size_t kernel = yulenet ? 64 : what.kernel_size;
        if (what.input_channels == 0 || x_inputs % what.input_channels != 0) {
            throw ConfigError("the embedding has " + std::to_string(what.input_channels) +
                                  " input channels, but x has " + std::to_string(x_inputs) + " values",
                              "the number of values must be a multiple of the channels");
        }
        Convolution c;
        c.channels = what.input_channels;
        c.length = x_inputs / what.input_channels;
        for (std::size_t stage = 0; stage < channels.size(); ++stage) {
            c.padding = yulenet ? 32 : what.padding.value_or(kernel / 2);
            c.stride = yulenet ? 1 : what.stride;
            c.pool = yulenet ? 16 : what.pool_kernel_size;
            c.largest = !yulenet;
            c.padded = c.length + 2 * c.padding;
            if (c.padded < kernel || c.stride == 0 || c.pool == 0 ||
                ((c.padded - kernel) / c.stride + 1) / c.pool == 0) {
                throw ConfigError("layer " + std::to_string(stage + 1) +
                                      " of the convolutional embedding gets sequences of " + std::to_string(c.length) +
                                      " values, which are too short for its kernel and pooling",
                                  "longer traces, a smaller kernel_size or pool_kernel_size, or fewer layers");
            }
            c.output_length = (c.padded - kernel) / c.stride + 1;
            c.pooled_length = c.output_length / c.pool;
            c.layer = builder.dense(c.channels * kernel, channels[stage]);
            c.x = Builder::rows(builder.context_rows, c.channels * c.padded);
            RowList interior;
            for (std::size_t channel = 0; channel < c.channels; ++channel) {
                for (std::size_t t = 0; t < c.padded; ++t) {
                    const bool inside = t >= c.padding && t < c.padding + c.length;
                    (inside ? interior : c.zeros).push_back(c.x[channel * c.padded + t]);
                }
                for (std::size_t t = 0; t < kernel; ++t) c.window.push_back(c.x[channel * c.padded + t]);
            }
            if (stage == 0) {
                inputs_ = interior;
            } else {
                convolutions_.back().pooled = interior;
            }
            c.y = Builder::rows(builder.context_rows, channels[stage] * c.output_length);
            for (std::size_t channel = 0; channel < channels[stage]; ++channel)
                c.first_y.push_back(c.y[channel * c.output_length]);
            convolutions_.push_back(c);
            c = Convolution{};
            c.channels = channels[stage];
            c.length = convolutions_.back().pooled_length;
        }
        if (convolutions_.empty())
            throw ConfigError("the convolutional embedding has no layers", "give out_channels, such as [6, 12]");
        convolutions_.back().pooled = Builder::rows(builder.context_rows, c.channels * c.length);
        features_ = convolutions_.back().pooled;
        dropout_ = yulenet ? 0.5 : what.dropout;
        if (dropout_ > 0) {
            dropped_ = features_;
            dropout_mask_ = Builder::rows(builder.context_rows, dropped_.size());
        }
    }
    if (what.kind == EmbeddingKind::identity) return;
    const std::size_t hidden = yulenet ? 0 : what.num_layers;
    for (std::size_t l = 0; l <= hidden; ++l) {
        const std::size_t size = l == hidden ? what.output_features : what.hidden_features;
        Dense dense{.layer = builder.dense(features_.size(), size),
                    .x = features_,
                    .y = Builder::rows(builder.context_rows, size)};
        dense.rectify = l < hidden || yulenet;
        features_ = dense.y;
        layers_.push_back(std::move(dense));
    }
}

void EmbeddingNetwork::convolve(const float* parameters, Side& side, const Convolution& c) const {
    for (const std::uint32_t r : c.zeros) std::fill_n(side.values.row(r), side.lanes, 0.0F);
    const Layer layer = c.layer.view(parameters);
    Rows x = side.values.view(c.window);
    Rows y = side.values.view(c.first_y);
    for (std::size_t t = 0; t < c.output_length; ++t) {
        side.kernels->affine(layer, x, Rows{}, y, side.lanes, Activation::relu);
        x.base += c.stride * side.values.stride();
        y.base += side.values.stride();
    }
}

void EmbeddingNetwork::pool(Side& side, const Convolution& c) {
    const float share = 1.0F / static_cast<float>(c.pool);
    for (std::size_t i = 0; i < c.pooled.size(); ++i) {
        const std::size_t first = (i / c.pooled_length) * c.output_length + (i % c.pooled_length) * c.pool;
        float* const to = side.values.row(c.pooled[i]);
        std::copy_n(side.values.row(c.y[first]), side.lanes, to);
        for (std::size_t k = 1; k < c.pool; ++k) {
            const float* const from = side.values.row(c.y[first + k]);
            if (c.largest) {
                for (std::size_t lane = 0; lane < side.lanes; ++lane) to[lane] = std::max(to[lane], from[lane]);
            } else {
                for (std::size_t lane = 0; lane < side.lanes; ++lane) to[lane] += from[lane];
            }
        }
        if (c.largest) continue;
        for (std::size_t lane = 0; lane < side.lanes; ++lane) to[lane] *= share;
    }
}

// The largest value's gradient goes to the first of equal ones.
void EmbeddingNetwork::pool_gradient(Side& side, const Convolution& c) {
    const float share = 1.0F / static_cast<float>(c.pool);
    for (std::size_t i = 0; i < c.pooled.size(); ++i) {
        const std::size_t first = (i / c.pooled_length) * c.output_length + (i % c.pooled_length) * c.pool;
        const float* const value = side.values.row(c.pooled[i]);
        const float* const gradient = side.gradients.row(c.pooled[i]);
        for (std::size_t lane = 0; lane < side.lanes; ++lane) {
            bool given = false;
            for (std::size_t k = 0; k < c.pool; ++k) {
                float& target = side.gradients.row(c.y[first + k])[lane];
                if (!c.largest) {
                    target = gradient[lane] * share;
                } else {
                    const bool here = !given && side.values.row(c.y[first + k])[lane] == value[lane];
                    target = here ? gradient[lane] : 0.0F;
                    given = given || here;
                }
            }
        }
    }
}

void EmbeddingNetwork::observe(const float* parameters, Tape& tape) const {
    Side& side = tape.context;
    for (const Convolution& c : convolutions_) {
        convolve(parameters, side, c);
        pool(side, c);
    }
    if (!dropped_.empty() && tape.dropout_key != 0) {
        const auto kept = static_cast<float>(1 / (1 - dropout_));
        for (std::size_t lane = 0; lane < side.lanes; ++lane) {
            math::RandomStream random(tape.dropout_key, tape.first_sample + lane);
            for (std::size_t r = 0; r < dropped_.size(); ++r) {
                const float factor = random.next_uniform() < dropout_ ? 0.0F : kept;
                side.values.row(dropout_mask_[r])[lane] = factor;
                side.values.row(dropped_[r])[lane] *= factor;
            }
        }
    }
    for (const Dense& dense : layers_)
        forward(side, dense.layer, parameters, dense.x, dense.y, dense.rectify ? Activation::relu : Activation::none);
}

void EmbeddingNetwork::differentiate(const float* parameters, Tape& tape, float* gradient, bool inputs_too) const {
    Side& side = tape.context;
    for (std::size_t l = layers_.size(); l-- > 0;) {
        const Dense& dense = layers_[l];
        if (dense.rectify)
            side.kernels->relu_gradient(side.values.view(dense.y), side.gradients.view(dense.y), dense.y.size(),
                                        side.lanes);
        if (gradient != nullptr) parameter_gradient(side, dense.layer, dense.y, dense.x, gradient);
        if (l > 0 || !convolutions_.empty() || inputs_too)
            input_gradient(side, dense.layer, parameters, dense.y, dense.x, dense.x, true);
    }
    if (!dropped_.empty() && tape.dropout_key != 0) {
        for (std::size_t r = 0; r < dropped_.size(); ++r) {
            float* const target = side.gradients.row(dropped_[r]);
            const float* const factor = side.values.row(dropout_mask_[r]);
            for (std::size_t lane = 0; lane < side.lanes; ++lane) target[lane] *= factor[lane];
        }
    }
    for (std::size_t stage = convolutions_.size(); stage-- > 0;) {
        const Convolution& c = convolutions_[stage];
        pool_gradient(side, c);
        side.kernels->relu_gradient(side.values.view(c.y), side.gradients.view(c.y), c.y.size(), side.lanes);
        if (gradient != nullptr) {
            side.kernels->affine_gradient(c.layer.view(gradient), side.gradients.view(c.first_y),
                                          side.values.view(c.window), side.lanes, c.output_length,
                                          c.stride * side.values.stride(), side.gradients.stride(),
                                          gradient + c.layer.weights, gradient + c.layer.bias);
        }
        if (stage == 0 && !inputs_too) return;
        Rows x = side.gradients.view(c.window);
        Rows y = side.gradients.view(c.first_y);
        for (std::size_t t = 0; t < c.output_length; ++t) {
            side.kernels->affine_transposed(c.layer.view(parameters), y, Rows{}, x, side.lanes, true, Activation::none);
            x.base += c.stride * side.gradients.stride();
            y.base += side.gradients.stride();
        }
    }
}

}  // namespace spikesmith::nets
